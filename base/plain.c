/* SPDX-License-Identifier: Apache-2.0 */
/* plain.c - a stranger's words on a terminal
 *
 * What steers: C0 (U+0000 to U+001F), DEL, and C1 (U+0080 to U+009F), whose
 * U+009B begins a sequence as ESC [ does: written in UTF-8, where 0xc2 comes
 * first, or as a byte of its own, where nothing that it could continue does.
 * ECMA-48 section 5; console_codes(4).
 */
#include "base/plain.h"

#include <stdbool.h>

#define FIRST_PRINTABLE ' '
#define DEL		0x7f
#define C1_FIRST	0x80
#define C1_LAST		0x9f
#define C1_LEAD		0xc2 /* of U+0080 to U+00BF */

static bool steers(const char *text, const char *at)
{
	const unsigned char c = (unsigned char)*at;
	const unsigned char before = at > text ? (unsigned char)at[-1] : 0;

	if (c < FIRST_PRINTABLE || c == DEL)
		return true;
	return c >= C1_FIRST && c <= C1_LAST && (before < C1_FIRST || before == C1_LEAD);
}

char plain_byte(const char *text, const char *at)
{
	if (steers(text, at))
		return '?';
	return *at;
}

void plain_put(struct buf *b, const char *text)
{
	for (const char *at = text; *at; at++)
		buf_putc(b, plain_byte(text, at));
}
