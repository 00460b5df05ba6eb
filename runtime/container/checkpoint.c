/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c - a container's processes into images
 *
 * criu does it; here is decided what it has to leave alone (mounts, name
 * spaces and open files of outside).  Whatever fails, criu lets the processes
 * go on as they were.  Without --leave-running the container is deleted
 * afterwards, as its processes have ended.
 *
 * One process alone can't escape while it is being stopped, so its group is
 * not frozen: criu waits for the freezer in steps of a tenth of a second.
 */
#include "runtime/container/checkpoint.h"
#include "runtime/container/checkpoint_fresh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/units.h"
#include "runtime/isolate/landlock.h"

#define ARENA_MAX     ((size_t)128 << 20)
#define MOUNTINFO_MAX ((size_t)16 << 20)
#define DUMP_LOG      "dump.log"
#define ONE_BY_ONE    4 /* processes */

struct checkpoint {
	struct runtime *rt;
	const struct skerry_checkpoint_options *o;
	const struct checkpoint_call *call;
	const char *id;
	struct store_entry entry;
	struct arena arena;
	struct spec *spec;
	struct cgroup cgroup;
	struct image_dirs dirs;
	struct criu criu;
	struct err unstarted; /* why it isn't there */
	struct criu_opts opts;
	struct criu_cgroup_flags flags;
	struct buf mountinfo;
	struct criu_relay relay;
	int pidfd;
	int root; /* the container's, when there are such */
	struct fresh fresh;
	int settings; /* a file of criu's options, or -1 */
	int netns; /* that outlives the container, or -1 */
	bool frozen; /* by us */
	bool refused; /* by call->dumped() or --notify-fd, not by criu */
};

static int find_container(struct checkpoint *c, struct err *err)
{
	enum skerry_status status;

	if (c->o->parent_path && c->o->parent_path[0] == '/')
		return err_set(err, EINVAL,
			       "--parent-path \"%s\": it has to be relative to the images",
			       c->o->parent_path);
	if (runtime_open_store(c->rt, false, err) < 0 ||
	    store_load(&c->rt->store, c->id, STORE_LOCK, &c->entry, err) < 0)
		return -1;
	status = container_status(c->rt, &c->entry, &c->pidfd);
	if (status != SKERRY_RUNNING && status != SKERRY_PAUSED)
		return err_set(err, EINVAL,
			       "container \"%s\" is %s: only a running one can be "
			       "checkpointed",
			       c->id, skerry_status_name(status));
	if (container_load_spec(&c->entry, &c->arena, &c->spec, err) < 0)
		return -1;
	if (spec_annotation(c->spec, LANDLOCK_ANNOTATION))
		return err_set(err, ENOTSUP,
			       "container \"%s\" has Landlock rules, which no image can keep",
			       c->id);
	return container_open_cgroup(c->rt, &c->entry, &c->cgroup, err);
}

/* It starts while we look at the container; who asks for one that isn't there isn't told of
 * criu. */
static int start_criu(struct checkpoint *c, struct err *err)
{
	const int pages = checkpoint_page_fd(c->o);
	const struct criu_start start = { .program = c->rt->criu,
					  .cgroup = -1,
					  .keep = &pages,
					  .n_keep = pages >= 0 ? 1 : 0,
					  .same_session = c->o->shell_job };

	(void)err;
	(void)criu_open(&c->criu, &start, &c->unstarted);
	return 0;
}

static int open_images(struct checkpoint *c, struct err *err)
{
	if (c->unstarted.code) {
		*err = c->unstarted;
		return -1;
	}
	return image_dirs_open(c->o, true, &c->dirs, err);
}

