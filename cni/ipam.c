/* SPDX-License-Identifier: Apache-2.0 */
/* ipam.c - the interface plugins' side of address management
 *
 * A process costs more than what it would do (0.6 ms against 0.05 ms), so our
 * own plugins are called as functions.  They are ours when the file that
 * CNI_PATH leads to is this program, or the skerry-cni beside it.
 * CNI specification "Section 4: Plugin Delegation": the same parameters and
 * the same configuration; DEL after a failed ADD.
 */
#include "cni/ipam.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/proc.h"

#define ENV_MAX	 1024
#define OWN_NAME "skerry-cni"

static const char *const verb_names[] = {
	[CNI_ADD] = "ADD", [CNI_DEL] = "DEL",	    [CNI_CHECK] = "CHECK",
	[CNI_GC] = "GC",   [CNI_STATUS] = "STATUS", [CNI_VERSION] = "VERSION",
};

bool ipam_has(const struct cni_call *call)
{
	return call->conf->ipam_type != NULL;
}

/* The first regular file of that name in the folders of CNI_PATH. */
static bool find_file(const char *path, const char *type, char *dst, size_t size,
		      struct stat *ret_st)
{
	while (*path) {
		size_t n = strcspn(path, ":");

		if (n > 0 && str_format(dst, size, "%.*s/%s", (int)n, path, type) == 0 &&
		    stat(dst, ret_st) == 0 && S_ISREG(ret_st->st_mode))
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

static bool needs_link(const struct cni_call *call)
{
	const char *type = call->conf->ipam_type;
	const struct cni_plugin *plugin = type && call->find ? call->find(type) : NULL;
	char file[PATH_MAX];
	struct stat st;

	if (plugin && plugin->is_ipam)
		return plugin->needs_link;
	/* one that is not there is told of before anything is made */
	return type && find_file(call->args->path, type, file, sizeof(file), &st);
}

int ipam_around(const struct cni_call *call, const struct ipam_order *order, void *add,
		struct err *err)
{
	const bool late = needs_link(call);

	if (!late && order->lease(add, err) < 0)
		return -1;
	if (order->link(add, err) < 0)
		return -1;
	return late ? order->lease(add, err) : 0;
}

static bool is_file(const char *path, const struct stat *st)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

/* The plugins' program in the same folder as this one. */
static NOINLINE bool is_beside_us(const struct stat *file)
{
	char path[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(OWN_NAME) - 1);

	if (n <= 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	(void)str_copy(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), OWN_NAME);
	return is_file(path, file);
}

/* This program, or the plugins' one in the same folder or where it is installed.  By the name first
 * that the kernel was given: /proc takes ten times as long. */
static bool is_own_file(const struct stat *file)
{
	const char *name;

	name = (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr) */
	return (name && is_file(name, file)) || is_file("/proc/self/exe", file) ||
	       is_file(SKERRY_LIBEXECDIR "/" OWN_NAME, file) || is_beside_us(file);
}

/* --- another program ------------------------------------------------------------ */

/* The environment with CNI_* of this call. */
static char **make_environment(struct cni_call *call)
{
	const struct cni_args *args = call->args;
	const char *const own[][2] = {
		{ "CNI_COMMAND", verb_names[args->verb] },
		{ "CNI_CONTAINERID", args->container_id },
		{ "CNI_NETNS", args->netns },
		{ "CNI_IFNAME", args->ifname },
		{ "CNI_ARGS", args->args },
		{ "CNI_PATH", args->path },
	};
	char **env = arena_array(call->arena, ENV_MAX, sizeof(*env));
	size_t n = 0;

	if (!env)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		env[n] = arena_printf(call->arena, "%s=%s", own[i][0], own[i][1]);
		if (!env[n++])
			return NULL;
	}
	for (char **v = environ; *v && n < ENV_MAX - 1; v++)
		if (!str_starts(*v, "CNI_"))
			env[n++] = *v;
	return env;
}

struct failure_doc {
	struct opt_i64 code;
	char *msg, *details;
};
static const struct json_field failure_fields[] = {
	JSON_FIELD(struct failure_doc, code, JSON_OPT_I64),
	JSON_FIELD(struct failure_doc, msg, JSON_STRING),
	JSON_FIELD(struct failure_doc, details, JSON_STRING),
};
static const struct json_table failure_table = JSON_TABLE(struct failure_doc, failure_fields);

/* What a failed program said, as our error. */
static int take_failure(struct cni_call *call, const struct buf *out, int status, struct err *err)
{
	const char *type = call->conf->ipam_type;
	struct failure_doc doc;

	if (out->len == 0 ||
	    json_decode(type, out->s, out->len, &failure_table, &doc, call->arena, NULL) < 0 ||
	    !doc.msg)
		return err_set(err, EIO, "plugin \"%s\" failed (%s %d)", type,
			       WIFSIGNALED(status) ? "signal" : "status",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	(void)err_set(err, EIO, "%s: %s%s%s", type, doc.msg,
		      doc.details && doc.details[0] ? ": " : "", doc.details ? doc.details : "");
	return cni_code_(err, doc.code.has && doc.code.v > 0 && doc.code.v <= CNI_ERR_INTERNAL
				      ? (enum cni_code)doc.code.v
				      : CNI_ERR_INTERNAL);
}

static int run_program(struct cni_call *call, const char *file, struct result *ret, struct err *err)
{
	AUTO_BUF out;
	char *argv[] = { arena_strdup(call->arena, call->conf->ipam_type), NULL };
	struct proc_run run = {
		.path = file,
		.argv = argv,
		.env = make_environment(call),
		.input = call->conf->text,
		.input_len = call->conf->len,
		.stdout_fd = -1,
		.stderr_fd = STDERR_FILENO,
		.output = &out,
	};
	int status;

	buf_init(&out);
	if (!run.env || !argv[0])
		return err_set(err, ENOMEM, "run \"%s\": out of memory", file);
	status = proc_run(&run, err);
	if (status < 0)
		return -1;
	if (status != 0)
		return take_failure(call, &out, status, err);
	if (call->args->verb != CNI_ADD)
		return 0;
	return result_parse(call->conf->ipam_type, out.s, out.len, call->conf->cni_version,
			    call->arena, ret, err);
}

/* --- our own -------------------------------------------------------------------- */

static int run_linked(struct cni_call *call, const struct cni_plugin *plugin, enum cni_verb verb,
		      struct result *ret, struct err *err)
{
	struct cni_call inner = {
		.plugin = plugin,
		.args = call->args,
		.conf = call->conf,
		.arena = call->arena,
		.find = call->find,
		.netns = call->netns,
		.home = call->home,
		.host = RTNL_CLOSED,
		.inside = RTNL_CLOSED,
	};
	int (*const functions[])(struct cni_call *, struct err *) = {
		[CNI_ADD] = plugin->add, [CNI_DEL] = plugin->del,	[CNI_CHECK] = plugin->check,
		[CNI_GC] = plugin->gc,	 [CNI_STATUS] = plugin->status, [CNI_VERSION] = NULL,
	};
	int result = functions[verb] ? functions[verb](&inner, err) : 0;

	rtnl_close(&inner.host);
	rtnl_close(&inner.inside);
	if (result == 0 && ret)
		*ret = inner.result;
	return result;
}

/* CNI_PATH leads to our own file, or nowhere. */
static NOINLINE bool leads_to_us(const char *path, const char *type)
{
	char file[PATH_MAX];
	struct stat st;

	return !find_file(path, type, file, sizeof(file), &st) || is_own_file(&st);
}

static NOINLINE int run_file(struct cni_call *call, struct cni_args *args, struct result *ret,
			     struct err *err)
{
	const char *type = call->conf->ipam_type;
	const enum cni_verb verb = args->verb;
	char file[PATH_MAX];
	struct stat st;

	if (!find_file(args->path, type, file, sizeof(file), &st))
		return cni_err(err, CNI_ERR_CONFIG, "failed to find plugin \"%s\" in path [%s]",
			       type, args->path);
	if (run_program(call, file, ret, err) == 0)
		return 0;
	/* ours undo a failed ADD themselves, and only what it did */
	args->verb = CNI_DEL;
	if (verb == CNI_ADD)
		(void)run_program(call, file, NULL, NULL);
	return -1;
}

static int delegate(struct cni_call *call, enum cni_verb verb, struct result *ret, struct err *err)
{
	const char *type = call->conf->ipam_type;
	const struct cni_plugin *plugin = call->find ? call->find(type) : NULL;
	struct cni_args args = *call->args;
	struct cni_call outer = *call;

	args.verb = verb;
	outer.args = &args;
	if (plugin && plugin->is_ipam && (args.linked_first || leads_to_us(args.path, type)))
		return run_linked(&outer, plugin, verb, ret, err);
	return run_file(&outer, &args, ret, err);
}

int ipam_add(struct cni_call *call, struct result *ret, struct err *err)
{
	return delegate(call, CNI_ADD, ret, err);
}

int ipam_del(struct cni_call *call, struct err *err)
{
	return ipam_has(call) ? delegate(call, CNI_DEL, NULL, err) : 0;
}

int ipam_check(struct cni_call *call, struct err *err)
{
	return ipam_has(call) ? delegate(call, CNI_CHECK, NULL, err) : 0;
}

int ipam_gc(struct cni_call *call, struct err *err)
{
	return ipam_has(call) ? delegate(call, CNI_GC, NULL, err) : 0;
}

int ipam_status(struct cni_call *call, struct err *err)
{
	return ipam_has(call) ? delegate(call, CNI_STATUS, NULL, err) : 0;
}
