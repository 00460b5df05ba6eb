/* SPDX-License-Identifier: Apache-2.0 */
/* cgroupfs.c - a group's life: make, open, move in, empty, remove
 *
 * The ways that every container goes are short: create is mkdirat and openat2,
 * remove is one rmdir; everything else is looked at only when the kernel says
 * no.  A container may own its group, so trees below it are of any depth and
 * change while they are walked: walks hold one descriptor, go down by name and
 * up by "..", and are bounded by time.
 * cgroups(7); Documentation/admin-guide/cgroup-v2.rst "Organizing Processes",
 * "cgroup.kill".
 */
#include "cgroups/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"

#define EMPTY_TIMEOUT_MS 10000 /* of killing and removing */
#define RETRY_MS	 5
#define DIR_MODE	 0755

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };

	(void)nanosleep(&t, NULL);
}

static bool is_denied(int error)
{
	return error == EACCES || error == EPERM || error == EROFS;
}

/* --- make -------------------------------------------------------------- */

/* mkdir -p below the root.  *ret_made: how many bytes of path were there before (its parents have
 * to go again when we fail); strlen(path) when all of it was. */
static int make_dirs(int root, const char *path, size_t *ret_made)
{
	char part[sizeof(((struct cgroup_place *)0)->path)];
	size_t len = strlen(path), made = len;

	if (mkdirat(root, path + 1, DIR_MODE) == 0) {
		*ret_made = (size_t)(strrchr(path, '/') - path);
		return 0;
	}
	*ret_made = len;
	if (errno == EEXIST)
		return 0;
	if (errno != ENOENT)
		return -1;
	for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
		const char *end = strchr(slash + 1, '/');
		size_t n = end ? (size_t)(end - path) : len;

		memcpy(part, path, n);
		part[n] = '\0';
		if (mkdirat(root, part + 1, DIR_MODE) == 0) {
			if (made == len)
				made = (size_t)(slash - path);
		} else if (errno != EEXIST) {
			*ret_made = made;
			return -1;
		}
	}
	*ret_made = made;
	return 0;
}

