/* SPDX-License-Identifier: Apache-2.0 */
/* connect.c - how the source reaches the target
 *
 * By ssh: `ssh OPTIONS [USER@]NAME REMOTE migrate --receive`, whose standard
 * input and output are the channel; authentication is ssh's.  Or by TLS to a
 * `skerry migrate --listen`.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "runtime/migrate/migrate.h"

#define TLS_PREFIX	"tls://"
#define SSH_PATIENCE_MS 5000
#define SSH_DEFAULT \
 "ssh -o BatchMode=yes -o ServerAliveInterval=2 -o ServerAliveCountMax=5 -e none -T"

int split_words(const char *text, struct arena *arena, struct strings *ret, struct err *err)
{
	char *copy = arena_strdup(arena, text), *save = NULL;

	*ret = (struct strings){ .v = arena_array(arena, CHILD_WORDS_MAX, sizeof(char *)) };
	if (!copy || !ret->v)
		return err_set(err, ENOMEM, "out of memory");
	for (char *w = strtok_r(copy, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (ret->n == CHILD_WORDS_MAX - 4)
			return err_set(err, E2BIG, "\"%.100s...\" has too many words", text);
		ret->v[ret->n++] = w;
	}
	return ret->n ? 0 : err_set(err, EINVAL, "a command without a word");
}

static int by_ssh(const struct options *o, const char *host, struct channel *ret, struct child *ssh,
		  struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct strings words;
	struct child_start start = { 0 };
	AUTO_FD ours = -1;
	AUTO_FD theirs = -1;
	int pair[2];

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (host[0] == '-')
		return err_set(err, EINVAL, "\"%s\" is no host", host);
	if (split_words(o->ssh ? o->ssh : SSH_DEFAULT, &arena, &words, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "socket pair");
	ours = pair[0];
	theirs = pair[1];
	words.v[words.n++] = arena_strdup(&arena, host);
	words.v[words.n++] =
		arena_printf(&arena, "%s migrate --receive", o->remote ? o->remote : "skerry");
	if (!words.v[words.n - 1] || !words.v[words.n - 2])
		return err_set(err, ENOMEM, "out of memory");
	start.program = words.v[0];
	start.argv = words.v;
	start.in = start.out = theirs;
	if (child_start(ssh, &start, err) < 0)
		return -1;
	ssh->patience_ms = SSH_PATIENCE_MS;
	const struct stream s = { .in = ours, .out = ours };

	(void)fd_take(&ours);
	return channel_open(ret, &s, err);
}

static int by_tls(const struct options *o, const char *host, struct channel *ret, struct err *err)
{
	char name[256];
	AUTO_FD fd = -1;
	struct stream s = { .in = -1, .out = -1 };

	if (!o->tls.cert || !o->tls.key || !o->tls.ca)
		return err_set(err, EINVAL,
			       "\"" TLS_PREFIX "%s\" needs --tls-cert, --tls-key and --tls-ca",
			       host);
	fd = tls_connect(host, name, sizeof(name), err);
	if (fd < 0)
		return -1;
	s.tls = tls_begin(fd, &o->tls, name, err);
	if (!s.tls)
		return err_wrap(err, "\"%s\"", host);
	s.in = s.out = fd_take(&fd);
	return channel_open(ret, &s, err);
}

int connect_to(const struct options *o, const char *host, struct channel *ret, struct child *ssh,
	       struct err *err)
{
	*ssh = (struct child)CHILD_INIT;
	*ret = (struct channel){ .stream = { .in = -1, .out = -1 },
				 .ended = true,
				 .interrupt = -1 };
	return str_starts(host, TLS_PREFIX) ? by_tls(o, host + strlen(TLS_PREFIX), ret, err)
					    : by_ssh(o, host, ret, ssh, err);
}
