/* SPDX-License-Identifier: Apache-2.0 */
/* layer_mount.c - one mount of an EROFS layer for all containers that have it
 *
 * mounts/at/HEX is where the layer is mounted, in the mount namespace of whoever
 * made the first container; containers get copies of that mount (open_tree(2)),
 * which live as long as their overlay.  mounts/at is a mount itself, a private
 * one, so that nothing of it spreads, and all goes at once when nobody is left.
 * mounts/HEX.users is an empty file; every container's folder holds a link to
 * it, so that its link count says how many containers there are, whatever
 * crashed, and removing a folder is all it takes to count down.
 * Invariants: 1. counting up is done under the shared lock, unmounting under the
 * exclusive one after another look at the count.  2. To be wrong costs memory
 * and nothing else: copies don't need the mount that they are copies of.
 * A restart of the machine leaves folders without mounts, which are mounted
 * again when they are wanted.
 *
 * open_tree(2), move_mount(2), statx(2), link(2); Documentation/filesystems/erofs.rst.
 */
#include "image/layer_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "image/overlay.h"

#define LOCK	  "mounts"
#define PLACE	  "mounts/at"
#define PATH_IN	  (sizeof(PLACE) + NAME_MAX + 1)
#define USERS	  ".users"
#define USERS_MAX (DIGEST_TEXT_MAX + sizeof(USERS))

#ifndef EROFS_SUPER_MAGIC_V1
# define EROFS_SUPER_MAGIC_V1 0xE0F5E1E2
#endif

/* --- counting -------------------------------------------------------------------------- */

