/* SPDX-License-Identifier: Apache-2.0 */
/* idmap.h - ids of a user namespace
 *
 * runtime-spec config-linux.md "User namespace mappings"; user_namespaces(7),
 * newuidmap(1).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_IDMAP_H
#define SKERRY_RUNTIME_ISOLATE_IDMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/spec/spec.h"

#define IDMAP_LINES_MAX 340 /* user_namespaces(7) */

struct idmap {
	const char *uid_text,
		*gid_text; /* for /proc/PID/uid_map and gid_map; NULL: no maps given */
	const struct spec_id_maps *uids, *gids;
	uint32_t root_uid,
		root_gid; /* who the container's root is outside; (uint32_t)-1 unmapped */
	bool deny_setgroups; /* an unprivileged caller maps just its own group */
	bool helpers; /* needs newuidmap(1) and newgidmap(1) */
};

struct idmap_caller {
	uint32_t uid, gid;
	bool privileged; /* has CAP_SETUID and CAP_SETGID in its user namespace */
};

/* Text of one list in the kernel's form; counts, overlaps and ranges checked.  pointer: JSON pointer
 * of the list.  Pure. */
int idmap_text(const struct spec_id_maps *maps, const char *pointer, struct arena *arena,
	       const char **ret, struct err *err);

/* Both lists of linux.uidMappings and gidMappings; both or none must be given.  Pure. */
int idmap_make(const struct spec *spec, const struct idmap_caller *caller, struct arena *arena,
	       struct idmap *ret, struct err *err);

/* Maps for a caller without privileges and a config.json without mappings: root is the caller, ids
 * from 1 up come from /etc/subuid and /etc/subgid as far as they go.  Reads those files of the
 * host. */
int idmap_make_own(const struct idmap_caller *caller, struct arena *arena, struct idmap *ret,
		   struct err *err);

/* Where an id inside is outside: 0, or -1 (no error message) when it has no mapping.  Pure. */
int idmap_to_host(const struct spec_id_maps *maps, uint32_t id, uint32_t *ret);

/* Writes the maps of pid, a process in a new user namespace.  Runs in the parent.  Before: init goes on
 * past its first wait. */
int idmap_write(const struct idmap *m, pid_t pid, struct err *err);

/* A user-namespace descriptor with these maps, for an idmapped mount. */
int idmap_userns_fd(const struct spec_id_maps *uids, const struct spec_id_maps *gids,
		    struct arena *arena, struct err *err);

#endif
