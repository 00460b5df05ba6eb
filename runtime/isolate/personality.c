/* SPDX-License-Identifier: Apache-2.0 */
/* personality.c - execution domain
 *
 * runtime-spec config-linux.md "Personality"; personality(2).
 */
#include "runtime/isolate/personality.h"

#include <errno.h>
#include <sys/personality.h>

#include "base/buf.h"

int personality_make(const struct spec_personality *s, struct personality *ret, struct err *err)
{
	struct personality p = { .set = s != NULL };

	if (s != NULL) {
		if (str_eq(s->domain, "LINUX"))
			p.value = PER_LINUX;
		else if (str_eq(s->domain, "LINUX32"))
			p.value = PER_LINUX32;
		else
			return err_field(err, EINVAL, "/linux/personality/domain",
					 "unknown personality \"%s\"",
					 s->domain != NULL ? s->domain : "");
		/* "Currently no flag values are supported" */
		if (s->flags.n > 0)
			return err_field(err, EINVAL, "/linux/personality/flags",
					 "unknown personality flag \"%s\"", s->flags.v[0]);
	}
	*ret = p;
	return 0;
}

int personality_apply(const struct personality *p, struct err *err)
{
	if (p->set && personality(p->value) < 0)
		return err_sys(err, "set personality %#lx", p->value);
	return 0;
}
