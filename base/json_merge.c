/* SPDX-License-Identifier: Apache-2.0 */
/* json_merge.c - one document changed by another
 *
 * As RFC 7396 has it, but that null leaves things as they are, as everywhere in
 * json.h.  Keys are compared as they are written.
 */
#include <errno.h>
#include <string.h>

#include "base/json.h"

static bool is_object(const char *text)
{
	while (*text && strchr(" \t\r\n", *text))
		text++;
	return *text == '{';
}

static const char *value_of(const struct pairs *p, const char *key)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].key, key) == 0)
			return p->v[i].value;
	return NULL;
}

static void add_member(struct buf *ret, bool *comma, const char *key)
{
	buf_printf(ret, "%s\"%s\":", *comma ? "," : "", key);
	*comma = true;
}

int json_merge(const char *base, const char *patch, struct arena *arena, struct buf *ret,
	       struct err *err)
{
	struct pairs old = { 0 }, new;
	bool comma = false;

	if (json_split_object(patch, strlen(patch), arena, &new, err) < 0 ||
	    (is_object(base) && json_split_object(base, strlen(base), arena, &old, err) < 0))
		return -1;
	buf_putc(ret, '{');
	for (size_t i = 0; i < old.n; i++) {
		const char *change = value_of(&new, old.v[i].key);

		add_member(ret, &comma, old.v[i].key);
		if (!change || strcmp(change, "null") == 0)
			buf_puts(ret, old.v[i].value);
		else if (!is_object(change))
			buf_puts(ret, change);
		else if (json_merge(old.v[i].value, change, arena, ret, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < new.n; i++) {
		if (value_of(&old, new.v[i].key))
			continue;
		add_member(ret, &comma, new.v[i].key);
		buf_puts(ret, new.v[i].value);
	}
	buf_putc(ret, '}');
	return buf_failed(ret) ? err_set(err, ENOMEM, "out of memory") : 0;
}
