/* SPDX-License-Identifier: Apache-2.0 */
/* convert.c - resources of config.json as writes to v2 files
 *
 * Pure.  What config.json says in the terms of cgroup v1 is converted as the
 * peers do it; -1 and "not set" mean no limit, such a write may lack its file.
 * What v2 has no file for and would change how the container is limited is an
 * error that names the field, not silence.  unified comes last: it wins.
 * runtime-spec config-linux.md "Control groups";
 * Documentation/admin-guide/cgroup-v2.rst "Controllers".
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define RES	       "/linux/resources"
#define SHARES_MIN     2
#define SHARES_MAX     262144
#define WEIGHT_MAX     10000
#define BFQ_WEIGHT_MIN 10
#define BFQ_WEIGHT_MAX 1000
#define LINES_MAX      64 /* of one unified value */

/* Base-2 logarithm by the series of atanh, exp by its own: libm for one conversion would be the
 * largest part of this folder.  Good to 1e-12 in the ranges used. */
static double log2_of(uint64_t v)
{
	static const double ln2 = 0.69314718055994530942;
	unsigned int shift = 63 - (unsigned int)__builtin_clzll(v);
	double m = (double)v / (double)(1ULL << shift), y, y2, term, sum = 0;

	y = (m - 1) / (m + 1);
	y2 = y * y;
	term = y;
	for (int i = 1; i < 60; i += 2) {
		sum += term / i;
		term *= y2;
	}
	return (double)shift + 2 * sum / ln2;
}

static double pow10_of(double x)
{
	static const double ln10 = 2.30258509299404568402;
	double t = x * ln10 / 16, term = 1, sum = 1;

	for (int i = 1; i < 30; i++) {
		term *= t / i;
		sum += term;
	}
	for (int i = 0; i < 4; i++)
		sum *= sum;
	return sum;
}

/* 2 -> 1, 1024 -> 100, 262144 -> 10000, and curved between, so that the defaults of v1 and v2 are
 * each other's; rounded up. */
uint64_t limits_cpu_weight(uint64_t shares)
{
	double l, weight;
	uint64_t whole;

	if (shares <= SHARES_MIN)
		return 1;
	if (shares >= SHARES_MAX)
		return WEIGHT_MAX;
	l = log2_of(shares);
	weight = pow10_of((l * l + 125 * l) / 612 - 7.0 / 34) - 1e-9; /* 100.0000000001 is 100 */
	whole = (uint64_t)weight;
	if ((double)whole < weight)
		whole++;
	return whole > WEIGHT_MAX ? WEIGHT_MAX : whole;
}

/* --- the list ------------------------------------------------------------- */

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "resource limits: out of memory");
}

static struct cgroup_write *add(struct cgroup_writes *w, const char *file, const char *text,
				const char *field)
{
	struct cgroup_write *v = arena_grow(w->arena, w->v, w->n, &w->cap, sizeof(*v));

	if (!v || !file || !text || !field)
		return NULL;
	w->v = v;
	v[w->n] = (struct cgroup_write){ .file = file, .text = text, .field = field };
	return &v[w->n++];
}

/* A number where max_from and above, and -1, say "no limit". */
static int add_number(struct cgroup_writes *w, const char *file, int64_t v, const char *field,
		      struct err *err)
{
	const char *text = v < 0 ? "max" : arena_printf(w->arena, "%" PRId64, v);
	struct cgroup_write *write = add(w, file, text, field);

	if (!write)
		return out_of_memory(err);
	write->may_lack = v < 0;
	return 0;
}

static int no_v2(const char *field, const char *what, struct err *err)
{
	return err_field(err, ENOTSUP, field, "%s cannot be set with cgroup v2 (%s)", what, field);
}

/* memory.swap is memory plus swap; v2 counts swap alone. */
static int add_swap(struct cgroup_writes *w, int64_t limit, int64_t swap, struct err *err)
{
	static const char field[] = RES "/memory/swap";

	if (swap == 0 && limit < 0)
		swap = -1; /* v1: without a limit of memory there was none of both */
	if (swap == 0)
		return 0;
	if (swap < 0)
		return add_number(w, "memory.swap.max", -1, field, err);
	if (limit <= 0)
		return err_field(err, EINVAL, field,
				 "memory.swap is memory plus swap: it needs memory.limit (%s)",
				 field);
	if (swap < limit)
		return err_field(err, EINVAL, field,
				 "memory.swap %" PRId64
				 " is memory plus swap: it can't be lower than "
				 "memory.limit %" PRId64 " (%s)",
				 swap, limit, field);
	if (add_number(w, "memory.swap.max", swap - limit, field, err) < 0)
		return -1;
	/* a kernel without swap gives none anyway */
	w->v[w->n - 1].may_lack = swap == limit;
	return 0;
}

