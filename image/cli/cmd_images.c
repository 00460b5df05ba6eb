/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_images.c - skerry images: what the store has
 *
 * A row is an image and a name of it.  An image is its id: of records that only
 * differ in their manifests those without a name are not shown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "image/cli/common.h"
#include "image/cli/filter.h"
#include "image/timestamp.h"

struct images_flags {
	const char *format, *sort;
	bool quiet, digests, no_trunc, no_heading;
	struct option_list filters;
};

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct images_flags, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("filter", 'f', OPTION_STRINGS, filters, "KEY=VALUE", FILTER_HELP) },
	{ ROW("format", 0, OPTION_STRING, format, "FORMAT", "table or json (default: table)") },
	{ ROW("sort", 0, OPTION_STRING, sort, "KEY",
	      "created, id, repository, size or tag (default: created, the newest first)") },
	{ ROW("quiet", 'q', OPTION_FLAG, quiet, NULL, "print ids only") },
	{ ROW("noheading", 'n', OPTION_FLAG, no_heading, NULL, "a table without its first line") },
	{ ROW("digests", 0, OPTION_FLAG, digests, NULL, "show the digests of the manifests") },
	{ ROW("no-trunc", 0, OPTION_FLAG, no_trunc, NULL, "show ids whole") },
	/* what others hide without it are steps of a build, which are no images here */
	{ .name = "all", .letter = 'a', .kind = OPTION_IGNORED_FLAG },
};

static uint64_t total_size(const struct image *i)
{
	uint64_t sum = 0;
	for (size_t l = 0; l < i->layers.n; l++)
		sum += i->layers.v[l].size;
	return sum;
}

/* --- rows --------------------------------------------------------------------------- */

struct row {
	const struct image *image;
	const char *repository, *tag;
	size_t number; /* in the store's order: the last one brought in first */
};
struct row_list {
	struct row *v;
	size_t n;
};

static int by_number(const struct row *x, const struct row *y)
{
	return x->number < y->number ? -1 : x->number > y->number;
}

static int by_created(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	if (x->image->created != y->image->created)
		return x->image->created < y->image->created ? 1 : -1;
	return by_number(x, y);
}

static int by_id(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->image->config.text, y->image->config.text);
	return order ? order : by_number(x, y);
}

static int by_repository(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->repository, y->repository);
	return order ? order : by_number(x, y);
}

static int by_size(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t of_x = total_size(x->image), of_y = total_size(y->image);
	return of_x < of_y ? -1 : of_x > of_y ? 1 : by_number(x, y);
}

static int by_tag(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->tag, y->tag);
	return order ? order : by_number(x, y);
}

static const struct {
	const char *key;
	int (*compare)(const void *a, const void *b);
} orders[] = {
	{ "created", by_created }, { "id", by_id },   { "repository", by_repository },
	{ "size", by_size },	   { "tag", by_tag },
};

static int sort_rows(struct row_list *list, const char *key, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		if (!str_eq(orders[i].key, key))
			continue;
		if (list->n > 0)
			qsort(list->v, list->n, sizeof(*list->v), orders[i].compare);
		return 0;
	}
	return err_set(err, EINVAL,
		       "invalid value \"%s\" for --sort: created, id, repository, size or tag",
		       key);
}

static int add_row(struct row_list *list, const struct image *i, const char *name,
		   struct arena *arena)
{
	struct reference ref;
	char text[REFERENCE_TEXT_MAX];
	struct row *row = &list->v[list->n];
	*row = (struct row){ i, "<none>", "<none>", list->n };
	if (name && reference_parse(name, &ref, NULL) == 0) {
		reference_format_name(&ref, text, sizeof(text));
		row->repository = arena_strdup(arena, text);
		if (ref.tag[0])
			row->tag = arena_strdup(arena, ref.tag);
	}
	list->n++;
	return row->repository && row->tag ? 0 : -1;
}

static int make_rows(const struct images *images, struct row_list *ret, struct arena *arena,
		     struct err *err)
{
	size_t n = 1;
	for (size_t i = 0; i < images->n; i++)
		n += images->v[i].names.n ? images->v[i].names.n : 1;
	*ret = (struct row_list){ .v = arena_array(arena, n, sizeof(*ret->v)) };
	if (!ret->v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < images->n; i++) {
		const struct image *image = &images->v[i];
		size_t names = image->names.n ? image->names.n : 1;
		for (size_t k = 0; k < names; k++) {
			const char *name = image->names.n ? image->names.v[k] : NULL;
			if (add_row(ret, image, name, arena) < 0)
				return err_set(err, ENOMEM, "out of memory");
		}
	}
	return 0;
}

/* --- output ------------------------------------------------------------------------- */

static void write_object(struct json_out *o, const struct image *i)
{
	json_begin_object(o);
	json_kv_string(o, "id", i->config.text);
	json_key(o, "names");
	json_begin_array(o);
	for (size_t k = 0; k < i->names.n; k++)
		json_string(o, i->names.v[k]);
	json_end_array(o);
	json_kv_string(o, "digest", i->manifest.text);
	json_kv_string(o, "os", i->os);
	json_kv_string(o, "architecture", i->architecture);
	json_kv_int(o, "created", i->created);
	json_kv_int(o, "stored", i->stored);
	json_kv_uint(o, "size", total_size(i));
	json_kv_uint(o, "layers", i->layers.n);
	json_end_object(o);
}

