/* SPDX-License-Identifier: Apache-2.0 */
/* sched.h - scheduler, I/O priority, processor affinity, core scheduling
 *
 * runtime-spec config.md "scheduler", "ioPriority", "execCPUAffinity";
 * sched_setattr(2), ioprio_set(2), sched_setaffinity(2), prctl(2)
 * PR_SCHED_CORE.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_SCHED_H
#define SKERRY_RUNTIME_ISOLATE_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/spec/spec.h"

#define SCHED_CPUS_MAX	      8192
#define SCHED_CORE_ANNOTATION "org.skerry.coresched"

struct sched_cpus {
	bool set;
	unsigned char mask[SCHED_CPUS_MAX / 8];
};

struct sched {
	bool has_policy;
	uint32_t policy;
	int32_t nice;
	uint32_t priority;
	uint64_t flags, runtime, deadline, period;
	bool has_ioprio;
	int ioprio; /* class << 13 | priority */
	bool new_core_cookie;
	struct sched_cpus initial, final;
};

/* `annotations` may be NULL (then no core scheduling).  pointer: of the process object.  Pure. */
int sched_make(const struct spec_process *p, const struct spec *annotations, const char *pointer,
	       struct sched *ret, struct err *err);

/* Scheduler, I/O priority and core cookie of the caller.  Runs in init, before privileges go.
 * Needs CAP_SYS_NICE for most policies. */
int sched_apply(const struct sched *s, struct err *err);

/* The processors of pid (0: the caller): `initial` before the process enters the container's
 * cgroup, `final` after; nothing if not given. */
int sched_apply_affinity(const struct sched_cpus *cpus, pid_t pid, struct err *err);

#endif