static int make_memory(const struct spec_memory *m, struct cgroup_writes *w, struct err *err)
{
	int64_t limit = m->limit.has ? m->limit.v : 0;

	if (m->swappiness.has)
		return no_v2(RES "/memory/swappiness", "memory swappiness", err);
	if (m->disableOOMKiller.has && m->disableOOMKiller.v)
		return no_v2(RES "/memory/disableOOMKiller", "switching the OOM killer off", err);
	if (m->kernel.has && m->kernel.v > 0)
		return no_v2(RES "/memory/kernel", "a kernel memory limit", err);
	if (m->kernelTCP.has && m->kernelTCP.v > 0)
		return no_v2(RES "/memory/kernelTCP", "a kernel TCP memory limit", err);
	if (limit > 0 && m->checkBeforeUpdate.has && m->checkBeforeUpdate.v)
		w->memory_check = (uint64_t)limit;
	if (limit != 0 && add_number(w, "memory.max", limit, RES "/memory/limit", err) < 0)
		return -1;
	if ((m->swap.has || limit < 0) && add_swap(w, limit, m->swap.has ? m->swap.v : 0, err) < 0)
		return -1;
	if (m->reservation.has && m->reservation.v != 0)
		return add_number(w, "memory.low", m->reservation.v, RES "/memory/reservation",
				  err);
	return 0;
}

static int make_cpu_max(const struct spec_cpu *c, struct cgroup_writes *w, struct err *err)
{
	bool quota = c->quota.has && c->quota.v != 0, period = c->period.has && c->period.v != 0;
	bool limited = quota && c->quota.v > 0;
	struct cgroup_write *write;
	char number[24] = "max";
	const char *text;

	if (c->burst.has) {
		write = add(w, "cpu.max.burst", arena_printf(w->arena, "%" PRIu64, c->burst.v),
			    RES "/cpu/burst");
		if (!write)
			return out_of_memory(err);
		write->may_lack = c->burst.v == 0;
		/* a burst above the old quota waits for the new one, and the other way round */
		write->after_next = quota || period;
	}
	if (!quota && !period)
		return 0;
	if (limited && str_format(number, sizeof(number), "%" PRId64, c->quota.v) < 0)
		return err_set(err, ERANGE, "cpu quota is out of range");
	/* a quota alone leaves the period as it is */
	if (period)
		text = arena_printf(w->arena, "%s %" PRIu64, number, c->period.v);
	else
		text = arena_strdup(w->arena, number);
	write = add(w, "cpu.max", text, quota ? RES "/cpu/quota" : RES "/cpu/period");
	if (!write)
		return out_of_memory(err);
	write->may_lack = !limited;
	return 0;
}

static int make_cpu(const struct spec_cpu *c, struct cgroup_writes *w, struct err *err)
{
	bool idle = c->idle.has && c->idle.v != 0;

	if (c->realtimeRuntime.has && c->realtimeRuntime.v > 0)
		return no_v2(RES "/cpu/realtimeRuntime", "real-time CPU time", err);
	if (c->realtimePeriod.has && c->realtimePeriod.v > 0)
		return no_v2(RES "/cpu/realtimePeriod", "a real-time CPU period", err);
	if (c->idle.has) {
		struct cgroup_write *write = add(w, "cpu.idle", idle ? "1" : "0", RES "/cpu/idle");
		if (!write)
			return out_of_memory(err);
		write->may_lack = !idle;
	}
	/* an idle group has no weight: the kernel would refuse it */
	if (c->shares.has && c->shares.v != 0 && !idle) {
		uint64_t weight = limits_cpu_weight(c->shares.v);

		if (!add(w, "cpu.weight", arena_printf(w->arena, "%" PRIu64, weight),
			 RES "/cpu/shares"))
			return out_of_memory(err);
	}
	if (make_cpu_max(c, w, err) < 0)
		return -1;
	if (c->cpus && *c->cpus && !add(w, "cpuset.cpus", c->cpus, RES "/cpu/cpus"))
		return out_of_memory(err);
	if (c->mems && *c->mems && !add(w, "cpuset.mems", c->mems, RES "/cpu/mems"))
		return out_of_memory(err);
	return 0;
}

