/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_pull.c - skerry pull: an image out of a registry */
#include "image/cli/common.h"

struct pull_flags {
	struct registry_flags registry; /* first */
	const char *platform, *progress;
	bool quiet, keep_blobs, all;
	unsigned int parallel;
};

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct pull_flags, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("platform", 0, OPTION_STRING, platform, "OS/ARCH[/VARIANT]",
	      "image for another machine than this one") },
	{ ROW("all-platforms", 0, OPTION_FLAG, all, NULL,
	      "images for all machines; the name is that of the one for this machine, the others "
	      "are found by it and --platform") },
	{ ROW("progress", 0, OPTION_STRING, progress, "HOW",
	      "auto, bars, plain, json or none (default: auto)") },
	{ ROW("quiet", 'q', OPTION_FLAG, quiet, NULL, "print the image's id and nothing else") },
	{ ROW("keep-blobs", 0, OPTION_FLAG, keep_blobs, NULL,
	      "also keep the layers as the registry has them, to push them on unchanged") },
	{ ROW("parallel", 0, OPTION_NUMBER, parallel, "N", "layers at a time (default: 6)") },
};

static const struct pull_flags defaults = { .registry = REGISTRY_FLAGS_DEFAULT };

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct pull_flags *f = options;
	struct pull_options o = { .keep_blobs = f->keep_blobs,
				  .all_platforms = f->all,
				  .parallel = f->parallel };
	enum progress_mode mode = PROGRESS_NONE;
	AUTO_STORE *s = NULL;

	if (f->platform ? platform_parse(f->platform, &o.platform, err) < 0
			: (platform_host(&o.platform), false))
		return -1;
	if (!f->quiet && progress_mode_parse(f->progress ? f->progress : "auto", &mode, err) < 0)
		return -1;
	if (common_registry(cli, &f->registry, &o.registry, err) < 0 ||
	    common_store(true, &s, err) < 0)
		return -1;
	for (int i = 0; i < args->n; i++) {
		struct reference ref;
		struct pull_result got;
		const char *name = args->v[i];
		if (str_starts(name, "docker://"))
			name += strlen("docker://");
		if (reference_parse(name, &ref, err) < 0)
			return -1;
		o.progress = progress_new(mode);
		o.registry.warn_arg = &o.progress;
		int rc = pull_image(s, &ref, &o, &got, err);
		progress_free(o.progress);
		if (rc < 0)
			return err_wrap(err, "pull \"%s\"", args->v[i]);
		if (print_line(got.config.text, err) < 0)
			return -1;
	}
	return 0;
}

const struct command verb_pull = {
	.name = "pull",
	.arguments = "IMAGE...",
	.summary = "get images from a registry",
	.description = "A pull that is broken off goes on where it ended when it is tried again.\n"
		       "Prints the image's id.\n",
	.options = { rows, ARRAY_SIZE(rows), &registry_flag_table },
	.size = sizeof(struct pull_flags),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
