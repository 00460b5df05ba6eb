/* SPDX-License-Identifier: Apache-2.0 */
/* io.c - what a process reads and writes, and where containerd wants it
 *
 * A fifo for output has a reader of our own as well: writing neither blocks
 * nor fails when the other one has gone (containerd restarts), and the fifo
 * then fills until the pipe behind it does, and the process waits.  Pipe to
 * pipe is splice(2): no buffer, no copy.  The fifo is closed when all writers
 * of the process's pipe have gone, but not before its reader has come:
 * containerd opens it at the same time as it asks for the process, and an
 * open(2) that comes too late would wait for a writer for ever.
 * Standard input: the shim holds a writer of its own, so that a client may
 * come and go; CloseIO lets go of it.
 *
 * fifo(7), splice(2), pty(7)
 */
#include "runtime/shim/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/shim/logger.h"

#define CHUNK	     4096
#define SPLICE_CHUNK 65536
#define ROUNDS	     16 /* of one stream before the others get their turn */
#define LOOK_AGAIN   200000000LL /* ns */
#define LINGER_STEP  10000000LL
#define LINGER_MAX   30000000000LL

/* --- copying ----------------------------------------------------------------------- */

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static void stream_close(struct stream *s)
{
	struct loop *l = s->io->loop;

	timer_stop(l, &s->timer);
	loop_close(l, &s->from);
	loop_close(l, &s->to);
	s->keeper = fd_close(s->keeper);
	free(take(&s->left));
	s->n_left = 0;
	s->linger = 0;
	s->open = false;
}

/* pipe(7): without any reader the writer's end has POLLERR.  A worker's copy of our own reader looks like
 * somebody else's: while there is one nobody can tell. */
static bool may_lack_reader(const struct stream *s)
{
	struct pollfd p = { .fd = s->to.fd };

	return s->io->loop->copies > 0 || (poll(&p, 1, 0) == 1 && (p.revents & POLLERR));
}

/* All is written: the end of file is for whoever reads it, once somebody does. */
static void stream_finish(struct stream *s)
{
	int unread = 0;

	if (s->keeper < 0) {
		stream_close(s);
		return;
	}
	s->keeper = fd_close(s->keeper);
	if (!may_lack_reader(s) ||
	    (s->seen_reader && (ioctl(s->to.fd, FIONREAD, &unread) < 0 || unread == 0))) {
		stream_close(s);
		return;
	}
	loop_close(s->io->loop, &s->from);
	(void)loop_watch(s->io->loop, &s->to, 0);
	s->linger = loop_now() + LINGER_MAX;
	timer_start(s->io->loop, &s->timer, loop_now() + LINGER_STEP);
}

static bool stream_is_drained(const struct stream *s)
{
	return !s->open || (s->n_left == 0 && !s->linger && !is_readable(s->from.fd));
}

/* Writes what was left over: 1 all of it, 0 not yet, -1 nobody takes it any more. */
static int write_left(struct stream *s)
{
	while (s->n_left) {
		ssize_t n = write(s->to.fd, s->left + s->at, s->n_left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && !s->forgiving)
			return -1;
		if (n < 0)
			n = (ssize_t)s->n_left;
		s->at += (size_t)n;
		s->n_left -= (size_t)n;
		s->io->moved += (uint64_t)n;
	}
	free(take(&s->left));
	s->at = 0;
	return 1;
}

/* Like splice(2): bytes, 0 at the end, -1 with errno.  What was read and not taken waits in s->left. */
static ssize_t copy(struct stream *s)
{
	char chunk[CHUNK];
	ssize_t n;

	if (s->n_left == 0) {
		n = read(s->from.fd, chunk, sizeof(chunk));
		if (n <= 0)
			return n;
		s->left = malloc((size_t)n);
		if (!s->left)
			return -1;
		memcpy(s->left, chunk, (size_t)n);
		s->n_left = (size_t)n;
	}
	switch (write_left(s)) {
	case 1:
		return 1;
	case 0:
		errno = EAGAIN;
		return -1;
	default:
		return -1;
	}
}

