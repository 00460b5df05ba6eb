/* SPDX-License-Identifier: Apache-2.0 */
/* properties.c - what systemd is told about a container's unit
 *
 * Pure.  systemd writes the files of a unit's group from its properties, again
 * and again: a limit it doesn't know would be lost at the next daemon-reload.
 * So everything it has a property for becomes one; the exact values are written
 * by limits.c behind it.  The device filter is not systemd's business: our
 * program is attached to the group beside any of its own.
 * systemd.resource-control(5); org.freedesktop.systemd1(5); annotations
 * org.systemd.property.NAME hold a value as GVariant text.
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/units.h"

#define ANNOTATION   "org.systemd.property."
#define QUOTA_STEP   10000 /* systemd keeps CPUQuotaPerSecUSec in steps of 10 ms */
#define SECOND_USEC  1000000
#define ELEMENTS_MAX 1024
#define MASK_SIZE    1024

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "systemd properties: out of memory");
}

int property_add(struct properties *p, const char *name, const char *type,
		 const char *const *values, size_t n)
{
	struct property *v = arena_grow(p->arena, p->v, p->n, &p->cap, sizeof(*v));
	struct property one = { 0 };

	if (!v)
		return -1;
	p->v = v;
	one.name = arena_strdup(p->arena, name);
	one.type = arena_strdup(p->arena, type);
	one.values.v = arena_array(p->arena, n + 1, sizeof(char *));
	if (!one.name || !one.type || !one.values.v)
		return -1;
	for (size_t i = 0; i < n; i++) {
		one.values.v[i] = arena_strdup(p->arena, values[i]);
		if (!one.values.v[i])
			return -1;
	}
	one.values.n = n;
	p->v[p->n++] = one;
	return 0;
}

static int add_number(struct properties *p, const char *name, uint64_t v, struct err *err)
{
	char text[24];
	const char *values[1] = { text };

	if (str_format(text, sizeof(text), "%" PRIu64, v) < 0 ||
	    property_add(p, name, "t", values, 1) < 0)
		return out_of_memory(err);
	return 0;
}

static int add_limit(struct properties *p, const char *name, int64_t v, struct err *err)
{
	return add_number(p, name, v < 0 ? UINT64_MAX : (uint64_t)v, err);
}

/* "0-3,7" as the bytes of a mask. */
static int add_mask(struct properties *p, const char *name, const char *list, struct err *err)
{
	unsigned char mask[MASK_SIZE] = { 0 };
	static const char *const empty[1] = { "0" };
	const char **values;
	size_t n = sizeof(mask);

	if (units_cpu_list(list, mask, sizeof(mask)) < 0)
		return err_set(err, EINVAL, "\"%s\" is not a list of CPUs or memory nodes", list);
	while (n > 0 && mask[n - 1] == 0)
		n--;
	if (n == 0)
		return property_add(p, name, "ay", empty, 0) < 0 ? out_of_memory(err) : 0;
	values = arena_array(p->arena, n, sizeof(*values));
	for (size_t i = 0; values && i < n; i++) {
		values[i] = arena_printf(p->arena, "%u", mask[i]);
		if (!values[i])
			return out_of_memory(err);
	}
	if (!values || property_add(p, name, "ay", values, n) < 0)
		return out_of_memory(err);
	return 0;
}

static int add_quota(struct properties *p, int64_t quota, uint64_t period, struct err *err)
{
	uint64_t per_second = UINT64_MAX;

	if (quota > 0 && period > 0 && (uint64_t)quota < UINT64_MAX / SECOND_USEC) {
		per_second = (uint64_t)quota * SECOND_USEC / period;
		per_second = (per_second + QUOTA_STEP - 1) / QUOTA_STEP * QUOTA_STEP;
	}
	if (add_number(p, "CPUQuotaPerSecUSec", per_second, err) < 0)
		return -1;
	return period ? add_number(p, "CPUQuotaPeriodUSec", period, err) : 0;
}

