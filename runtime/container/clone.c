/* SPDX-License-Identifier: Apache-2.0 */
/* clone.c - a running twin of a container
 *
 * A checkpoint that leaves the first one running, restored under another id
 * while the first one still stands still, so that files are as long as they
 * were: in a control group, network namespace and with addresses of its own.  The
 * root file system is that of the bundle given; without one both have the
 * same, as two containers of one bundle always do.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/container/checkpoint.h"

#define IMAGES	   ".clone-" /* in the state directory, with the twin's id behind it */
#define CONFIG	   "config.json"
#define CONFIG_MAX ((size_t)64 << 20)

/* The last part of a path or of "slice:prefix:name" is the container's name. */
char *clone_cgroups_path(const char *path, const char *twin, struct arena *arena)
{
	const char *last = strrchr(path, strchr(path, ':') ? ':' : '/');

	return arena_printf(arena, "%.*s%s", last ? (int)(last + 1 - path) : 0, path, twin);
}

/* The first one's config.json; a group that it names is named after the twin. */
static int write_config(const struct store_entry *e, int dir, const char *twin, struct arena *arena,
			struct err *err)
{
	struct spec *spec;
	struct json_out o;
	const char *text;
	size_t len;
	AUTO_BUF patch;
	AUTO_BUF merged;

	buf_init(&patch);
	buf_init(&merged);
	if (spec_load(e->dir, STORE_CONFIG, arena, &spec, &text, &len, err) < 0)
		return -1;
	json_out_init(&o, &patch, 0);
	json_begin_object(&o);
	if (spec->linux_->cgroupsPath && spec->linux_->cgroupsPath[0]) {
		json_key(&o, "linux");
		json_begin_object(&o);
		json_kv_string(&o, "cgroupsPath",
			       clone_cgroups_path(spec->linux_->cgroupsPath, twin, arena));
		json_end_object(&o);
	}
	json_end_object(&o);
	if (json_merge(arena_strndup(arena, text, len), patch.s, arena, &merged, err) < 0)
		return -1;
	if (file_replace(dir, CONFIG, merged.s, merged.len, 0600) < 0)
		return err_sys(err, "write " CONFIG);
	return 0;
}

/* Its output goes where that of the first one goes. */
static int open_stdio(pid_t pid, int fd)
{
	char path[64];

	if (str_format(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd) < 0)
		return -1;
	return open(path,
		    (fd ? O_WRONLY | O_APPEND : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int restore_twin(struct runtime *rt, const struct clone_request *c,
			const struct skerry_create_options *create,
			const struct skerry_checkpoint_options *o, pid_t first, struct err *err)
{
	struct skerry_checkpoint_options to = *o;
	int stdio[3], rc;
	const struct clone_request request = {
		.id = c->id, .twin = c->twin, .create = create, .o = &to, .stdio = stdio
	};

	to.tcp_established = false;
	to.tcp_close = true; /* a connection has one end here, not two */
	for (int fd = 0; fd < 3; fd++) {
		stdio[fd] = open_stdio(first, fd);
		if (stdio[fd] >= 0)
			(void)fd_set_nonblock(stdio[fd], false);
	}
	rc = container_restore_with(rt, &request, err);
	for (int fd = 0; fd < 3; fd++)
		(void)fd_close(stdio[fd]);
	return rc;
}

struct cloning {
	struct runtime *rt;
	const struct clone_request *c;
	const char *images;
	int dir; /* the images */
};

/* While the first one stands still: what it has open is as the images say. */
static int dumped(void *arg, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	CLEANUP(arena_release) struct arena arena;
	const struct cloning *with = arg;
	struct skerry_create_options create = *with->c->create;
	struct skerry_checkpoint_options o = *with->c->o;
	char config[PATH_MAX];

	arena_init(&arena, ARENA_MAX_DEFAULT);
	o.image_path = with->images;
	o.work_path = NULL;
	if (store_load(&with->rt->store, with->c->id, STORE_NO_LOCK, &e, err) < 0)
		return -1;
	if (!create.config && !create.bundle) {
		if (write_config(&e, with->dir, with->c->twin, &arena, err) < 0)
			return -1;
		if (str_format(config, sizeof(config), "%s/" CONFIG, with->images) < 0)
			return err_sys(err, "name of the configuration");
		create.config = config;
	}
	if (!create.bundle)
		create.bundle = e.rec.bundle;
	if (checkpoint_networks(with->dir, true, &arena, &create, err) < 0)
		return -1;
	/* The request of the first one is not the twin's. */
	(void)unlinkat(with->dir, CHECKPOINT_NETWORK, 0);
	return restore_twin(with->rt, with->c, &create, &o, e.rec.pid, err);
}

static int clone_by(struct runtime *rt, const struct clone_request *c, const char *images, int dir,
		    struct err *err)
{
	struct skerry_checkpoint_options o = *c->o;
	struct cloning with = { rt, c, images, dir };
	const struct checkpoint_call call = {
		.o = &o, .dumped = dumped, .arg = &with, .for_us = true
	};

	o.image_path = images;
	o.work_path = NULL;
	o.leave_running = true;
	o.tcp_established = true;
	return container_checkpoint_with(rt, c->id, &call, err);
}

int container_clone(struct runtime *rt, const struct clone_request *c, struct err *err)
{
	char name[SPEC_ID_MAX + 16], images[PATH_MAX];
	AUTO_FD dir = -1;
	int rc;

	if (runtime_open_store(rt, false, err) < 0 || spec_check_id(c->twin, err) < 0)
		return -1;
	if (rt->store.root < 0)
		return err_set(err, ENOENT, "container \"%s\" does not exist", c->id);
	if (faccessat(rt->store.root, c->twin, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, EEXIST, "container with given ID already exists: \"%s\"",
			       c->twin);
	if (str_format(name, sizeof(name), IMAGES "%s", c->twin) < 0 ||
	    str_format(images, sizeof(images), "%s/%s", rt->store.path, name) < 0)
		return err_sys(err, "container \"%s\"", c->twin);
	if (mkdirat(rt->store.root, name, 0700) < 0)
		return err_sys(err, "make \"%s\"", images);
	dir = openat(rt->store.root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = dir < 0 ? err_sys(err, "open \"%s\"", images) : clone_by(rt, c, images, dir, err);
	(void)file_remove_tree(rt->store.root, name);
	return rc;
}
