/* SPDX-License-Identifier: Apache-2.0 */
/* systemd.c - units by way of the helper program skerry-systemd
 *
 * The bus library stays out of the runtime: what has to be said is decided here
 * and handed to the helper as one JSON document on its standard input.
 *
 * A scope lives only while a process is in it, and the container's first one is
 * to be born inside.  So for `start` the helper stays: it goes on in the
 * background, makes the scope around itself, answers over its standard output,
 * which is our socket, and ends when that is closed - after the clone, or with
 * our death: nothing can be left over.
 *
 *   skerry                    skerry-systemd              systemd
 *     document, socket   ->   StartTransientUnit     ->   scope, helper moved in
 *     open the group     <-   {"controlGroup": ...}  <-   JobRemoved
 *     limits, filter, clone into the group
 *     close              ->   exits
 *
 * org.freedesktop.systemd1(5); systemd.scope(5).
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"

#ifndef SKERRY_LIBEXECDIR
# define SKERRY_LIBEXECDIR "/usr/libexec/skerry"
#endif
#define HELPER	      "skerry-systemd"
#define TIMEOUT_MS    60000
#define REPLY_MAX     8192
#define ENVIRONMENT_N 4

/* --- the document ---------------------------------------------------------- */

static void doc_write(struct buf *out, const struct cgroup_place *place, const char *description,
		      const struct properties *p)
{
	struct json_out o;

	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_kv_string(&o, "unit", place->scope);
	if (place->slice[0])
		json_kv_string(&o, "slice", place->slice);
	if (description)
		json_kv_string(&o, "description", description);
	json_kv_bool(&o, "user", place->user_bus);
	json_key(&o, "properties");
	json_begin_array(&o);
	for (size_t i = 0; p && i < p->n; i++) {
		json_begin_object(&o);
		json_kv_string(&o, "name", p->v[i].name);
		json_kv_string(&o, "type", p->v[i].type);
		json_key(&o, "values");
		json_begin_array(&o);
		for (size_t k = 0; k < p->v[i].values.n; k++)
			json_string(&o, p->v[i].values.v[k]);
		json_end_array(&o);
		json_end_object(&o);
	}
	json_end_array(&o);
	json_end_object(&o);
}

/* --- the helper --------------------------------------------------------------- */

/* Beside the program, then where it is installed.  Not by /proc/self/exe: a sealed program has no
 * path. */
static int helper_find(char *dst, size_t size, struct err *err)
{
	const char *self = program_invocation_name, *slash = strrchr(self, '/');

	if (slash && str_format(dst, size, "%.*s/" HELPER, (int)(slash - self), self) == 0 &&
	    access(dst, X_OK) == 0)
		return 0;
	if (str_format(dst, size, SKERRY_LIBEXECDIR "/" HELPER) == 0 && access(dst, X_OK) == 0)
		return 0;
	return err_sys(err, "the systemd cgroup manager needs the program \"" SKERRY_LIBEXECDIR
			    "/" HELPER "\"");
}

/* The few variables that say where the bus is; name=value texts in the arena. */
static int helper_env(struct arena *arena, char **env)
{
	static const char *const names[] = { "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS",
					     "XDG_RUNTIME_DIR" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]); /* NOLINT(concurrency-mt-unsafe) one thread */

		if (!value)
			continue;
		env[n] = arena_printf(arena, "%s=%s", names[i], value);
		if (!env[n++])
			return -1;
	}
	env[n] = NULL;
	return 0;
}

/* Runs "skerry-systemd VERB" with the document; what it says on standard error is the message. */
static int helper_run(const char *verb, const struct buf *doc, int stdout_fd, struct arena *arena,
		      struct err *err)
{
	char path[PATH_MAX], name[] = HELPER, *env[ENVIRONMENT_N];
	char *argv[] = { name, arena_strdup(arena, verb), NULL };
	struct proc_run run = { .path = path,
				.argv = argv,
				.env = env,
				.input = doc->s,
				.input_len = doc->len,
				.stdout_fd = stdout_fd,
				.stderr_fd = -1,
				.timeout_ms = TIMEOUT_MS };
	AUTO_BUF output;
	int status;

	buf_init(&output);
	run.output = &output;
	if (doc->failed || !argv[1] || helper_env(arena, env) < 0)
		return err_set(err, ENOMEM, "systemd: out of memory");
	if (helper_find(path, sizeof(path), err) < 0)
		return -1;
	status = proc_run(&run, err);
	if (status < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (output.len) {
		output.s[strcspn(output.s, "\n")] = '\0';
		return err_set(err, EIO, "%s", output.s);
	}
	return err_set(err, EIO, "\"%s %s\" ended with status %d", path, verb, status);
}

/* One line from the helper's socket within the time. */
static int reply_read(int sock, char *dst, size_t size, struct err *err)
{
	struct timespec now;
	size_t len = 0;
	int64_t deadline;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	deadline = (int64_t)now.tv_sec * 1000 + TIMEOUT_MS;
	while (len == 0 || dst[len - 1] != '\n') {
		struct pollfd p = { .fd = sock, .events = POLLIN };
		int64_t left;
		ssize_t n;

		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		left = deadline - (int64_t)now.tv_sec * 1000;
		if (left <= 0)
			return err_set(err, ETIMEDOUT, "systemd did not answer in time");
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return err_sys(err, "wait for " HELPER);
		if (!(p.revents & (POLLIN | POLLHUP)))
			continue;
		n = read(sock, dst + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || len + (size_t)n >= size - 1)
			return err_set(err, EIO, HELPER " ended without an answer");
		len += (size_t)n;
	}
	dst[len - 1] = '\0';
	return 0;
}

struct reply {
	char *controlGroup, *error;
};

static int reply_parse(const char *text, struct arena *arena, char *path, size_t size,
		       struct err *err)
{
	static const struct json_field fields[] = {
		JSON_FIELD(struct reply, controlGroup, JSON_STRING),
		JSON_FIELD(struct reply, error, JSON_STRING),
	};
	static const struct json_table table = JSON_TABLE(struct reply, fields);
	struct reply reply;

