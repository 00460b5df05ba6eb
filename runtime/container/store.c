/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - what is remembered of a container: one directory each
 *
 * Invariants:
 *  1. A container's directory exists before any of its effects (group,
 *     process, mount) and goes after the last of them.
 *  2. state.json is replaced, never rewritten: a reader sees one whole record.  The
 *     first has nothing to replace; without its last byte, a newline, it counts for none.
 *  3. A process is only ever named together with what tells it from a later
 *     one with the same number: the inode of its pidfd (pidfs, Linux 6.9), or
 *     its start time.
 */
#include "runtime/container/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"
#include "runtime/spec/spec.h"

#define PIDFS_MAGIC_  0x50494446
#define BOOT_SLACK_NS 5000000000LL /* the wall clock may be adjusted by this much */

static const struct json_field cgroup_fields[] = {
	JSON_FIELD_AS("manager", struct record, cgroup.manager, JSON_I32),
	JSON_FIELD_AS("path", struct record, cgroup.path, JSON_STRING),
	JSON_FIELD_AS("scope", struct record, cgroup.scope, JSON_STRING),
	JSON_FIELD_AS("slice", struct record, cgroup.slice, JSON_STRING),
	JSON_FIELD_AS("subgroup", struct record, cgroup.subgroup, JSON_STRING),
	JSON_FIELD_AS("userBus", struct record, cgroup.user_bus, JSON_BOOL),
};
static const struct json_table cgroup_table = JSON_TABLE(struct record, cgroup_fields);

/* "cgroup" is decoded in place over the whole record: its offsets start there. */
static const struct json_field record_fields[] = {
	JSON_FIELD(struct record, id, JSON_STRING),
	JSON_FIELD(struct record, bundle, JSON_STRING),
	JSON_FIELD(struct record, rootfs, JSON_STRING),
	JSON_FIELD(struct record, created, JSON_STRING),
	JSON_FIELD_AS("ociVersion", struct record, oci_version, JSON_STRING),
	JSON_FIELD(struct record, annotations, JSON_PAIRS),
	JSON_FIELD(struct record, complete, JSON_BOOL),
	JSON_FIELD(struct record, pid, JSON_I32),
	JSON_FIELD_AS("startTime", struct record, start_time, JSON_U64),
	JSON_FIELD_AS("pidfsInode", struct record, pidfs_ino, JSON_U64),
	JSON_FIELD_AS("bootTime", struct record, boot_ns, JSON_I64),
	JSON_FIELD(struct record, uid, JSON_U32),
	JSON_FIELD_AS("privatePidNamespace", struct record, private_pidns, JSON_BOOL),
	JSON_FIELD_AS("networks", struct record, has_networks, JSON_BOOL),
	JSON_FIELD_AS("poststart", struct record, has_poststart, JSON_BOOL),
	JSON_FIELD_AS("poststop", struct record, has_poststop, JSON_BOOL),
	JSON_FIELD_AS("terminal", struct record, has_terminal, JSON_BOOL),
	JSON_FIELD_AS("userNamespace", struct record, has_userns, JSON_BOOL),
	JSON_FIELD(struct record, namespaces, JSON_U32),
	JSON_FIELD_AS("rdtGroup", struct record, rdt_group, JSON_STRING),
	JSON_FIELD_AS("notifySocket", struct record, notify_socket, JSON_STRING),
	{ .key = "cgroup", .kind = JSON_INLINE, .offset = 0, .sub = &cgroup_table },
	JSON_FIELD_AS("exitStatus", struct record, exit_status, JSON_I32),
	JSON_FIELD_AS("exited", struct record, has_exit, JSON_BOOL),
};
static const struct json_table record_table = JSON_TABLE(struct record, record_fields);

