/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c - what a group uses, in the shape that runc's `events` gave the world
 *
 * Keys and units are runc's (nanoseconds; swap together with memory, as v1
 * counted it); a file that is missing leaves its keys out or zero.
 * Documentation/admin-guide/cgroup-v2.rst has every file; proc(5)
 * "/proc/PID/net/dev".
 */
#include "cgroups/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/units.h"

#define KEY_MAX 64

/* Leaves zero out, as runc's "omitempty". */
static void kv_nonzero(struct json_out *o, const char *key, uint64_t v)
{
	if (v)
		json_kv_uint(o, key, v);
}

static uint64_t number_or_zero(int dir, const char *file)
{
	uint64_t v = 0;

	return group_read_number(dir, file, &v) == 0 ? v : 0;
}

/* --- pressure -------------------------------------------------------------- */

/* A number like "12.34" out of "avg10=12.34"; the kernel writes two decimals. */
static int parse_average(const char *line, size_t len, const char *key, double *ret)
{
	size_t n = strlen(key);

	for (size_t i = 0; i + n < len; i++) {
		char text[24];
		size_t digits = 0, width = 0;
		uint64_t whole, part;

		if (strncmp(line + i, key, n) != 0)
			continue;
		for (const char *p = line + i + n; width < sizeof(text) - 1; p++, width++)
			if (*p < '0' || *p > '9') {
				if (*p != '.' || digits)
					break;
				digits = width + 1;
			}
		memcpy(text, line + i + n, width);
		text[width] = '\0';
		if (digits == 0 || width - digits > 9)
			return -1;
		text[digits - 1] = '\0';
		if (units_u64(text, UINT32_MAX, &whole) < 0 ||
		    units_u64(text + digits, UINT32_MAX, &part) < 0)
			return -1;
		*ret = (double)part;
		for (size_t d = digits; d < width; d++)
			*ret /= 10;
		*ret += (double)whole;
		return 0;
	}
	return -1;
}

static void write_pressure_line(struct json_out *o, const char *name, const char *text)
{
	static const char *const keys[] = { "avg10", "avg60", "avg300" };
	const char *line = NULL, *total;
	size_t len = group_parse_line(text, name, &line);
	uint64_t micros = 0;

	json_key(o, name);
	json_begin_object(o);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char key[16];
		double v = 0;

		if (len && str_format(key, sizeof(key), "%s=", keys[i]) == 0)
			(void)parse_average(line, len, key, &v);
		json_key(o, keys[i]);
		json_double(o, v);
	}
	total = len ? strstr(line, "total=") : NULL;
	if (total)
		(void)group_parse_number(total + 6, &micros);
	json_kv_uint(o, "total", micros);
	json_end_object(o);
}

static void write_pressure(struct json_out *o, int dir, const char *file)
{
	char text[512];

	if (group_read(dir, file, text, sizeof(text)) <= 0)
		return; /* a kernel without it, or it is switched off */
	json_key(o, "psi");
	json_begin_object(o);
	write_pressure_line(o, "some", text);
	write_pressure_line(o, "full", text);
	json_end_object(o);
}

/* --- cpu --------------------------------------------------------------------- */

static uint64_t nanoseconds(const char *text, const char *key)
{
	uint64_t micros = 0;

	if (group_parse_key(text, key, &micros) < 0 || micros > UINT64_MAX / 1000)
		return 0;
	return micros * 1000;
}

static void write_cpu(struct json_out *o, int dir)
{
	char text[GROUP_LINE_SIZE];
	uint64_t periods = 0, throttled = 0;

	if (group_read(dir, "cpu.stat", text, sizeof(text)) < 0)
		text[0] = '\0';
	(void)group_parse_key(text, "nr_periods", &periods);
	(void)group_parse_key(text, "nr_throttled", &throttled);
	json_key(o, "cpu");
	json_begin_object(o);
	json_key(o, "usage");
	json_begin_object(o);
	kv_nonzero(o, "total", nanoseconds(text, "usage_usec"));
	json_kv_uint(o, "kernel", nanoseconds(text, "system_usec"));
	json_kv_uint(o, "user", nanoseconds(text, "user_usec"));
	json_end_object(o);
	json_key(o, "throttling");
	json_begin_object(o);
	kv_nonzero(o, "periods", periods);
	kv_nonzero(o, "throttledPeriods", throttled);
	kv_nonzero(o, "throttledTime", nanoseconds(text, "throttled_usec"));
	json_end_object(o);
	write_pressure(o, dir, "cpu.pressure");
	json_end_object(o);
}

/* A list "0-3,7" as an array of numbers. */
static void write_list(struct json_out *o, const char *key, int dir, const char *file)
{
	unsigned char mask[1024] = { 0 };
	char text[GROUP_LINE_SIZE];
	ssize_t len = group_read(dir, file, text, sizeof(text));

	if (len <= 1)
		return;
	text[strcspn(text, "\n")] = '\0';
	if (units_cpu_list(text, mask, sizeof(mask)) < 0)
		return;
	json_key(o, key);
	json_begin_array(o);
	for (uint64_t i = 0; i < sizeof(mask) * 8; i++)
		if (mask[i / 8] & 1U << i % 8)
			json_uint(o, i);
	json_end_array(o);
}

