/* SPDX-License-Identifier: Apache-2.0 */
/* source_stdio.c - files of the host that the container has as its 0, 1 and 2
 *
 * On the target others take their place, of the bundle (target_stdio.c).  What
 * is in them goes along where the container, or who asks for its log, has to
 * find it again: its input, and `log` of the bundle (`skerry logs`).  Other files
 * stay as they are here.  A file that grows is sent from where it ended before.
 *
 * proc(5) "/proc/PID/fdinfo", "mountinfo".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/migrate/source.h"

#define MOUNTINFO_MAX ((size_t)16 << 20)
#define FDINFO_MAX    1024
#define MOUNT	      "mnt_id:"

static const struct bytes nothing = { NULL, 0 };

static int proc_path(const struct source *s, const char *what, char path[64], struct err *err)
{
	if (str_format(path, 64, "/proc/%d/%s", (int)s->state.pid, what) < 0)
		return err_sys(err, "process %d", (int)s->state.pid);
	return 0;
}

/* Is it on none of the container's own mounts? */
static bool is_outside(const struct source *s, int fd, const struct buf *mountinfo)
{
	char path[64], what[32], text[FDINFO_MAX], line[32];
	const char *at;
	uint64_t id;

	if (str_format(what, sizeof(what), "fdinfo/%d", fd) < 0 ||
	    proc_path(s, what, path, NULL) < 0 ||
	    file_read_line(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	at = strstr(text, MOUNT);
	id = at ? strtoull(at + strlen(MOUNT), NULL, 10) : 0;
	if (!id || str_format(line, sizeof(line), "\n%llu ", (unsigned long long)id) < 0)
		return false;
	return !strstr(mountinfo->s, line) && !str_starts(mountinfo->s, line + 1);
}

/* `skerry logs` shows it. */
static bool is_log(const struct source *s, const struct stat *st)
{
	char path[PATH_MAX];
	struct stat log;

	return str_format(path, sizeof(path), "%s/" STDIO_LOG, s->state.bundle) == 0 &&
	       lstat(path, &log) == 0 && log.st_dev == st->st_dev && log.st_ino == st->st_ino;
}

/* Opens what goes along; one file is sent once. */
static void open_file(struct source *s, int fd, const char *path, const struct stat *st)
{
	struct stat other;

	for (int i = 0; i < fd; i++)
		if (s->stdio[i].file >= 0 && fstat(s->stdio[i].file, &other) == 0 &&
		    other.st_dev == st->st_dev && other.st_ino == st->st_ino)
			return;
	if (fd == 0 || is_log(s, st))
		s->stdio[fd].file = open(path, O_RDONLY | O_CLOEXEC);
	if (s->stdio[fd].file >= 0)
		s->offer.disk += (uint64_t)st->st_blocks * 512;
}

int source_stdio_find(struct source *s, struct err *err)
{
	uint64_t *v = arena_array(&s->arena, 3, sizeof(*v));
	char path[64], what[16];
	AUTO_BUF mountinfo;

	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	buf_init_max(&mountinfo, MOUNTINFO_MAX);
	if (proc_path(s, "mountinfo", path, err) < 0)
		return -1;
	if (file_read(AT_FDCWD, path, &mountinfo, MOUNTINFO_MAX, false) < 0)
		return err_sys(err, "read \"%s\"", path);
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;

		if (str_format(what, sizeof(what), "fd/%d", fd) < 0 ||
		    proc_path(s, what, path, NULL) < 0 || stat(path, &st) < 0)
			continue;
		v[fd] = st.st_mode;
		if (S_ISREG(st.st_mode) && is_outside(s, fd, &mountinfo))
			open_file(s, fd, path, &st);
	}
	s->offer.stdio = (struct wire_u64s){ v, 3 };
	return 0;
}

static int send_from(struct source *s, struct source_stdio *f, uint64_t end, struct err *err)
{
	AUTO_FREE char *chunk = malloc(FRAME_BULK);

	if (!chunk)
		return err_set(err, ENOMEM, "out of memory");
	do {
		const size_t want =
			end - f->sent < FRAME_BULK ? (size_t)(end - f->sent) : FRAME_BULK;
		unsigned char head[FRAME_DATA_HEAD];
		ssize_t n = pread(f->file, chunk, want, (off_t)f->sent);

		if (n < 0)
			return err_sys(err, "read the container's output");
		frame_put_u64(head, f->sent);
		if (channel_send(&s->channel, FRAME_DATA, (struct bytes){ head, sizeof(head) },
				 (struct bytes){ chunk, (size_t)n }, err) < 0)
			return -1;
		f->sent += (uint64_t)n;
		if (n == 0)
			break;
	} while (f->sent < end);
	return 0;
}

/* What it has more than before; one that became shorter begins anew. */
static int send_file(struct source *s, uint32_t fd, struct err *err)
{
	const struct tree_head head = { TREE_STDIO, fd };
	struct source_stdio *f = &s->stdio[fd];
	struct stat st;
	uint64_t size;

	if (f->file < 0)
		return 0;
	if (fstat(f->file, &st) < 0)
		return err_sys(err, "look at the container's output");
	size = (uint64_t)st.st_size;
	if (size == f->sent)
		return 0;
	if (size < f->sent)
		f->sent = 0;
	if (channel_send_message(&s->channel, FRAME_TREE, &head, err) < 0 ||
	    send_from(s, f, size, err) < 0)
		return -1;
	return channel_send(&s->channel, FRAME_TREE_END, nothing, nothing, err);
}

int source_stdio_send(struct source *s, struct err *err)
{
	for (uint32_t fd = 0; fd < 3; fd++)
		if (send_file(s, fd, err) < 0)
			return -1;
	return 0;
}

void source_stdio_close(struct source *s)
{
	for (int fd = 0; fd < 3; fd++)
		s->stdio[fd].file = fd_close(s->stdio[fd].file);
}
