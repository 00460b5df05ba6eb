/* SPDX-License-Identifier: Apache-2.0 */
/* restore_mounts.c - what criu finds in its own mounts: sources of the container's, images made anew
 *
 * mount_namespaces(7); criu's --ext-mount-map.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"
#include "runtime/container/criu_image.h"
#include "runtime/container/plan.h"
#include "runtime/container/restore.h"
#include "runtime/container/spawn.h"

#define FRESH_DIR "fresh-"
#define NOTIFY_AT "/run/notify"

/* --- images -------------------------------------------------------------------------------- */

int restore_read_image(const struct restore *r, const char *name, struct buf *ret, struct err *err)
{
	if (file_read(r->dirs.images_fd, name, ret, ret->max, true) < 0)
		return err_sys(err, "read \"%s/%s\"", r->dirs.images, name);
	return 0;
}

/* What criu is to read in its own mounts; the images stay as they are. */
static int put_adapted(struct restore *r, const char *name, const struct buf *text, struct err *err)
{
	/* In a user namespace its root is somebody else on the host. */
	if (file_replace(r->with->made->entry.dir, name, text->s, text->len, 0644) < 0)
		return err_sys(err, "write \"%s/%s\"", r->state, name);
	r->adapted[r->n_adapted++] = name;
	return 0;
}

/* Where another file takes a place. */
static int adapt_files(struct restore *r, struct err *err)
{
	AUTO_BUF text;
	AUTO_BUF adapted;
	int rc;

	buf_init_max(&text, CRIU_FILES_MAX);
	buf_init_max(&adapted, CRIU_FILES_MAX);
	if (!r->n_outside)
		return 0;
	if (restore_read_image(r, CRIU_FILES, &text, err) < 0)
		return -1;
	rc = criu_files_adapt(text.s, text.len, r->outside, r->n_outside, &adapted, err);
	return rc <= 0 ? rc : put_adapted(r, CRIU_FILES, &adapted, err);
}

/* criu takes from the inventory how packets were held back, and does likewise. */
static int adapt_lock(struct restore *r, struct err *err)
{
	AUTO_BUF text;
	AUTO_BUF adapted;

	buf_init_max(&text, CRIU_INVENTORY_MAX);
	buf_init_max(&adapted, CRIU_INVENTORY_MAX);
	if (!r->no_lock)
		return 0;
	if (restore_read_image(r, CRIU_INVENTORY, &text, err) < 0 ||
	    criu_inventory_without_lock(text.s, text.len, &adapted, err) < 0)
		return -1;
	return put_adapted(r, CRIU_INVENTORY, &adapted, err);
}

/* --- mounts -------------------------------------------------------------------------------- */

static int add_mount(struct restore *r, const char *key, const char *val, struct err *err)
{
	struct criu_ext_mount *v = arena_array(&r->arena, r->opts.ext_mnt.n + 1, sizeof(*v));

	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < r->opts.ext_mnt.n; i++)
		v[i] = r->opts.ext_mnt.v[i];
	v[r->opts.ext_mnt.n] = (struct criu_ext_mount){ arena_strdup(&r->arena, key),
							arena_strdup(&r->arena, val) };
	if (!v[r->opts.ext_mnt.n].key || !v[r->opts.ext_mnt.n].val)
		return err_set(err, ENOMEM, "out of memory");
	r->opts.ext_mnt.v = v;
	r->opts.ext_mnt.n++;
	return 0;
}

/* The name that a destination has once its links are followed: what mountinfo showed. */
static const char *resolve(struct restore *r, int root, const char *dest)
{
	AUTO_FD fd = beneath_open(root, dest, O_PATH | O_CLOEXEC, 0, 0);
	char self[64], path[PATH_MAX], top[PATH_MAX];
	ssize_t n;

	if (fd < 0 || str_format(self, sizeof(self), "/proc/self/fd/%d", fd) < 0)
		return dest;
	n = readlink(self, path, sizeof(path) - 1);
	if (n < 0 || !realpath(r->rootfs, top))
		return dest;
	path[n] = '\0';
	if (!str_starts(path, top) || path[strlen(top)] != '/')
		return dest;
	return arena_strdup(&r->arena, path + strlen(top));
}

/* Does a file system of the container's own cover it?  Then criu brings the mount point along. */
static bool is_covered(const struct mounts *m, size_t entry)
{
	const char *dest = m->v[entry].dest;

	for (size_t i = 0; i < m->n; i++) {
		size_t n = strlen(m->v[i].dest);

		if (i != entry && n > 1 && strncmp(dest, m->v[i].dest, n) == 0 && dest[n] == '/')
			return true;
	}
	return false;
}

static int make_target(const struct mounts *m, size_t entry, int root, struct err *err)
{
	const struct mount_entry *e = &m->v[entry];
	struct stat st;
	int fd;

	if (is_covered(m, entry))
		return 0;
	if (e->kind == MOUNT_BIND && stat(e->source, &st) == 0 && !S_ISDIR(st.st_mode))
		fd = beneath_make_file(root, e->dest, 0644);
	else
		fd = beneath_make_dir(root, e->dest, 0755);
	if (fd < 0 && errno != EROFS)
		return err_sys(err, "make mount point \"%s\"", e->dest);
	(void)fd_close(fd);
	return 0;
}

