/* SPDX-License-Identifier: Apache-2.0 */
/* resources.c - the limits of a command line as LinuxResources JSON
 *
 * One table says for each option where its value goes; what the runtime-spec
 * has no field for goes into "unified" under the file's name in the cgroup
 * (kernel, cgroup-v2.rst).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "runtime/cli/resources.h"

#define ROW(name_, member, value_, help_)                                                     \
 .name = (name_), .kind = OPTION_STRING, .offset = offsetof(struct resource_options, member), \
 .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("blkio-weight", blkio_weight, "WEIGHT", "weight of block I/O, 10 to 1000") },
	{ ROW("cpu-share", cpu_shares, "SHARES", "weight of CPU time against other containers") },
	{ ROW("cpu-quota", cpu_quota, "MICROSECONDS", "CPU time in each period, -1 for no limit") },
	{ ROW("cpu-period", cpu_period, "MICROSECONDS", "length of the period") },
	{ ROW("cpu-burst", cpu_burst, "MICROSECONDS", "unused quota that may be saved up") },
	{ ROW("cpu-idle", cpu_idle, "0|1", "1: run only where the CPU would be idle") },
	{ ROW("cpu-rt-runtime", cpu_rt_runtime, "MICROSECONDS",
	      "realtime CPU time in each period") },
	{ ROW("cpu-rt-period", cpu_rt_period, "MICROSECONDS", "length of the realtime period") },
	{ ROW("cpuset-cpus", cpuset_cpus, "LIST", "CPUs to run on, such as 0-3,7") },
	{ ROW("cpuset-mems", cpuset_mems, "LIST", "memory nodes to use, such as 0,1") },
	{ ROW("memory", memory, "BYTES", "memory limit, -1 for none; suffixes b, k, m, g, t") },
	{ ROW("memory-reservation", memory_reservation, "BYTES",
	      "memory to leave when others need it") },
	{ ROW("memory-swap", memory_swap, "BYTES",
	      "limit of memory and swap together, -1 for none") },
	{ .name = "kernel-memory",
	  .kind = OPTION_IGNORED,
	  .value = "BYTES",
	  .help = "accepted for older callers; the kernel has no such limit any more" },
	{ .name = "kernel-memory-tcp",
	  .kind = OPTION_IGNORED,
	  .value = "BYTES",
	  .help = "accepted for older callers, without effect" },
	{ ROW("pids-limit", pids_limit, "N", "number of processes and threads, -1 for no limit") },
	{ ROW("cpu-weight", cpu_weight, "WEIGHT", "cpu.weight, 1 to 10000") },
	{ ROW("io-weight", io_weight, "WEIGHT", "io.weight, 1 to 10000") },
	{ ROW("memory-high", memory_high, "BYTES",
	      "memory.high: slow down and reclaim from here on") },
	{ ROW("memory-low", memory_low, "BYTES", "memory.low: leave this much if possible") },
	{ ROW("memory-min", memory_min, "BYTES", "memory.min: leave this much in any case") },
	{ ROW("memory-swap-high", memory_swap_high, "BYTES",
	      "memory.swap.high: slow down from here on") },
	{ ROW("memory-zswap", memory_zswap, "BYTES",
	      "memory.zswap.max: limit of compressed swap") },
	{ .name = "unified",
	  .kind = OPTION_STRINGS,
	  .offset = offsetof(struct resource_options, unified),
	  .value = "KEY=VALUE",
	  .help = "write VALUE to the file KEY of the control group (may be repeated)" },
};
const struct option_table resource_options = { rows, ARRAY_SIZE(rows), NULL };

enum kind {
	UNSIGNED,
	SIGNED,
	BYTES, /* a number with a suffix */
	TEXT,
	UNIFIED_NUMBER, /* a number, as a string */
	UNIFIED_BYTES, /* bytes or "max", as a string */
};

/* Rows of one object stand together. */
static const struct target {
	size_t offset;
	const char *object, *key;
	enum kind kind;
} targets[] = {
#define TARGET(member, object_, key_, kind_) \
 offsetof(struct resource_options, member), (object_), (key_), (kind_)
	{ TARGET(memory, "memory", "limit", BYTES) },
	{ TARGET(memory_reservation, "memory", "reservation", BYTES) },
	{ TARGET(memory_swap, "memory", "swap", BYTES) },
	{ TARGET(cpu_shares, "cpu", "shares", UNSIGNED) },
	{ TARGET(cpu_quota, "cpu", "quota", SIGNED) },
	{ TARGET(cpu_burst, "cpu", "burst", UNSIGNED) },
	{ TARGET(cpu_period, "cpu", "period", UNSIGNED) },
	{ TARGET(cpu_rt_runtime, "cpu", "realtimeRuntime", SIGNED) },
	{ TARGET(cpu_rt_period, "cpu", "realtimePeriod", UNSIGNED) },
	{ TARGET(cpuset_cpus, "cpu", "cpus", TEXT) },
	{ TARGET(cpuset_mems, "cpu", "mems", TEXT) },
	{ TARGET(cpu_idle, "cpu", "idle", SIGNED) },
	{ TARGET(pids_limit, "pids", "limit", SIGNED) },
	{ TARGET(blkio_weight, "blockIO", "weight", UNSIGNED) },
	{ TARGET(cpu_weight, "unified", "cpu.weight", UNIFIED_NUMBER) },
	{ TARGET(io_weight, "unified", "io.weight", UNIFIED_NUMBER) },
	{ TARGET(memory_high, "unified", "memory.high", UNIFIED_BYTES) },
	{ TARGET(memory_low, "unified", "memory.low", UNIFIED_BYTES) },
	{ TARGET(memory_min, "unified", "memory.min", UNIFIED_BYTES) },
	{ TARGET(memory_swap_high, "unified", "memory.swap.high", UNIFIED_BYTES) },
	{ TARGET(memory_zswap, "unified", "memory.zswap.max", UNIFIED_BYTES) },
#undef TARGET
};

