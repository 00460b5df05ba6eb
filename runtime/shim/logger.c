/* SPDX-License-Identifier: Apache-2.0 */
/* logger.c - a program that takes a process's output: binary:///PATH?KEY=VALUE&...
 *
 * containerd docs: runtime v2 README, "Logging"; its environment is CONTAINER_ID
 * and CONTAINER_NAMESPACE and nothing else.
 */
#include "runtime/shim/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/shim/worker.h"

#define READY_MS     10000
#define LOGGER_ARENA ((size_t)1 << 20)
#define ARGS_MAX     256

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* RFC 3986 2.1; in a query "+" is a space. */
static char *unescape(struct arena *arena, const char *text, size_t len, bool query)
{
	char *out = arena_alloc(arena, len + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < len; i++) {
		int high = i + 2 < len ? hex(text[i + 1]) : -1;
		int low = i + 2 < len ? hex(text[i + 2]) : -1;

		if (text[i] == '%' && high >= 0 && low >= 0 && (high || low)) {
			out[n++] = (char)(unsigned char)(high << 4 | low);
			i += 2;
		} else {
			out[n] = text[i];
			if (query && text[i] == '+')
				out[n] = ' ';
			n++;
		}
	}
	return out;
}

static int parse_query(const char *query, struct arena *arena, char **argv, struct err *err)
{
	size_t n = 1;

	while (*query) {
		size_t len = strcspn(query, "&");
		const char *equals = memchr(query, '=', len);
		size_t key = equals ? (size_t)(equals - query) : len;

		if (n + 2 >= ARGS_MAX)
			return err_set(err, E2BIG, "a logger with too many arguments");
		if (len > 0) {
			argv[n] = unescape(arena, query, key, true);
			argv[n + 1] = equals ? unescape(arena, equals + 1, len - key - 1, true)
					     : arena_strdup(arena, "");
			if (!argv[n] || !argv[n + 1])
				return err_set(err, ENOMEM, "out of memory");
			n += 2;
		}
		query += len + (query[len] == '&');
	}
	return 0;
}

int logger_parse(const char *url, struct arena *arena, struct logger *ret, struct err *err)
{
	const char *path = strstr(url, "://");
	size_t len;

	*ret = (struct logger){ .must_say = str_starts(url, "binary-v2:") };
	if (!path)
		return err_set(err, EINVAL, "\"%s\" is no URL of a logger", url);
	path += 3;
	len = strcspn(path, "?#");
	ret->path = unescape(arena, path, len, false);
	ret->argv = arena_array(arena, ARGS_MAX, sizeof(*ret->argv));
	if (!ret->path || !ret->argv)
		return err_set(err, ENOMEM, "out of memory");
	if (ret->path[0] != '/')
		return err_set(err, EINVAL, "logger \"%s\" is not an absolute path", ret->path);
	ret->argv[0] = ret->path;
	return path[len] == '?' ? parse_query(path + len + 1, arena, ret->argv, err) : 0;
}

static int wait_ready(const struct logger *l, int fd, struct err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	for (;;) {
		ssize_t n;

		if (poll(&p, 1, READY_MS) == 0)
			return err_set(err, ETIMEDOUT, "logger \"%s\" did not become ready",
				       l->path);
		n = read(fd, &byte, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "wait for logger \"%s\"", l->path);
		if (n == 0 && l->must_say)
			return err_set(err, EPIPE, "logger \"%s\" ended before it was ready",
				       l->path);
		if (n == 0 || l->must_say)
			return 0;
	}
}

int logger_start(const char *url, const char *id, const char *ns, const int pipes[2],
		 pid_t *ret_pid, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct logger l;
	char *env[3] = { NULL };
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	AUTO_FD ready = -1;
	int pair[2];

	arena_init(&arena, LOGGER_ARENA);
	if (logger_parse(url, &arena, &l, err) < 0)
		return -1;
	if (null < 0 || pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, "prepare a logger");
	ready = pair[0];
	env[0] = arena_printf(&arena, "CONTAINER_ID=%s", id);
	env[1] = arena_printf(&arena, "CONTAINER_NAMESPACE=%s", ns);
	*ret_pid = worker_spawn(l.path, l.argv, env,
				(const int[]){ null, null, null, pipes[0], pipes[1], pair[1] }, 6,
				err);
	(void)fd_close(pair[1]);
	if (*ret_pid < 0)
		return -1;
	if (wait_ready(&l, ready, err) == 0)
		return 0;
	(void)proc_kill(*ret_pid, SIGKILL);
	*ret_pid = 0;
	return -1;
}