/* Waits for the side that holds it up. */
static void stream_wait(struct stream *s)
{
	struct loop *l = s->io->loop;
	bool full = s->n_left > 0 || is_readable(s->from.fd);

	/* What epoll does not take (a regular file) is always ready. */
	if (full && loop_watch(l, &s->to, EPOLLOUT) == 0) {
		(void)loop_watch(l, &s->from, 0);
		return;
	}
	(void)loop_watch(l, &s->to, 0);
	if (loop_watch(l, &s->from, EPOLLIN) < 0)
		timer_start(l, &s->timer, 0); /* after the others */
}

/* pty(7): EIO is "no slave is open", and one may be opened again while the process lives. */
static void look_again(struct stream *s)
{
	(void)loop_watch(s->io->loop, &s->from, 0);
	(void)loop_watch(s->io->loop, &s->to, 0);
	timer_start(s->io->loop, &s->timer, loop_now() + LOOK_AGAIN);
}

static void tell_drained(struct io *io)
{
	if (!io->waiting || !io_is_drained(io))
		return;
	io->waiting = false;
	io->drained(io);
}

/* The owner may be gone after tell_drained(): the last thing done. */
static void pump(struct stream *s)
{
	struct io *io = s->io;
	ssize_t n = 1;

	for (int i = 0; i < ROUNDS && n > 0; i++) {
		n = s->splice ? splice(s->from.fd, NULL, s->to.fd, NULL, SPLICE_CHUNK,
				       SPLICE_F_NONBLOCK | SPLICE_F_MOVE)
			      : copy(s);
		if (n > 0 && s->splice)
			io->moved += (uint64_t)n;
	}
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		stream_wait(s);
	else if (n < 0 && errno == EIO && s->is_terminal && !io->ended)
		look_again(s);
	else
		stream_finish(s);
	tell_drained(io);
}

static void from_ready(struct source *source, uint32_t events)
{
	(void)events;
	pump(OWNER(source, struct stream, from));
}

static void to_ready(struct source *source, uint32_t events)
{
	(void)events;
	pump(OWNER(source, struct stream, to));
}

static void look_fired(struct timer *t)
{
	struct stream *s = OWNER(t, struct stream, timer);

	if (!s->linger) {
		pump(s);
	} else if (may_lack_reader(s) && loop_now() < s->linger) {
		timer_start(s->io->loop, t, loop_now() + LINGER_STEP);
	} else {
		struct io *io = s->io;

		stream_close(s);
		tell_drained(io);
	}
}

/* Takes both descriptors. */
static void stream_start(struct stream *s, int from, int to)
{
	s->from.fd = from;
	s->to.fd = to;
	s->open = true;
	stream_wait(s);
}

/* --- opening ----------------------------------------------------------------------- */

static void stream_init(struct stream *s, struct io *io)
{
	*s = (struct stream){ .from = { .fd = -1, .ready = from_ready },
			      .to = { .fd = -1, .ready = to_ready },
			      .keeper = -1,
			      .io = io,
			      .timer = { .fired = look_fired } };
}

void io_init(struct io *io, struct loop *loop)
{
	*io = (struct io){ .loop = loop,
			   .child = { -1, -1, -1 },
			   .log = { -1, -1 },
			   .stdin_keeper = -1,
			   .master = -1 };
	stream_init(&io->in, io);
	stream_init(&io->out, io);
	stream_init(&io->err, io);
}

static bool is_set(const char *path)
{
	return path && path[0];
}

