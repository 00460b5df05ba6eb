/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c - what is remembered of attachments: libcni's result cache
 *
 * Names of networks, containers and interfaces may hold the "-" that joins
 * them in a file's name, so the fields inside are what counts; the name only
 * finds candidates.  libcni writes in place and a crash leaves it empty files:
 * what can't be read is as good as absent and is taken away when it is met by
 * its own name.
 *
 * libcni api.go "cachedInfo"; CNI specification "Section 3", "Lifecycle".
 */
#include "cni/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/file.h"
#include "cni/netconf.h"
#include "cni/result.h"

#define CACHE_KIND    "cniCacheV1"
#define CACHE_MODE    0600
#define FILES_MAX     65536
#define TEMPORARY_MAX 8 /* what file_replace() puts around a name: ".", ".XXXX" and room */

struct document {
	char *kind, *container, *config, *ifname, *network, *netns;
	char *args, *capabilities, *result; /* JSON */
};

static const struct json_field document_fields[] = {
	JSON_FIELD(struct document, kind, JSON_STRING),
	JSON_FIELD_AS("containerId", struct document, container, JSON_STRING),
	JSON_FIELD(struct document, config, JSON_STRING),
	JSON_FIELD_AS("ifName", struct document, ifname, JSON_STRING),
	JSON_FIELD_AS("networkName", struct document, network, JSON_STRING),
	JSON_FIELD(struct document, netns, JSON_STRING),
	JSON_FIELD_AS("cniArgs", struct document, args, JSON_RAW),
	JSON_FIELD_AS("capabilityArgs", struct document, capabilities, JSON_RAW),
	JSON_FIELD(struct document, result, JSON_RAW),
};
static const struct json_table document_table = JSON_TABLE(struct document, document_fields);

struct word_list {
	struct strings v;
};
static const struct json_field word_list_fields[] = {
	JSON_FIELD(struct word_list, v, JSON_STRINGS, .required = true),
};
static const struct json_table word_list_table = JSON_TABLE(struct word_list, word_list_fields);

/* One ["K","V"] of cniArgs. */
static int parse_arg(const char *name, const char *json, struct arena *arena, struct pair *ret,
		     struct err *err)
{
	const char *wrapped = arena_printf(arena, "{\"v\":%s}", json);
	struct word_list words;

	if (!wrapped)
		return err_set(err, ENOMEM, "%s: out of memory", name);
	if (json_decode(name, wrapped, strlen(wrapped), &word_list_table, &words, arena, err) < 0)
		return -1;
	if (words.v.n != 2)
		return err_set(err, EINVAL, "%s: /cniArgs: expected a list of pairs", name);
	*ret = (struct pair){ words.v.v[0], words.v.v[1] };
	return 0;
}

static int parse_args(const char *name, const char *json, struct arena *arena, struct pairs *ret,
		      struct err *err)
{
	struct strings items;
	struct pair *v;

	if (json_split_array(json, strlen(json), arena, &items, err) < 0)
		return err_wrap(err, "%s: /cniArgs", name);
	v = arena_array(arena, items.n + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "%s: out of memory", name);
	for (size_t i = 0; i < items.n; i++)
		if (parse_arg(name, items.v[i], arena, &v[i], err) < 0)
			return -1;
	*ret = (struct pairs){ v, items.n };
	return 0;
}

static int parse_config(const char *name, const char *text, struct arena *arena,
			struct cache_entry *ret, struct err *err)
{
	AUTO_BUF config;

	buf_init(&config);
	if (base64_decode(text, strlen(text), &config) < 0)
		return err_sys(err, "%s: /config", name);
	ret->config = arena_strndup(arena, config.s, config.len);
	ret->config_len = config.len;
	return ret->config ? 0 : err_set(err, ENOMEM, "%s: out of memory", name);
}

static int parse_fields(const char *name, const struct document *d, struct arena *arena,
			struct cache_entry *ret, struct err *err)
{
	ret->network = d->network ? d->network : ret->network;
	ret->container = d->container ? d->container : ret->container;
	ret->ifname = d->ifname ? d->ifname : ret->ifname;
	ret->netns = d->netns ? d->netns : "";
	ret->result = d->result;
	if (!ret->network || !netconf_name_ok(ret->network) || !ret->container ||
	    !netconf_name_ok(ret->container) || !ret->ifname || !netconf_ifname_ok(ret->ifname))
		return err_set(err, EINVAL, "%s: doesn't name network, container and interface",
			       name);
	if (d->config && parse_config(name, d->config, arena, ret, err) < 0)
		return -1;
	if (d->args && parse_args(name, d->args, arena, &ret->args, err) < 0)
		return -1;
	if (d->capabilities && json_split_object(d->capabilities, strlen(d->capabilities), arena,
						 &ret->capabilities, err) < 0)
		return err_wrap(err, "%s: /capabilityArgs", name);
	return 0;
}

