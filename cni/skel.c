/* SPDX-License-Identifier: Apache-2.0 */
/* skel.c - the frame around every plugin
 *
 * The order of the checks is that of the reference frame, because callers look
 * at the codes: parameters (4), standard input (5), JSON (6), network name (7),
 * version (1), network namespace (8).  The namespace is compared with our own
 * before the plugin runs, not after.
 * CNI specification "Section 2: Execution Protocol", "Section 5: Error".
 */
#include "cni/skel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cni/netns.h"

#define READ_CHUNK    4096
#define MISSING_MAX   96
#define FIRST_INDEX   2
#define SUPPORTED_MAX ERR_FIELD_MAX

/* What a verb needs. */
static const struct verb {
	const char *name;
	bool container, netns; /* CNI_CONTAINERID and CNI_IFNAME; CNI_NETNS */
	const char *since; /* the version of the configuration it needs */
} verbs[] = {
	[CNI_ADD] = { "ADD", true, true, NULL },
	[CNI_DEL] = { "DEL", true, false, NULL },
	[CNI_CHECK] = { "CHECK", true, true, "0.4.0" },
	[CNI_GC] = { "GC", false, false, "1.1.0" },
	[CNI_STATUS] = { "STATUS", false, false, "1.1.0" },
	[CNI_VERSION] = { "VERSION", false, false, NULL },
};

/* --- parameters ----------------------------------------------------------------- */

static void add_missing(char *list, const char *name)
{
	size_t n = strlen(list);

	if (str_format(list + n, MISSING_MAX - n, "%s%s", n ? "," : "", name) < 0)
		list[n] = '\0';
}

static int check_args(const struct cni_args *args, struct err *err)
{
	const struct verb *verb = &verbs[args->verb];
	char missing[MISSING_MAX] = "";

	if (verb->container && !args->container_id[0])
		add_missing(missing, "CNI_CONTAINERID");
	if (verb->netns && !args->netns[0])
		add_missing(missing, "CNI_NETNS");
	if (verb->container && !args->ifname[0])
		add_missing(missing, "CNI_IFNAME");
	if (missing[0])
		return cni_err(err, CNI_ERR_ENV, "required env variables [%s] missing", missing);
	if (!verb->container)
		return 0;
	if (!netconf_name_ok(args->container_id))
		return cni_err(err, CNI_ERR_ENV, "invalid characters in containerID \"%s\"",
			       args->container_id);
	if (!netconf_ifname_ok(args->ifname))
		return cni_err(err, CNI_ERR_ENV, "invalid interface name \"%s\"", args->ifname);
	return 0;
}

char *cni_args_value(const char *args, const char *key, struct arena *arena)
{
	size_t len = strlen(key);

	while (*args) {
		size_t n = strcspn(args, ";");

		if (n > len && args[len] == '=' && strncmp(args, key, len) == 0)
			return arena_strndup(arena, args + len + 1, n - len - 1);
		args += n + (args[n] == ';');
	}
	return NULL;
}

