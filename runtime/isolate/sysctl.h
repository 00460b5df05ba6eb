/* SPDX-License-Identifier: Apache-2.0 */
/* sysctl.h - kernel parameters of the container's namespaces
 *
 * runtime-spec config-linux.md "Sysctl"; proc(5) /proc/sys.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_SYSCTL_H
#define SKERRY_RUNTIME_ISOLATE_SYSCTL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/spec/names.h"
#include "runtime/spec/spec.h"

#define SYSCTL_MAX 512

struct sysctl {
	const char *path; /* below /proc/sys */
	const char *value;
};
struct sysctls {
	struct sysctl *v;
	size_t n;
};

/* own[ns]: the container has a namespace of that kind that is not the host's.  Keys as sysctl(8)
 * takes them: dots, or slashes when a slash comes first.  Pure. */
int sysctl_make(const struct spec *spec, const bool own[NS_COUNT], struct arena *arena,
		struct sysctls *ret, struct err *err);

/* Writes them.  proc_sys_fd: the directory "sys" of a checked, private procfs (one that is not
 * subset=pid).  Runs in init, after the namespaces were entered, before privileges go. */
int sysctl_apply(const struct sysctls *s, int proc_sys_fd, struct err *err);

#endif
