/* SPDX-License-Identifier: Apache-2.0 */
/* json_write.c - JSON documents out, call by call
 *
 * The caller's order of calls is the document; a comma, a line break and the
 * indentation are put before an element, never after it, so that no call has
 * to know whether another one follows.  An object or array without elements is
 * written as {} or [] in every layout.
 *
 * RFC 8259; "/" and everything beyond ASCII are written as they are, because
 * hooks and engines look for plain paths in what we write.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static void new_line(struct json_out *o)
{
	if (o->indent == 0)
		return;
	buf_putc(o->buf, '\n');
	for (int i = 0; i < o->depth; i++) {
		if (o->indent == JSON_TABS)
			buf_putc(o->buf, '\t');
		else
			buf_printf(o->buf, "%*s", o->indent, "");
	}
}

/* What goes before a key, or before a value that has none. */
static void element(struct json_out *o)
{
	if (o->after_key) {
		o->after_key = false;
		return;
	}
	if (o->comma)
		buf_putc(o->buf, ',');
	if (o->depth > 0)
		new_line(o);
	o->comma = true;
}

static void open_with(struct json_out *o, char c)
{
	element(o);
	buf_putc(o->buf, c);
	o->depth++;
	o->comma = false;
}

static void close_with(struct json_out *o, char c)
{
	o->depth--;
	if (o->comma)
		new_line(o);
	buf_putc(o->buf, c);
	o->comma = true;
}

/* The smallest and largest second byte for a first byte that does not allow
 * all: so overlong forms, surrogates and what lies beyond U+10FFFF fall out. */
static void second_byte(unsigned char first, unsigned char *min, unsigned char *max)
{
	*min = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	*max = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
}

size_t json_utf8_length(const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	unsigned char min, max;

	if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4 || n > size)
		return 0;
	second_byte(s[0], &min, &max);
	for (size_t i = 1; i < n; i++, min = 0x80, max = 0xbf)
		if (s[i] < min || s[i] > max)
			return 0;
	return n;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void escape(struct buf *b, unsigned char c)
{
	static const char letters[][2] = {
		{ '"', '"' },  { '\\', '\\' }, { '\n', 'n' }, { '\t', 't' },
		{ '\r', 'r' }, { '\b', 'b' },  { '\f', 'f' },
	};

	for (size_t i = 0; i < ARRAY_SIZE(letters); i++) {
		if ((unsigned char)letters[i][0] != c)
			continue;
		buf_putc(b, '\\');
		buf_putc(b, letters[i][1]);
		return;
	}
	buf_printf(b, "\\u%04x", c);
}

static void write_string(struct buf *b, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	buf_putc(b, '"');
	while (*s) {
		size_t n = 0;

		while (is_plain(s[n]))
			n++;
		if (n > 0) {
			buf_add(b, s, n);
		} else if (*s < 0x80) {
			escape(b, *s);
			n = 1;
		} else {
			n = json_utf8_length((const char *)s, strnlen((const char *)s, 4));
			if (n > 0)
				buf_add(b, s, n);
			else
				buf_puts(b, REPLACEMENT);
			n = n > 0 ? n : 1;
		}
		s += n;
	}
	buf_putc(b, '"');
}

void json_out_init(struct json_out *o, struct buf *buf, int indent)
{
	*o = (struct json_out){ .buf = buf, .indent = indent };
}

void json_begin_object(struct json_out *o)
{
	open_with(o, '{');
}

void json_end_object(struct json_out *o)
{
	close_with(o, '}');
}

void json_begin_array(struct json_out *o)
{
	open_with(o, '[');
}

void json_end_array(struct json_out *o)
{
	close_with(o, ']');
}

void json_key(struct json_out *o, const char *key)
{
	element(o);
	write_string(o->buf, key);
	buf_puts(o->buf, o->indent == 0 ? ":" : ": ");
	o->after_key = true;
}

void json_string(struct json_out *o, const char *s)
{
	if (!s) {
		json_null(o);
		return;
	}
	element(o);
	write_string(o->buf, s);
}

void json_int(struct json_out *o, int64_t v)
{
	element(o);
	buf_printf(o->buf, "%lld", (long long)v);
}

void json_uint(struct json_out *o, uint64_t v)
{
	element(o);
	buf_printf(o->buf, "%llu", (unsigned long long)v);
}

void json_double(struct json_out *o, double v)
{
	char text[40];

	if (!isfinite(v)) { /* JSON has no word for it */
		json_null(o);
		return;
	}
	element(o);
	/* the shortest form that reads back as the same number */
	for (int digits = 15; digits <= 17; digits++) {
		if (str_format(text, sizeof(text), "%.*g", digits, v) < 0)
			return;
		if (!islessgreater(strtod(text, NULL), v))
			break;
	}
	buf_puts(o->buf, text);
}

void json_bool(struct json_out *o, bool v)
{
	element(o);
	buf_puts(o->buf, v ? "true" : "false");
}

void json_null(struct json_out *o)
{
	element(o);
	buf_puts(o->buf, "null");
}

void json_raw(struct json_out *o, const char *text)
{
	element(o);
	buf_puts(o->buf, text);
}

void json_kv_string(struct json_out *o, const char *key, const char *s)
{
	json_key(o, key);
	json_string(o, s);
}

void json_kv_int(struct json_out *o, const char *key, int64_t v)
{
	json_key(o, key);
	json_int(o, v);
}

void json_kv_uint(struct json_out *o, const char *key, uint64_t v)
{
	json_key(o, key);
	json_uint(o, v);
}

void json_kv_bool(struct json_out *o, const char *key, bool v)
{
	json_key(o, key);
	json_bool(o, v);
}
