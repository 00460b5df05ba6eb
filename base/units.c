/* SPDX-License-Identifier: Apache-2.0 */
/* units.c - numbers and lists from text; the whole string must be the number
 *
 * Nothing here allocates or asks the system (not even for the time zone).
 * cpuset(7) "List format"; Go's time.ParseDuration; RFC 3339.
 */
#include "base/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NS_PER_SECOND	INT64_C(1000000000)
#define ID_MAX		UINT64_C(4294967294) /* (uid_t)-1 means "leave as it is" */
/* More digits of a fraction than this say nothing in any unit here. */
#define FRACTION_DIGITS 9

static int fail(int code)
{
	errno = code;
	return -1;
}

/* Digits at *text, at least one, moved past; at most max. */
static int take_u64(const char **text, uint64_t max, uint64_t *ret)
{
	const char *p = *text;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return fail(EINVAL);
	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned int digit = (unsigned int)(*p - '0');

		if (v > (UINT64_MAX - digit) / 10)
			return fail(ERANGE);
		v = v * 10 + digit;
	}
	if (v > max)
		return fail(ERANGE);
	*text = p;
	*ret = v;
	return 0;
}

/* An optional ".digits" at *text in billionths; digits beyond are dropped. */
static int take_fraction(const char **text, uint64_t *ret)
{
	uint64_t v = 0;
	int n = 0;

	*ret = 0;
	if (**text != '.')
		return 0;
	++*text;
	if (**text < '0' || **text > '9')
		return fail(EINVAL);
	for (; **text >= '0' && **text <= '9'; ++*text) {
		if (n < FRACTION_DIGITS) {
			v = v * 10 + (uint64_t)(**text - '0');
			n++;
		}
	}
	for (; n < FRACTION_DIGITS; n++)
		v *= 10;
	*ret = v;
	return 0;
}

/* whole.fraction times unit, rounded down; at most INT64_MAX. */
static int scale(uint64_t whole, uint64_t billionths, uint64_t unit, int64_t *ret)
{
	unsigned __int128 v = (unsigned __int128)whole * unit;

	v += (unsigned __int128)billionths * unit / NS_PER_SECOND;
	if (v > INT64_MAX)
		return fail(ERANGE);
	*ret = (int64_t)v;
	return 0;
}

int units_u64(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t v;

	if (take_u64(&text, max, &v) < 0)
		return -1;
	if (*text != '\0')
		return fail(EINVAL);
	*ret = v;
	return 0;
}

int units_i64(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *text == '-';
	uint64_t v;
	int64_t value;

	if (units_u64(text + negative, (uint64_t)INT64_MAX + negative, &v) < 0)
		return -1;
	/* -(v - 1) - 1 reaches INT64_MIN without overflow. */
	value = negative && v > 0 ? -(int64_t)(v - 1) - 1 : (int64_t)v;
	if (value < min || value > max)
		return fail(ERANGE);
	*ret = value;
	return 0;
}

int units_bytes(const char *text, int64_t *ret)
{
	static const char *const suffixes[] = { "b", "k", "m", "g", "t", "p" };
	uint64_t whole, fraction, unit = 1;
	int64_t v;

	if (strcmp(text, "-1") == 0) {
		*ret = -1;
		return 0;
	}
	if (take_u64(&text, INT64_MAX, &whole) < 0 || take_fraction(&text, &fraction) < 0)
		return -1;
	if (*text != '\0') {
		size_t i = 0, n = sizeof(suffixes) / sizeof(suffixes[0]);

		while (i < n && strncasecmp(text, suffixes[i], 1) != 0)
			i++;
		if (i == n)
			return fail(EINVAL);
		text++;
		if (*text != '\0' &&
		    (i == 0 || (strcasecmp(text, "b") != 0 && strcasecmp(text, "ib") != 0)))
			return fail(EINVAL);
		unit = UINT64_C(1) << (10 * i);
	}
	if (scale(whole, fraction, unit, &v) < 0)
		return -1;
	*ret = v;
	return 0;
}

int units_duration(const char *text, int64_t *ret_ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		/* longer names first: "ms" before "m" */
		{ "ns", 1 },
		{ "us", 1000 },
		{ "\xc2\xb5s", 1000 }, /* micro sign */
		{ "\xce\xbcs", 1000 }, /* Greek mu */
		{ "ms", 1000000 },
		{ "s", NS_PER_SECOND },
		{ "m", 60 * NS_PER_SECOND },
		{ "h", 3600 * NS_PER_SECOND },
	};
	bool negative = *text == '-';
	int64_t total = 0;

	if (*text == '-' || *text == '+')
		text++;
	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	do {
		uint64_t whole, fraction;
		int64_t part;
		size_t i = 0, n = sizeof(units) / sizeof(units[0]);

		if (take_u64(&text, INT64_MAX, &whole) < 0 || take_fraction(&text, &fraction) < 0)
			return -1;
		while (i < n && strncmp(text, units[i].name, strlen(units[i].name)) != 0)
			i++;
		if (i == n)
			return fail(EINVAL);
		text += strlen(units[i].name);
		if (scale(whole, fraction, (uint64_t)units[i].ns, &part) < 0)
			return -1;
		if (__builtin_add_overflow(total, part, &total))
			return fail(ERANGE);
	} while (*text != '\0');
	*ret_ns = negative ? -total : total;
	return 0;
}

int units_id(const char *text, uint32_t *ret)
{
	uint64_t v;

	if (units_u64(text, ID_MAX, &v) < 0)
		return -1;
	*ret = (uint32_t)v;
	return 0;
}

/* Walks the list; with a mask the bits are set, without it is only checked. */
static int walk_cpu_list(const char *p, uint64_t max, unsigned char *mask)
{
	for (;;) {
		uint64_t first, last;

		if (take_u64(&p, max, &first) < 0)
			return -1;
		last = first;
		if (*p == '-') {
			p++;
			if (take_u64(&p, max, &last) < 0)
				return -1;
		}
		if (last < first)
			return fail(EINVAL);
		for (uint64_t bit = first; mask && bit <= last; bit++)
			mask[bit / 8] |= (unsigned char)(1U << (bit % 8));
		if (*p == '\0')
			return 0;
		if (*p++ != ',')
			return fail(EINVAL);
	}
}

int units_cpu_list(const char *text, unsigned char *mask, size_t size)
{
	if (size == 0)
		return fail(ERANGE);
	if (walk_cpu_list(text, (uint64_t)size * 8 - 1, NULL) < 0)
		return -1;
	return walk_cpu_list(text, (uint64_t)size * 8 - 1, mask);
}

void units_time(const struct timespec *t, char *dst, size_t size)
{
	/* Days since 1970 to a date of the Gregorian calendar: eras of 400 years
	 * that begin on a first of March, so that the leap day is a year's last.
	 * gmtime_r(3) would do, but it reads the time zone's file and allocates. */
	int64_t days = t->tv_sec / 86400, rest = t->tv_sec % 86400;
	int64_t era, day, year, yday, shifted;
	int month;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	days += 719468; /* from 0000-03-01 */
	era = (days >= 0 ? days : days - 146096) / 146097;
	day = days - era * 146097;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	yday = day - (365 * year + year / 4 - year / 100);
	shifted = (5 * yday + 2) / 153; /* 0 is March */
	month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
	year += era * 400 + (month <= 2);
	(void)snprintf(dst, size, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", (int)year, month,
		       (int)(yday - (153 * shifted + 2) / 5 + 1), (int)(rest / 3600),
		       (int)(rest / 60 % 60), (int)(rest % 60), (long)t->tv_nsec);
}