int cni_wanted_mac(const struct cni_call *call, struct mac *ret, struct err *err)
{
	const char *text = call->conf->runtime.mac;

	if (!text || !text[0])
		text = call->conf->args.mac;
	if (!text || !text[0])
		text = cni_args_value(call->args->args, "MAC", call->arena);
	if (!text || !text[0])
		return 0;
	if (mac_parse(text, ret) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is no hardware address", text);
	return 1;
}

int cni_wanted_index(const struct cni_call *call)
{
	const uint32_t wanted = call->conf->args.index;

	return wanted ? (int)wanted : FIRST_INDEX;
}

/* --- a request ------------------------------------------------------------------ */

struct rtnl *cni_host(struct cni_call *call, struct err *err)
{
	if (call->host.fd < 0 && rtnl_open(&call->host, -1, err) < 0)
		return NULL;
	return &call->host;
}

struct rtnl *cni_inside(struct cni_call *call, struct err *err)
{
	if (call->inside.fd < 0 && rtnl_open_from(&call->inside, call->home, call->netns, err) < 0)
		return NULL;
	return &call->inside;
}

static const char *const *supported_versions(const struct cni_plugin *plugin)
{
	const char *const *v = cni_versions;

	while (plugin->since && *v && !str_eq(*v, plugin->since))
		v++;
	return v;
}

static int check_version(const struct cni_plugin *plugin, const struct netconf *conf,
			 const struct verb *verb, struct err *err)
{
	const char *const *supported = supported_versions(plugin);
	char details[SUPPORTED_MAX];
	size_t n = 0;

	if (verb->since && !cni_version_at_least(conf->cni_version, verb->since))
		return cni_err(err, CNI_ERR_VERSION,
			       "config version \"%s\" does not allow %s (it came with %s)",
			       conf->cni_version, verb->name, verb->since);
	for (size_t i = 0; supported[i]; i++)
		if (str_eq(supported[i], conf->cni_version))
			return 0;
	if (str_format(details, sizeof(details), "config is \"%.32s\", plugin supports [",
		       conf->cni_version) == 0)
		n = strlen(details);
	for (size_t i = 0; supported[i]; i++)
		if (str_format(details + n, sizeof(details) - n, "%s\"%s\"%s", i ? " " : "",
			       supported[i], supported[i + 1] ? "" : "]") == 0)
			n += strlen(details + n);
	(void)err_field(err, EINVAL, details, "incompatible CNI versions");
	return cni_code_(err, CNI_ERR_VERSION);
}

static int open_netns(struct cni_call *call, struct err *err)
{
	const struct verb *verb = &verbs[call->args->verb];

	if (!verb->container || !call->args->netns[0])
		return 0;
	/* DEL works without: the namespace may be gone, and so is all that was in it */
	call->netns = netns_open(call->args->netns, verb->netns ? err : NULL);
	if (call->netns < 0)
		return verb->netns ? -1 : 0;
	/* the socket will be needed anyway */
	if (!cni_host(call, err))
		return -1;
	call->home = netns_home(call->host.fd, err);
	if (call->home < 0)
		return -1;
	if (call->args->netns_override || !netns_same(call->netns, call->home))
		return 0;
	if (!verb->netns) {
		call->netns = fd_close(call->netns);
		return 0;
	}
	return cni_err(err, CNI_ERR_NETNS,
		       "plugin's netns and netns from CNI_NETNS should not be the same");
}

static int run_add(struct cni_call *call, struct buf *out, struct err *err)
{
	struct json_out json;

	if (call->plugin->chained) {
		if (!call->conf->has_prev)
			return cni_err(err, CNI_ERR_CONFIG,
				       "\"%s\" must be called as chained plugin: no prevResult",
				       call->plugin->type);
		if (result_copy(&call->conf->prev, call->arena, &call->result) < 0)
			return err_sys(err, "prevResult");
	}
	if (call->plugin->add && call->plugin->add(call, err) < 0)
		return -1;
	json_out_init(&json, out, 0);
	if (result_format(&call->result, call->conf->cni_version, &json, err) == 0 &&
	    !buf_failed(out))
		return 0;
	if (buf_failed(out))
		(void)err_set(err, ENOMEM, "no room for the result");
	/* what can't be told must not stay */
	if (call->plugin->del)
		(void)call->plugin->del(call, NULL);
	return -1;
}

static int run_verb(struct cni_call *call, struct buf *out, struct err *err)
{
	const struct cni_plugin *plugin = call->plugin;
	int (*run)(struct cni_call *, struct err *) = NULL;

	switch (call->args->verb) {
	case CNI_ADD:
		return run_add(call, out, err);
	case CNI_DEL:
		run = plugin->del;
		break;
	case CNI_CHECK:
		if (!call->conf->has_prev)
			return cni_err(err, CNI_ERR_CONFIG, "CHECK needs a prevResult");
		run = plugin->check;
		break;
	case CNI_GC:
		run = plugin->gc;
		break;
	case CNI_STATUS:
		run = plugin->status;
		break;
	case CNI_VERSION:
		break;
	}
	return run ? run(call, err) : 0;
}

static void format_versions(const struct cni_plugin *plugin, struct buf *out)
{
	const char *const *supported = supported_versions(plugin);
	struct json_out json;

	json_out_init(&json, out, 0);
	json_begin_object(&json);
	json_kv_string(&json, "cniVersion", CNI_VERSION_LAST);
	json_key(&json, "supportedVersions");
	json_begin_array(&json);
	for (; *supported; supported++)
		json_string(&json, *supported);
	json_end_array(&json);
	json_end_object(&json);
}

static int run_request(struct cni_call *call, const char *config, size_t len, struct buf *out,
		       struct netconf *conf, struct err *err)
{
	if (netconf_parse(config, len, call->arena, conf, err) < 0 ||
	    check_version(call->plugin, conf, &verbs[call->args->verb], err) < 0 ||
	    open_netns(call, err) < 0)
		return -1;
	return run_verb(call, out, err);
}

int cni_request(const struct cni_plugin *plugin, cni_find_fn *find, const struct cni_args *args,
		const char *config, size_t len, struct buf *out, struct err *err)
{
	struct arena arena;
	struct netconf conf;
	struct cni_call call = {
		.plugin = plugin,
		.args = args,
		.conf = &conf,
		.arena = &arena,
		.find = find,
		.netns = -1,
		.home = -1,
		.host = RTNL_CLOSED,
		.inside = RTNL_CLOSED,
	};
	size_t before = out->len;
	int result;

	if (args->verb == CNI_VERSION) {
		format_versions(plugin, out);
		return 0;
	}
	if (check_args(args, err) < 0)
		return -1;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	result = run_request(&call, config, len, out, &conf, err);
	rtnl_close(&call.host);
	rtnl_close(&call.inside);
	(void)fd_close(call.home);
	(void)fd_close(call.netns);
	arena_release(&arena);
	if (result < 0 && out->len > before) {
		out->len = before;
		out->s[before] = '\0';
	}
	return result;
}

void cni_error_format(const struct err *err, const char *version, struct buf *out)
{
	struct json_out json;

	json_out_init(&json, out, 0);
	json_begin_object(&json);
	json_kv_string(&json, "cniVersion",
		       cni_version_known(version) ? version : CNI_VERSION_LAST);
	json_kv_int(&json, "code", err->exit_code ? err->exit_code : CNI_ERR_INTERNAL);
	json_kv_string(&json, "msg", err->msg);
	if (err->field[0])
		json_kv_string(&json, "details", err->field);
	json_end_object(&json);
}

/* --- the program ---------------------------------------------------------------- */

static const char *variable(const char *name)
{
	const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe) */

	return value ? value : "";
}

