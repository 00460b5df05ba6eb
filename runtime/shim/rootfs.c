/* SPDX-License-Identifier: Apache-2.0 */
/* rootfs.c - the mounts that containerd's snapshotter asks for, on the bundle's rootfs
 *
 * Runs in a worker.  The words are mount(8)'s; unknown ones are for the file
 * system.  overlay with many layers does not fit into the page that mount(2)
 * takes: then the layers get short names; so they do when their owners are
 * mapped, which is done layer by layer (Linux 5.19).
 *
 * mount(2), mount(8); containerd core/mount/mount_linux.go is the reference
 * for which words there are.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "runtime/shim/shim.h"
#include "runtime/spec/names.h"

#define ROOTFS	    "rootfs"
#define DATA_MAX    4095 /* mount(2): a page with its NUL */
#define MOUNTS_MAX  ((size_t)16 << 20)
#define UNMOUNTS    10
#define ATTR_IDMAP  0x00100000 /* MOUNT_ATTR_IDMAP */
#define FROM_EMPTY  0x00000004 /* MOVE_MOUNT_F_EMPTY_PATH */
#define HELPER_TIME 30000 /* ms */
#define LOOP_PATH   32
#define LOOP_TRIES  64
#define PLAN_ARENA  ((size_t)16 << 20)

struct mount_plan {
	unsigned long flags;
	unsigned long propagation;
	bool loop;
	struct buf data;
	const char *uidmap, *gidmap; /* or NULL */
	const char *bundle; /* where something may be put for a moment */
	struct arena *arena;
};

/* "0:1000:10,..." to the lines of a map file. */
static const char *map_lines(const char *text, struct arena *arena)
{
	char *lines = arena_strdup(arena, text);

	for (char *at = lines; at && *at; at++)
		if (*at == ':')
			*at = ' ';
		else if (*at == ',')
			*at = '\n';
	return lines;
}

static int plan_option(struct mount_plan *p, const char *word, struct err *err)
{
	const struct mount_opt *o = mount_opt_find(word);

	if (str_starts(word, "X-containerd."))
		return err_set(err, EINVAL, "mount option \"%s\" is not known", word);
	if (str_starts(word, "uidmap="))
		p->uidmap = map_lines(word + strlen("uidmap="), p->arena);
	else if (str_starts(word, "gidmap="))
		p->gidmap = map_lines(word + strlen("gidmap="), p->arena);
	else if (strcmp(word, "loop") == 0)
		p->loop = true;
	else if (o && o->kind == MOUNT_OPT_FLAG)
		p->flags = o->clear ? p->flags & ~o->value : p->flags | o->value;
	else if (o && o->kind == MOUNT_OPT_PROPAGATION)
		p->propagation = o->value;
	else if (word[0])
		buf_printf(&p->data, "%s%s", p->data.len ? "," : "", word);
	return 0;
}

/* --- owners ------------------------------------------------------------------------------- */

static bool is_mapped(const struct mount_plan *p)
{
	return p->uidmap || p->gidmap;
}

static int open_map(const struct mount_plan *p, struct err *err)
{
	if (!p->uidmap || !p->gidmap)
		return err_set(err, EINVAL, "an id-mapped mount needs uidmap and gidmap");
	return spawn_userns(p->uidmap, p->gidmap, err);
}

/* A copy, mounted nowhere yet, of what is at path, with other owners: mount_setattr(2), Linux 5.12. */
static int open_mapped(const char *path, int userns, struct err *err)
{
	struct mount_attr attr = { .attr_set = ATTR_IDMAP, .userns_fd = (uint64_t)userns };
	AUTO_FD tree = (int)syscall(SYS_open_tree, AT_FDCWD, path,
				    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
				sizeof(attr)) < 0)
		return err_sys(err, "map the owners of \"%s\"", path);
	return fd_take(&tree);
}

/* Gives a mount that is there other owners. */
static int idmap(const char *target, const struct mount_plan *p, struct err *err)
{
	AUTO_FD userns = open_map(p, err);
	AUTO_FD tree = userns < 0 ? -1 : open_mapped(target, userns, err);

	if (tree < 0)
		return -1;
	if (umount2(target, MNT_DETACH) < 0 ||
	    syscall(SYS_move_mount, tree, "", AT_FDCWD, target, FROM_EMPTY) < 0)
		return err_sys(err, "mount \"%s\" with mapped owners", target);
	return 0;
}

/* --- overlay's layers ---------------------------------------------------------------------- */

/* A folder of our own with the layers as "0", "1", ...: links, or mounts where owners are mapped. */
struct layers {
	char path[4096];
	int dir, userns; /* -1 */
	int n;
};

