/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint.c - where the content of a repository can be had: mirrors, then the registry itself
 *
 * registries.conf and its drop-ins are read in order (the system's, then the
 * user's over it); the entry whose prefix is the longest match counts.  Where
 * none of them speaks, containerd's certs.d/HOST/hosts.toml may.
 *
 * containers-registries.conf(5), containers-certs.d(5); containerd's
 * docs/hosts.md
 */
#include "image/endpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "image/manifest.h"
#include "image/toml.h"

#define CONF_MAX      ((size_t)1 << 20)
#define HUB_HOST      "registry-1.docker.io"
#define SYSTEM_CONF   "/etc/containers/registries.conf"
#define USER_CONF     "/.config/containers/registries.conf"
#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define DROPINS_MAX   256

struct mirror {
	const char *location;
	bool insecure, digest_only, tag_only;
};
struct entry {
	const char *prefix, *location;
	bool insecure, blocked, mirror_by_digest_only;
	struct mirror *mirrors;
	size_t n_mirrors, cap_mirrors;
};
struct conf {
	struct arena *arena;
	struct entry *entries;
	size_t n, cap;
	bool in_mirror;
	struct strings search;
	struct pairs aliases;
	size_t cap_aliases;
};

/* --- registries.conf ---------------------------------------------------------------------- */

static bool is_true(const struct toml_item *item)
{
	return str_eq(item->text, "true");
}

static int conf_begin(struct conf *c, const struct toml_item *item, struct err *err)
{
	if (!str_eq(item->table.v[0], "registry"))
		return 0;
	c->in_mirror = item->table.n == 2 && str_eq(item->table.v[1], "mirror");
	if (!c->in_mirror) {
		struct entry *v = arena_grow(c->arena, c->entries, c->n, &c->cap, sizeof(*v));
		if (!v)
			return err_set(err, ENOMEM, "out of memory");
		c->entries = v;
		v[c->n++] = (struct entry){ 0 };
		return 0;
	}
	if (c->n == 0)
		return err_set(err, EINVAL, "line %u: a mirror of no registry", item->line);
	struct entry *e = &c->entries[c->n - 1];
	struct mirror *m =
		arena_grow(c->arena, e->mirrors, e->n_mirrors, &e->cap_mirrors, sizeof(*m));
	if (!m)
		return err_set(err, ENOMEM, "out of memory");
	e->mirrors = m;
	m[e->n_mirrors++] = (struct mirror){ 0 };
	return 0;
}

static void mirror_key(struct mirror *m, const struct toml_item *item)
{
	if (str_eq(item->key, "location"))
		m->location = item->text;
	if (str_eq(item->key, "insecure"))
		m->insecure = is_true(item);
	if (str_eq(item->key, "pull-from-mirror")) {
		m->digest_only = str_eq(item->text, "digest-only");
		m->tag_only = str_eq(item->text, "tag-only");
	}
}

static void entry_key(struct entry *e, const struct toml_item *item)
{
	if (str_eq(item->key, "prefix"))
		e->prefix = item->text;
	if (str_eq(item->key, "location"))
		e->location = item->text;
	if (str_eq(item->key, "insecure"))
		e->insecure = is_true(item);
	if (str_eq(item->key, "blocked"))
		e->blocked = is_true(item);
	if (str_eq(item->key, "mirror-by-digest-only"))
		e->mirror_by_digest_only = is_true(item);
}

static int conf_item(void *arg, const struct toml_item *item, struct err *err)
{
	struct conf *c = arg;
	if (item->begins)
		return conf_begin(c, item, err);
	const char *table = item->table.n > 0 ? item->table.v[0] : "";
	if (str_eq(table, "") && str_eq(item->key, "unqualified-search-registries")) {
		c->search = item->list;
	} else if (str_eq(table, "aliases") && item->text) {
		struct pair *v = arena_grow(c->arena, c->aliases.v, c->aliases.n, &c->cap_aliases,
					    sizeof(*v));
		if (!v)
			return err_set(err, ENOMEM, "out of memory");
		c->aliases.v = v;
		v[c->aliases.n++] = (struct pair){ item->key, item->text };
	} else if (str_eq(table, "registry") && c->n > 0) {
		struct entry *e = &c->entries[c->n - 1];
		if (c->in_mirror)
			mirror_key(&e->mirrors[e->n_mirrors - 1], item);
		else
			entry_key(e, item);
	}
	return 0;
}

static int read_conf(struct conf *c, const char *file, bool must_exist, struct err *err)
{
	AUTO_BUF text;
	buf_init(&text);
	if (file_read(AT_FDCWD, file, &text, CONF_MAX, true) < 0) {
		if (!must_exist && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
			return 0;
		return err_sys(err, "read \"%s\"", file);
	}
	return toml_parse(file, text.s, conf_item, c, c->arena, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* FILE.d/ *.conf, sorted. */
static int read_dropins(struct conf *c, const char *file, struct err *err)
{
	char *names[DROPINS_MAX], path[PATH_MAX];
	size_t n = 0;
	if (str_format(path, sizeof(path), "%s.d", file) < 0)
		return 0;
	DIR *dir = opendir(path);
	if (!dir)
		return 0;
	const struct dirent *d;
	/* one thread, one directory stream */
	while (n < DROPINS_MAX && (d = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		size_t len = strlen(d->d_name);
		if (len > 5 && strcmp(d->d_name + len - 5, ".conf") == 0 &&
		    (names[n] = arena_strdup(c->arena, d->d_name)))
			n++;
	}
	(void)closedir(dir);
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		if (str_format(path, sizeof(path), "%s.d/%s", file, names[i]) == 0 &&
		    read_conf(c, path, false, err) < 0)
			return -1;
	}
	return 0;
}

static int load_conf(struct conf *c, const char *file, struct arena *arena, struct err *err)
{
	char path[PATH_MAX];
	const char *variable =
		getenv("CONTAINERS_REGISTRIES_CONF"); /* NOLINT(concurrency-mt-unsafe) */
	*c = (struct conf){ .arena = arena };
	if (!file && variable && variable[0])
		file = variable;
	if (file)
		return read_conf(c, file, true, err);
	if (read_conf(c, SYSTEM_CONF, false, err) < 0 || read_dropins(c, SYSTEM_CONF, err) < 0)
		return -1;
	const char *home = getenv("HOME"); /* NOLINT(concurrency-mt-unsafe) */
	if (geteuid() == 0 || !home || str_format(path, sizeof(path), "%s" USER_CONF, home) < 0)
		return 0;
	if (read_conf(c, path, false, err) < 0)
		return -1;
	return read_dropins(c, path, err);
}

/* How many bytes of DOMAIN/PATH the prefix covers; 0: it doesn't. */
static size_t matches(const char *prefix, const char *name)
{
	size_t len = strlen(prefix);
	if (str_starts(prefix, "*.")) {
		/* any host below, and nothing behind it */
		size_t host = strcspn(name, "/:");
		size_t rest = len - 1;
		return host > rest && strncmp(name + host - rest, prefix + 1, rest) == 0 ? host : 0;
	}
	bool fits = strncmp(name, prefix, len) == 0 && (!name[len] || strchr("/:@", name[len]));
	return fits ? len : 0;
}

static const struct entry *find_entry(const struct conf *c, const char *name, size_t *ret_len)
{
	const struct entry *best = NULL;
	*ret_len = 0;
	for (size_t i = 0; i < c->n; i++) {
		const struct entry *e = &c->entries[i];
		const char *prefix = e->prefix && e->prefix[0] ? e->prefix : e->location;
		size_t len = prefix ? matches(prefix, name) : 0;
		if (len > 0 && len >= *ret_len) {
			best = e;
			*ret_len = len;
		}
	}
	return best;
}

/* --- certificates ---------------------------------------------------------------------------- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);
	return n > s && strcmp(name + n - s, suffix) == 0;
}

static int add_certificates(const char *folder, struct buf *pem, struct http_trust *trust,
			    struct arena *arena)
{
	char path[PATH_MAX];
	DIR *dir = opendir(folder);
	const struct dirent *d;
	if (!dir)
		return 0;
	while ((d = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (str_format(path, sizeof(path), "%s/%s", folder, d->d_name) < 0)
			continue;
		if (has_suffix(d->d_name, ".crt")) {
			buf_putc(pem, '\n');
			(void)!file_read(AT_FDCWD, path, pem, CONF_MAX, true);
		} else if (has_suffix(d->d_name, ".cert")) {
			trust->certificate = arena_strdup(arena, path);
			trust->key = arena_printf(arena, "%.*s.key", (int)strlen(path) - 5, path);
		}
	}
	(void)closedir(dir);
	return 0;
}

/* Certificates that are kept for this host: the system's authorities and its own. */
static int find_trust(struct endpoint *e, const struct endpoint_options *o, struct arena *arena,
		      struct err *err)
{
	static const char *const folders[] = { "/etc/containers/certs.d", "/etc/docker/certs.d" };
	char path[PATH_MAX];
	AUTO_BUF pem;
	buf_init(&pem);
	e->trust.insecure = e->insecure;
	if (o->cert_dir)
		(void)add_certificates(o->cert_dir, &pem, &e->trust, arena);
	for (size_t i = 0; !o->cert_dir && i < ARRAY_SIZE(folders); i++) {
		if (str_format(path, sizeof(path), "%s/%s", folders[i], e->host) == 0)
			(void)add_certificates(path, &pem, &e->trust, arena);
	}
	if (pem.len == 0)
		return 0;
	buf_putc(&pem, '\n');
	/* without the system's only the registry's own are trusted */
	(void)!file_read(AT_FDCWD, SYSTEM_BUNDLE, &pem, CONF_MAX, false);
	e->trust.authorities = buf_failed(&pem) ? NULL : arena_strndup(arena, pem.s, pem.len);
	return e->trust.authorities ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* --- putting it together ---------------------------------------------------------- */

bool endpoint_is_loopback(const char *host)
{
	size_t len = strcspn(host, ":");
	return (len == 9 && strncmp(host, "localhost", len) == 0) || str_starts(host, "127.") ||
	       str_starts(host, "[::1]");
}

/* location is HOST[:PORT][/PATH], to which rest ("/library/busybox") is added. */
static int add_endpoint(struct endpoints *list, const char *location, const char *rest,
			bool insecure, struct arena *arena)
{
	struct endpoint *e = &list->v[list->n];
	const char *text = arena_printf(arena, "%s%s", location, rest);
	if (!text)
		return -1;
	size_t host = strcspn(text, "/");
	e->host = arena_strndup(arena, text, host);
	e->repository = arena_strdup(arena, text[host] ? text + host + 1 : "");
	if (!e->host || !e->repository)
		return -1;
	if (strcmp(e->host, "docker.io") == 0)
		e->host = arena_strdup(arena, HUB_HOST);
	e->insecure = insecure;
	e->by_digest = e->by_tag = true;
	list->n++;
	return e->host ? 0 : -1;
}

static int add_mirrors(struct endpoints *list, const struct entry *e, const char *rest,
		       struct arena *arena)
{
	for (size_t i = 0; i < e->n_mirrors; i++) {
		const struct mirror *m = &e->mirrors[i];
		if (!m->location)
			continue;
		if (add_endpoint(list, m->location, rest, m->insecure, arena) < 0)
			return -1;
		struct endpoint *added = &list->v[list->n - 1];
		added->mirror = true;
		added->by_tag = !m->digest_only && !e->mirror_by_digest_only;
		added->by_digest = !m->tag_only;
	}
	return 0;
}

struct hosts {
	struct arena *arena;
	const char *domain;
	struct entry entry;
};

/* hosts.toml: [host."https://mirror"] capabilities = ["pull", "resolve"], skip_verify = true */
static int hosts_item(void *arg, const struct toml_item *item, struct err *err)
{
	struct hosts *h = arg;
	struct entry *e = &h->entry;
	if (item->table.n != 2 || !str_eq(item->table.v[0], "host"))
		return 0;
	if (item->begins) {
		const char *url = item->table.v[1];
		const char *host = strstr(url, "://");
		struct mirror *m =
			arena_grow(h->arena, e->mirrors, e->n_mirrors, &e->cap_mirrors, sizeof(*m));
		if (!m)
			return err_set(err, ENOMEM, "out of memory");
		e->mirrors = m;
		m[e->n_mirrors++] = (struct mirror){ .location = host ? host + 3 : url,
						     .insecure = str_starts(url, "http://") };
		return 0;
	}
	if (e->n_mirrors == 0)
		return 0;
	struct mirror *m = &e->mirrors[e->n_mirrors - 1];
	if (str_eq(item->key, "skip_verify"))
		m->insecure = m->insecure || is_true(item);
	if (str_eq(item->key, "capabilities")) {
		bool pull = false, resolve = false;
		for (size_t i = 0; i < item->list.n; i++) {
			pull = pull || str_eq(item->list.v[i], "pull");
			resolve = resolve || str_eq(item->list.v[i], "resolve");
		}
		if (!pull)
			m->location = NULL;
		m->digest_only = !resolve;
	}
	return 0;
}

/* containerd's way, as an entry without location. */
static int read_hosts(struct hosts *h, struct err *err)
{
	char path[PATH_MAX];
	AUTO_BUF text;
	buf_init(&text);
	if (str_format(path, sizeof(path), "/etc/containerd/certs.d/%s/hosts.toml", h->domain) <
		    0 ||
	    file_read(AT_FDCWD, path, &text, CONF_MAX, true) < 0)
		return 0;
	return toml_parse(path, text.s, hosts_item, h, h->arena, err);
}

/* The entry that is meant for name, of either kind of configuration; *ret_len bytes of the name are
 * its prefix. */
static int choose_entry(const char *name, struct conf *conf, struct hosts *hosts,
			const struct entry **ret, size_t *ret_len, struct err *err)
{
	const struct entry *e = find_entry(conf, name, ret_len);
	if (!e && read_hosts(hosts, err) < 0)
		return -1;
	if (!e && hosts->entry.n_mirrors > 0) {
		e = &hosts->entry;
		*ret_len = strlen(hosts->domain);
	}
	if (e && e->blocked)
		return err_set(err, EPERM, "registries.conf blocks \"%s\"", name);
	*ret = e;
	return 0;
}

int endpoints_find(const struct reference *ref, const struct endpoint_options *options,
		   struct endpoints *ret, struct arena *arena, struct err *err)
{
	static const struct entry nothing;
	char name[REFERENCE_TEXT_MAX];
	struct conf conf;
	struct hosts hosts = { .arena = arena, .domain = ref->domain };
	const struct entry *e = NULL;
	size_t len = 0;
	reference_format_name(ref, name, sizeof(name));
	if (load_conf(&conf, options->registries_conf, arena, err) < 0 ||
	    choose_entry(name, &conf, &hosts, &e, &len, err) < 0)
		return -1;
	if (!e)
		e = &nothing;
	*ret = (struct endpoints){ 0 };
	ret->v = arena_array(arena, e->n_mirrors + 1, sizeof(*ret->v));
	bool insecure = e->insecure || endpoint_is_loopback(ref->domain);
	bool moved = e->location && e->location[0];
	if (!ret->v || add_mirrors(ret, e, name + len, arena) < 0 ||
	    add_endpoint(ret, moved ? e->location : name, moved ? name + len : "", insecure,
			 arena) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < ret->n; i++) {
		if (options->tls_verify >= 0)
			ret->v[i].insecure = options->tls_verify == 0;
		if (find_trust(&ret->v[i], options, arena, err) < 0)
			return -1;
	}
	return 0;
}

int endpoints_short_name(const struct reference *ref, const char *registries_conf,
			 struct references *ret, struct arena *arena, struct err *err)
{
	struct conf conf;
	*ret = (struct references){ 0 };
	if (load_conf(&conf, registries_conf, arena, err) < 0)
		return -1;
	ret->v = arena_array(arena, conf.search.n + 1, sizeof(*ret->v));
	if (!ret->v)
		return err_set(err, ENOMEM, "out of memory");
	const char *typed = str_starts(ref->path, "library/") ? ref->path + 8 : ref->path;
	const char *alias = pairs_find(&conf.aliases, typed);
	for (size_t i = 0; i < (alias ? 1 : conf.search.n); i++) {
		const char *text = alias ? arena_strdup(arena, alias)
					 : arena_printf(arena, "%s/%s", conf.search.v[i], typed);
		struct reference *r = &ret->v[ret->n];
		if (!text)
			return err_set(err, ENOMEM, "out of memory");
		if (reference_parse(text, r, err) < 0)
			return err_wrap(err, "registries.conf");
		(void)!str_copy(r->tag, sizeof(r->tag), ref->tag);
		(void)!str_copy(r->digest, sizeof(r->digest), ref->digest);
		ret->n++;
	}
	if (ret->n == 0) {
		ret->v[ret->n++] = *ref;
	}
	return 0;
}
