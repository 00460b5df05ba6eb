/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.h - one control group of one container, cgroup v2
 *
 * cgroups(7), Documentation/admin-guide/cgroup-v2.rst; runtime-spec
 * config-linux.md "Control groups".  Three managers: cgroupfs makes the
 * directory itself; systemd asks for a transient scope through the helper
 * program skerry-systemd (sd-bus); disabled uses the caller's own group.
 * On a hybrid host the v2 tree is used where it is mounted
 * (/sys/fs/cgroup/unified) with what controllers it has; a limit whose
 * controller is missing is an error that names controller and field.
 * All files are opened by descriptor below the group's directory.
 */
#ifndef SKERRY_CGROUPS_CGROUP_H
#define SKERRY_CGROUPS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"
#include "runtime/spec/spec.h"

enum cgroup_manager { CGROUP_CGROUPFS, CGROUP_SYSTEMD, CGROUP_DISABLED };

/* What the host has; found once per command. */
struct cgroup_host {
	int root; /* O_PATH descriptor of the v2 tree's top; -1: no v2 at all */
	char mount[64]; /* where it is mounted */
	bool hybrid; /* v1 controllers are mounted beside it */
	char own[1024]; /* rootless: the caller's own group, "/..." relative to root; else "/" */
	bool rootless; /* writes are limited to what was delegated */
};
int cgroup_host_find(struct cgroup_host *ret, struct err *err);
void cgroup_host_release(struct cgroup_host *h);

/* Where the group of a container will be: pure, computed from the id before the first effect, and
 * written to the intent record. */
struct cgroup_place {
	enum cgroup_manager manager;
	char path
		[2048]; /* relative to the root of the v2 tree, begins with '/'; "" when disabled */
	char scope[512]; /* systemd: unit name */
	char slice[512]; /* systemd: slice it lies in */
	char subgroup[128]; /* group for the payload inside path, "" none */
	bool user_bus; /* systemd --user */
};
/* cgroupsPath NULL: the default place of the manager (reference: cgroupfs "/ID" below the root,
 * else a sibling of the caller's own group when that can't be used; systemd "skerry-ID.scope"). */
int cgroup_place_make(const struct cgroup_host *h, enum cgroup_manager manager, const char *id,
		      const struct spec *spec, struct cgroup_place *ret, struct err *err);

struct cgroup {
	int fd; /* the payload's directory (O_DIRECTORY), -1 when disabled */
	int top; /* the group's own: limits, filter, freezer; is fd when there is no subgroup */
	int hold; /* systemd: while open, a process of the helper keeps the scope alive */
	bool fresh; /* just made: nothing is attached to it yet */
	struct cgroup_place
		place; /* what became of the wish: rootless without rights ends as disabled */
};
#define CGROUP_INIT               \
 {                                \
  .fd = -1, .top = -1, .hold = -1 \
 }

/* Makes the group with its limits so that a process can be cloned into fd; cgroup_filter() has to
 * follow before anything of the container runs.  Fails when the group exists with processes in it
 * or is frozen; an empty left-over is used again.  Limits: all resources of the spec, then unified
 * last.  systemd: a scope needs a process: the helper stays in it as a placeholder until
 * cgroup_started() or the end of this process.  Rootless, without cgroupsPath and without limits,
 * where no group can be made: success with the manager in ret->place disabled.  On failure nothing
 * is left. */
int cgroup_create(const struct cgroup_host *h, const struct cgroup_place *place,
		  const struct spec *spec, struct cgroup *ret, struct err *err);
/* The device filter of a group that cgroup_create() made.  memo: cgroup_devices_share(). */
int cgroup_filter(struct cgroup *g, const struct spec *spec, int memo, struct err *err);
/* Opens an existing group; fd -1 and success when it is gone already. */
int cgroup_open(const struct cgroup_host *h, const struct cgroup_place *place, struct cgroup *ret,
		struct err *err);
void cgroup_close(struct cgroup *g);
/* To be called once the init is in the group: the placeholder of a systemd scope may go.
 * cgroup_close() does it too; without systemd it does nothing. */
void cgroup_started(struct cgroup *g);
/* Kills what is in it (cgroup.kill, else freeze+SIGKILL+thaw), waits until it is empty, removes it
 * with all below it bottom-up and, with systemd, stops the unit; absent is success. */
int cgroup_remove(const struct cgroup_host *h, const struct cgroup_place *place, struct err *err);