/* The next of a ':' list, unescaped, into ret; what follows, or NULL at the end. */
static const char *next_layer(const char *list, struct buf *ret)
{
	buf_clear(ret);
	for (; *list && *list != ':'; list++) {
		if (list[0] == '\\' && list[1])
			list++;
		buf_add(ret, list, 1);
	}
	return *list ? list + 1 : NULL;
}

static int mount_layer(const struct layers *l, const char *layer, const char *name, struct err *err)
{
	AUTO_FD tree = open_mapped(layer, l->userns, err);

	if (tree < 0)
		return -1;
	if (mkdirat(l->dir, name, 0700) < 0)
		return err_sys(err, "make a folder for layer \"%s\"", layer);
	if (syscall(SYS_move_mount, tree, "", l->dir, name, FROM_EMPTY) < 0) {
		err_sys_(err, "mount layer \"%s\"", layer);
		(void)unlinkat(l->dir, name, AT_REMOVEDIR);
		return -1;
	}
	return 0;
}

static int add_layers(struct layers *l, const char *list, struct err *err)
{
	AUTO_BUF layer;

	buf_init(&layer);
	for (const char *at = list; at && *at; l->n++) {
		char name[16];

		at = next_layer(at, &layer);
		(void)snprintf(name, sizeof(name), "%d", l->n);
		if (buf_failed(&layer))
			return err_set(err, ENOMEM, "out of memory");
		if (l->userns >= 0 && mount_layer(l, layer.s, name, err) < 0)
			return -1;
		if (l->userns < 0 && symlinkat(layer.s, l->dir, name) < 0)
			return err_sys(err, "link layer \"%s\"", layer.s);
	}
	return 0;
}

/* Never what is in a layer: a folder that is still mounted stays. */
static void layers_release(struct layers *l)
{
	char name[16];

	for (int i = 0; i < l->n && fchdir(l->dir) == 0; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		if (l->userns >= 0)
			(void)umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW);
		(void)unlinkat(l->dir, name, l->userns >= 0 ? AT_REMOVEDIR : 0);
	}
	(void)fd_close(l->dir);
	(void)fd_close(l->userns);
	(void)!chdir("/");
	(void)rmdir(l->path);
}

static int layers_init(struct layers *l, const struct mount_plan *p, struct err *err)
{
	*l = (struct layers){ .dir = -1, .userns = -1 };
	if (str_format(l->path, sizeof(l->path), "%s/layers-XXXXXX", p->bundle) < 0 ||
	    !mkdtemp(l->path))
		return err_sys(err, "make a folder in \"%s\"", p->bundle);
	l->dir = open(l->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir < 0)
		return err_sys(err, "open \"%s\"", l->path);
	if (is_mapped(p) && (l->userns = open_map(p, err)) < 0)
		return -1;
	return 0;
}

/* "lowerdir=/long/a:/long/b,rest" as "lowerdir=0:1,rest". */
static int name_layers(struct layers *l, const char *data, struct buf *ret, struct err *err)
{
	const char *lower = strstr(data, "lowerdir=");
	const char *rest;
	AUTO_BUF list;

	buf_init(&list);
	if (!lower)
		return err_set(err, E2BIG, "no lowerdir, or options longer than a page");
	lower += strlen("lowerdir=");
	rest = lower + strcspn(lower, ",");
	buf_add(&list, lower, (size_t)(rest - lower));
	if (buf_failed(&list))
		return err_set(err, ENOMEM, "out of memory");
	if (add_layers(l, list.s, err) < 0)
		return -1;
	buf_add(ret, data, (size_t)(lower - data));
	for (int i = 0; i < l->n; i++)
		buf_printf(ret, "%s%d", i ? ":" : "", i);
	buf_puts(ret, rest);
	if (buf_failed(ret) || ret->len > DATA_MAX)
		return err_set(err, E2BIG, "options longer than a page");
	return 0;
}

/* mount(2) takes a page of options, and owners are mapped by layer: the layers get short names in a folder
 * where the mount is done (overlay follows links and keeps what it was given). */
static int mount_layers(const struct mount_message *m, const struct mount_plan *p,
			const char *target, struct err *err)
{
	struct layers layers;
	AUTO_BUF data;
	int rc;

	buf_init(&data);
	if (layers_init(&layers, p, err) < 0)
		rc = -1;
	else if (name_layers(&layers, p->data.s, &data, err) < 0)
		rc = err_wrap(err, "mount %s on \"%s\"", m->type, target);
	else if (fchdir(layers.dir) < 0 || mount(m->source, target, m->type, p->flags, data.s) < 0)
		rc = err_sys(err, "mount %s on \"%s\"", m->type, target);
	else
		rc = 0;
	layers_release(&layers);
	return rc;
}