static int check_criu(struct checkpoint *c, struct err *err)
{
	struct criu_features features;

	if (criu_check(&c->criu, CHECKPOINT_CRIU_LEAST, err) < 0)
		return -1;
	if (c->call->ret_criu)
		*c->call->ret_criu = c->criu.version;
	if (!c->o->pre_dump && !c->o->parent_path && !c->o->lazy_pages)
		return 0;
	if (criu_features(&c->criu, &features, err) < 0)
		return -1;
	if (!features.mem_track && (c->o->pre_dump || c->o->parent_path))
		return err_set(err, ENOTSUP,
			       "this kernel doesn't track changed memory (soft-dirty), "
			       "which pre-dumps need");
	if (!features.lazy_pages && c->o->lazy_pages)
		return err_set(err, ENOTSUP,
			       "criu or this kernel (userfaultfd) can't do --lazy-pages");
	return 0;
}

/* --- what is of outside ------------------------------------------------------- */

static int proc_path(const struct checkpoint *c, const char *what, char path[64], struct err *err)
{
	if (str_format(path, 64, "/proc/%d/%s", (int)c->entry.rec.pid, what) < 0)
		return err_sys(err, "process %d", (int)c->entry.rec.pid);
	return 0;
}

static int external_mounts(struct checkpoint *c, struct err *err)
{
	struct external_mounts m;
	char path[64];

	if (proc_path(c, "mountinfo", path, err) < 0)
		return -1;
	if (file_read(AT_FDCWD, path, &c->mountinfo, MOUNTINFO_MAX, false) < 0)
		return err_sys(err, "read \"%s\"", path);
	if (checkpoint_mounts(c->mountinfo.s, c->mountinfo.len, &c->arena, &m, err) < 0)
		return -1;
	c->opts.ext_mnt.v = m.v;
	c->opts.ext_mnt.n = m.n;
	return 0;
}

static bool has_user_namespace(const struct checkpoint *c)
{
	for (size_t i = 0; i < c->spec->linux_->namespaces.n; i++)
		if (str_eq(c->spec->linux_->namespaces.v[i].type, "user"))
			return true;
	return false;
}

/* Who asks on --notify-fd, or clones, restores with us, so that what nobody else could make
 * again may be of outside. */
static int fresh_mounts(struct checkpoint *c, struct err *err)
{
	struct criu_ext_mount *v;
	char path[64];

	if ((c->o->notify_fd <= 0 && !c->call->for_us) || c->o->pre_dump || has_user_namespace(c))
		return 0;
	if (proc_path(c, "root", path, err) < 0)
		return -1;
	c->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->root < 0)
		return err_sys(err, "open \"%s\"", path);
	if (fresh_find(c->mountinfo.s, c->mountinfo.len, c->root, &c->arena, &c->fresh, err) < 0)
		return -1;
	v = arena_array(&c->arena, c->opts.ext_mnt.n + c->fresh.mounts.n + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->opts.ext_mnt.n; i++)
		v[i] = c->opts.ext_mnt.v[i];
	for (size_t i = 0; i < c->fresh.mounts.n; i++)
		v[c->opts.ext_mnt.n++] = (struct criu_ext_mount){ c->fresh.mounts.v[i].target,
								  c->fresh.mounts.v[i].target };
	c->opts.ext_mnt.v = v;
	return 0;
}

/* Those that config.json has by a path: someone else keeps them. */
static int external_namespaces(struct checkpoint *c, struct err *err)
{
	for (size_t i = 0; i < c->spec->linux_->namespaces.n; i++) {
		const struct spec_namespace *ns = &c->spec->linux_->namespaces.v[i];
		int type = ns_parse(ns->type);
		const char *key = type < 0 ? NULL : checkpoint_namespace_key((enum ns)type);
		char path[64];
		struct stat st;

		if (!ns->path || !ns->path[0] || !key)
			continue;
		if (str_format(path, sizeof(path), "/proc/%d/ns/%s", (int)c->entry.rec.pid,
			       ns_names[type].proc_name) < 0 ||
		    stat(path, &st) < 0)
			return err_sys(err, "namespace \"%s\"", ns->path);
		if (type == NS_NETWORK)
			c->netns = open(path, O_RDONLY | O_CLOEXEC);
		if (checkpoint_add_external(&c->opts, &c->arena,
					    arena_printf(&c->arena, "%s[%llu]:%s",
							 ns_names[type].proc_name,
							 (unsigned long long)st.st_ino, key),
					    err) < 0)
			return -1;
	}
	return 0;
}

