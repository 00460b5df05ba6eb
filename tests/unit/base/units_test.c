/* SPDX-License-Identifier: Apache-2.0 */
/* units_test.c - numbers and lists from text */
#include "base/units.h"

#include <errno.h>

#include "base/compiler.h"
#include "tests/unit/test.h"

TEST(unsigned_numbers_are_digits_only)
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1.0", "a", "1\n" };
	uint64_t v = 99;

	CHECK_INT(units_u64("0", 10, &v), 0);
	CHECK_INT(v, 0);
	CHECK_INT(units_u64("007", 10, &v), 0);
	CHECK_INT(v, 7);
	CHECK_INT(units_u64("18446744073709551615", UINT64_MAX, &v), 0);
	CHECK(v == UINT64_MAX);
	v = 99;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		errno = 0;
		CHECK_INT(units_u64(bad[i], UINT64_MAX, &v), -1);
		CHECK_INT(errno, EINVAL);
	}
	CHECK_INT(units_u64("18446744073709551616", UINT64_MAX, &v), -1);
	CHECK_INT(errno, ERANGE);
	CHECK_INT(units_u64("11", 10, &v), -1);
	CHECK_INT(errno, ERANGE);
	CHECK_INT(v, 99);
}

TEST(signed_numbers_reach_both_ends)
{
	int64_t v = 99;

	CHECK_INT(units_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v), 0);
	CHECK(v == INT64_MIN);
	CHECK_INT(units_i64("9223372036854775807", INT64_MIN, INT64_MAX, &v), 0);
	CHECK(v == INT64_MAX);
	CHECK_INT(units_i64("-0", INT64_MIN, INT64_MAX, &v), 0);
	CHECK_INT(v, 0);
	CHECK_INT(units_i64("9223372036854775808", INT64_MIN, INT64_MAX, &v), -1);
	CHECK_INT(units_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &v), -1);
	CHECK_INT(units_i64("-1001", -1000, 1000, &v), -1);
	CHECK_INT(errno, ERANGE);
	CHECK_INT(units_i64("--1", -1000, 1000, &v), -1);
	CHECK_INT(units_i64("-", -1000, 1000, &v), -1);
	CHECK_INT(v, 0);
}

TEST(bytes_take_suffixes)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} good[] = {
		{ "4096", 4096 },      { "-1", -1 },	    { "512m", 512 << 20 },
		{ "1GiB", 1 << 30 },   { "2K", 2048 },	    { "1kb", 1024 },
		{ "1t", 1LL << 40 },   { "3P", 3LL << 50 }, { "7b", 7 },
		{ "1.5g", 3LL << 29 }, { "0", 0 },	    { "0.5k", 512 },
	};
	static const char *const bad[] = { "",	"-2", "1x",  "1gg", "1kib2",
					   "m", "1.", "1 k", "1bb", "9223372036854775807k" };
	int64_t v = 0;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		v = -99;
		CHECK_INT(units_bytes(good[i].text, &v), 0);
		CHECK_INT(v, good[i].bytes);
	}
	v = -99;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(units_bytes(bad[i], &v), -1);
	CHECK_INT(v, -99);
}

TEST(durations_are_gos)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "5s", 5000000000 },
		{ "1m30s", 90000000000 },
		{ "250ms", 250000000 },
		{ "1.5h", 5400000000000 },
		{ "0", 0 },
		{ "-2s", -2000000000 },
		{ "1us", 1000 },
		{ "1\xc2\xb5s", 1000 },
		{ "7ns", 7 },
		{ "0.000000001s", 1 },
	};
	static const char *const bad[] = {
		"", "5", "s", "5s3", "1d", "1h-1m", "10000000000h", "-"
	};
	int64_t v = 0;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		v = -99;
		CHECK_INT(units_duration(good[i].text, &v), 0);
		CHECK_INT(v, good[i].ns);
	}
	v = -99;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(units_duration(bad[i], &v), -1);
	CHECK_INT(v, -99);
}

TEST(the_last_id_is_no_id)
{
	uint32_t id = 5;

	CHECK_INT(units_id("4294967294", &id), 0);
	CHECK_INT(id, 4294967294);
	CHECK_INT(units_id("4294967295", &id), -1);
	CHECK_INT(units_id("-1", &id), -1);
	CHECK_INT(id, 4294967294);
}

TEST(cpu_lists_set_bits)
{
	static const char *const bad[] = { "",	 "3-1", "0-",	"-1", "1,,2",
					   "1,", "24",	"0-24", "a",  "1 2" };
	unsigned char mask[3] = { 0 };

	CHECK_INT(units_cpu_list("0-3,7,16-17", mask, sizeof(mask)), 0);
	CHECK_INT(mask[0], 0x8f);
	CHECK_INT(mask[1], 0);
	CHECK_INT(mask[2], 3);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(units_cpu_list(bad[i], mask, sizeof(mask)), -1);
	CHECK_INT(units_cpu_list("8-10,99", mask, sizeof(mask)), -1);
	CHECK_INT(mask[1], 0);
	CHECK_INT(units_cpu_list("0", mask, 0), -1);
}

TEST(time_is_rfc_3339)
{
	char text[40], libc[40];
	struct timespec t = { .tv_sec = 1767323045, .tv_nsec = 6 };

	units_time(&t, text, sizeof(text));
	CHECK_STR(text, "2026-01-02T03:04:05.000000006Z");
	/* every 11 days and some seconds over 400 years around the epoch */
	for (int64_t s = -INT64_C(6311433600); s < INT64_C(6311433600); s += 950461) {
		struct tm tm;
		time_t when = (time_t)s;

		t = (struct timespec){ .tv_sec = when };
		units_time(&t, text, sizeof(text));
		REQUIRE(gmtime_r(&when, &tm));
		REQUIRE(strftime(libc, sizeof(libc), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm) > 0);
		if (strcmp(text, libc) != 0) {
			CHECK_STR(text, libc);
			return;
		}
	}
}
