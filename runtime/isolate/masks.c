/* SPDX-License-Identifier: Apache-2.0 */
/* masks.c - paths that a container must not read, or not write
 *
 * A masked file is covered by the host's /dev/null, which is looked at first;
 * never by the container's.  Masked directories are all covered by one empty
 * read-only tmpfs: the first is mounted, the others are binds of it.
 * Paths in a procfs or sysfs of our own are used by name relative to it; all
 * others are resolved beneath the root and used by descriptor.  A path that
 * does not exist is skipped, every other failure is one.
 *
 * runtime-spec config-linux.md "Masked Paths", "Readonly Paths"; mount(2).
 */
#include "runtime/isolate/masks.h"

#include <errno.h>
#include <fcntl.h>
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

#define NULL_PATH   "/dev/null"
#define EMPTY_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define EMPTY_ATTRS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define EMPTY_DATA  "size=4k,nr_inodes=1,mode=0555"
#define LABEL_MAX   1024

/* Those that save the attempt as a file. */
static const char *const directories[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
};

/* --- decided ----------------------------------------------------------------------- */

static bool known_directory(const char *path)
{
	const char *last = strrchr(path, '/');

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (strcmp(path, directories[i]) == 0)
			return true;
	return strcmp(last, "/thermal_throttle") == 0;
}

static int make_list(const struct strings *list, const char *pointer, struct arena *arena,
		     struct masked **ret, size_t *ret_n, struct err *err)
{
	struct masked *v = arena_array(arena, list->n + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < list->n; i++) {
		const char *path;
		size_t k = 0;

