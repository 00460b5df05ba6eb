/* SPDX-License-Identifier: Apache-2.0 */
/* move_record.h - moves that are open, as files
 *
 * RUN/move/NETWORK,ID,IFNAME ("," is in no name), replaced by rename; written
 * under the attachment's lock.
 */
#ifndef SKERRY_CNI_NET_MOVE_RECORD_H
#define SKERRY_CNI_NET_MOVE_RECORD_H

#include "cni/net/move.h"

/* 1 and *ret (arena), 0 there is none, -1 with err. */
int move_load(struct net *n, const char *network, const char *container, const char *ifname,
	      struct move *ret, struct err *err);
int move_save(const struct net *n, const struct move *m, struct err *err);
/* Nothing there is success. */
int move_remove(const struct net *n, const struct move *m, struct err *err);
/* Of a move that may have no record, but what was written when its request was killed. */
int move_forget(const struct net *n, const char *network, const char *container, const char *ifname,
		struct err *err);

#endif
