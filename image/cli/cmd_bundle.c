/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_bundle.c - skerry-image bundle and unbundle: what `skerry run --image` starts
 *
 * The bundle is containers/ID/ of the store: config.json, and `merged`, where
 * the root file system is mounted.  A marker in the runtime's state directory
 * names the store before anything is made, so that `delete --force` finds what
 * a crash left; the bundle's poststop hook undoes all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"
#include "image/cli/bundle.h"
#include "image/cli/common.h"
#include "image/rootfs.h"
#include "runtime/cli/cmd.h"

struct bundle_flags {
	struct create_words words; /* first: the rows of `skerry run` store here */
	const char *marker;
	bool host_network;
};

static const struct option rows[] = {
	{ .name = "marker",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct bundle_flags, marker),
	  .value = "FILE",
	  .help = "names the store as long as the bundle exists" },
	{ .name = "host-network",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct bundle_flags, host_network),
	  .help = "without a network namespace" },
};

struct made {
	struct cli *cli;
	struct store *store;
	struct image image;
	struct image_config config;
	struct digest *layers;
	char self[PATH_MAX];
	char dir[PATH_MAX];
};

/* --- the image ------------------------------------------------------------------------------ */

static int pull(struct made *m, const struct image_options *o, const char *name, struct err *err)
{
	struct pull_options p = { .registry = { .endpoint = { .tls_verify = -1 } } };
	const struct registry_flags flags = REGISTRY_FLAGS_DEFAULT;
	struct reference ref;
	struct pull_result got;
	enum progress_mode mode;
	if (o->platform ? platform_parse(o->platform, &p.platform, err) < 0 : 0)
		return -1;
	if (!o->platform)
		platform_host(&p.platform);
	if (reference_parse(name, &ref, err) < 0 ||
	    common_registry(m->cli, &flags, &p.registry, err) < 0 ||
	    progress_mode_parse("auto", &mode, err) < 0)
		return -1;
	p.progress = progress_new(mode == PROGRESS_BARS ? mode : PROGRESS_NONE);
	p.registry.warn_arg = &p.progress;
	int rc = pull_image(m->store, &ref, &p, &got, err);
	progress_free(p.progress);
	if (rc < 0)
		return err_wrap(err, "pull \"%s\"", name);
	return store_find_image(m->store, got.manifest.text, &m->image, &m->cli->arena, err);
}

static int find_image(struct made *m, const struct image_options *o, struct err *err)
{
	const char *when = o->pull ? o->pull : "missing";
	bool always = str_eq(when, "always"), never = str_eq(when, "never");
	struct err why = { 0 };
	if (!always && !never && !str_eq(when, "missing"))
		return err_set(err, EINVAL,
			       "invalid value \"%s\" for --pull: missing, always or never", when);
	if (always)
		return pull(m, o, o->image, err);
	if (common_find_for(m->store, o->image, o->platform, &m->image, &m->cli->arena, &why) == 0)
		return 0;
	if (why.code == ENOENT && !never)
		return pull(m, o, o->image, err);
	if (err)
		*err = why;
	return -1;
}

static bool is_host(const struct image_options *o)
{
	return str_eq(o->image, "host");
}

/* A shell of this machine, for the image that is this machine. */
static int host_config(struct made *m, struct err *err)
{
	const char *shell = access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
	m->config.os = arena_strdup(&m->cli->arena, "linux");
	return bundle_add(&m->cli->arena, &m->config.config.cmd, shell, err);
}

static int load_image(struct made *m, const struct image_options *o, struct err *err)
{
	if (is_host(o))
		return host_config(m, err);
	if (find_image(m, o, err) < 0 ||
	    common_config(m->store, &m->image, &m->config, &m->cli->arena, err) < 0)
		return -1;
	m->layers = arena_array(&m->cli->arena, m->image.layers.n + 1, sizeof(*m->layers));
	if (!m->layers)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < m->image.layers.n; i++)
		m->layers[i] = m->image.layers.v[i].diff_id;
	return 0;
}

/* --- the bundle ------------------------------------------------------------------------------ */

static int make_rootfs(struct made *m, const struct image_options *o, const char *id,
		       struct err *err)
{
	char path[PATH_MAX];
	const struct rootfs_options r = {
		.id = id,
		.image = m->image.manifest,
		.layers = m->layers,
		.n_layers = m->image.layers.n,
		.host = is_host(o),
		.ephemeral = o->rm,
	};
	return common_rootfs(m->store, &r, path, sizeof(path), err);
}

/* Working directories that the image lacks are made, as docker and podman do. */
static int make_cwd(int root, const char *cwd, struct err *err)
{
	AUTO_FD there = beneath_open(root, cwd, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0);
	if (there >= 0)
		return 0;
	AUTO_FD made = beneath_make_dir(root, cwd, 0755);
	return made < 0 ? err_sys(err, "make the working directory \"%s\"", cwd) : 0;
}

/* Directories that the image calls volumes are part of the container's upper layer, unless one is
 * mounted there. */
static int make_volumes(int root, const struct config_keys *volumes, struct err *err)
{
	for (size_t i = 0; i < volumes->n; i++) {
		AUTO_FD made = beneath_make_dir(root, volumes->v[i].key, 0755);
		if (made < 0)
			return err_sys(err, "make the volume \"%s\"", volumes->v[i].key);
	}
	return 0;
}