static int of_memory(const struct spec_memory *m, struct properties *p, struct err *err)
{
	int64_t limit = m->limit.has ? m->limit.v : 0, swap = m->swap.has ? m->swap.v : 0;

	if (limit != 0 && add_limit(p, "MemoryMax", limit, err) < 0)
		return -1;
	if (swap > 0 && limit > 0 && swap >= limit) {
		if (add_limit(p, "MemorySwapMax", swap - limit, err) < 0)
			return -1;
	} else if ((swap < 0 || (swap == 0 && limit < 0)) &&
		   add_limit(p, "MemorySwapMax", -1, err) < 0) {
		return -1;
	}
	if (m->reservation.has && m->reservation.v != 0)
		return add_limit(p, "MemoryLow", m->reservation.v, err);
	return 0;
}

static int of_cpu(const struct spec_cpu *c, struct properties *p, struct err *err)
{
	bool idle = c->idle.has && c->idle.v != 0;
	int64_t quota = c->quota.has ? c->quota.v : 0;
	uint64_t period = c->period.has ? c->period.v : 0;

	/* weight 0 is systemd's word for idle */
	if (idle && add_number(p, "CPUWeight", 0, err) < 0)
		return -1;
	if (!idle && c->shares.has && c->shares.v &&
	    add_number(p, "CPUWeight", limits_cpu_weight(c->shares.v), err) < 0)
		return -1;
	if ((quota || period) && add_quota(p, quota, period ? period : 100000, err) < 0)
		return -1;
	if (c->cpus && *c->cpus && add_mask(p, "AllowedCPUs", c->cpus, err) < 0)
		return -1;
	if (c->mems && *c->mems && add_mask(p, "AllowedMemoryNodes", c->mems, err) < 0)
		return -1;
	return 0;
}

/* Four throttles and the weights, each a list of (device file, number). */
static int add_devices(struct properties *p, const char *name, const struct spec_throttles *t,
		       struct err *err)
{
	const char **values;

	if (t->n == 0)
		return 0;
	values = arena_array(p->arena, t->n, 2 * sizeof(*values));
	for (size_t i = 0; values && i < t->n; i++) {
		values[2 * i] = arena_printf(p->arena, "/dev/block/%" PRId64 ":%" PRId64,
					     t->v[i].major, t->v[i].minor);
		values[2 * i + 1] = arena_printf(p->arena, "%" PRIu64,
						 t->v[i].rate ? t->v[i].rate : UINT64_MAX);
		if (!values[2 * i] || !values[2 * i + 1])
			return out_of_memory(err);
	}
	if (!values || property_add(p, name, "a(st)", values, t->n * 2) < 0)
		return out_of_memory(err);
	return 0;
}

static int of_block_io(const struct spec_block_io *b, struct properties *p, struct err *err)
{
	/* 10..1000 as 1..10000, where systemd writes io.weight; bfq is written by limits.c */
	if (b->weight.has && b->weight.v >= 10 && b->weight.v <= 1000 &&
	    add_number(p, "IOWeight", 1 + (b->weight.v - 10) * 9999 / 990, err) < 0)
		return -1;
	if (add_devices(p, "IOReadBandwidthMax", &b->throttleReadBpsDevice, err) < 0 ||
	    add_devices(p, "IOWriteBandwidthMax", &b->throttleWriteBpsDevice, err) < 0 ||
	    add_devices(p, "IOReadIOPSMax", &b->throttleReadIOPSDevice, err) < 0 ||
	    add_devices(p, "IOWriteIOPSMax", &b->throttleWriteIOPSDevice, err) < 0)
		return -1;
	return 0;
}

static int of_unified_one(const char *key, const char *value, struct properties *p, struct err *err)
{
	static const struct {
		const char *file, *property;
	} numbers[] = {
		{ "memory.max", "MemoryMax" },		{ "memory.high", "MemoryHigh" },
		{ "memory.low", "MemoryLow" },		{ "memory.min", "MemoryMin" },
		{ "memory.swap.max", "MemorySwapMax" }, { "pids.max", "TasksMax" },
		{ "cpu.weight", "CPUWeight" },
	};
	uint64_t v = 0, period = 100000;
	const char *space;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (strcmp(key, numbers[i].file) == 0) {
			/* "1G" is for the kernel to read: then the file alone is written */
			if (group_parse_number(value, &v) < 0)
				return 0;
			if (v == 0 && strcmp(key, "pids.max") == 0)
				v = 1;
			return add_number(p, numbers[i].property, v, err);
		}
	if (strcmp(key, "cpuset.cpus") == 0)
		return *value ? add_mask(p, "AllowedCPUs", value, err) : 0;
	if (strcmp(key, "cpuset.mems") == 0)
		return *value ? add_mask(p, "AllowedMemoryNodes", value, err) : 0;
	if (strcmp(key, "cpu.max") != 0 || group_parse_number(value, &v) < 0)
		return 0;
	space = strchr(value, ' ');
	if (space && group_parse_number(space + 1, &period) < 0)
		return 0;
	return add_quota(p, v > INT64_MAX ? -1 : (int64_t)v, period, err);
}

