/* SPDX-License-Identifier: Apache-2.0 */
/* archive_index.c - what is where in an archive, found out by a process without privileges
 *
 * Inflating and reading the tar is done in the jail (jail.h), which has the
 * archive, the file that it is spooled into, and a pipe:
 *   record, name, link   for each member
 *   record, message      why it did not go on
 *   record               the end: without it the process was killed
 */
#include "image/archive_index.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/proc.h"
#include "image/inflate.h"
#include "image/jail.h"
#include "image/tar.h"

#define PIECE	   ((size_t)256 << 10)
#define FLUSH_SIZE ((size_t)32 << 10)
#define TEXT_MAX   ((size_t)PATH_MAX * 2) /* of a name or a link that was resolved */

enum record_kind { RECORD_FILE, RECORD_LINK, RECORD_ERROR, RECORD_END };
struct record {
	uint32_t kind;
	uint32_t name_len, link_len; /* behind it, without NUL */
	int32_t code; /* of an error, whose message is the name */
	uint64_t offset, size;
};

struct job {
	int from, spool, pipe;
	struct buf out;
};

/* --- inside ---------------------------------------------------------------------------- */

static int flush(struct job *j, struct err *err)
{
	if (buf_failed(&j->out) || fd_write_full(j->pipe, j->out.s, j->out.len) < 0)
		return err_sys(err, "tell of the archive");
	buf_clear(&j->out);
	return 0;
}

static int tell(struct job *j, const struct record *r, const char *name, const char *link,
		struct err *err)
{
	buf_add(&j->out, r, sizeof(*r));
	buf_add(&j->out, name, r->name_len);
	buf_add(&j->out, link, r->link_len);
	return j->out.len < FLUSH_SIZE && r->kind != RECORD_END ? 0 : flush(j, err);
}

/* Where a link at `at` leads, as a member's name: "../x/layer.tar" in "y/layer.tar" is
 * x/layer.tar. */
static int resolve(const char *at, const char *link, char dst[TEXT_MAX])
{
	const char *slash = strrchr(at, '/');
	char dir[PATH_MAX];

	if (str_format(dir, sizeof(dir), "%.*s", slash ? (int)(slash - at) : 0, at) < 0)
		return -1;
	while (str_starts(link, "../") || str_starts(link, "./")) {
		char *up = strrchr(dir, '/');

		if (link[1] == '/') {
			link += 2;
			continue;
		}
		*(up ? up : dir) = '\0';
		link += 3;
	}
	return str_format(dst, TEXT_MAX, "%s%s%s", dir, dir[0] ? "/" : "", link);
}

static int on_entry(void *arg, const struct tar_entry *e, struct err *err)
{
	struct job *j = arg;
	struct record r = { .kind = RECORD_FILE, .offset = e->offset, .size = e->stored };
	char link[TEXT_MAX] = "";

	if (e->type != TAR_FILE && e->type != TAR_HARD_LINK && e->type != TAR_SYMBOLIC_LINK)
		return 0;
	if (e->type != TAR_FILE) {
		r.kind = RECORD_LINK;
		if ((e->type == TAR_HARD_LINK ? str_copy(link, sizeof(link), e->link)
					      : resolve(e->path, e->link, link)) < 0)
			return err_sys(err, "link \"%.200s\"", e->path);
	}
	r.name_len = (uint32_t)strlen(e->path);
	r.link_len = (uint32_t)strlen(link);
	return tell(j, &r, e->path, link, err);
}

static int write_spool(void *arg, const void *data, size_t size, struct err *err)
{
	const int *fd = arg;

	return fd_write_full(*fd, data, size) < 0 ? err_sys(err, "write the archive into the store")
						  : 0;
}

static int spool(struct job *j, void *piece, struct err *err)
{
	struct inflate *z = inflate_new(write_spool, &j->spool);
	int ret = z ? 0 : err_sys(err, "read the archive");

	while (ret == 0) {
		ssize_t n = fd_read_full(j->from, piece, PIECE);

		if (n < 0)
			ret = err_sys(err, "read the archive");
		if (n <= 0)
			break;
		ret = inflate_feed(z, piece, (size_t)n, err);
	}
	if (ret == 0)
		ret = inflate_finish(z, err);
	inflate_free(z);
	return ret;
}

