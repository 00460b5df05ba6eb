/* SPDX-License-Identifier: Apache-2.0 */
/* exec.c - run the plugins of a network, one after the other
 *
 * The order: which file or function is this type; the request; the parameters
 * in the environment; the answer checked.  A plugin that is executed prints on
 * a file of its own (the result may be long) and its standard error is kept for
 * the message of a failure without an error object.
 *
 * Invariants: 1. A type with "/" never gets here (conflist.c).  2. After a
 * failed ADD every plugin of the list was sent DEL.  3. DEL and GC go on after
 * a failure.
 *
 * CNI specification, sections 2 and 3; libcni pkg/invoke for what happens to a
 * plugin's file that is being replaced (ETXTBSY).
 */
#include "cni/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "cni/netconf.h"

#define PLUGIN_TIMEOUT_MS 120000
#define ANSWER_MAX	  ((size_t)4 << 20)
#define BUSY_TRIES	  20
#define BUSY_PAUSE_NS	  50000000L
#define ENVIRONMENT_MAX	  4096
#define TAIL_MAX	  200 /* bytes of a plugin's standard error in a message */

static const char *const verbs[] = { "ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION" };

struct call {
	const struct exec_env *env;
	const struct conflist *list;
	const struct exec_request *request;
	enum cni_verb verb;
};

static const struct exec_request no_request = { "", "", "", "", NULL, NULL, NULL };

/* --- which plugin --------------------------------------------------------- */

/* The file of that type in the first folder that has it: 1, or 0.  No look at the x bit: who calls
 * a file that can't be executed wants to hear of it. */
static bool find_file(const struct exec_env *env, const char *type, char path[PATH_MAX],
		      struct stat *st)
{
	for (const char *const *folder = env->path; folder && *folder; folder++)
		if (str_format(path, PATH_MAX, "%s/%s", *folder, type) == 0 &&
		    stat(path, st) == 0 && S_ISREG(st->st_mode))
			return true;
	return false;
}

/* The linked one if it is to be used, else NULL and maybe a path. */
static const struct cni_plugin *choose(const struct exec_env *env, const struct conflist *list,
				       const char *type, char path[PATH_MAX])
{
	const struct cni_plugin *linked = env->find ? env->find(type) : NULL;
	struct stat st;

	path[0] = '\0';
	if (linked && (env->linked_first || list->built_in))
		return linked;
	if (!find_file(env, type, path, &st)) {
		path[0] = '\0';
		return linked;
	}
	if (linked && env->own_ino && st.st_ino == env->own_ino && st.st_dev == env->own_dev)
		return linked;
	return NULL;
}

bool exec_is_linked(const struct exec_env *env, const struct conflist *list)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < list->n; i++)
		if (!choose(env, list, list->v[i].type, path))
			return false;
	return true;
}

/* --- a plugin that is a file ---------------------------------------------- */

struct environment {
	char *v[ENVIRONMENT_MAX];
	size_t n;
};

static bool is_parameter(const char *variable)
{
	static const char *const names[] = { "CNI_COMMAND=", "CNI_CONTAINERID=", "CNI_NETNS=",
					     "CNI_IFNAME=",  "CNI_ARGS=",	 "CNI_PATH=" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_starts(variable, names[i]))
			return true;
	return false;
}

/* Our environment with the parameters in front. */
static int make_environment(const struct call *c, struct arena *arena, struct environment *ret,
			    struct err *err)
{
	const struct exec_request *r = c->request;
	char *const own[] = {
		arena_printf(arena, "CNI_COMMAND=%s", verbs[c->verb]),
		arena_printf(arena, "CNI_CONTAINERID=%s", r->container),
		arena_printf(arena, "CNI_NETNS=%s", r->netns),
		arena_printf(arena, "CNI_IFNAME=%s", r->ifname),
		arena_printf(arena, "CNI_ARGS=%s", r->args),
		arena_printf(arena, "CNI_PATH=%s", c->env->path_text),
	};

	ret->n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (!own[i])
			return err_set(err, ENOMEM, "call a plugin: out of memory");
		ret->v[ret->n++] = own[i];
	}
	for (char **e = environ; e && *e && ret->n < ENVIRONMENT_MAX - 1; e++)
		if (!is_parameter(*e))
			ret->v[ret->n++] = *e;
	ret->v[ret->n] = NULL;
	return 0;
}

