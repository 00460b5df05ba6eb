/* SPDX-License-Identifier: Apache-2.0 */
/* mount_spec.h - mounts made from a config.json that is written in the test
 *
 * made() decodes "{ 'ociVersion': ..., MEMBERS }" (' for ") and gives it to mounts_make().
 */
#ifndef SKERRY_TESTS_UNIT_ISOLATE_MOUNT_SPEC_H
#define SKERRY_TESTS_UNIT_ISOLATE_MOUNT_SPEC_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "runtime/isolate/mounts.h"

#define CONFIG_MAX 8192

struct fixture {
	struct arena arena;
	struct mounts_env env;
	struct mounts m;
	struct err err;
};

static inline void fixture_init(struct fixture *f)
{
	*f = (struct fixture){ .env = { .rootfs = "/b/rootfs",
					.bundle = "/b",
					.bundle_fd = -1,
					.cgroup_namespace = true,
					.network_namespace = true,
					.pid_namespace = true,
					.privileged = true } };
	arena_init(&f->arena, ARENA_MAX_DEFAULT);
}

/* 0 or -1 with f->err. */
static inline int made(struct fixture *f, const char *members)
{
	char text[CONFIG_MAX];
	struct spec *spec;
	int len = snprintf(text, sizeof(text),
			   "{ 'ociVersion': '1.3.0', 'root': { 'path': 'r' }%s%s }",
			   members[0] ? ", " : "", members);

	for (char *s = text; *s; s++)
		if (*s == '\'')
			*s = '"';
	err_clear(&f->err);
	if (len < 0 || (size_t)len >= sizeof(text))
		return err_set(&f->err, E2BIG, "text too long");
	if (spec_parse("test", text, (size_t)len, &f->arena, &spec, &f->err) < 0)
		return -1;
	return mounts_make(spec, &f->env, &f->arena, &f->m, &f->err);
}

static inline void fixture_release(struct fixture *f)
{
	arena_release(&f->arena);
}

#endif
