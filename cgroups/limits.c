/* SPDX-License-Identifier: Apache-2.0 */
/* limits.c - writing limits, with the controllers they need and a way back
 *
 * A write is tried first; only when its file is missing are the controllers
 * looked at, from the top of the tree down, and enabled where they are not.
 * Usually the parent already has them and nothing is read at all.
 * Documentation/admin-guide/cgroup-v2.rst "Enabling and Disabling",
 * "Top-down Constraint", "No Internal Process Constraint".
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"

static const char *const controllers[] = { "cpu",     "cpuset", "io",	"memory", "pids",
					   "hugetlb", "rdma",	"misc", "dmem" };

/* The controller that a file belongs to, as a bit; 0: the core's. */
static unsigned int controller_of(const char *file)
{
	size_t len = strcspn(file, ".");

	for (unsigned int i = 0; i < ARRAY_SIZE(controllers); i++)
		if (strlen(controllers[i]) == len && memcmp(controllers[i], file, len) == 0)
			return 1U << i;
	return 0;
}

static int missing_controller(const struct cgroup_host *h, const struct cgroup_write *w,
			      const char *name, const char *path, struct err *err)
{
	if (h->hybrid)
		return err_field(
			err, ENOTSUP, w->field,
			"controller \"%s\" is not in the cgroup v2 tree, needed for %s: this "
			"host uses it with cgroup v1; boot with "
			"systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=%s",
			name, w->field, name);
	if (h->rootless)
		return err_field(
			err, ENOTSUP, w->field,
			"controller \"%s\" was not delegated to cgroup \"%s\", needed for %s: "
			"set Delegate=%s for user@.service",
			name, *path ? path : "/", w->field, name);
	return err_field(
		err, ENOTSUP, w->field,
		"controller \"%s\" is not available in cgroup \"%s\", needed for %s: enable it "
		"in \"%s/cgroup.subtree_control\" of its parent or in the kernel",
		name, *path ? path : "/", w->field, h->mount);
}

/* Why a write of `want` to cgroup.subtree_control failed. */
static int enable_failed(const struct cgroup_host *h, int dir, const char *path, const char *want,
			 const struct cgroup_write *w, struct err *err)
{
	const char *group = *path ? path : "/", *lacking = NULL;
	char have[GROUP_LINE_SIZE], word[16];

	if (errno == EBUSY)
		return err_field(err, EBUSY, w->field,
				 "enable %sin cgroup \"%s\", needed for %s: there are processes in "
				 "it; move them to a group below it",
				 want, group, w->field);
	if (errno != ENOENT && errno != EACCES && errno != EPERM && errno != EROFS)
		return err_sys(err, "enable %sin cgroup \"%s\"", want, group);
	if (group_read(dir, "cgroup.controllers", have, sizeof(have)) < 0)
		have[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		if (str_format(word, sizeof(word), "+%s", controllers[i]) < 0 ||
		    !group_parse_word(want, word))
			continue;
		/* one that is there could have been enabled but for the rights */
		if (h->rootless || !group_parse_word(have, controllers[i]))
			lacking = controllers[i];
	}
	if (lacking)
		return missing_controller(h, w, lacking, path, err);
	return err_field(err, EACCES, w->field,
			 "enable %sin cgroup \"%s\", needed for %s: not permitted", want, group,
			 w->field);
}

/* Makes the controllers of `mask` available to the children of the group at path. */
static int enable_at(const struct cgroup_host *h, const char *path, unsigned int mask,
		     const struct cgroup_write *w, struct err *err)
{
	char have[GROUP_LINE_SIZE], want[256] = "";
	AUTO_FD dir = group_open(h->root, path);

	if (dir < 0 || group_read(dir, "cgroup.subtree_control", have, sizeof(have)) < 0)
		return err_sys(err, "read \"cgroup.subtree_control\" of cgroup \"%s\"", path);
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		size_t used = strlen(want);

		if (!(mask & 1U << i) || group_parse_word(have, controllers[i]))
			continue;
		if (str_format(want + used, sizeof(want) - used, "+%s ", controllers[i]) < 0)
			return err_set(err, ENAMETOOLONG, "too many controllers");
	}
	if (!want[0] || group_write(dir, "cgroup.subtree_control", want) == 0)
		return 0;
	return enable_failed(h, dir, path, want, w, err);
}

/* From the top down to the group's parent. */
static int enable_controllers(const struct cgroup_host *h, const struct cgroup *g,
			      unsigned int mask, const struct cgroup_write *w, struct err *err)
{
	char part[sizeof(g->place.path)];
	const char *path = g->place.path;

	if (h->root < 0)
		return err_set(err, ENOTSUP, "no cgroup v2 tree for %s", w->field);
	for (const char *slash = path; slash && *slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);

		memcpy(part, path, len);
		part[len] = '\0';
		if (enable_at(h, part, mask, w, err) < 0)
			return -1;
	}
	return 0;
}

/* --- the way back --------------------------------------------------------- */

/* Files with one line per device keep what is not mentioned: to forget a device has a text. */
static const struct {
	const char *file, *forget;
} keyed[] = {
	{ "io.max", "rbps=max wbps=max riops=max wiops=max" },
	{ "io.latency", "target=0" },
	{ "io.weight", "default" },
	{ "io.bfq.weight", "default" },
	{ "rdma.max", "hca_handle=max hca_object=max" },
	{ "misc.max", "max" },
	{ "dmem.max", "max" },
	{ "dmem.min", "0" },
	{ "dmem.low", "0" },
};

