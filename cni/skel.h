/* SPDX-License-Identifier: Apache-2.0 */
/* skel.h - the frame around every plugin
 *
 * A plugin is a table of functions.  skel_main() is the program's side: it
 * reads the environment and standard input and prints the result or the error
 * object; cni_request() is the same without a process, for callers that have
 * the plugins linked in (skerry-net) and for IPAM inside an interface plugin.
 *
 * What a function gets: the parameters checked, the network namespace open,
 * the configuration decoded.  On failure it must have undone what it did.
 * CNI specification "Section 2: Execution Protocol".
 */
#ifndef SKERRY_CNI_SKEL_H
#define SKERRY_CNI_SKEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "cni/netconf.h"
#include "cni/result.h"
#include "cni/rtnl.h"

enum cni_verb {
	CNI_ADD,
	CNI_DEL,
	CNI_CHECK,
	CNI_GC,
	CNI_STATUS,
	CNI_VERSION,
};

/* The parameters: what CNI_* say. */
struct cni_args {
	enum cni_verb verb;
	const char *container_id, *netns, *ifname; /* never NULL; "" where absent */
	const char *args; /* CNI_ARGS as it was */
	const char *path; /* CNI_PATH as it was */
	bool linked_first; /* delegate to what is linked in before looking at CNI_PATH */
	bool netns_override; /* CNI_NETNS_OVERRIDE: the own network namespace may be given */
};

struct cni_call;
struct cni_plugin {
	const char *type; /* "bridge" */
	const char *about; /* one line */
	bool is_ipam; /* may be another plugin's ipam.type */
	bool needs_link; /* as IPAM: ADD comes after the interface is there */
	bool chained; /* needs a prevResult for ADD */
	const char *since; /* the first version it speaks; NULL: 0.1.0 */
	/* NULL: nothing to do for this verb.  0, or -1 with err (codes: netconf.h). */
	int (*add)(struct cni_call *call, struct err *err); /* fills call->result */
	int (*del)(struct cni_call *call, struct err *err);
	int (*check)(struct cni_call *call, struct err *err);
	int (*gc)(struct cni_call *call, struct err *err);
	int (*status)(struct cni_call *call, struct err *err);
};
/* A plugin linked into the program, or NULL. */
typedef const struct cni_plugin *cni_find_fn(const char *type);

/* One request on its way through one plugin. */
struct cni_call {
	const struct cni_plugin *plugin;
	const struct cni_args *args;
	const struct netconf *conf;
	struct arena *arena; /* lives as long as the call */
	cni_find_fn *find; /* plugins at hand for delegation; may be NULL */
	int netns; /* the container's, or -1 (DEL without one, GC, STATUS) */
	int home; /* where the process is, when netns is there */
	struct rtnl host; /* in the plugin's own namespace; opened when first used */
	struct rtnl inside; /* in the container's */
	struct result
		result; /* ADD: what will be printed; the chained begin with a copy of prevResult */
};

/* The sockets of a call, opened when first asked for; NULL with err. */
struct rtnl *cni_host(struct cni_call *call, struct err *err);
struct rtnl *cni_inside(struct cni_call *call, struct err *err);

/* The value of KEY in "KEY=V;KEY=V" (CNI_ARGS), in the arena; NULL: not there. */
char *cni_args_value(const char *args, const char *key, struct arena *arena);
/* The MAC address asked for: capability, args.cni, CNI_ARGS, in this order; 1 there is one, 0 none,
 * -1 with err. */
int cni_wanted_mac(const struct cni_call *call, struct mac *ret, struct err *err);

/* The number of the container's interface: what args.cni says, since programs that route know
 * interfaces by number, else 2, which the first of a namespace besides lo has anyway. */
int cni_wanted_index(const struct cni_call *call);

/* One request: config is the document a plugin gets on standard input.  What would go to standard
 * output is appended to out: the result, the versions, nothing; on failure nothing (err has it). */
int cni_request(const struct cni_plugin *plugin, cni_find_fn *find, const struct cni_args *args,
		const char *config, size_t len, struct buf *out, struct err *err);
/* The error object. */
void cni_error_format(const struct err *err, const char *version, struct buf *out);

/* Runs the plugin as a program, parameters from the environment: the exit status. */
int skel_main(const struct cni_plugin *plugin, cni_find_fn *find);

#endif
