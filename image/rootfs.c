/* SPDX-License-Identifier: Apache-2.0 */
/* rootfs.c - a container's root file system from layers
 *
 * containers/ID appears whole, by rename: record, upper/, work/, merged/.  What
 * rootfs_open() makes are mounts without a place, so there is nothing to take down
 * after a crash; only rootfs_attach() puts them somewhere: the root, and once for
 * all containers the layers that are files (layer_mount.h).
 * The upper directory is the merged root's own attributes (overlay shows the
 * topmost directory's), so it gets those of the topmost layer that has an entry
 * for the root.
 */
#include "image/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "image/implied.h"
#include "image/layer_mount.h"
#include "image/overlay.h"
#include "image/store_internal.h"

#define IMPLIED	     "implied"
#define RECORD	     "record"
#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX  64
#define ROOT_MODE    0755

/* --- the record --------------------------------------------------------------------- */

struct raw_record {
	char *image, *boot_id, *uid_map, *gid_map;
	struct strings layers;
	bool host, read_only, ephemeral;
	int64_t created;
};

static const struct json_field record_fields[] = {
	JSON_FIELD(struct raw_record, image, JSON_STRING),
	JSON_FIELD_AS("bootID", struct raw_record, boot_id, JSON_STRING),
	JSON_FIELD_AS("uidMap", struct raw_record, uid_map, JSON_STRING),
	JSON_FIELD_AS("gidMap", struct raw_record, gid_map, JSON_STRING),
	JSON_FIELD(struct raw_record, layers, JSON_STRINGS),
	JSON_FIELD(struct raw_record, host, JSON_BOOL),
	JSON_FIELD_AS("readOnly", struct raw_record, read_only, JSON_BOOL),
	JSON_FIELD(struct raw_record, ephemeral, JSON_BOOL),
	JSON_FIELD(struct raw_record, created, JSON_I64),
};
static const struct json_table record_table = JSON_TABLE(struct raw_record, record_fields);

static int check_id(const char *id, struct err *err)
{
	size_t n = strlen(id);

	if (n == 0 || n > NAME_MAX || id[0] == '.' || strchr(id, '/'))
		return err_set(err, EINVAL, "\"%.200s\" can't be a container's ID", id);
	return 0;
}

static int load_record(const struct store *s, const char *id, struct raw_record *ret,
		       struct arena *arena, struct err *err)
{
	char path[NAME_MAX + 16];
	AUTO_BUF text;

	buf_init(&text);
	if (check_id(id, err) < 0)
		return -1;
	if (str_format(path, sizeof(path), "%s/%s", id, RECORD) < 0 ||
	    file_read(s->folder[STORE_CONTAINERS], path, &text, STORE_RECORD_MAX, true) < 0)
		return err_sys(err, "container \"%s\"", id);
	if (json_decode(RECORD, text.s, text.len, &record_table, ret, arena, err) < 0)
		return err_wrap(err, "container \"%s\"", id);
	return 0;
}

static int take_record(const struct raw_record *raw, const char *id, struct rootfs_info *ret,
		       struct arena *arena, struct err *err)
{
	struct rootfs_info info = { .host = raw->host,
				    .read_only = raw->read_only,
				    .ephemeral = raw->ephemeral,
				    .created = raw->created };

	info.id = arena_strdup(arena, id);
	info.layers.n = raw->layers.n;
	info.layers.v = arena_array(arena, raw->layers.n + 1, sizeof(struct digest));
	if (!info.id || !info.layers.v)
		return err_sys(err, "container \"%s\"", id);
	if (raw->image && digest_parse(raw->image, &info.image, err) < 0)
		return -1;
	for (size_t i = 0; i < raw->layers.n; i++)
		if (digest_parse(raw->layers.v[i], &info.layers.v[i], err) < 0)
			return -1;
	*ret = info;
	return 0;
}

int rootfs_info(const struct store *s, const char *id, struct rootfs_info *ret, struct arena *arena,
		struct err *err)
{
	struct raw_record raw;

	if (load_record(s, id, &raw, arena, err) < 0)
		return -1;
	return take_record(&raw, id, ret, arena, err);
}

struct list_walk {
	const struct store *s;
	struct rootfs_list *list;
	size_t cap;
	struct arena *arena;
};

