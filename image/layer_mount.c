/* SPDX-License-Identifier: Apache-2.0 */
/* layer_mount.c - one mount of an EROFS layer for all containers that have it
 *
 * mounts/at/HEX is where the layer is mounted, in the mount namespace of whoever
 * made the first container; overlay makes itself a copy of that mount for every
 * container.  mounts/at is a mount itself, a private one, so that nothing of it
 * spreads, and all goes at once when nobody is left.
 * mounts/HEX.users is an empty file; every container's folder holds a link to
 * it, so that its link count says how many containers there are, whatever
 * crashed, and removing a folder is all it takes to count down.
 * Invariants: 1. counting up is done under the shared lock, unmounting under the
 * exclusive one after another look at the count.  2. What is mounted is given
 * out itself only for a container that is counted; others get a copy of their
 * own (open_tree(2)), whose end makes the kernel wait for all processors.
 * 3. To be wrong costs memory and nothing else: copies don't need the mount that
 * they are copies of.
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

static bool is_erofs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == EROFS_SUPER_MAGIC_V1;
}

/* What is mounted for this layer, or a copy of it, or -1. */
static int open_mounted(const struct store *s, const char *hex, bool copy)
{
	int top = s->folder[STORE_TOP];
	char path[PATH_IN];
	AUTO_FD fd = -1;

	place_path(path, hex);
	fd = copy ? overlay_clone_at(top, path, NULL)
		  : openat(top, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && is_erofs(fd) ? fd_take(&fd) : -1;
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

/* The mount becomes the one for all, where it can. */
static bool put(const struct store *s, const char *hex, int mount)
{
	char path[PATH_IN];

	place_path(path, hex);
	return make_place(s, hex) == 0 &&
	       overlay_attach(mount, s->folder[STORE_TOP], path, NULL) == 0;
}

int layer_mount_open(const struct store *s, const struct digest *diff_id, enum layer_mount_for what,
		     bool *ret_detached, struct err *err)
{
	const char *hex = digest_hex(diff_id);
	char name[STORE_LAYER_NAME_MAX];
	AUTO_FD lock = -1;
	int fd = open_mounted(s, hex, what == LAYER_MOUNT_ALONE);

	*ret_detached = what == LAYER_MOUNT_ALONE;
	if (fd >= 0)
		return fd;
	if (what == LAYER_MOUNT_KEPT) {
		lock = store_lock(s, LOCK, false, true, err);
		if (lock < 0)
			return -1;
		fd = open_mounted(s, hex, false);
		if (fd >= 0)
			return fd;
	}
	store_layer_name(diff_id, STORE_FORM_EROFS, name);
	fd = overlay_mount_erofs(s->folder[STORE_LAYERS], name, err);
	*ret_detached = fd >= 0 && !(what == LAYER_MOUNT_KEPT && put(s, hex, fd));
	return fd;
}

/* --- taking away -------------------------------------------------------------------------- */

/* What to take away: of all there is, what nobody has, or this one, in use or not. */
struct sweep {
	const struct store *s;
	const char *only;
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
		w->heap = open_mounted(w->s, hex, true);
	/* kernels before 6.15 move nothing onto what is detached */
	if (w->heap >= 0 && overlay_move(w->s->folder[STORE_TOP], place, w->heap) < 0 &&
	    str_format(path, sizeof(path), "%s/%s", w->s->path, place) == 0)
		(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}

/* The file of a count, its name cut off where the layer's ends: false for other names. */
static bool take_hex(const char *name, char hex[NAME_MAX + 1])
{
	size_t len = strlen(name);

	if (len <= strlen(USERS) || strcmp(name + len - strlen(USERS), USERS) != 0 ||
	    str_copy(hex, NAME_MAX + 1, name) < 0)
		return false;
	hex[len - strlen(USERS)] = '\0';
	return true;
}

/* How many containers have the layer, and the file itself; 0: nobody ever had. */
static nlink_t count_links(const struct store *s, const char *hex)
{
	char users[USERS_MAX];
	struct stat st;

	if (str_format(users, sizeof(users), "%s" USERS, hex) < 0 ||
	    fstatat(s->folder[STORE_MOUNTS], users, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return st.st_nlink;
}

static void take_away(struct sweep *w, const char *hex)
{
	int mounts = w->s->folder[STORE_MOUNTS], top = w->s->folder[STORE_TOP];
	char path[PATH_IN], users[USERS_MAX];

	if (is_mounted(top, PLACE))
		unmount(w, hex);
	/* in other mount namespaces the mount goes with the directory */
	place_path(path, hex);
	(void)unlinkat(top, path, AT_REMOVEDIR);
	if (count_links(w->s, hex) == 1 && str_format(users, sizeof(users), "%s" USERS, hex) == 0)
		(void)unlinkat(mounts, users, 0);
}

/* Nobody is left: everything goes at once. */
static void unmount_all(const struct store *s)
{
	char path[PATH_MAX];

	if (str_format(path, sizeof(path), "%s/" PLACE, s->path) == 0 &&
	    is_mounted(s->folder[STORE_TOP], PLACE))
		(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}

static void end_sweep(struct sweep *w)
{
	w->heap = fd_close(w->heap);
	(void)unlinkat(w->s->folder[STORE_TOP], PLACE, AT_REMOVEDIR); /* where it is empty */
}

static int look_at(void *arg, const char *name, struct err *err)
{
	struct sweep *w = arg;
	char hex[NAME_MAX + 1];
	nlink_t links;

	(void)err;
	if (!take_hex(name, hex))
		return 0;
	links = count_links(w->s, hex);
	if (w->only ? strcmp(w->only, hex) != 0 : links > 1) {
		w->n_used++;
		return 0;
	}
	w->n_unused += links > 0;
	if (w->act)
		take_away(w, hex);
	return 0;
}

static void sweep(const struct store *s, const char *only)
{
	struct sweep w = { .s = s, .only = only, .heap = -1 };
	AUTO_FD lock = -1;

	if (store_walk(s, STORE_MOUNTS, look_at, &w, NULL) < 0 || w.n_unused == 0)
		return;
	lock = store_lock(s, LOCK, false, true, NULL);
	w.n_used = w.n_unused = 0;
	if (lock < 0 || store_walk(s, STORE_MOUNTS, look_at, &w, NULL) < 0)
		return;
	if (w.n_used == 0)
		unmount_all(s);
	w.act = true;
	(void)store_walk(s, STORE_MOUNTS, look_at, &w, NULL);
	end_sweep(&w);
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

/* --- one container's layers ------------------------------------------------------------------ */

struct own {
	const struct digest *layers;
	size_t n;
	const struct store *s;
};

static bool is_unused(const struct own *o, size_t i)
{
	return count_links(o->s, digest_hex(&o->layers[i])) == 1;
}

static size_t count_unused(const struct own *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++)
		n += is_unused(o, i);
	return n;
}

/* 1, which ends the walk, at the first layer that somebody else has. */
static int is_anothers(void *arg, const char *name, struct err *err)
{
	const struct own *o = arg;
	char hex[NAME_MAX + 1];

	(void)err;
	if (!take_hex(name, hex))
		return 0;
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(hex, digest_hex(&o->layers[i])) == 0)
			return is_unused(o, i) ? 0 : 1;
	return 1;
}

void layer_mount_release(const struct store *s, const struct digest *layers, size_t n)
{
	struct own o = { layers, n, s };
	struct sweep w = { .s = s, .heap = -1 };
	AUTO_FD lock = -1;

	if (count_unused(&o) == 0)
		return;
	lock = store_lock(s, LOCK, false, true, NULL);
	if (lock < 0 || count_unused(&o) == 0)
		return;
	if (store_walk(s, STORE_MOUNTS, is_anothers, &o, NULL) == 0)
		unmount_all(s);
	for (size_t i = 0; i < n; i++)
		if (is_unused(&o, i))
			take_away(&w, digest_hex(&layers[i]));
	end_sweep(&w);
}
