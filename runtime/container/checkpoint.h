/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.h - a container's processes into images, and back out of them
 *
 * The directory of images holds criu's files and ours:
 *   descriptors.json  what 0, 1 and 2 of the init were, as runc writes it, with
 *                     "file[MOUNT:INODE]" for files of outside
 *   network.json      the networks that were asked for (attach.h), if any
 *   dump.log          and restore.log: criu's
 * External mounts are named by their place in the container, masked files all
 * "/dev/null", name spaces extRootNetNS and extRootPidNS: runc's and crun's
 * names, so that images go both ways.
 */
#ifndef SKERRY_CONTAINER_CHECKPOINT_H
#define SKERRY_CONTAINER_CHECKPOINT_H

#include <limits.h>

#include "runtime/container/criu.h"
#include "runtime/container/runtime.h"
#include "runtime/spec/names.h"

#define CHECKPOINT_DESCRIPTORS	   "descriptors.json"
#define CHECKPOINT_NETWORK	   "network.json"
#define CHECKPOINT_CRIU_LEAST	   CRIU_VERSION(3, 17, 0)
#define CHECKPOINT_DESCRIPTORS_MAX ((size_t)64 << 10)

int container_checkpoint(struct runtime *rt, const char *id,
			 const struct skerry_checkpoint_options *o, struct err *err);
/* The same; dumped() is called when the images are whole and the processes still stand still.
 * -1: they go on as if nothing had been. */
struct checkpoint_call {
	const struct skerry_checkpoint_options *o;
	int (*dumped)(void *arg, struct err *err); /* or NULL */
	void *arg;
	bool for_us; /* nobody else restores these images */
	int *ret_criu; /* CRIU_VERSION() of the one that did it; or NULL */
};
int container_checkpoint_with(struct runtime *rt, const char *id,
			      const struct checkpoint_call *call, struct err *err);
int container_restore(struct runtime *rt, const char *id,
		      const struct skerry_create_options *create,
		      const struct skerry_checkpoint_options *o, struct err *err);
struct clone_request {
	const char *id, *twin;
	const struct skerry_create_options *create;
	const struct skerry_checkpoint_options *o;
	const int *stdio; /* three descriptors, -1 for none */
	bool outer_network; /* the images have a network namespace of outside, which isn't here */
	void (*restored)(void *arg); /* the processes are there: the images may go; or NULL */
	void *arg;
};
/* The images become container `twin` with these as its 0, 1 and 2 where they were of outside. */
int container_restore_with(struct runtime *rt, const struct clone_request *request,
			   struct err *err);
/* checkpoint_archive.c: as one file, and out of one. */
int container_export(struct runtime *rt, const char *id, const struct skerry_checkpoint_options *o,
		     struct err *err);
int container_import(struct runtime *rt, const char *id, const struct skerry_create_options *create,
		     const struct skerry_checkpoint_options *o, struct err *err);
int container_clone(struct runtime *rt, const struct clone_request *c, struct err *err);

/* Where images and logs are. */
struct image_dirs {
	char images[PATH_MAX], work[PATH_MAX];
	int images_fd, work_fd;
};
/* Opens them, made (0700) when `make`. */
int image_dirs_open(const struct skerry_checkpoint_options *o, bool make, struct image_dirs *ret,
		    struct err *err);
void image_dirs_close(struct image_dirs *d);

/* What dump and restore have in common; the rest is zero. */
int checkpoint_options(const struct skerry_checkpoint_options *o, const struct image_dirs *dirs,
		       struct arena *arena, struct criu_opts *ret, struct err *err);
/* "criu failed: ...": what the log says, and where it is. -1. */
int checkpoint_failed(const struct image_dirs *dirs, const char *log, struct err *err);
/* What criu changed of the cgroup file system's options; a warning where that can't be. */
void checkpoint_give_flags_back(struct runtime *rt, const struct criu_cgroup_flags *f);
/* "kind[NUMBER]:name" */
int checkpoint_add_external(struct criu_opts *o, struct arena *arena, const char *text,
			    struct err *err);
/* The name under which a name space of outside stands in the images; NULL: it can't. */
const char *checkpoint_namespace_key(enum ns ns);

/* --page-server=fd:N: the descriptor, or -1. */
int checkpoint_page_fd(const struct skerry_checkpoint_options *o);

/* criu_relay.c: --notify-fd, nothing without one. */
struct criu_relay {
	int fd; /* <= 0: none */
	const char *last; /* the last step that can be refused */
	bool over; /* it was refused, or that step is behind us: nobody is asked any more */
	bool held; /* refused, but not because all is to be undone */
};
int criu_relay_begin(int fd, const char *last, struct criu_relay *ret, struct err *err);
int criu_relay_ask(struct criu_relay *r, const struct criu_notify *n, struct err *err);

/* checkpoint_files.c */
int checkpoint_descriptors_parse(const char *text, size_t len, struct arena *arena,
				 struct strings *ret, struct err *err);
/* The options that a network.json came from; for a twin without what only one can have. */
int checkpoint_networks_parse(const char *text, size_t len, bool twin, struct arena *arena,
			      struct skerry_create_options *ret, struct err *err);
/* The same from the images; none is no error. */
int checkpoint_networks(int dir, bool twin, struct arena *arena, struct skerry_create_options *ret,
			struct err *err);
/* The group of a twin: the last part becomes its id (arena). */
char *clone_cgroups_path(const char *path, const char *twin, struct arena *arena);

/* checkpoint_mounts.c, pure.  text: /proc/PID/mountinfo of the container's init.  What criu has
 * to leave to us: binds of file systems that the container has no mount of its own of. */
struct external_mounts {
	struct criu_ext_mount *v;
	size_t n, cap;
};
int checkpoint_mounts(const char *text, size_t len, struct arena *arena,
		      struct external_mounts *ret, struct err *err);
/* Whole file systems in memory that are mounted once, or at several places and read-only as a
 * whole: what masks directories. */
struct tmpfs_mounts {
	struct {
		char *target, *source, *options, *device, *flags;
		bool shared; /* at several places, all of which are here */
	} * v;
	size_t n;
};
int checkpoint_tmpfs(const char *text, size_t len, struct arena *arena, struct tmpfs_mounts *ret,
		     struct err *err);
/* network_lock.c: can this criu, on this kernel, hold packets back by nftables? */
bool network_lock_has_nftables(const char *criu);
/* Drops all packets of a network namespace, as criu would: a descriptor, whose end, or ours, is
 * the lock's; -1 this kernel has no nf_tables for that. */
int network_lock_put(int netns);
/* Takes back what criu has left there, or is about to take back, and what *fd is the lock of.  *fd
 * is -1 or a descriptor then that the caller closes once there is time: that waits for what was
 * taken back to be gone, tens of milliseconds. */
int network_lock_drop(int netns, int *fd, struct err *err);
/* Can there be any?  Looking takes less than a millisecond, taking back ten or twenty. */
bool network_lock_is_left(int netns);

/* Is there a mount with this id? */
bool checkpoint_has_mount(const char *text, size_t len, uint64_t id);

#endif
