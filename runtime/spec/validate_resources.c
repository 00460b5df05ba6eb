/* SPDX-License-Identifier: Apache-2.0 */
/* validate_resources.c - do the limits of a control group make sense?
 *
 * runtime-spec config-linux.md "Control groups"; the same rules for `update
 * --resources`, whose document holds only what changes: so nothing here asks
 * for one limit because another is given.  Engines written in Go send 0 for
 * what they don't set.
 *
 * Documentation/admin-guide/cgroup-v2.rst
 */
#include <string.h>

#include "runtime/spec/check.h"

#define SWAPPINESS_LAST 100
#define PERIOD_FIRST	1000 /* microseconds */
#define PERIOD_LAST	1000000
#define QUOTA_FIRST	1000
#define WEIGHT_FIRST	10
#define WEIGHT_LAST	1000

static void check_device_rules(struct check *c, const struct spec_resources *r)
{
	for (size_t i = 0; i < r->devices.n; i++) {
		const struct spec_device_rule *d = &r->devices.v[i];

		if (d->type && d->type[0] != '\0' &&
		    (strlen(d->type) != 1 || !strchr("abc", d->type[0])))
			check_bad(c, check_at(c, "/devices/%zu/type", i),
				  "unknown device type \"%s\"", d->type);
		if (d->access && d->access[strspn(d->access, "rwm")] != '\0')
			check_bad(c, check_at(c, "/devices/%zu/access", i),
				  "\"%s\" holds more than \"rwm\"", d->access);
	}
}

static void check_memory(struct check *c, const struct spec_memory *m)
{
	if (!m)
		return;
	if (m->swappiness.has && m->swappiness.v > SWAPPINESS_LAST)
		check_bad(c, check_at(c, "/memory/swappiness"), "%llu is out of range 0..%d",
			  (unsigned long long)m->swappiness.v, SWAPPINESS_LAST);
	if (m->swap.has && m->swap.v > 0 && m->limit.has && m->swap.v < m->limit.v)
		check_bad(c, check_at(c, "/memory/swap"),
			  "memory+swap limit should be at least the memory limit");
	if (m->swap.has && m->swap.v > 0 && m->limit.has && m->limit.v < 0)
		check_bad(c, check_at(c, "/memory/swap"),
			  "unable to set a swap limit with unlimited memory");
}

/* cpu.max takes a period from 1 ms to 1 s and a quota from 1 ms. */
static void check_cpu_time(struct check *c, const struct spec_cpu *cpu)
{
	bool quota = cpu->quota.has && cpu->quota.v > 0;

	if (cpu->period.has && cpu->period.v != 0 &&
	    (cpu->period.v < PERIOD_FIRST || cpu->period.v > PERIOD_LAST))
		check_bad(c, check_at(c, "/cpu/period"), "%llu is out of range %d..%d",
			  (unsigned long long)cpu->period.v, PERIOD_FIRST, PERIOD_LAST);
	if (quota && cpu->quota.v < QUOTA_FIRST)
		check_bad(c, check_at(c, "/cpu/quota"), "%lld is less than %d microseconds",
			  (long long)cpu->quota.v, QUOTA_FIRST);
	if (quota && cpu->burst.has && cpu->burst.v > (uint64_t)cpu->quota.v)
		check_bad(c, check_at(c, "/cpu/burst"), "is greater than the quota");
}

static void check_cpu(struct check *c, const struct spec_cpu *cpu)
{
	if (!cpu)
		return;
	check_cpu_time(c, cpu);
	if (cpu->idle.has && cpu->idle.v != 0 && cpu->idle.v != 1)
		check_bad(c, check_at(c, "/cpu/idle"), "%lld is neither 0 nor 1",
			  (long long)cpu->idle.v);
	if (cpu->cpus && cpu->cpus[0] != '\0' && !check_is_cpu_list(cpu->cpus))
		check_bad(c, check_at(c, "/cpu/cpus"), "\"%s\" is not a CPU list", cpu->cpus);
	if (cpu->mems && cpu->mems[0] != '\0' && !check_is_cpu_list(cpu->mems))
		check_bad(c, check_at(c, "/cpu/mems"), "\"%s\" is not a list of nodes", cpu->mems);
}