/* Takes back what make_dirs() made; groups that others use meanwhile stay. */
static void remove_dirs(int root, const char *path, size_t made)
{
	char part[sizeof(((struct cgroup_place *)0)->path)];
	size_t len = strlen(path);

	memcpy(part, path, len + 1);
	while (len > made) {
		part[len] = '\0';
		if (unlinkat(root, part + 1, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return;
		while (len > made && part[len] != '/')
			len--;
	}
}

int group_check_unused(int dir, const char *path, struct err *err)
{
	char text[GROUP_LINE_SIZE];
	uint64_t populated = 0, frozen = 0;

	if (group_read(dir, "cgroup.events", text, sizeof(text)) < 0)
		return err_sys(err, "read \"cgroup.events\" of cgroup \"%s\"", path);
	(void)group_parse_key(text, "populated", &populated);
	(void)group_parse_key(text, "frozen", &frozen);
	if (populated)
		return err_set(err, EBUSY, "cgroup \"%s\" is not empty: processes are in it", path);
	if (frozen)
		return err_set(err, EBUSY, "cgroup \"%s\" is frozen", path);
	return 0;
}

static const struct spec_resources *resources_of(const struct spec *spec)
{
	return spec->linux_ ? spec->linux_->resources : NULL;
}

static int make_subgroup(struct cgroup *g, struct err *err)
{
	const char *sub = g->place.subgroup;

	g->fd = g->top;
	if (sub[0] == '\0')
		return 0;
	g->fd = -1;
	if (mkdirat(g->top, sub, DIR_MODE) < 0 && errno != EEXIST)
		return err_sys(err, "make cgroup \"%s/%s\"", g->place.path, sub);
	g->fd = group_open(g->top, sub);
	if (g->fd < 0)
		return err_sys(err, "open cgroup \"%s/%s\"", g->place.path, sub);
	return 0;
}

/* Before any process of the container is in it. */
static int limit_group(const struct cgroup_host *h, const struct cgroup *g,
		       const struct spec_resources *r, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct cgroup_writes writes = { 0 };

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (!r)
		return 0;
	if (cgroup_limits_make(r, &arena, &writes, err) < 0)
		return -1;
	return writes.n ? cgroup_limits_apply(h, g, &writes, false, err) : 0;
}

int cgroup_filter(struct cgroup *g, const struct spec *spec, int memo, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct spec_device_rule *rules = NULL;
	void *insn = NULL;
	size_t n_rules = 0, n_insn = 0;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (g->top < 0)
		return 0;
	if (cgroup_devices_rules(resources_of(spec), &arena, &rules, &n_rules, err) < 0 ||
	    cgroup_devices_make(rules, n_rules, &arena, &insn, &n_insn, err) < 0 ||
	    cgroup_devices_share(g, memo, insn, n_insn, err) < 0)
		return -1;
	g->fresh = false;
	return 0;
}

/* Does the spec ask for limits, which only a group of its own can give? */
static int has_limits(const struct spec *spec, bool *ret, struct err *err)
{
	const struct spec_resources *r = resources_of(spec);
	struct cgroup_writes writes = { 0 };
	struct arena arena;
	int result = 0;

	*ret = false;
	if (!r)
		return 0;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	result = cgroup_limits_make(r, &arena, &writes, err);
	for (size_t i = 0; result == 0 && i < writes.n; i++)
		*ret = *ret || !writes.v[i].may_lack;
	arena_release(&arena);
	return result;
}

/* No group can be made here.  Rootless and with nothing to limit, the container runs in ours. */
static int create_denied(const struct cgroup_host *h, const struct cgroup_place *place,
			 const struct spec *spec, struct cgroup *ret, struct err *err)
{
	bool explicit = spec->linux_ && spec->linux_->cgroupsPath && *spec->linux_->cgroupsPath;
	bool limits = true;
	int code = errno;

	if (h->rootless && is_denied(code) && !explicit) {
		if (has_limits(spec, &limits, err) < 0)
			return -1;
		if (!limits) {
			*ret = (struct cgroup)CGROUP_INIT;
			ret->place.manager = CGROUP_DISABLED;
			return 0;
		}
	}
	errno = code;
	if (is_denied(code))
		return err_sys(err,
			       "make cgroup \"%s%s\": it was not delegated to this user (run below "
			       "\"systemd-run --user --scope -p Delegate=yes\")",
			       h->mount, place->path);
	return err_sys(err, "make cgroup \"%s%s\"", h->mount, place->path);
}

static int create_cgroupfs(const struct cgroup_host *h, const struct cgroup_place *place,
			   const struct spec *spec, struct cgroup *ret, struct err *err)
{
	struct cgroup g = CGROUP_INIT;
	size_t len = strlen(place->path), made = len;

	g.place = *place;
	if (make_dirs(h->root, place->path, &made) < 0) {
		int code = errno;

		remove_dirs(h->root, place->path, made);
		errno = code;
		return create_denied(h, place, spec, ret, err);
	}
	g.fresh = made < len;
	g.top = group_open(h->root, place->path);
	if (g.top < 0) {
		(void)err_sys(err, "open cgroup \"%s%s\"", h->mount, place->path);
		goto failed;
	}
	if ((!g.fresh && group_check_unused(g.top, place->path, err) < 0) ||
	    limit_group(h, &g, resources_of(spec), err) < 0 || make_subgroup(&g, err) < 0)
		goto failed;
	delegate_controllers(h, place, spec);
	*ret = g;
	return 0;
failed:
	if (g.top >= 0 && g.fresh && place->subgroup[0])
		(void)unlinkat(g.top, place->subgroup, AT_REMOVEDIR);
	cgroup_close(&g);
	remove_dirs(h->root, place->path, made);
	return -1;
}

static int create_systemd(const struct cgroup_host *h, const struct cgroup_place *place,
			  const struct spec *spec, struct cgroup *ret, struct err *err)
{
	struct cgroup g = CGROUP_INIT;

	g.place = *place;
	if (systemd_start(place, spec, &g.hold, g.place.path, sizeof(g.place.path), err) < 0)
		return -1;
	g.fresh = true;
	g.top = group_open(h->root, g.place.path);
	if (g.top < 0)
		(void)err_sys(err, "open cgroup \"%s%s\" of unit \"%s\"", h->mount, g.place.path,
			      place->scope);
	if (g.top < 0 || limit_group(h, &g, resources_of(spec), err) < 0 ||
	    make_subgroup(&g, err) < 0) {
		cgroup_close(&g);
		(void)systemd_stop(place, NULL); /* the first error is the one to tell */
		return -1;
	}
	*ret = g;
	return 0;
}

int cgroup_create(const struct cgroup_host *h, const struct cgroup_place *place,
		  const struct spec *spec, struct cgroup *ret, struct err *err)
{
	bool limits = false;

	if (place->manager == CGROUP_DISABLED) {
		if (has_limits(spec, &limits, err) < 0)
			return -1;
		if (limits)
			return err_field(err, EINVAL, "/linux/resources",
					 "resource limits are asked for, but the cgroup manager is "
					 "\"disabled\"");
		*ret = (struct cgroup)CGROUP_INIT;
		ret->place.manager = CGROUP_DISABLED;
		return 0;
	}
	if (h->root < 0)
		return err_set(
			err, ENOTSUP,
			"no cgroup v2 tree at /sys/fs/cgroup or /sys/fs/cgroup/unified: mount one "
			"(mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified), or use "
			"--cgroup-manager=disabled");
	if (place->manager == CGROUP_SYSTEMD)
		return create_systemd(h, place, spec, ret, err);
	return create_cgroupfs(h, place, spec, ret, err);
}

/* --- open and close ---------------------------------------------------- */

int cgroup_open(const struct cgroup_host *h, const struct cgroup_place *place, struct cgroup *ret,
		struct err *err)
{
	struct cgroup g = CGROUP_INIT;

	g.place = *place;
	if (place->manager != CGROUP_DISABLED && h->root >= 0) {
		g.top = group_open(h->root, place->path);
		if (g.top < 0 && errno != ENOENT && errno != ENODEV)
			return err_sys(err, "open cgroup \"%s%s\"", h->mount, place->path);
		g.fd = g.top;
		if (g.top >= 0 && place->subgroup[0]) {
			g.fd = group_open(g.top, place->subgroup);
			if (g.fd < 0) /* the payload may have removed its own */
				g.fd = g.top;
		}
	}
	*ret = g;
	return 0;
}

void cgroup_started(struct cgroup *g)
{
	/* not by the close alone: an init that waits for its start has a copy */
	if (g->hold >= 0)
		(void)shutdown(g->hold, SHUT_RDWR);
	g->hold = fd_close(g->hold);
}

void cgroup_close(struct cgroup *g)
{
	cgroup_started(g);
	if (g->top != g->fd)
		g->top = fd_close(g->top);
	g->fd = fd_close(g->fd);
	g->top = -1;
}

int cgroup_attach(const struct cgroup *g, pid_t pid, struct err *err)
{
	char text[16];

	if (g->fd < 0 || pid <= 0)
		return err_set(err, EINVAL, "there is no cgroup to move process %d into", (int)pid);
	if (str_format(text, sizeof(text), "%d", (int)pid) < 0 ||
	    group_write(g->fd, "cgroup.procs", text) < 0)
		return err_sys(err, "move process %d into cgroup \"%s\"", (int)pid, g->place.path);
	return 0;
}

int cgroup_open_sub(const struct cgroup *g, const char *sub, struct err *err)
{
	const char *colon = strchr(sub, ':');
	const char *path = colon ? colon + 1 : sub;
	int fd;

	if (g->fd < 0)
		return err_set(err, ENOENT, "the container has no cgroup of its own for \"%s\"",
			       sub);
	/* the walk below the descriptor stops at its top: ".." would silently mean another group */
	for (const char *p = path; *p; p += strcspn(p, "/"), p += *p == '/')
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
			return err_set(err, EINVAL, "cgroup \"%s\" may not contain \"..\"", sub);
	fd = group_open(g->fd, path);
	if (fd < 0)
		return err_sys(err, "open cgroup \"%s\" below \"%s\"", sub, g->place.path);
	return fd;
}

/* --- empty and remove --------------------------------------------------- */

/* The first directory in dir: 1 and its name, 0 none, -1. */
static int first_child(int dir, char *name)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry = NULL;
	DIR *d;

	if (fd < 0)
		return -1;
	d = fdopendir(fd);
	if (!d) {
		(void)fd_close(fd);
		return -1;
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread, and glibc's is safe on its own DIR */
	while ((entry = readdir(d)) != NULL)
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0) {
			(void)str_copy(name, NAME_MAX + 1, entry->d_name);
			break;
		}
	(void)closedir(d);
	return entry ? 1 : 0;
}

/* One step of the removal, at the group `at` (the top when depth is 0), which has a child `name`
 * or, when that is "", none left.  *ret_next is where to go on, -1: at the top; 1 to stay, 0 to go,
 * -1. */
static int remove_step(int at, size_t *depth, const char *name, int *ret_next)
{
	*ret_next = -1;
	if (name[0]) {
		if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 1;
		if (errno != EBUSY)
			return -1;
		*ret_next = group_open(at, name);
		++*depth;
	} else {
		/* cgroupfs has no links: ".." is where we came from */
		if (*depth > 1)
			*ret_next = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (--*depth == 0) /* busy though it has no child: a process in it is just ending */
			sleep_ms(RETRY_MS);
	}
	if (*ret_next < 0) /* at the top, or it is gone meanwhile and we begin there again */
		*depth = 0;
	return 0;
}

/* Goes down where there still is a child, removes leaves, goes up. */
int group_remove_below(int dir, const char *path, struct err *err)
{
	int64_t deadline = now_ms() + EMPTY_TIMEOUT_MS;
	char name[NAME_MAX + 1];
	AUTO_FD cur = -1;
	size_t depth = 0;

	for (;;) {
		int at = depth ? cur : dir, next, r;
		int found = first_child(at, name);

		if (found <= 0 && depth == 0)
			return found < 0 ? err_sys(err, "read cgroup \"%s\"", path) : 0;
		if (now_ms() > deadline)
			return err_set(err, EBUSY,
				       "remove cgroup \"%s\": groups below it are in use", path);
		if (found <= 0)
			name[0] = '\0';
		r = remove_step(at, &depth, name, &next);
		if (r < 0)
			return err_sys(err, "remove cgroup \"%s\" below \"%s\"", name, path);
		if (r > 0)
			continue;
		(void)fd_close(cur);
		cur = next;
	}
}

/* Waits for "populated 0"; 1 empty, 0 time is up, -1. */
static int wait_empty(int dir, int64_t deadline)
{
	AUTO_FD fd = beneath_open(dir, "cgroup.events", O_RDONLY | O_CLOEXEC, 0,
				  RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	char text[256];

	if (fd < 0)
		return errno == ENOENT || errno == ENODEV ? 1 : -1;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
		int64_t left = deadline - now_ms();
		uint64_t populated = 0;

		if (len < 0)
			return errno == ENODEV ? 1 : -1;
		text[len] = '\0';
		if (group_parse_key(text, "populated", &populated) < 0 || populated == 0)
			return 1;
		if (left <= 0)
			return 0;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -1;
	}
}

int group_kill_and_wait(int dir, const char *path, struct err *err)
{
	struct cgroup g = { .fd = dir, .top = dir, .hold = -1 };
	int64_t deadline = now_ms() + EMPTY_TIMEOUT_MS;
	int empty;

	(void)str_copy(g.place.path, sizeof(g.place.path), path);
	if (cgroup_kill(&g, SIGKILL, err) < 0)
		return -1;
	empty = wait_empty(dir, deadline);
	if (empty < 0)
		return err_sys(err, "read \"cgroup.events\" of cgroup \"%s\"", path);
	if (empty == 0)
		return err_set(err, EBUSY, "processes in cgroup \"%s\" do not end though killed",
			       path);
	return 0;
}

/* rmdir with patience: after the last process is gone the kernel may need a moment more. */
static int remove_patiently(int root, int dir, const char *path, struct err *err)
{
	int64_t deadline = now_ms() + EMPTY_TIMEOUT_MS;

	if (group_kill_and_wait(dir, path, err) < 0)
		return -1;
	for (long ms = 1; unlinkat(root, path + 1, AT_REMOVEDIR) < 0; ms = ms < 100 ? ms * 2 : ms) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY || now_ms() > deadline)
			return err_sys(err, "remove cgroup \"%s\"", path);
		if (group_remove_below(dir, path, err) < 0)
			return -1;
		if (ms > 1)
			sleep_ms(ms);
	}
	return 0;
}