static int open_output(struct stream *s, const char *path, struct err *err)
{
	const int flags = O_WRONLY | O_NONBLOCK | O_APPEND | O_CLOEXEC | O_NOCTTY;
	struct stat st;

	s->to.fd = open(path, flags);
	s->seen_reader = s->to.fd >= 0;
	/* fifo(7): ENXIO while there is no reader. */
	if (s->to.fd < 0 && errno == ENXIO) {
		s->keeper = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		s->to.fd = open(path, flags);
	}
	if (s->to.fd < 0 || fstat(s->to.fd, &st) < 0)
		return err_sys(err, "open \"%s\" for output", path);
	s->forgiving = !S_ISFIFO(st.st_mode);
	if (S_ISFIFO(st.st_mode) && s->keeper < 0)
		s->keeper = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (S_ISFIFO(st.st_mode) && s->keeper < 0)
		return err_sys(err, "open \"%s\"", path);
	return 0;
}

/* A pipe between the shim and the process; *ret_ours is non-blocking. */
static int make_pipe(const struct io_options *o, bool to_process, int *ret_ours, int *ret_theirs,
		     struct err *err)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe");
	*ret_ours = pair[to_process];
	*ret_theirs = pair[!to_process];
	if ((o->uid || o->gid) && fchown(*ret_theirs, o->uid, o->gid) < 0)
		return err_sys(err, "give a pipe to %u:%u", o->uid, o->gid);
	if (fd_set_nonblock(*ret_ours, true) < 0)
		return err_sys(err, "fcntl");
	return 0;
}

static int open_out(struct io *io, struct stream *s, const char *path, int n,
		    const struct io_options *o, struct err *err)
{
	if (!is_set(path))
		return 0;
	if (open_output(s, path, err) < 0)
		return -1;
	s->splice = s->keeper >= 0 && !io->terminal;
	if (io->terminal)
		return 0;
	return make_pipe(o, false, &s->from.fd, &io->child[n], err);
}

