/* SPDX-License-Identifier: Apache-2.0 */
/* target_stdio.c - what takes the place of files of the other host as the container's 0, 1 and 2
 *
 * Files of the bundle: `input`, and `log` for what is written, which `skerry logs`
 * shows.  What was a device, /dev/null mostly, is /dev/null.  What the source had
 * in them comes in frames DATA; an offset of 0 begins a file anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/migrate/target.h"

#define INPUT "input"
#define ERR   STDIO_LOG ".err"

static uint64_t mode_of(const struct target *t, uint32_t fd)
{
	return t->offer.stdio.n == 3 ? t->offer.stdio.v[fd] : 0;
}

/* Both outputs are in one file, unless they differ in their modes. */
static const char *name_of(const struct target *t, uint32_t fd)
{
	const uint64_t out = mode_of(t, 1), err = mode_of(t, 2);

	if (fd == 0)
		return INPUT;
	return fd == 2 && S_ISREG(out) && S_ISREG(err) && out != err ? ERR : STDIO_LOG;
}

int target_stdio_open(struct target *t, uint32_t fd, struct err *err)
{
	const uint64_t mode = mode_of(t, fd);
	const char *name = name_of(t, fd);
	int file;

	if (S_ISCHR(mode) || (fd == 0 && !S_ISREG(mode))) {
		file = open("/dev/null", (fd == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
		return file < 0 ? err_sys(err, "open /dev/null") : file;
	}
	file = openat(t->bundle_fd, name,
		      (fd == 0 ? O_RDONLY : O_RDWR | O_APPEND) | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		      0600);
	if (file < 0 || (S_ISREG(mode) && fchmod(file, mode & 0777) < 0)) {
		(void)err_sys(err, "open \"%s/%s\"", t->bundle, name);
		return fd_close(file);
	}
	return file;
}

int target_stdio_begin(struct target *t, uint32_t fd, struct err *err)
{
	if (fd >= 3 || !S_ISREG(mode_of(t, fd)))
		return err_set(err, EBADMSG, "a file that was not offered");
	t->stdio_name = name_of(t, fd);
	t->stdio = openat(t->bundle_fd, t->stdio_name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			  0600);
	return t->stdio < 0 ? err_sys(err, "open \"%s/%s\"", t->bundle, t->stdio_name) : 0;
}

int target_stdio_take(struct target *t, const struct frame *f, struct err *err)
{
	const unsigned char *data;
	uint64_t offset;
	size_t size;

	if (f->type == FRAME_TREE_END) {
		t->stdio = fd_close(t->stdio);
		return 0;
	}
	if (f->type != FRAME_DATA)
		return err_set(err, EBADMSG, "frame %s in a file", frame_name(f->type));
	if (frame_decode_data(f, &offset, &data, &size, err) < 0)
		return -1;
	if (offset == 0 && ftruncate(t->stdio, 0) < 0)
		return err_sys(err, "empty \"%s/%s\"", t->bundle, t->stdio_name);
	if (lseek(t->stdio, (off_t)offset, SEEK_SET) < 0 || fd_write_full(t->stdio, data, size) < 0)
		return err_sys(err, "write \"%s/%s\"", t->bundle, t->stdio_name);
	return 0;
}
