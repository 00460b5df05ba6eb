/* SPDX-License-Identifier: Apache-2.0 */
/* devices.c - device nodes and the standard links of /dev
 *
 * In a /dev that is our own fresh tmpfs everything is made by name relative to
 * its descriptor.  In a /dev that came with the root file system nothing is
 * believed: a node that is there must be the very device, else it is replaced;
 * names are never followed.
 * mknod(2) is not permitted in a user namespace; there an empty file is made
 * and the host's node of the same path is bound on it, and then looked at.
 *
 * runtime-spec config-linux.md "Devices", "Default Devices"; mknod(2).
 */
#include "runtime/isolate/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/buf.h"
#include "base/fd.h"
#include "runtime/isolate/mountfd.h"

#define DEVICE_MODE 0666

static const struct device defaults[] = {
	{ "/dev/null", "null", S_IFCHR | DEVICE_MODE, 1, 3, 0, 0 },
	{ "/dev/zero", "zero", S_IFCHR | DEVICE_MODE, 1, 5, 0, 0 },
	{ "/dev/full", "full", S_IFCHR | DEVICE_MODE, 1, 7, 0, 0 },
	{ "/dev/random", "random", S_IFCHR | DEVICE_MODE, 1, 8, 0, 0 },
	{ "/dev/urandom", "urandom", S_IFCHR | DEVICE_MODE, 1, 9, 0, 0 },
	{ "/dev/tty", "tty", S_IFCHR | DEVICE_MODE, 5, 0, 0, 0 },
};

static const struct {
	const char *name, *target;
	bool replace; /* whatever has the name is removed */
	const char *needs;
} links[] = {
	{ "fd", "/proc/self/fd", false, NULL },
	{ "stdin", "/proc/self/fd/0", false, NULL },
	{ "stdout", "/proc/self/fd/1", false, NULL },
	{ "stderr", "/proc/self/fd/2", false, NULL },
	{ "ptmx", "pts/ptmx", true, NULL },
	{ "core", "/proc/kcore", false, "/proc/kcore" },
};

/* --- decided --------------------------------------------------------------------- */

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static int device_type(const char *type, mode_t *ret)
{
	static const struct {
		char letter;
		mode_t mode;
	} types[] = { { 'c', S_IFCHR }, { 'u', S_IFCHR }, { 'b', S_IFBLK }, { 'p', S_IFIFO } };

	for (size_t i = 0; type && i < ARRAY_SIZE(types); i++) {
		if (type[0] == types[i].letter && type[1] == '\0') {
			*ret = types[i].mode;
			return 0;
		}
	}
	return -1;
}

static int make_one(const struct spec_device *d, size_t index, struct arena *arena,
		    struct device *ret, struct err *err)
{
	char pointer[64];

	(void)snprintf(pointer, sizeof(pointer), "/linux/devices/%zu", index);
	if (!d->path || !d->path[0])
		return err_field(err, EINVAL, pointer, "device has no path");
	ret->path = mount_clean_path(d->path, arena);
	if (!ret->path)
		return out_of_memory(err);
	if (ret->path[1] == '\0')
		return err_field(err, EINVAL, pointer, "\"%s\" can't be a device", d->path);
	if (device_type(d->type, &ret->mode) < 0)
		return err_field(err, EINVAL, pointer, "device \"%s\": unknown type \"%s\"",
				 d->path, d->type ? d->type : "");
	if (ret->mode != S_IFIFO) {
		if (!d->major.has || !d->minor.has || d->major.v < 0 || d->minor.v < 0 ||
		    d->major.v > UINT_MAX || d->minor.v > UINT_MAX)
			return err_field(err, EINVAL, pointer,
					 "device \"%s\" needs major and minor numbers", d->path);
		ret->major = (unsigned int)d->major.v;
		ret->minor = (unsigned int)d->minor.v;
	}
	ret->mode |= d->fileMode.has ? (mode_t)d->fileMode.v & 07777 : DEVICE_MODE;
	ret->uid = d->uid.has ? (uint32_t)d->uid.v : 0;
	ret->gid = d->gid.has ? (uint32_t)d->gid.v : 0;
	if (str_starts(ret->path, "/dev/") && !strchr(ret->path + 5, '/'))
		ret->name = ret->path + 5;
	return 0;
}

int devices_make(const struct spec *spec, struct arena *arena, struct mounts *m, struct err *err)
{
	size_t n_spec = spec->linux_->devices.n, n = ARRAY_SIZE(defaults);
	struct device *v = arena_array(arena, n + n_spec, sizeof(*v));

	if (!v)
		return out_of_memory(err);
	memcpy(v, defaults, sizeof(defaults));
	for (size_t i = 0; i < n_spec; i++) {
		struct device d = { 0 };
		size_t k = 0;

		if (make_one(&spec->linux_->devices.v[i], i, arena, &d, err) < 0)
			return -1;
		while (k < n && strcmp(v[k].path, d.path) != 0)
			k++;
		v[k] = d;
		n += k == n;
	}
	m->devices.v = v;
	m->devices.n = n;
	return 0;
}

/* --- done ------------------------------------------------------------------------- */

