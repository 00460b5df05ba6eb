/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.h - what is mounted where in a container: decided, not yet done
 *
 * mounts_make() turns config.json into tables; mounts_open_sources() opens in
 * the parent what the init can't reach; the rest is carried out by the init
 * (rootfs.h, devices.h, masks.h), which neither allocates nor decides.
 *
 * runtime-spec config.md "Mounts", config-linux.md "Default Filesystems",
 * "Rootfs Mount Propagation", "Masked Paths", "Readonly Paths", "Mount Label".
 */
#ifndef SKERRY_RUNTIME_ISOLATE_MOUNTS_H
#define SKERRY_RUNTIME_ISOLATE_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/spec/spec.h"

/* The facts that the decisions need. */
struct mounts_env {
	const char *rootfs; /* absolute path on the host */
	const char *bundle; /* absolute; what relative sources are relative to */
	int bundle_fd;
	bool user_namespace; /* the container's is not the host's: made or joined */
	bool cgroup_namespace, network_namespace, pid_namespace; /* the same */
	bool privileged; /* the runtime is real root */
	bool no_pivot;
	bool terminal;
	const char *cgroup_mount; /* where the v2 tree is on the host; NULL: /sys/fs/cgroup */
	const char *cgroup_path; /* the container's own group in it, "" or NULL: none */
	const char *notify_dir; /* bound read-only at /run/notify, or NULL */
	/* For mount_entry_make(); mounts_make() sets them itself. */
	const struct spec *spec; /* whose mappings an idmapped mount may refer to, or NULL */
	const char *label; /* struct mounts.label, or NULL */
};

enum mount_kind {
	MOUNT_FS, /* a file system by its type */
	MOUNT_BIND, /* a clone of a mount that exists */
	MOUNT_REMOUNT, /* other flags for what is mounted there */
};

#define MOUNT_PROPAGATIONS_MAX 4
#define MOUNT_NOT_IN_SPEC      ((size_t)-1)

struct mount_entry {
	size_t index; /* in config.json's mounts, or MOUNT_NOT_IN_SPEC */
	enum mount_kind kind;
	const char *dest; /* "/..." without ".", "..", double or trailing slashes */
	const char *type, *source;
	const char *data; /* options of the file system, or NULL */
	unsigned long flags; /* MS_* for mount(2) */
	uint64_t attr_set, attr_clr; /* flags as MOUNT_ATTR_*; attr_clr: asked to be off */
	uint64_t rec_set, rec_clr; /* recursive ones, mount_setattr(2) */
	unsigned long propagation[MOUNT_PROPAGATIONS_MAX]; /* MS_SHARED ..., in order */
	size_t n_propagation;
	bool recursive; /* rbind */
	bool tmpcopyup, copy_symlink, src_nofollow, dest_nofollow;
	bool no_symlinks; /* proc and sysfs: no symbolic link on the way */
	bool keep_mode; /* tmpfs without mode=: takes that of the directory it covers */
	bool late_readonly; /* written to first: made read-only by masks_apply() */
	bool fresh; /* empty or the kernel's: nobody but us has put anything into it */
	bool staged; /* owns another: mounted aside first, so that its descriptor is certain */
	bool need_procfs; /* a bind over /proc: its source must be a procfs */
	const char *fallback; /* host path bound when a user namespace may not mount this */
	/* The entry whose fresh mount directly holds dest, or -1, and dest relative to it. */
	int owner;
	const char *relative;
	const struct spec_id_maps *uid_map, *gid_map; /* idmapped mount */
	const char *userns; /* or: by this user namespace */
	bool idmap, idmap_recursive;
	bool unreachable; /* the container's root may not search the path of the source */
	int source_fd; /* a detached clone of the source opened by the parent, or -1 */
};

struct device {
	const char *path; /* as in mount_entry.dest */
	const char *name; /* directly below /dev, else NULL */
	mode_t mode; /* type and permissions */
	unsigned int major, minor;
	uint32_t uid, gid;
};

struct masked {
	const char *path;
	int owner; /* the entry that mounts the procfs or sysfs it is in, or -1 */
	const char *relative; /* to that */
	bool directory; /* known to be one: a hint */
};

/* Descriptors that the init keeps between its steps. */
struct mounts_state {
	int *fds; /* of the fresh mount of each entry, opened when needed */
	int cwd; /* the one that is the working directory, or -1 */
	int empty_dir; /* directory in which a masked directory lies, and its name */
	const char *empty_name;
	int empty_fd; /* it by itself, or -1 */
	bool null_checked;
};

struct mounts {
	struct mount_entry *v;
	size_t n;
	struct {
		struct device *v;
		size_t n;
	} devices;
	struct {
		struct masked *v;
		size_t n;
	} masked, readonly;
	const char *rootfs;
	int rootfs_fd; /* a detached clone opened by the parent, or -1 */
	bool root_readonly, no_pivot, user_namespace, pid_namespace, privileged, has_console;
	bool own_dev; /* /dev is not the host's: devices and links are made in it */
	int dev; /* the entry that mounts a fresh /dev, or -1 */
	unsigned long host_propagation; /* for "/" before anything is mounted */
	unsigned long root_propagation; /* for "/" in the end, 0: as it is */
	bool root_maybe_shared; /* host_propagation may leave shared mounts */
	const char *label; /* "context=\"...\"", or NULL */
	uint32_t root_uid, root_gid; /* container's root on the host */
	struct mounts_state *state;
};

/* Decides everything; no system calls.  The result belongs to the arena. */
int mounts_make(const struct spec *spec, const struct mounts_env *env, struct arena *arena,
		struct mounts *ret, struct err *err);

/* Runs in the parent, before the init is cloned: detached clones of the sources that the init can't
 * make itself (idmapped mounts; paths that the container's root may not search).  The init
 * inherits the descriptors. */
int mounts_open_sources(struct mounts *m, struct err *err);

/* Closes what mounts_open_sources() opened. */
void mounts_close(struct mounts *m);

/* The descriptors opened so far and the entries they are for; their count.  For an init that did not
 * inherit them; mounts_set_fd() is the other end. */
size_t mounts_collect_fds(const struct mounts *m, int *fds, size_t *indexes, size_t max);
int mounts_set_fd(struct mounts *m, size_t index, int fd);

/* One entry by itself, pure; also for a container that runs. */
int mount_entry_make(const struct spec_mount *sm, const struct mounts_env *env, struct arena *arena,
		     struct mount_entry *ret, struct err *err);
/* A detached clone of a bind's source into e->source_fd.  Runs on the host. */
int mount_entry_open_source(struct mount_entry *e, struct err *err);

/* "a//b/../c/." -> "/a/c" (arena); NULL without memory. */
const char *mount_clean_path(const char *path, struct arena *arena);

#endif