static int64_t boot_time(struct timespec *ret_now)
{
	struct timespec boot;

	if (clock_gettime(CLOCK_REALTIME, ret_now) < 0 || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
		return 0;
	return (ret_now->tv_sec - boot.tv_sec) * 1000000000LL + ret_now->tv_nsec - boot.tv_nsec;
}

/* Root in a user namespace that a user's engine made, which can't write to /run. */
static bool is_root_of_user(void)
{
	const char *user = getenv("USER"); /* NOLINT(concurrency-mt-unsafe) one thread */

	return !(user && strcmp(user, "root") == 0) && proc_is_mapped();
}

static int default_root(bool rootless, struct store *s, struct err *err)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR"); /* NOLINT(concurrency-mt-unsafe) */

	s->is_default = true;
	if (!rootless && !(runtime_dir && is_root_of_user()))
		return str_copy(s->path, sizeof(s->path), "/run/skerry");
	if (runtime_dir && runtime_dir[0] == '/') {
		if (str_format(s->path, sizeof(s->path), "%s/skerry", runtime_dir) < 0)
			return err_sys(err, "XDG_RUNTIME_DIR");
		return 0;
	}
	return str_format(s->path, sizeof(s->path), "/run/user/%u/skerry", (unsigned)geteuid());
}

