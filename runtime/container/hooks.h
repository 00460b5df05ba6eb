/* SPDX-License-Identifier: Apache-2.0 */
/* hooks.h - the six hooks of a container
 *
 * runtime-spec config.md "POSIX-platform Hooks".  The state document goes to
 * standard input; arguments and environment are just what config.json says.
 */
#ifndef SKERRY_CONTAINER_HOOKS_H
#define SKERRY_CONTAINER_HOOKS_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "runtime/spec/spec.h"

struct hook_state {
	const char *id, *bundle, *oci_version, *status;
	pid_t pid; /* as seen from where the hook runs; 0 when stopped */
	const struct pairs *annotations;
};

/* The compact state document; "/" is not escaped, keys in the order of the spec. */
void hook_state_write(const struct hook_state *state, struct buf *out);

/* Runs each in order, cwd NULL: as is; stops at the first that fails.  name: "prestart" ... for
 * messages.  env: for hooks that name none, or NULL (an empty one). */
struct hooks_run {
	const struct spec_hook_list *list;
	const char *name;
	const struct hook_state *state;
	const char *cwd;
	char *const *env;
	const struct spec *spec; /* annotations run.oci.hooks.stdout and .stderr */
};
int hooks_run(const struct hooks_run *run, struct err *err);

#endif