/* --- loop devices --------------------------------------------------------------------------- */

/* A device over the file, gone by itself with its last user (loop(4)). */
static int open_loop(const char *file, bool read_only, char device[LOOP_PATH], struct err *err)
{
	AUTO_FD control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	AUTO_FD backing = open(file, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (control < 0 || backing < 0)
		return err_sys(err, "open \"%s\"", control < 0 ? "/dev/loop-control" : file);
	for (int i = 0; i < LOOP_TRIES; i++) {
		struct loop_config config = { .fd = (uint32_t)backing };
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		AUTO_FD fd = -1;

		(void)snprintf(device, LOOP_PATH, "/dev/loop%d", n);
		fd = n < 0 ? -1 : open(device, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, "get a loop device");
		config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0);
		(void)str_copy((char *)config.info.lo_file_name, LO_NAME_SIZE, file);
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			return fd_take(&fd);
		if (errno != EBUSY) /* EBUSY: somebody was faster */
			return err_sys(err, "attach \"%s\" to \"%s\"", file, device);
	}
	return err_set(err, EBUSY, "no free loop device for \"%s\"", file);
}

/* --- one mount --------------------------------------------------------------------------- */

/* fuse.PROGRAM and fuse3.PROGRAM: mount.fuse(8) knows how. */
static int mount_fuse(const struct mount_message *m, const char *target, struct err *err)
{
	const char *dot = strchr(m->type, '.');
	AUTO_BUF options;
	AUTO_BUF source;
	AUTO_BUF output;
	char *const env[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, NULL };
	char *argv[] = { (char[]){ "mount.fuse" }, NULL, NULL, (char[]){ "-o" }, NULL, NULL };
	struct proc_run run = { .argv = argv,
				.env = env,
				.stdout_fd = -1,
				.stderr_fd = -1,
				.output = &output,
				.timeout_ms = HELPER_TIME };
	char where[4096];

	buf_init(&options);
	buf_init(&source);
	buf_init(&output);
	run.path = str_starts(m->type, "fuse3.") && access("/sbin/mount.fuse3", X_OK) == 0
			   ? "/sbin/mount.fuse3"
			   : "/sbin/mount.fuse";
	buf_printf(&source, "%s#%s", dot + 1, m->source ? m->source : "");
	for (size_t i = 0; i < m->options.n; i++)
		buf_printf(&options, "%s%s", i ? "," : "", m->options.v[i]);
	if (str_copy(where, sizeof(where), target) < 0 || buf_failed(&options))
		return err_sys(err, "mount %s", m->type);
	argv[1] = source.s;
	argv[2] = where;
	argv[4] = options.s;
	if (options.len == 0)
		argv[3] = NULL;
	switch (proc_run(&run, err)) {
	case -1:
		return -1;
	case 0:
		return 0;
	default:
		return err_set(err, EIO, "mount %s: %.200s", m->type, output.s);
	}
}

static bool is_overlay(const struct mount_message *m)
{
	return m->type && strcmp(m->type, "overlay") == 0;
}

static int mount_new(const struct mount_message *m, const struct mount_plan *p, const char *target,
		     struct err *err)
{
	char device[LOOP_PATH];
	const char *source = m->source;
	AUTO_FD loop = -1; /* until it is mounted */

	if (p->data.len > DATA_MAX || (is_overlay(m) && is_mapped(p)))
		return mount_layers(m, p, target, err);
	if (p->loop) {
		loop = open_loop(m->source, p->flags & MS_RDONLY, device, err);
		if (loop < 0)
			return -1;
		source = device;
	}
	if (mount(source, target, m->type, p->flags, p->data.s) < 0)
		return err_sys(err, "mount %s \"%s\" on \"%s\"", m->type ? m->type : "",
			       source ? source : "", target);
	return 0;
}

static int mount_planned(const struct mount_message *m, const struct mount_plan *p,
			 const char *target, struct err *err)
{
	unsigned long remount = MS_BIND | MS_REMOUNT | (p->flags & ~(unsigned long)MS_REC);

	if (mount_new(m, p, target, err) < 0)
		return -1;
	/* mount(2): a new bind mount takes no other flags. */
	if ((p->flags & MS_BIND) &&
	    (p->flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME)) &&
	    mount(NULL, target, NULL, remount, NULL) < 0)
		return err_sys(err, "remount \"%s\"", target);
	if (p->propagation && mount(NULL, target, NULL, p->propagation, NULL) < 0)
		return err_sys(err, "set the propagation of \"%s\"", target);
	return is_mapped(p) && !is_overlay(m) ? idmap(target, p, err) : 0;
}