int properties_of_resources(const struct spec_resources *r, struct properties *ret, struct err *err)
{
	if (r->memory && of_memory(r->memory, ret, err) < 0)
		return -1;
	if (r->cpu && of_cpu(r->cpu, ret, err) < 0)
		return -1;
	/* systemd knows no limit of 0 */
	if (r->pids && r->pids->limit.has &&
	    add_limit(ret, "TasksMax", r->pids->limit.v == 0 ? 1 : r->pids->limit.v, err) < 0)
		return -1;
	if (r->blockIO && of_block_io(r->blockIO, ret, err) < 0)
		return -1;
	for (size_t i = 0; i < r->unified.n; i++)
		if (of_unified_one(r->unified.v[i].key, r->unified.v[i].value, ret, err) < 0)
			return -1;
	return 0;
}

/* --- GVariant text -------------------------------------------------------------- */

struct reader {
	const char *p;
	struct arena *arena;
};

static void skip_space(struct reader *r)
{
	r->p += strspn(r->p, " \t\n");
}

static bool skip_word(struct reader *r, const char *word)
{
	size_t len = strlen(word);
	char next;

	if (strncmp(r->p, word, len) != 0)
		return false;
	next = r->p[len];
	if ((next >= 'a' && next <= 'z') || (next >= '0' && next <= '9'))
		return false;
	r->p += len;
	skip_space(r);
	return true;
}

/* 'it\'s' or "it's": NULL when it is neither. */
static char *read_string(struct reader *r)
{
	char quote = *r->p, *text = arena_alloc(r->arena, strlen(r->p) + 1), *out = text;

	if (!text || (quote != '\'' && quote != '"'))
		return NULL;
	for (r->p++; *r->p && *r->p != quote; r->p++) {
		if (*r->p == '\\' && r->p[1])
			r->p++;
		*out++ = *r->p;
	}
	if (*r->p != quote)
		return NULL;
	r->p++;
	*out = '\0';
	return text;
}

static char *read_number(struct reader *r, bool real)
{
	size_t sign = (size_t)(*r->p == '-');
	size_t len = sign + strspn(r->p + sign, real ? "0123456789.eE+-" : "0123456789");
	char *text = arena_strndup(r->arena, r->p, len);

	r->p += len;
	return len > sign && len < 24 ? text : NULL;
}

/* One value that is no array: its text, and its type. */
static char *read_scalar(struct reader *r, const char **type)
{
	static const struct {
		const char *word, *type;
	} types[] = { { "byte", "y" },	 { "int16", "n" },  { "uint16", "q" }, { "int32", "i" },
		      { "uint32", "u" }, { "int64", "x" },  { "uint64", "t" }, { "double", "d" },
		      { "string", "s" }, { "boolean", "b" } };
	const char *wanted = NULL;
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(types) && !wanted; i++)
		if (skip_word(r, types[i].word))
			wanted = types[i].type;
	if (*r->p == '\'' || *r->p == '"') {
		*type = "s";
		text = read_string(r);
	} else if (skip_word(r, "true")) {
		*type = "b";
		text = arena_strdup(r->arena, "1");
	} else if (skip_word(r, "false")) {
		*type = "b";
		text = arena_strdup(r->arena, "0");
	} else {
		bool real = wanted ? *wanted == 'd' : r->p[strcspn(r->p, ".,]) ")] == '.';

		*type = real ? "d" : "i";
		text = read_number(r, real);
		if (wanted && *wanted != 's' && *wanted != 'b')
			*type = wanted;
	}
	skip_space(r);
	return wanted && strcmp(wanted, *type) != 0 ? NULL : text;
}

