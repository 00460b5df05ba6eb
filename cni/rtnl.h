/* SPDX-License-Identifier: Apache-2.0 */
/* rtnl.h - rtnetlink in batches: several requests in one message, errors by name
 *
 * Requests are built one after the other and sent together by rtnl_flush();
 * the kernel runs them in order and goes on after a failed one, so a batch is
 * for what is undone as a whole.  Building can't fail visibly: it is sticky
 * and rtnl_flush() says so.
 *
 *	rtnl_begin(r, RTM_NEWLINK, 0, &info, sizeof(info), "set up \"%s\"", name);
 *	rtnl_put_u32(r, IFLA_MTU, 1400);
 *	rtnl_end(r);
 *	return rtnl_flush(r, err);
 *
 * libnl-3 makes and takes apart the messages (rtnl.c is its only user); the
 * socket is our own, since libnl knows one outstanding request only.
 * netlink(7), rtnetlink(7).
 */
#ifndef SKERRY_CNI_RTNL_H
#define SKERRY_CNI_RTNL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "cni/ip.h"

#define RTNL_BATCH_MAX 64 /* requests between two flushes */
#define RTNL_WHAT_MAX  96
#define RTNL_NEST_MAX  8

struct nl_msg;
struct rtnl_pending {
	uint32_t seq;
	int tolerated; /* an errno that is no failure here; 0: none */
	char what[RTNL_WHAT_MAX]; /* "set up \"eth0\"" */
};
struct rtnl {
	int fd; /* -1: not open */
	uint32_t seq;
	struct nl_msg *msg; /* the request under construction, while there is one */
	bool building;
	struct nlattr *nests[RTNL_NEST_MAX];
	size_t n_nests;
	struct buf batch; /* finished messages */
	struct rtnl_pending *pending;
	size_t n_pending;
	char *answer; /* of the kernel, until the next */
	bool failed; /* out of memory while building */
};

/* A closed one: what rtnl_close() takes. */
#define RTNL_CLOSED \
 {                  \
  .fd = -1          \
 }

/* A socket of the network namespace (-1: where the process is). */
int rtnl_open(struct rtnl *r, int netns, struct err *err);
/* The same with a descriptor of the namespace where the process is (netns_home()). */
int rtnl_open_from(struct rtnl *r, int home, int netns, struct err *err);
/* With a socket that is there: from now on its owner. */
int rtnl_init(struct rtnl *r, int fd, struct err *err);
void rtnl_close(struct rtnl *r);

/* --- requests ------------------------------------------------------------------- */

/* Begins one: flags besides NLM_F_REQUEST, the family's header, and what to say when it fails. */
void rtnl_begin(struct rtnl *r, int type, int flags, const void *header, size_t size,
		const char *what, ...) PRINTF(6, 7);
void rtnl_put(struct rtnl *r, int attr, const void *data, size_t size);
void rtnl_put_u8(struct rtnl *r, int attr, uint8_t v);
void rtnl_put_u16(struct rtnl *r, int attr, uint16_t v);
void rtnl_put_u32(struct rtnl *r, int attr, uint32_t v);
void rtnl_put_u64(struct rtnl *r, int attr, uint64_t v);
void rtnl_put_string(struct rtnl *r, int attr, const char *s);
void rtnl_put_ip(struct rtnl *r, int attr, const struct ip *ip);
/* Bytes without a header of their own (the ifinfomsg in VETH_INFO_PEER), padded. */
void rtnl_append(struct rtnl *r, const void *data, size_t size);
void rtnl_nest(struct rtnl *r, int attr);
void rtnl_nest_end(struct rtnl *r);
/* The request begun last, ended or not, may fail with this errno (EEXIST, ENODEV, ...). */
void rtnl_tolerate(struct rtnl *r, int code);
/* Ends it: it waits for the flush. */
void rtnl_end(struct rtnl *r);

/* Sends what waits and takes all the answers: 0, or -1 with the first failure (err->code its errno,
 * the kernel's own words where it has some). */
int rtnl_flush(struct rtnl *r, struct err *err);
/* Forgets what waits. */
void rtnl_discard(struct rtnl *r);

/* --- answers -------------------------------------------------------------------- */

/* The header of its family, behind that of the message: to be copied out. */
const void *rtnl_body(const struct nlmsghdr *h);
/* 0 to go on, > 0 to stop early without failure, -1 with err. */
typedef int rtnl_each_fn(const struct nlmsghdr *h, void *data, struct err *err);

/* Sends the only request that waits (begun without or with NLM_F_DUMP) and gives every answer to
 * each().  A dump that the kernel says was interrupted is repeated: each() is then given NULL first.
 * 0, or -1; without a dump, "no such thing" is -1 with err->code ENODEV, ENOENT, ESRCH. */
int rtnl_query(struct rtnl *r, rtnl_each_fn *each, void *data, struct err *err);

/* Attributes behind a header of `size` bytes into tb[0..max] (NULL: absent); -1: malformed. */
int rtnl_attrs(const struct nlmsghdr *h, size_t size, struct nlattr **tb, int max);
int rtnl_nested(const struct nlattr *attr, struct nlattr **tb, int max);
/* Their values; 0, "" and false when the attribute is NULL or too short. */
uint8_t rtnl_u8(const struct nlattr *attr);
uint16_t rtnl_u16(const struct nlattr *attr);
uint32_t rtnl_u32(const struct nlattr *attr);
uint64_t rtnl_u64(const struct nlattr *attr);
const char *rtnl_string(const struct nlattr *attr);
const void *rtnl_data(const struct nlattr *attr);
size_t rtnl_size(const struct nlattr *attr);
struct ip rtnl_ip(const struct nlattr *attr, uint8_t family);

#endif
