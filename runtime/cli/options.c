/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - the one parser of command lines, driven by tables
 *
 * A word is first looked up as a whole, so that "-bundle" is the long option
 * that go-runc means by it; only when no such name exists are the letters of
 * a one-dash word taken one by one.  getopt_long_only(3) comes close, but it
 * also takes beginnings of names with one dash, which would turn the bundle
 * "-de" of exec into "--detach".
 *
 * Messages keep the words of Go's flag package: callers look for "flag
 * provided but not defined" and "flag needs an argument".
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/units.h"
#include "runtime/cli/options.h"

/* Belongs to every table; stored in option_args, not in the command's struct. */
static const struct option help_rows[] = {
	{ .name = "help", .letter = 'h', .kind = OPTION_FLAG },
	{ .name = "usage", .letter = '?', .kind = OPTION_FLAG },
};
static const struct option_table help_table = { help_rows, ARRAY_SIZE(help_rows), NULL };

struct parser {
	const struct option_parse *in;
	struct arena *arena;
	int next; /* index of the word after the one being read */
	bool help;
};

bool option_takes_value(enum option_kind kind)
{
	switch (kind) {
	case OPTION_STRING:
	case OPTION_STRINGS:
	case OPTION_NUMBER:
	case OPTION_IGNORED:
		return true;
	case OPTION_FLAG:
	case OPTION_SWITCH:
	case OPTION_IGNORED_FLAG:
		break;
	}
	return false;
}

const struct option *option_at(const struct option_table *table, size_t i)
{
	for (; table; table = table->more) {
		if (i < table->n)
			return &table->rows[i];
		i -= table->n;
	}
	return NULL;
}

static const struct option *find_in(const struct option_table *t, const char *name, size_t len)
{
	const struct option *o;
	for (size_t i = 0; (o = option_at(t, i)); i++) {
		if (strncmp(o->name, name, len) == 0 && o->name[len] == 0)
			return o;
		if (len == 1 && o->letter == name[0])
			return o;
	}
	return NULL;
}

static const struct option *find(const struct parser *p, const char *name, size_t len)
{
	const struct option *o = find_in(p->in->table, name, len);
	return o ? o : find_in(&help_table, name, len);
}

/* An option whose name begins like this; *ret_n counts them. */
static const struct option *find_beginning(const struct parser *p, const char *name, size_t len,
					   size_t *ret_n)
{
	const struct option_table *const tables[] = { p->in->table, &help_table };
	const struct option *o, *found = NULL;
	*ret_n = 0;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (size_t i = 0; (o = option_at(tables[t], i)); i++) {
			if (strncmp(o->name, name, len) != 0)
				continue;
			found = o;
			(*ret_n)++;
		}
	}
	return found;
}

static int parse_bool(const struct option *o, const char *text, bool *ret, struct err *err)
{
	static const char *const yes[] = { "true", "1", "t", "T", "TRUE", "True" };
	static const char *const no[] = { "false", "0", "f", "F", "FALSE", "False" };
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(text, yes[i]) == 0) {
			*ret = true;
			return 0;
		}
		if (strcmp(text, no[i]) == 0) {
			*ret = false;
			return 0;
		}
	}
	return err_set(err, EINVAL, "invalid boolean value \"%s\" for --%s", text, o->name);
}

static int append(struct parser *p, struct option_list *list, char *value, struct err *err)
{
	/* room for the value, then for the NULL behind it */
	for (size_t i = 0; i < 2; i++) {
		char **v = arena_grow(p->arena, list->v, list->n + i, &list->cap, sizeof(*v));
		if (!v)
			return err_set(err, ENOMEM, "read the command line: out of memory");
		list->v = v;
		v[list->n + i] = i ? NULL : value;
	}
	list->n++;
	return 0;
}