static int remove_systemd(const struct cgroup_host *h, const struct cgroup_place *place,
			  struct err *err)
{
	AUTO_FD dir = h->root < 0 ? -1 : group_open(h->root, place->path);

	/* our part first: a stop job would wait for what a frozen or stubborn process never does */
	if (dir >= 0 && (group_kill_and_wait(dir, place->path, err) < 0 ||
			 group_remove_below(dir, place->path, err) < 0))
		return -1;
	return systemd_stop(place, err);
}

int cgroup_remove(const struct cgroup_host *h, const struct cgroup_place *place, struct err *err)
{
	AUTO_FD dir = -1;

	if (place->manager == CGROUP_DISABLED)
		return 0;
	if (place->manager == CGROUP_SYSTEMD)
		return remove_systemd(h, place, err);
	if (h->root < 0 || place->path[0] != '/' || place->path[1] == '\0')
		return 0;
	if (unlinkat(h->root, place->path + 1, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY)
		return err_sys(err, "remove cgroup \"%s%s\"", h->mount, place->path);
	dir = group_open(h->root, place->path);
	if (dir < 0)
		return errno == ENOENT
			       ? 0
			       : err_sys(err, "open cgroup \"%s%s\"", h->mount, place->path);
	return remove_patiently(h->root, dir, place->path, err);
}
