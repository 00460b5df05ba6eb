/* SPDX-License-Identifier: Apache-2.0 */
/* args.h - the shim's command line, as containerd writes it */
#ifndef SKERRY_SHIM_ARGS_H
#define SKERRY_SHIM_ARGS_H

#include <stdbool.h>

#include "base/err.h"

struct args {
	const char *namespace, *id, *address, *publish_binary, *bundle,
		*socket; /* "" when not given */
	bool debug, version, info, help;
	const char *action; /* "start", "delete", or "": serve */
};
/* Go's flags: -x v, -x=v, --x; unknown ones are passed over, so that a newer containerd still works. */
int args_parse(int argc, char **argv, struct args *ret, struct err *err);

#endif