/* value is NULL only for a flag without "=". */
static int store(struct parser *p, const struct option *o, char *value, struct err *err)
{
	bool on = true;
	if (!option_takes_value(o->kind) && value && parse_bool(o, value, &on, err) < 0)
		return -1;
	if (o >= help_rows && o < help_rows + ARRAY_SIZE(help_rows)) {
		p->help = on;
		return 0;
	}
	char *at = (char *)p->in->dst + o->offset;
	uint64_t number;
	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)(void *)at = on;
		break;
	case OPTION_SWITCH:
		*(int *)(void *)at = on;
		break;
	case OPTION_STRING:
		*(const char **)(void *)at = value;
		break;
	case OPTION_STRINGS:
		return append(p, (struct option_list *)(void *)at, value, err);
	case OPTION_NUMBER:
		if (units_u64(value, UINT_MAX, &number) < 0)
			return err_set(err, EINVAL, "invalid value \"%s\" for --%s: not a number",
				       value, o->name);
		*(unsigned int *)(void *)at = (unsigned int)number;
		break;
	case OPTION_IGNORED:
	case OPTION_IGNORED_FLAG:
		break;
	}
	return 0;
}

/* The word behind, for an option that needs a value. */
static char *next_word(struct parser *p)
{
	return p->next < p->in->argc ? p->in->argv[p->next++] : NULL;
}

static int unknown(const char *name, struct err *err)
{
	return err_set(err, EINVAL, "flag provided but not defined: -%.*s", (int)strcspn(name, "="),
		       name);
}

/* "abc" of "-abc": flags, and at the end maybe one with a value. */
static int parse_letters(struct parser *p, char *letters, struct err *err)
{
	for (char *c = letters; *c; c++) {
		const struct option *o = *c == '=' || *c == '-' ? NULL : find(p, c, 1);
		if (!o || o->letter != *c)
			return unknown(letters, err);
		if (c[1] == '=')
			return store(p, o, c + 2, err);
		if (!option_takes_value(o->kind)) {
			if (store(p, o, NULL, err) < 0)
				return -1;
			if (p->help)
				return 0;
			continue;
		}
		char *value = c[1] ? c + 1 : next_word(p);
		if (!value)
			return err_set(err, EINVAL, "flag needs an argument: -%c", *c);
		return store(p, o, value, err);
	}
	return 0;
}

/* A word that begins with a dash and has something behind it. */
static int parse_word(struct parser *p, char *word, struct err *err)
{
	bool two = word[1] == '-';
	char *name = word + (two ? 2 : 1);
	size_t len = strcspn(name, "=");
	char *value = name[len] ? name + len + 1 : NULL;

	const struct option *o = len ? find(p, name, len) : NULL;
	if (!o && len && two) {
		size_t n;
		o = find_beginning(p, name, len, &n);
		if (n > 1)
			return err_set(err, EINVAL, "flag is ambiguous: --%.*s", (int)len, name);
	}
	if (!o && len && !two)
		return parse_letters(p, name, err);
	if (!o)
		return unknown(name, err);
	if (option_takes_value(o->kind) && !value) {
		value = next_word(p);
		if (!value)
			return err_set(err, EINVAL, "flag needs an argument: --%s", o->name);
	}
	return store(p, o, value, err);
}

int options_parse(const struct option_parse *parse, struct arena *arena, struct option_args *ret,
		  struct err *err)
{
	struct parser p = { .in = parse, .arena = arena };
	char **argv = parse->argv;
	bool ended = false;
	int n = 0;

	while (p.next < parse->argc && !p.help) {
		char *word = argv[p.next++];
		if (ended || word[0] != '-' || word[1] == 0) {
			/* n never passes p.next: what is overwritten has been read */
			argv[n++] = word;
			ended = ended || parse->stop_at_first;
		} else if (strcmp(word, "--") == 0) {
			ended = true;
		} else if (parse_word(&p, word, err) < 0) {
			return -1;
		}
	}
	argv[n] = NULL;
	*ret = (struct option_args){ .v = argv, .n = n, .help = p.help };
	return 0;
}
