/* SPDX-License-Identifier: Apache-2.0 */
/* validate_process.c - does the "process" section make sense?
 *
 * runtime-spec config.md "Process"; the same rules for `exec --process`.
 */
#include <string.h>

#include "runtime/spec/check.h"
#include "runtime/spec/names.h"

#define RT_PRIORITY_FIRST 1
#define RT_PRIORITY_LAST  99
#define IO_PRIORITY_LAST  7
#define NICE_FIRST	  (-20)
#define NICE_LAST	  19

static void check_env(struct check *c, const struct strings *env)
{
	for (size_t i = 0; i < env->n; i++) {
		const char *equals = strchr(env->v[i], '=');

		if (!equals)
			check_bad(c, check_at(c, "/env/%zu", i), "\"%s\" has no \"=\"", env->v[i]);
		else if (equals == env->v[i])
			check_bad(c, check_at(c, "/env/%zu", i), "\"%s\" has no name", env->v[i]);
	}
}

static void check_rlimits(struct check *c, const struct spec_process *p)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < p->rlimits.n; i++) {
		const struct spec_rlimit *r = &p->rlimits.v[i];
		int n = rlimit_parse(r->type);

		if (n < 0) {
			check_bad(c, check_at(c, "/rlimits/%zu/type", i),
				  "unknown resource limit \"%s\"", r->type);
			continue;
		}
		if (seen & ((uint64_t)1 << n))
			check_bad(c, check_at(c, "/rlimits/%zu/type", i), "\"%s\" appears twice",
				  r->type);
		seen |= (uint64_t)1 << n;
		if (r->soft > r->hard)
			check_bad(c, check_at(c, "/rlimits/%zu/soft", i),
				  "%s: soft limit is above the hard limit", r->type);
	}
}

/* Which numbers go with which policy: sched(7). */
static void check_sched_numbers(struct check *c, const struct spec_scheduler *s)
{
	bool realtime = str_eq(s->policy, "SCHED_FIFO") || str_eq(s->policy, "SCHED_RR");

	if (realtime && (s->priority < RT_PRIORITY_FIRST || s->priority > RT_PRIORITY_LAST))
		check_bad(c, check_at(c, "/scheduler/priority"), "%d is out of range %d..%d",
			  s->priority, RT_PRIORITY_FIRST, RT_PRIORITY_LAST);
	if (!realtime && s->priority != 0)
		check_bad(c, check_at(c, "/scheduler/priority"),
			  "only SCHED_FIFO and SCHED_RR have a priority");
	if (s->nice < NICE_FIRST || s->nice > NICE_LAST)
		check_bad(c, check_at(c, "/scheduler/nice"), "%d is out of range %d..%d", s->nice,
			  NICE_FIRST, NICE_LAST);
	if ((s->runtime || s->deadline || s->period) && !str_eq(s->policy, "SCHED_DEADLINE"))
		check_bad(c, check_at(c, "/scheduler/runtime"),
			  "runtime, deadline and period are for SCHED_DEADLINE only");
}

static void check_scheduler(struct check *c, const struct spec_scheduler *s)
{
	if (!s)
		return;
	if (sched_policy_parse(s->policy) < 0)
		check_bad(c, check_at(c, "/scheduler/policy"), "unknown policy \"%s\"", s->policy);
	else
		check_sched_numbers(c, s);
	for (size_t i = 0; i < s->flags.n; i++)
		if (sched_flag_parse(s->flags.v[i]) < 0)
			check_bad(c, check_at(c, "/scheduler/flags/%zu", i), "unknown flag \"%s\"",
				  s->flags.v[i]);
}

static void check_io_priority(struct check *c, const struct spec_io_priority *p)
{
	if (!p)
		return;
	if (ioprio_class_parse(p->class_) < 0)
		check_bad(c, check_at(c, "/ioPriority/class"), "unknown class \"%s\"", p->class_);
	if (p->priority < 0 || p->priority > IO_PRIORITY_LAST)
		check_bad(c, check_at(c, "/ioPriority/priority"), "%d is out of range 0..%d",
			  p->priority, IO_PRIORITY_LAST);
}

static void check_affinity(struct check *c, const char *when, const char *list)
{
	if (list && list[0] != '\0' && !check_is_cpu_list(list))
		check_bad(c, check_at(c, "/execCPUAffinity/%s", when), "\"%s\" is not a CPU list",
			  list);
}

static void check_labels(struct check *c, const struct spec_process *p)
{
	if (p->apparmorProfile && check_has_control(p->apparmorProfile))
		check_bad(c, check_at(c, "/apparmorProfile"), "holds a control character");
	if (p->selinuxLabel && check_has_control(p->selinuxLabel))
		check_bad(c, check_at(c, "/selinuxLabel"), "holds a control character");
}

void check_process(struct check *c, const struct spec_process *p)
{
	if (p->args.n == 0 && !p->commandLine)
		check_bad(c, check_at(c, "/args"), "must not be empty");
	if (!p->cwd || p->cwd[0] == '\0')
		check_bad(c, check_at(c, "/cwd"), "must not be empty");
	else if (p->cwd[0] != '/')
		check_bad(c, check_at(c, "/cwd"), "\"%s\" is not an absolute path", p->cwd);
	else
		check_path_length(c, "/cwd", p->cwd);
	check_env(c, &p->env);
	check_rlimits(c, p);
	check_labels(c, p);
	check_scheduler(c, p->scheduler);
	check_io_priority(c, p->ioPriority);
	if (p->execCPUAffinity) {
		check_affinity(c, "initial", p->execCPUAffinity->initial);
		check_affinity(c, "final", p->execCPUAffinity->final);
	}
}
