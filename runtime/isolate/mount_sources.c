/* SPDX-License-Identifier: Apache-2.0 */
/* mount_sources.c - what the parent opens for an init that can't do it itself
 *
 * With a user namespace the container's root is nobody on the host: it can't
 * search a directory like /root, and it may not give id mappings to a mount of
 * the host.  The parent, real root, makes a detached clone of such sources and
 * the init attaches it.  Everything else the init clones itself on purpose:
 * the flags of a mount that comes with the copy of the host's mount namespace
 * are locked in it (mount_namespaces(7)), those of a parent's clone are not.
 *
 * open_tree(2), mount_setattr(2) "ID-mapped mounts", setfsuid(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/proc.h"
#include "runtime/isolate/mountfd.h"
#include "runtime/isolate/mounts.h"

static void map_text(const struct spec_id_maps *maps, struct buf *out)
{
	for (size_t i = 0; i < maps->n; i++)
		buf_printf(out, "%u %u %u\n", maps->v[i].containerID, maps->v[i].hostID,
			   maps->v[i].size);
}

static int open_userns(const struct mount_entry *e, struct err *err)
{
	AUTO_BUF uids, gids;
	int fd;

	buf_init(&uids);
	buf_init(&gids);
	if (e->userns) {
		fd = open(e->userns, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? err_sys(err, "open user namespace \"%s\"", e->userns) : fd;
	}
	map_text(e->uid_map, &uids);
	map_text(e->gid_map, &gids);
	if (buf_failed(&uids) || buf_failed(&gids))
		return err_set(err, ENOMEM, "out of memory");
	return spawn_userns(uids.s, gids.s, err);
}

static int map_ids(const struct mount_entry *e, int tree, struct err *err)
{
	AUTO_FD userns = open_userns(e, err);
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	unsigned int flags = AT_EMPTY_PATH | (e->idmap_recursive ? AT_RECURSIVE : 0);

	if (userns < 0)
		return -1;
	attr.userns_fd = (uint64_t)userns;
	if (mount_setattr(tree, "", flags, &attr, sizeof(attr)) < 0)
		return err_sys(err, "give id mappings to the mount of \"%s\"", e->source);
	return 0;
}

int mount_entry_open_source(struct mount_entry *e, struct err *err)
{
	AUTO_FD tree = mountfd_clone(AT_FDCWD, e->source, e->recursive, e->src_nofollow);

	if (tree < 0)
		return err_sys(err, "open bind mount source \"%s\"", e->source);
	if (e->idmap && map_ids(e, tree, err) < 0)
		return -1;
	e->source_fd = fd_take(&tree);
	return 0;
}

/* Asked while the file system ids are those of the container's root. */
static bool can_reach(const char *path)
{
	AUTO_FD fd = open(path, O_PATH | O_CLOEXEC);

	return fd >= 0 || errno != EACCES;
}

/* Marks sources; is the root file system itself out of reach? */
static bool find_unreachable(struct mounts *m)
{
	int gid = setfsgid(m->root_gid), uid = setfsuid(m->root_uid);
	bool root = !can_reach(m->rootfs);

	for (size_t i = 0; i < m->n; i++)
		m->v[i].unreachable = m->v[i].kind == MOUNT_BIND && !can_reach(m->v[i].source);
	(void)setfsuid((uid_t)uid);
	(void)setfsgid((gid_t)gid);
	return root;
}

int mounts_open_sources(struct mounts *m, struct err *err)
{
	bool foreign = m->privileged && m->user_namespace && m->root_uid != (uint32_t)-1 &&
		       m->root_gid != (uint32_t)-1;

	if (foreign && find_unreachable(m)) {
		m->rootfs_fd = mountfd_clone(AT_FDCWD, m->rootfs, true, false);
		if (m->rootfs_fd < 0)
			return err_sys(err, "open root file system \"%s\"", m->rootfs);
	}
	for (size_t i = 0; i < m->n; i++) {
		struct mount_entry *e = &m->v[i];

		if ((e->idmap || e->unreachable) && e->source_fd < 0 &&
		    mount_entry_open_source(e, err) < 0)
			return -1;
	}
	return 0;
}

void mounts_close(struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->v[i].source_fd = fd_close(m->v[i].source_fd);
	m->rootfs_fd = fd_close(m->rootfs_fd);
}

size_t mounts_collect_fds(const struct mounts *m, int *fds, size_t *indexes, size_t max)
{
	size_t n = 0;

	if (m->rootfs_fd >= 0 && n < max) {
		fds[n] = m->rootfs_fd;
		indexes[n++] = MOUNT_NOT_IN_SPEC;
	}
	for (size_t i = 0; i < m->n && n < max; i++) {
		if (m->v[i].source_fd < 0)
			continue;
		fds[n] = m->v[i].source_fd;
		indexes[n++] = i;
	}
	return n;
}

int mounts_set_fd(struct mounts *m, size_t index, int fd)
{
	if (index == MOUNT_NOT_IN_SPEC) {
		m->rootfs_fd = fd;
		return 0;
	}
	if (index >= m->n) {
		errno = EINVAL;
		return -1;
	}
	m->v[index].source_fd = fd;
	return 0;
}
