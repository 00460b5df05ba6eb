/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - what is remembered of a container: one directory each
 *
 *   ROOT/ID/state.json   the record: written before the first effect, replaced
 *                        by rename at each step, so that `delete --force`
 *                        always knows what to undo
 *   ROOT/ID/config.json  the bundle's config.json as it was at create
 *   ROOT/ID/exec.fifo    exists as long as the container is "created"
 *   ROOT/ID/answer.fifo  what start hears of init: why it failed, or its end when execve(2) closed it
 *   ROOT/ID/notify/      the sd_notify(3) socket given to the container
 *
 * The directory itself is the lock (flock(2)).  ROOT/.cache holds compiled
 * seccomp filters.
 */
#ifndef SKERRY_CONTAINER_STORE_H
#define SKERRY_CONTAINER_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "cgroups/cgroup.h"

#define STORE_STATE_MAX	 ((size_t)1 << 20)
#define STORE_FIFO	 "exec.fifo"
#define STORE_ANSWER	 "answer.fifo"
#define STORE_CONFIG	 "config.json"
#define STORE_STATE	 "state.json"
#define STORE_NOTIFY_DIR "notify"

struct store {
	int root; /* descriptor of ROOT, -1 when it does not exist yet */
	char path[1024];
	bool is_default;
};
/* root NULL: /run/skerry, or below XDG_RUNTIME_DIR for an ordinary user.  Makes it (0700) if `make`;
 * a missing default root is an empty store. */
int store_open(const char *root, bool rootless, bool make, struct store *ret, struct err *err);
void store_close(struct store *s);

/* The record of one container; the strings belong to the arena it was loaded into. */
struct record {
	char *id, *bundle, *rootfs, *created, *oci_version;
	struct pairs annotations;
	bool complete; /* false until create went through */
	pid_t pid; /* 0: none yet */
	uint64_t start_time; /* field 22 of /proc/PID/stat; 0 where pidfs identifies */
	uint64_t pidfs_ino; /* inode of the pidfd; 0 before Linux 6.9 */
	int64_t boot_ns; /* CLOCK_REALTIME of the boot: a reboot makes pids worthless */
	uint32_t uid; /* who made it */
	bool private_pidns; /* ends when its init ends */
	bool has_networks; /* network.json says which */
	bool has_poststart, has_poststop, has_terminal, has_userns;
	uint32_t namespaces; /* CLONE_NEW* of those that are not the host's */
	char *rdt_group; /* resctrl group to remove, or NULL */
	char *notify_socket; /* host's NOTIFY_SOCKET, or NULL */
	struct {
		int32_t manager;
		char *path, *scope, *slice, *subgroup;
		bool user_bus;
	} cgroup;
	int32_t exit_status; /* wait(2) status once seen */
	bool has_exit;
};

/* A container's directory, held open and, when asked, locked. */
struct store_entry {
	int dir;
	struct arena arena;
	struct record rec;
};
#define STORE_ENTRY_INIT \
 {                       \
  .dir = -1              \
 }

/* Makes and locks the directory of a new id, created now; EEXIST: "container with given ID already
 * exists". */
int store_reserve(const struct store *s, const char *id, struct store_entry *ret, struct err *err);
enum store_lock { STORE_NO_LOCK, STORE_LOCK };
/* Opens, locks, reads the record; without a whole one rec.complete is false and pid 0.
 * ENOENT: container "ID" does not exist. */
int store_load(const struct store *s, const char *id, enum store_lock lock, struct store_entry *ret,
	       struct err *err);
/* The first record of what store_reserve() gave. */
int store_save_first(const struct store_entry *e, struct err *err);
/* Puts the record in place by rename. */
int store_save(const struct store_entry *e, struct err *err);
/* Removes the directory of id, which is e's and locked, with all in it.  e stays to be released. */
int store_remove(const struct store *s, const char *id, const struct store_entry *e,
		 struct err *err);
void store_entry_release(struct store_entry *e);
/* The lock of STORE_LOCK let go of for a while; what was loaded may be old then, and ENOENT says that the
 * container was deleted. */
void store_unlock(const struct store_entry *e);
int store_lock(const struct store *s, const struct store_entry *e, struct err *err);
/* Is someone else working on it (the lock is held)? */
bool store_is_locked(const struct store_entry *e);
/* Ids, sorted; NULL-terminated, malloc'd. */
char **store_list(const struct store *s, struct err *err);
/* ROOT/.cache as a descriptor, made where missing; -1 when it can't be used (no error: no cache). */
int store_cache_open(const struct store *s);

void record_place(const struct record *r, struct cgroup_place *ret);
int record_set_place(struct record *r, const struct cgroup_place *p, struct arena *arena);
/* Remembers who the process is (pidfs inode or start time). */
int record_set_process(struct record *r, pid_t pid, int pidfd, struct err *err);
/* A pidfd of the container's init if that very process still lives; -1 without an error when it has ended. */
int record_open_process(const struct record *r);

#endif
