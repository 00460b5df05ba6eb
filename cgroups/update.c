/* SPDX-License-Identifier: Apache-2.0 */
/* update.c - new limits for a running container: all of them or none
 *
 * A half request is completed from what is set (memory.swap means nothing
 * without memory.limit, a period nothing without its quota).  Then: write with
 * the old values kept, new device filter, tell systemd; whatever fails, the old
 * values come back.
 * runtime-spec config-linux.md "Control groups"; reference "update".
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <string.h>

#include "base/units.h"

/* "max 100000" or "50000 100000" */
static int read_cpu_max(const struct cgroup *g, int64_t *ret_quota, uint64_t *ret_period)
{
	char text[64];
	const char *space;
	uint64_t quota = 0, period = 0;

	if (group_read(g->top, "cpu.max", text, sizeof(text)) < 0)
		return -1;
	space = strchr(text, ' ');
	if (!space || group_parse_number(text, &quota) < 0 ||
	    group_parse_number(space + 1, &period) < 0)
		return -1;
	*ret_quota = quota > INT64_MAX ? -1 : (int64_t)quota;
	*ret_period = period;
	return 0;
}

static void complete_cpu(const struct cgroup *g, struct spec_cpu *c)
{
	bool quota = c->quota.has && c->quota.v != 0, period = c->period.has && c->period.v != 0;
	int64_t old_quota = 0;
	uint64_t old_period = 0;

	if (quota == period || read_cpu_max(g, &old_quota, &old_period) < 0)
		return;
	if (quota)
		c->period = (struct opt_u64){ .has = true, .v = old_period };
	else
		c->quota = (struct opt_i64){ .has = true, .v = old_quota };
}

static void complete_memory(const struct cgroup *g, struct spec_memory *m)
{
	uint64_t limit = 0;

	if (!m->swap.has || m->swap.v <= 0 || (m->limit.has && m->limit.v != 0))
		return;
	if (group_read_number(g->top, "memory.max", &limit) == 0 && limit <= INT64_MAX)
		m->limit = (struct opt_i64){ .has = true, .v = (int64_t)limit };
}

static int update_filter(const struct cgroup *g, const struct spec_resources *r,
			 struct arena *arena, struct err *err)
{
	struct spec_device_rule *rules = NULL;
	void *insn = NULL;
	size_t n_rules = 0, n_insn = 0;

	if (r->devices.n == 0)
		return 0;
	if (cgroup_devices_rules(r, arena, &rules, &n_rules, err) < 0 ||
	    cgroup_devices_make(rules, n_rules, arena, &insn, &n_insn, err) < 0)
		return -1;
	return cgroup_devices_apply(g, insn, n_insn, err);
}

static int update_in(const struct cgroup_host *h, const struct cgroup *g,
		     const struct spec_resources *r, struct arena *arena, struct err *err)
{
	struct cgroup_writes writes = { 0 };
	struct limits_undo undo = { .arena = arena };
	bool systemd = g->place.manager == CGROUP_SYSTEMD;

	if (cgroup_limits_make(r, arena, &writes, err) < 0)
		return -1;
	undo.v = arena_array(arena, writes.n + 1, sizeof(undo.v[0]));
	if (!undo.v)
		return err_set(err, ENOMEM, "update: out of memory");
	if (limits_write(h, g, &writes, &undo, err) < 0 ||
	    (systemd && writes.n && systemd_set(&g->place, r, err) < 0) ||
	    update_filter(g, r, arena, err) < 0) {
		limits_take_back(g, &undo);
		return -1;
	}
	/* systemd rounded some of them while it set its own */
	return systemd && writes.n ? limits_write(h, g, &writes, NULL, err) : 0;
}

int cgroup_update(const struct cgroup_host *h, const struct cgroup *g,
		  const struct spec_resources *r, struct err *err)
{
	struct spec_resources full = *r;
	struct spec_memory memory;
	struct spec_cpu cpu;
	struct arena arena;
	int result;

	if (g->top < 0)
		return err_set(err, ENOENT, "update: the container has no cgroup of its own");
	if (r->memory) {
		memory = *r->memory;
		complete_memory(g, &memory);
		full.memory = &memory;
	}
	if (r->cpu) {
		cpu = *r->cpu;
		complete_cpu(g, &cpu);
		full.cpu = &cpu;
	}
	arena_init(&arena, ARENA_MAX_DEFAULT);
	result = update_in(h, g, &full, &arena, err);
	arena_release(&arena);
	return result;
}
