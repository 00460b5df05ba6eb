/* SPDX-License-Identifier: Apache-2.0 */
/* upper.c - where a root file system keeps what it changed
 *
 * Of a container of our store: its upper directory, and its layers as they are
 * stored (mountinfo names them by descriptors that are long closed).  Of anything
 * else that is an overlay: the directories that mountinfo names.  A plain tree
 * has nothing below it: all of it is its own.
 *
 * proc(5) "mountinfo"; overlayfs.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "image/overlay.h"
#include "image/rootfs.h"
#include "runtime/archive/archive.h"

#define MOUNTINFO_MAX ((size_t)16 << 20)
#define CONTAINERS    "/containers/"
#define MERGED	      "/merged"

void upper_release(struct upper *u)
{
	u->dir = fd_close(u->dir);
	u->lower = fd_close(u->lower);
}

/* --- of our store --------------------------------------------------------------- */

static int open_stored(struct store *s, const char *id, struct upper *u, struct arena *arena,
		       struct err *err)
{
	struct rootfs_info info;
	struct image image;
	char path[NAME_MAX + 32];

	if (rootfs_info(s, id, &info, arena, err) < 0)
		return -1;
	u->found = true;
	u->read_only = info.read_only;
	if (!info.host && store_find_image(s, info.image.text, &image, arena, NULL) == 0)
		(void)str_copy(u->image, sizeof(u->image),
			       image.names.n ? image.names.v[0] : image.config.text);
	if (info.read_only)
		return 0;
	if (str_format(path, sizeof(path), "containers/%s/upper", id) < 0)
		return err_sys(err, "container \"%s\"", id);
	u->dir = openat(store_fd(s), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (u->dir < 0)
		return err_sys(err, "open \"%s/%s\"", store_path(s), path);
	if (!info.host) {
		u->lower = rootfs_open_layers(s, info.layers.v, info.layers.n, err);
		return u->lower < 0 ? -1 : 0;
	}
	u->lower = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return u->lower < 0 ? err_sys(err, "open \"/\"") : 0;
}

/* STORE/containers/ID/merged.  1: it is, 0: not, -1. */
static int find_stored(const char *rootfs, struct upper *u, struct arena *arena, struct err *err)
{
	size_t len = strlen(rootfs), end = strlen(MERGED);
	const char *at = NULL;
	struct store *s;
	char *path, *id;
	int rc;

	if (len <= end || strcmp(rootfs + len - end, MERGED) != 0)
		return 0;
	for (const char *p = rootfs; (p = strstr(p, CONTAINERS)) != NULL; p++)
		at = p;
	if (!at)
		return 0;
	path = arena_strndup(arena, rootfs, (size_t)(at - rootfs));
	at += strlen(CONTAINERS);
	id = arena_strndup(arena, at, len - end - (size_t)(at - rootfs));
	if (!path || !id)
		return err_set(err, ENOMEM, "out of memory");
	if (strchr(id, '/') || store_open(path, false, &s, NULL) < 0)
		return 0;
	rc = open_stored(s, id, u, arena, err);
	store_close(s);
	return rc < 0 ? -1 : 1;
}

/* --- of another's overlay ---------------------------------------------------------- */

/* proc(5): "\040" is a blank. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* Cuts at the first `mark` that no backslash stands before, and takes those backslashes out; what
 * follows, or NULL. */
static char *cut(char *s, char mark)
{
	char *to = s;

	for (; *s && *s != mark; s++) {
		if (*s == '\\' && s[1])
			s++;
		*to++ = *s;
	}
	char *next = *s ? s + 1 : NULL;
	*to = '\0';
	return next;
}

static bool add_lowers(char *text, struct arena *arena, struct strings *ret)
{
	size_t n = 1;

	for (const char *p = text; *p; p++)
		n += *p == ':';
	ret->v = arena_array(arena, n + 1, sizeof(char *));
	ret->n = 0;
	if (!ret->v)
		return false;
	while (text) {
		char *next = cut(text, ':');

		if (text[0])
			ret->v[ret->n++] = text;
		text = next;
	}
	return true;
}

/* The end of a line: "rw,lowerdir=A:B,upperdir=C,workdir=D". */
static bool parse_options(char *text, struct arena *arena, struct overlay_options *ret)
{
	while (text) {
		/* A comma in a name is "\054" here, or has a backslash. */
		char *end = text;

		while (*end && *end != ',')
			end += *end == '\\' && end[1] ? 2 : 1;
		char *next = *end ? end + 1 : NULL;
		*end = '\0';
		if (str_starts(text, "upperdir=")) {
			ret->upper = text + strlen("upperdir=");
			(void)cut(ret->upper, '\0');
		} else if (str_starts(text, "lowerdir=")) {
			if (!add_lowers(text + strlen("lowerdir="), arena, &ret->lowers))
				return false;
		} else if (strcmp(text, "userxattr") == 0) {
			ret->userxattr = true;
		} else if (strcmp(text, "metacopy=on") == 0 ||
			   strcmp(text, "redirect_dir=on") == 0) {
			ret->partial = true;
		}
		text = next;
	}
	return ret->upper != NULL;
}

/* "36 35 98:0 / /merged rw - overlay overlay rw,lowerdir=..." */
static bool parse_line(char *line, const char *path, struct arena *arena,
		       struct overlay_options *ret)
{
	char *words[5], *save = NULL, *word, *options;
	size_t n = 0;

