/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - the runtime's options, in whatever shape a containerd sends them
 *
 *   containerd.runc.v1.Options              ctr, CRI, 2.x for tasks
 *   runtimeoptions.v1.Options               CRI for runtimes that are not runc: TOML, or its file's name
 *   containerd.linux.runc.CreateOptions     clients of 1.6 for such runtimes
 *   nothing, or something unknown           the defaults
 */
#ifndef SKERRY_SHIM_OPTIONS_H
#define SKERRY_SHIM_OPTIONS_H

#include "runtime/shim/messages.h"

#define OPTIONS_ROOT "/run/containerd/skerry" /* below it a folder for each namespace */

struct options {
	bool no_pivot, no_new_keyring, systemd_cgroup;
	const char *root, *shim_cgroup, *criu_image_path, *criu_work_path; /* "" when not given */
	uint32_t io_uid, io_gid;
};

/* The last part of a type's name: what follows the last '/'. */
const char *any_type(const struct any *a);
/* a may be NULL.  Strings belong to the arena. */
int options_from_any(const struct any *a, struct arena *arena, struct options *ret,
		     struct err *err);
/* Is it one of the three types? */
bool options_known(const struct any *a);
/* Keys with runc's names out of a flat TOML text; others are passed over. */
int options_from_toml(const char *text, size_t len, struct arena *arena, struct options *ret,
		      struct err *err);

/* What `delete` has to know when the shim is gone: a file in the bundle. */
int options_save(const struct options *o, const char *bundle, struct err *err);
/* A missing file gives the defaults. */
int options_load(const char *bundle, struct arena *arena, struct options *ret, struct err *err);

#endif
