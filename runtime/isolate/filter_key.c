/* SPDX-License-Identifier: Apache-2.0 */
/* filter_key.c - what a compiled seccomp program is kept by
 *
 * Everything that has an influence on the program, strings and lists with their
 * length in front, so that no two profiles have one key.  (crun's left out
 * errnoRet and joined strings.)
 */
#include "runtime/isolate/filter_key.h"

#include <seccomp.h>
#include <string.h>

#define COMPILER "skerry-filter-2" /* changes when filter.c makes other programs */

static void key_u64(struct buf *key, uint64_t v)
{
	buf_add(key, &v, sizeof(v));
}

static void key_string(struct buf *key, const char *s)
{
	key_u64(key, s != NULL ? strlen(s) : UINT64_MAX);
	if (s != NULL)
		buf_puts(key, s);
}

static void key_strings(struct buf *key, const struct strings *list)
{
	key_u64(key, list->n);
	for (size_t i = 0; i < list->n; i++)
		key_string(key, list->v[i]);
}

static void key_opt(struct buf *key, const struct opt_u64 *v)
{
	key_u64(key, v->has);
	key_u64(key, v->has ? v->v : 0);
}

void filter_key_make(const struct spec_seccomp *s, bool fail_unknown, struct buf *key)
{
	const struct scmp_version *v = seccomp_version();

	key_string(key, COMPILER);
	key_u64(key, v->major);
	key_u64(key, v->minor);
	key_u64(key, v->micro);
	key_u64(key, seccomp_arch_native());
	key_u64(key, fail_unknown);
	key_string(key, s->defaultAction);
	key_opt(key, &s->defaultErrnoRet);
	key_strings(key, &s->architectures);
	key_u64(key, s->syscalls.n);
	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct spec_seccomp_rule *r = &s->syscalls.v[i];

		key_strings(key, &r->names);
		key_string(key, r->action);
		key_opt(key, &r->errnoRet);
		key_u64(key, r->args.n);
		for (size_t k = 0; k < r->args.n; k++) {
			key_u64(key, r->args.v[k].index);
			key_u64(key, r->args.v[k].value);
			key_u64(key, r->args.v[k].valueTwo);
			key_string(key, r->args.v[k].op);
		}
	}
}
