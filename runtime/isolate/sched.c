/* SPDX-License-Identifier: Apache-2.0 */
/* sched.c - scheduler, I/O priority, processor affinity, core scheduling
 *
 * runtime-spec config.md "scheduler", "ioPriority", "execCPUAffinity";
 * sched_setattr(2), ioprio_set(2), sched_setaffinity(2), prctl(2)
 * PR_SCHED_CORE.
 */
#include "runtime/isolate/sched.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/units.h"
#include "runtime/spec/names.h"

#define CLASS_SHIFT	 13 /* IOPRIO_CLASS_SHIFT */
#define IO_LEVELS	 8
#define CORE_CREATE	 1 /* PR_SCHED_CORE_CREATE, Linux 5.14 */
#define CORE_SCOPE_GROUP 1 /* PR_SCHED_CORE_SCOPE_THREAD_GROUP */
#ifndef PR_SCHED_CORE
# define PR_SCHED_CORE 62
#endif

/* struct sched_attr of sched_setattr(2), version 0: what every kernel takes. */
struct attr_v0 {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int sched_bad(const char *pointer, const char *key, const char *value, struct err *err)
{
	char field[ERR_FIELD_MAX];

	if (str_format(field, sizeof(field), "%s/%s", pointer, key) < 0)
		field[0] = '\0';
	return err_field(err, EINVAL, field, "bad value \"%s\"", value != NULL ? value : "");
}

static int make_policy(const struct spec_scheduler *s, const char *pointer, struct sched *r,
		       struct err *err)
{
	int policy = s->policy != NULL ? sched_policy_parse(s->policy) : -1;

	if (policy < 0)
		return sched_bad(pointer, "scheduler/policy", s->policy, err);
	if (s->priority < 0)
		return sched_bad(pointer, "scheduler/priority", "below 0", err);
	for (size_t i = 0; i < s->flags.n; i++) {
		int64_t flag = sched_flag_parse(s->flags.v[i]);

		if (flag < 0)
			return sched_bad(pointer, "scheduler/flags", s->flags.v[i], err);
		r->flags |= (uint64_t)flag;
	}
	r->has_policy = true;
	r->policy = (uint32_t)policy;
	r->nice = s->nice;
	r->priority = (uint32_t)s->priority;
	r->runtime = s->runtime;
	r->deadline = s->deadline;
	r->period = s->period;
	return 0;
}

static int make_ioprio(const struct spec_io_priority *s, const char *pointer, struct sched *r,
		       struct err *err)
{
	int class_ = s->class_ != NULL ? ioprio_class_parse(s->class_) : -1;

	if (class_ < 0)
		return sched_bad(pointer, "ioPriority/class", s->class_, err);
	if (s->priority < 0 || s->priority >= IO_LEVELS)
		return sched_bad(pointer, "ioPriority/priority", "not within 0 and 7", err);
	r->has_ioprio = true;
	r->ioprio = class_ << CLASS_SHIFT | s->priority;
	return 0;
}

static int make_cpus(const char *list, const char *pointer, const char *key, struct sched_cpus *ret,
		     struct err *err)
{
	if (list == NULL || list[0] == '\0')
		return 0;
	if (units_cpu_list(list, ret->mask, sizeof(ret->mask)) < 0)
		return sched_bad(pointer, key, list, err);
	ret->set = true;
	return 0;
}

static int make_core(const struct spec *annotations, struct sched *r, struct err *err)
{
	const char *core = spec_annotation(annotations, SCHED_CORE_ANNOTATION);

	if (core == NULL)
		return 0;
	if (strcmp(core, "new") != 0)
		return err_field(err, EINVAL, "/annotations/" SCHED_CORE_ANNOTATION,
				 "\"%s\" is not \"new\"", core);
	r->new_core_cookie = true;
	return 0;
}

int sched_make(const struct spec_process *p, const struct spec *annotations, const char *pointer,
	       struct sched *ret, struct err *err)
{
	memset(ret, 0, sizeof(*ret));
	if (p->scheduler != NULL && make_policy(p->scheduler, pointer, ret, err) < 0)
		return -1;
	if (p->ioPriority != NULL && make_ioprio(p->ioPriority, pointer, ret, err) < 0)
		return -1;
	if (p->execCPUAffinity != NULL &&
	    (make_cpus(p->execCPUAffinity->initial, pointer, "execCPUAffinity/initial",
		       &ret->initial, err) < 0 ||
	     make_cpus(p->execCPUAffinity->final, pointer, "execCPUAffinity/final", &ret->final,
		       err) < 0))
		return -1;
	if (annotations != NULL && make_core(annotations, ret, err) < 0)
		return -1;
	return 0;
}

int sched_apply(const struct sched *s, struct err *err)
{
	struct attr_v0 attr = {
		.size = sizeof(attr),
		.policy = s->policy,
		.flags = s->flags,
		.nice = s->nice,
		.priority = s->priority,
		.runtime = s->runtime,
		.deadline = s->deadline,
		.period = s->period,
	};

	if (s->has_policy && syscall(SYS_sched_setattr, 0, &attr, 0U) < 0)
		return err_sys(err, "set scheduler %u", s->policy);
	if (s->has_ioprio && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, s->ioprio) < 0)
		return err_sys(err, "set i/o priority %d:%d", s->ioprio >> CLASS_SHIFT,
			       s->ioprio & ((1 << CLASS_SHIFT) - 1));
	if (s->new_core_cookie &&
	    prctl(PR_SCHED_CORE, CORE_CREATE, 0UL, (unsigned long)CORE_SCOPE_GROUP, 0UL) < 0)
		return err_sys(err, "make a core scheduling cookie (kernel without "
				    "CONFIG_SCHED_CORE, or no SMT)");
	return 0;
}

int sched_apply_affinity(const struct sched_cpus *cpus, pid_t pid, struct err *err)
{
	if (cpus->set && syscall(SYS_sched_setaffinity, pid, sizeof(cpus->mask), cpus->mask) < 0)
		return err_sys(err, "set processor affinity");
	return 0;
}
