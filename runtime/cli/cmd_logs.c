/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_logs.c - skerry logs: what a detached container of an image wrote
 *
 * The container writes into `log` of its bundle itself; nobody stands between.
 * With --follow the end of the container ends the command, after the last line.
 * inotify(7)
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/cli/cmd.h"

#define PIECE	65536
#define WAIT_MS 500 /* between two looks whether the container still runs */

struct logs_options {
	bool follow;
	unsigned int tail;
};

static const struct option rows[] = {
	{ .name = "follow",
	  .letter = 'f',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct logs_options, follow),
	  .help = "go on until the container has ended" },
	{ .name = "tail",
	  .letter = 'n',
	  .kind = OPTION_NUMBER,
	  .offset = offsetof(struct logs_options, tail),
	  .value = "LINES",
	  .help = "begin with so many lines from the end" },
};
static const struct logs_options defaults = { .tail = UINT_MAX };

/* Goes to where the last n lines begin. */
static int seek_tail(int fd, unsigned int n, struct err *err)
{
	char piece[PIECE];
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "look at the log");
	off_t at = st.st_size;
	if (n == 0)
		return lseek(fd, 0, SEEK_END) < 0 ? err_sys(err, "read the log") : 0;
	/* the line break behind the last line ends it, it does not begin another */
	off_t begin = 0, end = at;
	while (at > 0 && begin == 0) {
		size_t size = at < PIECE ? (size_t)at : PIECE;
		at -= (off_t)size;
		ssize_t got = pread(fd, piece, size, at);
		if (got < 0)
			return err_sys(err, "read the log");
		for (ssize_t i = got; i-- > 0 && begin == 0;) {
			if (piece[i] == '\n' && at + i + 1 < end && n-- == 1)
				begin = at + i + 1;
		}
	}
	return lseek(fd, n == 0 && begin == 0 ? end : begin, SEEK_SET) < 0
		       ? err_sys(err, "read the log")
		       : 0;
}

static int copy_rest(int fd, struct err *err)
{
	char piece[PIECE];
	for (;;) {
		ssize_t n = fd_read_full(fd, piece, sizeof(piece));
		if (n < 0)
			return err_sys(err, "read the log");
		if (n == 0)
			return 0;
		if (fd_write_full(STDOUT_FILENO, piece, (size_t)n) < 0)
			return err_sys(err, "write standard output");
	}
}

static bool is_alive(struct cli *cli, const char *id)
{
	struct skerry_state st;
	if (skerry_state(cli->skerry, id, &st, NULL) < 0)
		return false;
	bool alive = st.status != SKERRY_STOPPED;
	skerry_state_release(&st);
	return alive;
}

static int follow(struct cli *cli, const char *id, const char *path, int fd, struct err *err)
{
	AUTO_FD watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch < 0 || inotify_add_watch(watch, path, IN_MODIFY) < 0)
		return err_sys(err, "watch \"%s\"", path);
	for (;;) {
		char events[4096];
		struct pollfd ready = { .fd = watch, .events = POLLIN };
		/* asked before the last look: what it wrote until its end is not missed */
		bool alive = is_alive(cli, id);
		if (copy_rest(fd, err) < 0)
			return -1;
		if (!alive)
			return 0;
		(void)poll(&ready, 1, WAIT_MS);
		(void)!read(watch, events, sizeof(events));
	}
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct logs_options *o = options;
	const char *id = args->v[0];
	struct skerry_error failed = { 0 };
	struct skerry_state st;
	char path[PATH_MAX];

	if (skerry_state(cli->skerry, id, &st, &failed) < 0)
		return cli_fail(&failed, err);
	int rc = str_format(path, sizeof(path), "%s/log", st.bundle);
	skerry_state_release(&st);
	AUTO_FD fd = rc < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_set(
			err, ENOENT,
			"container \"%s\" has no log: only what \"run --detach --image\" started "
			"has one",
			id);
	if (fd < 0)
		return err_sys(err, "open \"%s\"", path);
	if (o->tail != UINT_MAX && seek_tail(fd, o->tail, err) < 0)
		return -1;
	return o->follow ? follow(cli, id, path, fd, err) : copy_rest(fd, err);
}

const struct command cmd_logs = {
	.name = "logs",
	.arguments = "ID",
	.summary = "show what a detached container wrote",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct logs_options),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
