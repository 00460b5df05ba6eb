/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c - Stats: the figures of a control group v2 as io.containerd.cgroups.v2.Metrics
 *
 * Read by the directory kept since create, so that the last figures are still
 * there between the end of a container and its Delete (CRI looks for OOM kills
 * then).  A file that is not there (its controller is off) leaves its part out.
 *
 * Documentation/admin-guide/cgroup-v2.rst; containerd/cgroups cgroup2/stats/metrics.proto
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/units.h"
#include "runtime/shim/shim.h"

#define STATS_ARENA ((size_t)4 << 20)
#define FILE_MAX    ((size_t)1 << 20)
#define TYPE	    "io.containerd.cgroups.v2.Metrics"

struct psi_data {
	double avg10, avg60, avg300;
	uint64_t total;
};
struct psi {
	struct psi_data *some, *full;
};
struct pids_stat {
	uint64_t current, limit;
};
struct cpu_stat {
	uint64_t usage, user, system, periods, throttled, throttled_time;
	struct psi *psi;
	uint64_t bursts, burst_time;
};
#define MEMORY_STATS 31 /* members of memory.stat */
struct memory_stat {
	uint64_t stat[MEMORY_STATS]; /* field n is stat[n - 1] */
	uint64_t usage, usage_limit, swap, swap_limit, max_usage, swap_max;
	struct psi *psi;
};
struct memory_events {
	uint64_t low, high, max, oom, oom_kill, oom_group_kill;
};
struct rdma_entry {
	char *device;
	uint32_t handles, objects;
};
struct rdma_entries {
	struct rdma_entry *v;
	size_t n;
};
struct rdma_stat {
	struct rdma_entries current, limit;
};
struct io_entry {
	uint64_t major, minor, rbytes, wbytes, rios, wios;
};
struct io_stat {
	struct {
		struct io_entry *v;
		size_t n;
	} usage;
	struct psi *psi;
};
struct huge_stat {
	uint64_t current, max;
	char *size;
	uint64_t failed;
};
struct metrics {
	struct pids_stat *pids;
	struct cpu_stat *cpu;
	struct memory_stat *memory;
	struct rdma_stat *rdma;
	struct io_stat *io;
	struct {
		struct huge_stat *v;
		size_t n;
	} huge;
	struct memory_events *events;
};

#define U64(type, number, member) WIRE_FIELD(number, struct type, member, WIRE_U64)
#define SUB(type, number, member, table) \
 WIRE_FIELD(number, struct type, member, WIRE_MESSAGE, .sub = &(table))
#define LIST(type, number, member, table) \
 WIRE_FIELD(number, struct type, member, WIRE_MESSAGES, .sub = &(table))

static const struct wire_field psi_data_fields[] = {
	WIRE_FIELD(1, struct psi_data, avg10, WIRE_DOUBLE),
	WIRE_FIELD(2, struct psi_data, avg60, WIRE_DOUBLE),
	WIRE_FIELD(3, struct psi_data, avg300, WIRE_DOUBLE),
	U64(psi_data, 4, total),
};
static const struct wire_table psi_data_table = WIRE_TABLE(struct psi_data, psi_data_fields);
static const struct wire_field psi_fields[] = {
	SUB(psi, 1, some, psi_data_table),
	SUB(psi, 2, full, psi_data_table),
};
static const struct wire_table psi_table = WIRE_TABLE(struct psi, psi_fields);
static const struct wire_field pids_fields[] = {
	U64(pids_stat, 1, current),
	U64(pids_stat, 2, limit),
};
static const struct wire_table pids_table = WIRE_TABLE(struct pids_stat, pids_fields);
static const struct wire_field cpu_fields[] = {
	U64(cpu_stat, 1, usage),	  U64(cpu_stat, 2, user),
	U64(cpu_stat, 3, system),	  U64(cpu_stat, 4, periods),
	U64(cpu_stat, 5, throttled),	  U64(cpu_stat, 6, throttled_time),
	SUB(cpu_stat, 7, psi, psi_table), U64(cpu_stat, 8, bursts),
	U64(cpu_stat, 9, burst_time),
};
static const struct wire_table cpu_table = WIRE_TABLE(struct cpu_stat, cpu_fields);

