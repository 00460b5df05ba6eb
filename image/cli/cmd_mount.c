/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_mount.c - skerry image mount and unmount, and cp: the files of images and containers */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "image/cli/common.h"
#include "image/copy.h"
#include "image/gc.h"
#include "image/rootfs.h"

/* The image's layers, read-only, as a detached mount. */
static int open_image(struct cli *cli, struct store *s, const char *typed, struct err *err)
{
	struct image image;
	if (common_find(s, typed, &image, &cli->arena, err) < 0)
		return -1;
	struct digest *layers = arena_array(&cli->arena, image.layers.n + 1, sizeof(*layers));
	if (!layers)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < image.layers.n; i++)
		layers[i] = image.layers.v[i].diff_id;
	return rootfs_open_layers(s, layers, image.layers.n, err);
}

static int mount_image(struct cli *cli, const void *options, const struct option_args *args,
		       struct err *err)
{
	(void)options; /* has none */
	AUTO_STORE *s = NULL;
	if (common_store(true, &s, err) < 0)
		return -1;
	AUTO_FD tree = open_image(cli, s, args->v[0], err);
	if (tree < 0)
		return -1;
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, args->v[1], MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, "mount at \"%s\"", args->v[1]);
	return 0;
}

const struct command verb_mount = {
	.name = "mount",
	.arguments = "IMAGE DIR",
	.summary = "show an image's files, read-only, at a directory",
	.min_args = 2,
	.max_args = 2,
	.run = mount_image,
};

static int unmount(struct cli *cli, const void *options, const struct option_args *args,
		   struct err *err)
{
	(void)cli;
	(void)options; /* has none */
	for (int i = 0; i < args->n; i++) {
		if (umount2(args->v[i], UMOUNT_NOFOLLOW) < 0)
			return err_sys(err, "unmount \"%s\"", args->v[i]);
	}
	return 0;
}

const struct command verb_unmount = {
	.name = "unmount",
	.arguments = "DIR...",
	.summary = "take an image's files away from a directory",
	.min_args = 1,
	.max_args = -1,
	.run = unmount,
};

/* --- cp --------------------------------------------------------------------------------------- */

/* Where one side of the copy is. */
struct side {
	int root; /* of the container; or the host's */
	const char *path;
};

