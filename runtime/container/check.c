/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - what this host would refuse of a config.json, without running it
 *
 * First every rule that needs no system, all violations and not just the
 * first; then, if there are none, the plan, which asks the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/container/document.h"
#include "runtime/container/plan.h"

#define CHECK_ARENA_MAX ((size_t)128 << 20)

struct check {
	struct runtime *rt;
	struct json_out *o;
	int bad;
};

static void found(const struct err *why, void *arg)
{
	struct check *c = arg;

	c->bad++;
	json_begin_object(c->o);
	json_kv_string(c->o, "field", why->field);
	json_kv_string(c->o, "reason", why->msg);
	json_end_object(c->o);
}

static void check_host(struct check *c, const struct spec *spec, const char *bundle, int bundle_fd,
		       struct arena *arena)
{
	struct plan_options po = { .id = "check",
				   .uid = geteuid(),
				   .bundle = bundle,
				   .bundle_fd = bundle_fd,
				   .cgroup_path = "",
				   .cache = -1 };
	struct cgroup_writes writes = { 0 };
	struct cgroup_place place;
	struct err err = { 0 };
	struct plan plan;

	if (plan_make(spec, &po, arena, &plan, &err) < 0) {
		found(&err, c);
	} else {
		if (plan_open_namespaces(&plan, &err) < 0)
			found(&err, c);
		plan_close(&plan);
	}
	err_clear(&err);
	writes.arena = arena;
	if (runtime_find_host(c->rt, &err) < 0 ||
	    cgroup_place_make(&c->rt->host, c->rt->manager, "check", spec, &place, &err) < 0 ||
	    (spec->linux_->resources &&
	     cgroup_limits_make(spec->linux_->resources, arena, &writes, &err) < 0))
		found(&err, c);
	err_clear(&err);
	if (access(plan_rootfs(spec, bundle, arena), F_OK) < 0) {
		err_sys_(&err, "root file system \"%s\"", plan_rootfs(spec, bundle, arena));
		(void)err_at(&err, "/root/path");
		found(&err, c);
	}
}

int check_write(struct runtime *rt, const char *bundle, const char *config, int *ret_bad,
		struct json_out *o, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct check c = { .rt = rt, .o = o };
	struct err why = { 0 };
	char path[PATH_MAX];
	struct spec *spec;
	AUTO_FD dir = -1;

	arena_init(&arena, CHECK_ARENA_MAX);
	if (!realpath(bundle ? bundle : ".", path))
		return err_sys(err, "bundle \"%s\"", bundle ? bundle : ".");
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "open bundle \"%s\"", path);
	json_begin_array(o);
	if (spec_load(dir, config ? config : STORE_CONFIG, &arena, &spec, NULL, NULL, &why) < 0) {
		found(&why, &c);
	} else {
		(void)spec_validate_all(spec, found, &c);
		if (c.bad == 0)
			check_host(&c, spec, path, dir, &arena);
	}
	json_end_array(o);
	*ret_bad = c.bad;
	return buf_failed(o->buf) ? err_set(err, ENOMEM, "out of memory") : 0;
}
