/* SPDX-License-Identifier: Apache-2.0 */
/* loggers.c - programs that take output: they outlive their process until all is written
 *
 * A logger sees the end of its input when the last writer has gone.  One that
 * stays after Delete gets SIGTERM, then SIGKILL.
 */
#include <signal.h>
#include <stdlib.h>

#include "base/proc.h"
#include "runtime/shim/shim.h"

#define SECOND	    1000000000LL
#define LOGGER_TERM (2 * SECOND) /* after the end of its input */
#define LOGGER_KILL (12 * SECOND)

struct logger_process {
	struct logger_process *next;
	struct shim *shim;
	pid_t pid;
	struct timer timer;
	int64_t kill_at;
};

static void logger_late(struct timer *t)
{
	struct logger_process *l = OWNER(t, struct logger_process, timer);

	(void)proc_kill(l->pid, loop_now() >= l->kill_at ? SIGKILL : SIGTERM);
	timer_start(&l->shim->loop, t, l->kill_at);
}

void process_set_logger(struct process *p, pid_t pid)
{
	struct shim *s = p->container->shim;
	struct logger_process *l;

	if (pid <= 0 || p->logger)
		return;
	l = calloc(1, sizeof(*l));
	if (!l)
		return;
	*l = (struct logger_process){
		.next = s->loggers, .shim = s, .pid = pid, .timer = { .fired = logger_late }
	};
	s->loggers = l;
	p->logger = l;
}

void logger_let_go(struct logger_process *l)
{
	if (!l)
		return;
	l->kill_at = loop_now() + LOGGER_KILL;
	timer_start(&l->shim->loop, &l->timer, loop_now() + LOGGER_TERM);
}

static void forget(struct shim *s, const struct logger_process *l)
{
	for (struct container *k = s->containers; k; k = k->next) {
		if (k->init.logger == l)
			k->init.logger = NULL;
		for (struct process *p = k->execs; p; p = p->next)
			if (p->logger == l)
				p->logger = NULL;
	}
}

bool logger_ended(struct shim *s, pid_t pid)
{
	struct logger_process **at = &s->loggers;
	struct logger_process *l;

	while (*at && (*at)->pid != pid)
		at = &(*at)->next;
	l = *at;
	if (!l)
		return false;
	*at = l->next;
	timer_stop(&s->loop, &l->timer);
	forget(s, l);
	free(l);
	return true;
}