static void write_cpuset(struct json_out *o, int dir)
{
	/* switches of cgroup v1, which v2 has not */
	static const char *const zero[] = { "mem_hardwall",	  "mem_exclusive",
					    "memory_migrate",	  "memory_spread_page",
					    "memory_spread_slab", "memory_pressure",
					    "sched_load_balance", "sched_relax_domain_level" };

	json_key(o, "cpuset");
	json_begin_object(o);
	write_list(o, "cpus", dir, "cpuset.cpus.effective");
	json_kv_uint(o, "cpu_exclusive", 0);
	write_list(o, "mems", dir, "cpuset.mems.effective");
	for (size_t i = 0; i < ARRAY_SIZE(zero); i++)
		json_kv_uint(o, zero[i], 0);
	json_end_object(o);
}

/* --- memory ------------------------------------------------------------------ */

struct usage {
	uint64_t limit, usage, max, failcnt;
};

static void write_usage(struct json_out *o, const char *key, const struct usage *u)
{
	json_key(o, key);
	json_begin_object(o);
	json_kv_uint(o, "limit", u->limit);
	kv_nonzero(o, "usage", u->usage);
	kv_nonzero(o, "max", u->max);
	json_kv_uint(o, "failcnt", u->failcnt);
	json_end_object(o);
}

static void write_raw(struct json_out *o, const char *text)
{
	json_key(o, "raw");
	json_begin_object(o);
	while (*text) {
		size_t len = strcspn(text, "\n"), word = strcspn(text, " \n");
		char key[KEY_MAX];
		uint64_t v;

		if (word < len && word < sizeof(key) &&
		    group_parse_number(text + word + 1, &v) == 0) {
			memcpy(key, text, word);
			key[word] = '\0';
			json_kv_uint(o, key, v);
		}
		text += len;
		if (*text)
			text++;
	}
	json_end_object(o);
}

static void write_memory(struct json_out *o, int dir)
{
	struct usage mem = { .limit = number_or_zero(dir, "memory.max"),
			     .usage = number_or_zero(dir, "memory.current"),
			     .max = number_or_zero(dir, "memory.peak") };
	struct usage swap = { .limit = number_or_zero(dir, "memory.swap.max"),
			      .usage = number_or_zero(dir, "memory.swap.current") };
	struct usage none = { 0 };
	uint64_t cache = 0;
	AUTO_BUF stat;

	buf_init(&stat);
	if (group_read_buf(dir, "memory.stat", &stat) == 0)
		(void)group_parse_key(stat.s, "file", &cache);
	(void)group_read_key(dir, "memory.events", "max", &mem.failcnt);
	(void)group_read_key(dir, "memory.swap.events", "fail", &swap.failcnt);
	swap.usage += mem.usage;
	swap.limit = swap.limit > UINT64_MAX - mem.limit ? UINT64_MAX : swap.limit + mem.limit;
	json_key(o, "memory");
	json_begin_object(o);
	kv_nonzero(o, "cache", cache);
	write_usage(o, "usage", &mem);
	write_usage(o, "swap", &swap);
	write_usage(o, "kernel", &none);
	write_usage(o, "kernelTCP", &none);
	if (stat.len)
		write_raw(o, stat.s);
	write_pressure(o, dir, "memory.pressure");
	json_end_object(o);
}

static void write_pids(struct json_out *o, int dir)
{
	uint64_t limit = number_or_zero(dir, "pids.max");

	json_key(o, "pids");
	json_begin_object(o);
	kv_nonzero(o, "current", number_or_zero(dir, "pids.current"));
	kv_nonzero(o, "limit", limit == UINT64_MAX ? 0 : limit);
	json_end_object(o);
}

/* --- block I/O ------------------------------------------------------------------ */

/* One array of runc's from the lines "8:0 rbytes=1 wbytes=2 ..." of io.stat. */
static void write_io(struct json_out *o, const char *name, const char *text,
		     const char *const keys[2])
{
	static const char *const ops[2] = { "Read", "Write" };

	json_key(o, name);
	json_begin_array(o);
	while (*text) {
		size_t len = strcspn(text, "\n");
		uint64_t major, minor, v;
		const char *colon = memchr(text, ':', len);

		for (size_t k = 0; colon && k < 2; k++) {
			const char *at = memmem(text, len, keys[k], strlen(keys[k]));
			char number[24];
			size_t n = (size_t)(colon - text);

			if (!at || n >= sizeof(number))
				continue;
			memcpy(number, text, n);
			number[n] = '\0';
			if (group_parse_number(number, &major) < 0 ||
			    group_parse_number(colon + 1, &minor) < 0 ||
			    group_parse_number(at + strlen(keys[k]), &v) < 0)
				continue;
			json_begin_object(o);
			kv_nonzero(o, "major", major);
			kv_nonzero(o, "minor", minor);
			json_kv_string(o, "op", ops[k]);
			kv_nonzero(o, "value", v);
			json_end_object(o);
		}
		text += len;
		if (*text)
			text++;
	}
	json_end_array(o);
}

