/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - the store's folders, its locks, and how a file gets into it
 *
 * Everything enters the same way: written under a random name in tmp/, synced,
 * renamed.  Everything leaves the same way: renamed into trash/, then removed;
 * a crash in between is finished by the next store_open().
 *
 * rename(2), fsync(2), flock(2).
 */
#include "image/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "image/overlay.h"
#include "image/store_internal.h"

#define STORE_VERSION "1\n"
#define BLOB_CHUNK    ((size_t)128 << 10)

static const char *const folder_names[] = {
	[STORE_TOP] = ".",
	[STORE_BLOBS256] = "blobs/sha256",
	[STORE_BLOBS512] = "blobs/sha512",
	[STORE_LAYERS] = "layers",
	[STORE_IMAGES] = "images",
	[STORE_REFS] = "refs",
	[STORE_CONTAINERS] = "containers",
	[STORE_LEASES] = "leases",
	[STORE_LOCKS] = "locks",
	[STORE_TMP] = "tmp",
	[STORE_TRASH] = "trash",
	[STORE_MOUNTS] = "mounts",
	[STORE_EMPTY] = "empty",
};

_Static_assert(ARRAY_SIZE(folder_names) == STORE_FOLDERS, "a name for every folder");

const char *store_folder_name(enum store_folder folder)
{
	return folder_names[folder];
}

enum store_folder store_blob_folder(const struct digest *d)
{
	return digest_algorithm(d) == DIGEST_SHA512 ? STORE_BLOBS512 : STORE_BLOBS256;
}

int store_default_path(char *dst, size_t size, struct err *err)
{
	const char *data = getenv("XDG_DATA_HOME"); /* NOLINT(concurrency-mt-unsafe) */
	const char *home = getenv("HOME"); /* NOLINT(concurrency-mt-unsafe) */
	int ret;

	if (geteuid() == 0 && !proc_is_mapped())
		ret = str_format(dst, size, "/var/lib/skerry/images");
	else if (data && data[0] == '/')
		ret = str_format(dst, size, "%s/skerry/images", data);
	else if (home && home[0] == '/')
		ret = str_format(dst, size, "%s/.local/share/skerry/images", home);
	else
		return err_set(err, ENOENT,
			       "no place for images: neither XDG_DATA_HOME nor HOME is set");
	return ret < 0 ? err_sys(err, "path of the image store") : 0;
}

/* --- open and close ---------------------------------------------------------- */

/* 1 it is ours, 0 there is none yet (or one that power took while the store was made), -1 */
static int check_version(const struct store *s, bool create, struct err *err)
{
	char version[16] = "";

	if (file_read_line(s->folder[STORE_TOP], "VERSION", version, sizeof(version)) < 0 &&
	    (errno != ENOENT || !create))
		return err_sys(err, "image store \"%s\": VERSION", s->path);
	if (version[0] == '\0' && create)
		return 0;
	if (strncmp(version, STORE_VERSION, strlen(version)) != 0 || version[0] == '\0')
		return err_set(err, ENOTSUP, "image store \"%s\": its version is \"%s\", not 1",
			       s->path, version);
	return 1;
}

/* The last step of making a store, after its folders. */
static int write_version(const struct store *s, struct err *err)
{
	if (store_put(s, STORE_TOP, "VERSION", STORE_VERSION, strlen(STORE_VERSION), err) < 0)
		return -1;
	return store_sync(s, STORE_TOP, err);
}

static int open_folders(struct store *s, bool create, struct err *err)
{
	if (create && mkdirat(s->folder[STORE_TOP], "blobs", 0700) < 0 && errno != EEXIST)
		return err_sys(err, "mkdir \"%s/blobs\"", s->path);
	for (size_t i = STORE_TOP + 1; i < STORE_FOLDERS; i++) {
		int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

		s->folder[i] = openat(s->folder[STORE_TOP], folder_names[i], flags);
		/* layers hold set-id programs; only what containers run in is to be passed
		 * through */
		if (s->folder[i] < 0 && errno == ENOENT && create &&
		    (mkdirat(s->folder[STORE_TOP], folder_names[i],
			     i == STORE_CONTAINERS ? 0711 : 0700) == 0 ||
		     errno == EEXIST))
			s->folder[i] = openat(s->folder[STORE_TOP], folder_names[i], flags);
		if (s->folder[i] < 0)
			return err_sys(err, "image store \"%s\": \"%s\"", s->path, folder_names[i]);
	}
	return 0;
}

