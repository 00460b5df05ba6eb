/* SPDX-License-Identifier: Apache-2.0 */
/* net.h - networks and attachments: what the commands of skerry-net share
 *
 * A network is a conflist; an attachment is one interface of one container in
 * it.  Operations on one network run side by side, collecting what is stale
 * and removing the network run alone (flock(2) on RUN/NETWORK.lock).
 */
#ifndef SKERRY_CNI_NET_NET_H
#define SKERRY_CNI_NET_NET_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "cni/cache.h"
#include "cni/conflist.h"
#include "cni/exec.h"

#define NET_FOLDERS_MAX	   16
#define NET_DEFAULT_BRIDGE "skerry0"
#define NET_DEFAULT	   "default" /* the network that exists without configuration */

struct net_options {
	const char *conf_dir, *cache_dir, *run_dir; /* NULL: the default */
	const char *plugin_path; /* "DIR:DIR"; NULL: linked in first, then the usual folders */
	bool debug;
};

struct net {
	struct arena arena;
	struct exec_env exec;
	const char *folders[NET_FOLDERS_MAX + 1]; /* of configurations; [0] is where new ones go */
	const char *plugin_folders[NET_FOLDERS_MAX + 1];
	const char *cache_dir, *run_dir;
	struct conflists lists;
	bool rootless;
};

int net_open(struct net *n, const struct net_options *o, struct err *err);
void net_close(struct net *n);
/* The network of that name, code 7 when there is none. */
const struct conflist *net_find(const struct net *n, const char *name, struct err *err);
/* The network that needs no file, as text. */
extern const char net_default_text[];

/* --- locks: a descriptor, given up with net_unlock() --- */
#define AUTO_LOCK CLEANUP(net_unlock) int
/* Not by close(2) alone: work that goes on in a child (proc_background()) has the descriptor too. */
void net_unlock(int *lock);
enum net_lock { NET_SHARED, NET_ALONE };
int net_lock(const struct net *n, const char *network, enum net_lock how, struct err *err);

/* One at a time works on one attachment; the lock goes with the network's descriptor. */
int net_lock_attachment(int lock, const char *container, const char *ifname, struct err *err);

struct net_attachment;
/* Both: the network's lock, shared, with the attachment's. */
int net_lock_both(const struct net *n, const char *network, const struct net_attachment *a,
		  struct err *err);

/* --- attachments: attachment.c --- */
struct net_attachment {
	const char *container, *netns, *ifname;
	struct pairs args; /* CNI_ARGS */
	struct pairs capabilities; /* name, JSON */
};
/* ADD; the result (JSON, the net's arena). Remembered before the first effect; nothing is left
 * after a failure. */
int net_add(struct net *n, const struct conflist *list, const struct net_attachment *a,
	    const char **ret_result, struct err *err);
/* DEL, by what is remembered; list may be NULL when that names the network.  netns NULL: the one
 * remembered.  What could not be undone is still remembered. */
int net_del(struct net *n, const char *network, const struct net_attachment *a, struct err *err);
/* CHECK with what is remembered; ENOENT when that is nothing. */
int net_check(struct net *n, const char *network, const struct net_attachment *a, struct err *err);
/* DEL of every attachment whose network namespace is gone, then GC of the plugins; the number of
 * those attachments in *ret_n. */
int net_gc(struct net *n, const struct conflist *list, size_t *ret_n, struct err *err);
/* Is there a network namespace at this path? */
bool net_is_alive(const char *netns);
/* Is its network namespace gone for certain? */
bool net_is_stale(const struct cache_entry *e);
/* Is this what is remembered before an ADD is through? */
bool net_is_intent(const struct cache_entry *e);

#endif