/* A file that someone is still writing can't be executed yet. */
static int run_file(struct proc_run *run, struct err *err)
{
	static const struct timespec pause = { .tv_nsec = BUSY_PAUSE_NS };
	struct err why = { 0 };
	int status = -1;

	for (int i = 0; i < BUSY_TRIES; i++) {
		why = (struct err){ 0 };
		status = proc_run(run, &why);
		if (status >= 0 || why.code != ETXTBSY)
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (status < 0 && err)
		*err = why;
	return status;
}

struct error_object {
	uint64_t code;
	char *msg, *details;
};
static const struct json_field error_fields[] = {
	JSON_FIELD(struct error_object, code, JSON_U64),
	JSON_FIELD(struct error_object, msg, JSON_STRING),
	JSON_FIELD(struct error_object, details, JSON_STRING),
};
static const struct json_table error_table = JSON_TABLE(struct error_object, error_fields);

int exec_parse_error(const char *type, const char *text, size_t len, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct error_object e = { 0 };

	arena_init(&arena, ANSWER_MAX * 2);
	if (json_decode(type, text, len, &error_table, &e, &arena, NULL) < 0 || !e.msg)
		return err_set(err, EIO, "plugin \"%s\" failed and said: %.*s", type,
			       (int)(len < TAIL_MAX ? len : TAIL_MAX), text);
	err_set_(err, EIO, "plugin \"%s\": %s%s%s", type, e.msg,
		 e.details && e.details[0] ? ": " : "", e.details ? e.details : "");
	if (err && e.code <= INT_MAX)
		err->exit_code = (int)e.code;
	return -1;
}

static int plugin_failed(const char *type, int status, const struct buf *out,
			 const struct buf *errors, struct err *err)
{
	size_t cut = errors->len > TAIL_MAX ? errors->len - TAIL_MAX : 0;

	if (out->len)
		return exec_parse_error(type, out->s, out->len, err);
	if (WIFSIGNALED(status))
		return err_set(err, EINTR, "plugin \"%s\" was killed by signal %d: %s", type,
			       WTERMSIG(status), errors->s + cut);
	return err_set(err, EIO, "plugin \"%s\" failed with status %d: %s", type,
		       WEXITSTATUS(status), errors->s + cut);
}

static int read_answer(int fd, struct buf *out)
{
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t n;

	if (size < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	if ((size_t)size > ANSWER_MAX) {
		errno = EFBIG;
		return -1;
	}
	if (buf_reserve(out, (size_t)size) < 0)
		return -1;
	n = fd_read_full(fd, out->s + out->len, (size_t)size);
	if (n < 0)
		return -1;
	out->len += (size_t)n;
	out->s[out->len] = '\0';
	return 0;
}

static int call_file(const struct call *c, const char *type, char *path, const struct buf *input,
		     struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	char *argv[] = { path, NULL };
	struct environment environment;
	AUTO_FD answer = memfd_create("answer", MFD_CLOEXEC);
	AUTO_BUF errors;
	struct proc_run run = { .path = path,
				.argv = argv,
				.env = environment.v,
				.input = input->s,
				.input_len = input->len,
				.stdout_fd = answer,
				.stderr_fd = -1,
				.output = &errors,
				.timeout_ms = PLUGIN_TIMEOUT_MS };
	int status;

	buf_init(&errors);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (answer < 0)
		return err_sys(err, "make a file for a plugin's answer");
	if (make_environment(c, &arena, &environment, err) < 0)
		return -1;
	status = run_file(&run, err);
	if (status < 0)
		return err_wrap(err, "plugin \"%s\"", type);
	if (read_answer(answer, out) < 0)
		return err_sys(err, "read what plugin \"%s\" said", type);
	if (status != 0)
		return plugin_failed(type, status, out, &errors, err);
	return 0;
}

/* --- one plugin ----------------------------------------------------------- */

static int call_plugin(const struct call *c, const struct conflist_plugin *plugin,
		       const char *prev_result, struct buf *out, struct err *err)
{
	const struct exec_request *r = c->request;
	const struct conflist_request request = { .prev_result = prev_result,
						  .capabilities = r->capabilities,
						  .attachments = r->attachments };
	char path[PATH_MAX];
	const struct cni_plugin *linked = choose(c->env, c->list, plugin->type, path);
	AUTO_BUF input;

	buf_init(&input);
	if (!linked && !path[0])
		return cni_err(err, CNI_ERR_CONFIG, "plugin \"%s\" is not in \"%s\"", plugin->type,
			       c->env->path_text);
	conflist_write_request(c->list, plugin, &request, &input);
	if (buf_failed(&input))
		return err_set(err, ENOMEM, "call plugin \"%s\": out of memory", plugin->type);
	if (c->env->debug) {
		AUTO_BUF line;

		buf_init(&line);
		buf_printf(&line, "%s %s %s (%s)", c->list->name, verbs[c->verb], plugin->type,
			   linked ? "linked in" : path);
		c->env->debug(line.s);
	}
	if (linked) {
		const struct cni_args args = { .verb = c->verb,
					       .container_id = r->container,
					       .netns = r->netns,
					       .ifname = r->ifname,
					       .args = r->args,
					       .path = c->env->path_text,
					       .linked_first =
						       c->env->linked_first || c->list->built_in };

		if (cni_request(linked, c->env->find, &args, input.s, input.len, out, err) < 0)
			return err_wrap(err, "plugin \"%s\"", plugin->type);
		return 0;
	}
	return call_file(c, plugin->type, path, &input, out, err);
}

/* --- results -------------------------------------------------------------- */

struct versioned {
	char *version;
};
static const struct json_field versioned_fields[] = {
	JSON_FIELD_AS("cniVersion", struct versioned, version, JSON_STRING),
};
static const struct json_table versioned_table = JSON_TABLE(struct versioned, versioned_fields);

/* Without the space between tokens: a cache file is one line. */
static void compact(const char *text, struct buf *out)
{
	bool quoted = false;

	for (; *text; text++) {
		if (!quoted && strchr(" \t\r\n", *text))
			continue;
		buf_putc(out, *text);
		if (quoted && *text == '\\' && text[1])
			buf_putc(out, *++text);
		else if (*text == '"')
			quoted = !quoted;
	}
}

/* What a plugin printed as the next one's prevResult: with a version, which is the list's when the
 * plugin named none; JSON null is a result with nothing in it. */
static int take_result(const struct call *c, const char *type, const struct buf *out,
		       struct arena *arena, const char **ret, struct err *err)
{
	struct versioned v = { 0 };
	AUTO_BUF text;

	buf_init(&text);
	compact(out->s, &text);
	if (strcmp(text.s, "null") == 0) {
		buf_clear(&text);
		buf_puts(&text, "{}");
	}
	if (json_decode(type, text.s, text.len, &versioned_table, &v, arena, err) < 0) {
		(void)err_wrap(err, "result of plugin");
		(void)cni_code_(err, CNI_ERR_DECODE);
		return -1;
	}
	*ret = v.version && v.version[0]
		       ? arena_strndup(arena, text.s, text.len)
		       : arena_printf(arena, "{\"cniVersion\":\"%s\"%s%s", c->list->version,
				      strcmp(text.s, "{}") == 0 ? "" : ",", text.s + 1);
	return *ret ? 0 : err_set(err, ENOMEM, "result of plugin \"%s\": out of memory", type);
}

/* --- the list ------------------------------------------------------------- */

static void collect(struct err *all, const struct err *one)
{
	size_t n = strlen(all->msg);

	if (all->code == 0)
		*all = *one;
	else if (n + 3 < sizeof(all->msg))
		(void)snprintf(all->msg + n, sizeof(all->msg) - n, "; %.200s", one->msg);
}

/* Each plugin in turn (forward or back); its failures together in *err. */
static int call_all(struct call *c, bool back, struct err *err)
{
	struct err all = { 0 };

	for (size_t i = 0; i < c->list->n; i++) {
		const struct conflist_plugin *plugin = &c->list->v[back ? c->list->n - 1 - i : i];
		struct err one = { 0 };
		AUTO_BUF out;

		buf_init(&out);
		if (call_plugin(c, plugin, c->request->prev_result, &out, &one) < 0)
			collect(&all, &one);
	}
	if (all.code == 0)
		return 0;
	if (err)
		*err = all;
	return -1;
}

/* The first failure ends it. */
static int call_each(struct call *c, struct err *err)
{
	for (size_t i = 0; i < c->list->n; i++) {
		AUTO_BUF out;

		buf_init(&out);
		if (call_plugin(c, &c->list->v[i], c->request->prev_result, &out, err) < 0)
			return -1;
	}
	return 0;
}

int exec_add(const struct exec_env *env, const struct conflist *list, const struct exec_request *r,
	     struct arena *arena, const char **ret_result, struct err *err)
{
	struct call c = { .env = env, .list = list, .request = r, .verb = CNI_ADD };
	struct exec_request undo = *r;
	const char *result = NULL;

	for (size_t i = 0; i < list->n; i++) {
		AUTO_BUF out;

		buf_init(&out);
		if (call_plugin(&c, &list->v[i], result, &out, err) == 0 &&
		    take_result(&c, list->v[i].type, &out, arena, &result, err) == 0)
			continue;
		undo.prev_result = result;
		(void)exec_del(env, list, &undo, NULL);
		return -1;
	}
	*ret_result = result;
	return 0;
}

int exec_del(const struct exec_env *env, const struct conflist *list, const struct exec_request *r,
	     struct err *err)
{
	struct exec_request request = *r;
	struct call c = { .env = env, .list = list, .request = &request, .verb = CNI_DEL };

	if (!cni_version_at_least(list->version, "0.4.0"))
		request.prev_result = NULL;
	return call_all(&c, true, err);
}

int exec_check(const struct exec_env *env, const struct conflist *list,
	       const struct exec_request *r, struct err *err)
{
	struct call c = { .env = env, .list = list, .request = r, .verb = CNI_CHECK };

	if (!cni_version_at_least(list->version, "0.4.0"))
		return cni_err(err, CNI_ERR_VERSION,
			       "network \"%s\": CHECK needs version 0.4.0, it is %s", list->name,
			       list->version);
	return list->disable_check ? 0 : call_each(&c, err);
}

int exec_gc(const struct exec_env *env, const struct conflist *list, const struct exec_request *r,
	    struct err *err)
{
	struct call c = { .env = env, .list = list, .request = r, .verb = CNI_GC };

	if (list->disable_gc || !cni_version_at_least(list->version, "1.1.0"))
		return 0;
	return call_all(&c, false, err);
}

int exec_status(const struct exec_env *env, const struct conflist *list, struct err *err)
{
	struct call c = { .env = env, .list = list, .request = &no_request, .verb = CNI_STATUS };

	if (!cni_version_at_least(list->version, "1.1.0"))
		return 0;
	return call_each(&c, err);
}

struct version_answer {
	struct strings supported;
};
static const struct json_field version_fields[] = {
	JSON_FIELD_AS("supportedVersions", struct version_answer, supported, JSON_STRINGS),
};
static const struct json_table version_table = JSON_TABLE(struct version_answer, version_fields);

static int check_version(const struct call *c, const char *type, const struct buf *out,
			 struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct version_answer answer;

	arena_init(&arena, ANSWER_MAX * 2);
	if (json_decode(type, out->s, out->len, &version_table, &answer, &arena, err) < 0)
		return -1;
	for (size_t i = 0; i < answer.supported.n; i++)
		if (strcmp(answer.supported.v[i], c->list->version) == 0)
			return 0;
	return cni_err(err, CNI_ERR_VERSION,
		       "network \"%s\": plugin \"%s\" does not speak version %s", c->list->name,
		       type, c->list->version);
}

int exec_validate(const struct exec_env *env, const struct conflist *list, struct err *err)
{
	static const struct exec_request request = {
		"dummy", "dummy", "dummy", "", NULL, NULL, NULL
	};
	struct call c = { .env = env, .list = list, .request = &request, .verb = CNI_VERSION };

	for (size_t i = 0; i < list->n; i++) {
		AUTO_BUF out;

		buf_init(&out);
		if (call_plugin(&c, &list->v[i], NULL, &out, err) < 0 ||
		    check_version(&c, list->v[i].type, &out, err) < 0)
			return -1;
	}
	return 0;
}