static int open_top(struct store *s, const char *path, bool create, struct err *err)
{
	if (create && file_make_dirs(path, 0711) < 0)
		return err_sys(err, "mkdir \"%s\"", path);
	s->folder[STORE_TOP] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->folder[STORE_TOP] < 0 || !realpath(path, s->path))
		return err_sys(err, "image store \"%s\"", path);
	return 0;
}

int store_open(const char *path, bool create, struct store **ret, struct err *err)
{
	struct store *s = calloc(1, sizeof(*s));
	int version = -1;

	if (!s)
		return err_sys(err, "image store \"%s\"", path);
	for (size_t i = 0; i < STORE_FOLDERS; i++)
		s->folder[i] = -1;
	if (open_top(s, path, create, err) < 0 || (version = check_version(s, create, err)) < 0 ||
	    open_folders(s, create, err) < 0 || (version == 0 && write_version(s, err) < 0)) {
		store_close(s);
		return -1;
	}
	store_empty_trash(s);
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < STORE_FOLDERS; i++)
		(void)fd_close(s->folder[i]);
	free(s);
}

int store_fd(const struct store *s)
{
	return s->folder[STORE_TOP];
}

const char *store_path(const struct store *s)
{
	return s->path;
}

enum store_form store_form(struct store *s)
{
	if (!s->form_known) {
		s->form = overlay_has_erofs(s->folder[STORE_TMP]) ? STORE_FORM_EROFS
								  : STORE_FORM_DIRECTORY;
		s->form_known = true;
	}
	return s->form;
}

void store_set_form(struct store *s, enum store_form form)
{
	s->form = form;
	s->form_known = true;
}

/* --- files in, files out -------------------------------------------------------- */

