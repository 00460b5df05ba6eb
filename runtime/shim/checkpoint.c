/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c - Checkpoint, and Start of a container that was created from one
 *
 * Create with a checkpoint mounts the rootfs and opens the output, nothing
 * else; Start restores.  criu works in <bundle>/criu-work unless it is told
 * where; its log is kept in the bundle when it failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/shim/shim.h"

#define WORK_ARENA ((size_t)4 << 20)
#define LOG_MAX	   ((size_t)16 << 20)
#define WORK_DIR   "criu-work"

/* <bundle>/criu-work, made. */
static int own_work_dir(const struct container *k, char *path, size_t size, struct err *err)
{
	if (str_format(path, size, "%s/" WORK_DIR, k->bundle) < 0 ||
	    (mkdir(path, 0700) < 0 && errno != EEXIST))
		return err_sys(err, "make a folder for criu in \"%s\"", k->bundle);
	return 0;
}

/* containerd looks for it there. */
static void keep_log(const struct container *k, const char *work, const char *name)
{
	char from[4096], to[4096];
	AUTO_BUF text;

	buf_init(&text);
	if (str_format(from, sizeof(from), "%s/%s.log", work, name) == 0 &&
	    str_format(to, sizeof(to), "%s/criu-%s.log", k->bundle, name) == 0 &&
	    file_read(AT_FDCWD, from, &text, LOG_MAX, true) == 0)
		(void)file_replace(AT_FDCWD, to, text.s, text.len, 0600);
}

static bool has_word(const struct strings *list, const char *word)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], word) == 0)
			return true;
	return false;
}

/* The options' message, or defaults where none came. */
static int parse_options(const struct checkpoint_request *q, struct checkpoint_options *ret,
			 struct arena *arena, struct err *err)
{
	*ret = (struct checkpoint_options){ 0 };
	if (!q->options ||
	    strcmp(any_type(q->options), "containerd.runc.v1.CheckpointOptions") != 0)
		return 0;
	return wire_decode(&checkpoint_options_table, q->options->value.v, q->options->value.n, ret,
			   arena, err);
}

static const char *or_null(const char *text)
{
	return text && text[0] ? text : NULL;
}

static void checkpoint_run(struct work *w, struct report *r)
{
	CLEANUP(arena_release) struct arena arena;
	const struct checkpoint_request *q = w->request;
	struct container *k = w->container;
	struct checkpoint_options m;
	struct skerry_checkpoint_options o = { .size = sizeof(o), .image_path = q->path };
	struct skerry_error e = { 0 };
	struct skerry *s;
	char work[4096];

	arena_init(&arena, WORK_ARENA);
	if (parse_options(q, &m, &arena, &r->err) < 0 ||
	    own_work_dir(k, work, sizeof(work), &r->err) < 0)
		return;
	o.work_path = or_null(m.work_path);
	if (!o.work_path)
		o.work_path = work;
	o.parent_path = or_null(m.parent_path);
	o.manage_cgroups_mode = or_null(m.cgroups_mode);
	o.empty_ns = has_word(&m.empty_namespaces, "network") ? "network" : NULL;
	o.leave_running = !m.exit;
	o.tcp_established = m.open_tcp;
	o.ext_unix_sk = m.external_unix_sockets;
	o.shell_job = m.terminal || k->init.terminal;
	o.file_locks = m.file_locks;
	s = container_runtime(k, &r->err);
	if (!s)
		return;
	r->rc = skerry_checkpoint(s, k->id, &o, &e);
	if (r->rc < 0) {
		(void)runtime_failed(&e, "OCI runtime checkpoint failed: ", &r->err);
		keep_log(k, o.work_path, "dump");
	}
	(void)file_remove_tree(AT_FDCWD, work);
}

static void checkpoint_done(struct work *w, struct report *r)
{
	const struct checkpoint_request *q = w->request;
	struct container *k = w->container;

	if (r->rc == 0) {
		container_publish(
			k, "/tasks/checkpointed", "TaskCheckpointed", &task_simple_table,
			&(struct task_simple){ .container_id = k->id, .checkpoint = q->path });
		call_reply(w->call, &empty_table, &(struct empty){ 0 });
	} else {
		call_fail(w->call, RPC_UNKNOWN, "%s", r->err.msg);
	}
	container_release_exit(k);
	container_worker_ended(k);
}

void task_checkpoint(const struct todo *t)
{
	const struct checkpoint_request *q = t->request;
	struct container *k = t->container;

	if (k->init.status != STATUS_RUNNING && k->init.status != STATUS_PAUSED) {
		call_fail(t->call, RPC_FAILED_PRECONDITION,
			  "cannot checkpoint a container that does not run");
	} else if (!q->path || q->path[0] != '/') {
		call_fail(t->call, RPC_INVALID_ARGUMENT, "checkpoint needs an absolute path");
	} else {
		k->exclusive = true;
		k->held = true; /* one that ends with its checkpoint: first that, then its exit */
		work_start(&(struct work){ .container = k,
					   .call = t->call,
					   .run = checkpoint_run,
					   .done = checkpoint_done,
					   .request = q });
	}
}

/* In a worker: Start of a container with a checkpoint. */
void restore_run(struct work *w, struct report *r)
{
	struct container *k = w->container;
	struct skerry_error e = { 0 };
	struct skerry_state state;
	struct skerry *s;
	char work[4096], pid_file[4096];
	struct skerry_create_options co = { .size = sizeof(co),
					    .bundle = k->bundle,
					    .pid_file = pid_file,
					    .no_pivot = k->no_pivot,
					    .no_new_keyring = k->no_new_keyring,
					    .no_subreaper = true,
					    .detach = true,
					    .ret_master = k->init.terminal ? &r->master : NULL };
	struct skerry_checkpoint_options o = { .size = sizeof(o),
					       .image_path = k->checkpoint,
					       .work_path = work,
					       .tcp_established = true,
					       .ext_unix_sk = true,
					       .file_locks = true,
					       .shell_job = k->init.terminal };

	if (str_format(pid_file, sizeof(pid_file), "%s/init.pid", k->bundle) < 0 ||
	    own_work_dir(k, work, sizeof(work), &r->err) < 0 ||
	    io_enter(&k->init.io, k->id, k->shim->namespace, r, &r->err) < 0)
		return;
	s = container_runtime(k, &r->err);
	if (!s)
		return;
	if (skerry_restore(s, k->id, &co, &o, &e) < 0 || skerry_state(s, k->id, &state, &e) < 0) {
		(void)runtime_failed(&e, "OCI runtime restore failed: ", &r->err);
		keep_log(k, work, "restore");
		return;
	}
	r->pid = state.pid;
	r->cgroup = skerry_cgroup_open(s, k->id, NULL);
	(void)file_remove_tree(AT_FDCWD, work);
	r->rc = 0;
}
