/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c - run from a file that a container can't open for writing
 *
 * A process that enters a container shows it the runtime's own file as
 * /proc/PID/exe, and `#!/proc/self/exe` runs it there: whoever gets hold of
 * the file could write to it later (CVE-2019-5736).  So the program executes
 * itself again, first of all, from a detached read-only mount of its file
 * (open_tree(2), mount_setattr(2)): opening that for writing gives EROFS
 * whatever the capabilities.  Where mounts can't be made (an ordinary user) a
 * sealed memfd takes its place, unless the file belongs to someone else and
 * can't be written anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "runtime/container/runtime.h"

#define SELF "/proc/self/exe"
#ifndef MFD_EXEC
# define MFD_EXEC 0x0010U
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool is_sealed_memory(void)
{
	AUTO_FD self = open(SELF, O_RDONLY | O_CLOEXEC);
	int seals = self < 0 ? -1 : fcntl(self, F_GET_SEALS); /* EINVAL for what is no memfd */

	return seals >= 0 && (seals & SEALS) == SEALS;
}

/* Neither ours nor writable: an ordinary user's container can't become its owner. */
static bool is_out_of_reach(void)
{
	struct stat st;

	return geteuid() != 0 && stat(SELF, &st) == 0 && st.st_uid != geteuid() &&
	       faccessat(AT_FDCWD, SELF, W_OK, AT_EACCESS) < 0;
}

/* By access(2) that is known soonest; statfs(2) adds up what is free, for all processors. */
bool seal_is_sealed(void)
{
	struct statfs fs;
	bool known;

	if (syscall(SYS_faccessat2, AT_FDCWD, SELF, W_OK, AT_EACCESS) < 0 && errno == EROFS)
		return true;
	known = statfs(SELF, &fs) == 0;
	if (known && (fs.f_flags & ST_RDONLY))
		return true;
	if ((!known || fs.f_type == TMPFS_MAGIC) && is_sealed_memory())
		return true;
	return is_out_of_reach();
}

static int clone_read_only(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };
	AUTO_FD fd =
		(int)syscall(SYS_open_tree, AT_FDCWD, SELF, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -1;
	return fd_take(&fd);
}

static int copy_sealed(void)
{
	AUTO_FD from = open(SELF, O_RDONLY | O_CLOEXEC);
	AUTO_FD to = memfd_create("skerry", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	struct stat st;
	off_t at = 0;

	if (to < 0 && errno == EINVAL) /* before Linux 6.3 */
		to = memfd_create("skerry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (from < 0 || to < 0 || fstat(from, &st) < 0)
		return -1;
	while (at < st.st_size)
		if (sendfile(to, from, &at, (size_t)(st.st_size - at)) <= 0)
			return -1;
	if (fchmod(to, 0555) < 0 || fcntl(to, F_ADD_SEALS, SEALS) < 0)
		return -1;
	return fd_take(&to);
}

int skerry_seal(char *const argv[], struct skerry_error *err)
{
	AUTO_FD fd = -1;

	if (seal_is_sealed())
		return 0;
	fd = clone_read_only();
	if (fd < 0)
		fd = copy_sealed();
	if (fd >= 0)
		(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	if (err) {
		*err = (struct skerry_error){ .code = errno };
		(void)snprintf(err->message, sizeof(err->message),
			       "run from a sealed copy of this program: error %d", errno);
	}
	return -1;
}