		if (list->v[i][0] != '/')
			return err_field(err, EINVAL, pointer, "path \"%s\" is not absolute",
					 list->v[i]);
		path = mount_clean_path(list->v[i], arena);
		if (!path)
			return err_set(err, ENOMEM, "out of memory");
		while (k < n && strcmp(v[k].path, path) != 0)
			k++;
		v[k] = (struct masked){ .path = path,
					.owner = -1,
					.directory = known_directory(path) };
		n += k == n;
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

int masks_make(const struct spec *spec, struct arena *arena, struct mounts *m, struct err *err)
{
	if (make_list(&spec->linux_->maskedPaths, "/linux/maskedPaths", arena, &m->masked.v,
		      &m->masked.n, err) < 0)
		return -1;
	return make_list(&spec->linux_->readonlyPaths, "/linux/readonlyPaths", arena,
			 &m->readonly.v, &m->readonly.n, err);
}

/* --- done --------------------------------------------------------------------------- */

static int fail_mask(const struct masked *p, struct err *err)
{
	return err_sys(err, "mask \"%s\"", p->path);
}

static int fail_readonly(const char *path, struct err *err)
{
	return err_sys(err, "make \"%s\" read-only", path);
}

/* The owner's descriptor, entered; -1: there is none, -2: errno. */
static int enter_owner(const struct mounts *m, const struct masked *p)
{
	int fd = p->owner < 0 ? -1 : m->state->fds[p->owner];

	if (fd < 0 || m->state->cwd == fd)
		return fd;
	if (fchdir(fd) < 0)
		return -2;
	m->state->cwd = fd;
	return fd;
}

static int check_null(const struct mounts *m, struct err *err)
{
	struct stat st;

	if (m->state->null_checked)
		return 0;
	if (stat(NULL_PATH, &st) < 0)
		return err_sys(err, "stat \"%s\"", NULL_PATH);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_set(err, ENODEV, "\"%s\" of the host is not the null device", NULL_PATH);
	m->state->null_checked = true;
	return 0;
}

static int mount_empty(const struct mounts *m, const char *path)
{
	char data[4096];

	if (!m->label)
		return mount("tmpfs", path, "tmpfs", EMPTY_FLAGS, EMPTY_DATA);
	if (str_format(data, sizeof(data), "%s,%s", EMPTY_DATA, m->label) < 0)
		return -1;
	return mount("tmpfs", path, "tmpfs", EMPTY_FLAGS, data);
}

/* A directory relative to an owner, which is the working directory. */
static int mask_own_directory(const struct mounts *m, int owner, const struct masked *p)
{
	struct mounts_state *s = m->state;
	AUTO_FD tree = -1;

	if (s->empty_dir == owner)
		return mount(s->empty_name, p->relative, NULL, MS_BIND, NULL);
	if (s->empty_dir >= 0) {
		/* Asked first: a clone that finds no place makes the kernel wait for all readers
		 * of the mount tree when it is closed. */
		if (faccessat(owner, p->relative, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return -1;
		tree = mountfd_clone(s->empty_dir, s->empty_name, false, false);
		return tree < 0 ? -1
				: move_mount(tree, "", owner, p->relative, MOVE_MOUNT_F_EMPTY_PATH);
	}
	if (mount_empty(m, p->relative) < 0)
		return -1;
	s->empty_dir = owner;
	s->empty_name = p->relative;
	return 0;
}

static int mask_own_file(const struct masked *p)
{
	return mount(NULL_PATH, p->relative, NULL, MS_BIND, NULL);
}

/* Nobody can change what is there between the two attempts: it is the kernel's. */
static int mask_in_owner(const struct mounts *m, int owner, const struct masked *p, struct err *err)
{
	bool directory = p->directory;
	int status = -1;

	for (int attempt = 0; attempt < 2; attempt++) {
		status = directory ? mask_own_directory(m, owner, p) : mask_own_file(p);
		if (status == 0 || errno != ENOTDIR)
			break;
		directory = !directory;
	}
	return status == 0 || errno == ENOENT ? 0 : fail_mask(p, err);
}

/* "context=\"x\"" as the key and value of fsconfig(2). */
static int set_label(int fs, const char *label)
{
	const char *equals = strchr(label, '=');
	char key[32], value[LABEL_MAX];

	if (!equals || str_format(key, sizeof(key), "%.*s", (int)(equals - label), label) < 0 ||
	    str_format(value, sizeof(value), "%.*s", (int)strlen(equals) - 3, equals + 2) < 0)
		return -1;
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0);
}

/* The same file system as mount_empty()'s, detached. */
static int open_empty(const struct mounts *m)
{
	static const char *const options[][2] = { { "size", "4k" },
						  { "nr_inodes", "1" },
						  { "mode", "0555" } };
	AUTO_FD fs = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, options[i][0], options[i][1], 0) < 0)
			return -1;
	if ((m->label && set_label(fs, m->label) < 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, EMPTY_ATTRS);
}

static int mask_directory(const struct mounts *m, int target)
{
	struct mounts_state *s = m->state;
	AUTO_FD tree = -1;

	if (s->empty_dir >= 0) {
		tree = mountfd_clone(s->empty_dir, s->empty_name, false, false);
		return tree < 0 ? -1 : mountfd_attach(tree, target);
	}
	s->empty_fd = open_empty(m);
	if (s->empty_fd < 0 || mountfd_attach(s->empty_fd, target) < 0)
		return -1;
	s->empty_dir = s->empty_fd;
	s->empty_name = "";
	return 0;
}

static int mask_beneath(const struct mounts *m, int root, const struct masked *p, struct err *err)
{
	AUTO_FD target = beneath_open(root, p->path, O_PATH, 0, 0);
	AUTO_FD null = -1;
	struct stat st;

	if (target < 0)
		return errno == ENOENT ? 0 : fail_mask(p, err);
	if (fstat(target, &st) < 0)
		return fail_mask(p, err);
	if (S_ISDIR(st.st_mode))
		return mask_directory(m, target) < 0 ? fail_mask(p, err) : 0;
	null = mountfd_clone(AT_FDCWD, NULL_PATH, false, false);
	if (null < 0 || mountfd_attach(null, target) < 0)
		return fail_mask(p, err);
	return 0;
}

static int mask(const struct mounts *m, int root, const struct masked *p, struct err *err)
{
	int owner = enter_owner(m, p);

	if (owner == -2)
		return fail_mask(p, err);
	if (check_null(m, err) < 0)
		return -1;
	return owner >= 0 ? mask_in_owner(m, owner, p, err) : mask_beneath(m, root, p, err);
}

static int readonly_in_owner(const struct masked *p, struct err *err)
{
	struct mountfd_attr a = { .set = MOUNT_ATTR_RDONLY };

	if (mount(p->relative, p->relative, NULL, MS_BIND | MS_REC, NULL) < 0)
		return errno == ENOENT ? 0 : fail_readonly(p->path, err);
	if (mountfd_setattr(AT_FDCWD, p->relative, &a) == 0)
		return 0;
	if (errno != ENOSYS)
		return fail_readonly(p->path, err);
	/* Flags that are missing in such a bind are not locked: the file system is our own. */
	if (mount(NULL, p->relative, NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return fail_readonly(p->path, err);
	return 0;
}

static int readonly_beneath(const struct mounts *m, int root, const struct masked *p,
			    struct err *err)
{
	struct mountfd_attr a = { .set = MOUNT_ATTR_RDONLY };
	AUTO_FD target = beneath_open(root, p->path, O_PATH, 0, 0);
	AUTO_FD tree = -1;

	if (target < 0)
		return errno == ENOENT ? 0 : fail_readonly(p->path, err);
	tree = mountfd_clone(target, "", true, false);
	if (tree < 0 || mountfd_attach(tree, target) < 0)
		return fail_readonly(p->path, err);
	m->state->cwd = -1;
	return mountfd_change(tree, &a) < 0 ? fail_readonly(p->path, err) : 0;
}

static int make_readonly(const struct mounts *m, int root, const struct masked *p, struct err *err)
{
	int owner = enter_owner(m, p);

	if (owner == -2)
		return fail_readonly(p->path, err);
	return owner >= 0 ? readonly_in_owner(p, err) : readonly_beneath(m, root, p, err);
}

/* A tmpfs in which directories and nodes had to be made. */
static int make_late(const struct mounts *m, int root, size_t i, struct err *err)
{
	struct mountfd_attr a = { .set = MOUNT_ATTR_RDONLY };
	AUTO_FD opened = -1;
	int fd = m->state->fds[i];

	if (fd < 0) {
		opened = beneath_open(root, m->v[i].dest, O_PATH, 0, 0);
		fd = opened;
	}
	m->state->cwd = -1;
	if (fd < 0 || mountfd_change(fd, &a) < 0)
		return fail_readonly(m->v[i].dest, err);
	return 0;
}

int masks_apply(const struct mounts *m, int root_fd, struct err *err)
{
	m->state->cwd = -1;
	for (size_t i = 0; i < m->readonly.n; i++)
		if (make_readonly(m, root_fd, &m->readonly.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < m->masked.n; i++)
		if (mask(m, root_fd, &m->masked.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].late_readonly && make_late(m, root_fd, i, err) < 0)
			return -1;
	return 0;
}