static int mount_one(const struct mount_message *m, const char *target, const char *bundle,
		     struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct mount_plan p = { .arena = &arena, .bundle = bundle };
	int rc = 0;

	arena_init(&arena, PLAN_ARENA);
	if (m->type && (str_starts(m->type, "fuse.") || str_starts(m->type, "fuse3.")))
		return mount_fuse(m, target, err);
	buf_init(&p.data);
	for (size_t i = 0; i < m->options.n && rc == 0; i++)
		rc = plan_option(&p, m->options.v[i], err);
	if (rc == 0 && buf_failed(&p.data))
		rc = err_set(err, ENOMEM, "out of memory");
	if (rc == 0)
		rc = mount_planned(m, &p, target, err);
	buf_release(&p.data);
	return rc;
}

/* Below what is mounted there already, and nowhere else. */
static int mount_inside(const struct mount_message *m, const char *rootfs, const char *bundle,
			struct err *err)
{
	char target[64];
	AUTO_FD root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD inside = root < 0 ? -1 : beneath_make_dir(root, m->target, 0755);

	if (inside < 0)
		return err_sys(err, "make \"%s\" in \"%s\"", m->target, rootfs);
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", inside);
	return mount_one(m, target, bundle, err);
}

int rootfs_mount(const char *bundle, const struct mount_messages *mounts, struct err *err)
{
	char rootfs[4096];

	if (mounts->n == 0)
		return 0;
	if (str_format(rootfs, sizeof(rootfs), "%s/" ROOTFS, bundle) < 0)
		return err_sys(err, "name \"%s\"", bundle);
	if (mkdir(rootfs, 0711) < 0 && errno != EEXIST)
		return err_sys(err, "make \"%s\"", rootfs);
	for (size_t i = 0; i < mounts->n; i++) {
		const struct mount_message *m = &mounts->v[i];
		bool below = m->target && m->target[0];

		if ((below ? mount_inside(m, rootfs, bundle, err)
			   : mount_one(m, rootfs, bundle, err)) == 0)
			continue;
		(void)rootfs_unmount(bundle, NULL);
		return -1;
	}
	return 0;
}

/* --- unmount ------------------------------------------------------------------------------- */

/* proc(5), mountinfo: \040 and the like. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++)
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] && at[3]) {
			*to++ = (char)(unsigned char)((at[1] - '0') << 6 | (at[2] - '0') << 3 |
						      (at[3] - '0'));
			at += 3;
		} else {
			*to++ = *at;
		}
	*to = '\0';
}

/* The mount point (field 5) of a line, in place. */
static char *mount_point(char *line)
{
	for (int i = 0; i < 4 && line; i++) {
		line = strchr(line, ' ');
		if (line)
			line++;
	}
	if (!line || !strchr(line, ' '))
		return NULL;
	*strchr(line, ' ') = '\0';
	unescape(line);
	return line;
}

/* The last mount at or below path: what lies on others comes later. false: there is none. */
static bool last_mount(const char *path, char *ret, size_t size)
{
	size_t len = strlen(path);
	bool found = false;
	AUTO_BUF text;

	buf_init(&text);
	if (file_read(AT_FDCWD, "/proc/self/mountinfo", &text, MOUNTS_MAX, false) < 0)
		return false;
	for (char *at = text.s; at && *at;) {
		char *end = strchr(at, '\n'), *point;

		if (end)
			*end++ = '\0';
		point = mount_point(at);
		if (point && strncmp(point, path, len) == 0 &&
		    (point[len] == '/' || point[len] == '\0') && str_copy(ret, size, point) == 0)
			found = true;
		at = end;
	}
	return found;
}

int rootfs_unmount(const char *bundle, struct err *err)
{
	char rootfs[4096], real[4096], point[4096];
	int failures = 0;

	if (str_format(rootfs, sizeof(rootfs), "%s/" ROOTFS, bundle) < 0)
		return err_sys(err, "name \"%s\"", bundle);
	if (!realpath(rootfs, real))
		return errno == ENOENT ? 0 : err_sys(err, "find \"%s\"", rootfs);
	while (last_mount(real, point, sizeof(point))) {
		if (umount2(point, UMOUNT_NOFOLLOW) == 0)
			continue;
		if (errno == EINVAL) /* somebody else was faster, or it is no mount of ours */
			return 0;
		if (errno != EBUSY)
			return err_sys(err, "unmount \"%s\"", point);
		if (++failures >= UNMOUNTS) {
			if (umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
				return err_sys(err, "unmount \"%s\"", point);
			failures = 0;
			continue;
		}
		(void)usleep(10000);
	}
	return 0;
}