const char *limits_old_text(struct arena *arena, const char *file, const char *text,
			    const char *old)
{
	size_t len = strcspn(text, " "), n = strcspn(old, "\n");
	const char *line = NULL;
	char *word;

	for (size_t i = 0; i < ARRAY_SIZE(keyed); i++) {
		if (strcmp(file, keyed[i].file) != 0)
			continue;
		if (text[len] != ' ') /* io.weight: the default of all devices */
			word = arena_strdup(arena, "default");
		else
			word = arena_strndup(arena, text, len);
		if (!word)
			return NULL;
		n = group_parse_line(old, word, &line);
		return n ? arena_strndup(arena, line, n)
			 : arena_printf(arena, "%s %s", word, keyed[i].forget);
	}
	return n ? arena_strndup(arena, old, n) : "\n"; /* an empty cpuset.cpus */
}

static int undo_add(struct limits_undo *undo, const struct cgroup *g, const char *file,
		    const char *text)
{
	AUTO_BUF old;
	const char *back;

	buf_init(&old);
	if (group_read_buf(g->top, file, &old) < 0)
		return -1;
	back = limits_old_text(undo->arena, file, text, old.s);
	if (!back)
		return -1;
	undo->v[undo->n].file = file;
	undo->v[undo->n++].text = back;
	return 0;
}

void limits_take_back(const struct cgroup *g, const struct limits_undo *undo)
{
	for (size_t i = undo->n; i > 0; i--)
		(void)group_write(g->top, undo->v[i - 1].file, undo->v[i - 1].text);
}

/* --- the way there -------------------------------------------------------- */

static int write_file(const struct cgroup *g, const char *file, const char *text,
		      struct limits_undo *undo)
{
	if (undo && undo_add(undo, g, file, text) < 0)
		return -1;
	if (group_write(g->top, file, text) == 0)
		return 0;
	if (undo)
		undo->n--;
	return -1;
}

static int write_one(const struct cgroup *g, const struct cgroup_write *w, struct limits_undo *undo)
{
	if (write_file(g, w->file, w->text, undo) == 0)
		return 0;
	if (!w->else_file || errno != ENOENT)
		return -1;
	return write_file(g, w->else_file, w->else_text, undo);
}

static int check_memory(const struct cgroup *g, uint64_t limit, struct err *err)
{
	uint64_t usage = 0;

	if (group_read_number(g->top, "memory.current", &usage) < 0 || usage <= limit)
		return 0; /* no file: nothing was charged yet */
	return err_field(err, EBUSY, "/linux/resources/memory/limit",
			 "memory limit %" PRIu64 " is below what is in use (%" PRIu64
			 ") and checkBeforeUpdate is set",
			 limit, usage);
}

static int write_failed(const struct cgroup *g, const struct cgroup_write *w, struct err *err)
{
	int code = errno;

	if (code == ENOENT)
		return err_field(
			err, ENOENT, w->field,
			"write \"%s\" to \"%s\" of cgroup \"%s\" for %s: this kernel has no such "
			"file",
			w->text, w->file, g->place.path, w->field);
	errno = code;
	(void)err_sys(err, "write \"%s\" to \"%s\" of cgroup \"%s\" for %s", w->text, w->file,
		      g->place.path, w->field);
	return err_at(err, w->field);
}

static unsigned int controllers_of(const struct cgroup_writes *w)
{
	unsigned int mask = 0;

	for (size_t i = 0; i < w->n; i++)
		if (!w->v[i].may_lack)
			mask |= controller_of(w->v[i].file);
	return mask;
}

int limits_write(const struct cgroup_host *h, const struct cgroup *g, const struct cgroup_writes *w,
		 struct limits_undo *undo, struct err *err)
{
	bool enabled = false;
	size_t late = SIZE_MAX; /* one that waits for the one behind it */

	if (w->memory_check && check_memory(g, w->memory_check, err) < 0)
		return -1;
	for (size_t i = 0; i < w->n; i++) {
		const struct cgroup_write *one = &w->v[i];
		int r = write_one(g, one, undo);

		if (r < 0 && errno == ENOENT && !one->may_lack && !enabled &&
		    controller_of(one->file)) {
			if (enable_controllers(h, g, controllers_of(w), one, err) < 0)
				return -1;
			enabled = true;
			r = write_one(g, one, undo);
		}
		if (r < 0 && errno == EINVAL && one->after_next) {
			late = i;
			continue;
		}
		if (r < 0 && !(errno == ENOENT && one->may_lack))
			return write_failed(g, one, err);
		if (late != SIZE_MAX && write_one(g, &w->v[late], undo) < 0)
			return write_failed(g, &w->v[late], err);
		late = SIZE_MAX;
	}
	return 0;
}

int cgroup_limits_apply(const struct cgroup_host *h, const struct cgroup *g,
			const struct cgroup_writes *w, bool rollback, struct err *err)
{
	struct limits_undo undo = { .arena = w->arena };
	int r;

	if (g->top < 0) {
		for (size_t i = 0; i < w->n; i++)
			if (!w->v[i].may_lack)
				return err_field(err, ENOENT, w->v[i].field,
						 "the container has no cgroup of its own for %s",
						 w->v[i].field);
		return 0;
	}
	if (rollback && w->n) {
		undo.v = arena_array(w->arena, w->n, sizeof(undo.v[0]));
		if (!undo.v)
			return err_set(err, ENOMEM, "resource limits: out of memory");
	}
	r = limits_write(h, g, w, undo.v ? &undo : NULL, err);
	if (r < 0 && undo.v)
		limits_take_back(g, &undo);
	return r;
}