struct place {
	const struct mounts *m;
	int root;
	int dev; /* O_PATH descriptor of /dev */
	bool fresh; /* nobody else has written to it */
};

static bool is_device(const struct stat *st, const struct device *d)
{
	return (st->st_mode & S_IFMT) == (d->mode & S_IFMT) &&
	       (S_ISFIFO(d->mode) || st->st_rdev == makedev(d->major, d->minor));
}

static int fail(const struct device *d, struct err *err)
{
	return err_sys(err, "make device \"%s\"", d->path);
}

/* Something has the name: fine if it is that device with that owner and mode, else it makes room (its
 * mode is never changed: chmod(2) would follow a link that took the name since).  1 fine, 0 gone. */
static int check_existing(int dir, const char *name, const struct device *d)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (is_device(&st, d) && st.st_mode == d->mode && st.st_uid == d->uid &&
	    st.st_gid == d->gid)
		return 1;
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	/* Can't be replaced: mounted there by the configuration, or on a read-only file system. */
	return is_device(&st, d) && (errno == EBUSY || errno == EROFS) ? 1 : -1;
}

static int own_node(int dir, const char *name, const struct device *d)
{
	if (d->uid == 0 && d->gid == 0)
		return 0;
	return fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW);
}

/* 0 made, 1 not permitted here. */
static int make_node(int dir, const char *name, const struct device *d)
{
	dev_t rdev = S_ISFIFO(d->mode) ? 0 : makedev(d->major, d->minor);

	if (mknodat(dir, name, d->mode, rdev) < 0) {
		int there = 0;

		if (errno == EPERM)
			return 1;
		if (errno != EEXIST || (there = check_existing(dir, name, d)) < 0)
			return -1;
		if (there == 1)
			return 0;
		if (mknodat(dir, name, d->mode, rdev) < 0)
			return errno == EPERM ? 1 : -1;
	}
	return own_node(dir, name, d);
}

/* An empty file of our own to bind on; 1: the device is there. */
static int make_bind_point(int dir, const char *name, const struct device *d)
{
	int there;

	if (mknodat(dir, name, S_IFREG, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	there = check_existing(dir, name, d);
	if (there != 0)
		return there;
	return mknodat(dir, name, S_IFREG, 0);
}

static int bind_node(const struct place *p, int dir, const char *name, const struct device *d)
{
	AUTO_FD tree = -1;
	struct stat st;
	int status = make_bind_point(dir, name, d);

	if (status != 0)
		return status < 0 ? -1 : 0;
	if (p->fresh && d->name) {
		if (p->m->state->cwd != dir && fchdir(dir) < 0)
			return -1;
		p->m->state->cwd = dir;
		if (mount(d->path, name, NULL, MS_BIND, NULL) < 0)
			return -1;
	} else {
		tree = mountfd_clone(AT_FDCWD, d->path, false, false);
		if (tree < 0 || move_mount(tree, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return -1;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (!is_device(&st, d)) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

static int make_device(const struct place *p, const struct device *d, struct err *err)
{
	char other[NAME_MAX + 1];
	const char *name = d->name;
	AUTO_FD parent = -1;
	int dir = p->dev, status = 1;

	if (!name) {
		parent = beneath_parent(p->root, d->path, true, other);
		dir = parent;
		name = other;
		if (dir < 0)
			return fail(d, err);
	}
	if (!p->m->user_namespace || S_ISFIFO(d->mode))
		status = make_node(dir, name, d);
	if (status == 1)
		status = bind_node(p, dir, name, d);
	return status < 0 ? fail(d, err) : 0;
}

static int make_link(const struct place *p, size_t i, struct err *err)
{
	if (links[i].needs && faccessat(AT_FDCWD, links[i].needs, F_OK, 0) < 0)
		return 0;
	if (symlinkat(links[i].target, p->dev, links[i].name) == 0)
		return 0;
	if (errno == EEXIST && links[i].replace) {
		char there[16];
		ssize_t n = readlinkat(p->dev, links[i].name, there, sizeof(there));

		if (n == (ssize_t)strlen(links[i].target) &&
		    memcmp(there, links[i].target, (size_t)n) == 0)
			return 0;
		if (unlinkat(p->dev, links[i].name, 0) == 0 &&
		    symlinkat(links[i].target, p->dev, links[i].name) == 0)
			return 0;
	} else if (errno == EEXIST) {
		return 0; /* the image's own: it harms only itself */
	}
	return err_sys(err, "make link \"/dev/%s\"", links[i].name);
}

int devices_apply(const struct mounts *m, int root_fd, struct err *err)
{
	struct place p = { .m = m, .root = root_fd, .dev = -1 };
	AUTO_FD dev = -1;

	m->state->cwd = -1;
	if (!m->own_dev)
		return 0;
	if (m->dev >= 0)
		p.dev = m->state->fds[m->dev];
	p.fresh = p.dev >= 0;
	if (!p.fresh) {
		dev = beneath_make_dir(root_fd, "/dev", 0755);
		p.dev = dev;
		if (dev < 0)
			return err_sys(err, "open \"/dev\" of the container");
	}
	for (size_t i = 0; i < m->devices.n; i++)
		if (make_device(&p, &m->devices.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (make_link(&p, i, err) < 0)
			return -1;
	return 0;
}