static int add_link(int mounts, const char *users, int dir, const char *name)
{
	for (int tries = 0; tries < 2; tries++) {
		AUTO_FD made = -1;

		if (linkat(mounts, users, dir, name, 0) == 0 || errno == EMLINK)
			return 0;
		if (errno != ENOENT)
			return -1;
		made = openat(mounts, users, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (made < 0)
			return -1;
	}
	return -1;
}

int layer_mount_count(const struct store *s, int dir, const struct digest *layers, size_t n,
		      struct err *err)
{
	AUTO_FD lock = -1;

	for (size_t i = 0; i < n; i++) {
		char users[USERS_MAX], name[32];
		enum store_form form;

		if (store_layer_form(s, &layers[i], &form) < 0 || form != STORE_FORM_EROFS)
			continue;
		if (lock < 0)
			lock = store_lock(s, LOCK, true, true, err);
		if (lock < 0)
			return -1;
		(void)snprintf(users, sizeof(users), "%s" USERS, digest_hex(&layers[i]));
		(void)snprintf(name, sizeof(name), "layer-%zu", i);
		if (add_link(s->folder[STORE_MOUNTS], users, dir, name) < 0)
			return err_sys(err, "count the containers of layer \"%s\"", layers[i].text);
	}
	return 0;
}

/* --- mounting ---------------------------------------------------------------------------- */

static void place_path(char path[PATH_IN], const char *hex)
{
	(void)snprintf(path, PATH_IN, PLACE "/%s", hex);
}

static bool is_mounted(int dir, const char *path)
{
	struct statx stx;

	return statx(dir, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &stx) == 0 &&
	       (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* A copy of what is mounted for this layer, or -1. */
static int copy_mounted(const struct store *s, const char *hex)
{
	char path[PATH_IN];
	struct statfs fs;
	AUTO_FD fd = -1;

	place_path(path, hex);
	fd = overlay_clone_at(s->folder[STORE_TOP], path, NULL);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != EROFS_SUPER_MAGIC_V1)
		return -1;
	return fd_take(&fd);
}

static int make_place(const struct store *s, const char *hex)
{
	int top = s->folder[STORE_TOP];
	char path[PATH_IN];

	place_path(path, hex);
	if (mkdirat(top, PLACE, 0700) < 0 && errno != EEXIST)
		return -1;
	if (!is_mounted(top, PLACE) && overlay_private(top, PLACE, NULL) < 0)
		return -1;
	return mkdirat(top, path, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

/* The mount itself becomes the one that others copy, where it can. */
static void put(const struct store *s, const char *hex, int *mount)
{
	int top = s->folder[STORE_TOP], copy;
	char path[PATH_IN];

	place_path(path, hex);
	if (make_place(s, hex) < 0 || overlay_attach(*mount, top, path, NULL) < 0)
		return;
	/* the detached ones are what overlay_drop() and mapped owners are about */
	copy = copy_mounted(s, hex);
	if (copy >= 0) {
		(void)fd_close(*mount);
		*mount = copy;
	}
}

int layer_mount_open(const struct store *s, const struct digest *diff_id, bool keep,
		     struct err *err)
{
	const char *hex = digest_hex(diff_id);
	char name[STORE_LAYER_NAME_MAX];
	AUTO_FD lock = -1;
	int fd = copy_mounted(s, hex);

	if (fd >= 0)
		return fd;
	if (keep) {
		lock = store_lock(s, LOCK, false, true, err);
		if (lock < 0)
			return -1;
		fd = copy_mounted(s, hex);
		if (fd >= 0)
			return fd;
	}
	store_layer_name(diff_id, STORE_FORM_EROFS, name);
	fd = overlay_mount_erofs(s->folder[STORE_LAYERS], name, err);
	if (fd >= 0 && keep)
		put(s, hex, &fd);
	return fd;
}

/* --- taking away -------------------------------------------------------------------------- */

struct sweep {
	const struct store *s;
	const char *only; /* this one, in use or not */
	bool act;
	int heap; /* what goes is put here, to go together; -1: nothing yet */
	size_t n_used, n_unused;
};

static void unmount(struct sweep *w, const char *hex)
{
	char path[PATH_MAX];
	char place[PATH_IN];

	place_path(place, hex);
	if (w->heap < 0)
		w->heap = copy_mounted(w->s, hex);
	/* kernels before 6.15 move nothing onto what is detached */
	if (w->heap >= 0 && overlay_move(w->s->folder[STORE_TOP], place, w->heap) < 0 &&
	    str_format(path, sizeof(path), "%s/%s", w->s->path, place) == 0)
		(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}

static int look_at(void *arg, const char *name, struct err *err)
{
	struct sweep *w = arg;
	int mounts = w->s->folder[STORE_MOUNTS], top = w->s->folder[STORE_TOP];
	char path[PATH_IN];
	size_t len = strlen(name);
	char hex[NAME_MAX + 1];
	struct stat st;

	(void)err;
	if (len <= strlen(USERS) || strcmp(name + len - strlen(USERS), USERS) != 0)
		return 0;
	(void)str_copy(hex, sizeof(hex), name); /* of the same size */
	hex[len - strlen(USERS)] = '\0';
	if (fstatat(mounts, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (w->only ? strcmp(w->only, hex) != 0 : st.st_nlink > 1) {
		w->n_used++;
		return 0;
	}
	w->n_unused++;
	if (!w->act)
		return 0;
	if (is_mounted(top, PLACE))
		unmount(w, hex);
	/* in other mount namespaces the mount goes with the directory */
	place_path(path, hex);
	(void)unlinkat(top, path, AT_REMOVEDIR);
	if (st.st_nlink == 1)
		(void)unlinkat(mounts, name, 0);
	return 0;
}

static void sweep(const struct store *s, const char *only)
{
	struct sweep w = { .s = s, .only = only, .heap = -1 };
	char path[PATH_MAX];
	AUTO_FD lock = -1;

	if (store_walk(s, STORE_MOUNTS, look_at, &w, NULL) < 0 || w.n_unused == 0)
		return;
	lock = store_lock(s, LOCK, false, true, NULL);
	w.n_used = w.n_unused = 0;
	if (lock < 0 || store_walk(s, STORE_MOUNTS, look_at, &w, NULL) < 0)
		return;
	/* nobody is left: everything goes at once */
	if (w.n_used == 0 && str_format(path, sizeof(path), "%s/" PLACE, s->path) == 0 &&
	    is_mounted(s->folder[STORE_TOP], PLACE))
		(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	w.act = true;
	(void)store_walk(s, STORE_MOUNTS, look_at, &w, NULL);
	(void)fd_close(w.heap);
	(void)unlinkat(s->folder[STORE_TOP], PLACE, AT_REMOVEDIR); /* where it is empty */
}

void layer_mount_sweep(const struct store *s)
{
	sweep(s, NULL);
}

void layer_mount_forget(const struct store *s, const char *name)
{
	char hex[NAME_MAX + 1];

	if (str_copy(hex, sizeof(hex), name) < 0)
		return;
	hex[strcspn(hex, ".")] = '\0';
	sweep(s, hex);
}