static int collect(void *arg, const char *id, struct err *err)
{
	struct list_walk *w = arg;
	struct rootfs_info info;
	struct err why = { 0 };
	void *grown;

	if (rootfs_info(w->s, id, &info, w->arena, &why) < 0) {
		/* one that is just going; a damaged one must stop gc, which would take its
		 * layers */
		if (why.code == ENOENT)
			return 0;
		return err_set(err, why.code, "%s", why.msg);
	}
	grown = arena_grow(w->arena, w->list->v, w->list->n, &w->cap, sizeof(info));
	if (!grown)
		return err_sys(err, "list of containers");
	w->list->v = grown;
	w->list->v[w->list->n++] = info;
	return 0;
}

int rootfs_list(const struct store *s, struct rootfs_list *ret, struct arena *arena,
		struct err *err)
{
	struct rootfs_list list = { 0 };
	struct list_walk walk = { .s = s, .list = &list, .arena = arena };

	if (store_walk(s, STORE_CONTAINERS, collect, &walk, err) < 0)
		return -1;
	*ret = list;
	return 0;
}

/* --- layers opened ------------------------------------------------------------------- */

/* *ret_detached: the descriptor is a mount without a place. */
static int open_layer(const struct store *s, const struct digest *diff_id,
		      enum layer_mount_for what, bool *ret_detached, struct err *err)
{
	char name[STORE_LAYER_NAME_MAX], path[STORE_LAYER_NAME_MAX + 8];
	enum store_form form;
	int fd;

	if (store_layer_form(s, diff_id, &form) < 0)
		return err_sys(err, "layer \"%s\"", diff_id->text);
	*ret_detached = false;
	if (form == STORE_FORM_EROFS)
		return layer_mount_open(s, diff_id, what, ret_detached, err);
	store_layer_name(diff_id, form, name);
	(void)snprintf(path, sizeof(path), "%s/tree", name);
	fd = openat(s->folder[STORE_LAYERS], path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "layer \"%s\"", diff_id->text) : fd;
}

/* Lower directories, topmost first. */
struct lowers {
	int fd[OVERLAY_LOWERS_MAX];
	size_t n;
	int mounts[OVERLAY_LOWERS_MAX]; /* those of them that are mounts without a place */
	size_t n_mounts;
	enum layer_mount_for what;
};

static void close_lowers(struct lowers *l)
{
	for (size_t i = 0, k = 0; i < l->n; i++) {
		if (k < l->n_mounts && l->mounts[k] == l->fd[i])
			k++;
		else
			(void)fd_close(l->fd[i]);
	}
	overlay_drop(l->mounts, l->n_mounts);
	l->n = l->n_mounts = 0;
}

static int add_lower(struct lowers *l, int fd, bool detached, int userns, struct err *err)
{
	int mapped;

	if (fd < 0)
		return -1;
	if (l->n >= OVERLAY_LOWERS_MAX) {
		(void)fd_close(fd);
		return err_set(err, E2BIG, "more than %d layers", OVERLAY_LOWERS_MAX);
	}
	if (userns >= 0) {
		mapped = overlay_clone_mapped(fd, userns, err);
		(void)fd_close(fd);
		if (mapped < 0)
			return err_wrap(err, "map the ids of a layer");
		fd = mapped;
		detached = true;
	}
	l->fd[l->n++] = fd;
	if (detached)
		l->mounts[l->n_mounts++] = fd;
	return 0;
}

static int open_lowers(const struct store *s, const struct digest *layers, size_t n, int userns,
		       struct lowers *l, struct err *err)
{
	for (size_t i = n; i-- > 0;) {
		bool detached = false;
		int fd = open_layer(s, &layers[i], l->what, &detached, err);

		if (add_lower(l, fd, detached, userns, err) < 0)
			return -1;
	}
	return 0;
}

/* --- create ------------------------------------------------------------------------- */

