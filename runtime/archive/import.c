/* SPDX-License-Identifier: Apache-2.0 */
/* import.c - an archive becomes a bundle, with its images beside
 *
 * The archive goes into the directory that the runtime made for it; from there
 * the bundle gets what it hasn't: config.json out of spec.dump, a root file system
 * out of the image's layers where not all of it is in the archive.  Then the changed
 * files are laid over it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "image/export_pipe.h"
#include "image/reference.h"
#include "runtime/archive/archive.h"

#define CONFIG "config.json"
#define ROOTFS "rootfs"

struct config_words {
	char *rootfsImageName, *rootfsImageID, *rootfsImageRef;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config_words, rootfsImageName, JSON_STRING),
	JSON_FIELD(struct config_words, rootfsImageID, JSON_STRING),
	JSON_FIELD(struct config_words, rootfsImageRef, JSON_STRING),
};
static const struct json_table config_table = JSON_TABLE(struct config_words, config_fields);

struct own_words {
	bool whole;
};
static const struct json_field own_fields[] = { JSON_FIELD(struct own_words, whole, JSON_BOOL) };
static const struct json_table own_table = JSON_TABLE(struct own_words, own_fields);

struct root_words {
	char *path;
};
struct bundle_words {
	struct root_words *root;
};
static const struct json_field root_fields[] = { JSON_FIELD(struct root_words, path, JSON_STRING) };
static const struct json_table root_table = JSON_TABLE(struct root_words, root_fields);
static const struct json_field bundle_fields[] = { JSON_FIELD(struct bundle_words, root,
							      JSON_OBJECT, .sub = &root_table) };
static const struct json_table bundle_table = JSON_TABLE(struct bundle_words, bundle_fields);

struct importing {
	const struct request *r;
	int dir, bundle, rootfs;
	char bundle_path[PATH_MAX];
	struct arena arena;
	struct own_words own;
	struct config_words config;
	struct adapted adapted;
	bool made_config, made_rootfs;
};

/* --- the archive ------------------------------------------------------------------ */

/* What the disk can spare. */
static uint64_t room_of(int dir)
{
	struct statvfs st;
	uint64_t room;

	if (fstatvfs(dir, &st) < 0)
		return UINT64_MAX;
	room = (uint64_t)st.f_bavail * st.f_frsize;
	return room - room / 20;
}