/* The mount that descriptor fd of the init is on; 0: can't be seen. */
static uint64_t mount_of(const struct checkpoint *c, int fd)
{
	char path[64], text[1024], *at;

	if (str_format(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)c->entry.rec.pid, fd) < 0 ||
	    file_read_line(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "mnt_id:");
	return at ? strtoull(at + strlen("mnt_id:"), NULL, 10) : 0;
}

/* Where descriptor fd leads; "file[...]" for what is on no mount of the container's. */
static const char *descriptor_name(struct checkpoint *c, int fd, struct err *err)
{
	char path[64], target[PATH_MAX];
	struct stat st;
	uint64_t mount;
	const char *name;
	ssize_t n;

	if (str_format(path, sizeof(path), "/proc/%d/fd/%d", (int)c->entry.rec.pid, fd) < 0)
		return "";
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return ""; /* closed */
	target[n] = '\0';
	if (stat(path, &st) < 0 || target[0] != '/' ||
	    (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode)))
		return arena_strdup(&c->arena, target);
	/* A terminal is the container's own, or --shell-job. */
	if (S_ISCHR(st.st_mode) && major(st.st_rdev) != 1)
		return arena_strdup(&c->arena, target);
	mount = mount_of(c, fd);
	if (!mount || checkpoint_has_mount(c->mountinfo.s, c->mountinfo.len, mount))
		return arena_strdup(&c->arena, target);
	name = arena_printf(&c->arena, "file[%llx:%llx]", (unsigned long long)mount,
			    (unsigned long long)st.st_ino);
	return checkpoint_add_external(&c->opts, &c->arena, name, err) < 0 ? NULL : name;
}

static int external_descriptors(struct checkpoint *c, struct err *err)
{
	struct json_out o;
	AUTO_BUF text;

	buf_init(&text);
	json_out_init(&o, &text, 0);
	json_begin_array(&o);
	for (int fd = 0; fd < 3; fd++) {
		const char *name = descriptor_name(c, fd, err);

		if (!name)
			return -1;
		json_string(&o, name);
	}
	json_end_array(&o);
	if (file_replace(c->dirs.images_fd, CHECKPOINT_DESCRIPTORS, text.s, text.len, 0600) < 0)
		return err_sys(err, "write \"%s/" CHECKPOINT_DESCRIPTORS "\"", c->dirs.images);
	return 0;
}

/* What was asked of skerry-net, for the restore. */
static int save_networks(struct checkpoint *c, struct err *err)
{
	AUTO_BUF text;

	buf_init(&text);
	if (!c->entry.rec.has_networks)
		return 0;
	if (file_read(c->entry.dir, CHECKPOINT_NETWORK, &text, STORE_STATE_MAX, true) < 0)
		return err_sys(err, "read " CHECKPOINT_NETWORK);
	if (file_replace(c->dirs.images_fd, CHECKPOINT_NETWORK, text.s, text.len, 0600) < 0)
		return err_sys(err, "write \"%s/" CHECKPOINT_NETWORK "\"", c->dirs.images);
	return 0;
}

/* --- the request ----------------------------------------------------------- */

/* With the freezer criu stops all at once, but looks whether they are only each 100 ms.  A few
 * processes it stops as fast one by one: whose parent is stopped can't get away. */