static int write_record(int dir, const struct rootfs_options *o, struct err *err)
{
	char boot_id[BOOT_ID_MAX] = "";
	struct json_out out;
	AUTO_BUF text;
	AUTO_FD fd = openat(dir, RECORD, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	(void)file_read_line(AT_FDCWD, BOOT_ID_PATH, boot_id, sizeof(boot_id));
	buf_init(&text);
	json_out_init(&out, &text, JSON_TABS);
	json_begin_object(&out);
	if (digest_is_set(&o->image))
		json_kv_string(&out, "image", o->image.text);
	json_key(&out, "layers");
	json_begin_array(&out);
	for (size_t i = 0; i < o->n_layers; i++)
		json_string(&out, o->layers[i].text);
	json_end_array(&out);
	json_kv_bool(&out, "host", o->host);
	json_kv_bool(&out, "readOnly", o->read_only);
	json_kv_bool(&out, "ephemeral", o->ephemeral);
	if (o->uid_map && o->gid_map) {
		json_kv_string(&out, "uidMap", o->uid_map);
		json_kv_string(&out, "gidMap", o->gid_map);
	}
	json_kv_string(&out, "bootID", boot_id);
	json_kv_int(&out, "created", (int64_t)time(NULL));
	json_end_object(&out);
	if (fd < 0 || buf_failed(&text) || fd_write_full(fd, text.s, text.len) < 0 ||
	    (!o->ephemeral && fdatasync(fd) < 0))
		return err_sys(err, "write the record of container \"%s\"", o->id);
	return 0;
}

static int root_attributes(const struct store *s, const struct rootfs_options *o,
			   struct layer_info *ret, struct err *err)
{
	struct stat st;

	*ret = (struct layer_info){ .root_mode = ROOT_MODE };
	if (o->host) {
		if (stat("/", &st) < 0)
			return err_sys(err, "stat \"/\"");
		ret->root_mode = st.st_mode & 07777;
		return 0;
	}
	for (size_t i = o->n_layers; i-- > 0;) {
		struct layer_info info;

		if (layer_info(s, &o->layers[i], &info, err) < 0)
			return -1;
		if (info.has_root) {
			*ret = info;
			return 0;
		}
	}
	return 0;
}

static bool has_implied(const struct store *s, const struct rootfs_options *o)
{
	for (size_t i = 1; i < o->n_layers; i++) {
		struct layer_info info;

		if (layer_info(s, &o->layers[i], &info, NULL) == 0 && info.implied_size > 0)
			return true;
	}
	return false;
}

/* Directories that a layer above the base has no entry for: implied.h. */
static int make_implied(const struct store *s, int dir, const struct rootfs_options *o,
			const struct layer_info *root, struct err *err)
{
	struct lowers l = { .what = LAYER_MOUNT_KEPT };
	int ret, base_first[OVERLAY_LOWERS_MAX];

	if (!has_implied(s, o))
		return 0;
	ret = open_lowers(s, o->layers, o->n_layers, -1, &l, err);
	if (ret == 0) {
		const struct implied_layers layers = { s, o->layers, base_first, l.n };

		for (size_t i = 0; i < l.n; i++)
			base_first[i] = l.fd[l.n - 1 - i];
		ret = implied_make(&layers, dir, IMPLIED, root, err);
	}
	close_lowers(&l);
	return ret < 0 ? -1 : 0;
}

static int make_upper(int dir, const struct rootfs_options *o, const struct layer_info *root,
		      struct err *err)
{
	bool mapped = o->uid_map != NULL;
	AUTO_FD upper = -1;

	if (mkdirat(dir, "upper", 0700) < 0 || mkdirat(dir, "work", 0700) < 0)
		return err_sys(err, "make the upper directory of container \"%s\"", o->id);
	upper = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0 ||
	    fchown(upper, mapped ? o->root_uid : root->root_uid,
		   mapped ? o->root_gid : root->root_gid) < 0 ||
	    fchmod(upper, root->root_mode) < 0)
		return err_sys(err, "make the upper directory of container \"%s\"", o->id);
	return 0;
}

static int fill_folder(const struct store *s, int dir, const struct rootfs_options *o,
		       struct err *err)
{
	struct layer_info root;

	if (root_attributes(s, o, &root, err) < 0)
		return -1;
	if (!o->read_only && make_upper(dir, o, &root, err) < 0)
		return -1;
	if (layer_mount_count(s, dir, o->layers, o->n_layers, err) < 0)
		return -1;
	if (!o->host && make_implied(s, dir, o, &root, err) < 0) /* as one that is counted */
		return -1;
	if (mkdirat(dir, "merged", 0755) < 0)
		return err_sys(err, "make the folder of container \"%s\"", o->id);
	return write_record(dir, o, err);
}

