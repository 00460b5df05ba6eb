/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_store.c - skerry prune, image fsck and image df: the store as a whole */
#include <errno.h>
#include <string.h>

#include "image/cli/common.h"
#include "image/cli/filter.h"
#include "image/fsck.h"
#include "image/gc.h"

struct prune_flags {
	bool all, dry_run;
	struct option_list filters;
};

#define ROW(name_, letter_, type, member, help_)                                              \
 .name = (name_), .letter = (letter_), .kind = OPTION_FLAG, .offset = offsetof(type, member), \
 .help = (help_)

static const struct option prune_rows[] = {
	{ ROW("all", 'a', struct prune_flags, all,
	      "also images that have a name, unless a container uses them") },
	{ ROW("dry-run", 0, struct prune_flags, dry_run, "only tell what would go") },
	{ .name = "filter",
	  .kind = OPTION_STRINGS,
	  .offset = offsetof(struct prune_flags, filters),
	  .value = "KEY=VALUE",
	  .help = FILTER_HELP },
	/* nothing is asked here */
	{ .name = "force", .letter = 'f', .kind = OPTION_IGNORED_FLAG },
};

static int is_wanted(void *arg, const struct image *image, struct err *err)
{
	return filters_pass(arg, image, err);
}

static int prune(struct cli *cli, const void *options, const struct option_args *args,
		 struct err *err)
{
	(void)args;
	const struct prune_flags *f = options;
	struct image_filters filters;
	struct gc_options o = { .untagged = true, .dry_run = f->dry_run };
	struct gc_result r;
	char bytes[16];
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	if (common_store(true, &s, err) < 0 ||
	    filters_parse(&f->filters, s, &cli->arena, &filters, err) < 0)
		return -1;
	/* for docker --all and dangling=false are the same */
	int dangling = filters_take_dangling(&filters);
	o.unused = dangling == 0 || (dangling < 0 && f->all);
	if (filters.n > 0) {
		o.wants = is_wanted;
		o.arg = &filters;
	}
	if (gc_run(s, &o, &r, err) < 0)
		return -1;
	progress_bytes(r.bytes, bytes, sizeof(bytes));
	buf_printf(&out, "%s %llu images, %llu layers, %llu blobs: %s\n",
		   f->dry_run ? "would remove" : "removed", (unsigned long long)r.images,
		   (unsigned long long)r.layers, (unsigned long long)r.blobs, bytes);
	return print_buf(&out, err);
}

const struct command verb_prune = {
	.name = "prune",
	.summary = "remove images without a name, and what nothing needs any more",
	.options = { prune_rows, ARRAY_SIZE(prune_rows), NULL },
	.size = sizeof(struct prune_flags),
	.run = prune,
};

struct fsck_flags {
	struct registry_flags registry; /* first */
	bool repair;
};
static const struct option fsck_rows[] = {
	{ ROW("repair", 0, struct fsck_flags, repair,
	      "put aside what is broken, and fetch it again where it came from a registry") },
};
static const struct fsck_flags fsck_defaults = { .registry = REGISTRY_FLAGS_DEFAULT };

static void finding(void *arg, enum fsck_object object, const char *what, const char *problem)
{
	static const char *const kinds[] = {
		[FSCK_BLOB] = "blob", [FSCK_LAYER] = "layer",	      [FSCK_IMAGE] = "image",
		[FSCK_NAME] = "name", [FSCK_CONTAINER] = "container",
	};
	buf_printf(arg, "%s %s: %s\n", kinds[object], what, problem);
}

/* What the image lacks comes from where the image came from. */
static int fetch_again(struct store *s, const struct image *image, const struct pull_options *pull,
		       struct err *err)
{
	struct pull_options o = *pull;
	struct pull_result got;
	struct reference ref;
	const struct digest *from = digest_is_set(&image->index) ? &image->index : &image->manifest;
	if (!image->source)
		return err_set(err, ENOENT, "it came from no registry");
	if (reference_parse(image->source, &ref, err) < 0)
		return -1;
	if (str_copy(ref.digest, sizeof(ref.digest), from->text) < 0)
		return err_sys(err, "its digest");
	ref.tag[0] = 0;
	o.member = image->manifest.text;
	for (size_t i = 0; i < image->blobs.n; i++) {
		for (size_t l = 0; l < image->layers.n; l++)
			o.keep_blobs |=
				digest_is_equal(&image->blobs.v[i], &image->layers.v[l].blob);
	}
	return pull_image(s, &ref, &o, &got, err);
}

