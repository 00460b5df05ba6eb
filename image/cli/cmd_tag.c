/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_tag.c - skerry tag, untag and rmi: names of images, and their end */
#include <errno.h>

#include "image/cli/common.h"
#include "image/gc.h"

static int tag(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)options; /* has none */
	struct image image;
	AUTO_STORE *s = NULL;
	if (common_store(true, &s, err) < 0 ||
	    common_find(s, args->v[0], &image, &cli->arena, err) < 0)
		return -1;
	for (int i = 1; i < args->n; i++) {
		struct reference ref;
		char name[REFERENCE_TEXT_MAX];
		if (reference_parse(args->v[i], &ref, err) < 0)
			return -1;
		if (ref.digest[0])
			return err_set(err, EINVAL, "a new name can't hold a digest: \"%s\"",
				       args->v[i]);
		reference_format(&ref, name, sizeof(name));
		if (store_tag(s, name, &image.manifest, err) < 0)
			return -1;
	}
	return 0;
}

const struct command verb_tag = {
	.name = "tag",
	.arguments = "IMAGE NAME...",
	.summary = "give an image another name",
	.min_args = 2,
	.max_args = -1,
	.run = tag,
};

static int untag_one(struct store *s, const char *typed, const struct image *image, struct err *err)
{
	const char *name = common_name(image, typed);
	return name ? store_untag(s, name, err)
		    : err_set(err, ENOENT, "no such name \"%s\"", typed);
}

static int untag(struct cli *cli, const void *options, const struct option_args *args,
		 struct err *err)
{
	(void)options; /* has none */
	AUTO_STORE *s = NULL;
	if (common_store(true, &s, err) < 0)
		return -1;
	for (int i = 0; i < args->n; i++) {
		struct image image;
		if (common_find(s, args->v[i], &image, &cli->arena, err) < 0 ||
		    untag_one(s, args->v[i], &image, err) < 0)
			return -1;
	}
	return 0;
}

const struct command verb_untag = {
	.name = "untag",
	.arguments = "NAME...",
	.summary = "take a name away from an image",
	.min_args = 1,
	.max_args = -1,
	.run = untag,
};

struct rmi_flags {
	bool all, force, ignore, no_prune;
};

#define ROW(name_, letter_, member, help_)                  \
 .name = (name_), .letter = (letter_), .kind = OPTION_FLAG, \
 .offset = offsetof(struct rmi_flags, member), .help = (help_)

static const struct option rows[] = {
	{ ROW("all", 'a', all, "every image of the store") },
	{ ROW("force", 'f', force, "an image with several names as well, by its id") },
	{ ROW("ignore", 'i', ignore, "an image that isn't there is no error") },
	{ ROW("no-prune", 0, no_prune,
	      "leave the layers that only it needed, for builds and pulls to come") },
};

/* Those that any manifest of the image has. */
static int all_names(struct cli *cli, const struct store *s, const struct digest *config,
		     struct strings *ret, struct err *err)
{
	struct images images;
	size_t n = 0;
	if (store_list_images(s, &images, &cli->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < images.n; i++)
		n += images.v[i].names.n;
	*ret = (struct strings){ .v = arena_array(&cli->arena, n + 1, sizeof(*ret->v)) };
	if (!ret->v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < images.n; i++) {
		const struct image *image = &images.v[i];
		for (size_t k = 0; k < image->names.n; k++) {
			if (digest_is_equal(&image->config, config))
				ret->v[ret->n++] = image->names.v[k];
		}
	}
	return 0;
}

static int remove_one(struct cli *cli, struct store *s, const char *typed,
		      const struct rmi_flags *f, struct buf *out, struct err *err)
{
	struct image image;
	struct strings names;
	struct err why = { 0 };
	if (common_find(s, typed, &image, &cli->arena, &why) < 0) {
		if (f->ignore && why.code == ENOENT)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	if (all_names(cli, s, &image.config, &names, err) < 0)
		return -1;
	bool by_name = common_name(&image, typed) != NULL;
	if (by_name && names.n > 1) {
		buf_printf(out, "untagged: %s\n", typed);
		return untag_one(s, typed, &image, err);
	}
	if (names.n > 1 && !f->force)
		return err_set(err, EBUSY, "image \"%s\" has %zu names; --force removes them all",
			       typed, names.n);
	if (store_remove_image(s, &image.config, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		buf_printf(out, "untagged: %s\n", names.v[i]);
	buf_printf(out, "deleted: %s\n", image.config.text);
	return 0;
}

static int remove_all(struct cli *cli, struct store *s, struct buf *out, struct err *err)
{
	struct images images;
	if (store_list_images(s, &images, &cli->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < images.n; i++) {
		struct err why = { 0 };
		if (store_remove_image(s, &images.v[i].config, &why) == 0) {
			buf_printf(out, "deleted: %s\n", images.v[i].config.text);
		} else if (why.code != ENOENT) { /* it went with an earlier one of that id */
			*err = why;
			return -1;
		}
	}
	return 0;
}

static int rmi(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct rmi_flags *f = options;
	const struct gc_options sweep = { 0 };
	struct gc_result swept;
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	if ((args->n == 0) != f->all)
		return err_set(err, EINVAL, "either images or --all");
	if (common_store(true, &s, err) < 0)
		return -1;
	int rc = f->all ? remove_all(cli, s, &out, err) : 0;
	for (int i = 0; rc == 0 && i < args->n; i++)
		rc = remove_one(cli, s, args->v[i], f, &out, err);
	/* what did go is told, whatever came behind it */
	if (print_buf(&out, NULL) < 0 || rc < 0)
		return -1;
	return f->no_prune ? 0 : gc_run(s, &sweep, &swept, err);
}

const struct command verb_rmi = {
	.name = "rmi",
	.arguments = "[IMAGE...]",
	.summary = "remove images",
	.description = "An image with another name only loses the one that is given.\n",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct rmi_flags),
	.max_args = -1,
	.run = rmi,
};
