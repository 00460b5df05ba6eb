/* SPDX-License-Identifier: Apache-2.0 */
/* id.c - the one rule for container ids
 *
 * An id becomes a directory name, part of a cgroup name and of a unit name, so
 * it is checked before the first path is built, in every command.  Both peers
 * allow [A-Za-z0-9_+.-]; a leading "." (hidden, or "..") and a leading "-"
 * (looks like an option) are refused.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/spec/spec.h"

#define SHOWN_MAX 64 /* bytes of a bad id in the message */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_id(const char *id)
{
	if (!is_letter(id[0]) && id[0] != '_' && id[0] != '+')
		return false;
	for (; *id; id++)
		if (!is_letter(*id) && !strchr("_+.-", *id))
			return false;
	return true;
}

int spec_check_id(const char *id, struct err *err)
{
	if (!id || id[0] == '\0')
		return err_set(err, EINVAL, "container id cannot be empty");
	if (strlen(id) > SPEC_ID_MAX)
		return err_set(err, ENAMETOOLONG, "container id \"%.*s...\" is longer than %d",
			       SHOWN_MAX, id, SPEC_ID_MAX);
	if (!is_id(id))
		return err_set(err, EINVAL,
			       "invalid container id format \"%.*s\": only letters, digits and "
			       "_ + . - are allowed, and neither . nor - at the beginning",
			       SHOWN_MAX, id);
	return 0;
}