static int find_verb(const char *name, enum cni_verb *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!str_eq(verbs[i].name, name))
			continue;
		*ret = (enum cni_verb)i;
		return 0;
	}
	return cni_err(err, CNI_ERR_ENV, "unknown CNI_COMMAND: %s", name);
}

static int read_config(struct buf *config, struct err *err)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(config, READ_CHUNK) < 0)
			return cni_err_sys(err, CNI_ERR_IO, "read standard input");
		n = read(STDIN_FILENO, config->s + config->len, READ_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cni_err_sys(err, CNI_ERR_IO, "read standard input");
		if (n == 0)
			return 0;
		config->len += (size_t)n;
		config->s[config->len] = '\0';
	}
}

static int print_about(const struct cni_plugin *plugin)
{
	AUTO_BUF about;

	buf_init(&about);
	buf_printf(&about, "%s: %s\nCNI protocol versions supported:", plugin->type, plugin->about);
	for (const char *const *v = supported_versions(plugin); *v; v++)
		buf_printf(&about, " %s", *v);
	buf_putc(&about, '\n');
	return fd_write_full(STDERR_FILENO, about.s, about.len) < 0 ? 1 : 0;
}

/* The version the caller speaks, for the error object; also of what could not be decoded. */
static const char *config_version(const struct buf *config, struct arena *arena)
{
	struct netconf conf;

	if (config->len == 0)
		return CNI_VERSION_LAST;
	(void)netconf_parse(config->s, config->len, arena, &conf, NULL);
	return conf.cni_version;
}

static int request_from_environment(const struct cni_plugin *plugin, cni_find_fn *find,
				    struct buf *config, struct buf *out, struct err *err)
{
	const char *override = variable("CNI_NETNS_OVERRIDE");
	struct cni_args args = {
		.container_id = variable("CNI_CONTAINERID"),
		.netns = variable("CNI_NETNS"),
		.ifname = variable("CNI_IFNAME"),
		.args = variable("CNI_ARGS"),
		.path = variable("CNI_PATH"),
		.netns_override = str_eq(override, "TRUE") || str_eq(override, "true") ||
				  str_eq(override, "1"),
	};

	if (find_verb(variable("CNI_COMMAND"), &args.verb, err) < 0)
		return -1;
	if (args.verb != CNI_VERSION &&
	    (check_args(&args, err) < 0 || read_config(config, err) < 0))
		return -1;
	return cni_request(plugin, find, &args, config->s, config->len, out, err);
}

int skel_main(const struct cni_plugin *plugin, cni_find_fn *find)
{
	AUTO_BUF config;
	AUTO_BUF out;
	struct err err = { 0 };
	struct arena arena;
	int status = 0;

	buf_init_max(&config, NETCONF_MAX);
	buf_init(&out);
	if (!variable("CNI_COMMAND")[0])
		return print_about(plugin);
	if (request_from_environment(plugin, find, &config, &out, &err) < 0) {
		arena_init(&arena, ARENA_MAX_DEFAULT);
		cni_error_format(&err, config_version(&config, &arena), &out);
		arena_release(&arena);
		status = 1;
	}
	if (out.len > 0)
		buf_putc(&out, '\n');
	if (buf_failed(&out) || fd_write_full(STDOUT_FILENO, out.s, out.len) < 0)
		status = 1;
	return status;
}
