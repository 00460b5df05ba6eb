/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_push.c - skerry push: an image into a registry */
#include "image/cli/common.h"
#include "image/push.h"

struct push_flags {
	struct registry_flags registry; /* first */
	const char *compression, *progress, *digest_file;
	bool quiet, force, foreign, all;
};

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct push_flags, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("compression", 0, OPTION_STRING, compression, "HOW",
	      "of layers that have to be compressed anew: gzip, zstd or none (default: gzip)") },
	{ ROW("force-compression", 0, OPTION_FLAG, force, NULL,
	      "compress all layers anew, even those that could go as they came") },
	{ ROW("foreign-layers", 0, OPTION_FLAG, foreign, NULL,
	      "also send layers that say they are not to be distributed") },
	{ ROW("all-platforms", 0, OPTION_FLAG, all, NULL,
	      "the images for all platforms that were pulled with this one, and their index") },
	{ ROW("progress", 0, OPTION_STRING, progress, "HOW",
	      "auto, bars, plain, json or none (default: auto)") },
	{ ROW("digestfile", 0, OPTION_STRING, digest_file, "FILE",
	      "write the digest there as well") },
	{ ROW("quiet", 'q', OPTION_FLAG, quiet, NULL, "print the digest and nothing else") },
};
static const struct push_flags defaults = { .registry = REGISTRY_FLAGS_DEFAULT };

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct push_flags *f = options;
	struct push_options o = { .compression = COMPRESSION_GZIP,
				  .force_compression = f->force,
				  .foreign = f->foreign };
	enum progress_mode mode = PROGRESS_NONE;
	struct reference to;
	struct image image;
	struct digest digest;
	struct push_result sent;
	AUTO_STORE *s = NULL;
	const char *target = args->v[args->n - 1];

	if (str_starts(target, "docker://"))
		target += strlen("docker://");
	if (reference_parse(target, &to, err) < 0)
		return -1;
	if (f->compression && compression_parse(f->compression, &o.compression, err) < 0)
		return -1;
	if (!f->quiet && progress_mode_parse(f->progress ? f->progress : "auto", &mode, err) < 0)
		return -1;
	if (common_registry(cli, &f->registry, &o.registry, err) < 0 ||
	    common_store(true, &s, err) < 0 ||
	    common_find(s, args->v[0], &image, &cli->arena, err) < 0)
		return -1;
	o.progress = progress_new(mode);
	o.registry.warn_arg = &o.progress;
	int rc = f->all ? push_index(s, &image, &to, &o, &digest, err)
			: push_image(s, &image, &to, &o, &sent, err);
	progress_free(o.progress);
	if (rc < 0)
		return err_wrap(err, "push \"%s\"", target);
	if (!f->all)
		digest = sent.digest;
	return common_note(f->digest_file, &digest, err) < 0 ? -1 : print_line(digest.text, err);
}

const struct command verb_push = {
	.name = "push",
	.arguments = "IMAGE [NAME]",
	.summary = "put an image into a registry",
	.description =
		"Layers go as they came where the registry has them, the store kept them or\n"
		"they can be fetched again; otherwise they are compressed anew, and that is\n"
		"said.  Prints the digest of the image in the registry.\n",
	.options = { rows, ARRAY_SIZE(rows), &registry_flag_table },
	.size = sizeof(struct push_flags),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
