/* SPDX-License-Identifier: Apache-2.0 */
/* update.c - new limits for a running container
 *
 * All of them or none: cgroup_update() puts old values back when one is
 * refused.  What was applied is merged into what was asked for before
 * (resources.h), so that the next partial update knows it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/container/resources.h"
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

/* memory.swap is memory and swap together: a new limit of memory alone leaves that sum as it was, none
 * lifts it too (as runc has it). */
static int keep_swap(struct spec_resources *r, const struct spec_resources *now, struct buf *text,
		     struct arena *arena, struct err *err)
{
	struct spec_memory *m = r->memory;
	AUTO_BUF lifted;

	if (!m || !m->limit.has || m->limit.v == 0 || m->swap.has)
		return 0;
	if (m->limit.v > 0) {
		if (now->memory->swap.has && now->memory->swap.v > 0)
			m->swap = now->memory->swap;
		return 0;
	}
	m->swap = (struct opt_i64){ .has = true, .v = -1 };
	buf_init(&lifted);
	if (json_merge(text->s, "{\"memory\":{\"swap\":-1}}", arena, &lifted, err) < 0)
		return -1;
	buf_clear(text);
	buf_puts(text, lifted.s);
	return buf_failed(text) ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* The request completed from what was asked for before; *text becomes all of it together. */
static int complete(const struct store_entry *e, const char *json, struct spec_resources *r,
		    struct arena *arena, struct buf *text, struct err *err)
{
	struct spec_resources *now;
	struct live_devices added;
	const char *before;

	if (resources_text(e, arena, &before, err) < 0 ||
	    json_merge(before, json, arena, text, err) < 0 ||
	    spec_parse_resources("resources", text->s, text->len, arena, &now, err) < 0 ||
	    keep_swap(r, now, text, arena, err) < 0)
		return -1;
	if (r->devices.n == 0)
		return 0;
	if (live_devices_load(e, arena, &added, err) < 0)
		return -1;
	return live_devices_append(&added, arena, &r->devices.v, &r->devices.n, err);
}

int container_update(struct runtime *rt, const char *id, const char *json, size_t len,
		     const char *l3, const char *mb, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	CLEANUP(arena_release) struct arena arena;
	CLEANUP(cgroup_close) struct cgroup g = CGROUP_INIT;
	struct spec_resources *r = NULL;
	const char *request;
	AUTO_BUF all;

	arena_init(&arena, UPDATE_ARENA_MAX);
	buf_init(&all);
	if (runtime_open_store(rt, false, err) < 0 ||
	    store_load(&rt->store, id, STORE_LOCK, &e, err) < 0)
		return -1;
	if (container_status(rt, &e, NULL) == SKERRY_STOPPED)
		return err_set(err, ESRCH, "container not running: cannot update \"%s\"", id);
	request = arena_strndup(&arena, json, len);
	if (!request)
		return err_set(err, ENOMEM, "out of memory");
	if (spec_parse_resources("resources", json, len, &arena, &r, err) < 0)
		return -1;
	if (spec_validate_resources(r, "", err) < 0)
		return err_wrap(err, "resources");
	if (complete(&e, request, r, &arena, &all, err) < 0 ||
	    update_rdt(id, l3, mb, &arena, err) < 0 || container_open_cgroup(rt, &e, &g, err) < 0)
		return -1;
	if (g.fd < 0)
		return err_set(err, ENOENT, "container \"%s\" has no cgroup to update", id);
	if (cgroup_update(&rt->host, &g, r, err) < 0)
		return -1;
	if (file_replace(e.dir, RESOURCES_FILE, all.s, all.len, 0600) < 0)
		return err_sys(err, "save " RESOURCES_FILE);
	return 0;
}
