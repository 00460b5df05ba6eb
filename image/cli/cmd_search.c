/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_search.c - skerry search and tags: what a registry has */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "image/cli/common.h"

struct search_flags {
	struct registry_flags registry; /* first */
	const char *format;
	unsigned int limit;
};

#define ROW(name_, kind_, member, value_, help_)                                    \
 .name = (name_), .kind = (kind_), .offset = offsetof(struct search_flags, member), \
 .value = (value_), .help = (help_)

static const struct option search_rows[] = {
	{ ROW("format", OPTION_STRING, format, "FORMAT", "table or json (default: table)") },
	{ ROW("limit", OPTION_NUMBER, limit, "N", "at most so many (default: 25)") },
};
static const struct search_flags search_defaults = { .registry = REGISTRY_FLAGS_DEFAULT,
						     .limit = 25 };

struct results {
	struct arena *arena;
	struct json_out json;
	struct buf *out;
	bool as_json;
	const char **cells;
	size_t n, cap;
};

static int found(void *arg, const struct registry_found *f)
{
	enum { COLUMNS = 4 };
	struct results *r = arg;
	if (r->as_json) {
		json_begin_object(&r->json);
		json_kv_string(&r->json, "name", f->name);
		json_kv_string(&r->json, "description", f->description ? f->description : "");
		json_kv_int(&r->json, "stars", f->stars);
		json_kv_bool(&r->json, "official", f->official);
		json_end_object(&r->json);
		return 0;
	}
	for (size_t c = 0; c < COLUMNS; c++) {
		const char **cells = arena_grow(r->arena, r->cells, r->n, &r->cap, sizeof(*cells));
		if (!cells)
			return 1;
		const char *text = f->name;
		if (c == 1)
			text = arena_printf(r->arena, "%lld", (long long)f->stars);
		if (c == 2)
			text = f->official ? "yes" : "";
		if (c == 3)
			text = f->description ? f->description : "";
		cells[r->n] = arena_printf(r->arena, "%.80s", text ? text : "");
		if (!cells[r->n])
			return 1;
		r->cells = cells;
		r->n++;
	}
	return 0;
}

/* "HOST[:PORT]/TERM" or a TERM for docker.io. */
static int split_term(struct arena *arena, const char *typed, struct reference *ref,
		      const char **ret_term, struct err *err)
{
	size_t first = strcspn(typed, "/");
	bool host = typed[first] && (memchr(typed, '.', first) || memchr(typed, ':', first) ||
				     (first == 9 && strncmp(typed, "localhost", first) == 0));
	const char *name = host ? arena_printf(arena, "%.*s/search", (int)first, typed) : "search";
	*ret_term = host ? typed + first + 1 : typed;
	return name ? reference_parse(name, ref, err) : err_set(err, ENOMEM, "out of memory");
}

static int search(struct cli *cli, const void *options, const struct option_args *args,
		  struct err *err)
{
	const struct search_flags *f = options;
	struct registry_options o;
	struct registry *registry;
	struct reference ref;
	const char *term;
	AUTO_BUF out;
	buf_init(&out);
	struct results r = { .arena = &cli->arena, .out = &out };

	r.as_json = f->format && strcmp(f->format, "json") == 0;
	if (f->format && !r.as_json && strcmp(f->format, "table") != 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for --format: table or json",
			       f->format);
	if (split_term(&cli->arena, args->v[0], &ref, &term, err) < 0 ||
	    common_registry(cli, &f->registry, &o, err) < 0 ||
	    registry_open(&ref, &o, &registry, err) < 0)
		return -1;
	json_out_init(&r.json, &out, 2);
	if (r.as_json)
		json_begin_array(&r.json);
	const struct registry_found head = { .name = "NAME", .description = "DESCRIPTION" };
	if (!r.as_json && found(&r, &head) == 0) {
		r.cells[1] = "STARS";
		r.cells[2] = "OFFICIAL";
	}
	int rc = registry_search(registry, term, f->limit, found, &r, err);
	registry_close(registry);
	if (rc < 0)
		return -1;
	if (r.as_json) {
		json_end_array(&r.json);
		buf_putc(&out, '\n');
	} else {
		print_table(&out, r.cells, r.n / 4, 4);
	}
	return print_buf(&out, err);
}

const struct command verb_search = {
	.name = "search",
	.arguments = "[REGISTRY/]TERM",
	.summary = "look for images in a registry",
	.options = { search_rows, ARRAY_SIZE(search_rows), &registry_flag_table },
	.size = sizeof(struct search_flags),
	.defaults = &search_defaults,
	.min_args = 1,
	.max_args = 1,
	.run = search,
};

static const struct registry_flags tags_defaults = REGISTRY_FLAGS_DEFAULT;

static int one_tag(void *arg, const char *tag)
{
	if (reference_is_tag(tag)) /* others could not be asked for, whatever is in them */
		buf_printf(arg, "%s\n", tag);
	return 0;
}

static int tags(struct cli *cli, const void *options, const struct option_args *args,
		struct err *err)
{
	struct registry_options o;
	struct registry *registry;
	struct reference ref;
	AUTO_BUF out;
	buf_init(&out);
	if (reference_parse(args->v[0], &ref, err) < 0 ||
	    common_registry(cli, options, &o, err) < 0 ||
	    registry_open(&ref, &o, &registry, err) < 0)
		return -1;
	int rc = registry_tags(registry, one_tag, &out, err);
	registry_close(registry);
	return rc < 0 ? -1 : print_buf(&out, err);
}

const struct command verb_tags = {
	.name = "tags",
	.arguments = "REPOSITORY",
	.summary = "list the tags of a repository of a registry",
	.options = { NULL, 0, &registry_flag_table },
	.size = sizeof(struct registry_flags),
	.defaults = &tags_defaults,
	.min_args = 1,
	.max_args = 1,
	.run = tags,
};