/* Members of memory.stat in the order of their field numbers, 1 to 31. */
#define STAT(number, name) U64(memory_stat, number, stat[(number)-1]),
#define NAME(number, name) name,
#define MEMORY_STAT(X)           \
 X(1, "anon")                    \
 X(2, "file")                    \
 X(3, "kernel_stack")            \
 X(4, "slab")                    \
 X(5, "sock")                    \
 X(6, "shmem")                   \
 X(7, "file_mapped")             \
 X(8, "file_dirty")              \
 X(9, "file_writeback")          \
 X(10, "anon_thp")               \
 X(11, "inactive_anon")          \
 X(12, "active_anon")            \
 X(13, "inactive_file")          \
 X(14, "active_file")            \
 X(15, "unevictable")            \
 X(16, "slab_reclaimable")       \
 X(17, "slab_unreclaimable")     \
 X(18, "pgfault")                \
 X(19, "pgmajfault")             \
 X(20, "workingset_refault")     \
 X(21, "workingset_activate")    \
 X(22, "workingset_nodereclaim") \
 X(23, "pgrefill")               \
 X(24, "pgscan")                 \
 X(25, "pgsteal")                \
 X(26, "pgactivate")             \
 X(27, "pgdeactivate")           \
 X(28, "pglazyfree")             \
 X(29, "pglazyfreed")            \
 X(30, "thp_fault_alloc")        \
 X(31, "thp_collapse_alloc")
static const char *const memory_names[MEMORY_STATS] = { MEMORY_STAT(NAME) };
static const struct wire_field memory_fields[] = {
	MEMORY_STAT(STAT) U64(memory_stat, 32, usage),
	U64(memory_stat, 33, usage_limit),
	U64(memory_stat, 34, swap),
	U64(memory_stat, 35, swap_limit),
	U64(memory_stat, 36, max_usage),
	U64(memory_stat, 37, swap_max),
	SUB(memory_stat, 38, psi, psi_table),
};
static const struct wire_table memory_table = WIRE_TABLE(struct memory_stat, memory_fields);
static const struct wire_field events_fields[] = {
	U64(memory_events, 1, low),	 U64(memory_events, 2, high),
	U64(memory_events, 3, max),	 U64(memory_events, 4, oom),
	U64(memory_events, 5, oom_kill), U64(memory_events, 6, oom_group_kill),
};
static const struct wire_table events_table = WIRE_TABLE(struct memory_events, events_fields);
static const struct wire_field rdma_entry_fields[] = {
	WIRE_FIELD(1, struct rdma_entry, device, WIRE_STRING),
	WIRE_FIELD(2, struct rdma_entry, handles, WIRE_U32),
	WIRE_FIELD(3, struct rdma_entry, objects, WIRE_U32),
};
static const struct wire_table rdma_entry_table = WIRE_TABLE(struct rdma_entry, rdma_entry_fields);
static const struct wire_field rdma_fields[] = {
	LIST(rdma_stat, 1, current, rdma_entry_table),
	LIST(rdma_stat, 2, limit, rdma_entry_table),
};
static const struct wire_table rdma_table = WIRE_TABLE(struct rdma_stat, rdma_fields);
static const struct wire_field io_entry_fields[] = {
	U64(io_entry, 1, major),  U64(io_entry, 2, minor), U64(io_entry, 3, rbytes),
	U64(io_entry, 4, wbytes), U64(io_entry, 5, rios),  U64(io_entry, 6, wios),
};
static const struct wire_table io_entry_table = WIRE_TABLE(struct io_entry, io_entry_fields);
static const struct wire_field io_fields[] = {
	LIST(io_stat, 1, usage, io_entry_table),
	SUB(io_stat, 2, psi, psi_table),
};
static const struct wire_table io_table = WIRE_TABLE(struct io_stat, io_fields);
static const struct wire_field huge_fields[] = {
	U64(huge_stat, 1, current),
	U64(huge_stat, 2, max),
	WIRE_FIELD(3, struct huge_stat, size, WIRE_STRING),
	U64(huge_stat, 4, failed),
};
static const struct wire_table huge_table = WIRE_TABLE(struct huge_stat, huge_fields);
static const struct wire_field metrics_fields[] = {
	SUB(metrics, 1, pids, pids_table),     SUB(metrics, 2, cpu, cpu_table),
	SUB(metrics, 4, memory, memory_table), SUB(metrics, 5, rdma, rdma_table),
	SUB(metrics, 6, io, io_table),	       LIST(metrics, 7, huge, huge_table),
	SUB(metrics, 8, events, events_table),
};
static const struct wire_table metrics_table = WIRE_TABLE(struct metrics, metrics_fields);

