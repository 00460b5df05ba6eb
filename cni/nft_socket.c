/* SPDX-License-Identifier: Apache-2.0 */
/* nft_socket.c - the socket to nfnetlink
 *
 * Answers are in the socket when sendto(2) returns: nf_tables works in the
 * caller's context, so nothing here ever waits for them.
 * The last close of such a socket takes the lock of all changes and holds it
 * until the kernel has freed what anybody deleted (nft_rcv_nl_event(): a grace
 * period, 10 to 20 ms).  So a child keeps the socket open until nobody has changed
 * anything for longer than that; then neither we nor the next change waits.
 * netlink(7); linux/netfilter/nfnetlink.h.
 */
#include "cni/nft_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/proc.h"

#define BATCH_MAX      ((size_t)256 << 20)
#define SOCKET_DEFAULT ((size_t)96 << 10) /* what fits into any socket's buffer */
#define SOCKET_MARGIN  8192
#define RECEIVE_SIZE   ((size_t)64 << 10)
#define QUESTION_SIZE  (NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg)))
#define LINGER_MS      50
#define LINGER_ROUNDS  20

struct nft *nft_open(struct err *err)
{
	struct nft *nft = calloc(1, sizeof(*nft));

	if (!nft) {
		(void)err_set(err, ENOMEM, "nftables: no memory");
		return NULL;
	}
	buf_init_max(&nft->batch, BATCH_MAX);
	nft->receive = malloc(RECEIVE_SIZE);
	/* each is written before it is read */
	nft->operations = reallocarray(NULL, NFT_OPERATIONS_MAX, sizeof(*nft->operations));
	nft->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!nft->receive || !nft->operations || !nft->socket ||
	    mnl_socket_bind(nft->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		(void)err_sys(err, "open a socket to nftables");
		nft_close(nft);
		return NULL;
	}
	nft->seq = 1;
	return nft;
}

/* "Which generation of rules is this?", which every change makes a new one; QUESTION_SIZE bytes. */
static struct nlmsghdr *ask_generation(struct nft *nft, char *question)
{
	return nftnl_nlmsg_build_hdr(question, NFT_MSG_GETGEN, AF_UNSPEC, 0, nft->seq++);
}

/* The number of the current generation.  0: not known. */
uint32_t nft_generation(struct nft *nft)
{
	char question[QUESTION_SIZE];
	struct nlmsghdr *h = ask_generation(nft, question);
	struct nlattr *attr;
	ssize_t size;

	if (mnl_socket_sendto(nft->socket, h, h->nlmsg_len) < 0)
		return 0;
	size = recv(mnl_socket_get_fd(nft->socket), nft->receive, RECEIVE_SIZE, MSG_DONTWAIT);
	h = (struct nlmsghdr *)nft->receive;
	if (size <= 0 || !mnl_nlmsg_ok(h, (int)size) || h->nlmsg_type == NLMSG_ERROR)
		return 0;
	mnl_attr_for_each(
		attr, h,
		sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) ==
					     NFTA_GEN_ID) return ntohl(mnl_attr_get_u32(attr));
	return 0;
}

/* The child has the descriptor as well: its exit, when all is quiet, is the last close. */
static void linger(struct nft *nft)
{
	char question[QUESTION_SIZE];
	const struct nlmsghdr *h = ask_generation(nft, question);
	const struct proc_keep keep = {
		.fd = mnl_socket_get_fd(nft->socket),
		.question = h,
		.question_len = h->nlmsg_len,
		.nap_ms = LINGER_MS,
		.rounds = LINGER_ROUNDS,
	};

	(void)proc_keep(&keep, NULL); /* without it the close waits, no more */
}

void nft_close(struct nft *nft)
{
	if (!nft)
		return;
	if (nft->used && nft->socket)
		linger(nft);
	if (nft->socket)
		(void)mnl_socket_close(nft->socket);
	buf_release(&nft->batch);
	free(nft->operations);
	free(nft->receive);
	free(nft);
}

void nft_cleanup(struct nft **nft)
{
	const int saved = errno;

	nft_close(*nft);
	errno = saved;
}

int nft_send(struct nft *nft, const void *data, size_t size, struct err *err)
{
	const int want = (int)(size + SOCKET_MARGIN);
	const int fd = mnl_socket_get_fd(nft->socket);

	if (size > SOCKET_DEFAULT &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof(want)) < 0)
		return err_sys(err, "nftables: room for %zu bytes", size);
	nft->used = true;
	if (mnl_socket_sendto(nft->socket, data, size) < 0)
		return err_sys(err, "nftables: send a request");
	return 0;
}

/* The next bunch of answers: its size, 0 when there is none, -1 with err. */
ssize_t nft_receive(struct nft *nft, struct err *err)
{
	ssize_t size;

	do {
		size = recv(mnl_socket_get_fd(nft->socket), nft->receive, RECEIVE_SIZE,
			    MSG_DONTWAIT);
	} while (size < 0 && errno == EINTR);
	if (size < 0 && errno == EAGAIN)
		return 0;
	if (size < 0)
		return err_sys(err, "nftables: receive an answer");
	return size;
}

/* Of an NLMSG_ERROR: 0 or the errno. */
int nft_answer_code(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

	return mnl_nlmsg_get_payload_len(h) < sizeof(*e) ? EBADMSG : -e->error;
}

int nft_request(struct nft *nft, struct nlmsghdr *h,
		int (*each)(const struct nlmsghdr *h, void *data), void *data, struct err *err)
{
	ssize_t size;

	h->nlmsg_seq = nft->seq++;
	if (nft_send(nft, h, h->nlmsg_len, err) < 0)
		return -1;
	while ((size = nft_receive(nft, err)) > 0) {
		const struct nlmsghdr *answer = (const struct nlmsghdr *)nft->receive;

		for (int left = (int)size; mnl_nlmsg_ok(answer, left);
		     answer = mnl_nlmsg_next(answer, &left)) {
			if (answer->nlmsg_type == NLMSG_ERROR && nft_answer_code(answer) != 0) {
				errno = nft_answer_code(answer);
				return err_sys(err, "nfnetlink");
			}
			if (answer->nlmsg_type >= NLMSG_MIN_TYPE && each && each(answer, data) < 0)
				return err_set(err, EIO, "nfnetlink: bad answer");
		}
	}
	return size < 0 ? -1 : 0;
}

int nft_status(struct err *err)
{
	AUTO_NFT nft = nft_open(err);

	if (!nft)
		return -1;
	if (nft_generation(nft) == 0)
		return err_set(err, EOPNOTSUPP, "this kernel has no nf_tables");
	return 0;
}
