/* SPDX-License-Identifier: Apache-2.0 */
/* common.h - what the commands of skerry-image share */
#ifndef SKERRY_IMAGE_CLI_COMMON_H
#define SKERRY_IMAGE_CLI_COMMON_H

#include <stdbool.h>

#include "base/proc.h"
#include "image/pull.h"
#include "image/registry.h"
#include "image/rootfs.h"
#include "image/store.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/print.h"

/* What comes before the command. */
struct image_globals {
	const char *store, *layers;
	const char *root; /* where the runtime keeps its state; NULL: its own default */
	bool version;
};
extern struct image_globals image_globals;

/* The commands, one table row each. */
extern const struct command verb_build, verb_bundle, verb_commit, verb_cp, verb_df, verb_diff,
	verb_exists, verb_export, verb_fsck, verb_history, verb_image_inspect, verb_images,
	verb_import, verb_inspect, verb_layer, verb_load, verb_login, verb_logout, verb_logs,
	verb_mount, verb_offer, verb_prune, verb_pull, verb_push, verb_receive, verb_rmi, verb_save,
	verb_search, verb_tag, verb_tags, verb_unbundle, verb_unmount, verb_untag, verb_within;

/* Opens the user's store; `create` makes it where missing. */
int common_store(bool create, struct store **ret, struct err *err);
void common_store_close(struct store **s); /* for CLEANUP() */
#define AUTO_STORE CLEANUP(common_store_close) struct store

/* The name or the id that a user typed, as store_find_image() wants it, and the image. */
int common_find(const struct store *s, const char *typed, struct image *ret, struct arena *arena,
		struct err *err);

/* The same for a platform (NULL: whatever it is): that image, or another of the index it came
 * with. */
int common_find_for(const struct store *s, const char *typed, const char *platform,
		    struct image *ret, struct arena *arena, struct err *err);

/* A container's root file system of these layers, made and put in its place; its path. */
int common_rootfs(struct store *s, const struct rootfs_options *options, char *path, size_t size,
		  struct err *err);
/* A tar, compressed or not, into the directory `to`: parsed where no harm is done, as a layer is. */
int common_unpack(struct txn *t, int tar, int to, struct err *err);
/* The file that names the store as long as a container's bundle exists; NULL: none is wanted. */
int common_marker(const struct store *s, const char *marker, struct err *err);

/* Which of the image's names is meant by what was typed; NULL when it was found by its digest. */
const char *common_name(const struct image *image, const char *typed);

/* The image's config, read and verified. */
struct image_config;
int common_config(const struct store *s, const struct image *image, struct image_config *ret,
		  struct arena *arena, struct err *err);

/* What `inspect` says of a container of the store; nothing is written when there is none. */
int inspect_container(struct json_out *o, struct store *s, const char *id, struct arena *arena,
		      struct err *err);

/* `skerry WORD...` to its end, with our own --root if there is one; of `how` what comes after its
 * environment counts.  The wait status, or -1. */
int common_runtime(const char *const words[], const struct proc_run *how, struct err *err);

/* A file that appears, or replaces another, when all of it is written; anything but a plain file is
 * written as it is.  The descriptor, or -1. */
int common_output_open(const char *path, struct err *err);
int common_output_finish(int fd, const char *path, struct err *err);

/* An image is its id: of records that only differ in their manifests one is left, or each that has
 * a name. */
void common_fold(struct images *images);

/* An id or digest into a file that a script reads, without a newline; NULL: into none. */
int common_note(const char *path, const struct digest *d, struct err *err);

/* The first 12 digits of a digest; size 13. */
#define SHORT_ID 12
void common_short_id(const struct digest *d, char *dst, size_t size);

/* Ends a pull or push at SIGINT, SIGTERM: the flag that http_next() looks at. */
const volatile int *common_interruptible(void);

/* The options of all that talks to a registry; first member of the command's struct. */
struct registry_flags {
	const char *authfile, *creds, *cert_dir, *registries_conf;
	int tls_verify;
};
#define REGISTRY_FLAGS_DEFAULT \
 {                             \
  .tls_verify = -1             \
 }
extern const struct option_table registry_flag_table;

/* Those as registry options; the user's name and password are cut out of --creds (arena). */
int common_registry(struct cli *cli, const struct registry_flags *flags,
		    struct registry_options *ret, struct err *err);

#endif