	if (json_decode(HELPER, text, strlen(text), &table, &reply, arena, err) < 0)
		return -1;
	if (reply.error)
		return err_set(err, EIO, "%s", reply.error);
	if (!reply.controlGroup || reply.controlGroup[0] != '/' || !reply.controlGroup[1] ||
	    strstr(reply.controlGroup, "/../") || str_copy(path, size, reply.controlGroup) < 0)
		return err_set(err, EIO, HELPER " gave no cgroup");
	return 0;
}

/* --- the verbs ----------------------------------------------------------------- */

static bool is_slice(const char *unit)
{
	size_t len = strlen(unit);

	return len > 6 && strcmp(unit + len - 6, ".slice") == 0;
}

/* What every unit of ours has; the spec's own behind it, so that it wins. */
static int start_properties(const struct cgroup_place *place, const struct spec *spec,
			    struct properties *p, struct err *err)
{
	static const char *const yes[] = { "1" }, *const no[] = { "0" };
	static const char *const collect[] = { "inactive-or-failed" };
	static const char *const accounting[] = { "CPUAccounting", "MemoryAccounting",
						  "IOAccounting", "TasksAccounting" };
	bool scope = !is_slice(place->scope);
	int r = 0;

	if (scope)
		r |= property_add(p, "Delegate", "b", yes, 1);
	r |= property_add(p, "CollectMode", "s", collect, 1);
	r |= property_add(p, "DefaultDependencies", "b", no, 1);
	for (size_t i = 0; i < ARRAY_SIZE(accounting); i++)
		r |= property_add(p, accounting[i], "b", yes, 1);
	if (r < 0)
		return err_set(err, ENOMEM, "systemd properties: out of memory");
	if (spec->linux_ && spec->linux_->resources &&
	    properties_of_resources(spec->linux_->resources, p, err) < 0)
		return -1;
	return properties_of_annotations(&spec->annotations, p, err);
}

static int start_in(const struct cgroup_place *place, const struct spec *spec, struct arena *arena,
		    int sock[2], char *path, struct err *err)
{
	struct properties p = { .arena = arena };
	char reply[REPLY_MAX];
	AUTO_BUF doc;

	buf_init_max(&doc, SYSTEMD_DOC_MAX);
	if (start_properties(place, spec, &p, err) < 0)
		return -1;
	doc_write(&doc, place, "container", &p);
	if (helper_run("start", &doc, sock[1], arena, err) < 0)
		return -1;
	sock[1] = fd_close(sock[1]); /* the helper's end is only the helper's: its death is seen */
	if (reply_read(sock[0], reply, sizeof(reply), err) < 0)
		return -1;
	return reply_parse(reply, arena, path, sizeof(place->path), err);
}

int systemd_start(const struct cgroup_place *place, const struct spec *spec, int *ret_hold,
		  char *path, size_t size, struct err *err)
{
	char group[sizeof(place->path)];
	struct arena arena;
	int sock[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) < 0)
		return err_sys(err, "socket for " HELPER);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	r = start_in(place, spec, &arena, sock, group, err);
	arena_release(&arena);
	(void)fd_close(sock[1]);
	if (r == 0 && str_copy(path, size, group) < 0)
		r = err_set(err, ENAMETOOLONG, "cgroup of unit \"%s\" is too long", place->scope);
	if (r < 0) {
		(void)fd_close(sock[0]);
		return -1;
	}
	*ret_hold = sock[0];
	return 0;
}

static int simple_verb(const char *verb, const struct cgroup_place *place,
		       const struct spec_resources *r, struct err *err)
{
	struct properties p = { 0 };
	struct arena arena;
	AUTO_BUF doc;
	int result = 0;

	buf_init_max(&doc, SYSTEMD_DOC_MAX);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	p.arena = &arena;
	if (r)
		result = properties_of_resources(r, &p, err);
	if (result == 0 && (!r || p.n)) {
		doc_write(&doc, place, NULL, &p);
		result = helper_run(verb, &doc, -1, &arena, err);
	}
	arena_release(&arena);
	return result;
}

int systemd_stop(const struct cgroup_place *place, struct err *err)
{
	return simple_verb("stop", place, NULL, err);
}

int systemd_set(const struct cgroup_place *place, const struct spec_resources *r, struct err *err)
{
	return simple_verb("set", place, r, err);
}
