/* SPDX-License-Identifier: Apache-2.0 */
/* timestamp.c - RFC 3339 as images write it
 *
 * reproducible-builds.org's SOURCE_DATE_EPOCH replaces the present time in what
 * is written.
 */
#include "image/timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/units.h"

#define NS_PER_SECOND 1000000000

/* Two digits (or `n`) at s, or -1. */
static int number(const char *s, int n)
{
	int v = 0;
	for (int i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = 10 * v + (s[i] - '0');
	}
	return v;
}

/* "+02:00", "-05:30" or "Z": seconds east of UTC. */
static int64_t offset(const char *s)
{
	if ((s[0] != '+' && s[0] != '-') || strlen(s) < 6)
		return 0;
	int h = number(s + 1, 2), m = number(s + 4, 2);
	if (h < 0 || m < 0)
		return 0;
	return (s[0] == '-' ? -1 : 1) * (int64_t)(h * 3600 + m * 60);
}

int64_t timestamp_parse(const char *text)
{
	if (!text || strlen(text) < 19)
		return 0;
	struct tm t = {
		.tm_year = number(text, 4) - 1900,
		.tm_mon = number(text + 5, 2) - 1,
		.tm_mday = number(text + 8, 2),
		.tm_hour = number(text + 11, 2),
		.tm_min = number(text + 14, 2),
		.tm_sec = number(text + 17, 2),
	};
	if (t.tm_year < -1900 || t.tm_mon < 0 || t.tm_mon > 11 || t.tm_mday < 1 || t.tm_mday > 31 ||
	    t.tm_hour < 0 || t.tm_min < 0 || t.tm_sec < 0)
		return 0;
	const char *zone = text + 19;
	if (*zone == '.')
		zone += 1 + strspn(zone + 1, "0123456789");
	return (int64_t)timegm(&t) - offset(zone);
}

/* "2026-01-02[T03[:04[:05[.6]]]][ZONE]" */
static int date(const char *text, int64_t *ret)
{
	static const char form[] = "0000-00-00T00:00:00";
	struct tm t = { .tm_mday = 1, .tm_isdst = -1 };
	int *const parts[] = {
		&t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec
	};
	size_t at = 0, part = 0;

	while (part < ARRAY_SIZE(parts)) {
		int digits = part == 0 ? 4 : 2;

		*parts[part] = number(text + at, digits);
		if (*parts[part] < 0)
			return -1;
		at += (size_t)digits;
		part++;
		/* a "-" behind the day or the minute begins a zone */
		if (part < ARRAY_SIZE(parts) && text[at] != form[at])
			break;
		at += part < ARRAY_SIZE(parts);
	}
	if (part < 3 || t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31)
		return -1;
	t.tm_year -= 1900;
	t.tm_mon--;
	if (text[at] == '.' && part == ARRAY_SIZE(parts))
		at += 1 + strspn(text + at + 1, "0123456789");
	if (!text[at]) {
		*ret = mktime(&t);
		return 0;
	}
	if (strcmp(text + at, "Z") != 0 && (strlen(text + at) != 6 || !strchr("+-", text[at])))
		return -1;
	*ret = (int64_t)timegm(&t) - offset(text + at);
	return 0;
}

int timestamp_until(const char *text, int64_t now, int64_t *ret)
{
	char whole[24];
	size_t digits = strspn(text, "0123456789");
	const char *rest = text + digits;
	int64_t ns;

	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	/* a plain number is never an age, be it "0" */
	if (!*rest && str_format(whole, sizeof(whole), "%.*s", (int)digits, text) == 0)
		return units_i64(whole, 0, INT64_MAX, ret);
	if (units_duration(text, &ns) == 0) {
		/* of this second all of it so far */
		*ret = now - ns / NS_PER_SECOND + 1;
		return 0;
	}
	return date(text, ret);
}

void timestamp_age(int64_t seconds, int64_t now, char *dst, size_t size)
{
	static const struct {
		int64_t span;
		const char *unit;
	} units[] = { { 365 * 86400LL, "year" }, { 30 * 86400LL, "month" }, { 7 * 86400LL, "week" },
		      { 86400LL, "day" },	 { 3600LL, "hour" },	    { 60LL, "minute" } };
	int64_t age = now > seconds ? now - seconds : 0;
	if (seconds == 0) {
		(void)!str_copy(dst, size, "unknown");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		long long n = age / units[i].span;
		if (n < 1)
			continue;
		(void)!snprintf(dst, size, "%lld %s%s ago", n, units[i].unit, n == 1 ? "" : "s");
		return;
	}
	(void)!str_copy(dst, size, "just now");
}

void timestamp_now(char *dst, size_t size)
{
	struct timespec t = { 0 };
	const char *epoch = getenv("SOURCE_DATE_EPOCH"); /* NOLINT(concurrency-mt-unsafe) */
	uint64_t seconds;
	if (epoch && units_u64(epoch, INT32_MAX, &seconds) == 0)
		t.tv_sec = (time_t)seconds;
	else
		(void)clock_gettime(CLOCK_REALTIME, &t);
	units_time(&t, dst, size);
}
