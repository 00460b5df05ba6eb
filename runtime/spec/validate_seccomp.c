/* SPDX-License-Identifier: Apache-2.0 */
/* validate_seccomp.c - does the "linux.seccomp" section make sense?
 *
 * runtime-spec config-linux.md "Seccomp"; seccomp(2), seccomp_unotify(2)
 */
#include <string.h>

#include "runtime/spec/check.h"
#include "runtime/spec/names.h"

#define ERRNO_LAST 4095 /* MAX_ERRNO: the kernel cuts what is above */

static bool is_notify(const char *action)
{
	return strcmp(action, "SCMP_ACT_NOTIFY") == 0;
}

static void check_errno(struct check *c, const char *pointer, const char *action,
			const struct opt_u64 *ret)
{
	if (!ret->has)
		return;
	if (strcmp(action, "SCMP_ACT_ERRNO") != 0 && strcmp(action, "SCMP_ACT_TRACE") != 0)
		check_bad(c, pointer, "%s returns no errno", action);
	else if (strcmp(action, "SCMP_ACT_ERRNO") == 0 && ret->v > ERRNO_LAST)
		check_bad(c, pointer, "%llu is out of range 0..%d", (unsigned long long)ret->v,
			  ERRNO_LAST);
}

static void check_words(struct check *c, const char *where, const struct strings *words,
			const char *const *known)
{
	for (size_t i = 0; i < words->n; i++)
		if (!name_in(known, words->v[i]))
			check_bad(c, check_at(c, "/%s/%zu", where, i), "unknown name \"%s\"",
				  words->v[i]);
}

static void check_rule(struct check *c, const struct spec_seccomp_rule *r, size_t i)
{
	if (r->names.n == 0)
		check_bad(c, check_at(c, "/syscalls/%zu/names", i), "must not be empty");
	if (!name_in(seccomp_action_names, r->action))
		check_bad(c, check_at(c, "/syscalls/%zu/action", i), "unknown action \"%s\"",
			  r->action);
	else
		check_errno(c, check_at(c, "/syscalls/%zu/errnoRet", i), r->action, &r->errnoRet);
	for (size_t j = 0; j < r->args.n; j++)
		if (!name_in(seccomp_operator_names, r->args.v[j].op))
			check_bad(c, check_at(c, "/syscalls/%zu/args/%zu/op", i, j),
				  "unknown operator \"%s\"", r->args.v[j].op);
	/* the runtime itself has to write while nobody answers yet */
	for (size_t j = 0; is_notify(r->action) && j < r->names.n; j++)
		if (strcmp(r->names.v[j], "write") == 0)
			check_bad(c, check_at(c, "/syscalls/%zu/names/%zu", i, j),
				  "SCMP_ACT_NOTIFY cannot be used for write");
}

void check_seccomp(struct check *c, const struct spec_seccomp *s, bool has_receiver)
{
	bool notify = false;

	if (!name_in(seccomp_action_names, s->defaultAction))
		check_bad(c, check_at(c, "/defaultAction"), "unknown action \"%s\"",
			  s->defaultAction);
	else if (is_notify(s->defaultAction))
		check_bad(c, check_at(c, "/defaultAction"),
			  "SCMP_ACT_NOTIFY cannot be used as the default action");
	else
		check_errno(c, check_at(c, "/defaultErrnoRet"), s->defaultAction,
			    &s->defaultErrnoRet);
	check_words(c, "architectures", &s->architectures, seccomp_arch_names);
	check_words(c, "flags", &s->flags, seccomp_flag_names);
	for (size_t i = 0; i < s->syscalls.n; i++) {
		check_rule(c, &s->syscalls.v[i], i);
		notify = notify || is_notify(s->syscalls.v[i].action);
	}
	if (notify && !s->listenerPath && !has_receiver)
		check_bad(c, check_at(c, "/listenerPath"), "is required by SCMP_ACT_NOTIFY");
	if (s->listenerMetadata && !s->listenerPath && !has_receiver)
		check_bad(c, check_at(c, "/listenerMetadata"), "is set, listenerPath is not");
}