static bool is_new(const struct row_list *list, size_t n, bool by_record)
{
	const struct image *i = list->v[n].image;
	for (size_t k = 0; k < n; k++) {
		const struct image *other = list->v[k].image;
		if (by_record ? other == i : digest_is_equal(&other->config, &i->config))
			return false;
	}
	return true;
}

static void write_json(struct buf *out, const struct row_list *list)
{
	struct json_out o;
	json_out_init(&o, out, 2);
	json_begin_array(&o);
	for (size_t n = 0; n < list->n; n++) {
		if (is_new(list, n, true))
			write_object(&o, list->v[n].image);
	}
	json_end_array(&o);
	buf_putc(out, '\n');
}

static void write_ids(struct buf *out, const struct row_list *list, bool whole)
{
	for (size_t n = 0; n < list->n; n++) {
		const struct digest *d = &list->v[n].image->config;
		if (is_new(list, n, false))
			buf_printf(out, "%.*s\n", whole ? DIGEST_TEXT_MAX : SHORT_ID,
				   whole ? d->text : digest_hex(d));
	}
}

static int write_row(const char *cells[], const struct row *r, const struct images_flags *f,
		     struct arena *arena)
{
	char size[16], age[32], id[DIGEST_TEXT_MAX];
	const struct image *i = r->image;
	int c = 0;
	progress_bytes(total_size(i), size, sizeof(size));
	timestamp_age(i->created, time(NULL), age, sizeof(age));
	if (f->no_trunc)
		(void)!str_copy(id, sizeof(id), i->config.text);
	else
		common_short_id(&i->config, id, sizeof(id));
	cells[c++] = r->repository;
	cells[c++] = r->tag;
	if (f->digests)
		cells[c++] = i->manifest.text;
	for (size_t k = 0; k < 3; k++) {
		cells[c] = arena_strdup(arena, k == 0 ? id : k == 1 ? age : size);
		if (!cells[c++])
			return -1;
	}
	return c;
}

static int write_table(struct buf *out, const struct row_list *list, const struct images_flags *f,
		       struct arena *arena, struct err *err)
{
	static const char *const heads[] = { "REPOSITORY", "TAG",     "DIGEST",
					     "IMAGE ID",   "CREATED", "SIZE" };
	size_t columns = ARRAY_SIZE(heads) - (f->digests ? 0 : 1), at = 0;
	const char **cells = arena_array(arena, (list->n + 1) * columns, sizeof(*cells));
	if (!cells)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t h = 0; h < ARRAY_SIZE(heads) && !f->no_heading; h++) {
		if (f->digests || !str_eq(heads[h], "DIGEST"))
			cells[at++] = heads[h];
	}
	for (size_t n = 0; n < list->n; n++) {
		int wrote = write_row(cells + at, &list->v[n], f, arena);
		if (wrote < 0)
			return err_set(err, ENOMEM, "out of memory");
		at += (size_t)wrote;
	}
	print_table(out, cells, at / columns, columns);
	return 0;
}

/* --- the choice --------------------------------------------------------------------- */

/* "images NAME" is "images --filter reference=NAME", as with docker and podman. */
static int add_names(const struct option_args *args, struct option_list *ret, struct arena *arena,
		     struct err *err)
{
	ret->v = arena_array(arena, (size_t)args->n + 1, sizeof(*ret->v));
	for (int i = 0; ret->v && i < args->n; i++) {
		ret->v[i] = arena_printf(arena, "reference=%s", args->v[i]);
		if (!ret->v[i])
			break;
		ret->n++;
	}
	return ret->n == (size_t)args->n ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int choose(const struct store *s, const struct option_list *words, struct images *images,
		  struct arena *arena, struct err *err)
{
	struct image_filters filters;
	size_t kept = 0;
	if (filters_parse(words, s, arena, &filters, err) < 0)
		return -1;
	for (size_t i = 0; i < images->n; i++) {
		int pass = filters_pass(&filters, &images->v[i], err);
		if (pass < 0)
			return -1;
		if (pass)
			images->v[kept++] = images->v[i];
	}
	images->n = kept;
	return 0;
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct images_flags *f = options;
	struct option_list names = { 0 };
	struct images images = { .n = 0 };
	struct row_list list;
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);

	bool json = str_eq(f->format, "json");
	if (f->format && !json && !str_eq(f->format, "table"))
		return err_set(err, EINVAL, "invalid value \"%s\" for --format: table or json",
			       f->format);
	if (common_store(true, &s, err) < 0 || add_names(args, &names, &cli->arena, err) < 0 ||
	    store_list_images(s, &images, &cli->arena, err) < 0)
		return -1;
	common_fold(&images);
	if (choose(s, &f->filters, &images, &cli->arena, err) < 0 ||
	    choose(s, &names, &images, &cli->arena, err) < 0 ||
	    make_rows(&images, &list, &cli->arena, err) < 0 || sort_rows(&list, f->sort, err) < 0)
		return -1;
	if (json)
		write_json(&out, &list);
	else if (f->quiet)
		write_ids(&out, &list, f->no_trunc);
	else if (write_table(&out, &list, f, &cli->arena, err) < 0)
		return -1;
	return print_buf(&out, err);
}

static const struct images_flags defaults = { .sort = "created" };

const struct command verb_images = {
	.name = "images",
	.arguments = "[IMAGE...]",
	.summary = "list the images of the store",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct images_flags),
	.defaults = &defaults,
	.max_args = -1,
	.run = run,
};