static int open_in(struct io *io, const struct io_options *o, struct err *err)
{
	struct stream *s = &io->in;
	struct stat st;

	if (!is_set(o->in))
		return 0;
	s->from.fd = open(o->in, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (s->from.fd < 0 || fstat(s->from.fd, &st) < 0)
		return err_sys(err, "open \"%s\" for input", o->in);
	if (S_ISFIFO(st.st_mode)) {
		io->stdin_keeper = open(o->in, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (io->stdin_keeper < 0)
			return err_sys(err, "open \"%s\" for input", o->in);
		s->splice = !io->terminal;
	}
	if (io->terminal)
		return 0;
	return make_pipe(o, true, &s->to.fd, &io->child[0], err);
}

static int open_file(struct io *io, const char *path, const struct io_options *o, struct err *err)
{
	struct stream *const streams[] = { &io->out, &io->err };
	char *copied = strdup(path);
	char *slash = copied ? strrchr(copied, '/') : NULL;
	int made = -1;

	if (slash && slash != copied) {
		*slash = '\0';
		made = file_make_dirs(copied, 0755);
	}
	free(copied);
	if (made < 0)
		return err_sys(err, "make the folder of \"%s\"", path);
	for (int i = 0; i < 2; i++) {
		struct stream *s = streams[i];

		if (io->terminal && i == 1)
			break;
		s->forgiving = true;
		s->to.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
		if (s->to.fd < 0)
			return err_sys(err, "open \"%s\" for output", path);
		if (!io->terminal && make_pipe(o, false, &s->from.fd, &io->child[i + 1], err) < 0)
			return -1;
	}
	return 0;
}

/* The logger's pipes: the process writes into them directly, or we do for its terminal. */
static int open_logger(struct io *io, const char *url, const struct io_options *o, struct err *err)
{
	struct stream *const streams[] = { &io->out, &io->err };

	io->logger = url;
	for (int i = 0; i < 2; i++) {
		int pair[2];

		if (pipe2(pair, O_CLOEXEC) < 0)
			return err_sys(err, "make a pipe");
		io->log[i] = pair[0];
		if (!io->terminal) {
			io->child[i + 1] = pair[1];
			if ((o->uid || o->gid) && fchown(pair[1], o->uid, o->gid) < 0)
				return err_sys(err, "give a pipe to %u:%u", o->uid, o->gid);
			continue;
		}
		streams[i]->to.fd = pair[1];
		if (fd_set_nonblock(pair[1], true) < 0)
			return err_sys(err, "fcntl");
	}
	return 0;
}

static int open_all(struct io *io, const struct io_options *o, struct err *err)
{
	const char *scheme = is_set(o->out) ? strstr(o->out, "://") : NULL;

	if (scheme) {
		if (str_starts(o->out, "file://"))
			return open_file(io, o->out + strlen("file://"), o, err);
		if (str_starts(o->out, "binary://") || str_starts(o->out, "binary-v2://"))
			return open_logger(io, o->out, o, err);
		if (o->out[0] != '/')
			return err_set(err, EINVAL, "unknown STDIO scheme %.*s",
				       (int)(scheme - o->out), o->out);
	}
	if (open_in(io, o, err) < 0 || open_out(io, &io->out, o->out, 1, o, err) < 0)
		return -1;
	return io->terminal ? 0 : open_out(io, &io->err, o->err, 2, o, err);
}

int io_open(struct io *io, const struct io_options *o, struct err *err)
{
	io->terminal = o->terminal;
	if (open_all(io, o, err) == 0)
		return 0;
	io_close(io);
	return -1;
}

int io_enter(struct io *io, const char *id, const char *ns, struct report *r, struct err *err)
{
	if (io->logger && logger_start(io->logger, id, ns, io->log, &r->logger, err) < 0)
		return -1;
	return worker_stdio(r, io->child, err);
}

static void close_theirs(struct io *io)
{
	for (int i = 0; i < 3; i++)
		io->child[i] = fd_close(io->child[i]);
	for (int i = 0; i < 2; i++)
		io->log[i] = fd_close(io->log[i]);
	io->logger = NULL;
}

static void start_terminal(struct io *io, int master)
{
	int from = fcntl(master, F_DUPFD_CLOEXEC, 3);
	int to = fcntl(master, F_DUPFD_CLOEXEC, 3);

	io->master = master;
	(void)fd_set_nonblock(master, true); /* one open file: the copies are, too */
	io->out.is_terminal = true;
	if (io->out.to.fd >= 0 && from >= 0)
		stream_start(&io->out, from, io->out.to.fd);
	else
		(void)fd_close(from);
	if (io->in.from.fd >= 0 && to >= 0)
		stream_start(&io->in, io->in.from.fd, to);
	else
		(void)fd_close(to);
}

void io_start(struct io *io, int master)
{
	struct stream *const streams[] = { &io->in, &io->out, &io->err };

	close_theirs(io);
	if (io->terminal) {
		if (master >= 0)
			start_terminal(io, master);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		if (streams[i]->from.fd >= 0 && streams[i]->to.fd >= 0)
			stream_start(streams[i], streams[i]->from.fd, streams[i]->to.fd);
}

/* --- the rest ----------------------------------------------------------------------- */

void io_process_ended(struct io *io)
{
	io->ended = true;
	stream_close(&io->in);
	io->stdin_keeper = fd_close(io->stdin_keeper);
	if (io->out.open && io->out.timer.set)
		timer_start(io->loop, &io->out.timer, 0);
}

bool io_is_drained(struct io *io)
{
	return stream_is_drained(&io->out) && stream_is_drained(&io->err);
}

void io_wait(struct io *io)
{
	io->waiting = true;
}

void io_close_stdin(struct io *io)
{
	io->stdin_keeper = fd_close(io->stdin_keeper);
}

int io_resize(struct io *io, uint32_t width, uint32_t height, struct err *err)
{
	struct winsize size = { .ws_col = (unsigned short)width, .ws_row = (unsigned short)height };

	if (io->master >= 0 && ioctl(io->master, TIOCSWINSZ, &size) < 0)
		return err_sys(err, "resize the terminal");
	return 0;
}

void io_close(struct io *io)
{
	io->waiting = false;
	stream_close(&io->in);
	stream_close(&io->out);
	stream_close(&io->err);
	close_theirs(io);
	io->stdin_keeper = fd_close(io->stdin_keeper);
	io->master = fd_close(io->master);
}