/* --- reading ---------------------------------------------------------------------------- */

/* A number up to the next space or line; "max" is all ones. 0 when it is none. */
static uint64_t number(const char *text)
{
	char word[24];
	size_t len = strcspn(text, " \n");
	uint64_t v;

	if (strncmp(text, "max", 3) == 0)
		return UINT64_MAX;
	if (len >= sizeof(word))
		return 0;
	memcpy(word, text, len);
	word[len] = '\0';
	return units_u64(word, UINT64_MAX, &v) < 0 ? 0 : v;
}

/* The whole of a file, of a buffer that is used again and again. */
static const char *contents(int dir, const char *name, struct buf *text)
{
	buf_clear(text);
	return file_read(dir, name, text, FILE_MAX, false) < 0 ? NULL : text->s;
}

static uint64_t one(int dir, const char *name)
{
	char text[32];

	return file_read_line(dir, name, text, sizeof(text)) < 0 ? 0 : number(text);
}

struct key {
	const char *name;
	size_t offset;
};

/* "NAME NUMBER" lines into a struct. */
static void flat(const char *text, const struct key *keys, size_t n, void *dst)
{
	while (text && *text) {
		size_t len = strcspn(text, " \n");

		for (size_t i = 0; i < n; i++)
			if (strncmp(keys[i].name, text, len) == 0 && keys[i].name[len] == '\0' &&
			    text[len] == ' ')
				*(uint64_t *)(void *)((char *)dst + keys[i].offset) =
					number(text + len + 1);
		text = strchr(text, '\n');
		if (text)
			text++;
	}
}

/* "key=NUMBER" in one line; 0 when it is not there. */
static uint64_t pair(const char *line, const char *key)
{
	const char *end = line + strcspn(line, "\n");
	const char *at = strstr(line, key);

	return at && at < end ? number(at + strlen(key)) : 0;
}

static double average(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? strtod(at + strlen(key), NULL) : 0;
}

static struct psi_data *psi_line(const char *text, const char *word, struct arena *arena)
{
	const char *line = strstr(text, word);
	struct psi_data *d = line ? arena_alloc(arena, sizeof(*d)) : NULL;

	if (!d)
		return NULL;
	d->avg10 = average(line, "avg10=");
	d->avg60 = average(line, "avg60=");
	d->avg300 = average(line, "avg300=");
	d->total = pair(line, "total=");
	return d;
}

static struct psi *read_psi(int dir, const char *name, struct buf *text, struct arena *arena)
{
	const char *lines = contents(dir, name, text);
	struct psi *p = lines ? arena_alloc(arena, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	p->some = psi_line(lines, "some", arena);
	p->full = psi_line(lines, "full", arena);
	return p;
}

static struct pids_stat *read_pids(int dir, struct arena *arena)
{
	struct pids_stat *p = arena_alloc(arena, sizeof(*p));

