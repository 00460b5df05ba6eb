/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_images.c - skerry images: what the store has */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "image/cli/common.h"
#include "image/timestamp.h"

struct images_flags {
	const char *format;
	bool quiet, digests, no_trunc;
	struct option_list filters;
};

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct images_flags, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("format", 'f', OPTION_STRING, format, "FORMAT", "table or json (default: table)") },
	{ ROW("quiet", 'q', OPTION_FLAG, quiet, NULL, "print ids only") },
	{ ROW("digests", 0, OPTION_FLAG, digests, NULL, "show the digests of the manifests") },
	{ ROW("no-trunc", 0, OPTION_FLAG, no_trunc, NULL, "show ids whole") },
	{ ROW("filter", 0, OPTION_STRINGS, filters, "NAME=VALUE",
	      "only images of which that holds: dangling=true|false, reference=PATTERN") },
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

static void write_json(struct buf *out, const struct images *images)
{
	struct json_out o;
	json_out_init(&o, out, 2);
	json_begin_array(&o);
	for (size_t n = 0; n < images->n; n++) {
		const struct image *i = &images->v[n];
		json_begin_object(&o);
		json_kv_string(&o, "id", i->config.text);
		json_key(&o, "names");
		json_begin_array(&o);
		for (size_t k = 0; k < i->names.n; k++)
			json_string(&o, i->names.v[k]);
		json_end_array(&o);
		json_kv_string(&o, "digest", i->manifest.text);
		json_kv_string(&o, "os", i->os);
		json_kv_string(&o, "architecture", i->architecture);
		json_kv_int(&o, "created", i->created);
		json_kv_int(&o, "stored", i->stored);
		json_kv_uint(&o, "size", total_size(i));
		json_kv_uint(&o, "layers", i->layers.n);
		json_end_object(&o);
	}
	json_end_array(&o);
	buf_putc(out, '\n');
}

struct table {
	const char **cells;
	size_t rows, columns;
	struct arena *arena;
	bool digests, whole;
};

static int add_row(struct table *t, const struct image *i, const char *name, int64_t now)
{
	struct reference ref;
	char text[REFERENCE_TEXT_MAX], size[16], age[32], id[DIGEST_TEXT_MAX];
	const char *tag = "<none>", *repository = "<none>";
	const char **row = t->cells + t->rows * t->columns;
	if (name && reference_parse(name, &ref, NULL) == 0) {
		tag = ref.tag[0] ? ref.tag : "<none>";
		reference_format_name(&ref, text, sizeof(text));
		repository = text;
	}
	progress_bytes(total_size(i), size, sizeof(size));
	timestamp_age(i->created, now, age, sizeof(age));
	if (t->whole)
		(void)!str_copy(id, sizeof(id), i->config.text);
	else
		common_short_id(&i->config, id, sizeof(id));
	size_t c = 0;
	row[c++] = arena_strdup(t->arena, repository);
	row[c++] = arena_strdup(t->arena, tag);
	if (t->digests)
		row[c++] = i->manifest.text;
	row[c++] = arena_strdup(t->arena, id);
	row[c++] = arena_strdup(t->arena, age);
	row[c++] = arena_strdup(t->arena, size);
	for (size_t k = 0; k < c; k++) {
		if (!row[k])
			return -1;
	}
	t->rows++;
	return 0;
}

static int write_table(struct cli *cli, struct buf *out, const struct images *images,
		       const struct images_flags *f, struct err *err)
{
	static const char *const heads[] = { "REPOSITORY", "TAG",     "DIGEST",
					     "IMAGE ID",   "CREATED", "SIZE" };
	struct table t = { .arena = &cli->arena, .digests = f->digests, .whole = f->no_trunc };
	size_t n = 1;
	for (size_t i = 0; i < images->n; i++)
		n += images->v[i].names.n ? images->v[i].names.n : 1;
	t.columns = ARRAY_SIZE(heads) - (f->digests ? 0 : 1);
	t.cells = arena_array(&cli->arena, n * t.columns, sizeof(*t.cells));
	if (!t.cells)
		return err_set(err, ENOMEM, "out of memory");
	size_t c = 0;
	for (size_t h = 0; h < ARRAY_SIZE(heads); h++) {
		if (f->digests || strcmp(heads[h], "DIGEST") != 0)
			t.cells[c++] = heads[h];
	}
	t.rows = 1;
	int64_t now = time(NULL);
	for (size_t i = 0; i < images->n; i++) {
		const struct image *image = &images->v[i];
		size_t names = image->names.n ? image->names.n : 1;
		for (size_t k = 0; k < names; k++) {
			const char *name = image->names.n ? image->names.v[k] : NULL;
			if (add_row(&t, image, name, now) < 0)
				return err_set(err, ENOMEM, "out of memory");
		}
	}
	print_table(out, t.cells, t.rows, t.columns);
	return 0;
}

