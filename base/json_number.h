/* SPDX-License-Identifier: Apache-2.0 */
/* json_number.h - the integer in a JSON number's text */
#ifndef SKERRY_BASE_JSON_NUMBER_H
#define SKERRY_BASE_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_number {
	bool negative;
	uint64_t magnitude;
};

/* Digits with an optional '-': 0, EINVAL for a fraction, ERANGE beyond 64 bits. */
int json_number_parse(const char *s, size_t len, struct json_number *ret);

#endif
