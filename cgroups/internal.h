/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of this folder share
 *
 * Every file of a group is opened below the group's descriptor without
 * following links or leaving the mount (base/beneath.h).  The parsers never
 * touch the system: a unit test and a fuzz target feed them.
 */
#ifndef SKERRY_CGROUPS_INTERNAL_H
#define SKERRY_CGROUPS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "cgroups/cgroup.h"

/* files.c.  -1 and errno on failure. */
#define GROUP_FILE_MAX	((size_t)1 << 20) /* of a file that is read whole */
#define GROUP_LINE_SIZE 4096 /* for the files with a few short lines */
/* A group's directory by its place below the tree's root: "/a/b". */
int group_open(int root, const char *path);
/* At most size - 1 bytes, NUL-terminated; newlines stay; the length. */
ssize_t group_read(int dir, const char *file, char *dst, size_t size);
int group_read_buf(int dir, const char *file, struct buf *out);
int group_write(int dir, const char *file, const char *text);
/* A file with one number; "max" is UINT64_MAX. */
int group_read_number(int dir, const char *file, uint64_t *ret);
/* A number out of a file of "key number" lines. */
int group_read_key(int dir, const char *file, const char *key, uint64_t *ret);
/* Parsers of such texts: 0, or -1 with EINVAL or ENOENT. */
int group_parse_number(const char *text, uint64_t *ret);
int group_parse_key(const char *text, const char *key, uint64_t *ret);
bool group_parse_word(const char *text, const char *word);
/* The line of a file that begins with `word` and a space; its length, 0 when there is none. */
size_t group_parse_line(const char *text, const char *word, const char **ret_line);

/* host.c: the v2 line of a /proc/PID/cgroup; 0, or -1 when there is none that can be used. */
int own_parse(const char *text, char *dst, size_t size);

/* cgroupfs.c */
/* Is there a group here that has to be left alone?  0: no, or it is empty. */
int group_check_unused(int dir, const char *path, struct err *err);
/* Removes the empty groups below dir, bottom-up. */
int group_remove_below(int dir, const char *path, struct err *err);
/* Kills all of it (however it has to be done) and waits until it is empty. */
int group_kill_and_wait(int dir, const char *path, struct err *err);

/* devices.c.  -1 and errno on failure. */
struct bpf_prog_info;
int device_program_info(int program, struct bpf_prog_info *ret);
int device_program_open(uint32_t id, struct bpf_prog_info *ret);

/* devices_known.c */
/* A descriptor of the program of these instructions (struct bpf_insn) that was noted last in this
 * directory, if it is still there; -1. */
int device_program_known(int memo, const void *insn, size_t n);
/* Notes it, as well as that goes. */
void device_program_note(int memo, int program, const void *insn, size_t n);

/* delegate.c: all controllers down to the group, where the container may make groups below it. */
void delegate_controllers(const struct cgroup_host *h, const struct cgroup_place *place,
			  const struct spec *spec);

/* limits.c: the values that were there before. */
struct limits_old {
	const char *file, *text;
};
struct limits_undo {
	struct limits_old *v;
	size_t n;
	struct arena *arena;
};
/* Writes; what is in undo (may be NULL) afterwards takes it all back. */
int limits_write(const struct cgroup_host *h, const struct cgroup *g, const struct cgroup_writes *w,
		 struct limits_undo *undo, struct err *err);
void limits_take_back(const struct cgroup *g, const struct limits_undo *undo);
/* The text that gives `file` the value that `old` had for what `text` changed; in the arena. */
const char *limits_old_text(struct arena *arena, const char *file, const char *text,
			    const char *old);
uint64_t limits_cpu_weight(uint64_t shares);

/* devices.c: is the process one that cannot have a device filter (rootless)? */
bool devices_excused(void);

/* properties.c: a transient unit's properties, decided here and only encoded by the helper.
 * type: "s" "b" "t" "u" "i" "x" "d" (one value), "as", "ay" (numbers), "a(st)" (path, number,
 * ...). */
struct property {
	char *name, *type;
	struct strings values;
};
struct properties {
	struct property *v;
	size_t n, cap;
	struct arena *arena;
};
int properties_of_resources(const struct spec_resources *r, struct properties *ret,
			    struct err *err);
int properties_of_annotations(const struct pairs *annotations, struct properties *ret,
			      struct err *err);
/* One GVariant text ("'x'", "true", "uint64 5", "['a', 'b']") as a property. */
int property_parse(const char *name, const char *text, struct properties *ret, struct err *err);
int property_add(struct properties *p, const char *name, const char *type,
		 const char *const *values, size_t n);

/* systemd.c: the helper program's document, and running it. */
#define SYSTEMD_DOC_MAX ((size_t)1 << 20)
struct systemd_doc {
	char *unit, *slice, *description;
	bool user;
	struct {
		struct property *v;
		size_t n;
	} properties;
};
int systemd_doc_parse(const char *text, size_t len, struct arena *arena, struct systemd_doc **ret,
		      struct err *err);
/* Makes the unit; *ret_hold keeps it alive while it has no process; path is where it is. */
int systemd_start(const struct cgroup_place *place, const struct spec *spec, int *ret_hold,
		  char *path, size_t size, struct err *err);
int systemd_stop(const struct cgroup_place *place, struct err *err);
int systemd_set(const struct cgroup_place *place, const struct spec_resources *r, struct err *err);

#endif
