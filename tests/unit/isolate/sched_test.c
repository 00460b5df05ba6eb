/* SPDX-License-Identifier: Apache-2.0 */
/* sched_test.c - scheduler, I/O priority, affinity */
#include "runtime/isolate/sched.h"

#include <sched.h>

#include "tests/unit/test.h"

static char batch[] = "SCHED_BATCH", bad[] = "SCHED_NONSENSE", best[] = "IOPRIO_CLASS_BE",
	    cpus[] = "0-2,9", not_cpus[] = "0-", core_key[] = SCHED_CORE_ANNOTATION,
	    new_word[] = "new", old_word[] = "old";

TEST(nothing_asked_for_is_nothing_done)
{
	struct spec_process p = { .args = { NULL, 0 } };
	struct sched s;

	CHECK_INT(sched_make(&p, NULL, "/process", &s, NULL), 0);
	CHECK(!s.has_policy && !s.has_ioprio && !s.new_core_cookie && !s.initial.set);
	CHECK_INT(sched_apply(&s, NULL), 0);
	CHECK_INT(sched_apply_affinity(&s.initial, 0, NULL), 0);
}

TEST(words_become_numbers)
{
	struct spec_scheduler scheduler = { .policy = batch, .nice = 5 };
	struct spec_io_priority io = { best, 3 };
	struct spec_cpu_affinity affinity = { .initial = cpus };
	struct spec_process p = {
		.scheduler = &scheduler,
		.ioPriority = &io,
		.execCPUAffinity = &affinity,
	};
	struct sched s;

	CHECK_INT(sched_make(&p, NULL, "/process", &s, NULL), 0);
	CHECK_INT(s.policy, SCHED_BATCH);
	CHECK_INT(s.nice, 5);
	CHECK_INT(s.ioprio, 2 << 13 | 3);
	CHECK(s.initial.set && !s.final.set);
	CHECK_INT(s.initial.mask[0], 7);
	CHECK_INT(s.initial.mask[1], 2);
}

TEST(bad_words_are_refused_at_their_place)
{
	struct spec_scheduler scheduler = { .policy = bad };
	struct spec_io_priority io = { best, 8 };
	struct spec_cpu_affinity affinity = { .final = not_cpus };
	struct spec_process p = { .scheduler = &scheduler };
	struct sched s;
	struct err err = { 0 };

	CHECK_INT(sched_make(&p, NULL, "/process", &s, &err), -1);
	CHECK_STR(err.field, "/process/scheduler/policy");
	p.scheduler = NULL;
	p.ioPriority = &io;
	CHECK_INT(sched_make(&p, NULL, "/process", &s, &err), -1);
	CHECK_STR(err.field, "/process/ioPriority/priority");
	p.ioPriority = NULL;
	p.execCPUAffinity = &affinity;
	CHECK_INT(sched_make(&p, NULL, "/process", &s, &err), -1);
	CHECK_STR(err.field, "/process/execCPUAffinity/final");
}

TEST(core_scheduling_is_asked_for_by_annotation)
{
	struct pair pair = { core_key, new_word };
	struct spec spec = { .annotations = { &pair, 1 } };
	struct spec_process p = { .args = { NULL, 0 } };
	struct sched s;

	CHECK_INT(sched_make(&p, &spec, "/process", &s, NULL), 0);
	CHECK(s.new_core_cookie);
	pair.value = old_word;
	CHECK_INT(sched_make(&p, &spec, "/process", &s, NULL), -1);
}

TEST(a_policy_that_needs_no_privilege_is_set)
{
	struct sched s = { .has_policy = true, .policy = SCHED_BATCH };

	CHECK_INT(sched_apply(&s, NULL), 0);
	CHECK_INT(sched_getscheduler(0), SCHED_BATCH);
}
