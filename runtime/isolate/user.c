/* SPDX-License-Identifier: Apache-2.0 */
/* user.c - who the process is: ids, groups, umask, home
 *
 * /etc/passwd and /etc/group belong to the container and are read as hostile
 * text: opened beneath its root, regular files only, at most USER_FILE_MAX
 * bytes, lines of at most USER_LINE_MAX (longer ones are passed over), numbers
 * by the one parser (units_id: digits only, below 4294967295), no memory
 * allocated.  A name whose entry has a number we refuse is an error, never
 * another id.
 * runtime-spec config.md "User"; passwd(5), group(5).
 */
#include "runtime/isolate/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/units.h"

#define USER_FILE_MAX ((off_t)10 << 20)
#define USER_LINE_MAX 4096
#define USER_FIELDS   7
#define USER_ID_NONE  UINT32_MAX /* setresuid(2): leave as it is */

/* --- the plan ------------------------------------------------------------- */

int user_make(const struct spec_user *s, const struct user_options *options, const char *pointer,
	      struct user *ret, struct err *err)
{
	struct user u = { .uid = s->uid, .gid = s->gid, .umask = USER_UMASK_DEFAULT };

	if (s->uid == USER_ID_NONE || s->gid == USER_ID_NONE)
		return err_field(err, EINVAL, pointer, "id 4294967295 is not a user or group");
	if (s->umask.has) {
		if (s->umask.v > 0777)
			return err_field(err, ERANGE, pointer, "umask %#llo is above 0777",
					 (unsigned long long)s->umask.v);
		u.umask = (mode_t)s->umask.v;
	}
	if (s->additionalGids.n > USER_GROUPS_MAX)
		return err_field(err, E2BIG, pointer, "more than %d additional groups",
				 USER_GROUPS_MAX);
	for (size_t i = 0; i < s->additionalGids.n; i++) {
		if (s->additionalGids.v[i] == USER_ID_NONE)
			return err_field(err, EINVAL, pointer, "id 4294967295 is not a group");
	}
	if (options->keep_groups && s->additionalGids.n > 0)
		return err_field(err, EINVAL, pointer,
				 "additional groups together with keeping the caller's groups");
	if (options->setgroups_denied && s->additionalGids.n > 0)
		return err_field(
			err, EPERM, pointer,
			"additional groups need a group mapping that newgidmap(1) or root made");
	u.groups = s->additionalGids.v;
	u.n_groups = s->additionalGids.n;
	u.check_groups = !options->setgroups_denied && !options->keep_groups;
	u.set_groups = u.check_groups && !(options->no_groups && u.n_groups == 0);
	*ret = u;
	return 0;
}

/* --- init ----------------------------------------------------------------- */

/* The calls are made bare: a libc's wrappers would look for other threads to change with us, and
 * there is none.  (On 64 bit the plain numbers take 32-bit ids.) */
static int user_check(const struct user *u, struct err *err)
{
	uid_t r, e, s;

	if (getresuid(&r, &e, &s) < 0)
		return err_sys(err, "read user ids back");
	if (r != u->uid || e != u->uid || s != u->uid)
		return err_set(err, EPERM, "user id is not %u after it was set", u->uid);
	if (getresgid(&r, &e, &s) < 0)
		return err_sys(err, "read group ids back");
	if (r != u->gid || e != u->gid || s != u->gid)
		return err_set(err, EPERM, "group id is not %u after it was set", u->gid);
	return 0;
}

int user_apply(const struct user *u, struct err *err)
{
	(void)umask(u->umask);
	if (u->set_groups && syscall(SYS_setgroups, u->n_groups, u->groups) < 0)
		return err_sys(err, "set %zu additional groups", u->n_groups);
	if (u->check_groups && syscall(SYS_getgroups, 0, NULL) != (long)u->n_groups)
		return err_set(err, EPERM, "additional groups are not those asked for");
	if (syscall(SYS_setresgid, u->gid, u->gid, u->gid) < 0)
		return err_sys(err, "set group id %u", u->gid);
	if (syscall(SYS_setresuid, u->uid, u->uid, u->uid) < 0)
		return err_sys(err, "set user id %u", u->uid);
	return user_check(u, err);
}