	if (!p || faccessat(dir, "pids.current", F_OK, 0) < 0)
		return NULL;
	p->current = one(dir, "pids.current");
	p->limit = one(dir, "pids.max");
	return p;
}

static struct cpu_stat *read_cpu(int dir, struct buf *text, struct arena *arena)
{
	static const struct key keys[] = {
		{ "usage_usec", offsetof(struct cpu_stat, usage) },
		{ "user_usec", offsetof(struct cpu_stat, user) },
		{ "system_usec", offsetof(struct cpu_stat, system) },
		{ "nr_periods", offsetof(struct cpu_stat, periods) },
		{ "nr_throttled", offsetof(struct cpu_stat, throttled) },
		{ "throttled_usec", offsetof(struct cpu_stat, throttled_time) },
		{ "nr_bursts", offsetof(struct cpu_stat, bursts) },
		{ "burst_usec", offsetof(struct cpu_stat, burst_time) },
	};
	const char *lines = contents(dir, "cpu.stat", text);
	struct cpu_stat *c = lines ? arena_alloc(arena, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	flat(lines, keys, ARRAY_SIZE(keys), c);
	c->psi = read_psi(dir, "cpu.pressure", text, arena);
	return c;
}

static struct memory_stat *read_memory(int dir, struct buf *text, struct arena *arena)
{
	struct key keys[MEMORY_STATS];
	const char *lines = contents(dir, "memory.stat", text);
	struct memory_stat *m = lines ? arena_alloc(arena, sizeof(*m)) : NULL;

	if (!m)
		return NULL;
	for (size_t i = 0; i < MEMORY_STATS; i++)
		keys[i] = (struct key){ memory_names[i], i * sizeof(uint64_t) };
	flat(lines, keys, MEMORY_STATS, m);
	m->usage = one(dir, "memory.current");
	m->usage_limit = one(dir, "memory.max");
	m->swap = one(dir, "memory.swap.current");
	m->swap_limit = one(dir, "memory.swap.max");
	m->max_usage = one(dir, "memory.peak");
	m->swap_max = one(dir, "memory.swap.peak");
	m->psi = read_psi(dir, "memory.pressure", text, arena);
	return m;
}

static struct memory_events *read_events(int dir, struct buf *text, struct arena *arena)
{
	static const struct key keys[] = {
		{ "low", offsetof(struct memory_events, low) },
		{ "high", offsetof(struct memory_events, high) },
		{ "max", offsetof(struct memory_events, max) },
		{ "oom", offsetof(struct memory_events, oom) },
		{ "oom_kill", offsetof(struct memory_events, oom_kill) },
		{ "oom_group_kill", offsetof(struct memory_events, oom_group_kill) },
	};
	const char *lines = contents(dir, "memory.events", text);
	struct memory_events *e = lines ? arena_alloc(arena, sizeof(*e)) : NULL;

	if (e)
		flat(lines, keys, ARRAY_SIZE(keys), e);
	return e;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; text && *text; n++) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return n;
}

static struct io_stat *read_io(int dir, struct buf *text, struct arena *arena)
{
	const char *at = contents(dir, "io.stat", text);
	struct io_stat *s = at ? arena_alloc(arena, sizeof(*s)) : NULL;
	size_t n = count_lines(at);

	if (!s)
		return NULL;
	s->usage.v = arena_array(arena, n, sizeof(*s->usage.v));
	for (; s->usage.v && at && *at && s->usage.n < n; at = strchr(at, '\n')) {
		struct io_entry *e = &s->usage.v[s->usage.n];
		char *end;

		at += *at == '\n';
		if (!*at)
			break;
		e->major = strtoul(at, &end, 10);
		e->minor = *end == ':' ? strtoul(end + 1, NULL, 10) : 0;
		e->rbytes = pair(at, "rbytes=");
		e->wbytes = pair(at, "wbytes=");
		e->rios = pair(at, "rios=");
		e->wios = pair(at, "wios=");
		s->usage.n++;
	}
	s->psi = read_psi(dir, "io.pressure", text, arena);
	return s;
}

static void read_rdma_file(int dir, const char *name, struct rdma_entries *ret, struct buf *text,
			   struct arena *arena)
{
	const char *at = contents(dir, name, text);
	size_t n = count_lines(at);