static int add_io_weight(struct cgroup_writes *w, const char *device, uint64_t weight,
			 const char *field, struct err *err)
{
	struct cgroup_write *write;
	uint64_t v2;

	if (weight < BFQ_WEIGHT_MIN || weight > BFQ_WEIGHT_MAX)
		return err_field(err, ERANGE, field,
				 "block I/O weight %" PRIu64 " is not %d..%d (%s)", weight,
				 BFQ_WEIGHT_MIN, BFQ_WEIGHT_MAX, field);
	v2 = 1 + (weight - BFQ_WEIGHT_MIN) * (WEIGHT_MAX - 1) / (BFQ_WEIGHT_MAX - BFQ_WEIGHT_MIN);
	write = add(w, "io.bfq.weight", arena_printf(w->arena, "%s%" PRIu64, device, weight),
		    field);
	if (!write)
		return out_of_memory(err);
	write->else_file = "io.weight";
	write->else_text = arena_printf(w->arena, "%s%" PRIu64, device, v2);
	return write->else_text ? 0 : out_of_memory(err);
}

static int make_io_weights(const struct spec_block_io *b, struct cgroup_writes *w, struct err *err)
{
	if (b->leafWeight.has && b->leafWeight.v)
		return no_v2(RES "/blockIO/leafWeight", "a block I/O leaf weight", err);
	if (b->weight.has && b->weight.v &&
	    add_io_weight(w, "", b->weight.v, RES "/blockIO/weight", err) < 0)
		return -1;
	for (size_t i = 0; i < b->weightDevice.n; i++) {
		const struct spec_weight_device *d = &b->weightDevice.v[i];
		const char *field = arena_printf(w->arena, RES "/blockIO/weightDevice/%zu", i);
		const char *device =
			arena_printf(w->arena, "%" PRId64 ":%" PRId64 " ", d->major, d->minor);

		if (!field || !device)
			return out_of_memory(err);
		if (d->leafWeight.has && d->leafWeight.v)
			return no_v2(field, "a block I/O leaf weight", err);
		if (d->weight.has && d->weight.v &&
		    add_io_weight(w, device, d->weight.v, field, err) < 0)
			return -1;
	}
	return 0;
}

static int make_block_io(const struct spec_block_io *b, struct cgroup_writes *w, struct err *err)
{
	const struct {
		const struct spec_throttles *list;
		const char *field, *key;
	} kinds[] = {
		{ &b->throttleReadBpsDevice, "throttleReadBpsDevice", "rbps" },
		{ &b->throttleWriteBpsDevice, "throttleWriteBpsDevice", "wbps" },
		{ &b->throttleReadIOPSDevice, "throttleReadIOPSDevice", "riops" },
		{ &b->throttleWriteIOPSDevice, "throttleWriteIOPSDevice", "wiops" },
	};

	if (make_io_weights(b, w, err) < 0)
		return -1;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t i = 0; i < kinds[k].list->n; i++) {
			const struct spec_throttle_device *d = &kinds[k].list->v[i];
			char rate[24] = "max"; /* 0 takes a limit away, as with v1 */
			struct cgroup_write *write;

			if (d->rate && str_format(rate, sizeof(rate), "%" PRIu64, d->rate) < 0)
				return err_set(err, ERANGE, "block I/O rate is out of range");
			write = add(
				w, "io.max",
				arena_printf(w->arena, "%" PRId64 ":%" PRId64 " %s=%s", d->major,
					     d->minor, kinds[k].key, rate),
				arena_printf(w->arena, RES "/blockIO/%s/%zu", kinds[k].field, i));
			if (!write)
				return out_of_memory(err);
			write->may_lack = d->rate == 0;
		}
	return 0;
}

static int make_hugetlb(const struct spec_resources *r, struct cgroup_writes *w, struct err *err)
{
	for (size_t i = 0; i < r->hugepageLimits.n; i++) {
		const struct spec_hugepage_limit *l = &r->hugepageLimits.v[i];
		const char *field = arena_printf(w->arena, RES "/hugepageLimits/%zu", i);
		bool none = l->limit > INT64_MAX;
		const char *text = none ? "max" : arena_printf(w->arena, "%" PRIu64, l->limit);
		size_t digits = l->pageSize ? strspn(l->pageSize, "0123456789") : 0;
		struct cgroup_write *write;

		if (!field)
			return out_of_memory(err);
		if (digits == 0 || digits > 4 || !strchr("KMG", l->pageSize[digits]) ||
		    strcmp(l->pageSize + digits + 1, "B") != 0)
			return err_field(err, EINVAL, field,
					 "huge page size \"%s\" is not like \"2MB\" (%s)",
					 l->pageSize ? l->pageSize : "", field);
		write = add(w, arena_printf(w->arena, "hugetlb.%s.max", l->pageSize), text, field);
		if (!write)
			return out_of_memory(err);
		write->may_lack = none;
		write = add(w, arena_printf(w->arena, "hugetlb.%s.rsvd.max", l->pageSize), text,
			    field);
		if (!write)
			return out_of_memory(err);
		write->may_lack = true; /* before 5.7 there is only the first */
	}
	return 0;
}

