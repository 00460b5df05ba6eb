/* SPDX-License-Identifier: Apache-2.0 */
/* record.h - which networks have a share of which uplink, and who of them is there
 *
 * DIR/shares.json, replaced as a whole under a lock of the folder, written
 * before the first effect: DEL and GC go by it, `skerry net top` reads it.
 */
#ifndef SKERRY_CNI_PLUGINS_SHAPE_RECORD_H
#define SKERRY_CNI_PLUGINS_SHAPE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#define SHAPE_MINOR_LINK 1 /* the root of the tree: the whole link */
#define SHAPE_MINOR_HOST 2 /* what belongs to no network */
#define SHAPE_MINOR_MIN	 0x10
#define SHAPE_MINOR_MAX	 0xfff0

struct shape_member {
	char *container, *ifname;
	char *device; /* the host's interface towards it */
	uint32_t minor; /* of its own class; 0: the network's */
	uint64_t up_rate, up_ceil, down_rate, down_ceil; /* bits per second */
	struct strings addresses; /* that lead to its own class */
};
struct shape_network {
	char *name, *uplink;
	uint64_t link_rate, rate, ceil;
	uint32_t minor; /* of its class; minor + 1 is that of members without one */
	uint32_t priority, weight, burst_ms;
	bool up, down;
	struct {
		struct shape_member *v;
		size_t n;
	} members;
};
struct shape_record {
	int lock; /* the folder */
	struct arena *arena;
	struct {
		struct shape_network *v;
		size_t n;
	} networks;
};

/* Reads it; with `change` nobody else has it until shape_record_close(). A missing folder is made
 * with `change`, else it is an empty record. */
int shape_record_open(const char *dir, bool change, struct arena *arena, struct shape_record *ret,
		      struct err *err);
int shape_record_save(const struct shape_record *r, struct err *err);
void shape_record_close(struct shape_record *r);

/* The network on that uplink (NULL: on the first), or NULL. */
struct shape_network *shape_record_find(struct shape_record *r, const char *name,
					const char *uplink);
/* A new one with a free pair of minors; NULL with err. */
struct shape_network *shape_record_add(struct shape_record *r, const char *name, const char *uplink,
				       struct err *err);
void shape_record_remove(struct shape_record *r, const struct shape_network *network);
struct shape_member *shape_member_find(const struct shape_network *network, const char *container,
				       const char *ifname);
struct shape_member *shape_member_add(struct shape_record *r, struct shape_network *network,
				      const char *container, const char *ifname, struct err *err);
void shape_member_remove(struct shape_network *network, const struct shape_member *member);
/* A number that no class of the uplink has; 0 with err. */
uint32_t shape_minor_free(const struct shape_record *r, const char *uplink, struct err *err);
/* What the other networks are guaranteed of the uplink. */
uint64_t shape_guaranteed(const struct shape_record *r, const char *uplink,
			  const struct shape_network *except);

/* The file's text. */
int shape_record_parse(const char *name, const char *text, size_t len, struct arena *arena,
		       struct shape_record *ret, struct err *err);
void shape_record_format(const struct shape_record *r, struct buf *out);

#endif
