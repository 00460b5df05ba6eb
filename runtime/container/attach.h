/* SPDX-License-Identifier: Apache-2.0 */
/* attach.h - a container's networks, made by skerry-net
 *
 * What the caller asks for besides config.json: networks by name, published
 * ports, names.  Nothing of it is understood here; it is put into network.json
 * in the state directory before anything is made, and the program skerry-net
 * works from there.
 */
#ifndef SKERRY_CONTAINER_ATTACH_H
#define SKERRY_CONTAINER_ATTACH_H

#include "base/buf.h"
#include "runtime/container/runtime.h"
#include "runtime/spec/spec.h"

#define ATTACH_HELD_MAX 4
struct attach {
	bool wanted; /* skerry-net has to do something */
	struct buf request; /* network.json */
	int held[ATTACH_HELD_MAX]; /* namespaces of another container, until they are joined */
	size_t n_held;
	const char *path; /* of the network namespace, where config.json names one */
	int netns; /* the container's */
};

void attach_init(struct attach *a);
/* Decides, and puts it into the spec: namespaces to join or to have, files to mount over those of the
 * root file system.  Nothing asked for: nothing done. */
int attach_make(struct runtime *rt, const char *id, const struct skerry_create_options *o,
		struct spec *spec, struct attach *ret, struct err *err);
/* Once the plan has opened the namespaces to join: the init must not inherit ours. */
void attach_let_go(struct attach *a);
void attach_release(struct attach *a);
/* network.json and the files to be mounted. */
int attach_save(const struct attach *a, int dir, struct err *err);
/* Takes hold of the network namespace of the container whose init is pid. */
int attach_hold(struct attach *a, pid_t pid, struct err *err);
/* Runs skerry-net for it. */
int attach_apply(const struct attach *a, int dir, struct err *err);
/* The same for an ordinary user, whose helpers join the user namespace first and then can look at
 * processes in it only: before the init makes itself unseen, that is before the gate. */
int attach_apply_user(const struct attach *a, int dir, pid_t pid, struct err *err);
/* Undoes it by what is in the state directory; again is no error. */
int attach_remove(int dir, struct err *err);

#endif
