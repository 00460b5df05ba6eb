/* SPDX-License-Identifier: Apache-2.0 */
/* move_link.h - what a move changes in the kernel of one host
 *
 * Every function can be repeated and undone by its counterpart, whatever part
 * of it had been done.
 */
#ifndef SKERRY_CNI_NET_MOVE_LINK_H
#define SKERRY_CNI_NET_MOVE_LINK_H

#include "cni/link.h"
#include "cni/net/move.h"

/* Where the container hangs on this host. */
struct move_place {
	struct link port, bridge; /* index 0: none */
	struct link outside; /* the bridge's port that leads to other hosts; index 0: none */
};
/* By the names in the record; what is gone has index 0. */
int move_place_find(const struct move *m, struct move_place *ret, struct err *err);

/* --- routed: the tunnel with its table of one route, at both ends --- */
int move_tunnel_make(const struct move *m, struct err *err);
int move_tunnel_remove(const struct move *m, struct err *err);
/* Source: what is for the addresses goes into the tunnel.  Target: what comes from them. */
int move_divert(const struct move *m, struct err *err);
int move_divert_end(const struct move *m, struct err *err);
/* Source: the bridge answers for the addresses in the container's place. */
int move_stand_in(const struct move *m, const struct move_place *place, struct err *err);
int move_stand_in_end(const struct move *m, const struct move_place *place, struct err *err);

/* --- bridged: forwarding entries --- */
/* Source: frames for the container go outside. */
int move_entries_lead_out(const struct move *m, const struct move_place *place, struct err *err);
/* No entry of ours holds the hardware address outside; a tunnel that doesn't learn keeps its own
 * where `keep_unlearnt`. */
int move_entries_end(const struct move *m, const struct move_place *place, bool keep_unlearnt,
		     struct err *err);

/* From inside: here is the address.  Nothing where the port is closed. */
int move_announce(const struct move *m, const struct move_place *place, const char *netns,
		  struct err *err);
/* Sets the port up and waits until frames pass; announces from inside.  netns "": it is gone. */
int move_open_port(const struct move *m, const struct move_place *place, const char *netns,
		   struct err *err);
int move_close_port(const struct move *m, const struct move_place *place, const char *netns,
		    struct err *err);

#endif