/* Moves a process into the group (hosts without CLONE_INTO_CGROUP). */
int cgroup_attach(const struct cgroup *g, pid_t pid, struct err *err);
/* A directory below the group for exec --cgroup ("sub" or "controller:sub"); O_DIRECTORY fd. */
int cgroup_open_sub(const struct cgroup *g, const char *sub, struct err *err);
/* The group that the container's process pid is in by now, at or below its own; O_DIRECTORY fd.
 * Where the container manages groups itself, its topmost one takes no process. */
int cgroup_open_of(const struct cgroup_host *h, const struct cgroup *g, pid_t pid, struct err *err);
/* For containers with a cgroup namespace and a writable cgroup mount: gives the delegated files
 * (/sys/kernel/cgroup/delegate) to uid:gid.  An ordinary user can't give to a subordinate id: then
 * nothing is given. */
int cgroup_delegate(const struct cgroup *g, uid_t uid, gid_t gid, struct err *err);

int cgroup_freeze(const struct cgroup *g, bool frozen,
		  struct err *err); /* waits for cgroup.events */
int cgroup_is_frozen(const struct cgroup *g); /* 1, 0, -1 */
/* Every process in the group and below it, in numeric order; *ret_pids is malloc'd. */
int cgroup_pids(const struct cgroup *g, pid_t **ret_pids, size_t *ret_n, struct err *err);
/* Signals them all; SIGKILL by cgroup.kill. */
int cgroup_kill(const struct cgroup *g, int sig, struct err *err);

/* limits.c: pure: resources to a list of file writes, then the writes. */
struct cgroup_write {
	const char *file, *text;
	const char *field; /* JSON pointer that asks for it */
	const char *else_file, *else_text; /* where `file` does not exist, or NULL */
	bool may_lack; /* says "no limit": where there is no file, there is none */
	bool after_next; /* EINVAL: try again behind the next one */
};
struct cgroup_writes {
	struct cgroup_write *v;
	size_t n, cap;
	struct arena *arena;
	uint64_t memory_check; /* checkBeforeUpdate: refuse when more is in use; 0: don't look */
};
int cgroup_limits_make(const struct spec_resources *r, struct arena *arena,
		       struct cgroup_writes *ret, struct err *err);
/* Enables the controllers needed from the root down, then writes.  On failure with rollback every
 * file already written gets its old value back. */
int cgroup_limits_apply(const struct cgroup_host *h, const struct cgroup *g,
			const struct cgroup_writes *w, bool rollback, struct err *err);
/* update: limits with rollback and, if there are device rules, the new filter. */
int cgroup_update(const struct cgroup_host *h, const struct cgroup *g,
		  const struct spec_resources *r, struct err *err);

/* devices.c: rules (spec order, later wins; the always-allowed ones appended by the caller) to an
 * eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE), pure. insn points to struct bpf_insn in the arena. */
int cgroup_devices_make(const struct spec_device_rule *rules, size_t n, struct arena *arena,
			void **ret_insn, size_t *ret_n, struct err *err);
/* Loads it and attaches it in place of what was attached before; never a moment with none. */
int cgroup_devices_apply(const struct cgroup *g, const void *insn, size_t n, struct err *err);
/* The same for a new group, with the program of another container that has the same rules: the
 * kernel's verifier takes longer than all else that is done with a filter.  Which one that is
 * stands in an extended attribute of the directory `memo` (only the host's root can write it);
 * -1: always a program of its own. */
int cgroup_devices_share(const struct cgroup *g, int memo, const void *insn, size_t n,
			 struct err *err);
/* The rules of the spec with the always-allowed defaults behind deny rules (reference 2.10
 * "Devices"). */
int cgroup_devices_rules(const struct spec_resources *r, struct arena *arena,
			 struct spec_device_rule **ret, size_t *ret_n, struct err *err);

/* stats.c: the `data` object of runc's events (reference 2.8) into the writer; pids of network
 * interfaces are read from /proc/PID/net/dev when pid > 0. */
int cgroup_stats_write(const struct cgroup *g, pid_t pid, struct json_out *o, struct err *err);
/* oom_kill count of memory.events (-1: no memory controller). */
int64_t cgroup_oom_kills(const struct cgroup *g);

/* events.c: a descriptor to poll (POLLPRI / inotify) that becomes ready when memory.events or
 * cgroup.events changes. */
int cgroup_events_open(const struct cgroup *g, struct err *err);

#endif
