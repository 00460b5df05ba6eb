/* SPDX-License-Identifier: Apache-2.0 */
/* rootfs.h - a container's root file system from layers
 *
 * containers/ID/ in the store: `record` (which image, which layers), upper/ and
 * work/ of the overlay, `merged` where rootfs_attach() puts it.  The record makes
 * the layers a root of gc as long as it exists.
 * EROFS layers are mounted file-backed, directory layers opened; either is
 * handed to overlay by descriptor.  The image "host" has no layers: its
 * lower directory is the machine's own root.
 */
#ifndef SKERRY_IMAGE_ROOTFS_H
#define SKERRY_IMAGE_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "image/digest.h"
#include "image/layer.h"
#include "image/store.h"

struct rootfs_options {
	const char *id; /* of the container: one path component */
	struct digest image; /* its manifest; unset for `host` */
	const struct digest *layers; /* diffIDs, base first */
	size_t n_layers;
	bool host; /* the machine's own root instead of layers */
	bool read_only; /* no upper layer at all */
	bool ephemeral; /* the upper need not survive a crash (overlay's volatile): run --rm */
	const char *uid_map, *gid_map; /* "CONTAINER HOST COUNT\n" lines: lowers are shown through
					* them; NULL: as they are */
	uint32_t root_uid, root_gid; /* who owns the upper directory when maps are given */
};

/* Writes the record and makes the directories, durably (unless ephemeral). */
int rootfs_create(struct store *s, const struct rootfs_options *options, struct err *err);
/* The assembled root as a detached mount's descriptor (move_mount(2) puts it somewhere): nothing to
 * unmount, gone with the descriptor. */
int rootfs_open(struct store *s, const char *id, struct err *err);
/* The same put at containers/ID/merged in the caller's mount namespace; its path is stored. */
int rootfs_attach(struct store *s, const char *id, char *path, size_t size, struct err *err);
/* Takes it away from there; not being mounted is no error. */
int rootfs_detach(struct store *s, const char *id, struct err *err);
/* Detaches, then removes everything of the container from the store. */
int rootfs_remove(struct store *s, const char *id, struct err *err);

/* The lower layers alone, read-only, without any record (image mount, user lookup, cp from an
 * image): a detached mount's descriptor. */
int rootfs_open_layers(struct store *s, const struct digest *layers, size_t n_layers,
		       struct err *err);

struct rootfs_info {
	char *id;
	struct digest image;
	struct digests layers;
	bool host, read_only, ephemeral;
	int64_t created;
};
struct rootfs_list {
	struct rootfs_info *v;
	size_t n;
};
int rootfs_list(const struct store *s, struct rootfs_list *ret, struct arena *arena,
		struct err *err);
int rootfs_info(const struct store *s, const char *id, struct rootfs_info *ret, struct arena *arena,
		struct err *err);

/* What the container changed. */
enum rootfs_change { ROOTFS_ADDED, ROOTFS_CHANGED, ROOTFS_DELETED };
typedef int rootfs_change_fn(void *arg, enum rootfs_change change, const char *path);
/* Calls fn for every change in path order (paths begin with "/"); stops where fn returns
 * non-zero and returns that. */
int rootfs_diff(struct store *s, const char *id, rootfs_change_fn *fn, void *arg, struct err *err);
/* The upper layer becomes a layer of the store (tar, diffID). */
int rootfs_commit(struct txn *t, const char *id, struct layer_result *ret, struct err *err);
/* The upper layer as a tar (OCI whiteouts); the whole merged tree as a tar. */
int rootfs_export_upper(struct store *s, const char *id, int out, struct err *err);
int rootfs_export(struct store *s, const char *id, int out, struct err *err);
/* Any tree below a directory descriptor as a tar in a settled order: the writer behind these and
 * behind `build`'s COPY.  `only` is the one entry of it that is meant, or NULL. */
int tree_export(int dir, const char *only, int out, struct err *err);
/* A plain directory tree becomes a layer. */
int tree_commit(struct txn *t, int dir, struct layer_result *ret, struct err *err);

#endif
