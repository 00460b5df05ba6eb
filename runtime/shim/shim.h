/* SPDX-License-Identifier: Apache-2.0 */
/* shim.h - what the serving process knows: its containers and their processes
 *
 * Everything here belongs to the one thread of the loop.  Workers (worker.h)
 * see it as it was when they were forked and change nothing.
 *
 * A process:
 *
 *    created ----- Start -----> running ----- reaped -----> stopped --- Delete
 *       |                                        ^
 *       +---------- Delete (init: is killed) ----+
 *
 * What is told to containerd, and in which order (process.c keeps it):
 *  1. create < start < exit < delete of a container, exec-added < exec-started
 *     < exit of an exec; what died before its start was told waits with its exit.
 *  2. Every exec's exit before the init's.
 *  3. oom before exit.
 */
#ifndef SKERRY_SHIM_SHIM_H
#define SKERRY_SHIM_SHIM_H

#include <skerry/skerry.h>
#include <sys/types.h>

#include "runtime/shim/events.h"
#include "runtime/shim/io.h"
#include "runtime/shim/options.h"
#include "runtime/shim/server.h"

enum status { /* containerd's numbers */
	      STATUS_UNKNOWN,
	      STATUS_CREATED,
	      STATUS_RUNNING,
	      STATUS_STOPPED,
	      STATUS_PAUSED,
	      STATUS_PAUSING,
};

struct container;
struct process {
	struct process *next; /* execs */
	struct container *container;
	char *exec_id; /* "" for the init */
	enum status status;
	pid_t pid; /* 0: none yet */
	bool busy; /* a worker starts it */
	bool failed; /* it could not be started */
	bool reaped; /* but maybe not told yet */
	uint32_t exit_status;
	struct timestamp exited_at;
	char *in, *out, *err; /* names given by containerd, "" when none */
	bool terminal;
	char *spec; /* execs, until they run: JSON of the process */
	size_t spec_len;
	struct io io;
	struct call *waiters, *stoppers; /* kept until it has ended: Wait; StopSandbox */
	struct call *deletion; /* waits for the end, then for the output */
	struct timer timer; /* of that wait */
	int64_t give_up; /* at the latest */
	uint64_t moved; /* of the output, when last looked at */
	struct logger_process *logger;
};

struct container {
	struct container *next;
	struct shim *shim;
	char *id, *bundle;
	char *root; /* state directory of the runtime for this namespace */
	bool systemd_cgroup, no_pivot, no_new_keyring;
	char *checkpoint; /* what Start restores, or NULL */
	struct process init;
	struct process *execs;
	unsigned int workers; /* at work on it */
	bool exclusive; /* one of them tolerates no other */
	bool held; /* the init's end is not told now: its Start or Checkpoint is under way */
	bool is_sandbox; /* made by CreateSandbox */
	bool shutting_down; /* its deletion is ShutdownSandbox's */
	struct timestamp created_at;
	struct timer patience; /* StopSandbox: then it is killed */
	bool private_pids; /* its processes end with the init */
	bool tell_exit; /* the init's end has still to be told */
	struct timer timer; /* then it is told at the latest */
	struct call *parked, **parked_end; /* calls that wait for their turn */
	int cgroup; /* directory, or -1 */
	int watch; /* inotify, or -1 */
	uint64_t oom_kills;
};

struct shim {
	struct loop loop;
	struct server server;
	struct workers workers;
	struct events events;
	struct source signals, inotify;
	const char *id, *namespace;
	struct container *containers;
	struct logger_process *loggers;
	struct timer timer; /* leaves when nobody needs it any more */
	bool unneeded; /* somebody wanted it to go */
	bool stopping;
	int64_t stop_at; /* at the latest */
	bool debug;
};

/* serve.c */
struct serve_options {
	const char *id, *namespace, *address, *publish_binary, *ttrpc_address;
	bool debug;
};
/* The serving process: descriptor 3 is the listening socket, 2 the log.  Returns when it is over. */
int serve(const struct serve_options *o, struct err *err);
void shim_log(const struct shim *s, const char *level, const char *format, ...) PRINTF(3, 4);
/* Ends when what has to be told was told. */
void shim_stop(struct shim *s);
/* A container was forgotten or somebody asked to stop: is it time to go? */
void shim_consider_stop(struct shim *s);

/* service.c */
/* A request whose subject was found. */
struct todo {
	struct shim *shim;
	struct call *call;
	void *request; /* as its table says; in the call's memory */
	struct container *container; /* NULL where a method needs none */
	struct process *process;
};
/* What the requests about a container begin with. */
struct subject {
	char *id, *exec_id;
};
void call_handle(struct call *c, void *arg); /* arg: the shim */
/* These calls, in order. */
void call_handle_all(struct shim *s, struct call *c);
struct container *container_find(const struct shim *s, const char *id);
struct process *process_find(struct container *k, const char *exec_id);
/* Does the call again when the container is free: the workers that are at it first. */
void container_park(struct container *k, struct call *c);
void container_worker_ended(struct container *k);
/* Parked calls try again; any of them may free the container. */
void container_unpark(struct container *k);
/* In a worker: the runtime for this container. */
struct skerry *container_runtime(const struct container *k, struct err *err);
/* skerry_error to err; returns -1. */
int runtime_failed(const struct skerry_error *from, const char *prefix, struct err *err);
enum rpc_code code_of(const struct err *err);

