/* SPDX-License-Identifier: Apache-2.0 */
/* process.h - what one process of a container gets: config.json "process" decided and applied
 *
 * Shared by the init of a container and by exec.  process_make() decides in
 * the parent; the apply functions run in the child, allocate nothing and are
 * called by the spines in the order in which they stand here.
 */
#ifndef SKERRY_CONTAINER_PROCESS_H
#define SKERRY_CONTAINER_PROCESS_H

#include <limits.h>
#include <stdbool.h>

#include "runtime/isolate/caps.h"
#include "runtime/isolate/filter.h"
#include "runtime/isolate/landlock.h"
#include "runtime/isolate/lsm.h"
#include "runtime/isolate/memory_policy.h"
#include "runtime/isolate/personality.h"
#include "runtime/isolate/rlimits.h"
#include "runtime/isolate/sched.h"
#include "runtime/isolate/user.h"

struct process_plan {
	const struct spec_process *spec;
	const char *pointer; /* JSON pointer of the process */
	char *const *argv;
	char **env; /* NULL-terminated, two free slots at env[n_env] */
	size_t n_env;
	bool needs_home;
	const char *search_path; /* value of PATH in env, or the default */
	const char *cwd;
	struct caps caps;
	struct user user;
	struct rlimits rlimits;
	struct sched sched;
	struct lsm lsm;
	struct personality personality;
	struct memory_policy memory_policy;
	struct filter filter;
	struct landlock landlock;
	bool no_new_privs, terminal, rlimits_by_parent;
	struct spec_box size; /* of the terminal; 0 0: as the kernel makes it */
	struct opt_i64 oom;
	unsigned int preserve_fds;
	uint64_t ignored; /* signals that the caller ignores: bit n - 1 */
};

struct process_options {
	bool new_userns;
	bool setgroups_denied; /* the process's user namespace has setgroups "deny" */
	bool asks_setgroups; /* it is the caller's: ask, where it matters */
	int cache; /* directory for compiled filters, or -1 */
	unsigned int preserve_fds;
	unsigned int listen_fds; /* LISTEN_FDS of the runtime's environment, part of preserve_fds */
	const char *listen_names;
	const char *notify_socket; /* inside the container, or NULL */
	const char *pointer;
};

/* spec: for annotations and the filter; may differ from where `process` comes (exec). */
int process_make(const struct spec *spec, const struct spec_process *process,
		 const struct process_options *options, struct arena *arena,
		 struct process_plan *ret, struct err *err);

/* Says what was asked for and can't be given, but is no error. */
struct runtime;
void process_warn(const struct process_plan *p, const struct runtime *rt);
/* The terminal gets the size of the caller's, descriptor 0, if that is one: before the program looks. */
void process_take_size(struct process_plan *p);

/* Limits, scheduling, personality: still privileged. */
int process_apply_limits(const struct process_plan *p, struct err *err);
/* Bounding set, filter (without no_new_privs), ids, capabilities, no_new_privs, working directory,
 * HOME, the program found, Landlock, labels, filter.  proc: descriptor of a verified procfs, or -1
 * when no label is asked for.  sock: the handshake, for a listener descriptor. */
struct process_target {
	int proc, sock;
	char program[PATH_MAX];
	char home[PATH_MAX];
};
int process_apply_privileges(struct process_plan *p, struct process_target *t, struct err *err);
/* Gives 0, 1, 2 to the user unless they are /dev/null or not ours to give. */
int process_own_stdio(const struct process_plan *p, struct err *err);
/* Closes everything from 3 + preserve_fds up but the n descriptors in keep (at most 4, -1 for
 * none): what others must not find open in a process that waits, or that the container can already
 * see. */
int process_close_others(unsigned int preserve_fds, const int *keep, size_t n, struct err *err);
/* Default signals and mask, descriptors from 3 + preserve_fds marked close-on-exec, execve(2);
 * returns only on failure, with err->exit_code 126 or 127. */
int process_exec(const struct process_plan *p, const struct process_target *t, struct err *err);

#endif
