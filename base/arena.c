/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c - memory that is freed at once
 *
 * A list of blocks; the newest is cut up from its front.  Blocks come from
 * calloc(3), which knows when fresh memory is zero already.
 */
#include "base/arena.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT  16
#define BLOCK_SIZE ((size_t)16 << 10)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(ALIGNMENT) char data[];
};

void arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

void arena_release(struct arena *a)
{
	while (a->head) {
		struct arena_block *next = a->head->next;

		free(a->head);
		a->head = next;
	}
	a->used = 0;
}

/* A block with room for size bytes at the head of the list. */
static struct arena_block *add_block(struct arena *a, size_t size)
{
	struct arena_block *b;

	if (size < BLOCK_SIZE - sizeof(*b))
		size = BLOCK_SIZE - sizeof(*b);
	/* Zeroed as it is handed out: what is never used stays untouched. */
	b = malloc(sizeof(*b) + size);
	if (!b)
		return NULL;
	b->used = 0;
	b->size = size;
	b->next = a->head;
	a->head = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->head;
	void *p;

	if (size > a->max || a->max - size < a->used || size > SIZE_MAX / 2) {
		errno = ENOMEM;
		return NULL;
	}
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!b || b->size - b->used < size)
		b = add_block(a, size);
	if (!b)
		return NULL;
	p = b->data + b->used;
	b->used += size;
	a->used += size;
	memset(p, 0, size);
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy;

	if (len == SIZE_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	copy = arena_alloc(a, len + 1);
	if (copy && len > 0)
		memcpy(copy, s, len); /* the end is zero already */
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	s = arena_alloc(a, (size_t)n + 1);
	if (!s)
		return NULL;
	va_start(ap, format);
	n = vsnprintf(s, (size_t)n + 1, format, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

void *arena_grow(struct arena *a, void *array, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap > 0 ? *cap * 2 : 8;
	void *p;

	if (n < *cap)
		return array;
	if (more < *cap) {
		errno = ENOMEM;
		return NULL;
	}
	p = arena_array(a, more, size);
	if (!p)
		return NULL;
	if (n > 0)
		memcpy(p, array, n * size);
	*cap = more;
	return p;
}
