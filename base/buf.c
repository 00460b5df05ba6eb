/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c - a growing byte string, always NUL-terminated, with a maximum */
#include "base/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_CAP_MIN 128

/* What .s points to while nothing is allocated; nobody writes to it. */
static char empty[1];

void free_cleanup(void *p)
{
	void *memory;
	int saved = errno;

	memcpy(&memory, p, sizeof(memory));
	free(memory);
	errno = saved;
}

void buf_init_max(struct buf *b, size_t max)
{
	/* Doubling must not overflow, whatever the caller allows. */
	if (max > SIZE_MAX / 4)
		max = SIZE_MAX / 4;
	*b = (struct buf){ .s = empty, .max = max };
}

void buf_init(struct buf *b)
{
	buf_init_max(b, BUF_MAX_DEFAULT);
}

void buf_release(struct buf *b)
{
	int saved = errno;

	if (b->cap > 0)
		free(b->s);
	buf_init_max(b, b->max);
	errno = saved;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->cap > 0)
		b->s[0] = '\0';
}

int buf_reserve(struct buf *b, size_t extra)
{
	size_t cap = b->cap;
	char *s;

	if (b->failed)
		return -1;
	if (b->len > b->max || extra > b->max - b->len) {
		b->failed = true;
		errno = EFBIG;
		return -1;
	}
	if (b->cap > 0 && extra < b->cap - b->len)
		return 0;
	if (cap < BUF_CAP_MIN)
		cap = BUF_CAP_MIN;
	while (cap - b->len <= extra)
		cap *= 2;
	s = realloc(b->cap > 0 ? b->s : NULL, cap);
	if (!s) {
		b->failed = true;
		return -1;
	}
	if (b->cap == 0)
		s[0] = '\0';
	b->s = s;
	b->cap = cap;
	return 0;
}

char *buf_take(struct buf *b)
{
	char *s = NULL;

	if (buf_reserve(b, 0) == 0) { /* an empty one owns no memory yet */
		s = b->s;
		b->cap = 0;
	}
	buf_release(b);
	return s;
}

void buf_add(struct buf *b, const void *data, size_t size)
{
	if (size == 0 || buf_reserve(b, size) < 0)
		return;
	memcpy(b->s + b->len, data, size);
	b->len += size;
	b->s[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *format, va_list ap)
{
	va_list again;
	int n;

	if (buf_reserve(b, 0) < 0)
		return;
	va_copy(again, ap);
	n = vsnprintf(b->s + b->len, b->cap - b->len, format, ap);
	if (n >= 0 && (size_t)n >= b->cap - b->len) {
		b->s[b->len] = '\0';
		if (buf_reserve(b, (size_t)n) == 0)
			n = vsnprintf(b->s + b->len, b->cap - b->len, format, again);
	} else if (n >= 0 && (size_t)n > b->max - b->len) {
		b->s[b->len] = '\0';
		b->failed = true; /* it fits the memory but not the promise */
	}
	va_end(again);
	if (n < 0)
		b->failed = true;
	if (!b->failed)
		b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_vprintf(b, format, ap);
	va_end(ap);
}

bool buf_failed(const struct buf *b)
{
	return b->failed;
}

int str_format(char *dst, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(dst, size, format, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < size)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

int str_copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (size == 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (len < size) {
		memcpy(dst, src, len + 1);
		return 0;
	}
	memcpy(dst, src, size - 1);
	dst[size - 1] = '\0';
	errno = ENAMETOOLONG;
	return -1;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_eq(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}
