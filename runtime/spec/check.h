/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - what the parts of validation share
 *
 * Only for the files of this folder.  A check looks at one section and reports
 * every violation; whether the first one ends the matter is decided here.
 */
#ifndef SKERRY_SPEC_CHECK_H
#define SKERRY_SPEC_CHECK_H

#include "runtime/spec/spec.h"

struct check {
	struct err *err; /* the first violation, when found is NULL */
	void (*found)(const struct err *, void *);
	void *arg;
	int bad; /* violations so far */
	const char *prefix; /* JSON pointer of the section in hand */
	char pointer[ERR_FIELD_MAX]; /* of check_at() */
};

/* The JSON pointer prefix + format; valid until the next call. */
const char *check_at(struct check *c, const char *format, ...) PRINTF(2, 3);
/* prefix + where + "/" + key, the key escaped (RFC 6901). */
const char *check_at_key(struct check *c, const char *where, const char *key);
/* A violation at the pointer. */
void check_bad(struct check *c, const char *pointer, const char *format, ...) PRINTF(3, 4);

/* Is it a list as "0-3,7" or "0-63:2/8" (cpuset(7) "List format")? */
bool check_is_cpu_list(const char *text);
/* A component of the path is "..". */
bool check_has_dotdot(const char *path);
/* path(7)'s limit. */
void check_path_length(struct check *c, const char *where, const char *path);
/* Newlines and other characters below space would end what a file or a label takes as one. */
bool check_has_control(const char *text);
/* Maps do not overlap, stay below 4294967295 and fit the kernel's table. */
void check_id_maps(struct check *c, const char *where, const struct spec_id_maps *maps);

void check_process(struct check *c, const struct spec_process *p); /* validate_process.c */
void check_linux(struct check *c, const struct spec *s); /* validate_linux.c */
bool check_has_ns(const struct spec_linux *l, const char *type); /* validate_linux.c */
void check_resources(struct check *c, const struct spec_resources *r); /* validate_resources.c */
/* has_receiver: an annotation says who gets the notify descriptor */
void check_seccomp(struct check *c, const struct spec_seccomp *s,
		   bool has_receiver); /* validate_seccomp.c */

#endif
