/* SPDX-License-Identifier: Apache-2.0 */
/* delegate.c - giving a group to the container's root
 *
 * The directory and just those files that the kernel lists as safe to give
 * away; the limits stay ours.
 * Documentation/admin-guide/cgroup-v2.rst "Model of Delegation"; cgroups(7)
 * "Cgroups delegation"; runtime-spec config-linux.md "Cgroup ownership".
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"

#define LIST "/sys/kernel/cgroup/delegate"

static int give(int dir, const char *file, uid_t uid, gid_t gid)
{
	AUTO_FD fd = beneath_open(dir, file, O_PATH | O_CLOEXEC, 0,
				  RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1; /* of a controller that is not enabled */
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
}

int cgroup_delegate(const struct cgroup *g, uid_t uid, gid_t gid, struct err *err)
{
	char list[GROUP_LINE_SIZE];
	char *rest = list, *file;

	if (g->fd < 0)
		return 0;
	if (file_read_line(AT_FDCWD, LIST, list, sizeof(list)) < 0)
		return err_sys(err, "read \"" LIST "\"");
	if (fchownat(g->fd, "", uid, gid, AT_EMPTY_PATH) < 0) {
		if (errno == EPERM && geteuid() != 0)
			return 0; /* its root is another of the user's ids: it has no group to give */
		return err_sys(err, "give cgroup \"%s\" to user %u", g->place.path, uid);
	}
	while ((file = strsep(&rest, "\n")) != NULL)
		if (*file && !strchr(file, '/') && give(g->fd, file, uid, gid) < 0)
			return err_sys(err, "give \"%s\" of cgroup \"%s\" to user %u", file,
				       g->place.path, uid);
	return 0;
}
