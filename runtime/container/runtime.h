/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.h - what every operation on containers starts from, and the operations
 *
 * One file each: create.c start.c run.c exec.c kill.c delete.c state.c
 * update.c wait.c events.c live.c.  api.c wraps them for <skerry/skerry.h>.
 */
#ifndef SKERRY_CONTAINER_RUNTIME_H
#define SKERRY_CONTAINER_RUNTIME_H

#include <stdbool.h>

#include "cgroups/cgroup.h"
#include "runtime/container/store.h"
#include "runtime/include/skerry/skerry.h"

struct runtime {
	struct store store;
	char root[1024]; /* as given; "" for the default */
	char criu[1024]; /* the same */
	enum cgroup_manager manager;
	uid_t uid; /* who calls */
	bool rootless;
	struct cgroup_host host;
	bool has_host;
	void (*warn)(const char *text, void *arg);
	void (*debug)(const char *text, void *arg);
	void *log_arg;
};

/* Opens the store (made if `make`); once. */
int runtime_open_store(struct runtime *rt, bool make, struct err *err);
/* Finds the group tree; once. */
int runtime_find_host(struct runtime *rt, struct err *err);
void runtime_warn(const struct runtime *rt, const char *format, ...) PRINTF(2, 3);
void runtime_debug(const struct runtime *rt, const char *format, ...) PRINTF(2, 3);

/* create.c: what is in hand once a container was made. */
struct created {
	struct store_entry entry;
	struct cgroup cgroup;
	struct arena arena; /* the spec and the plan */
	struct spec *spec;
	pid_t pid;
	int pidfd;
	int sock; /* run: end of file once the program was started */
	int master; /* run with a terminal in the foreground */
	int notify; /* sd_notify socket to relay from, or -1 */
};
enum create_mode { CREATE_ONLY, CREATE_AND_START };
int container_create(struct runtime *rt, const char *id, const struct skerry_create_options *o,
		     enum create_mode mode, struct created *ret, struct err *err);
void created_release(struct created *c);

/* What takes the place of the steps of an init where a container comes from images: makes the processes
 * and sets made->pid, pidfd and master. */
struct plan;
struct attach;
struct restoring {
	struct created *made;
	const struct plan *plan;
	struct attach *attach;
	const char *bundle;
	int console_socket; /* or -1 */
	int (*record)(const struct restoring *r, pid_t pid,
		      struct err *err); /* it lives from now on */
};
struct restorer {
	int (*run)(void *arg, struct restoring *r, struct err *err);
	void *arg;
};
/* by NULL: container_create(), container_run(). */
int container_create_by(struct runtime *rt, const char *id, const struct skerry_create_options *o,
			const struct restorer *by, struct created *ret, struct err *err);
int container_run_by(struct runtime *rt, const char *id, const struct skerry_create_options *o,
		     const struct restorer *by, struct err *err);

int container_start(struct runtime *rt, const char *id, struct err *err);
int container_run(struct runtime *rt, const char *id, const struct skerry_create_options *o,
		  struct err *err);
int container_exec(struct runtime *rt, const char *id, const struct skerry_exec_options *o,
		   struct err *err);
int container_kill(struct runtime *rt, const char *id, int sig, bool all, struct err *err);
int container_delete(struct runtime *rt, const char *id, bool force, struct err *err);
/* Undoes everything that the record names; the entry's directory goes last. */
int container_destroy(struct runtime *rt, struct store_entry *e, struct err *err);
int container_pause(struct runtime *rt, const char *id, bool paused, struct err *err);
int container_update(struct runtime *rt, const char *id, const char *json, size_t len,
		     const char *l3, const char *mb, struct err *err);
int container_wait(struct runtime *rt, const char *id, int timeout_ms, struct err *err);
int container_events(struct runtime *rt, const char *id, int64_t interval_ns,
		     void (*event)(const char *line, void *arg), void *arg, struct err *err);
/* The group's directory as a descriptor of the caller's. */
int container_cgroup_fd(struct runtime *rt, const char *id, struct err *err);
int container_stats(struct runtime *rt, const char *id, struct buf *out, struct err *err);
int container_pids(struct runtime *rt, const char *id, pid_t **ret, size_t *ret_n, struct err *err);

/* state.c */
enum skerry_status container_status(struct runtime *rt, const struct store_entry *e,
				    int *ret_pidfd);
/* Opens the record's group; fd -1 when it is gone or there is none. */
int container_open_cgroup(struct runtime *rt, const struct store_entry *e, struct cgroup *ret,
			  struct err *err);
/* The config.json saved at create. */
int container_load_spec(const struct store_entry *e, struct arena *arena, struct spec **ret,
			struct err *err);

/* live.c */
enum live_change { LIVE_MOUNTS_ADD, LIVE_MOUNTS_REMOVE, LIVE_DEVICE_ADD, LIVE_DEVICE_REMOVE };
int container_change(struct runtime *rt, const char *id, enum live_change change, const char *json,
		     size_t len, struct err *err);

/* seal.c: does this process run from a file that a container can't open for writing? */
bool seal_is_sealed(void);

/* notify.c: sd_notify(3).  The directory to bind, with a socket in it; the socket's descriptor. */
int notify_open(const struct store_entry *e, const char *mount_label, struct err *err);
/* Passes on one datagram of the container.
 * 1: it was READY, 0: something else, -1. */
int notify_relay(int sock, const char *host_socket, pid_t pid);
/* Relays until it is ready or the process of pidfd (-1: none to ask) has ended. */
void notify_wait(int sock, const char *host_socket, pid_t pid, int pidfd);

#endif
