/* SPDX-License-Identifier: Apache-2.0 */
/* base64.c - bytes as text, RFC 4648 section 4 with padding */
#include "base/base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t size, struct buf *out)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t bits = (uint32_t)p[i] << 16;
		char third = '=', fourth = '=';

		if (left > 1) {
			bits |= (uint32_t)p[i + 1] << 8;
			third = digits[bits >> 6 & 63];
		}
		if (left > 2) {
			bits |= p[i + 2];
			third = digits[bits >> 6 & 63];
			fourth = digits[bits & 63];
		}
		buf_putc(out, digits[bits >> 18]);
		buf_putc(out, digits[bits >> 12 & 63]);
		buf_putc(out, third);
		buf_putc(out, fourth);
	}
}

static int digit_value(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Four characters of which `n` carry bits; the bits that are left over must be 0. */
static int decode_group(const char *text, size_t n, struct buf *out)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		int v = i < n ? digit_value(text[i]) : 0;

		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
	}
	if ((n == 2 && (bits & 0xffff)) || (n == 3 && (bits & 0xff)))
		return -1;
	for (size_t i = 0; i + 1 < n; i++)
		buf_putc(out, (char)(bits >> (16 - 8 * i)));
	return 0;
}

int base64_decode(const char *text, size_t len, struct buf *out)
{
	if (len % 4 != 0) {
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < len; i += 4) {
		size_t n = 4;

		if (i + 4 == len && text[i + 3] == '=')
			n = text[i + 2] == '=' ? 2 : 3;
		if (decode_group(text + i, n, out) < 0) {
			errno = EINVAL;
			return -1;
		}
	}
	return 0;
}
