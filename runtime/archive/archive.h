/* SPDX-License-Identifier: Apache-2.0 */
/* archive.h - a checkpoint as one file, in podman's and the CRI's layout
 *
 * A tar, compressed or not:
 *   config.dump, spec.dump   who the container was (checkpointctl reads it), config.json
 *   skerry.json              what only we write: kernel, architecture, criu
 *   network.status           addresses, by network
 *   rootfs-diff.tar          files that are not as in the image
 *   deleted.files            those that are gone, a JSON array
 *   stats-dump, dump.log     criu's, where there were any yet
 *   checkpoint/              criu's images with our descriptors.json
 *   artifacts/, volumes/, devshm-checkpoint.tar, ...  of others: taken, not written
 * What others write may be hostile: it is unpacked in a process that sees one
 * directory (image/jail.h), takes known names and plain files only, and stops
 * before the disk is full.
 */
#ifndef SKERRY_ARCHIVE_ARCHIVE_H
#define SKERRY_ARCHIVE_ARCHIVE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "image/store.h"
#include "image/tar.h"
#include "image/tar_write.h"

#define MEMBER_CONFIG	   "config.dump"
#define MEMBER_SPEC	   "spec.dump"
#define MEMBER_OWN	   "skerry.json"
#define MEMBER_NETWORK	   "network.status"
#define MEMBER_CHANGES	   "rootfs-diff.tar"
#define MEMBER_DELETED	   "deleted.files"
#define MEMBER_DEVSHM	   "devshm-checkpoint.tar"
#define MEMBER_CHECKPOINT  "checkpoint"
#define MEMBER_INVENTORY   MEMBER_CHECKPOINT "/inventory.img"
#define MEMBERS_MAX	   100000
#define DOCUMENT_MAX	   ((size_t)16 << 20) /* each that is read here */
#define ARCHIVE_CONFIG_MAX ((size_t)64 << 20)
#define ARCHIVE_ARENA_MAX  ((size_t)256 << 20)

/* What is asked for, as one JSON object on standard input. */
struct request {
	char *id, *dir, *file, *compress;
	char *rootfs, *config, *networks; /* paths: root file system, config.json, network.json */
	char *image; /* its name, given by the user */
	char *created, *criu;
	char *store, *name; /* for an OCI image */
	char *bundle; /* unpack: where it goes */
	uint32_t pid;
	bool ignore_rootfs, leave_running;
};
int request_parse(const char *text, size_t len, struct request *ret, struct arena *arena,
		  struct err *err);

/* --- writing --- */

/* What a root file system changed: rootfs-diff.tar and deleted.files in dir. */
int changes_write(const struct request *r, int dir, struct err *err);

/* Where a root file system's own files are. */
struct upper {
	int dir, lower; /* -1: none, unknown */
	bool found; /* an overlay; else all of the tree is its own */
	bool read_only; /* nothing can have changed */
	bool partial; /* files of the upper may be without their contents (metacopy, redirect_dir) */
	bool userxattr;
	char image[512]; /* its name, when the store knows it */
};
int upper_find(const char *rootfs, struct upper *ret, struct err *err);
void upper_release(struct upper *u);
/* Options of the overlay that is mounted at a path, from text like /proc/self/mountinfo: pure. */
struct overlay_options {
	char *upper;
	struct strings lowers; /* topmost first */
	bool partial, userxattr;
};
bool upper_parse(const char *mountinfo, size_t len, const char *path, struct arena *arena,
		 struct overlay_options *ret);

/* config.dump, spec.dump, skerry.json, network.status in dir. */
int documents_write(const struct request *r, int dir, struct err *err);
/* network.status of the network namespace of a process. */
int network_status(const struct request *r, struct buf *out, struct err *err);

/* The archive of dir. */
int pack_write(const struct request *r, int dir, struct err *err);
/* The same uncompressed, to a function. */
int pack_tar(int dir, tar_out_fn *out, void *arg, struct err *err);
/* As a one layer image in the store. */
int pack_image(const struct request *r, int dir, struct err *err);

/* A compressing writer. */
struct squeeze;
/* how: "zstd" (NULL, ""), "gzip", "none".  NULL with err. */
struct squeeze *squeeze_new(const char *how, tar_out_fn *out, void *arg, struct err *err);
int squeeze_write(void *arg, const void *data, size_t size, struct err *err);
int squeeze_end(struct squeeze *s, struct err *err);
void squeeze_free(struct squeeze *s);

/* --- reading --- */

/* Is this a member that a checkpoint archive may have?  1 yes, 0 to be left out, -1 no archive of
 * anyone's has that. */
int member_check(const struct tar_entry *e, struct err *err);

/* The archive's members below dir, which is empty; at most `room` bytes. */
int unpack_archive(int file, int dir, uint64_t room, struct err *err);
/* The same in this process. */
int unpack_here(int file, int dir, uint64_t room, struct err *err);

/* rootfs-diff.tar (compressed or not) over a root file system; then deleted.files (or NULL). */
int apply_changes(int tar, const char *deleted, size_t deleted_len, int rootfs, struct err *err);
int apply_here(int tar, const char *deleted, size_t deleted_len, int rootfs, struct err *err);

/* The mode of the root directory in criu's files.img, or -1: pure. */
int root_mode_parse(const char *text, size_t len);
/* Gives it to a root file system; dir: the unpacked archive. */
int root_mode_apply(int dir, int rootfs, struct err *err);

/* Runs work(arg) as apply and unpack do, in a jail that sees `root` only and these descriptors. */
int archive_jail(const char *title, int root, const int *fds, size_t n_fds,
		 int (*work)(void *arg, struct err *err), void *arg, struct err *err);

/* spec.dump of another host as config.json here. */
struct adapted {
	bool external_network; /* the images have a network namespace of outside */
	bool shm; /* /dev/shm is a directory of the bundle's */
	struct strings
		files; /* mounts of single files that the bundle has to bring: destinations */
};
int adapt_spec(const char *spec, size_t len, const char *bundle, struct buf *out,
	       struct adapted *ret, struct arena *arena, struct err *err);

/* An archive becomes a bundle with images; the answer (JSON) goes to out. */
int import_bundle(const struct request *r, struct buf *out, struct err *err);

#endif