/* How many images still lack something, or -1. */
static int fetch_all(struct cli *cli, struct store *s, const struct registry_flags *flags,
		     struct buf *out, struct err *err)
{
	struct pull_options o = { 0 };
	struct images images;
	int left = 0;
	platform_host(&o.platform);
	if (common_registry(cli, flags, &o.registry, err) < 0 ||
	    store_list_images(s, &images, &cli->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < images.n; i++) {
		const struct image *image = &images.v[i];
		struct err why = { 0 };
		if (fsck_is_whole(s, image))
			continue;
		o.progress = progress_new(PROGRESS_NONE);
		o.registry.warn_arg = &o.progress;
		int rc = fetch_again(s, image, &o, &why);
		progress_free(o.progress);
		if (rc == 0)
			buf_printf(out, "image %s: fetched again\n", image->manifest.text);
		else
			buf_printf(out, "image %s: not fetched again: %s\n", image->manifest.text,
				   why.msg);
		left += rc < 0;
	}
	return left;
}

static int fsck(struct cli *cli, const void *options, const struct option_args *args,
		struct err *err)
{
	(void)args;
	const struct fsck_flags *f = options;
	struct fsck_result r;
	char bytes[16];
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	const struct fsck_options o = { .repair = f->repair, .report = finding, .arg = &out };
	if (common_store(true, &s, err) < 0 || fsck_run(s, &o, &r, err) < 0)
		return -1;
	int left = f->repair && r.problems ? fetch_all(cli, s, &f->registry, &out, err)
					   : (int)(r.problems > 0);
	if (left < 0)
		return -1;
	progress_bytes(r.bytes, bytes, sizeof(bytes));
	buf_printf(&out, "%llu images, %llu layers, %llu blobs, %s: %llu problems\n",
		   (unsigned long long)r.images, (unsigned long long)r.layers,
		   (unsigned long long)r.blobs, bytes, (unsigned long long)r.problems);
	return print_buf(&out, err) < 0 ? -1 : left ? CLI_FAILED : 0;
}

const struct command verb_fsck = {
	.name = "fsck",
	.summary = "compute every digest of the store again",
	.description = "Exits with 1 when something is wrong and was not repaired.\n",
	.options = { fsck_rows, ARRAY_SIZE(fsck_rows), &registry_flag_table },
	.size = sizeof(struct fsck_flags),
	.defaults = &fsck_defaults,
	.run = fsck,
};

static int df(struct cli *cli, const void *options, const struct option_args *args, struct err *err)
{
	(void)options; /* has none */
	(void)args;
	struct gc_usage u;
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	if (common_store(true, &s, err) < 0 || gc_usage(s, &u, err) < 0)
		return -1;
	const struct {
		const char *what;
		uint64_t count, bytes;
	} lines[] = {
		{ "images", u.images, 0 },
		{ "layers", u.layers, u.layer_bytes },
		{ "blobs", u.blobs, u.blob_bytes },
		{ "containers", u.containers, u.container_bytes },
		{ "reclaimable", 0, u.reclaimable_bytes },
	};
	const char *cells[3 * (ARRAY_SIZE(lines) + 1)] = { "WHAT", "COUNT", "SIZE" };
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char bytes[16];
		progress_bytes(lines[i].bytes, bytes, sizeof(bytes));
		cells[3 * i + 3] = lines[i].what;
		cells[3 * i + 4] =
			arena_printf(&cli->arena, "%llu", (unsigned long long)lines[i].count);
		cells[3 * i + 5] = arena_strdup(&cli->arena, bytes);
		if (!cells[3 * i + 4] || !cells[3 * i + 5])
			return err_set(err, ENOMEM, "out of memory");
	}
	print_table(&out, cells, ARRAY_SIZE(lines) + 1, 3);
	return print_buf(&out, err);
}

const struct command verb_df = {
	.name = "df",
	.summary = "show how much room the store takes",
	.run = df,
};