	ret->v = arena_array(arena, n, sizeof(*ret->v));
	for (; ret->v && at && *at && ret->n < n; ret->n++) {
		struct rdma_entry *e = &ret->v[ret->n];

		e->device = arena_strndup(arena, at, strcspn(at, " \n"));
		e->handles = (uint32_t)pair(at, "hca_handle=");
		e->objects = (uint32_t)pair(at, "hca_object=");
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
}

static struct rdma_stat *read_rdma(int dir, struct buf *text, struct arena *arena)
{
	struct rdma_stat *r = arena_alloc(arena, sizeof(*r));

	if (!r || faccessat(dir, "rdma.current", F_OK, 0) < 0)
		return NULL;
	read_rdma_file(dir, "rdma.current", &r->current, text, arena);
	read_rdma_file(dir, "rdma.max", &r->limit, text, arena);
	return r;
}

static void add_huge(int dir, const char *file, struct metrics *m, size_t *cap, struct buf *text,
		     struct arena *arena)
{
	static const struct key keys[] = { { "max", offsetof(struct huge_stat, failed) } };
	size_t len = strlen(file) - strlen("hugetlb.") - strlen(".current");
	struct huge_stat *h;
	char name[64];

	m->huge.v = arena_grow(arena, m->huge.v, m->huge.n, cap, sizeof(*m->huge.v));
	if (!m->huge.v)
		return;
	h = &m->huge.v[m->huge.n];
	h->size = arena_strndup(arena, file + strlen("hugetlb."), len);
	h->current = one(dir, file);
	if (!h->size || str_format(name, sizeof(name), "hugetlb.%s.max", h->size) < 0)
		return;
	h->max = one(dir, name);
	if (str_format(name, sizeof(name), "hugetlb.%s.events", h->size) == 0)
		flat(contents(dir, name, text), keys, ARRAY_SIZE(keys), h);
	m->huge.n++;
}

/* hugetlb.SIZE.current for each size the machine has. */
static void read_huge(int dir, struct metrics *m, struct buf *text, struct arena *arena)
{
	_Alignas(struct dirent64) char entries[4096];
	AUTO_FD fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t n;
	size_t cap = 0;

	while (fd >= 0 && (n = getdents64(fd, entries, sizeof(entries))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(entries + at);
			size_t len = strlen(e->d_name);

			at += e->d_reclen;
			if (str_starts(e->d_name, "hugetlb.") && len > 16 &&
			    strcmp(e->d_name + len - 8, ".current") == 0 &&
			    !strstr(e->d_name, ".rsvd."))
				add_huge(dir, e->d_name, m, &cap, text, arena);
		}
}

void stats_read(const struct container *k, struct any *ret, struct buf *bytes)
{
	static char type[] = TYPE;
	CLEANUP(arena_release) struct arena arena;
	struct metrics m = { 0 };
	AUTO_BUF text;

	arena_init(&arena, STATS_ARENA);
	buf_init(&text);
	if (k->cgroup >= 0) {
		m.pids = read_pids(k->cgroup, &arena);
		m.cpu = read_cpu(k->cgroup, &text, &arena);
		m.memory = read_memory(k->cgroup, &text, &arena);
		m.rdma = read_rdma(k->cgroup, &text, &arena);
		m.io = read_io(k->cgroup, &text, &arena);
		read_huge(k->cgroup, &m, &text, &arena);
		m.events = read_events(k->cgroup, &text, &arena);
	}
	wire_encode(&metrics_table, &m, bytes);
	*ret = (struct any){ .type_url = type, .value = { .v = bytes->s, .n = bytes->len } };
}
