/* SPDX-License-Identifier: Apache-2.0 */
/* verb.h - the commands of skerry-net, one constant each */
#ifndef SKERRY_CNI_NET_VERB_H
#define SKERRY_CNI_NET_VERB_H

#include "cni/net/net.h"
#include "runtime/cli/options.h"

/* Every verb's options begin with a struct net_options, which net_common fills. */
extern const struct option_table verb_common;

#define VERB_OPTIONS_MAX 512
struct verb {
	const char *name, *arguments, *summary;
	const char *description; /* lines, each ending in a newline; NULL */
	struct option_table options; /* its last `more` is &verb_common */
	size_t size; /* of the struct that they are stored in */
	int min_args, max_args; /* max -1: any number */
	bool hidden;
	/* The exit status, or -1 with the error. */
	int (*run)(struct net *n, const void *options, const struct option_args *args,
		   struct err *err);
};

extern const struct verb verb_add;
extern const struct verb verb_attach;
extern const struct verb verb_check;
extern const struct verb verb_create;
extern const struct verb verb_del;
extern const struct verb verb_detach;
extern const struct verb verb_gc;
extern const struct verb verb_inspect;
extern const struct verb verb_ls;
extern const struct verb verb_move;
extern const struct verb verb_peer;
extern const struct verb verb_rm;
extern const struct verb verb_status;
extern const struct verb verb_top;

/* All of it to standard output; 0 or -1. */
int verb_print(const struct buf *text, struct err *err);

#endif