static int read_tar(struct job *j, int fd, void *piece, struct err *err)
{
	static const struct tar_handler handler = { .entry = on_entry };
	struct tar_reader *r = tar_reader_new(&handler, j);
	off_t size = lseek(fd, 0, SEEK_END);
	int ret = r && size >= 0 ? 0 : err_sys(err, "read the archive");

	for (uint64_t at = 0; ret == 0;) {
		ssize_t n = pread(fd, piece, PIECE, (off_t)at);

		if (n < 0)
			ret = err_sys(err, "read the archive");
		if (n <= 0)
			break;
		at += (uint64_t)n;
		ret = tar_feed(r, piece, (size_t)n, err);
		/* most of it is layers, which are somebody else's to read */
		if (at < (uint64_t)size)
			at += tar_skip(r, (uint64_t)size - at);
	}
	if (ret == 0)
		ret = tar_finish(r, err);
	tar_reader_free(r);
	return ret;
}

static void say_why(struct job *j, const struct err *why)
{
	struct record r = { .kind = RECORD_ERROR,
			    .code = why->code,
			    .name_len = (uint32_t)strlen(why->msg) };

	/* whoever listens finds the end missing, if this fails as well */
	if (tell(j, &r, why->msg, "", NULL) == 0)
		(void)flush(j, NULL);
}

static int work(struct job *j, void *piece, struct err *err)
{
	struct record end = { .kind = RECORD_END };

	if ((j->spool >= 0 && spool(j, piece, err) < 0) ||
	    read_tar(j, j->spool < 0 ? j->from : j->spool, piece, err) < 0)
		return -1;
	return tell(j, &end, "", "", err);
}

static void run(void *arg)
{
	struct err err = { 0 };
	void *piece = malloc(PIECE);

	if ((piece ? work(arg, piece, &err) : err_sys(&err, "read the archive")) < 0)
		say_why(arg, &err);
	free(piece);
}

static void refuse(void *arg, const struct err *why)
{
	say_why(arg, why);
}

/* --- outside --------------------------------------------------------------------------- */

static int read_text(int fd, uint32_t len, char text[TEXT_MAX])
{
	if (len >= TEXT_MAX || fd_read_full(fd, text, len) != (ssize_t)len)
		return -1;
	text[len] = '\0';
	return 0;
}

/* 1 a member, 0 the end, -1 */
static int listen_once(int fd, archive_index_fn *fn, void *arg, struct err *err)
{
	struct record r;
	char name[TEXT_MAX], link[TEXT_MAX];

	if (fd_read_full(fd, &r, sizeof(r)) != (ssize_t)sizeof(r) ||
	    read_text(fd, r.name_len, name) < 0 || read_text(fd, r.link_len, link) < 0)
		return err_set(err, EIO, "the archive's process ended without a word");
	if (r.kind == RECORD_END)
		return 0;
	if (r.kind == RECORD_ERROR)
		return err_set(err, r.code, "%s", name);
	return fn(arg, name, r.kind == RECORD_LINK ? link : NULL, r.offset, r.size, err) < 0 ? -1
											     : 1;
}

static int reap(pid_t pid, struct err *err)
{
	const char *name;
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "wait for the archive's process");
	if (!WIFSIGNALED(status))
		return 0;
	name = signal_name(WTERMSIG(status));
	return err_set(err, EIO, "the archive's process was killed by %s",
		       name ? name : "a signal");
}

static int start(struct job *j, pid_t *ret_pid, struct err *err)
{
	AUTO_FD pidfd = -1;
	int fds[] = { j->pipe, j->from, j->spool };
	const struct jail jail = {
		.kind = JAIL_STREAM,
		.title = "archive",
		.root = -1,
		.fds = fds,
		.n_fds = j->spool < 0 ? 2 : 3,
		.run = run,
		.refuse = refuse,
		.arg = j,
	};

	return jail_start(&jail, ret_pid, &pidfd, err);
}

int archive_index(int from, int spool, archive_index_fn *fn, void *arg, struct err *err)
{
	struct job j = { .from = from, .spool = spool };
	struct err why = { 0 };
	int pair[2], ret = 1;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, "read the archive");
	j.pipe = pair[1];
	buf_init(&j.out);
	ret = start(&j, &pid, err);
	(void)fd_close(pair[1]);
	if (ret < 0) {
		(void)fd_close(pair[0]);
		return -1;
	}
	do
		ret = listen_once(pair[0], fn, arg, err);
	while (ret > 0);
	/* where we are the ones who don't go on, it must */
	(void)fd_close(pair[0]);
	return reap(pid, &why) < 0 && ret == 0 ? err_set(err, why.code, "%s", why.msg) : ret;
}
