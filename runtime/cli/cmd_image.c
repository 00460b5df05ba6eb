/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_image.c - pull, push, images and the other commands about images
 *
 * All are skerry-image's, which this program becomes: what talks to registries
 * and unpacks layers is not part of the runtime.
 */
#include <errno.h>

#include "runtime/cli/cmd.h"
#include "runtime/cli/image_run.h"

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)options; /* unread */
	const char *root = cli->globals->root;
	if (!root)
		return image_exec(cli, args->v, args->n, err);
	/* commit pauses the container that it reads */
	char **words = arena_array(&cli->arena, (size_t)args->n + 1, sizeof(*words));
	if (!words || !(words[0] = arena_printf(&cli->arena, "--root=%s", root)))
		return err_set(err, ENOMEM, "out of memory");
	for (int i = 0; i < args->n; i++)
		words[i + 1] = args->v[i];
	return image_exec(cli, words, args->n + 1, err);
}

#define IMAGE_COMMAND(name_, arguments_, summary_)                                   \
 {                                                                                   \
  .name = (name_), .arguments = (arguments_), .summary = (summary_), .max_args = -1, \
  .plain = true, .raw = true, .run = run                                             \
 }

const struct command cmd_pull = IMAGE_COMMAND("pull", "IMAGE...", "get images from a registry");
const struct command cmd_images =
	IMAGE_COMMAND("images", "[IMAGE...]", "list the images of the store");
const struct command cmd_rmi = IMAGE_COMMAND("rmi", "IMAGE...", "remove images");
const struct command cmd_tag = IMAGE_COMMAND("tag", "IMAGE NAME...", "give an image another name");
const struct command cmd_untag =
	IMAGE_COMMAND("untag", "NAME...", "take a name away from an image");
const struct command cmd_inspect = IMAGE_COMMAND("inspect", "IMAGE|CONTAINER...",
						 "show what an image, or a container of one, is");
const struct command cmd_history = IMAGE_COMMAND("history", "IMAGE", "show how an image was made");
const struct command cmd_search =
	IMAGE_COMMAND("search", "[REGISTRY/]TERM", "look for images in a registry");
const struct command cmd_tags =
	IMAGE_COMMAND("tags", "REPOSITORY", "list the tags of a repository of a registry");
const struct command cmd_login =
	IMAGE_COMMAND("login", "[REGISTRY]", "keep credentials for a registry");
const struct command cmd_logout =
	IMAGE_COMMAND("logout", "[REGISTRY]", "forget the credentials for a registry");
const struct command cmd_push =
	IMAGE_COMMAND("push", "IMAGE [NAME]", "put an image into a registry");
const struct command cmd_build =
	IMAGE_COMMAND("build", "[CONTEXT]", "make an image as a Dockerfile says");
const struct command cmd_commit =
	IMAGE_COMMAND("commit", "CONTAINER [NAME]", "make an image of what a container changed");
const struct command cmd_diff =
	IMAGE_COMMAND("diff", "CONTAINER", "show what a container changed in its files");
const struct command cmd_cp =
	IMAGE_COMMAND("cp", "FROM TO", "copy files into or out of a container");
const struct command cmd_save = IMAGE_COMMAND("save", "IMAGE...", "write images into an archive");
const struct command cmd_load = IMAGE_COMMAND("load", "[FILE]", "read images from an archive");
const struct command cmd_import =
	IMAGE_COMMAND("import", "FILE [NAME]", "make an image of a tar of a root file system");
const struct command cmd_export =
	IMAGE_COMMAND("export", "CONTAINER", "write a container's files into a tar");
const struct command cmd_prune = IMAGE_COMMAND(
	"prune", "[OPTION...]", "remove images without a name, and what nothing needs any more");
const struct command cmd_image = IMAGE_COMMAND("image", "VERB [ARGUMENT...]",
					       "the same commands, and more, by another name");