void store_random(char name[17])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bits[8];

	if (getrandom(bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
		abort(); /* 8 bytes always come whole (getrandom(2)) */
	for (size_t i = 0; i < sizeof(bits); i++) {
		name[2 * i] = digits[bits[i] >> 4];
		name[2 * i + 1] = digits[bits[i] & 15];
	}
	name[16] = '\0';
}

int store_tmp_file(const struct store *s, const char *prefix, char *name, struct err *err)
{
	char random[17];
	int fd;

	store_random(random);
	if (str_format(name, NAME_MAX + 1, "%s-%s", prefix, random) < 0)
		return err_sys(err, "name of a temporary file");
	fd = openat(s->folder[STORE_TMP], name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 ? err_sys(err, "create \"%s/tmp/%s\"", s->path, name) : fd;
}

int store_put(const struct store *s, enum store_folder folder, const char *name, const void *data,
	      size_t size, struct err *err)
{
	char tmp[NAME_MAX + 1];
	AUTO_FD fd = store_tmp_file(s, "put", tmp, err);

	if (fd < 0)
		return -1;
	if (fd_write_full(fd, data, size) < 0 || fdatasync(fd) < 0 ||
	    renameat(s->folder[STORE_TMP], tmp, s->folder[folder], name) < 0) {
		(void)err_sys(err, "write \"%s/%s/%s\"", s->path, folder_names[folder], name);
		(void)unlinkat(s->folder[STORE_TMP], tmp, 0);
		return -1;
	}
	return 0;
}

int store_sync(const struct store *s, enum store_folder folder, struct err *err)
{
	return fsync(s->folder[folder]) < 0
		       ? err_sys(err, "sync \"%s/%s\"", s->path, folder_names[folder])
		       : 0;
}

int store_discard(const struct store *s, enum store_folder folder, const char *name,
		  struct err *err)
{
	char trash[17];

	store_random(trash);
	if (renameat(s->folder[folder], name, s->folder[STORE_TRASH], trash) < 0)
		return errno == ENOENT ? 0
				       : err_sys(err, "remove \"%s/%s/%s\"", s->path,
						 folder_names[folder], name);
	/* what stays in trash/ is removed by the next open */
	(void)file_remove_tree(s->folder[STORE_TRASH], trash);
	return 0;
}

static int remove_trash(void *arg, const char *name, struct err *err)
{
	const int *trash = arg;

	(void)err;
	(void)file_remove_tree(*trash, name); /* the next one tries again */
	return 0;
}

void store_empty_trash(const struct store *s)
{
	int trash = s->folder[STORE_TRASH];

	(void)store_walk(s, STORE_TRASH, remove_trash, &trash, NULL);
}

int store_walk(const struct store *s, enum store_folder folder, store_walk_fn *fn, void *arg,
	       struct err *err)
{
	int fd = openat(s->folder[folder], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int ret = 0;

	if (!dir) {
		(void)err_sys(err, "read \"%s/%s\"", s->path, folder_names[folder]);
		(void)fd_close(fd);
		return -1;
	}
	for (;;) {
		/* readdir(3) on a stream of our own; an error is no end */
		errno = 0;
		entry = readdir(dir); /* NOLINT(concurrency-mt-unsafe) */
		if (!entry && errno)
			ret = err_sys(err, "read \"%s/%s\"", s->path, folder_names[folder]);
		if (!entry || ret != 0)
			break;
		if (entry->d_name[0] != '.')
			ret = fn(arg, entry->d_name, err);
		if (ret != 0)
			break;
	}
	(void)closedir(dir);
	return ret;
}

/* --- locks -------------------------------------------------------------------- */

int store_lock(const struct store *s, const char *name, bool shared, bool wait, struct err *err)
{
	AUTO_FD fd = openat(s->folder[STORE_LOCKS], name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	int how = (shared ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB);
	int ret;

	if (fd < 0)
		return err_sys(err, "lock \"%s/locks/%s\"", s->path, name);
	do
		ret = flock(fd, how);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? err_sys(err, "lock \"%s/locks/%s\"", s->path, name) : fd_take(&fd);
}

int store_lock_once(const struct store *s, const char *name, bool wait, struct err *err)
{
	for (;;) {
		AUTO_FD fd = store_lock(s, name, false, wait, err);
		struct stat st;

		if (fd < 0)
			return -1;
		/* whoever held it may have removed the file that we waited for */
		if (fstat(fd, &st) < 0)
			return err_sys(err, "lock \"%s/locks/%s\"", s->path, name);
		if (st.st_nlink > 0)
			return fd_take(&fd);
	}
}

void store_unlock_gone(const struct store *s, const char *name, int fd)
{
	(void)unlinkat(s->folder[STORE_LOCKS], name, 0);
	(void)fd_close(fd);
}

/* --- blobs and layers ----------------------------------------------------------- */

bool store_has_blob(const struct store *s, const struct digest *d)
{
	return digest_is_set(d) &&
	       faccessat(s->folder[store_blob_folder(d)], digest_hex(d), F_OK, 0) == 0;
}

int store_open_blob(const struct store *s, const struct digest *d, struct err *err)
{
	int fd;

	if (!digest_is_set(d))
		return err_set(err, EINVAL, "blob without a digest");
	fd = openat(s->folder[store_blob_folder(d)], digest_hex(d),
		    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "blob \"%s\"", d->text) : fd;
}

int store_read_blob(const struct store *s, const struct digest *d, size_t max, struct buf *out,
		    struct err *err)
{
	AUTO_FD fd = store_open_blob(s, d, err);
	size_t begin = out->len;
	struct digest got;
	struct hash h;

	if (fd < 0)
		return -1;
	for (;;) {
		ssize_t n;

		if (buf_reserve(out, BLOB_CHUNK) < 0)
			return err_sys(err, "blob \"%s\"", d->text);
		n = fd_read_full(fd, out->s + out->len, BLOB_CHUNK);
		if (n < 0)
			return err_sys(err, "blob \"%s\"", d->text);
		out->len += (size_t)n;
		out->s[out->len] = '\0';
		if (out->len - begin > max)
			return err_set(err, EFBIG, "blob \"%s\": more than %zu bytes", d->text,
				       max);
		if ((size_t)n < BLOB_CHUNK)
			break;
	}
	hash_init(&h, digest_algorithm(d));
	hash_update(&h, out->s + begin, out->len - begin);
	hash_final(&h, &got);
	if (!digest_is_equal(&got, d))
		return err_set(err, EBADMSG, "blob \"%s\": its bytes have the digest \"%s\"",
			       d->text, got.text);
	return 0;
}

void store_layer_name(const struct digest *diff_id, enum store_form form,
		      char name[STORE_LAYER_NAME_MAX])
{
	(void)snprintf(name, STORE_LAYER_NAME_MAX, "%s%s", digest_hex(diff_id),
		       form == STORE_FORM_EROFS ? ".erofs" : "");
}

int store_layer_form(const struct store *s, const struct digest *diff_id, enum store_form *ret)
{
	static const enum store_form forms[] = { STORE_FORM_EROFS, STORE_FORM_DIRECTORY };

	errno = ENOENT;
	if (!digest_is_set(diff_id))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		char name[STORE_LAYER_NAME_MAX];

		store_layer_name(diff_id, forms[i], name);
		if (faccessat(s->folder[STORE_LAYERS], name, F_OK, 0) == 0) {
			*ret = forms[i];
			return 0;
		}
	}
	return -1;
}

bool store_has_layer(const struct store *s, const struct digest *diff_id)
{
	enum store_form form;

	return store_layer_form(s, diff_id, &form) == 0;
}
