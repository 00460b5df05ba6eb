/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_checkpoint.c - skerry checkpoint: a container's processes into images */
#include "runtime/cli/cmd.h"
#include "runtime/cli/criu_options.h"

#define ROW(name_, kind_, member, value_, help_)                                  \
 .name = (name_), .kind = (kind_), .offset = offsetof(struct criu_words, member), \
 .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("export", OPTION_STRING, criu.export_path, "FILE",
	      "make an archive of it, with changed files; \"-\" is standard output") },
	{ ROW("compress", OPTION_STRING, criu.compress, "METHOD",
	      "how the archive is compressed: zstd, gzip or none (default: zstd)") },
	{ ROW("create-image", OPTION_STRING, criu.create_image, "NAME",
	      "make an image of it, which \"push\" takes to a registry") },
	{ ROW("rootfs-image", OPTION_STRING, criu.rootfs_image, "NAME",
	      "image that the root file system comes from, for the archive: NAME[@sha256:ID]") },
	{ ROW("ignore-rootfs", OPTION_FLAG, criu.ignore_rootfs, NULL,
	      "leave changed files out of the archive") },
	{ ROW("leave-running", OPTION_FLAG, criu.leave_running, NULL,
	      "let the container run on afterwards") },
	{ ROW("pre-dump", OPTION_FLAG, criu.pre_dump, NULL,
	      "save the memory only, and let the container run on") },
	{ ROW("parent-path", OPTION_STRING, criu.parent_path, "DIR",
	      "images of an earlier --pre-dump, relative to those to be made") },
	{ ROW("page-server", OPTION_STRING, criu.page_server, "ADDRESS:PORT",
	      "send the memory to the page server there (or fd:N: connected to one)") },
	{ ROW("status-fd", OPTION_NUMBER, status_fd, "N",
	      "write a NUL byte to descriptor N when lazy pages can be fetched") },
	{ ROW("tcp-skip-in-flight", OPTION_FLAG, criu.tcp_skip_in_flight, NULL,
	      "leave out TCP connections that are being made") },
	{ ROW("link-remap", OPTION_FLAG, criu.link_remap, NULL,
	      "give open files without a name one meanwhile") },
};

static const struct criu_words defaults = CRIU_WORDS_INIT;

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct criu_words *words = options;
	struct skerry_checkpoint_options o = words->criu;
	struct skerry_error failed = { 0 };
	o.status_fd = (int)words->status_fd;
	o.notify_fd = (int)words->notify_fd;
	if (skerry_checkpoint(cli->skerry, args->v[0], &o, &failed) < 0)
		return cli_fail(&failed, err);
	return 0;
}

const struct command cmd_checkpoint = {
	.name = "checkpoint",
	.arguments = "ID",
	.summary = "save a running container to images on disk",
	.description = "Needs the program criu, of $SKERRY_CRIU or $PATH.  The container is\n"
		       "deleted afterwards unless --leave-running or --pre-dump is given.\n",
	.options = { rows, ARRAY_SIZE(rows), &criu_options },
	.size = sizeof(struct criu_words),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