/* --- passwd and group ------------------------------------------------------ */

struct user_lines {
	int fd;
	off_t left; /* bytes we still read */
	size_t begin, end;
	bool skip, failed; /* inside a line that is too long */
	char data[USER_LINE_MAX];
};

/* 1; 0 when there is no such file; -1 with err. */
static int lines_open(int root_fd, const char *path, struct user_lines *l, struct err *err)
{
	struct stat st;
	AUTO_FD fd =
		beneath_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0, 0);

	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return err_sys(err, "open the container's \"%s\"", path);
	}
	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat the container's \"%s\"", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "the container's \"%s\" is not a regular file", path);
	if (st.st_size > USER_FILE_MAX)
		return err_set(err, EFBIG, "the container's \"%s\" is larger than %lld bytes", path,
			       (long long)USER_FILE_MAX);
	l->fd = fd_take(&fd);
	l->left = USER_FILE_MAX;
	l->begin = l->end = 0;
	l->skip = l->failed = false;
	return 1;
}

/* Moves what is there to the front and reads more; bytes read. */
static ssize_t lines_fill(struct user_lines *l)
{
	size_t room;
	ssize_t n;

	memmove(l->data, l->data + l->begin, l->end - l->begin);
	l->end -= l->begin;
	l->begin = 0;
	room = sizeof(l->data) - 1 - l->end;
	if ((off_t)room > l->left)
		room = (size_t)l->left;
	n = room > 0 ? fd_read_full(l->fd, l->data + l->end, room) : 0;
	l->failed |= n < 0;
	if (n > 0) {
		l->end += (size_t)n;
		l->left -= n;
	}
	return n;
}

/* The next line without its newline, valid until the next call; NULL at the end. */
static char *lines_next(struct user_lines *l)
{
	for (;;) {
		char *line = l->data + l->begin;
		char *end = memchr(line, '\n', l->end - l->begin);
		bool skip = l->skip;

		if (end != NULL) {
			*end = '\0';
			l->begin = (size_t)(end + 1 - l->data);
			l->skip = false;
			if (skip)
				continue;
			return line;
		}
		if (l->begin == 0 && l->end == sizeof(l->data) - 1) {
			l->skip = true;
			l->end = 0;
		}
		if (lines_fill(l) <= 0)
			break;
	}
	if (l->skip || l->begin == l->end)
		return NULL;
	l->data[l->end] = '\0';
	l->begin = l->end;
	return l->data; /* lines_fill() has moved it there */
}

size_t user_split(char *line, char **fields, size_t max)
{
	size_t n = 0;

	while (n < max) {
		char *end = strchr(line, ':');

		fields[n++] = line;
		if (end == NULL)
			break;
		*end = '\0';
		line = end + 1;
	}
	return n;
}

/* Looks for the line whose field `key` is text; 1 with its fields, 0, or -1. */
static int entry_find(struct user_lines *l, size_t key, const char *text, char **fields)
{
	for (char *line = lines_next(l); line != NULL; line = lines_next(l)) {
		size_t n = user_split(line, fields, USER_FIELDS);

		/* "+" and "-" lines are for NIS */
		if (n < 3 || fields[0][0] == '\0' || fields[0][0] == '+' || fields[0][0] == '-')
			continue;
		if (strcmp(fields[key], text) == 0) {
			for (; n < USER_FIELDS; n++)
				fields[n] = NULL;
			return 1;
		}
	}
	return 0;
}