/* A request at work: what the worker gets and where its end is answered. */
struct work {
	struct container *container;
	struct process *process;
	struct call *call;
	/* In the worker, one of the two: */
	void (*run)(struct work *w, struct report *r);
	int (*act)(struct skerry *s, struct work *w, struct report *r, struct skerry_error *e);
	const char *what; /* before the message of act's failure */
	bool has_io; /* run() puts the process's descriptors in place; others have none of the shim's */
	void (*done)(struct work *w, struct report *r); /* in the shim */
	const void *request; /* in the call's memory, there as long as the call */
};
/* Starts a copy of it; on failure done() is called at once. */
void work_start(const struct work *what);
/* In the worker: act() with the container's runtime. */
void work_act(struct work *w, struct report *r);
/* For done(): an empty reply or the error.  May end the container's life in the table. */
void work_answer(struct work *w, struct report *r);

/* task.c */
void task_connect(const struct todo *t);
void task_shutdown(const struct todo *t);
void task_state(const struct todo *t);
void task_resize(const struct todo *t);
void task_close_io(const struct todo *t);
void task_kill(const struct todo *t);
void task_pids(const struct todo *t);
void task_stats(const struct todo *t);
void task_pause(const struct todo *t);
void task_resume(const struct todo *t);
void task_update(const struct todo *t);

/* create.c */
void task_create(const struct todo *t);
struct create {
	const struct create_request *request;
	struct options options;
	const struct sandbox_create_request *sandbox; /* or NULL */
};
/* Answers the call, when it is made or cannot be; how is in the call's memory. */
void make_container(struct shim *s, struct call *c, const struct create *how);
void container_free(struct container *k);
/* Tells containerd, which knows nothing of a sandbox's own container. */
void container_publish(struct container *k, const char *topic, const char *type,
		       const struct wire_table *table, const void *message);

/* checkpoint.c */
void task_checkpoint(const struct todo *t);
void restore_run(struct work *w, struct report *r);

/* process.c */
void task_exec(const struct todo *t);
void task_start(const struct todo *t);
void task_delete(const struct todo *t);
void task_wait(const struct todo *t);
/* What was held: the init's end is told, if it has ended. */
void container_release_exit(struct container *k);
/* Kills it if it runs and takes it away; then the call is answered. */
void remove_container(struct container *k, struct call *c);
/* Keeps the call on a list of p's until its end is told. */
void process_keep(struct process *p, struct call **list, struct call *c);
void process_init(struct process *p, struct container *k);
void process_free(struct process *p);
/* A child has ended; false when it is nobody's. */
bool process_ended(struct shim *s, pid_t pid, int status);

/* sandbox.c */
void sandbox_create(const struct todo *t);
void sandbox_start(const struct todo *t);
void sandbox_platform(const struct todo *t);
void sandbox_stop(const struct todo *t);
void sandbox_wait(const struct todo *t);
void sandbox_status(const struct todo *t);
void sandbox_ping(const struct todo *t);
void sandbox_shutdown(const struct todo *t);
void sandbox_metrics(const struct todo *t);
void sandbox_started(struct container *k, struct call *c);
/* In the worker: a config.json for a bundle that has none: 1, or 0 when it has, or -1. */
int sandbox_configure(const struct container *k, const struct create *how, struct err *err);
void sandbox_unconfigure(const struct container *k);
/* In the worker: descriptor 3 is this program. */
int sandbox_lend_program(struct report *r, struct err *err);
/* pause.c: its process. */
int pause_main(void);

/* loggers.c */
/* Fits the logger that a worker has started (0: none) to its process. */
void process_set_logger(struct process *p, pid_t pid);
/* Nobody writes to it any more: it has a while to end. */
void logger_let_go(struct logger_process *l);
/* A child has ended; false when it is no logger. */
bool logger_ended(struct shim *s, pid_t pid);

/* stats.c */
/* The figures of its group as an Any whose value is what is appended to bytes. */
void stats_read(const struct container *k, struct any *ret, struct buf *bytes);

/* oom.c */
int oom_open(struct shim *s, struct err *err);
void oom_watch(struct container *k);
void oom_unwatch(struct container *k);
/* Tells what has happened since the last look. */
void oom_check(struct container *k);

/* rootfs.c: in a worker. */
int rootfs_mount(const char *bundle, const struct mount_messages *mounts, struct err *err);
/* With all below; absent is success. */
int rootfs_unmount(const char *bundle, struct err *err);

/* bundle.c */
struct bundle {
	const char *group; /* containers with the same one share a shim; NULL */
	bool private_pids;
	bool systemd_path; /* cgroupsPath is "slice:prefix:name" */
};
int bundle_load(const char *path, struct arena *arena, struct bundle *ret, struct err *err);
/* The exit status for `delete` when the shim is gone. */
int bundle_save_exit(const char *path, const struct delete_reply *d);
/* What is known of the init's end; false: nothing. */
bool bundle_load_exit(const char *path, struct arena *arena, struct delete_reply *ret,
		      struct timestamp *at);

#endif