/* "[a, b]" behind its bracket; all of one type. */
static int read_array(struct reader *r, const char **values, size_t *ret_n, const char **type)
{
	const char *one = NULL;
	size_t n = 0;

	skip_space(r);
	while (*r->p != ']') {
		if (n == ELEMENTS_MAX)
			return -1;
		values[n] = read_scalar(r, &one);
		if (!values[n] || (*type && strcmp(*type, one) != 0))
			return -1;
		*type = one;
		n++;
		if (*r->p == ',') {
			r->p++;
			skip_space(r);
		} else if (*r->p != ']') {
			return -1;
		}
	}
	r->p++;
	*ret_n = n;
	return 0;
}

int property_parse(const char *name, const char *text, struct properties *ret, struct err *err)
{
	struct reader r = { .p = text, .arena = ret->arena };
	const char **values = arena_array(ret->arena, ELEMENTS_MAX, sizeof(*values));
	const char *type = NULL;
	char array_type[3] = "a";
	size_t n = 1;

	if (!values)
		return out_of_memory(err);
	skip_space(&r);
	if (str_starts(r.p, "@as")) {
		r.p += 3;
		type = "s";
		skip_space(&r);
	}
	if (*r.p == '[') {
		r.p++;
		if (read_array(&r, values, &n, &type) < 0 || !type || !strchr("syu", *type))
			goto invalid;
		array_type[1] = *type;
		type = array_type;
	} else {
		values[0] = type ? NULL : read_scalar(&r, &type);
		if (!values[0])
			goto invalid;
	}
	skip_space(&r);
	if (*r.p)
		goto invalid;
	return property_add(ret, name, type, values, n) < 0 ? out_of_memory(err) : 0;
invalid:
	return err_field(err, EINVAL, "/annotations",
			 "annotation \"" ANNOTATION
			 "%s\": \"%s\" is not a value in GVariant text that "
			 "can be passed on",
			 name, text);
}

/* TimeoutStopSec is what people write, TimeoutStopUSec what the bus has. */
static int seconds_to_usec(struct properties *p, char *name, struct err *err)
{
	struct property *last = &p->v[p->n - 1];
	size_t len = strlen(name);
	uint64_t seconds = 0;

	if (len <= 3 || strcmp(name + len - 3, "Sec") != 0 ||
	    (len > 4 && strcmp(name + len - 4, "USec") == 0))
		return 0;
	if (last->values.n != 1 || strlen(last->type) != 1 || !strchr("iutx", *last->type) ||
	    units_u64(last->values.v[0], UINT64_MAX / SECOND_USEC, &seconds) < 0)
		return err_field(err, EINVAL, "/annotations",
				 "annotation \"" ANNOTATION "%s\" is not a number of seconds",
				 name);
	last->name = arena_printf(p->arena, "%.*sUSec", (int)(len - 3), name);
	last->type = arena_strdup(p->arena, "t");
	last->values.v[0] = arena_printf(p->arena, "%" PRIu64, seconds * SECOND_USEC);
	return last->name && last->type && last->values.v[0] ? 0 : out_of_memory(err);
}

int properties_of_annotations(const struct pairs *annotations, struct properties *ret,
			      struct err *err)
{
	for (size_t i = 0; i < annotations->n; i++) {
		char *name = annotations->v[i].key;

		if (!str_starts(name, ANNOTATION))
			continue;
		name += sizeof(ANNOTATION) - 1;
		/* the names of systemd's properties; also what keeps a name from being anything
		 * else */
		for (const char *c = name; *c; c++)
			if ((*c < 'A' || *c > 'Z') && (*c < 'a' || *c > 'z') &&
			    (*c < '0' || *c > '9'))
				return err_field(err, EINVAL, "/annotations",
						 "annotation \"%s\" names no property of systemd",
						 annotations->v[i].key);
		if (!*name || property_parse(name, annotations->v[i].value, ret, err) < 0 ||
		    seconds_to_usec(ret, name, err) < 0)
			return *name ? -1
				     : err_field(err, EINVAL, "/annotations",
						 "annotation \"%s\" names no property",
						 annotations->v[i].key);
	}
	return 0;
}