/* "CONTAINER:PATH" or a path of the host. */
static int open_side(struct cli *cli, struct store *s, const char *text, struct side *ret,
		     struct err *err)
{
	char merged[PATH_MAX];
	struct rootfs_info info;
	const char *colon = strchr(text, ':');
	bool host = !colon || text[0] == '/' || text[0] == '.';
	if (host) {
		ret->path = text;
		ret->root = open(text[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		return ret->root < 0 ? err_sys(err, "open the working directory") : 0;
	}
	const char *id = arena_strndup(&cli->arena, text, (size_t)(colon - text));
	if (!id)
		return err_set(err, ENOMEM, "out of memory");
	ret->path = colon + 1;
	if (rootfs_info(s, id, &info, &cli->arena, err) < 0)
		return -1;
	if (str_format(merged, sizeof(merged), "%s/containers/%s/merged", store_path(s), id) < 0)
		return err_set(err, ENAMETOOLONG, "the store's path is too long");
	ret->root = open(merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return ret->root < 0 ? err_sys(err, "open the files of container \"%s\"", id) : 0;
}

/* Of the host paths are what they are; of a container they end at its root. */
static int open_dir(const struct side *side, bool host, const char *path, struct err *err)
{
	const char *at = path[0] ? path : "/";
	int fd = host ? open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
		      : beneath_open(side->root, at, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
	return fd < 0 ? err_sys(err, "open \"%s\"", at) : fd;
}

/* Directory and last component of a path; "" when it names a directory by its end. */
static int split_path(struct arena *arena, const char *path, const char **ret_dir,
		      const char **ret_name)
{
	char *text = arena_strdup(arena, path);
	if (!text)
		return -1;
	size_t len = strlen(text);
	while (len > 1 && text[len - 1] == '/')
		text[--len] = 0;
	char *slash = strrchr(text, '/');
	*ret_name = slash ? slash + 1 : text;
	*ret_dir = slash == text ? "/" : slash ? text : ".";
	if (slash && slash != text)
		*slash = 0;
	return 0;
}

static bool is_dir(const struct side *side, bool host, const char *path)
{
	AUTO_FD fd = open_dir(side, host, path, NULL);
	return fd >= 0;
}

static int copy(struct cli *cli, const struct side *from, bool from_host, const struct side *to,
		bool to_host, struct err *err)
{
	const struct copy_options options = {
		.keep_root = true, .chown = to_host, .uid = getuid(), .gid = getgid()
	};
	const char *dir, *name, *to_dir, *to_name;
	if (split_path(&cli->arena, from->path, &dir, &name) < 0 ||
	    split_path(&cli->arena, to->path, &to_dir, &to_name) < 0)
		return err_set(err, ENOMEM, "out of memory");
	bool contents = str_eq(name, ".") || !name[0];
	bool into = is_dir(to, to_host, to->path);
	if (contents) {
		AUTO_FD in = open_dir(from, from_host, from->path, err);
		AUTO_FD out = in < 0 ? -1 : open_dir(to, to_host, to->path, err);
		return in < 0 || out < 0 ? -1 : copy_tree(in, out, &options, err);
	}
	AUTO_FD in = open_dir(from, from_host, dir, err);
	AUTO_FD out = in < 0 ? -1 : open_dir(to, to_host, into ? to->path : to_dir, err);
	if (in < 0 || out < 0)
		return -1;
	return copy_entry(in, name, out, into ? name : to_name, &options, err);
}

/* What a path of the container names, as a tar with that name. */
static int copy_to_tar(struct cli *cli, const struct side *from, struct err *err)
{
	const char *dir, *name;
	if (split_path(&cli->arena, from->path, &dir, &name) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (isatty(STDOUT_FILENO))
		return err_set(err, EINVAL, "an archive is nothing for a terminal");
	bool contents = str_eq(name, ".") || !name[0];
	AUTO_FD in = open_dir(from, false, contents ? from->path : dir, err);
	return in < 0 ? -1 : tree_export(in, contents ? NULL : name, STDOUT_FILENO, err);
}

static int copy_from_tar(struct store *s, const struct side *to, struct err *err)
{
	const struct gc_options sweep = { 0 };
	struct gc_result swept;
	struct txn *t;
	AUTO_FD out = open_dir(to, false, to->path, err);
	if (out < 0 || txn_begin(s, &t, err) < 0)
		return -1;
	int rc = common_unpack(t, STDIN_FILENO, out, err);
	txn_end(t);
	/* the layer that it was meanwhile */
	return rc < 0 ? -1 : gc_run(s, &sweep, &swept, err);
}

static bool is_host_path(const char *text)
{
	return !strchr(text, ':') || text[0] == '/' || text[0] == '.';
}

static int cp(struct cli *cli, const void *options, const struct option_args *args, struct err *err)
{
	(void)options; /* has none */
	struct side from = { .root = -1 }, to = { .root = -1 };
	AUTO_STORE *s = NULL;
	bool from_host = is_host_path(args->v[0]), to_host = is_host_path(args->v[1]);
	if (from_host && to_host)
		return err_set(err, EINVAL, "one side has to be CONTAINER:PATH");
	if (common_store(true, &s, err) < 0)
		return -1;
	int rc = open_side(cli, s, args->v[0], &from, err);
	if (rc == 0)
		rc = open_side(cli, s, args->v[1], &to, err);
	if (rc == 0 && str_eq(args->v[1], "-"))
		rc = copy_to_tar(cli, &from, err);
	else if (rc == 0 && str_eq(args->v[0], "-"))
		rc = copy_from_tar(s, &to, err);
	else if (rc == 0)
		rc = copy(cli, &from, from_host, &to, to_host, err);
	(void)fd_close(from.root);
	(void)fd_close(to.root);
	return rc;
}

const struct command verb_cp = {
	.name = "cp",
	.arguments = "FROM TO",
	.summary = "copy files into or out of a container",
	.description =
		"One of the two is CONTAINER:PATH.  A directory is copied with all below it;\n"
		"\"DIR/.\" is what it holds.  \"-\" is a tar, from standard input or to standard\n"
		"output.\n",
	.min_args = 2,
	.max_args = 2,
	.run = cp,
};
