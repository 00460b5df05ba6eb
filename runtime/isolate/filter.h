/* SPDX-License-Identifier: Apache-2.0 */
/* filter.h - the seccomp profile as one BPF program
 *
 * runtime-spec config-linux.md "Seccomp"; seccomp(2).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_FILTER_H
#define SKERRY_RUNTIME_ISOLATE_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/spec/spec.h"

struct filter {
	struct sock_filter *insn; /* belongs to the arena */
	size_t n; /* 0: no filter */
	unsigned int flags; /* SECCOMP_FILTER_FLAG_* */
	bool notify; /* a listener descriptor comes out of filter_apply() */
	bool cached; /* came from the cache */
};

/* The program for a profile.  seccomp NULL and no run.oci.seccomp_bpf_data annotation: an empty
 * filter.  `spec` is asked for annotations only and may be NULL (exec with another process).
 * cache_dir: descriptor of a directory that only the caller may write, or -1.  A cache that can't
 * be read or written is no error.  Runs in the parent. */
int filter_make(const struct spec_seccomp *seccomp, const struct spec *spec, int cache_dir,
		struct arena *arena, struct filter *ret, struct err *err);

/* Does the filter let the calls through that the runtime still makes between filter_apply() and
 * execve(2)?  early: it is loaded before privileges are dropped (no_new_privs off).  An error names
 * the first call that it doesn't let through (or hands to a listener, which would wait for us).
 * Arguments are taken as 0.  Runs in the parent. */
int filter_check_calls(const struct filter *f, bool early, struct err *err);

/* Loads it; does nothing when it is empty.  *ret_notify_fd is the O_CLOEXEC listener, or -1.  Runs
 * in init.  Needs no_new_privs or CAP_SYS_ADMIN. */
int filter_apply(const struct filter *f, int *ret_notify_fd, struct err *err);

/* Runs the program as the kernel would: the SECCOMP_RET_* value, SECCOMP_RET_KILL_PROCESS for a
 * program the kernel would not accept.  Pure. */
uint32_t filter_eval(const struct filter *f, const struct seccomp_data *data);

/* For `features`: does the running kernel take this word of seccomp_flag_names, libseccomp that of
 * seccomp_arch_names? */
bool filter_flag_works(const char *name);
bool filter_arch_works(const char *name);
/* "2.5.4" */
void filter_library_version(char *dst, size_t size);

#endif
