/* SPDX-License-Identifier: Apache-2.0 */
/* user.c - who an image's program runs as, looked up in the image's own files
 *
 * passwd(5), group(5).  The files are the image's: opened beneath its root
 * without blocking (a FIFO may be there), bounded, malformed lines passed over.
 */
#include "image/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/units.h"

#define FILE_MAX   ((size_t)4 << 20)
#define FIELDS_MAX 7

/* The file's text; no usable file is an empty one. */
static int read_file(int root, const char *path, struct buf *out, struct err *err)
{
	struct stat st;
	AUTO_FD fd = beneath_open(root, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	for (;;) {
		if (out->len > FILE_MAX)
			return err_set(err, EFBIG, "the image's %s is larger than %zu bytes", path,
				       FILE_MAX);
		if (buf_reserve(out, 65536) < 0)
			return err_set(err, ENOMEM, "out of memory");
		ssize_t n = fd_read_full(fd, out->s + out->len, 65536);
		if (n < 0)
			return err_sys(err, "read the image's %s", path);
		out->len += (size_t)n;
		out->s[out->len] = 0;
		if (n == 0)
			return 0;
	}
}

/* Cuts the next line into fields; their number, 0 at the end.  *at moves on. */
static size_t next_line(char **at, char *fields[FIELDS_MAX])
{
	while (**at) {
		char *line = *at;
		size_t len = strcspn(line, "\n"), n = 0;
		*at = line + len + (line[len] == '\n');
		line[len] = 0;
		while (n < FIELDS_MAX) {
			fields[n++] = line;
			line = strchr(line, ':');
			if (!line)
				break;
			*line++ = 0;
		}
		if (n > 1)
			return n;
	}
	return 0;
}

static bool is_number(const char *text, uint32_t *ret)
{
	uint64_t v;
	if (units_u64(text, INT32_MAX, &v) < 0)
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* By name, or by number when name is NULL.  name gets the entry's (for the groups). */
static bool find_passwd(char *text, const char *name, struct image_user *u, char *entry,
			size_t size)
{
	char *at = text, *f[FIELDS_MAX];
	size_t n;
	while ((n = next_line(&at, f))) {
		uint32_t uid, gid;
		if (n < 4 || !is_number(f[2], &uid) || !is_number(f[3], &gid))
			continue;
		if (name ? strcmp(f[0], name) != 0 : uid != u->uid)
			continue;
		if (str_copy(entry, size, f[0]) < 0)
			continue;
		u->uid = uid;
		u->gid = gid;
		if (n > 5 && f[5][0] == '/')
			(void)!str_copy(u->home, sizeof(u->home), f[5]);
		return true;
	}
	return false;
}

/* "a,b,c" has the word */
static bool lists(const char *members, const char *word)
{
	size_t len = strlen(word);
	for (const char *m = members; *m;) {
		size_t n = strcspn(m, ",");
		if (n == len && strncmp(m, word, n) == 0)
			return true;
		m += n + (m[n] == ',');
	}
	return false;
}

static int add_groups(int root, struct image_user *u, const char *entry, struct err *err)
{
	char *f[FIELDS_MAX];
	size_t n;
	AUTO_BUF text;
	buf_init(&text);
	if (read_file(root, "etc/group", &text, err) < 0)
		return -1;
	char *at = text.s;
	while ((n = next_line(&at, f))) {
		uint32_t gid;
		if (n < 4 || !is_number(f[2], &gid) || !lists(f[3], entry) || gid == u->gid)
			continue;
		if (u->n_groups == IMAGE_USER_GROUPS_MAX)
			return err_set(err, E2BIG, "user \"%s\" is in more than %d groups", entry,
				       IMAGE_USER_GROUPS_MAX);
		u->groups[u->n_groups++] = gid;
	}
	return 0;
}

int image_group_find(int root, const char *text, uint32_t *ret, struct err *err)
{
	char *f[FIELDS_MAX];
	size_t n;
	AUTO_BUF file;
	buf_init(&file);
	if (is_number(text, ret))
		return 0;
	if (read_file(root, "etc/group", &file, err) < 0)
		return -1;
	char *at = file.s;
	while ((n = next_line(&at, f))) {
		if (n >= 3 && strcmp(f[0], text) == 0 && is_number(f[2], ret))
			return 0;
	}
	return err_set(err, ENOENT, "the image has no group \"%.64s\"", text);
}

int image_user_find(int root, const char *text, struct image_user *ret, struct err *err)
{
	char name[256], entry[256] = "";
	AUTO_BUF file;
	buf_init(&file);
	*ret = (struct image_user){ .home = "/" };
	size_t len = strcspn(text, ":");
	const char *group = text[len] ? text + len + 1 : "";
	if (str_format(name, sizeof(name), "%.*s", (int)len, text) < 0)
		return err_set(err, EINVAL, "a user's name too long");
	if (read_file(root, "etc/passwd", &file, err) < 0)
		return -1;
	bool number = !name[0] || is_number(name, &ret->uid);
	bool known = find_passwd(file.s, number ? NULL : name, ret, entry, sizeof(entry));
	if (!known && !number)
		return err_set(err, ENOENT, "the image has no user \"%s\"", name);
	if (group[0])
		return image_group_find(root, group, &ret->gid, err);
	return known ? add_groups(root, ret, entry, err) : 0;
}