/* 1 read, 0 there is none, -1. */
static int read_member(const struct importing *i, const char *name, struct buf *out,
		       struct err *err)
{
	if (file_read(i->dir, name, out, ARCHIVE_CONFIG_MAX, true) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(err, "read \"%s\"", name);
}

/* What it says; nothing when there is none. */
static int read_document(struct importing *i, const char *name, const struct json_table *table,
			 void *dst, struct err *err)
{
	AUTO_BUF text;
	int n;

	buf_init_max(&text, ARCHIVE_CONFIG_MAX);
	n = read_member(i, name, &text, err);
	return n <= 0 ? n : json_decode(name, text.s, text.len, table, dst, &i->arena, err);
}

static int read_documents(struct importing *i, struct err *err)
{
	if (read_document(i, MEMBER_OWN, &own_table, &i->own, err) < 0 ||
	    read_document(i, MEMBER_CONFIG, &config_table, &i->config, err) < 0)
		return -1;
	if (faccessat(i->dir, MEMBER_INVENTORY, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, ENOENT, "\"%s\" is no checkpoint: it has no " MEMBER_INVENTORY,
			       i->r->file);
	return 0;
}

static int unpack(struct importing *i, struct err *err)
{
	AUTO_FD file = open(i->r->file, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return err_sys(err, "open \"%s\"", i->r->file);
	i->dir = open(i->r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (i->dir < 0)
		return err_sys(err, "open \"%s\"", i->r->dir);
	if (unpack_archive(file, i->dir, room_of(i->dir), err) < 0)
		return err_wrap(err, "\"%s\"", i->r->file);
	return read_documents(i, err);
}

/* --- the bundle ------------------------------------------------------------------- */

static int make_files(const struct importing *i, struct err *err)
{
	char path[PATH_MAX];

	if (str_format(path, sizeof(path), "%s/files", i->bundle_path) < 0 ||
	    (i->adapted.files.n && file_make_dirs(path, 0755) < 0))
		return err_sys(err, "make \"%s\"", path);
	for (size_t k = 0; k < i->adapted.files.n; k++) {
		AUTO_FD fd = open(i->adapted.files.v[k],
				  O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

		if (fd < 0)
			return err_sys(err, "make \"%s\"", i->adapted.files.v[k]);
	}
	return 0;
}

static int make_shm(const struct importing *i, struct err *err)
{
	AUTO_FD tar = openat(i->dir, MEMBER_DEVSHM, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD shm = -1;

	if (mkdirat(i->bundle, "shm", 01777) < 0 && errno != EEXIST)
		return err_sys(err, "make \"%s/shm\"", i->bundle_path);
	shm = openat(i->bundle, "shm", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (shm < 0 || fchmod(shm, 01777) < 0)
		return err_sys(err, "open \"%s/shm\"", i->bundle_path);
	return tar < 0 ? 0 : apply_changes(tar, NULL, 0, shm, err);
}

static int make_config(struct importing *i, struct err *err)
{
	AUTO_BUF spec;
	AUTO_BUF out;
	int n;

	buf_init_max(&spec, ARCHIVE_CONFIG_MAX);
	buf_init_max(&out, ARCHIVE_CONFIG_MAX);
	n = read_member(i, MEMBER_SPEC, &spec, err);
	if (n < 0)
		return -1;
	if (n == 0)
		return err_set(err, ENOENT,
			       "neither \"%s/" CONFIG "\" nor " MEMBER_SPEC " in the archive",
			       i->bundle_path);
	if (adapt_spec(spec.s, spec.len, i->bundle_path, &out, &i->adapted, &i->arena, err) < 0)
		return -1;
	if (file_replace(i->bundle, CONFIG, out.s, out.len, 0644) < 0)
		return err_sys(err, "write \"%s/" CONFIG "\"", i->bundle_path);
	i->made_config = true;
	if (make_files(i, err) < 0)
		return -1;
	return i->adapted.shm ? make_shm(i, err) : 0;
}

/* The name of its root file system, from the bundle's config.json. */
static int root_path(struct importing *i, const char *text, size_t len, char dst[PATH_MAX],
		     struct err *err)
{
	struct bundle_words b;
	const char *path;

	if (json_decode(CONFIG, text, len, &bundle_table, &b, &i->arena, err) < 0)
		return -1;
	path = b.root && b.root->path ? b.root->path : ROOTFS;
	if (str_format(dst, PATH_MAX, "%s%s%s", path[0] == '/' ? "" : i->bundle_path,
		       path[0] == '/' ? "" : "/", path) < 0)
		return err_sys(err, "root file system \"%s\"", path);
	return 0;
}

/* --- the root file system ------------------------------------------------------------- */

static int find_image(struct importing *i, struct store *s, struct image *ret, struct err *err)
{
	const char *words[] = { i->config.rootfsImageID, i->config.rootfsImageName,
				i->config.rootfsImageRef };

	for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
		char name[REFERENCE_TEXT_MAX];
		struct reference ref;

		if (!words[k] || !words[k][0])
			continue;
		if (store_find_image(s, words[k], ret, &i->arena, NULL) == 0)
			return 0;
		if (reference_parse(words[k], &ref, NULL) < 0)
			continue;
		reference_format(&ref, name, sizeof(name));
		if (store_find_image(s, name, ret, &i->arena, NULL) == 0)
			return 0;
	}
	return err_set(err, ENOENT,
		       "the image \"%s\" that the container was made from is not here: pull it, or "
		       "give a bundle with its files in \"" ROOTFS "\"",
		       i->config.rootfsImageName ? i->config.rootfsImageName : "?");
}

/* One layer after the other, as a copy. */
static int lay_image(struct importing *i, struct err *err)
{
	struct store *s;
	struct image image;
	char path[PATH_MAX];
	int rc;

	if (i->r->store && i->r->store[0]) {
		if (str_copy(path, sizeof(path), i->r->store) < 0)
			return err_sys(err, "store \"%s\"", i->r->store);
	} else if (store_default_path(path, sizeof(path), err) < 0) {
		return -1;
	}
	if (store_open(path, true, &s, err) < 0)
		return -1;
	rc = find_image(i, s, &image, err);
	for (size_t k = 0; rc == 0 && k < image.layers.n; k++) {
		struct export_pipe tar;

		rc = export_pipe_open(s, &image.layers.v[k].diff_id, &tar, err);
		if (rc < 0)
			break;
		rc = apply_changes(tar.fd, NULL, 0, i->rootfs, err);
		if (export_pipe_close(&tar, rc < 0 ? NULL : err) < 0)
			rc = -1;
	}
	store_close(s);
	return rc;
}

static int open_rootfs(struct importing *i, const char *path, struct err *err)
{
	i->rootfs = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (i->rootfs >= 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(err, "open \"%s\"", path);
	if (mkdir(path, 0755) < 0)
		return err_sys(err, "make \"%s\"", path);
	i->made_rootfs = true;
	i->rootfs = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (i->rootfs < 0)
		return err_sys(err, "open \"%s\"", path);
	return i->own.whole ? 0 : lay_image(i, err);
}

static int change_rootfs(struct importing *i, struct err *err)
{
	AUTO_FD tar = openat(i->dir, MEMBER_CHANGES, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_BUF deleted;
	int n;

	buf_init_max(&deleted, DOCUMENT_MAX);
	if (i->r->ignore_rootfs)
		return 0;
	n = read_member(i, MEMBER_DELETED, &deleted, err);
	if (n < 0)
		return -1;
	if ((n > 0 || tar >= 0) &&
	    apply_changes(tar, n > 0 ? deleted.s : NULL, deleted.len, i->rootfs, err) < 0)
		return -1;
	return root_mode_apply(i->dir, i->rootfs, err);
}

/* --- in order ----------------------------------------------------------------------------- */

static int make_bundle(struct importing *i, struct err *err)
{
	char path[PATH_MAX];
	AUTO_BUF config;

	buf_init_max(&config, ARCHIVE_CONFIG_MAX);
	if (str_copy(i->bundle_path, sizeof(i->bundle_path), i->r->bundle) < 0)
		return err_sys(err, "bundle \"%s\"", i->r->bundle);
	i->bundle = open(i->r->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (i->bundle < 0)
		return err_sys(err, "open \"%s\"", i->r->bundle);
	if (faccessat(i->bundle, CONFIG, F_OK, 0) < 0 && make_config(i, err) < 0)
		return -1;
	if (file_read(i->bundle, CONFIG, &config, ARCHIVE_CONFIG_MAX, true) < 0)
		return err_sys(err, "read \"%s/" CONFIG "\"", i->r->bundle);
	if (root_path(i, config.s, config.len, path, err) < 0 || open_rootfs(i, path, err) < 0)
		return -1;
	return change_rootfs(i, err);
}

static void undo(const struct importing *i)
{
	if (i->made_config)
		(void)unlinkat(i->bundle, CONFIG, 0);
	if (i->made_rootfs)
		(void)file_remove_tree(i->bundle, ROOTFS);
}

static void answer(const struct importing *i, struct buf *out)
{
	struct json_out o;

	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_kv_bool(&o, "externalNetwork", i->adapted.external_network);
	json_kv_bool(&o, "madeConfig", i->made_config);
	json_kv_bool(&o, "madeRootfs", i->made_rootfs);
	json_end_object(&o);
}

int import_bundle(const struct request *r, struct buf *out, struct err *err)
{
	struct importing i = { .r = r, .dir = -1, .bundle = -1, .rootfs = -1 };
	int rc;

	arena_init(&i.arena, ARCHIVE_ARENA_MAX);
	rc = unpack(&i, err);
	if (rc == 0)
		rc = make_bundle(&i, err);
	if (rc == 0)
		answer(&i, out);
	else
		undo(&i);
	(void)fd_close(i.dir);
	(void)fd_close(i.bundle);
	(void)fd_close(i.rootfs);
	arena_release(&i.arena);
	return rc;
}