static int create(const struct store *s, const struct rootfs_options *o, const char *tmp,
		  struct err *err)
{
	/* from looking at the layers until the record is there for all to see */
	AUTO_FD lock = store_lock(s, STORE_LOCK_GC, true, true, err);
	AUTO_FD dir = -1;

	if (lock < 0)
		return -1;
	if (mkdirat(s->folder[STORE_TMP], tmp, 0711) < 0)
		return err_sys(err, "make the folder of container \"%s\"", o->id);
	dir = openat(s->folder[STORE_TMP], tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "make the folder of container \"%s\"", o->id);
	if (fill_folder(s, dir, o, err) < 0)
		return -1;
	if (renameat2(s->folder[STORE_TMP], tmp, s->folder[STORE_CONTAINERS], o->id,
		      RENAME_NOREPLACE) < 0)
		return err_sys(err, "container \"%s\"", o->id);
	return o->ephemeral ? 0 : store_sync(s, STORE_CONTAINERS, err);
}

int rootfs_create(struct store *s, const struct rootfs_options *o, struct err *err)
{
	char tmp[24], random[17];

	if (check_id(o->id, err) < 0)
		return -1;
	if ((o->uid_map == NULL) != (o->gid_map == NULL))
		return err_set(err, EINVAL, "one map of ids without the other");
	store_random(random);
	(void)snprintf(tmp, sizeof(tmp), "root-%s", random);
	if (create(s, o, tmp, err) < 0) {
		(void)store_discard(s, STORE_TMP, tmp, NULL);
		layer_mount_release(s, o->layers, o->n_layers);
		return -1;
	}
	return 0;
}

/* --- open --------------------------------------------------------------------------- */

static int open_host(int userns, struct lowers *l, struct err *err)
{
	AUTO_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_sys(err, "open \"/\"");
	/* as it is, not a copy: before Linux 6.15 overlay takes no detached mount; it never writes
	 * below, and sees this one mount only */
	return add_lower(l, fd_take(&root), false, userns, err);
}

