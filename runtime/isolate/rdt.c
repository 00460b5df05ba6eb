/* SPDX-License-Identifier: Apache-2.0 */
/* rdt.c - Intel Resource Director Technology: cache and memory bandwidth
 *
 * A group is a directory of the resctrl file system.  closID names it, else
 * the container's id does; one that we made is removed with the container.
 * closID without any schema means a group that was prepared and must be there.
 * runtime-spec config-linux.md "IntelRdt"; the kernel's arch/x86/resctrl.rst.
 */
#include "runtime/isolate/rdt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"

#define RDT_ROOT "/sys/fs/resctrl"

static bool rdt_is_name(const char *name)
{
	return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strchr(name, '/') == NULL && strchr(name, '\n') == NULL && strlen(name) < 256;
}

/* l3CacheSchema may hold memory-bandwidth lines of older callers; memBwSchema then decides. */
static int rdt_add_lines(struct buf *out, const char *text, bool skip_bandwidth, struct err *err)
{
	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 0 && !(skip_bandwidth && str_starts(text, "MB:"))) {
			if (memchr(text, ':', len) == NULL)
				return err_field(err, EINVAL, "/linux/intelRdt",
						 "\"%.*s\" is not a schema", (int)len, text);
			buf_add(out, text, len);
			buf_putc(out, '\n');
		}
		text += len;
		text += *text == '\n';
	}
	return 0;
}

static int rdt_make_schemata(const struct spec_intel_rdt *s, struct arena *arena, const char **ret,
			     struct err *err)
{
	AUTO_BUF text;

	buf_init_max(&text, 1U << 16);
	if (rdt_add_lines(&text, s->l3CacheSchema, s->memBwSchema != NULL, err) < 0 ||
	    rdt_add_lines(&text, s->memBwSchema, false, err) < 0)
		return -1;
	for (size_t i = 0; i < s->schemata.n; i++) {
		if (rdt_add_lines(&text, s->schemata.v[i], false, err) < 0)
			return -1;
	}
	if (buf_failed(&text))
		return err_field(err, E2BIG, "/linux/intelRdt", "schemata are too long");
	*ret = NULL;
	if (text.len > 0) {
		*ret = arena_strdup(arena, text.s);
		if (*ret == NULL)
			return err_sys(err, "copy schemata");
	}
	return 0;
}

int rdt_make(const struct spec_intel_rdt *s, const char *id, struct arena *arena, struct rdt *ret,
	     struct err *err)
{
	struct rdt r = { .set = s != NULL };

	if (s == NULL) {
		*ret = r;
		return 0;
	}
	if (rdt_make_schemata(s, arena, &r.schemata, err) < 0)
		return -1;
	if (s->closID == NULL) {
		r.group = id;
	} else if (strcmp(s->closID, "/") == 0) {
		r.group = ""; /* since 1.3: the default group */
	} else if (!rdt_is_name(s->closID)) {
		return err_field(err, EINVAL, "/linux/intelRdt/closID",
				 "\"%s\" is not a group name", s->closID);
	} else {
		r.group = s->closID;
		r.must_exist = r.schemata == NULL;
	}
	/* enableCMT and enableMBM are what the key was called before 1.3 */
	if (s->enableMonitoring || s->enableCMT || s->enableMBM)
		r.monitor = id;
	*ret = r;
	return 0;
}

int rdt_open(struct err *err)
{
	struct statfs fs;
	AUTO_FD fd = open(RDT_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstatfs(fd, &fs) < 0 || (long)fs.f_type != (long)RDTGROUP_SUPER_MAGIC)
		return err_field(err, EOPNOTSUPP, "/linux/intelRdt",
				 "no resctrl file system is mounted at \"" RDT_ROOT "\"");
	return fd_take(&fd);
}

/* Opens dir/name, made if it is not there; "" is dir itself. */
static int rdt_dir(int dir, const char *name, bool may_make, bool *ret_made, struct err *err)
{
	AUTO_FD fd = -1;

	if (may_make && name[0] != '\0') {
		if (mkdirat(dir, name, 0755) == 0)
			*ret_made = true;
		else if (errno != EEXIST)
			return err_sys(err, "make resctrl group \"%s\"", name);
	}
	fd = openat(dir, name[0] != '\0' ? name : ".",
		    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open resctrl group \"%s\"", name);
	return fd_take(&fd);
}

static int rdt_write_schemata(int group, const char *text, struct err *err)
{
	char line[1024];

	/* a line at a time, so that the message can name the one the hardware refuses */
	while (*text != '\0') {
		size_t len = strcspn(text, "\n") + 1;

		if (str_format(line, sizeof(line), "%.*s", (int)len, text) < 0)
			return err_field(err, E2BIG, "/linux/intelRdt", "schema is too long");
		if (file_write_text(group, "schemata", line) < 0) {
			line[len - 1] = '\0';
			return err_sys(err, "write resctrl schema \"%s\"", line);
		}
		text += len;
	}
	return 0;
}

static int rdt_add_pid(int dir, const char *what, pid_t pid, struct err *err)
{
	char text[16];

	if (str_format(text, sizeof(text), "%d", (int)pid) < 0)
		return err_sys(err, "format pid");
	if (file_write_text(dir, "tasks", text) < 0)
		return err_sys(err, "put process %s into resctrl group \"%s\"", text, what);
	return 0;
}

int rdt_apply(const struct rdt *r, int root, pid_t pid, struct rdt_made *ret_made, struct err *err)
{
	AUTO_FD group = -1;
	AUTO_FD groups = -1;
	AUTO_FD monitor = -1;

	*ret_made = (struct rdt_made){ 0 };
	if (!r->set)
		return 0;
	group = rdt_dir(root, r->group, !r->must_exist, &ret_made->group, err);
	if (group < 0)
		return -1;
	if (r->schemata != NULL && rdt_write_schemata(group, r->schemata, err) < 0)
		return -1;
	if (rdt_add_pid(group, r->group, pid, err) < 0)
		return -1;
	if (r->monitor == NULL)
		return 0;
	groups = openat(group, "mon_groups", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (groups < 0)
		return err_sys(err, "open monitoring groups of resctrl group \"%s\"", r->group);
	monitor = rdt_dir(groups, r->monitor, true, &ret_made->monitor, err);
	if (monitor < 0)
		return -1;
	return rdt_add_pid(monitor, r->monitor, pid, err);
}

int rdt_update(const struct rdt *r, int root, struct err *err)
{
	AUTO_FD group = -1;

	if (!r->set || r->schemata == NULL)
		return 0;
	group = rdt_dir(root, r->group, false, NULL, err);
	if (group < 0)
		return -1;
	return rdt_write_schemata(group, r->schemata, err);
}

int rdt_remove(const struct rdt *r, const struct rdt_made *made, int root, struct err *err)
{
	if (made->monitor && r->monitor != NULL) {
		char path[600];

		if (str_format(path, sizeof(path), "%s%smon_groups/%s", r->group,
			       r->group[0] != '\0' ? "/" : "", r->monitor) < 0)
			return err_sys(err, "path of monitoring group \"%s\"", r->monitor);
		if (unlinkat(root, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return err_sys(err, "remove monitoring group \"%s\"", r->monitor);
	}
	if (made->group && r->group[0] != '\0' && unlinkat(root, r->group, AT_REMOVEDIR) < 0 &&
	    errno != ENOENT)
		return err_sys(err, "remove resctrl group \"%s\"", r->group);
	return 0;
}
