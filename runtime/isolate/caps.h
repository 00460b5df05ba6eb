/* SPDX-License-Identifier: Apache-2.0 */
/* caps.h - the five capability sets of a process
 *
 * runtime-spec config.md "Linux Process" capabilities; capabilities(7).
 * Order in init: caps_drop_bounding() while CAP_SETPCAP is there, caps_keep()
 * if the user is not 0, the user's ids, caps_apply().
 */
#ifndef SKERRY_RUNTIME_ISOLATE_CAPS_H
#define SKERRY_RUNTIME_ISOLATE_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "runtime/spec/spec.h"

/* What the kernel knows and this process may still give away. */
struct caps_host {
	int last; /* highest capability of the kernel */
	uint64_t bounding; /* what the process that will be init begins with */
};

struct caps {
	uint64_t bounding, effective, permitted, inheritable, ambient;
	uint64_t drop; /* bounding capabilities to drop; caps_limit() finds it */
	uint64_t unavailable; /* asked for, but the host can't grant them: worth a warning */
	uint64_t
		not_ambient; /* asked for as ambient, but not both permitted and inheritable: the same */
	const char *unknown; /* a name that is no capability, or NULL: the same */
};

/* Finds both.  new_userns: init gets a user namespace and so begins with all capabilities.
 * status: the text of /proc/self/status, or "".  Runs in the parent. */
int caps_host_find(bool new_userns, const char *status, struct caps_host *ret, struct err *err);

/* The masks of the names; s NULL means no capability at all.  A name that is none is left out and
 * remembered (config.md: to be logged as a warning, not to fail); an error is a combination the
 * kernel refuses (effective above permitted, ambient above permitted and inheritable).  pointer is
 * the JSON pointer of the "capabilities" object.  Pure. */
int caps_make(const struct spec_caps *s, const char *pointer, struct caps *ret, struct err *err);

/* Takes out what the host can't grant and remembers it in c->unavailable (config.md: a capability
 * that can't be granted is a warning); decides what is to be dropped.  Pure. */
void caps_limit(struct caps *c, const struct caps_host *host);

/* Names what caps_make() and caps_limit() left out, as "CAP_BPF, CAP_NEW"; empty when nothing was. */
void caps_left_out(const struct caps *c, struct buf *ret);
/* Drops from the bounding set.  Runs in init.  Needs CAP_SETPCAP.  Before: caps_apply(), ids. */
int caps_drop_bounding(const struct caps *c, struct err *err);

/* The securebits at their default; with `on` the permitted set is kept over the change from user 0
 * to another one.  Runs in init, before the ids are set; execve(2) undoes it. */
int caps_keep(bool on, struct err *err);

/* Exactly these sets, read back.  Runs in init, after the ids were set. */
int caps_apply(const struct caps *c, struct err *err);

#endif
