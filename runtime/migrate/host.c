/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - what this host is and has, and the runtime on it */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/units.h"
#include "runtime/include/skerry/skerry.h"
#include "runtime/migrate/config.h"
#include "runtime/migrate/migrate.h"

#define CPUINFO_MAX ((size_t)16 << 20)
#define MEMINFO_MAX ((size_t)64 << 10)
#define WORDS_FIXED 8

/* The rest of the first line that begins so, behind its colon. */
static char *line_of(const char *path, size_t max, const char *key, struct arena *arena)
{
	char *at, *end;
	AUTO_BUF text;

	buf_init_max(&text, max);
	if (file_read(AT_FDCWD, path, &text, max, false) < 0)
		return NULL;
	for (at = text.s; at && strncmp(at, key, strlen(key)) != 0; at = end ? end + 1 : NULL)
		end = strchr(at, '\n');
	at = at ? strchr(at, ':') : NULL;
	if (!at)
		return NULL;
	at += 1 + strspn(at + 1, " \t");
	return arena_strndup(arena, at, strcspn(at, "\n"));
}

static uint64_t free_memory(struct arena *arena)
{
	char *line = line_of("/proc/meminfo", MEMINFO_MAX, "MemAvailable", arena);

	return line ? strtoull(line, NULL, 10) * 1024 : 0;
}

const char *criu_program(const struct options *o)
{
	const char *env = getenv("SKERRY_CRIU"); /* NOLINT(concurrency-mt-unsafe) */
	const char *wanted = o->criu ? o->criu : env;

	return wanted && wanted[0] ? wanted : "criu";
}

/* "Version: 3.17.1" */
static uint32_t criu_version(const struct options *o, struct arena *arena)
{
	static char option[] = "--version";
	char *program = arena_strdup(arena, criu_program(o));
	char *argv[] = { program, option, NULL };
	const struct child_start start = { .program = program, .argv = argv, .in = -1, .out = -1 };
	unsigned long part[3] = { 0 };
	const char *at;
	char *end;
	AUTO_BUF said;

	buf_init(&said);
	if (!program || child_run(&start, &said, NULL) < 0)
		return 0;
	at = strstr(said.s, "Version: ");
	if (!at)
		return 0;
	at += strlen("Version: ");
	for (int i = 0; i < 3; i++) {
		part[i] = strtoul(at, &end, 10);
		if (end == at || part[i] > 99 || *end != '.')
			break;
		at = end + 1;
	}
	return (uint32_t)(part[0] * 10000 + part[1] * 100 + part[2]);
}

int hello_make(const struct options *o, struct arena *arena, struct hello *ret, struct err *err)
{
	struct utsname host;

	if (uname(&host) < 0)
		return err_sys(err, "uname");
	*ret = (struct hello){
		.version = FRAME_VERSION,
		.program = arena_strdup(arena, "skerry " SKERRY_VERSION),
		.machine = arena_strdup(arena, host.machine),
		.kernel = arena_strdup(arena, host.release),
		.cpu_flags = line_of("/proc/cpuinfo", CPUINFO_MAX, "flags", arena),
		.criu = criu_version(o, arena),
		.page_size = (uint32_t)sysconf(_SC_PAGESIZE),
		.memory = free_memory(arena),
	};
	if (!ret->cpu_flags)
		ret->cpu_flags = line_of("/proc/cpuinfo", CPUINFO_MAX, "Features", arena);
	if (!ret->program || !ret->machine || !ret->kernel)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

/* Ours is the source's. */
int hello_check(const struct hello *ours, const struct hello *theirs, struct err *err)
{
	AUTO_BUF missing;

	buf_init(&missing);
	if (theirs->version != FRAME_VERSION)
		return err_set(
			err, EPROTO, "the target speaks version %u of the protocol, not %d (%s)",
			theirs->version, FRAME_VERSION, theirs->program ? theirs->program : "?");
	if (!str_eq(ours->machine, theirs->machine) || ours->page_size != theirs->page_size)
		return err_set(err, ENOTSUP, "the target's machine is %s, not %s",
			       theirs->machine ? theirs->machine : "?", ours->machine);
	if (!ours->criu)
		return err_set(err, ENOENT,
			       "criu is missing on this host: install it, or name it in "
			       "$SKERRY_CRIU");
	if (!theirs->criu)
		return err_set(err, ENOENT, "criu is missing on the target: install it there");
	if (theirs->criu / 100 < ours->criu / 100)
		return err_set(
			err, ENOTSUP,
			"the target's criu %u.%u is older than this host's %u.%u, whose images "
			"it may not read: install the newer one there",
			theirs->criu / 10000, theirs->criu / 100 % 100, ours->criu / 10000,
			ours->criu / 100 % 100);
	if (ours->cpu_flags && theirs->cpu_flags &&
	    config_missing_words(theirs->cpu_flags, ours->cpu_flags, &missing) > 0)
		return err_set(err, ENOTSUP,
			       "the target's processor lacks what programs may be using: %.300s",
			       missing.s);
	return 0;
}

const char *state_root(const struct options *o, struct arena *arena)
{
	const char *dir = getenv("XDG_RUNTIME_DIR"); /* NOLINT(concurrency-mt-unsafe) */

	if (o->root)
		return o->root;
	if (geteuid() != 0 && dir && dir[0])
		return arena_printf(arena, "%s/skerry", dir);
	return "/run/skerry";
}

char **skerry_words(const struct options *o, const char *const *words, struct arena *arena)
{
	size_t n = 0, at = 0;
	char **argv;

	while (words[n])
		n++;
	argv = arena_array(arena, n + WORDS_FIXED, sizeof(*argv));
	if (!argv)
		return NULL;
	argv[at++] = arena_strdup(arena, o->runtime);
	if (o->root) {
		argv[at++] = arena_strdup(arena, "--root");
		argv[at++] = arena_strdup(arena, o->root);
	}
	if (o->cgroup_manager) {
		argv[at++] = arena_strdup(arena, "--cgroup-manager");
		argv[at++] = arena_strdup(arena, o->cgroup_manager);
	}
	if (o->criu) {
		argv[at++] = arena_strdup(arena, "--criu");
		argv[at++] = arena_strdup(arena, o->criu);
	}
	for (size_t i = 0; i < n; i++)
		argv[at++] = arena_strdup(arena, words[i]);
	for (size_t i = 0; i < at; i++)
		if (!argv[i])
			return NULL;
	return argv;
}

static int run_words(const struct options *o, const char *const *words, int in, struct buf *said,
		     struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct child_start start = { .program = o->runtime, .in = in, .out = -1 };

	arena_init(&arena, ARENA_MAX_DEFAULT);
	start.argv = skerry_words(o, words, &arena);
	if (!start.argv)
		return err_set(err, ENOMEM, "out of memory");
	return child_run(&start, said, err);
}

int run_skerry(const struct options *o, const char *const *words, struct buf *said, struct err *err)
{
	return run_words(o, words, -1, said, err);
}

int run_skerry_with(const struct options *o, const char *const *words, int in, struct err *err)
{
	return run_words(o, words, in, NULL, err);
}
