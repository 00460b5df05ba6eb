/* SPDX-License-Identifier: Apache-2.0 */
/* json_split.c - the parts of a JSON object or array as they are written
 *
 * For documents that are passed on: a network configuration goes to a plugin
 * with the keys that nobody here knows.  The text has been accepted by the
 * parser before (json.c), so brackets and strings are all there is to look at;
 * text that was not is refused or cut, never read beyond its end.
 *
 * RFC 8259.
 */
#include <errno.h>
#include <string.h>

#include "base/json.h"

struct scan {
	const char *at, *end;
};

static void skip_space(struct scan *s)
{
	while (s->at < s->end && strchr(" \t\r\n", *s->at))
		s->at++;
}

/* Is c what comes next?  Then it is taken. */
static bool accept(struct scan *s, char c)
{
	skip_space(s);
	if (s->at >= s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* Stands at a quote; behind the closing one afterwards. */
static void skip_string(struct scan *s)
{
	for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
		if (*s->at == '\\' && s->at + 1 < s->end)
			s->at++;
	if (s->at < s->end)
		s->at++;
}

/* Over one value of any kind. */
static void skip_value(struct scan *s)
{
	size_t depth = 0;

	for (; s->at < s->end; s->at++) {
		char c = *s->at;

		if (c == '"') {
			skip_string(s);
			if (depth == 0)
				return;
			s->at--;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (depth == 0)
				return;
			if (--depth == 0) {
				s->at++;
				return;
			}
		} else if (depth == 0 && strchr(", \t\r\n:", c)) {
			return;
		}
	}
}

static char *take_value(struct scan *s, struct arena *arena)
{
	const char *from;

	skip_space(s);
	from = s->at;
	skip_value(s);
	return s->at > from ? arena_strndup(arena, from, (size_t)(s->at - from)) : NULL;
}

static int not_json(const char *what, struct err *err)
{
	return err_set(err, EINVAL, "expected %s", what);
}

int json_split_object(const char *text, size_t len, struct arena *arena, struct pairs *ret,
		      struct err *err)
{
	struct scan s = { text, text + len };
	struct pair *v = NULL;
	size_t n = 0, cap = 0;

	if (!accept(&s, '{'))
		return not_json("an object", err);
	while (!accept(&s, '}')) {
		struct pair *grown;
		const char *key;

		if (n >= JSON_ITEMS_MAX || (n > 0 && !accept(&s, ',')))
			return not_json("a comma between members", err);
		skip_space(&s);
		key = s.at + 1;
		if (s.at >= s.end || *s.at != '"')
			return not_json("a key", err);
		skip_string(&s);
		grown = arena_grow(arena, v, n, &cap, sizeof(*v));
		if (!grown)
			return err_set(err, ENOMEM, "out of memory");
		v = grown;
		v[n].key = s.at > key ? arena_strndup(arena, key, (size_t)(s.at - 1 - key)) : NULL;
		v[n].value = accept(&s, ':') ? take_value(&s, arena) : NULL;
		if (!v[n].key || !v[n].value)
			return not_json("a value", err);
		n++;
	}
	*ret = (struct pairs){ v, n };
	return 0;
}

int json_split_array(const char *text, size_t len, struct arena *arena, struct strings *ret,
		     struct err *err)
{
	struct scan s = { text, text + len };
	char **v = NULL;
	size_t n = 0, cap = 0;

	if (!accept(&s, '['))
		return not_json("an array", err);
	for (;;) {
		char **grown = arena_grow(arena, v, n, &cap, sizeof(*v));

		if (!grown)
			return err_set(err, ENOMEM, "out of memory");
		v = grown;
		v[n] = NULL;
		if (accept(&s, ']'))
			break;
		if (n >= JSON_ITEMS_MAX || (n > 0 && !accept(&s, ',')))
			return not_json("a comma between elements", err);
		v[n] = take_value(&s, arena);
		if (!v[n])
			return not_json("a value", err);
		n++;
	}
	*ret = (struct strings){ v, n };
	return 0;
}
