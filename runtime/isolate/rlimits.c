/* SPDX-License-Identifier: Apache-2.0 */
/* rlimits.c - resource limits of the process
 *
 * runtime-spec config.md "POSIX process" rlimits; prlimit(2).
 */
#include "runtime/isolate/rlimits.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "runtime/spec/names.h"

/* The kernel's struct rlimit64, whatever the libc's is. */
struct rlimit_pair {
	uint64_t cur, max;
};

static int rlimits_bad(const char *pointer, size_t index, const char *type, const char *why,
		       struct err *err)
{
	char field[ERR_FIELD_MAX];

	if (str_format(field, sizeof(field), "%s/rlimits/%zu", pointer, index) < 0)
		field[0] = '\0';
	return err_field(err, EINVAL, field, "resource limit \"%s\" %s", type, why);
}

int rlimits_make(const struct spec_process *p, const char *pointer, struct rlimits *ret,
		 struct err *err)
{
	struct rlimits r = { .n = 0 };

	for (size_t i = 0; i < p->rlimits.n; i++) {
		const struct spec_rlimit *s = &p->rlimits.v[i];
		const char *type = s->type != NULL ? s->type : "";
		int resource = rlimit_parse(type);

		if (resource < 0)
			return rlimits_bad(pointer, i, type, "is unknown", err);
		for (size_t k = 0; k < r.n; k++) {
			if (r.v[k].resource == resource)
				return rlimits_bad(pointer, i, type, "is given twice", err);
		}
		if (s->soft > s->hard)
			return rlimits_bad(pointer, i, type, "has a soft limit above the hard one",
					   err);
		if (r.n == RLIMITS_MAX)
			return rlimits_bad(pointer, i, type, "is one too many", err);
		r.v[r.n++] = (struct rlimit_entry){ resource, s->soft, s->hard };
	}
	*ret = r;
	return 0;
}

int rlimits_apply(const struct rlimits *r, pid_t pid, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct rlimit_entry *e = &r->v[i];
		struct rlimit_pair pair = { e->soft, e->hard };

		if (syscall(SYS_prlimit64, pid, e->resource, &pair, NULL) < 0)
			return err_sys(err, "set resource limit %d to %llu:%llu", e->resource,
				       (unsigned long long)e->soft, (unsigned long long)e->hard);
	}
	return 0;
}
