/* SPDX-License-Identifier: Apache-2.0 */
/* landlock.h - Landlock rules of a container
 *
 * Annotation org.skerry.landlock, a JSON object:
 *   {"ro":["/usr"],"rw":["/tmp"],"exec":["/usr/bin"],"tcp_bind":[80],
 *    "tcp_connect":[443],"scope":["abstract-unix","signal"],"best_effort":true}
 * Any of ro, rw, exec: all file access but that below them is refused.  "ro"
 * is reading and listing, "exec" is "ro" and running, "rw" is everything but
 * running.  tcp_bind, tcp_connect: only those ports ([] is none).
 * landlock(7).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_LANDLOCK_H
#define SKERRY_RUNTIME_ISOLATE_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define LANDLOCK_ANNOTATION "org.skerry.landlock"
#define LANDLOCK_RULES_MAX  1024

struct landlock_path {
	const char *path;
	uint64_t access;
};
struct landlock_port {
	uint16_t port;
	uint64_t access;
};

struct landlock {
	bool set;
	uint64_t handled_fs, handled_net, scoped; /* as asked for */
	const struct landlock_path *paths;
	size_t n_paths;
	const struct landlock_port *ports;
	size_t n_ports;
	bool best_effort; /* what the kernel is too old for is left out, instead of an error */
};

/* text: the annotation's value, or NULL.  Pure. */
int landlock_make(const char *text, struct arena *arena, struct landlock *ret, struct err *err);

/* Landlock ABI of the running kernel, 0 when there is none. */
int landlock_abi(void);

/* What an ABI knows of the masks; an error without best_effort if it is not all.  Pure. */
int landlock_limit(struct landlock *l, int abi, struct err *err);

/* Puts the rules on the caller.  Runs in init, after the root was entered, after no_new_privs or
 * with CAP_SYS_ADMIN, right before execve(2).  A path that is missing is an error, with
 * best_effort it is left out. */
int landlock_apply(const struct landlock *l, struct err *err);

#endif