static int make_rdma(const struct spec_resources *r, struct cgroup_writes *w, struct err *err)
{
	for (size_t i = 0; i < r->rdma.n; i++) {
		const struct spec_rdma *d = &r->rdma.v[i];
		char handles[48] = "", objects[48] = "";

		if (strpbrk(d->key, " \n"))
			return err_field(err, EINVAL, RES "/rdma",
					 "rdma device \"%s\" is not a name", d->key);
		if ((d->hcaHandles.has &&
		     str_format(handles, sizeof(handles), " hca_handle=%" PRIu64, d->hcaHandles.v) <
			     0) ||
		    (d->hcaObjects.has && str_format(objects, sizeof(objects),
						     " hca_object=%" PRIu64, d->hcaObjects.v) < 0))
			return err_set(err, ERANGE, "rdma limit is out of range");
		if (!handles[0] && !objects[0])
			continue;
		if (!add(w, "rdma.max", arena_printf(w->arena, "%s%s%s", d->key, handles, objects),
			 arena_printf(w->arena, RES "/rdma/%s", d->key)))
			return out_of_memory(err);
	}
	return 0;
}

/* Files of the core that set no limit but move, freeze or kill are not for config.json. */
static bool is_unified_key(const char *key)
{
	static const char *const core[] = { "cgroup.max.depth", "cgroup.max.descendants",
					    "cgroup.pressure" };
	const char *dot = strchr(key, '.');

	for (const char *c = key; *c; c++)
		if ((*c < 'a' || *c > 'z') && (*c < 'A' || *c > 'Z') && (*c < '0' || *c > '9') &&
		    *c != '.' && *c != '_' && *c != '-')
			return false;
	if (!dot || dot == key || !dot[1] || strstr(key, ".."))
		return false;
	if (!str_starts(key, "cgroup."))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(core); i++)
		if (strcmp(key, core[i]) == 0)
			return true;
	return false;
}

static int make_unified(const struct spec_resources *r, struct cgroup_writes *w, struct err *err)
{
	for (size_t i = 0; i < r->unified.n; i++) {
		const char *key = r->unified.v[i].key, *value = r->unified.v[i].value;
		const char *field = arena_printf(w->arena, RES "/unified/%s", key);
		size_t lines = 0;

		if (!field)
			return out_of_memory(err);
		if (!is_unified_key(key))
			return err_field(err, EINVAL, RES "/unified",
					 "unified: \"%s\" is not the name of a controller's file",
					 key);
		do { /* one line is one write: the kernel looks at no more */
			size_t len = strcspn(value, "\n");
			const char *text = len ? arena_strndup(w->arena, value, len) : "\n";

			if (++lines > LINES_MAX)
				return err_field(err, E2BIG, field,
						 "unified: \"%s\" has too many lines", key);
			if (!add(w, key, text, field))
				return out_of_memory(err);
			value += len;
			value += *value == '\n';
		} while (*value);
	}
	return 0;
}

int cgroup_limits_make(const struct spec_resources *r, struct arena *arena,
		       struct cgroup_writes *ret, struct err *err)
{
	struct cgroup_writes w = { .arena = arena };

	if (r->memory && make_memory(r->memory, &w, err) < 0)
		return -1;
	if (r->cpu && make_cpu(r->cpu, &w, err) < 0)
		return -1;
	if (r->pids && r->pids->limit.has &&
	    add_number(&w, "pids.max", r->pids->limit.v, RES "/pids/limit", err) < 0)
		return -1;
	if (r->blockIO && make_block_io(r->blockIO, &w, err) < 0)
		return -1;
	if (r->network && r->network->classID.has && r->network->classID.v)
		return no_v2(RES "/network/classID", "a network class", err);
	if (r->network && r->network->priorities.n)
		return no_v2(RES "/network/priorities", "network priorities", err);
	if (make_hugetlb(r, &w, err) < 0 || make_rdma(r, &w, err) < 0 ||
	    make_unified(r, &w, err) < 0)
		return -1;
	*ret = w;
	return 0;
}
