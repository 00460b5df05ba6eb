/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_within.c - skerry-image within: a program as root of an ordinary user's own namespace
 *
 * An overlay of a user's layers can only be mounted, and its files only have
 * their owners, where the user's subordinate ids are mapped.  So `skerry run
 * --image` starts again in such a namespace; the container gets one of its own
 * below it, which belongs to the user as well: whatever is done to the container
 * later is done from outside.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "image/cli/common.h"
#include "image/rootless.h"

/* What says whose runtime directory it is: by number it would be root's. */
static int keep_user(uid_t uid, struct err *err)
{
	char dir[64];
	const char *given = getenv("XDG_RUNTIME_DIR"); /* NOLINT(concurrency-mt-unsafe) */
	(void)snprintf(dir, sizeof(dir), "/run/user/%u", (unsigned)uid);
	/* root of a namespace is not root, whatever su(1) left there; NOLINTBEGIN(concurrency-mt-unsafe) */
	if (unsetenv("USER") < 0 ||
	    setenv("XDG_RUNTIME_DIR", given && given[0] ? given : dir, 1) < 0)
		return err_sys(err, "environment");
	/* NOLINTEND(concurrency-mt-unsafe) */
	return 0;
}

static int within(struct cli *cli, const void *options, const struct option_args *args,
		  struct err *err)
{
	(void)cli;
	(void)options; /* has none */
	uid_t uid = geteuid();
	if (uid != 0 && keep_user(uid, err) < 0)
		return -1;
	if (rootless_enter(err) < 0)
		return -1;
	(void)execvp(args->v[0], args->v);
	return err_sys(err, "exec \"%s\"", args->v[0]);
}

const struct command verb_within = {
	.name = "within",
	.arguments = "COMMAND [ARGUMENT...]",
	.summary = "run a program as root of the user's own namespace",
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.hidden = true,
	.run = within,
};
