/* SPDX-License-Identifier: Apache-2.0 */
/* move.h - one attachment goes from one host to another, make before break
 *
 * Both hosts run `skerry net move`; whoever drives it (skerry migrate, a person)
 * carries the ticket from the source to the target and decides when:
 *
 *	      source                                     target
 *	1  prepare --to TARGET NETWORK ID > ticket
 *	2                                             prepare --from SOURCE NETWORK ID < ticket
 *	3                                             ADD: `skerry restore`, `skerry net add`
 *	4                                             cutover NETWORK ID
 *	5  cutover NETWORK ID
 *	6  finish NETWORK ID                          finish NETWORK ID
 *	7  the container is deleted
 *	-  abort NETWORK ID                           abort NETWORK ID
 *
 * What an ADD at 3 does is in the ticket: address, hardware address, the
 * interface's number where it is free (programs that route go by it); nothing
 * reaches the interface before 4 and nobody hears of it.  Between 4 and 5 both
 * ends take packets; from 5 on the source hands on what still reaches it.
 * Two kinds of networks:
 *  - bridged: the bridges of both hosts have one segment in common (a port that
 *    leads outside: VXLAN, VLAN, GRE, a card).  The hardware address stays; at
 *    4 the target's port lets packets pass (hold.h) and the address is announced
 *    (gratuitous ARP, unsolicited neighbour advertisements), at 5 the source's
 *    entries lead to the target and its port goes down.  The source's container is to be frozen
 *    by 4: what it said after that would be learnt as its place.
 *  - routed: each host has its own segment.  A tunnel between the two (VXLAN,
 *    GRE or IPIP) is made at 1 and 2; at 5 one route of the source leads the
 *    address into it; what the container answers goes back through it, so
 *    that the source's translations (port mappings, masquerade) go on to hold.
 *    At 6 the tunnel goes: by then routes to the target have to be elsewhere, or
 *    nothing may need the address from outside.
 *
 * States: (none) -> prepared -> cut -> (none).  Every step is written down before its first effect
 * (RUN/move/NETWORK,ID,IFNAME) and can be repeated, by another process, after a crash at any
 * instruction.  abort leads back from each of them as long as finish wasn't begun; without a record
 * abort and finish have nothing to do and succeed.
 * The address stays leased on the source, and its translations stay, as long as its attachment is
 * there: 7 comes after 6.
 *
 * Errors (err->code): ENOENT no such attachment, or no move prepared; EBUSY another move of it is
 * open, or the step isn't next; EINVAL the ticket is none of this network; EOPNOTSUPP the network
 * can't be moved, or this kernel lacks the tunnel; EEXIST the address is taken on the target.
 *
 * RFC 5227 section 3; RFC 4861 section 7.2.6; RFC 7348.
 */
#ifndef SKERRY_CNI_NET_MOVE_H
#define SKERRY_CNI_NET_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "cni/net/net.h"

#define MOVE_TICKET_MAX	   ((size_t)64 << 10)
#define MOVE_ADDRESSES_MAX 64

enum move_role { MOVE_SOURCE, MOVE_TARGET };
enum move_kind { MOVE_BRIDGED, MOVE_ROUTED };
enum move_state { MOVE_PREPARED, MOVE_CUT, MOVE_FINISHING };
enum move_tunnel { MOVE_VXLAN, MOVE_GRE, MOVE_IPIP };

/* An address of the container as text: "10.7.0.5/24", "10.7.0.1" or "". */
struct move_address {
	char *address, *gateway;
};
struct move_addresses {
	struct move_address *v;
	size_t n;
};

/* The record; the ticket is the same document of the source. */
struct move {
	enum move_role role;
	enum move_kind kind;
	enum move_state state;
	enum move_tunnel tunnel;
	char *network, *container, *ifname;
	char *source, *target; /* the hosts' addresses */
	char *mac; /* of the container's interface */
	char *port, *bridge; /* the container's port on this host and its bridge; "": none */
	uint32_t mtu,
		index; /* of the container's interface; the number it is to have there as well */
	uint32_t id; /* of the tunnel */
	struct move_addresses addresses;
};

struct move_request {
	enum move_role role;
	const char *network, *container, *ifname;
	const char *peer; /* the other host */
	const char *local; /* this host; NULL: as the route to the peer says */
	const char *kind, *tunnel; /* as words; NULL: as it is found, vxlan */
	const char *ticket; /* of a target */
	size_t ticket_len;
};

/* Source: the record, and the tunnel of a routed network.  Target: the same by the ticket. Repeating
 * it is no error.  *ret is the record (arena of the net). */
int move_prepare(struct net *n, const struct move_request *r, struct move *ret, struct err *err);
int move_cutover(struct net *n, const struct move_request *r, struct err *err);
int move_finish(struct net *n, const struct move_request *r, struct err *err);
int move_abort(struct net *n, const struct move_request *r, struct err *err);

/* For net_add(): a target's move of this attachment that is prepared changes the list that the
 * plugins get.  1 and *ret (arena), 0 there is none, -1. */
int move_list(struct net *n, const struct conflist *list, const struct net_attachment *a,
	      struct conflist *ret, struct err *err);

/* The document: pure; EINVAL says what is wrong. */
int move_parse(const char *name, const char *text, size_t len, struct arena *arena,
	       struct move *ret, struct err *err);
void move_format(const struct move *m, struct buf *out);
/* The value of a "role", "kind", "state" or "tunnel" of this name, or -1 with err. */
int move_word(const char *what, const char *word, struct err *err);

#endif
