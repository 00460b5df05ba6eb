/* SPDX-License-Identifier: Apache-2.0 */
/* nft_socket.h - the socket to nfnetlink, for nft.c
 *
 * What struct nft is made of.  Answers are read into `receive` and are gone
 * with the next nft_receive().
 */
#ifndef SKERRY_CNI_NFT_SOCKET_H
#define SKERRY_CNI_NFT_SOCKET_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "cni/nft.h"

#define NFT_OPERATIONS_MAX 2048 /* of one transaction, a group of elements being one */

enum nft_operation_kind { OP_BEGIN, OP_PART, OP_DETAIL, OP_DELETE, OP_ADD };
struct nft_operation {
	enum nft_operation_kind kind;
	size_t plan, part; /* part: of OP_PART and OP_DETAIL */
	const char *what; /* a chain or set, for the message */
};

struct mnl_socket;
struct nft {
	struct mnl_socket *socket;
	uint32_t seq; /* of the next message */
	bool used; /* something was sent: the close is left to a child */
	struct buf batch;
	uint32_t first_seq; /* of the batch: operation n has seq first_seq + n */
	struct nft_operation *operations;
	size_t n_operations;
	struct nlmsghdr *message; /* under construction, in the batch */
	char *receive; /* the answers */
};

/* 0, or -1 with err. */
int nft_send(struct nft *nft, const void *data, size_t size, struct err *err);
/* The next bunch of answers: its size, 0 when there is none, -1 with err. */
ssize_t nft_receive(struct nft *nft, struct err *err);
/* The number of the rule set as it is now, which every change makes another; 0: can't be had. */
uint32_t nft_generation(struct nft *nft);
/* Of an NLMSG_ERROR: 0 or the errno. */
int nft_answer_code(const struct nlmsghdr *h);

#endif
