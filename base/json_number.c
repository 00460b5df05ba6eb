/* SPDX-License-Identifier: Apache-2.0 */
/* json_number.c - the integer in a JSON number's text
 *
 * RFC 8259 "Numbers", without fraction and exponent.
 */
#include "base/json_number.h"

#include <errno.h>

int json_number_parse(const char *s, size_t len, struct json_number *ret)
{
	size_t i = 0;

	ret->magnitude = 0;
	ret->negative = len > 0 && s[0] == '-';
	if (ret->negative)
		i++;
	for (; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return EINVAL;
		if (__builtin_mul_overflow(ret->magnitude, 10U, &ret->magnitude) ||
		    __builtin_add_overflow(ret->magnitude, (uint64_t)(s[i] - '0'), &ret->magnitude))
			return ERANGE;
	}
	return 0;
}
