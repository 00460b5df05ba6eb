/* SPDX-License-Identifier: Apache-2.0 */
/* timestamp_test.c - RFC 3339 as images write it, and what --filter until takes */
#include "image/timestamp.h"

#include <stdlib.h>
#include <time.h>

#include "tests/unit/test.h"

#define NOW 1800000000 /* 2027-01-15T08:00:00Z */

static int64_t until(const char *text)
{
	int64_t t = -2;

	return timestamp_until(text, NOW, &t) == 0 ? t : -1;
}

TEST(an_age_counts_back_from_now)
{
	CHECK_INT(until("10m"), NOW - 600 + 1);
	CHECK_INT(until("1h30m"), NOW - 5400 + 1);
	CHECK_INT(until("0s"), NOW + 1);
}

TEST(a_number_is_seconds_since_1970)
{
	CHECK_INT(until("0"), 0);
	CHECK_INT(until("1700000000"), 1700000000);
	CHECK_INT(until("1700000000.25"), 1700000000);
}

TEST(a_date_may_leave_out_what_is_zero)
{
	setenv("TZ", "UTC", 1);
	tzset();
	CHECK_INT(until("2027-01-15"), NOW - 8 * 3600);
	CHECK_INT(until("2027-01-15T08"), NOW);
	CHECK_INT(until("2027-01-15T08:00"), NOW);
	CHECK_INT(until("2027-01-15T08:00:00"), NOW);
	CHECK_INT(until("2027-01-15T08:00:00.123"), NOW);
	CHECK_INT(until("2027-01-15T08:00:01Z"), NOW + 1);
}

TEST(a_date_with_a_zone_is_of_that_zone)
{
	CHECK_INT(until("2027-01-15Z"), NOW - 8 * 3600);
	CHECK_INT(until("2027-01-15T10:00+02:00"), NOW);
	CHECK_INT(until("2027-01-15T03:00:00.5-05:00"), NOW);
}

TEST(a_date_without_a_zone_is_local)
{
	setenv("TZ", "ABC-3", 1);
	tzset();
	CHECK_INT(until("2027-01-15T11:00:00"), NOW);
	CHECK_INT(until("2027-01-15T08:00:00Z"), NOW);
	setenv("TZ", "UTC", 1);
	tzset();
}

TEST(what_is_no_time_is_refused)
{
	static const char *const bad[] = { "",
					   ".",
					   "x",
					   "2027-01",
					   "2027-13-01",
					   "2027-01-15T",
					   "2027-01-15T08:00:00+2",
					   "99999999999999999999" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(until(bad[i]), -1);
}

TEST(an_image_says_when_it_was_made)
{
	CHECK_INT(timestamp_parse("2027-01-15T08:00:00Z"), NOW);
	CHECK_INT(timestamp_parse("2027-01-15T08:00:00.999999999Z"), NOW);
	CHECK_INT(timestamp_parse("2027-01-15T10:00:00+02:00"), NOW);
	CHECK_INT(timestamp_parse("yesterday"), 0);
	CHECK_INT(timestamp_parse(NULL), 0);
}
