/* SPDX-License-Identifier: Apache-2.0 */
/* toml.c - as much of TOML as registries.conf and hosts.toml are written in
 *
 * TOML v1.0.0.  Left out: inline tables, multi-line strings, \u escapes; what
 * isn't understood is an error, so that a security setting is never passed
 * over in silence.
 */
#include "image/toml.h"

#include <errno.h>
#include <string.h>

#define WORDS_MAX 16
#define ITEMS_MAX 4096

struct reader {
	const char *name, *p;
	unsigned int line;
	struct arena *arena;
	struct strings table;
};

static int bad(const struct reader *r, const char *what, struct err *err)
{
	return err_set(err, EINVAL, "%s:%u: %s", r->name, r->line, what);
}

static void skip_blanks(struct reader *r)
{
	r->p += strspn(r->p, " \t\r");
}

/* Blanks, line ends and comments. */
static void skip_lines(struct reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (*r->p == '#')
			r->p += strcspn(r->p, "\n");
		if (*r->p != '\n')
			return;
		r->p++;
		r->line++;
	}
}

static int end_of_line(struct reader *r, struct err *err)
{
	skip_blanks(r);
	if (*r->p == '#')
		r->p += strcspn(r->p, "\n");
	return *r->p && *r->p != '\n' ? bad(r, "something behind the value", err) : 0;
}

static char unescaped(char c)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	const char *at = strchr(from, c);
	if (!at || !c)
		return 0;
	return to[at - from];
}

/* 'literal' or "basic" */
static int take_string(struct reader *r, char **ret, struct err *err)
{
	char quote = *r->p++;
	size_t len = 0;
	while (r->p[len] && r->p[len] != '\n' && r->p[len] != quote)
		len += quote == '"' && r->p[len] == '\\' && r->p[len + 1] ? 2 : 1;
	if (r->p[len] != quote)
		return bad(r, "a string without an end", err);
	char *s = arena_alloc(r->arena, len + 1);
	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		char c = r->p[i];
		if (quote == '"' && c == '\\') {
			c = unescaped(r->p[++i]);
			if (!c)
				return bad(r, "an unknown escape", err);
		}
		s[n++] = c;
	}
	r->p += len + 1;
	*ret = s;
	return 0;
}

static int take_word(struct reader *r, char **ret, struct err *err)
{
	if (*r->p == '"' || *r->p == '\'')
		return take_string(r, ret, err);
	size_t len =
		strspn(r->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	if (len == 0)
		return bad(r, "a name is missing", err);
	*ret = arena_strndup(r->arena, r->p, len);
	r->p += len;
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int add(struct reader *r, struct strings *list, char *word, size_t max, struct err *err)
{
	if (list->n >= max)
		return bad(r, "too long", err);
	char **v = arena_array(r->arena, list->n + 2, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	if (list->n > 0)
		memcpy(v, list->v, list->n * sizeof(*v));
	v[list->n++] = word;
	list->v = v;
	return 0;
}

/* word.word.word */
static int take_name(struct reader *r, struct strings *ret, struct err *err)
{
	*ret = (struct strings){ 0 };
	for (;;) {
		char *word;
		skip_blanks(r);
		if (take_word(r, &word, err) < 0 || add(r, ret, word, WORDS_MAX, err) < 0)
			return -1;
		skip_blanks(r);
		if (*r->p != '.')
			return 0;
		r->p++;
	}
}

static int take_array(struct reader *r, struct strings *ret, struct err *err)
{
	*ret = (struct strings){ 0 };
	r->p++;
	for (;;) {
		char *word;
		skip_lines(r);
		if (*r->p == ']') {
			r->p++;
			return 0;
		}
		if (*r->p != '"' && *r->p != '\'')
			return bad(r, "an array of something else than strings", err);
		if (take_string(r, &word, err) < 0 || add(r, ret, word, ITEMS_MAX, err) < 0)
			return -1;
		skip_lines(r);
		if (*r->p == ',')
			r->p++;
		else if (*r->p != ']')
			return bad(r, "a comma is missing", err);
	}
}

static int take_value(struct reader *r, struct toml_item *item, struct err *err)
{
	if (*r->p == '[')
		return take_array(r, &item->list, err);
	if (*r->p == '"' || *r->p == '\'')
		return take_string(r, &item->text, err);
	size_t len = strcspn(r->p, " \t\r\n#");
	if (len == 0 || *r->p == '{')
		return bad(r, "a value of an unknown kind", err);
	item->text = arena_strndup(r->arena, r->p, len);
	r->p += len;
	return item->text ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int take_table(struct reader *r, struct toml_item *item, struct err *err)
{
	bool array = r->p[1] == '[';
	r->p += array ? 2 : 1;
	if (take_name(r, &r->table, err) < 0)
		return -1;
	if (strncmp(r->p, array ? "]]" : "]", array ? 2 : 1) != 0)
		return bad(r, "a table's name without an end", err);
	r->p += array ? 2 : 1;
	item->begins = true;
	return 0;
}

static int take_pair(struct reader *r, struct toml_item *item, struct err *err)
{
	struct strings name;
	if (take_name(r, &name, err) < 0)
		return -1;
	/* a.b = 1 is b of the table a within this one */
	item->key = name.v[name.n - 1];
	for (size_t i = 0; i + 1 < name.n; i++) {
		if (add(r, &item->table, name.v[i], WORDS_MAX, err) < 0)
			return -1;
	}
	if (*r->p != '=')
		return bad(r, "\"=\" is missing", err);
	r->p++;
	skip_blanks(r);
	return take_value(r, item, err);
}

int toml_parse(const char *name, const char *text, toml_fn *fn, void *arg, struct arena *arena,
	       struct err *err)
{
	struct reader r = { .name = name, .p = text, .line = 1, .arena = arena };
	for (;;) {
		skip_lines(&r);
		if (!*r.p)
			return 0;
		struct toml_item item = { .line = r.line, .table = r.table };
		if (*r.p == '[') {
			if (take_table(&r, &item, err) < 0)
				return -1;
			item.table = r.table;
		} else if (take_pair(&r, &item, err) < 0) {
			return -1;
		}
		if (end_of_line(&r, err) < 0 || fn(arg, &item, err) < 0)
			return -1;
	}
}
