/* SPDX-License-Identifier: Apache-2.0 */
/* filter_words.h - the words of a seccomp profile and the kernel's numbers
 *
 * Only for filter.c; the lists of words are in runtime/spec/names.h.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_FILTER_WORDS_H
#define SKERRY_RUNTIME_ISOLATE_FILTER_WORDS_H

#include "base/err.h"
#include "base/json.h"
#include "runtime/isolate/filter.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
# define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* SECCOMP_FILTER_FLAG_*, in the order of seccomp_flag_names. */
extern const unsigned int filter_flags[];

/* Place of a word in a NULL-ended list, or -1. */
int filter_word(const char *const *names, const char *word);

/* A word and its errno to SECCOMP_RET_*: 0; 1 no such word; 2 an errno that doesn't belong. */
int filter_action(const char *word, const struct opt_u64 *errno_ret, uint32_t *ret);

/* "seccomp: bad WHAT "VALUE"" at the JSON pointer /linux/seccomp/FORMAT...; -1. */
int filter_bad(struct err *err, const char *what, const char *value, const char *format, ...)
	PRINTF(4, 5);

#endif