	for (word = strtok_r(line, " ", &save); word && strcmp(word, "-") != 0;
	     word = strtok_r(NULL, " ", &save))
		if (n < ARRAY_SIZE(words))
			words[n++] = word;
	if (!word || n < ARRAY_SIZE(words))
		return false;
	unescape(words[4]);
	word = strtok_r(NULL, " ", &save);
	if (!word || strcmp(word, "overlay") != 0 || strcmp(words[4], path) != 0 ||
	    strcmp(words[3], "/") != 0)
		return false;
	(void)strtok_r(NULL, " ", &save); /* the source */
	options = strtok_r(NULL, " ", &save);
	if (!options)
		return false;
	unescape(options);
	*ret = (struct overlay_options){ 0 };
	return parse_options(options, arena, ret);
}

bool upper_parse(const char *mountinfo, size_t len, const char *path, struct arena *arena,
		 struct overlay_options *ret)
{
	char *copy = arena_strndup(arena, mountinfo, len), *save = NULL;
	bool found = false;

	if (!copy)
		return false;
	/* The last one is on top. */
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct overlay_options o;

		if (parse_line(line, path, arena, &o)) {
			*ret = o;
			found = true;
		}
	}
	return found;
}

/* All of them merged, as an overlay that can only be read; -1 where one can't be reached: then it
 * isn't known what an opaque directory hides. */
static int open_lowers(const struct overlay_options *o)
{
	int fds[OVERLAY_LOWERS_MAX], merged = -1;
	struct overlay how = { .lowers = fds, .upper = -1, .work = -1, .userxattr = o->userxattr };

	while (how.n_lowers < o->lowers.n && how.n_lowers < OVERLAY_LOWERS_MAX) {
		int fd = open(o->lowers.v[how.n_lowers], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			break;
		fds[how.n_lowers++] = fd;
	}
	/* The kernel wants two of them, or an upper. */
	if (how.n_lowers == 1 && o->lowers.n == 1)
		return fds[0];
	if (how.n_lowers == o->lowers.n && how.n_lowers > 0)
		merged = overlay_mount(&how, NULL);
	for (size_t i = 0; i < how.n_lowers; i++)
		(void)fd_close(fds[i]);
	return merged;
}

static int find_mounted(const char *rootfs, struct upper *u, struct arena *arena, struct err *err)
{
	struct overlay_options o;
	AUTO_BUF text;

	buf_init_max(&text, MOUNTINFO_MAX);
	if (file_read(AT_FDCWD, "/proc/self/mountinfo", &text, MOUNTINFO_MAX, false) < 0)
		return err_sys(err, "read /proc/self/mountinfo");
	if (!upper_parse(text.s, text.len, rootfs, arena, &o))
		return 0;
	u->dir = open(o.upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u->dir < 0)
		return 0; /* of another place: the whole tree, then */
	u->found = true;
	u->partial = o.partial;
	u->userxattr = o.userxattr;
	u->lower = open_lowers(&o);
	return 0;
}

int upper_find(const char *rootfs, struct upper *ret, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct upper u = { .dir = -1, .lower = -1 };
	char path[PATH_MAX];
	int rc;

	arena_init(&arena, ARCHIVE_ARENA_MAX);
	if (!realpath(rootfs, path))
		return err_sys(err, "root file system \"%s\"", rootfs);
	rc = find_stored(path, &u, &arena, err);
	if (rc == 0)
		rc = find_mounted(path, &u, &arena, err);
	if (rc < 0) {
		upper_release(&u);
		return -1;
	}
	*ret = u;
	return 0;
}