int store_open(const char *root, bool rootless, bool make, struct store *ret, struct err *err)
{
	*ret = (struct store){ .root = -1 };
	if (!root || !root[0]) {
		if (default_root(rootless, ret, err) < 0)
			return -1;
	} else if (str_copy(ret->path, sizeof(ret->path), root) < 0) {
		return err_set(err, ENAMETOOLONG, "root directory \"%.64s...\": name too long",
			       root);
	}
	if (strcmp(ret->path, "/") == 0)
		return err_set(err, EINVAL, "root directory can't be \"/\"");
	ret->root = open(ret->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->root < 0 && errno == ENOENT && make) {
		if (file_make_dirs(ret->path, 0700) < 0)
			return err_sys(err, "make root directory \"%s\"", ret->path);
		ret->root = open(ret->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (ret->root >= 0 || (errno == ENOENT && !make))
		return 0;
	return err_sys(err, "open root directory \"%s\"", ret->path);
}

void store_close(struct store *s)
{
	s->root = fd_close(s->root);
}

void store_entry_release(struct store_entry *e)
{
	if (e->dir < 0)
		return;
	e->dir = fd_close(e->dir);
	arena_release(&e->arena);
}

int store_reserve(const struct store *s, const char *id, struct store_entry *ret, struct err *err)
{
	struct timespec now = { 0 };
	char created[64];

	if (spec_check_id(id, err) < 0)
		return -1;
	if (mkdirat(s->root, id, 0700) < 0) {
		if (errno == EEXIST)
			return err_set(err, EEXIST,
				       "container with given ID already exists: \"%s\"", id);
		return err_sys(err, "make state directory \"%s/%s\"", s->path, id);
	}
	*ret = (struct store_entry)STORE_ENTRY_INIT;
	ret->dir = openat(s->root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ret->dir < 0 || flock(ret->dir, LOCK_EX | LOCK_NB) < 0) {
		(void)err_sys(err, "open state directory \"%s/%s\"", s->path, id);
		ret->dir = fd_close(ret->dir);
		(void)unlinkat(s->root, id, AT_REMOVEDIR);
		return -1;
	}
	arena_init(&ret->arena, STORE_STATE_MAX * 4);
	ret->rec.boot_ns = boot_time(&now);
	units_time(&now, created, sizeof(created));
	ret->rec.created = arena_strdup(&ret->arena, created);
	return 0;
}

/* A create that died before its first record was whole leaves an empty directory or the beginning of one,
 * and nothing else: no effect comes before the record. */
static int load_record(const char *id, struct store_entry *e, struct err *err)
{
	AUTO_BUF text;
	int found;

	buf_init_max(&text, STORE_STATE_MAX);
	found = file_read(e->dir, STORE_STATE, &text, STORE_STATE_MAX, true);
	if (found < 0 && errno != ENOENT)
		return err_sys(err, "container \"%s\": read " STORE_STATE, id);
	if (found < 0 || text.len == 0 || text.s[text.len - 1] != '\n') {
		e->rec =
			(struct record){ .id = arena_strdup(&e->arena, id), .private_pidns = true };
		return 0;
	}
	if (json_decode(STORE_STATE, text.s, text.len, &record_table, &e->rec, &e->arena, err) < 0)
		return err_wrap(err, "container \"%s\"", id);
	return 0;
}

/* Is dir still the one that the id names?  1, 0, -1: can't be told. */
static int is_same_dir(const struct store *s, const char *id, int dir)
{
	struct stat a, b;

	if (fstat(dir, &b) < 0)
		return -1;
	if (fstatat(s->root, id, &a, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	return a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* Waits for the lock; 1 when dir is the container's directory, 0 when someone deleted that meanwhile. */
static int lock_dir(const struct store *s, const char *id, int dir, struct err *err)
{
	int same = flock(dir, LOCK_EX) < 0 ? -1 : is_same_dir(s, id, dir);

	if (same < 0)
		return err_sys(err, "lock state directory \"%s/%s\"", s->path, id);
	return same;
}

int store_load(const struct store *s, const char *id, enum store_lock lock, struct store_entry *ret,
	       struct err *err)
{
	int same;

	if (spec_check_id(id, err) < 0)
		return -1;
	*ret = (struct store_entry)STORE_ENTRY_INIT;
	if (s->root >= 0)
		ret->dir = openat(s->root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	else
		errno = ENOENT;
	if (ret->dir < 0 && errno != ENOENT)
		return err_sys(err, "open state directory \"%s/%s\"", s->path, id);
	if (ret->dir >= 0 && lock == STORE_LOCK) {
		same = lock_dir(s, id, ret->dir, err);
		if (same != 1)
			ret->dir = fd_close(ret->dir);
		if (same < 0)
			return -1;
	}
	if (ret->dir < 0)
		return err_set(err, ENOENT, "container \"%s\" does not exist", id);
	arena_init(&ret->arena, STORE_STATE_MAX * 4);
	if (load_record(id, ret, err) < 0) {
		store_entry_release(ret);
		return -1;
	}
	return 0;
}

static void write_record(const struct record *r, struct buf *text)
{
	struct json_out o;

	json_out_init(&o, text, 0);
	json_begin_object(&o);
	json_kv_string(&o, "id", r->id);
	json_kv_string(&o, "ociVersion", r->oci_version);
	json_kv_int(&o, "pid", r->pid);
	json_kv_string(&o, "bundle", r->bundle);
	json_kv_string(&o, "rootfs", r->rootfs);
	json_kv_string(&o, "created", r->created);
	json_kv_bool(&o, "complete", r->complete);
	json_kv_uint(&o, "startTime", r->start_time);
	json_kv_uint(&o, "pidfsInode", r->pidfs_ino);
	json_kv_int(&o, "bootTime", r->boot_ns);
	json_kv_uint(&o, "uid", r->uid);
	json_kv_bool(&o, "privatePidNamespace", r->private_pidns);
	json_kv_bool(&o, "networks", r->has_networks);
	json_kv_bool(&o, "poststart", r->has_poststart);
	json_kv_bool(&o, "poststop", r->has_poststop);
	json_kv_bool(&o, "terminal", r->has_terminal);
	json_kv_bool(&o, "userNamespace", r->has_userns);
	json_kv_uint(&o, "namespaces", r->namespaces);
	json_kv_string(&o, "rdtGroup", r->rdt_group);
	json_kv_string(&o, "notifySocket", r->notify_socket);
	if (r->has_exit) {
		json_kv_bool(&o, "exited", true);
		json_kv_int(&o, "exitStatus", r->exit_status);
	}
	json_key(&o, "cgroup");
	json_begin_object(&o);
	json_kv_int(&o, "manager", r->cgroup.manager);
	json_kv_string(&o, "path", r->cgroup.path);
	json_kv_string(&o, "scope", r->cgroup.scope);
	json_kv_string(&o, "slice", r->cgroup.slice);
	json_kv_string(&o, "subgroup", r->cgroup.subgroup);
	json_kv_bool(&o, "userBus", r->cgroup.user_bus);
	json_end_object(&o);
	json_key(&o, "annotations");
	json_begin_object(&o);
	for (size_t i = 0; i < r->annotations.n; i++)
		json_kv_string(&o, r->annotations.v[i].key, r->annotations.v[i].value);
	json_end_object(&o);
	json_end_object(&o);
	buf_putc(text, '\n');
}

static int write_to(const struct store_entry *e, const char *name, int flags, struct err *err)
{
	AUTO_BUF text;
	AUTO_FD fd = -1;

	buf_init(&text);
	write_record(&e->rec, &text);
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "write " STORE_STATE ": out of memory");
	fd = openat(e->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	if (fd < 0 || fd_write_full(fd, text.s, text.len) < 0)
		return err_sys(err, "write " STORE_STATE);
	return 0;
}

int store_save_first(const struct store_entry *e, struct err *err)
{
	return write_to(e, STORE_STATE, O_EXCL, err);
}

/* The name of the temporary is fixed: whoever writes holds the lock, and what a crash left is
 * overwritten. */
int store_save(const struct store_entry *e, struct err *err)
{
	if (write_to(e, "." STORE_STATE, O_TRUNC, err) < 0)
		return -1;
	if (renameat(e->dir, "." STORE_STATE, e->dir, STORE_STATE) < 0)
		return err_sys(err, "write " STORE_STATE);
	return 0;
}

/* The files that we know first: the usual case costs no directory walk.  What a container that was
 * never started has beside them is asked for only where something is left. */
int store_remove(const struct store *s, const char *id, const struct store_entry *e,
		 struct err *err)
{
	(void)unlinkat(e->dir, STORE_CONFIG, 0);
	(void)unlinkat(e->dir, STORE_STATE, 0);
	if (unlinkat(s->root, id, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY) {
		(void)unlinkat(e->dir, STORE_ANSWER, 0);
		(void)unlinkat(e->dir, STORE_FIFO, 0);
		if (unlinkat(s->root, id, AT_REMOVEDIR) == 0)
			return 0;
	}
	if (file_remove_tree(s->root, id) < 0)
		return err_sys(err, "remove state directory \"%s/%s\"", s->path, id);
	return 0;
}

void store_unlock(const struct store_entry *e)
{
	(void)flock(e->dir, LOCK_UN);
}

int store_lock(const struct store *s, const struct store_entry *e, struct err *err)
{
	int same = lock_dir(s, e->rec.id, e->dir, err);

	if (same == 0)
		return err_set(err, ENOENT, "container \"%s\" does not exist", e->rec.id);
	return same < 0 ? -1 : 0;
}

bool store_is_locked(const struct store_entry *e)
{
	if (flock(e->dir, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	(void)flock(e->dir, LOCK_UN);
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **v; /* ends with NULL */
	size_t n, room;
};

/* gcc 12's analyser forgets what a list holds once it has been grown. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
static int add_name(struct names *names, const char *name)
{
	if (names->n + 1 >= names->room) {
		size_t room = names->room ? names->room * 2 : 16;
		char **v = realloc(names->v, room * sizeof(*v));

		if (!v)
			return -1;
		names->v = v;
		names->room = room;
	}
	char *copy = strdup(name);
	if (!copy)
		return -1;
	names->v[names->n++] = copy;
	names->v[names->n] = NULL;
	return 0;
}
#pragma GCC diagnostic pop

/* Every container below an open state directory, in no order. */
static int read_names(DIR *d, struct names *names)
{
	struct dirent *entry;

	while ((entry = readdir(d))) { /* NOLINT(concurrency-mt-unsafe) */
		if (entry->d_name[0] == '.' || spec_check_id(entry->d_name, NULL) < 0)
			continue;
		if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
			continue;
		if (add_name(names, entry->d_name) < 0)
			return -1;
	}
	return 0;
}

char **store_list(const struct store *s, struct err *err)
{
	struct names names = { .v = calloc(1, sizeof(char *)) };
	DIR *d = NULL;
	int fd = s->root < 0 ? -1 : openat(s->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool complete = names.v;

	if (fd >= 0 && !(d = fdopendir(fd)))
		(void)fd_close(fd);
	if (s->root >= 0 && !d) {
		free(names.v);
		return err_sys_(err, "list \"%s\"", s->path), NULL;
	}
	if (d) {
		complete = complete && read_names(d, &names) == 0;
		(void)closedir(d);
	}
	if (!complete) {
		for (size_t i = 0; i < names.n; i++)
			free(names.v[i]);
		free(names.v);
		return err_set_(err, ENOMEM, "out of memory"), NULL;
	}
	qsort(names.v, names.n, sizeof(*names.v), compare_names);
	return names.v;
}

int store_cache_open(const struct store *s)
{
	int fd = openat(s->root, ".cache", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && mkdirat(s->root, ".cache", 0700) == 0)
		fd = openat(s->root, ".cache", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

void record_place(const struct record *r, struct cgroup_place *ret)
{
	*ret = (struct cgroup_place){ .manager = (enum cgroup_manager)r->cgroup.manager,
				      .user_bus = r->cgroup.user_bus };
	(void)str_copy(ret->path, sizeof(ret->path), r->cgroup.path ? r->cgroup.path : "");
	(void)str_copy(ret->scope, sizeof(ret->scope), r->cgroup.scope ? r->cgroup.scope : "");
	(void)str_copy(ret->slice, sizeof(ret->slice), r->cgroup.slice ? r->cgroup.slice : "");
	(void)str_copy(ret->subgroup, sizeof(ret->subgroup),
		       r->cgroup.subgroup ? r->cgroup.subgroup : "");
	if (!ret->path[0] && !ret->scope[0])
		ret->manager = CGROUP_DISABLED;
}

int record_set_place(struct record *r, const struct cgroup_place *p, struct arena *arena)
{
	r->cgroup.manager = (int32_t)p->manager;
	r->cgroup.user_bus = p->user_bus;
	r->cgroup.path = arena_strdup(arena, p->path);
	r->cgroup.scope = arena_strdup(arena, p->scope);
	r->cgroup.slice = arena_strdup(arena, p->slice);
	r->cgroup.subgroup = arena_strdup(arena, p->subgroup);
	return r->cgroup.path && r->cgroup.scope && r->cgroup.slice && r->cgroup.subgroup ? 0 : -1;
}

int record_set_process(struct record *r, pid_t pid, int pidfd, struct err *err)
{
	struct stat st;

	r->pid = pid;
	if (beneath_is_fs(pidfd, PIDFS_MAGIC_) && fstat(pidfd, &st) == 0) {
		r->pidfs_ino = st.st_ino;
		return 0;
	}
	if (proc_start_time(pid, &r->start_time, NULL) < 0)
		return err_sys(err, "process %d", (int)pid);
	return 0;
}

static bool is_before_boot(const struct record *r)
{
	struct timespec clock;
	int64_t now = boot_time(&clock);

	return r->boot_ns && now && r->boot_ns < now - BOOT_SLACK_NS;
}

int record_open_process(const struct record *r)
{
	AUTO_FD pidfd = -1;
	struct stat st;
	uint64_t started;

	if (r->pid <= 1 || r->has_exit)
		return -1;
	pidfd = proc_pidfd_open(r->pid);
	if (pidfd < 0)
		return -1;
	if (r->pidfs_ino) {
		/* After a reboot the numbers start again. */
		if (fstat(pidfd, &st) < 0 || st.st_ino != r->pidfs_ino || is_before_boot(r))
			return -1;
	} else if (proc_start_time(r->pid, &started, NULL) < 0 || started != r->start_time) {
		return -1;
	}
	if (proc_pidfd_wait(pidfd, 0) != 0) /* a zombie counts as ended */
		return -1;
	return fd_take(&pidfd);
}