/* libcni before 1.2 doesn't say where the interface is; its result does. */
static void find_netns(struct cache_entry *e, struct arena *arena)
{
	struct result result;

	if (e->netns[0] || !e->result ||
	    result_parse("result", e->result, strlen(e->result), CNI_VERSION_FIRST, arena, &result,
			 NULL) < 0)
		return;
	for (size_t i = 0; i < result.n_interfaces; i++) {
		const struct result_interface *one = &result.interfaces[i];

		if (one->sandbox && one->sandbox[0] == '/' && strcmp(one->name, e->ifname) == 0)
			e->netns = one->sandbox;
	}
}

int cache_parse(const char *name, const char *text, size_t len, const struct cache_entry *key,
		struct arena *arena, struct cache_entry *ret, struct err *err)
{
	struct cache_entry e = { 0 };
	struct document d;

	if (json_decode(name, text, len, &document_table, &d, arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	if (d.kind && strcmp(d.kind, CACHE_KIND) == 0) {
		if (parse_fields(name, &d, arena, &e, err) < 0)
			return cni_code_(err, CNI_ERR_DECODE);
	} else if (key && key->network) {
		/* before libcni 0.8 the file was the result itself */
		e = (struct cache_entry){ .network = key->network,
					  .container = key->container,
					  .ifname = key->ifname,
					  .netns = "",
					  .result = arena_strndup(arena, text, len) };
	} else {
		return cni_err(err, CNI_ERR_DECODE, "%s: is not of kind \"" CACHE_KIND "\"", name);
	}
	find_netns(&e, arena);
	*ret = e;
	return 0;
}

static int file_name(const struct cache_entry *e, char dst[NAME_MAX + 1], struct err *err)
{
	if (str_format(dst, NAME_MAX + 1 - TEMPORARY_MAX, "%s-%s-%s", e->network, e->container,
		       e->ifname) < 0)
		return cni_err(err, CNI_ERR_CONFIG,
			       "the names of network \"%.32s...\", container \"%.32s...\" and "
			       "interface are too long together",
			       e->network, e->container);
	return 0;
}

int cache_check(const struct cache_entry *e, struct err *err)
{
	char name[NAME_MAX + 1];

	return file_name(e, name, err);
}

static int open_results(const char *dir, bool make)
{
	char path[PATH_MAX];
	int fd;

	if (str_format(path, sizeof(path), "%s/results", dir) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (file_make_dirs(path, 0700) < 0)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void write_entry(const struct cache_entry *e, struct buf *out)
{
	AUTO_BUF config;
	struct json_out o;

	buf_init(&config);
	base64_encode(e->config ? e->config : "", e->config ? e->config_len : 0, &config);
	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_kv_string(&o, "kind", CACHE_KIND);
	json_kv_string(&o, "containerId", e->container);
	json_kv_string(&o, "config", config.s);
	json_kv_string(&o, "ifName", e->ifname);
	json_kv_string(&o, "networkName", e->network);
	json_kv_string(&o, "netns", e->netns);
	if (e->args.n) {
		json_key(&o, "cniArgs");
		json_begin_array(&o);
		for (size_t i = 0; i < e->args.n; i++) {
			json_begin_array(&o);
			json_string(&o, e->args.v[i].key);
			json_string(&o, e->args.v[i].value);
			json_end_array(&o);
		}
		json_end_array(&o);
	}
	if (e->capabilities.n) {
		json_key(&o, "capabilityArgs");
		json_begin_object(&o);
		for (size_t i = 0; i < e->capabilities.n; i++) {
			json_key(&o, e->capabilities.v[i].key);
			json_raw(&o, e->capabilities.v[i].value);
		}
		json_end_object(&o);
	}
	json_key(&o, "result");
	json_raw(&o, e->result ? e->result : "null");
	json_end_object(&o);
}

int cache_save(const char *dir, const struct cache_entry *e, struct err *err)
{
	char name[NAME_MAX + 1];
	AUTO_FD results = -1;
	AUTO_BUF text;

	buf_init(&text);
	if (file_name(e, name, err) < 0)
		return -1;
	write_entry(e, &text);
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "remember the attachment: out of memory");
	results = open_results(dir, true);
	if (results < 0 || file_replace(results, name, text.s, text.len, CACHE_MODE) < 0)
		return cni_err_sys(err, CNI_ERR_IO, "write \"%s/results/%s\"", dir, name);
	return 0;
}

/* 1 read, 0 absent or useless (*ret_useless), -1. */
static int load_file(int results, const char *name, const struct cache_entry *key,
		     struct arena *arena, struct cache_entry *ret, bool *ret_useless)
{
	AUTO_BUF text;

	buf_init(&text);
	*ret_useless = false;
	if (file_read(results, name, &text, CACHE_FILE_MAX, true) < 0) {
		*ret_useless = errno == EFBIG;
		return errno == ENOENT || errno == EFBIG ? 0 : -1;
	}
	if (text.len && cache_parse(name, text.s, text.len, key, arena, ret, NULL) == 0)
		return 1;
	*ret_useless = true;
	return 0;
}

int cache_load(const char *dir, const struct cache_entry *key, struct arena *arena,
	       struct cache_entry *ret, struct err *err)
{
	char name[NAME_MAX + 1];
	AUTO_FD results = -1;
	bool useless;
	int found;

	if (file_name(key, name, err) < 0)
		return -1;
	results = open_results(dir, false);
	if (results < 0 && errno == ENOENT)
		return 0;
	found = results < 0 ? -1 : load_file(results, name, key, arena, ret, &useless);
	if (found < 0)
		return cni_err_sys(err, CNI_ERR_IO, "read \"%s/results/%s\"", dir, name);
	if (found == 0 && useless)
		(void)unlinkat(results, name, 0);
	return found;
}

int cache_remove(const char *dir, const struct cache_entry *key, struct err *err)
{
	char name[NAME_MAX + 1];
	AUTO_FD results = -1;

	if (file_name(key, name, err) < 0)
		return -1;
	results = open_results(dir, false);
	if (results >= 0 ? unlinkat(results, name, 0) < 0 && errno != ENOENT : errno != ENOENT)
		return cni_err_sys(err, CNI_ERR_IO, "remove \"%s/results/%s\"", dir, name);
	return 0;
}

static bool is_wanted(const struct cache_entry *e, const char *network, const char *container)
{
	return (!network || strcmp(e->network, network) == 0) &&
	       (!container || strcmp(e->container, container) == 0);
}

/* Is it worth being opened? */
static bool may_be_wanted(const char *name, const char *network, const char *container)
{
	size_t n = network ? strlen(network) : 0;
	const char *at = name;

	if (name[0] == '.' || (network && (strncmp(name, network, n) != 0 || name[n] != '-')))
		return false;
	if (!container)
		return true;
	n = strlen(container);
	while ((at = strstr(at, container))) {
		if (at > name && at[-1] == '-' && at[n] == '-')
			return true;
		at++;
	}
	return false;
}

int cache_list(const char *dir, const char *network, const char *container, struct arena *arena,
	       struct cache_entries *ret, struct err *err)
{
	int results = open_results(dir, false);
	struct cache_entries all = { 0 };
	DIR *d = results < 0 ? NULL : fdopendir(results);
	size_t cap = 0;

	*ret = all;
	if (results < 0 && errno == ENOENT)
		return 0;
	if (!d) {
		(void)cni_err_sys(err, CNI_ERR_IO, "list \"%s/results\"", dir);
		(void)fd_close(results);
		return -1;
	}
	for (const struct dirent *f; (f = readdir(d));) { /* NOLINT(concurrency-mt-unsafe) */
		struct cache_entry *v;
		bool useless;

		if (!may_be_wanted(f->d_name, network, container) || all.n >= FILES_MAX)
			continue;
		v = arena_grow(arena, all.v, all.n, &cap, sizeof(*v));
		if (!v) {
			(void)closedir(d);
			return err_set(err, ENOMEM, "list attachments: out of memory");
		}
		all.v = v;
		if (load_file(dirfd(d), f->d_name, NULL, arena, &v[all.n], &useless) == 1 &&
		    is_wanted(&v[all.n], network, container))
			all.n++;
	}
	(void)closedir(d);
	*ret = all;
	return 0;
}