/* Only images that a name or an id names. */
static int only_named(struct cli *cli, const struct store *s, const struct option_args *args,
		      struct images *images, struct err *err)
{
	images->v = arena_array(&cli->arena, (size_t)args->n + 1, sizeof(*images->v));
	if (!images->v)
		return err_set(err, ENOMEM, "out of memory");
	for (int i = 0; i < args->n; i++) {
		if (common_find(s, args->v[i], &images->v[i], &cli->arena, err) < 0)
			return -1;
		images->n++;
	}
	return 0;
}

/* A name whole, as the table shows it, without the tag, without the registry, its last part. */
static bool is_named_like(const struct image *i, const char *pattern)
{
	for (size_t n = 0; n < i->names.n; n++) {
		struct reference ref;
		char shown[REFERENCE_TEXT_MAX], untagged[REFERENCE_TEXT_MAX];
		if (reference_parse(i->names.v[n], &ref, NULL) < 0)
			continue;
		const char *slash = strrchr(ref.path, '/');
		reference_format_short(&ref, shown, sizeof(shown));
		reference_format_name(&ref, untagged, sizeof(untagged));
		const char *const forms[] = { i->names.v[n], shown, untagged, ref.path,
					      slash ? slash + 1 : ref.path };
		for (size_t k = 0; k < ARRAY_SIZE(forms); k++) {
			if (fnmatch(pattern, forms[k], 0) == 0)
				return true;
		}
	}
	return false;
}

/* 1 it stays, 0 it goes, -1 there is no such filter. */
static int passes(const struct image *i, const char *filter, struct err *err)
{
	if (str_eq(filter, "dangling=true"))
		return i->names.n == 0;
	if (str_eq(filter, "dangling=false"))
		return i->names.n > 0;
	if (str_starts(filter, "reference="))
		return is_named_like(i, filter + strlen("reference="));
	return err_set(err, EINVAL,
		       "invalid value \"%s\" for --filter: dangling=true, dangling=false or "
		       "reference=PATTERN",
		       filter);
}

static int filter(const struct images_flags *f, struct images *images, struct err *err)
{
	for (size_t k = 0; k < f->filters.n; k++) {
		size_t kept = 0;
		if (passes(&(const struct image){ .layers.n = 0 }, f->filters.v[k], err) < 0)
			return -1;
		for (size_t i = 0; i < images->n; i++) {
			if (passes(&images->v[i], f->filters.v[k], err) > 0)
				images->v[kept++] = images->v[i];
		}
		images->n = kept;
	}
	return 0;
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct images_flags *f = options;
	struct images images = { .n = 0 };
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);

	bool json = f->format && strcmp(f->format, "json") == 0;
	if (f->format && !json && strcmp(f->format, "table") != 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for --format: table or json",
			       f->format);
	if (common_store(true, &s, err) < 0)
		return -1;
	if (args->n > 0 ? only_named(cli, s, args, &images, err) < 0
			: store_list_images(s, &images, &cli->arena, err) < 0)
		return -1;
	if (filter(f, &images, err) < 0)
		return -1;
	if (json) {
		write_json(&out, &images);
	} else if (f->quiet) {
		for (size_t i = 0; i < images.n; i++) {
			char id[DIGEST_TEXT_MAX];
			common_short_id(&images.v[i].config, id, sizeof(id));
			buf_printf(&out, "%s\n", f->no_trunc ? images.v[i].config.text : id);
		}
	} else if (write_table(cli, &out, &images, f, err) < 0) {
		return -1;
	}
	return print_buf(&out, err);
}

const struct command verb_images = {
	.name = "images",
	.arguments = "[IMAGE...]",
	.summary = "list the images of the store",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct images_flags),
	.max_args = -1,
	.run = run,
};
