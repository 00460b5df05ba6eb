/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory that is freed at once
 *
 * Everything decoded from a document or decided in a plan lives in an arena;
 * everyone else borrows it as const.  Memory comes zeroed and aligned to 16.
 * An arena has a maximum, so that a hostile document can't take the machine.
 */
#ifndef SKERRY_BASE_ARENA_H
#define SKERRY_BASE_ARENA_H

#include <stddef.h>

#include "base/compiler.h"

struct arena_block;
struct arena {
	struct arena_block *head;
	size_t used, max;
};
#define ARENA_MAX_DEFAULT ((size_t)128 << 20)

void arena_init(struct arena *a, size_t max);
void arena_release(struct arena *a);

/* Zeroed memory, or NULL with errno ENOMEM. */
void *arena_alloc(struct arena *a, size_t size);
/* n * size with the overflow checked. */
void *arena_array(struct arena *a, size_t n, size_t size);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *format, ...) PRINTF(2, 3);
/* Makes room for one more element in a growing array of n elements with
 * *cap room (doubling); the possibly moved array, or NULL. */
void *arena_grow(struct arena *a, void *array, size_t n, size_t *cap, size_t size);

#endif
