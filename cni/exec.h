/* SPDX-License-Identifier: Apache-2.0 */
/* exec.h - run the plugins of a network, one after the other
 *
 * A plugin is a file in the search path or linked into this program; both get
 * the same request and give the same answer.  Nothing is kept here: what was
 * made is remembered by the caller (cache.h).
 * CNI specification "Section 2: Execution Protocol" and "Section 3: Execution
 * of Network Configurations".
 */
#ifndef SKERRY_CNI_EXEC_H
#define SKERRY_CNI_EXEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "cni/conflist.h"
#include "cni/skel.h"

/* Where plugins come from. */
struct exec_env {
	const char *const *path; /* folders, NULL-terminated */
	const char *path_text; /* the same as CNI_PATH */
	cni_find_fn *find; /* those linked in; NULL: none */
	bool linked_first; /* they win over the files of the path */
	dev_t own_dev; /* the file of our plugins: what is linked in is */
	ino_t own_ino; /* used instead of it; 0: none */
	void (*debug)(const char *text); /* told of each plugin; may be NULL */
};

/* One attachment as the plugins see it. */
struct exec_request {
	const char *container, *netns, *ifname; /* never NULL; "" where there is none */
	const char *args; /* CNI_ARGS */
	const struct pairs *capabilities; /* name, JSON; may be NULL */
	const char *prev_result; /* JSON of the last ADD, or NULL */
	const char *attachments; /* GC: JSON of what is valid */
};

/* ADD of all plugins; the last result (compact JSON, arena).  After a failure DEL of all was tried. */
int exec_add(const struct exec_env *env, const struct conflist *list, const struct exec_request *r,
	     struct arena *arena, const char **ret_result, struct err *err);
/* DEL in reverse order; all are tried, whatever fails: the messages together. */
int exec_del(const struct exec_env *env, const struct conflist *list, const struct exec_request *r,
	     struct err *err);
/* CHECK and STATUS stop at the first failure, whose code is kept; GC tries all. */
int exec_check(const struct exec_env *env, const struct conflist *list,
	       const struct exec_request *r, struct err *err);
int exec_gc(const struct exec_env *env, const struct conflist *list, const struct exec_request *r,
	    struct err *err);
int exec_status(const struct exec_env *env, const struct conflist *list, struct err *err);
/* Is each plugin there, and does it speak the list's version?  CNI codes 1 and 7. */
int exec_validate(const struct exec_env *env, const struct conflist *list, struct err *err);
/* Are all of them linked in? */
bool exec_is_linked(const struct exec_env *env, const struct conflist *list);

/* An answer of a plugin that failed, from its output: for the fuzzer. */
int exec_parse_error(const char *type, const char *text, size_t len, struct err *err);

#endif