static int write_config(struct made *m, const struct bundle_flags *f,
			const struct option_args *args, struct err *err)
{
	char path[PATH_MAX];
	const char *id = args->v[0];
	if (str_format(path, sizeof(path), "%s/merged", m->dir) < 0)
		return err_set(err, ENAMETOOLONG, "the store's path is too long");
	AUTO_FD root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_BUF text;
	buf_init(&text);
	if (root < 0)
		return err_sys(err, "open \"%s\"", path);
	struct bundle b = {
		.arena = &m->cli->arena,
		.store = m->store,
		.o = &f->words.image,
		.config = &m->config,
		.id = id,
		.dir = m->dir,
		.words = args->v + 1,
		.n_words = (size_t)args->n - 1,
		.root = root,
		.host_network = f->host_network,
		.poststop = { m->self, "--store", store_path(m->store), "unbundle", "--hook", id,
			      f->marker },
	};
	if (bundle_process(&b, err) < 0 || bundle_caps(&b, err) < 0 || bundle_mounts(&b, err) < 0 ||
	    bundle_limits(&b, err) < 0 || bundle_namespace(&b, err) < 0 ||
	    bundle_watch(&b, err) < 0 || make_cwd(root, b.cwd, err) < 0 ||
	    make_volumes(root, &m->config.config.volumes, err) < 0 ||
	    bundle_write(&b, &text, err) < 0)
		return -1;
	if (str_format(path, sizeof(path), "%s/config.json", m->dir) < 0 ||
	    file_replace(AT_FDCWD, path, text.s, text.len, 0600) < 0)
		return err_sys(err, "write \"%s\"", path);
	return 0;
}

static int make(struct made *m, const struct bundle_flags *f, const struct option_args *args,
		struct err *err)
{
	const char *id = args->v[0];
	ssize_t n = readlink("/proc/self/exe", m->self, sizeof(m->self) - 1);
	if (n < 0)
		return err_sys(err, "find the own program");
	m->self[n] = 0;
	if (!f->words.image.image)
		return err_set(err, EINVAL, "--image is missing");
	if (load_image(m, &f->words.image, err) < 0 || common_marker(m->store, f->marker, err) < 0)
		return -1;
	if (str_format(m->dir, sizeof(m->dir), "%s/containers/%s", store_path(m->store), id) < 0)
		return err_set(err, ENAMETOOLONG, "the store's path is too long");
	struct err why = { 0 };
	bool rooted = make_rootfs(m, &f->words.image, id, &why) == 0;
	if (rooted && write_config(m, f, args, &why) == 0)
		return 0;
	if (rooted)
		(void)rootfs_remove(m->store, id, NULL);
	/* a container of that id that was there before keeps its marker */
	if (f->marker && why.code != EEXIST)
		(void)unlink(f->marker);
	if (err)
		*err = why;
	return -1;
}

/* An error goes to standard output: whoever called reads it there and tells it. */
static int bundle(struct cli *cli, const void *options, const struct option_args *args,
		  struct err *err)
{
	const struct bundle_flags *f = options;
	struct made m = { .cli = cli };
	struct err why = { 0 };
	if (f->words.image.store)
		image_globals.store = f->words.image.store;
	int rc = common_store(true, &m.store, &why);
	if (rc == 0)
		rc = make(&m, f, args, &why);
	if (m.store)
		store_close(m.store);
	if (rc == 0)
		return print_line(m.dir, err);
	(void)print_line(why.msg, NULL);
	return why.code == EINTR ? 130 : 1;
}

const struct command verb_bundle = {
	.name = "bundle",
	.arguments = "ID [COMMAND...]",
	.summary = "make the bundle of a container from an image",
	.options = { rows, ARRAY_SIZE(rows), &image_option_table },
	.size = sizeof(struct bundle_flags),
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.hidden = true,
	.run = bundle,
};

struct unbundle_flags {
	bool hook;
};

static const struct option unbundle_rows[] = {
	{ .name = "hook",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct unbundle_flags, hook),
	  .help = "not while the container is being started again" },
};

/* Whoever watches the container holds a lock while it makes the container anew in this bundle. */
static bool is_restarting(const struct store *s, const char *id)
{
	char path[PATH_MAX];
	if (str_format(path, sizeof(path), "%s/containers/%s/restarting", store_path(s), id) < 0)
		return false;
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static int unbundle(struct cli *cli, const void *options, const struct option_args *args,
		    struct err *err)
{
	(void)cli;
	const struct unbundle_flags *f = options;
	AUTO_STORE *s = NULL;
	struct err why = { 0 };
	if (common_store(true, &s, err) < 0)
		return -1;
	if (f->hook && is_restarting(s, args->v[0]))
		return 0;
	if (rootfs_remove(s, args->v[0], &why) < 0 && why.code != ENOENT) {
		if (err)
			*err = why;
		return -1;
	}
	if (args->n > 1 && unlink(args->v[1]) < 0 && errno != ENOENT)
		return err_sys(err, "remove \"%s\"", args->v[1]);
	return 0;
}

const struct command verb_unbundle = {
	.name = "unbundle",
	.arguments = "ID [MARKER]",
	.summary = "remove the bundle of a container from an image",
	.options = { unbundle_rows, ARRAY_SIZE(unbundle_rows), NULL },
	.size = sizeof(struct unbundle_flags),
	.min_args = 1,
	.max_args = 2,
	.hidden = true,
	.run = unbundle,
};