static bool user_is_number(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static int user_by_name(int root_fd, const char *name, uint32_t *ret_uid, uint32_t *ret_gid,
			struct err *err)
{
	struct user_lines lines;
	char *fields[USER_FIELDS];
	uint32_t uid, gid;
	int found = lines_open(root_fd, "/etc/passwd", &lines, err);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, ENOENT, "no user \"%s\": the container has no /etc/passwd",
			       name);
	found = entry_find(&lines, 0, name, fields);
	(void)fd_close(lines.fd);
	if (found == 0)
		return err_set(err, ENOENT, "no user \"%s\" in the container's /etc/passwd", name);
	if (fields[3] == NULL || units_id(fields[2], &uid) < 0 || units_id(fields[3], &gid) < 0)
		return err_set(err, EINVAL,
			       "user \"%s\" has a bad entry in the container's "
			       "/etc/passwd",
			       name);
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

static int group_by_name(int root_fd, const char *name, uint32_t *ret_gid, struct err *err)
{
	struct user_lines lines;
	char *fields[USER_FIELDS];
	int found = lines_open(root_fd, "/etc/group", &lines, err);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, ENOENT, "no group \"%s\": the container has no /etc/group",
			       name);
	found = entry_find(&lines, 0, name, fields);
	(void)fd_close(lines.fd);
	if (found == 0)
		return err_set(err, ENOENT, "no group \"%s\" in the container's /etc/group", name);
	if (units_id(fields[2], ret_gid) < 0)
		return err_set(err, EINVAL,
			       "group \"%s\" has a bad entry in the container's "
			       "/etc/group",
			       name);
	return 0;
}

/* Text that was meant as a number must not be taken for a name. */
static int user_check_name(const char *what, const char *name, struct err *err)
{
	size_t len = strlen(name);

	if (len == 0)
		return err_set(err, EINVAL, "empty %s", what);
	if (len > 256 || strpbrk(name, ":\n\r\t ") != NULL ||
	    strchr("+-0123456789", name[0]) != NULL)
		return err_set(err, EINVAL, "\"%s\" is not a %s", name, what);
	return 0;
}

int user_find(int root_fd, const char *text, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err)
{
	char name[512];
	char *group;
	uint32_t uid, gid = 0;
	bool has_gid = false;

	if (str_copy(name, sizeof(name), text) < 0)
		return err_set(err, EINVAL, "user is too long");
	group = strchr(name, ':');
	if (group != NULL)
		*group++ = '\0';
	if (user_is_number(name)) {
		if (units_id(name, &uid) < 0)
			return err_set(err, ERANGE, "user id \"%s\" is out of range", name);
	} else {
		if (user_check_name("user", name, err) < 0 ||
		    user_by_name(root_fd, name, &uid, &gid, err) < 0)
			return -1;
		has_gid = true;
	}
	if (group != NULL && user_is_number(group)) {
		if (units_id(group, &gid) < 0)
			return err_set(err, ERANGE, "group id \"%s\" is out of range", group);
		has_gid = true;
	} else if (group != NULL) {
		if (user_check_name("group", group, err) < 0 ||
		    group_by_name(root_fd, group, &gid, err) < 0)
			return -1;
		has_gid = true;
	}
	*ret_uid = uid;
	if (has_gid)
		*ret_gid = gid;
	return 0;
}

int user_home(int root_fd, uint32_t uid, char *dst, size_t size, struct err *err)
{
	struct user_lines lines;
	char *fields[USER_FIELDS];
	char number[16];
	const char *home = "/";
	struct err why = { 0 };
	int opened;

	if (str_format(number, sizeof(number), "%u", uid) < 0)
		return err_sys(err, "format user id");
	opened = lines_open(root_fd, "/etc/passwd", &lines, &why);
	if (opened > 0) {
		if (entry_find(&lines, 2, number, fields) > 0 && fields[5] != NULL &&
		    fields[5][0] == '/')
			home = fields[5];
		(void)fd_close(lines.fd);
		if (lines.failed)
			return err_set(err, EIO, "read the container's \"/etc/passwd\"");
	}
	/* What the image put there in place of a file is no reason not to start; a system call that
	 * failed is: the program would get another HOME than it should. */
	if (opened < 0 && why.code != EINVAL && why.code != EFBIG && why.code != ELOOP &&
	    why.code != EACCES) {
		if (err)
			*err = why;
		return -1;
	}
	if (str_copy(dst, size, home) < 0)
		return err_set(err, ENAMETOOLONG, "home directory of user %u is too long", uid);
	return 0;
}
