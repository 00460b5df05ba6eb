/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - what the host has: where the v2 tree is, and where we are in it
 *
 * Asked by every command, so with as few system calls as there can be: one open
 * and statfs of /sys/fs/cgroup tells a pure v2 host; else /unified below it
 * (the hybrid layout of systemd) is tried.  Only the file system's magic
 * counts, never a name or /proc/mounts.  Where we are matters only to who may
 * not write at the top.
 * cgroups(7), "Cgroups version 2"; statfs(2).
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

#define TREE	    "/sys/fs/cgroup"
#define TREE_HYBRID "/sys/fs/cgroup/unified"

static bool has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "/..")) != NULL; p += 3)
		if (p[3] == '/' || p[3] == '\0')
			return true;
	return false;
}

int own_parse(const char *text, char *dst, size_t size)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len > 3 && memcmp(text, "0::/", 4) == 0) {
			if (len - 3 >= size)
				return -1;
			memcpy(dst, text + 3, len - 3);
			dst[len - 3] = '\0';
			/* seen from a cgroup namespace that we are outside of, it can't be
			 * reached */
			return has_dotdot(dst) ? -1 : 0;
		}
		text += len;
		if (*text)
			text++;
	}
	return -1;
}

/* *ret is -1 when there is none at path.  That we could not look is another answer: taken for none,
 * a group would be forgotten. */
static int tree_open(const char *path, int *ret, struct err *err)
{
	AUTO_FD fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	*ret = -1;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return 0;
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return err_sys(err, "look for a cgroup v2 tree at \"%s\"", path);
	if (fs.f_type == CGROUP2_SUPER_MAGIC)
		*ret = fd_take(&fd);
	return 0;
}

int cgroup_host_find(struct cgroup_host *ret, struct err *err)
{
	struct cgroup_host h = { .root = -1, .own = "/" };
	const char *mount = TREE;
	AUTO_FD root = -1;

	*ret = h;
	if (tree_open(TREE, &root, err) < 0)
		return -1;
	if (root < 0) {
		h.hybrid = true;
		mount = TREE_HYBRID;
		if (tree_open(TREE_HYBRID, &root, err) < 0)
			return -1;
	}
	if (root < 0) { /* no error: a container may run without a group */
		*ret = h;
		return 0;
	}
	(void)str_copy(h.mount, sizeof(h.mount), mount);
	/* One question for users, user namespaces and read-only mounts: may we make groups at the
	 * top?  If not, only below what was delegated to us. */
	h.rootless = faccessat(root, ".", W_OK, AT_EACCESS) < 0;
	if (h.rootless) {
		char text[GROUP_LINE_SIZE];

		if (file_read_line(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
			return err_sys(err, "read \"/proc/self/cgroup\"");
		if (own_parse(text, h.own, sizeof(h.own)) < 0)
			(void)str_copy(h.own, sizeof(h.own), "/");
	}
	h.root = fd_take(&root);
	*ret = h;
	return 0;
}

int cgroup_open_of(const struct cgroup_host *h, const struct cgroup *g, pid_t pid, struct err *err)
{
	char file[64], text[GROUP_LINE_SIZE], path[sizeof(h->own)];
	size_t len = strlen(g->place.path);
	int fd;

	if (str_format(file, sizeof(file), "/proc/%d/cgroup", (int)pid) < 0 ||
	    file_read_line(AT_FDCWD, file, text, sizeof(text)) < 0)
		return err_sys(err, "read the cgroup of process %d", (int)pid);
	if (own_parse(text, path, sizeof(path)) < 0 || strncmp(path, g->place.path, len) != 0 ||
	    (path[len] != '\0' && path[len] != '/'))
		return err_set(err, EXDEV, "process %d is not in cgroup \"%s\"", (int)pid,
			       g->place.path);
	fd = group_open(h->root, path);
	return fd < 0 ? err_sys(err, "open cgroup \"%s%s\"", h->mount, path) : fd;
}

void cgroup_host_release(struct cgroup_host *h)
{
	h->root = fd_close(h->root);
}
