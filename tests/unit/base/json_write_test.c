/* SPDX-License-Identifier: Apache-2.0 */
/* json_write_test.c - writing documents */
#include <math.h>

#include "base/json.h"
#include "tests/unit/test.h"

static const char *written(struct buf *b, const char *s)
{
	struct json_out o;

	buf_clear(b);
	json_out_init(&o, b, 0);
	json_string(&o, s);
	return b->s;
}

static void write_sample(struct json_out *o)
{
	json_begin_object(o);
	json_kv_string(o, "path", "/a/b");
	json_key(o, "list");
	json_begin_array(o);
	json_int(o, -1);
	json_begin_object(o);
	json_end_object(o);
	json_end_array(o);
	json_kv_bool(o, "yes", true);
	json_key(o, "none");
	json_begin_array(o);
	json_end_array(o);
	json_end_object(o);
}

TEST(indent_zero_is_compact)
{
	AUTO_BUF b;
	struct json_out o;

	buf_init(&b);
	json_out_init(&o, &b, 0);
	write_sample(&o);
	CHECK_STR(b.s, "{\"path\":\"/a/b\",\"list\":[-1,{}],\"yes\":true,\"none\":[]}");
}

TEST(indented_by_spaces_or_tabs_empty_ones_stay_on_a_line)
{
	AUTO_BUF b;
	struct json_out o;

	buf_init(&b);
	json_out_init(&o, &b, 2);
	write_sample(&o);
	CHECK_STR(b.s, "{\n  \"path\": \"/a/b\",\n  \"list\": [\n    -1,\n    {}\n  ],\n"
		       "  \"yes\": true,\n  \"none\": []\n}");
	buf_clear(&b);
	json_out_init(&o, &b, JSON_TABS);
	json_begin_object(&o);
	json_kv_uint(&o, "n", UINT64_MAX);
	json_end_object(&o);
	CHECK_STR(b.s, "{\n\t\"n\": 18446744073709551615\n}");
}

TEST(what_must_be_escaped_is_and_nothing_else)
{
	AUTO_BUF b;

	buf_init(&b);
	CHECK_STR(written(&b, "a\"\\\n\t\r\b\f\x01\x1f/<é"),
		  "\"a\\\"\\\\\\n\\t\\r\\b\\f\\u0001\\u001f/<é\"");
	CHECK_STR(written(&b, ""), "\"\"");
	CHECK_STR(written(&b, NULL), "null");
}

TEST(invalid_utf_8_becomes_replacement_characters)
{
	static const char *const bad[] = { "\xff", "\x80", "\xc2", "\xf5", "\xc0", "\xc1" };
	AUTO_BUF b;

	buf_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_STR(written(&b, bad[i]), "\"\xef\xbf\xbd\"");
	/* overlong, surrogate, beyond U+10FFFF: every byte on its own */
	CHECK_STR(written(&b, "\xe0\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	CHECK_STR(written(&b, "\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	CHECK_STR(written(&b, "\xf4\x90\x80\x80"),
		  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	CHECK_STR(written(&b, "\xe2\x82z"), "\"\xef\xbf\xbd\xef\xbf\xbdz\"");
	CHECK_STR(written(&b, "\xed\x9f\xbf\xf4\x8f\xbf\xbf\xe0\xa0\x80"),
		  "\"\xed\x9f\xbf\xf4\x8f\xbf\xbf\xe0\xa0\x80\"");
}

TEST(numbers_are_the_shortest_that_read_back)
{
	AUTO_BUF b;
	struct json_out o;

	buf_init(&b);
	json_out_init(&o, &b, 0);
	json_begin_array(&o);
	json_double(&o, 0.1);
	json_double(&o, 1e300);
	json_double(&o, 1.0 / 3);
	json_double(&o, (double)NAN);
	json_double(&o, -(double)INFINITY);
	json_int(&o, INT64_MIN);
	json_null(&o);
	json_raw(&o, "{\"r\":1}");
	json_end_array(&o);
	CHECK_STR(b.s, "[0.1,1e+300,0.3333333333333333,null,null,-9223372036854775808,null,"
		       "{\"r\":1}]");
}