static int freezer(struct checkpoint *c, struct err *err)
{
	struct cgroup_place place;
	pid_t *pids = NULL;
	size_t n = 0;

	if (c->cgroup.fd < 0)
		return 0;
	if (cgroup_pids(&c->cgroup, &pids, &n, err) < 0)
		return -1;
	free(pids);
	if (n <= ONE_BY_ONE && cgroup_is_frozen(&c->cgroup) != 1)
		return 0;
	record_place(&c->entry.rec, &place);
	if (runtime_find_host(c->rt, err) < 0)
		return -1;
	c->opts.freeze_cgroup = arena_printf(&c->arena, "%s%s", c->rt->host.mount, place.path);
	return c->opts.freeze_cgroup ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* Lazy pages are asked for on a socket that criu listens on, to whoever comes first, unless it
 * has one: what no field of the request can say, its settings can. */
static int lazy_socket(struct checkpoint *c, struct err *err)
{
	const int fd = checkpoint_page_fd(c->o);
	char line[32];

	if (fd < 0 || !c->o->lazy_pages)
		return 0;
	c->settings = memfd_create("criu.conf", MFD_CLOEXEC);
	if (c->settings < 0 || str_format(line, sizeof(line), "ps-socket %d\n", fd) < 0 ||
	    fd_write_full(c->settings, line, strlen(line)) < 0)
		return err_sys(err, "settings for criu");
	c->opts.config_file = arena_printf(&c->arena, "/proc/%d/fd/%d", (int)getpid(), c->settings);
	return c->opts.config_file ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The lock waits for connections to come back; without any it would hold back others in the
 * namespace. */
static void unlock_network(struct checkpoint *c)
{
	struct err left = { 0 };
	AUTO_FD lock = -1;

	if (c->netns >= 0 && !c->o->tcp_established &&
	    network_lock_drop(c->netns, &lock, &left) < 0)
		runtime_warn(c->rt, "%s", left.msg);
}

static int decide(struct checkpoint *c, struct err *err)
{
	static char log[] = DUMP_LOG;

	if (checkpoint_options(c->o, &c->dirs, &c->arena, &c->opts, err) < 0)
		return -1;
	c->opts.pid = c->entry.rec.pid;
	c->opts.log_file = log;
	c->opts.root = c->entry.rec.rootfs;
	c->opts.leave_running = c->o->leave_running;
	if (c->o->parent_path && c->o->parent_path[0])
		c->opts.parent_img = arena_strdup(&c->arena, c->o->parent_path);
	if (!c->opts.network_lock && network_lock_has_nftables(c->criu.program))
		c->opts.network_lock = CRIU_LOCK_NFTABLES;
	c->opts.track_mem = c->o->pre_dump || c->opts.parent_img;
	if (external_mounts(c, err) < 0 || fresh_mounts(c, err) < 0 ||
	    external_namespaces(c, err) < 0 || freezer(c, err) < 0 || lazy_socket(c, err) < 0)
		return -1;
	criu_cgroup_flags_save(&c->flags);
	if (c->o->pre_dump)
		return 0;
	if (external_descriptors(c, err) < 0)
		return -1;
	return save_networks(c, err);
}

/* --notify-fd: whether to go on.  Behind post-dump the group is frozen as well, so that the
 * death of criu, which lets the processes go, starts none while a copy may run elsewhere. */
static int ask_relay(struct checkpoint *c, const struct criu_notify *n, struct err *err)
{
	if (!c->relay.over && strcmp(n->script, "post-dump") == 0 && c->cgroup.fd >= 0 &&
	    cgroup_is_frozen(&c->cgroup) == 0) {
		if (cgroup_freeze(&c->cgroup, true, err) < 0)
			return -1;
		c->frozen = true;
	}
	if (strcmp(n->script, "post-dump") == 0 &&
	    fresh_save(&c->fresh, c->root, c->dirs.images_fd, &c->arena, err) < 0) {
		c->refused = true;
		return -1;
	}
	if (criu_relay_ask(&c->relay, n, err) == 0)
		return 0;
	c->refused = true;
	return -1;
}

/* What the group was before, unless nobody knows whether another copy runs. */
static void thaw(struct checkpoint *c)
{
	struct err lost = { 0 };

	if (c->frozen && !c->relay.held && cgroup_freeze(&c->cgroup, false, &lost) < 0)
		runtime_warn(c->rt, "%s", lost.msg);
}

/* --status-fd: who waits for it may fetch pages now. */
static int notified(void *arg, const struct criu_notify *n, int fd, struct err *err)
{
	struct checkpoint *c = arg;

	(void)fd;
	runtime_debug(c->rt, "checkpoint: %s", n->script);
	if (ask_relay(c, n, err) < 0)
		return -1;
	if (strcmp(n->script, "post-dump") == 0 && c->call->dumped) {
		c->refused = c->call->dumped(c->call->arg, err) < 0;
		return c->refused ? -1 : 0;
	}
	if (strcmp(n->script, "status-ready") != 0 || c->o->status_fd <= 0)
		return 0;
	if (fd_write_full(c->o->status_fd, "", 1) < 0)
		return err_sys(err, "--status-fd %d", c->o->status_fd);
	return 0;
}

void checkpoint_give_flags_back(struct runtime *rt, const struct criu_cgroup_flags *f)
{
	struct err lost;

	if (rt->has_host && criu_cgroup_flags_restore(f, rt->host.mount, &lost) < 0)
		runtime_warn(rt, "%s", lost.msg);
}

/* While criu ends the processes. */
static void answered(void *arg, const struct criu_notify *n)
{
	const struct checkpoint *c = arg;

	if (strcmp(n->script, "post-dump") == 0)
		checkpoint_give_flags_back(c->rt, &c->flags);
}

static int dump(struct checkpoint *c, struct err *err)
{
	const struct criu_req req = { .type = c->o->pre_dump ? CRIU_SINGLE_PRE_DUMP : CRIU_DUMP,
				      .opts = &c->opts };
	struct criu_resp resp;
	int rc;

	c->criu.after = answered;
	rc = criu_call(&c->criu, &req, notified, c, &resp, err);
	checkpoint_give_flags_back(c->rt, &c->flags);
	if (rc < 0)
		thaw(c);
	if (c->refused)
		return -1;
	return rc < 0 ? checkpoint_failed(&c->dirs, DUMP_LOG, err) : 0;
}

static const struct {
	const char *what;
	int (*run)(struct checkpoint *c, struct err *err);
} steps[] = {
	{ "start criu", start_criu },	{ "find container", find_container },
	{ "open images", open_images }, { "decide", decide },
	{ "check criu", check_criu },	{ "dump", dump },
};

int container_checkpoint_with(struct runtime *rt, const char *id,
			      const struct checkpoint_call *call, struct err *err)
{
	struct checkpoint c = { .rt = rt,
				.o = call->o,
				.call = call,
				.id = id,
				.entry = STORE_ENTRY_INIT,
				.cgroup = CGROUP_INIT,
				.dirs = { .images_fd = -1, .work_fd = -1 },
				.pidfd = -1,
				.root = -1,
				.settings = -1,
				.netns = -1 };
	int rc;

	arena_init(&c.arena, ARENA_MAX);
	buf_init_max(&c.mountinfo, MOUNTINFO_MAX);
	criu_init(&c.criu);
	rc = criu_relay_begin(c.o->notify_fd, "post-dump", &c.relay, err);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(steps); i++) {
		runtime_debug(rt, "checkpoint: %s", steps[i].what);
		rc = steps[i].run(&c, err);
	}
	criu_close(&c.criu);
	cgroup_close(&c.cgroup);
	if (rc == 0 && !c.o->leave_running && !c.o->pre_dump) {
		unlock_network(&c);
		rc = container_destroy(rt, &c.entry, err);
	}
	image_dirs_close(&c.dirs);
	(void)fd_close(c.pidfd);
	(void)fd_close(c.root);
	(void)fd_close(c.settings);
	(void)fd_close(c.netns);
	buf_release(&c.mountinfo);
	store_entry_release(&c.entry);
	arena_release(&c.arena);
	return rc;
}

int container_checkpoint(struct runtime *rt, const char *id,
			 const struct skerry_checkpoint_options *o, struct err *err)
{
	const struct checkpoint_call call = { .o = o };

	if (o->export_path || o->create_image)
		return container_export(rt, id, o, err);
	return container_checkpoint_with(rt, id, &call, err);
}