/* criu moves the mount there by its name, and follows no link: what create would have followed. */
static int add_bind(struct restore *r, int root, const struct mount_entry *e, struct err *err)
{
	const char *dest = resolve(r, root, e->dest);
	char source[PATH_MAX];

	if (e->src_nofollow || !realpath(e->source, source))
		return add_mount(r, dest, e->source, err);
	return add_mount(r, dest, source, err);
}

static int external_mounts(struct restore *r, struct err *err)
{
	const struct mounts *m = &r->with->plan->mounts;
	AUTO_FD root = open(r->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char notify[PATH_MAX];

	if (root < 0)
		return err_sys(err, "open \"%s\"", r->rootfs);
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].kind == MOUNT_REMOUNT)
			continue;
		if (make_target(m, i, root, err) < 0)
			return -1;
		if (m->v[i].kind == MOUNT_BIND && add_bind(r, root, &m->v[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < m->devices.n; i++)
		if (add_mount(r, m->devices.v[i].path, m->devices.v[i].path, err) < 0)
			return -1;
	/* The socket of an earlier caller; nobody listens there. */
	if (str_format(notify, sizeof(notify), "%s/" STORE_NOTIFY_DIR, r->state) < 0 ||
	    (mkdir(notify, 0755) < 0 && errno != EEXIST))
		return err_sys(err, "make \"%s\"", notify);
	if (add_mount(r, NOTIFY_AT, notify, err) < 0)
		return -1;
	return add_mount(r, "/dev/null", "/dev/null", err);
}

/* Where it is mounted, among criu's own mounts. */
static int fresh_place(const struct restore *r, size_t i, char at[PATH_MAX], struct err *err)
{
	return str_format(at, PATH_MAX, "%s/" FRESH_DIR "%zu", r->state, i) < 0
		       ? err_sys(err, "state directory \"%.200s\"", r->state)
		       : 0;
}

static int bind_adapted(const struct restore *r)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (size_t i = 0; i < r->n_adapted; i++)
		if (str_format(from, sizeof(from), "%s/%s", r->state, r->adapted[i]) < 0 ||
		    str_format(to, sizeof(to), "%s/%s", r->dirs.images, r->adapted[i]) < 0 ||
		    mount(from, to, NULL, MS_BIND, NULL) < 0)
			return -1;
	return 0;
}

static NORETURN void make_mounts(void *arg, int sock)
{
	const struct restore *r = arg;
	char path[64], at[PATH_MAX];
	int rc = -1;
	AUTO_FD mounts = -1;

	(void)sock;
	(void)umask(0);
	if (str_format(path, sizeof(path), "/proc/%d/ns/mnt", (int)r->criu.pid) == 0)
		mounts = open(path, O_RDONLY | O_CLOEXEC);
	if (mounts >= 0)
		rc = setns(mounts, CLONE_NEWNS);
	for (size_t i = 0; rc == 0 && i < r->fresh.mounts.n; i++)
		if (fresh_place(r, i, at, NULL) < 0 || fresh_make(&r->fresh.mounts.v[i], at) < 0)
			rc = -1;
	if (rc == 0)
		rc = bind_adapted(r);
	_exit(rc == 0 ? 0 : errno);
}

/* Small file systems in memory, which the images don't have (checkpoint_fresh.h). */
static int fresh_mounts(struct restore *r, struct err *err)
{
	char at[PATH_MAX];

	if (fresh_load(r->dirs.images_fd, &r->arena, &r->fresh, err) < 0)
		return -1;
	for (size_t i = 0; i < r->fresh.mounts.n; i++)
		if (fresh_place(r, i, at, err) < 0 ||
		    add_mount(r, r->fresh.mounts.v[i].target, at, err) < 0)
			return -1;
		else if (mkdir(at, 0700) < 0)
			return err_sys(err, "make \"%s\"", at);
	return 0;
}

/* What only criu is to see, by a process that enters its mounts. */
int restore_mounts_make(struct restore *r, struct err *err)
{
	struct spawn s = { .cgroup = -1, .main = make_mounts, .arg = r };
	AUTO_FD pidfd = -1;
	int status = 0;
	pid_t pid;

	if (!r->fresh.mounts.n && !r->n_adapted)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s.sock) < 0)
		return err_sys(err, "socket pair");
	pid = spawn_process(&s, &pidfd, err);
	(void)fd_close(s.sock[0]);
	(void)fd_close(s.sock[1]);
	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "wait for process %d", (int)pid);
	if (status == 0)
		return 0;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return err_sys(err, "make the mounts that criu restores from");
}

void restore_mounts_drop(struct restore *r)
{
	char at[PATH_MAX];

	for (size_t i = 0; i < r->fresh.mounts.n; i++)
		if (fresh_place(r, i, at, NULL) == 0)
			(void)rmdir(at);
	while (r->n_adapted)
		(void)unlinkat(r->with->made->entry.dir, r->adapted[--r->n_adapted], 0);
}

int restore_mounts_plan(struct restore *r, struct err *err)
{
	if (adapt_files(r, err) < 0 || adapt_lock(r, err) < 0 || external_mounts(r, err) < 0)
		return -1;
	return fresh_mounts(r, err);
}
