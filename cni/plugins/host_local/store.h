/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - host-local: leases as files
 *
 * The reference plugin's files, which other tools read, in DATADIR/NETWORK:
 *   lock                the lock of the network (flock(2))
 *   ADDRESS             "CONTAINER\r\nIFNAME"
 *   last_reserved_ip.N  where the search in set N goes on
 * and beside them what makes it quick and mortal, in DATADIR/.skerry/NETWORK:
 *   CONTAINER:IFNAME    a symbolic link whose text is the record:
 *                       "DEV:INODE ADDRESS,ADDRESS NETNS"
 *   boot                the boot id of the last use, likewise
 * A symbolic link is made and read by one system call and is never half there.
 *
 * Invariants:
 * 1. The file of an address is the lease; of two takers one gets EEXIST.  It is
 *    made and written with the lock held, so one without content is what a crash
 *    left, and nobody's.
 * 2. A record may name addresses that aren't its own any more: whoever uses it
 *    looks at the file.
 * 3. The index folder has the modification time of the network's folder (less
 *    a constant) as long as every lease has its record.  Another one means that somebody else (the
 *    reference plugin, an administrator, a crash) was there: then all files are
 *    read, once.
 */
#ifndef SKERRY_CNI_PLUGINS_HOST_LOCAL_STORE_H
#define SKERRY_CNI_PLUGINS_HOST_LOCAL_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cni/ip.h"
#include "cni/netconf.h"
#include "cni/netns.h"

#define HL_ADDRS_MAX 64 /* of one owner */

struct hl_owner {
	const char *container_id, *ifname;
};

struct hl_store {
	int dir, index, lock;
	int last; /* the file that hl_store_last() has read, and how much */
	size_t last_set, last_size;
	bool synced; /* invariant 3 */
	bool changed; /* something to stamp */
};

/* Opens and locks the network's folder, which is made when missing and `make`: 1, 0 it is not
 * there, -1. */
int hl_store_open(struct hl_store *s, const char *data_dir, const char *network, bool make,
		  struct err *err);
/* Unlocks it; keeps invariant 3 when all went well. */
void hl_store_close(struct hl_store *s);

/* The addresses this owner has: their number, or -1.  careful: also what another plugin took in the
 * last few milliseconds. */
int hl_store_list(struct hl_store *s, const struct hl_owner *owner, bool careful, struct ip *v,
		  size_t max, struct err *err);
/* Is it this owner's?  1, 0, -1. */
int hl_store_owns(struct hl_store *s, const struct ip *ip, const struct hl_owner *owner,
		  struct err *err);
/* Who has it, as "CONTAINER/IFNAME"; false: nobody. */
bool hl_store_holder(struct hl_store *s, const struct ip *ip, char *dst, size_t size);

/* Takes an address: 1, 0 it is taken already, -1. */
int hl_store_take(struct hl_store *s, const struct ip *ip, const struct hl_owner *owner,
		  struct err *err);
/* The record of what was taken, with the namespace it lives and dies with (path NULL: with none). */
struct hl_lease {
	const struct ip *v;
	size_t n;
	const char *netns;
	struct netns_id id;
};
int hl_store_record(struct hl_store *s, const struct hl_owner *owner, const struct hl_lease *lease,
		    struct err *err);
/* Gives one back, or all of an owner with the record. */
int hl_store_drop(struct hl_store *s, const struct ip *ip, struct err *err);
int hl_store_release(struct hl_store *s, const struct hl_owner *owner, struct err *err);

/* Where the search in a set goes on (family 0: from the start), and to remember it. */
struct ip hl_store_last(struct hl_store *s, size_t set);
int hl_store_set_last(struct hl_store *s, size_t set, const struct ip *ip, struct err *err);

/* Every address that is taken. */
int hl_store_each(struct hl_store *s, int (*each)(const struct ip *ip, void *data, struct err *err),
		  void *data, struct err *err);

/* Frees what no valid attachment has. */
int hl_store_gc(struct hl_store *s, const struct netconf *conf, struct err *err);
/* Frees leases whose network namespace is gone (its path leads to another one or nowhere, and no
 * process lives in it), and empty files: their number, or -1. */
int hl_store_reclaim(struct hl_store *s, struct err *err);

#endif
