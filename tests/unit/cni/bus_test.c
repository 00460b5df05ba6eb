/* SPDX-License-Identifier: Apache-2.0 */
/* bus_test.c - messages of D-Bus */
#include <errno.h>
#include <string.h>

#include "cni/plugins/firewall/bus.h"
#include "tests/unit/test.h"

/* An error as dbus-daemon 1.14 passes it on: answers call 5, text "ALREADY_SET: x". */
static const uint8_t error_message[] = "l\3\1\1\x13\0\0\0\x09\0\0\0\x27\0\0\0"
				       "\5\1u\0\5\0\0\0"
				       "\4\1s\0\x0f\0\0\0org.example.Bad\0"
				       "\x08\1g\0\1s\0\0"
				       "\x0e\0\0\0ALREADY_SET: x";

TEST(a_call_is_a_message_of_the_length_it_says)
{
	const struct bus_call call = {
		"org.x.D", "/org/x", "org.x.I", "go", { "zone", "10.1.0.2" }
	};
	struct bus_message m;
	AUTO_BUF b;

	buf_init(&b);
	bus_format(&b, &call, 3);
	CHECK(!buf_failed(&b));
	CHECK_INT(bus_length((const uint8_t *)b.s), b.len);
	CHECK_INT(bus_parse((const uint8_t *)b.s, b.len, &m), 0);
	CHECK_INT(m.kind, BUS_OTHER);
	CHECK_STR(m.text, "zone");
}

TEST(an_error_has_its_name_text_and_call)
{
	struct bus_message m;

	CHECK_INT(bus_length(error_message), sizeof(error_message));
	REQUIRE(bus_parse(error_message, sizeof(error_message), &m) == 0);
	CHECK_INT(m.kind, BUS_ERROR);
	CHECK_INT(m.answers, 5);
	CHECK_STR(m.error, "org.example.Bad");
	CHECK_STR(m.text, "ALREADY_SET: x");
}

TEST(the_other_byte_order_is_understood)
{
	static const uint8_t yes[] = "B\2\1\1\0\0\0\4\0\0\0\1\0\0\0\x0f"
				     "\5\1u\0\0\0\0\7"
				     "\x08\1g\0\1b\0\0"
				     "\0\0\0\1";
	struct bus_message m;

	REQUIRE(bus_parse(yes, sizeof(yes) - 1, &m) == 0);
	CHECK_INT(m.kind, BUS_RETURN);
	CHECK_INT(m.answers, 7);
	CHECK(m.yes);
}

TEST(what_is_cut_or_lies_about_its_length_is_refused)
{
	uint8_t copy[sizeof(error_message)];
	struct bus_message m;

	for (size_t size = 0; size < sizeof(error_message); size++)
		CHECK_INT(bus_parse(error_message, size, &m), -1);
	memcpy(copy, error_message, sizeof(copy));
	copy[6] = 0xff; /* a body of 16 MB */
	CHECK_INT(bus_length(copy), -1);
	CHECK_INT(errno, EFBIG);
	memcpy(copy, error_message, sizeof(copy));
	copy[0] = 'x';
	CHECK_INT(bus_length(copy), -1);
	CHECK_INT(errno, EBADMSG);
	memcpy(copy, error_message, sizeof(copy));
	copy[28] = 0xf0; /* a text longer than the message */
	CHECK_INT(bus_parse(copy, sizeof(copy), &m), -1);
}
