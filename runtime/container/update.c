/* SPDX-License-Identifier: Apache-2.0 */
/* update.c - new limits for a running container
 *
 * All of them or none: cgroup_update() puts old values back when one is
 * refused.  What was applied is merged into the saved config.json, so that a
 * later partial update and exec know it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/container/runtime.h"
#include "runtime/isolate/rdt.h"

#define UPDATE_ARENA_MAX ((size_t)64 << 20)

static int update_rdt(const char *id, const char *l3, const char *mb, struct arena *arena,
		      struct err *err)
{
	struct spec_intel_rdt s = { 0 };
	AUTO_FD root = -1;
	struct rdt rdt;

	if (!l3 && !mb)
		return 0;
	s.l3CacheSchema = l3 ? arena_strdup(arena, l3) : NULL;
	s.memBwSchema = mb ? arena_strdup(arena, mb) : NULL;
	if (rdt_make(&s, id, arena, &rdt, err) < 0)
		return -1;
	root = rdt_open(err);
	return root < 0 ? -1 : rdt_update(&rdt, root, err);
}

/* What was given last is kept as one document per update beside the record. */
static int save_resources(const struct store_entry *e, const char *json, size_t len,
			  struct err *err)
{
	if (file_replace(e->dir, "resources.json", json, len, 0600) < 0)
		return err_sys(err, "save resources");
	return 0;
}

int container_update(struct runtime *rt, const char *id, const char *json, size_t len,
		     const char *l3, const char *mb, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	CLEANUP(arena_release) struct arena arena;
	struct spec_resources *r = NULL;
	struct cgroup g;
	int rc;

	arena_init(&arena, UPDATE_ARENA_MAX);
	if (runtime_open_store(rt, false, err) < 0 ||
	    store_load(&rt->store, id, STORE_LOCK, &e, err) < 0)
		return -1;
	if (container_status(rt, &e, NULL) == SKERRY_STOPPED)
		return err_set(err, ESRCH, "container not running: cannot update \"%s\"", id);
	if (spec_parse_resources("resources", json, len, &arena, &r, err) < 0 ||
	    spec_validate_resources(r, "", err) < 0 || update_rdt(id, l3, mb, &arena, err) < 0)
		return -1;
	if (container_open_cgroup(rt, &e, &g, err) < 0)
		return -1;
	if (g.fd < 0)
		return err_set(err, ENOENT, "container \"%s\" has no cgroup to update", id);
	rc = cgroup_update(&rt->host, &g, r, err);
	cgroup_close(&g);
	return rc < 0 ? -1 : save_resources(&e, json, len, err);
}