static void write_blkio(struct json_out *o, int dir)
{
	static const char *const bytes[2] = { " rbytes=", " wbytes=" };
	static const char *const count[2] = { " rios=", " wios=" };
	AUTO_BUF text;

	buf_init(&text);
	json_key(o, "blkio");
	json_begin_object(o);
	if (group_read_buf(dir, "io.stat", &text) == 0 && text.len) {
		write_io(o, "ioServiceBytesRecursive", text.s, bytes);
		write_io(o, "ioServicedRecursive", text.s, count);
	}
	write_pressure(o, dir, "io.pressure");
	json_end_object(o);
}

/* --- huge pages, network ------------------------------------------------------------ */

static void write_hugetlb_size(struct json_out *o, int dir, const char *size)
{
	char file[KEY_MAX];
	uint64_t failcnt = 0;

	if (str_format(file, sizeof(file), "hugetlb.%s.current", size) < 0)
		return;
	json_key(o, size);
	json_begin_object(o);
	kv_nonzero(o, "usage", number_or_zero(dir, file));
	if (str_format(file, sizeof(file), "hugetlb.%s.events", size) == 0)
		(void)group_read_key(dir, file, "max", &failcnt);
	json_kv_uint(o, "failcnt", failcnt);
	json_end_object(o);
}

static void write_hugetlb(struct json_out *o, int dir)
{
	static const char prefix[] = "hugetlb.", suffix[] = ".current";
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	json_key(o, "hugetlb");
	json_begin_object(o);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread, and glibc's is safe on its own DIR */
	while (d && (entry = readdir(d)) != NULL) {
		size_t len = strlen(entry->d_name), at = sizeof(prefix) - 1;
		char size[16];

		if (!str_starts(entry->d_name, prefix) || len < at + sizeof(suffix))
			continue;
		len -= sizeof(suffix) - 1;
		if (strcmp(entry->d_name + len, suffix) != 0 || len - at >= sizeof(size) ||
		    memchr(entry->d_name + at, '.', len - at)) /* .rsvd. */
			continue;
		memcpy(size, entry->d_name + at, len - at);
		size[len - at] = '\0';
		write_hugetlb_size(o, dir, size);
	}
	json_end_object(o);
	if (d)
		(void)closedir(d);
	else
		(void)fd_close(fd);
}

/* "  eth0: 1 2 3 ...": received are columns 0 to 3, sent 8 to 11. */
static void write_interface(struct json_out *o, const char *line)
{
	static const struct {
		const char *key;
		int column;
	} keys[] = {
		{ "RxBytes", 0 }, { "RxPackets", 1 }, { "RxErrors", 2 },  { "RxDropped", 3 },
		{ "TxBytes", 8 }, { "TxPackets", 9 }, { "TxErrors", 10 }, { "TxDropped", 11 }
	};
	const char *colon = strchr(line, ':'), *p;
	uint64_t columns[16] = { 0 };
	char name[KEY_MAX];
	size_t start = strspn(line, " "), len;

	if (!colon || colon < line + start)
		return;
	len = (size_t)(colon - line) - start;
	if (len == 0 || len >= sizeof(name) || (len == 2 && memcmp(line + start, "lo", 2) == 0))
		return;
	memcpy(name, line + start, len);
	name[len] = '\0';
	p = colon + 1;
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		p += strspn(p, " ");
		if (*p == '\0' || group_parse_number(p, &columns[i]) < 0)
			break;
		p += strcspn(p, " \n");
	}
	json_begin_object(o);
	json_kv_string(o, "Name", name);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_kv_uint(o, keys[i].key, columns[keys[i].column]);
	json_end_object(o);
}

static void write_network(struct json_out *o, pid_t pid)
{
	AUTO_BUF text;
	char path[32];
	char *rest, *line;

	buf_init(&text);
	json_key(o, "network_interfaces");
	if (pid <= 0 || str_format(path, sizeof(path), "/proc/%d/net/dev", (int)pid) < 0 ||
	    file_read(AT_FDCWD, path, &text, GROUP_FILE_MAX, false) < 0) {
		json_null(o);
		return;
	}
	json_begin_array(o);
	rest = text.s;
	while ((line = strsep(&rest, "\n")) != NULL)
		if (!strchr(line, '|')) /* the two lines of heading */
			write_interface(o, line);
	json_end_array(o);
}

int cgroup_stats_write(const struct cgroup *g, pid_t pid, struct json_out *o, struct err *err)
{
	if (g->top < 0)
		return err_set(err, ENOENT, "stats: the container has no cgroup of its own");
	json_begin_object(o);
	write_cpu(o, g->top);
	write_cpuset(o, g->top);
	write_memory(o, g->top);
	write_pids(o, g->top);
	write_blkio(o, g->top);
	write_hugetlb(o, g->top);
	json_key(o, "intel_rdt");
	json_begin_object(o);
	json_end_object(o);
	write_network(o, pid);
	json_end_object(o);
	return 0;
}