static const char *given(const struct resource_options *o, const struct target *t)
{
	return *(const char *const *)(const void *)((const char *)o + t->offset);
}

bool resources_given(const struct resource_options *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		if (given(o, &targets[i]))
			return true;
	}
	return o->unified.n > 0;
}

static const char *option_name(const struct target *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].kind == OPTION_STRING && rows[i].offset == t->offset)
			return rows[i].name;
	}
	return t->key;
}

/* 0, or -1: the text is no such number. */
static int write_unsigned(struct json_out *out, const char *text, bool quoted)
{
	uint64_t v;
	if (units_u64(text, UINT64_MAX, &v) < 0)
		return -1;
	char number[24];
	if (str_format(number, sizeof(number), "%" PRIu64, v) < 0)
		return -1;
	if (quoted)
		json_string(out, number);
	else
		json_uint(out, v);
	return 0;
}

static int write_bytes(struct json_out *out, const char *text, bool quoted)
{
	int64_t v = -1;
	bool max = quoted && strcmp(text, "max") == 0;
	if (!max && units_bytes(text, &v) < 0)
		return -1;
	char number[24];
	if (str_format(number, sizeof(number), "%" PRId64, v) < 0)
		return -1;
	if (quoted)
		json_string(out, v < 0 ? "max" : number);
	else
		json_int(out, v);
	return 0;
}

static int write_signed(struct json_out *out, const char *text)
{
	int64_t v;
	if (units_i64(text, INT64_MIN, INT64_MAX, &v) < 0)
		return -1;
	json_int(out, v);
	return 0;
}

static int write_value(struct json_out *out, enum kind kind, const char *text)
{
	switch (kind) {
	case UNSIGNED:
	case UNIFIED_NUMBER:
		return write_unsigned(out, text, kind == UNIFIED_NUMBER);
	case SIGNED:
		return write_signed(out, text);
	case BYTES:
	case UNIFIED_BYTES:
		return write_bytes(out, text, kind == UNIFIED_BYTES);
	case TEXT:
		json_string(out, text);
		return 0;
	}
	return -1;
}

/* "KEY=VALUE" pairs of --unified, into the open object. */
static int write_pairs(struct json_out *out, const struct option_list *list, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		char key[128];
		const char *text = list->v[i], *equals = strchr(text, '=');
		size_t len = equals ? (size_t)(equals - text) : 0;
		if (len == 0 || len >= sizeof(key))
			return err_set(err, EINVAL,
				       "invalid value \"%s\" for --unified: not KEY=VALUE", text);
		memcpy(key, text, len);
		key[len] = 0;
		json_kv_string(out, key, equals + 1);
	}
	return 0;
}

int resources_format(const struct resource_options *o, struct buf *out, struct err *err)
{
	struct json_out json;
	const char *open = NULL; /* the object being written */
	json_out_init(&json, out, 0);
	json_begin_object(&json);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		const struct target *t = &targets[i];
		const char *text = given(o, t);
		/* runc's rule: no limit on memory means none on swap either */
		if (!text && t->offset == offsetof(struct resource_options, memory_swap) &&
		    str_eq(o->memory, "-1"))
			text = "-1";
		if (!text)
			continue;
		if (!str_eq(open, t->object)) {
			if (open)
				json_end_object(&json);
			open = t->object;
			json_key(&json, open);
			json_begin_object(&json);
		}
		json_key(&json, t->key);
		if (write_value(&json, t->kind, text) < 0)
			return err_set(err, EINVAL, "invalid value \"%s\" for --%s", text,
				       option_name(t));
	}
	if (o->unified.n > 0 && !str_eq(open, "unified")) {
		if (open)
			json_end_object(&json);
		open = "unified";
		json_key(&json, open);
		json_begin_object(&json);
	}
	if (write_pairs(&json, &o->unified, err) < 0)
		return -1;
	if (open)
		json_end_object(&json);
	json_end_object(&json);
	return buf_failed(out) ? err_set(err, ENOMEM, "write the limits: out of memory") : 0;
}
