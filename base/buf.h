/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h - a growing byte string, always NUL-terminated, with a maximum
 *
 * Failure is sticky: after one append failed (no memory, or the maximum
 * reached) the others do nothing, and buf_failed() says so once at the end.
 */
#ifndef SKERRY_BASE_BUF_H
#define SKERRY_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

#define BUF_MAX_DEFAULT ((size_t)64 << 20)

struct buf {
	char *s; /* never NULL after buf_init(): "" while empty */
	size_t len, cap, max;
	bool failed;
};

#define AUTO_BUF  CLEANUP(buf_release) struct buf
#define AUTO_FREE CLEANUP(free_cleanup)
void free_cleanup(void *p); /* frees *(void **)p */
/* The pointer; *p becomes NULL. */
#define take(p)             \
 (                          \
	 {                  \
__typeof__(*(p)) taken_ = *(p); \
*(p) = NULL;                    \
taken_;                         \
	 })

void buf_init(struct buf *b);
void buf_init_max(struct buf *b, size_t max);
void buf_release(struct buf *b); /* contents freed, b is garbage */
void buf_clear(struct buf *b); /* length 0, memory kept, failed forgotten */
char *buf_take(struct buf *b); /* caller now owns the string; b is ready again; NULL if failed */
/* Room for `extra` more bytes behind len, to be written there by the caller, who then adds to len
 * and terminates; 0, or -1 (EFBIG above the maximum, ENOMEM). */
int buf_reserve(struct buf *b, size_t extra);
void buf_add(struct buf *b, const void *data, size_t size);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list ap) PRINTF(2, 0);
bool buf_failed(const struct buf *b);

/* snprintf() whose truncation is an error: 0, or -1 with errno ENAMETOOLONG. */
int str_format(char *dst, size_t size, const char *format, ...) PRINTF(3, 4) MUST_CHECK;
/* Bounded copy, always terminated: 0, or -1 (ENAMETOOLONG) when cut. */
int str_copy(char *dst, size_t size, const char *src);
bool str_starts(const char *s, const char *prefix);
bool str_eq(const char *a, const char *b); /* NULL equals only NULL */

#endif