static void check_weight(struct check *c, const char *pointer, const struct opt_u64 *weight)
{
	if (weight->has && weight->v != 0 && (weight->v < WEIGHT_FIRST || weight->v > WEIGHT_LAST))
		check_bad(c, pointer, "%llu is out of range %d..%d", (unsigned long long)weight->v,
			  WEIGHT_FIRST, WEIGHT_LAST);
}

static void check_block_io(struct check *c, const struct spec_block_io *b)
{
	if (!b)
		return;
	check_weight(c, check_at(c, "/blockIO/weight"), &b->weight);
	check_weight(c, check_at(c, "/blockIO/leafWeight"), &b->leafWeight);
	for (size_t i = 0; i < b->weightDevice.n; i++) {
		const struct spec_weight_device *d = &b->weightDevice.v[i];

		check_weight(c, check_at(c, "/blockIO/weightDevice/%zu/weight", i), &d->weight);
		check_weight(c, check_at(c, "/blockIO/weightDevice/%zu/leafWeight", i),
			     &d->leafWeight);
	}
}

/* "2MB", "1GB", "64KB": the middle part of a file name in the group. */
static bool is_page_size(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	return digits > 0 && s[0] != '0' && s[digits] && strchr("KMG", s[digits]) &&
	       strcmp(s + digits + 1, "B") == 0;
}

/* Files of the group that move, stop or kill processes or hand out controllers
 * aren't limits; a container's config has no business there. */
static bool is_core_file(const char *key)
{
	return str_starts(key, "cgroup.") && strcmp(key, "cgroup.max.depth") != 0 &&
	       strcmp(key, "cgroup.max.descendants") != 0 && strcmp(key, "cgroup.pressure") != 0;
}

static void check_unified(struct check *c, const struct spec_resources *r)
{
	static const char chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

	for (size_t i = 0; i < r->unified.n; i++) {
		const char *key = r->unified.v[i].key;

		if (key[0] == '.' || key[strspn(key, chars)] != '\0' || !strchr(key, '.') ||
		    strstr(key, ".."))
			check_bad(c, check_at_key(c, "/unified", key),
				  "\"%s\" can't be a file of a control group", key);
		else if (is_core_file(key))
			check_bad(c, check_at_key(c, "/unified", key), "\"%s\" is not a limit",
				  key);
	}
}

static bool is_name(const char *name)
{
	return name[0] != '\0' && name[strcspn(name, " \t\n/=")] == '\0';
}

void check_resources(struct check *c, const struct spec_resources *r)
{
	check_device_rules(c, r);
	check_memory(c, r->memory);
	check_cpu(c, r->cpu);
	check_block_io(c, r->blockIO);
	for (size_t i = 0; i < r->hugepageLimits.n; i++)
		if (!is_page_size(r->hugepageLimits.v[i].pageSize))
			check_bad(c, check_at(c, "/hugepageLimits/%zu/pageSize", i),
				  "\"%s\" is not a page size such as \"2MB\"",
				  r->hugepageLimits.v[i].pageSize);
	for (size_t i = 0; r->network && i < r->network->priorities.n; i++)
		if (!is_name(r->network->priorities.v[i].name))
			check_bad(c, check_at(c, "/network/priorities/%zu/name", i),
				  "\"%s\" can't be the name of a network device",
				  r->network->priorities.v[i].name);
	for (size_t i = 0; i < r->rdma.n; i++)
		if (!is_name(r->rdma.v[i].key))
			check_bad(c, check_at_key(c, "/rdma", r->rdma.v[i].key),
				  "\"%s\" can't be the name of a device", r->rdma.v[i].key);
	check_unified(c, r);
}