/* overlay takes one lower with an upper, or two. */
static int add_empty(const struct store *s, struct lowers *l, bool read_only, struct err *err)
{
	int fd;

	if (l->n > (read_only ? 1 : 0))
		return 0;
	fd = openat(s->folder[STORE_EMPTY], ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open an empty layer");
	if (add_lower(l, fd, false, -1, err) < 0)
		return -1;
	return add_empty(s, l, read_only, err);
}

static int mount_lowers(const struct lowers *l, int dir, bool ephemeral, struct err *err)
{
	AUTO_FD upper = -1;
	AUTO_FD work = -1;
	struct overlay o = { .lowers = l->fd,
			     .n_lowers = l->n,
			     .upper = -1,
			     .work = -1,
			     .is_volatile = ephemeral,
			     .userxattr = proc_is_mapped() };

	if (dir >= 0) {
		upper = openat(dir, "upper", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		work = openat(dir, "work", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (upper < 0 || work < 0)
			return err_sys(err, "open the upper directory");
		o.upper = upper;
		o.work = work;
	}
	return overlay_mount(&o, err);
}

/* overlay leaves a mark that a volatile upper was mounted and refuses it from then on, since after
 * a crash of the machine it may be anything.  In the same boot it is whole. */
static int clear_volatile(int dir, const struct raw_record *raw, struct err *err)
{
	char boot_id[BOOT_ID_MAX] = "";

	if (faccessat(dir, "work/work/incompat/volatile", F_OK, 0) < 0)
		return 0;
	(void)file_read_line(AT_FDCWD, BOOT_ID_PATH, boot_id, sizeof(boot_id));
	if (!raw->boot_id || strcmp(raw->boot_id, boot_id) != 0)
		return err_set(err, ESTALE, "it was made not to survive a restart of the machine");
	return file_remove_tree(dir, "work/work/incompat") < 0 ? err_sys(err, "clear a mark") : 0;
}

/* The tree of make_implied(), where there is one: the topmost. */
static int add_implied(int dir, int userns, struct lowers *l, struct err *err)
{
	int fd = openat(dir, IMPLIED, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open \"%s\"", IMPLIED);
	return add_lower(l, fd, false, userns, err);
}

static int open_root(const struct store *s, const struct raw_record *raw,
		     const struct rootfs_info *info, struct lowers *l, struct err *err)
{
	AUTO_FD dir = openat(s->folder[STORE_CONTAINERS], info->id,
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD userns = -1;

	if (dir < 0)
		return err_sys(err, "open its folder");
	if (raw->uid_map && raw->gid_map) {
		userns = spawn_userns(raw->uid_map, raw->gid_map, err);
		if (userns < 0)
			return -1;
	}
	if (add_implied(dir, userns, l, err) < 0)
		return -1;
	if ((info->host ? open_host(userns, l, err)
			: open_lowers(s, info->layers.v, info->layers.n, userns, l, err)) < 0)
		return -1;
	if (add_empty(s, l, info->read_only, err) < 0)
		return -1;
	if (info->ephemeral && clear_volatile(dir, raw, err) < 0)
		return -1;
	return mount_lowers(l, info->read_only ? -1 : dir, info->ephemeral, err);
}

static int open_container(const struct store *s, const char *id, enum layer_mount_for what,
			  struct err *err)
{
	struct rootfs_info info;
	struct raw_record raw;
	struct lowers lowers = { .what = what };
	struct arena arena;
	int mount = -1;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (load_record(s, id, &raw, &arena, err) == 0 &&
	    take_record(&raw, id, &info, &arena, err) == 0) {
		mount = open_root(s, &raw, &info, &lowers, err);
		if (mount < 0)
			(void)err_wrap(err, "root of container \"%s\"", id);
	}
	close_lowers(&lowers);
	arena_release(&arena);
	return mount;
}

int rootfs_open(struct store *s, const char *id, struct err *err)
{
	return open_container(s, id, LAYER_MOUNT_COUNTED, err);
}

int rootfs_open_layers(struct store *s, const struct digest *layers, size_t n_layers,
		       struct err *err)
{
	struct lowers lowers = { .what = LAYER_MOUNT_ALONE };
	int mount = -1;

	/* overlay wants two different directories: of no layers the empty one is the tree */
	if (n_layers == 0) {
		mount = (int)syscall(SYS_open_tree, s->folder[STORE_EMPTY], "",
				     AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		return mount < 0 ? err_sys(err, "open an empty layer") : mount;
	}
	if (open_lowers(s, layers, n_layers, -1, &lowers, err) == 0 &&
	    add_empty(s, &lowers, true, err) == 0)
		mount = mount_lowers(&lowers, -1, false, err);
	close_lowers(&lowers);
	return mount;
}

/* --- attach, remove ------------------------------------------------------------------- */

static int merged_path(const struct store *s, const char *id, char *path, size_t size,
		       struct err *err)
{
	if (check_id(id, err) < 0)
		return -1;
	if (str_format(path, size, "%s/containers/%s/merged", s->path, id) < 0)
		return err_sys(err, "path of container \"%s\"", id);
	return 0;
}

int rootfs_attach(struct store *s, const char *id, char *path, size_t size, struct err *err)
{
	AUTO_FD mount = -1;

	if (merged_path(s, id, path, size, err) < 0)
		return -1;
	mount = open_container(s, id, LAYER_MOUNT_KEPT, err);
	if (mount < 0)
		return -1;
	return overlay_attach(mount, AT_FDCWD, path, err);
}

int rootfs_detach(struct store *s, const char *id, struct err *err)
{
	char path[PATH_MAX];
	int ret;

	if (merged_path(s, id, path, sizeof(path), err) < 0)
		return -1;
	/* several attaches lie on top of each other */
	do
		ret = umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	while (ret == 0);
	if (errno != EINVAL && errno != ENOENT)
		return err_sys(err, "unmount \"%s\"", path);
	return 0;
}

int rootfs_remove(struct store *s, const char *id, struct err *err)
{
	struct rootfs_info info = { .host = false };
	struct arena arena;
	int ret = -1;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	/* without a record that can be read gc will find what it had */
	if (rootfs_info(s, id, &info, &arena, NULL) < 0)
		info.layers = (struct digests){ .n = 0 };
	if (rootfs_detach(s, id, err) == 0 && store_discard(s, STORE_CONTAINERS, id, err) == 0) {
		layer_mount_release(s, info.layers.v, info.layers.n);
		ret = 0;
	}
	arena_release(&arena);
	return ret;
}
