/* SPDX-License-Identifier: Apache-2.0 */
/* filter_cache.h - compiled seccomp programs in files
 *
 * Only for filter.c.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_FILTER_CACHE_H
#define SKERRY_RUNTIME_ISOLATE_FILTER_CACHE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* The program stored under the key, in the arena; false when there is none that can be
 * believed. */
bool filter_cache_find(int dir, const void *key, size_t key_len, struct arena *arena,
		       struct sock_filter **ret, size_t *ret_n);

/* Stores it.  That it can't be stored is of no consequence. */
void filter_cache_add(int dir, const void *key, size_t key_len, const struct sock_filter *insn,
		      size_t n);

#endif
