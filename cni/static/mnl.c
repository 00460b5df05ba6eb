/* SPDX-License-Identifier: Apache-2.0 */
/* mnl.c - the calls of libmnl that a static program needs
 *
 * A plugin is copied to hosts that have nothing else of ours, so its program
 * is static; Debian has no libmnl.a.  These are the calls that libnftnl.a and
 * our nftables code make, with the meaning that libmnl.h and its documentation
 * give them; where the system has libmnl.a, or for a dynamic build, libmnl
 * itself is linked and this file isn't (cni/build.mk).
 *
 * netlink(7); libmnl.h.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"

#define ATTR_SIZE MNL_ALIGN(sizeof(struct nlattr))

/* The interface gives out writable pointers into what it takes as const. */
static void *inside(const void *base, size_t offset)
{
	const char *from = (const char *)base + offset;
	char *writable;

	memcpy(&writable, &from, sizeof(writable));
	return writable;
}

/* --- sockets -------------------------------------------------------------------- */

struct mnl_socket {
	int fd;
	struct sockaddr_nl addr;
};

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	struct mnl_socket *nl = calloc(1, sizeof(*nl));

	if (!nl)
		return NULL;
	/* whoever wants it to survive exec says so by clearing the flag */
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, bus);
	if (nl->fd >= 0)
		return nl;
	free(nl);
	return NULL;
}

struct mnl_socket *mnl_socket_open(int bus)
{
	return mnl_socket_open2(bus, 0);
}

int mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	socklen_t size = sizeof(nl->addr);

	nl->addr = (struct sockaddr_nl){ .nl_family = AF_NETLINK,
					 .nl_groups = groups,
					 .nl_pid = (uint32_t)pid };
	if (bind(nl->fd, (struct sockaddr *)&nl->addr, sizeof(nl->addr)) < 0 ||
	    getsockname(nl->fd, (struct sockaddr *)&nl->addr, &size) < 0)
		return -1;
	if (size == sizeof(nl->addr) && nl->addr.nl_family == AF_NETLINK)
		return 0;
	errno = EINVAL;
	return -1;
}

int mnl_socket_close(struct mnl_socket *nl)
{
	int result = close(nl->fd);

	free(nl);
	return result;
}

int mnl_socket_get_fd(const struct mnl_socket *nl)
{
	return nl->fd;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *nl)
{
	return nl->addr.nl_pid;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *req, size_t siz)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return sendto(nl->fd, req, siz, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t siz)
{
	struct sockaddr_nl from;
	struct iovec iov = { .iov_base = buf, .iov_len = siz };
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1
	};
	ssize_t n = recvmsg(nl->fd, &message, 0);

	if (n < 0)
		return -1;
	if (message.msg_flags & MSG_TRUNC)
		errno = ENOSPC;
	else if (message.msg_namelen != sizeof(from))
		errno = EINVAL;
	else
		return n;
	return -1;
}

/* --- messages ------------------------------------------------------------------- */

struct nlmsghdr *mnl_nlmsg_put_header(void *buf)
{
	struct nlmsghdr *nlh = buf;

	memset(buf, 0, MNL_NLMSG_HDRLEN);
	nlh->nlmsg_len = MNL_NLMSG_HDRLEN;
	return nlh;
}

void *mnl_nlmsg_put_extra_header(struct nlmsghdr *nlh, size_t size)
{
	void *header = (char *)nlh + nlh->nlmsg_len;

	memset(header, 0, MNL_ALIGN(size));
	nlh->nlmsg_len += (uint32_t)MNL_ALIGN(size);
	return header;
}

bool mnl_nlmsg_ok(const struct nlmsghdr *nlh, int len)
{
	return len >= (int)sizeof(*nlh) && nlh->nlmsg_len >= sizeof(*nlh) &&
	       nlh->nlmsg_len <= (unsigned int)len;
}

struct nlmsghdr *mnl_nlmsg_next(const struct nlmsghdr *nlh, int *len)
{
	*len -= (int)MNL_ALIGN(nlh->nlmsg_len);
	return inside(nlh, MNL_ALIGN(nlh->nlmsg_len));
}

size_t mnl_nlmsg_get_payload_len(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_len - MNL_NLMSG_HDRLEN;
}

void *mnl_nlmsg_get_payload(const struct nlmsghdr *nlh)
{
	return inside(nlh, MNL_NLMSG_HDRLEN);
}

void *mnl_nlmsg_get_payload_offset(const struct nlmsghdr *nlh, size_t offset)
{
	return inside(nlh, MNL_NLMSG_HDRLEN + MNL_ALIGN(offset));
}

void *mnl_nlmsg_get_payload_tail(const struct nlmsghdr *nlh)
{
	return inside(nlh, MNL_ALIGN(nlh->nlmsg_len));
}

/* --- batches -------------------------------------------------------------------- */

struct mnl_nlmsg_batch {
	char *buf;
	size_t limit, size;
	bool overflow; /* the last message didn't fit */
};

struct mnl_nlmsg_batch *mnl_nlmsg_batch_start(void *buf, size_t bufsiz)
{
	struct mnl_nlmsg_batch *b = calloc(1, sizeof(*b));

	if (b) {
		b->buf = buf;
		b->limit = bufsiz;
	}
	return b;
}

void mnl_nlmsg_batch_stop(struct mnl_nlmsg_batch *b)
{
	free(b);
}

void *mnl_nlmsg_batch_head(struct mnl_nlmsg_batch *b)
{
	return b->buf;
}

void *mnl_nlmsg_batch_current(struct mnl_nlmsg_batch *b)
{
	return b->buf + b->size;
}

size_t mnl_nlmsg_batch_size(struct mnl_nlmsg_batch *b)
{
	return b->size;
}

bool mnl_nlmsg_batch_is_empty(struct mnl_nlmsg_batch *b)
{
	return b->size == 0;
}

/* The current message is complete: false, and left for the next batch, when it is beyond the limit. */
bool mnl_nlmsg_batch_next(struct mnl_nlmsg_batch *b)
{
	const struct nlmsghdr *nlh = mnl_nlmsg_batch_current(b);

	b->overflow = b->size + nlh->nlmsg_len > b->limit;
	if (b->overflow)
		return false;
	b->size += nlh->nlmsg_len;
	return true;
}

void mnl_nlmsg_batch_reset(struct mnl_nlmsg_batch *b)
{
	const struct nlmsghdr *nlh = mnl_nlmsg_batch_current(b);
	size_t rest = b->overflow ? nlh->nlmsg_len : 0;

	memmove(b->buf, nlh, rest);
	b->size = rest;
	b->overflow = false;
}

/* --- attributes: reading -------------------------------------------------------- */

uint16_t mnl_attr_get_type(const struct nlattr *attr)
{
	return attr->nla_type & NLA_TYPE_MASK;
}

uint16_t mnl_attr_get_len(const struct nlattr *attr)
{
	return attr->nla_len;
}

uint16_t mnl_attr_get_payload_len(const struct nlattr *attr)
{
	return (uint16_t)(attr->nla_len - ATTR_SIZE);
}

void *mnl_attr_get_payload(const struct nlattr *attr)
{
	return inside(attr, ATTR_SIZE);
}

const char *mnl_attr_get_str(const struct nlattr *attr)
{
	return mnl_attr_get_payload(attr);
}

uint8_t mnl_attr_get_u8(const struct nlattr *attr)
{
	return *(const uint8_t *)mnl_attr_get_payload(attr);
}

uint16_t mnl_attr_get_u16(const struct nlattr *attr)
{
	return *(const uint16_t *)mnl_attr_get_payload(attr);
}

uint32_t mnl_attr_get_u32(const struct nlattr *attr)
{
	return *(const uint32_t *)mnl_attr_get_payload(attr);
}

uint64_t mnl_attr_get_u64(const struct nlattr *attr)
{
	uint64_t v; /* aligned to 4 only */

	memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return v;
}

bool mnl_attr_ok(const struct nlattr *attr, int len)
{
	return len >= (int)sizeof(*attr) && attr->nla_len >= sizeof(*attr) && attr->nla_len <= len;
}

struct nlattr *mnl_attr_next(const struct nlattr *attr)
{
	return inside(attr, MNL_ALIGN(attr->nla_len));
}

int mnl_attr_type_valid(const struct nlattr *attr, uint16_t maxtype)
{
	if (mnl_attr_get_type(attr) <= maxtype)
		return 1;
	errno = EOPNOTSUPP;
	return -1;
}

static int out_of_range(void)
{
	errno = ERANGE;
	return -1;
}

int mnl_attr_validate(const struct nlattr *attr, enum mnl_attr_data_type type)
{
	static const size_t sizes[MNL_TYPE_MAX] = {
		[MNL_TYPE_U8] = sizeof(uint8_t),     [MNL_TYPE_U16] = sizeof(uint16_t),
		[MNL_TYPE_U32] = sizeof(uint32_t),   [MNL_TYPE_U64] = sizeof(uint64_t),
		[MNL_TYPE_MSECS] = sizeof(uint64_t),
	};
	size_t size = mnl_attr_get_payload_len(attr);

	if (type >= MNL_TYPE_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (sizes[type] > 0 && size != sizes[type])
		return out_of_range();
	if (type == MNL_TYPE_FLAG && size > 0)
		return out_of_range();
	if ((type == MNL_TYPE_STRING || type == MNL_TYPE_NUL_STRING) && size == 0)
		return out_of_range();
	if (type == MNL_TYPE_NUL_STRING && mnl_attr_get_str(attr)[size - 1] != '\0') {
		errno = EINVAL;
		return -1;
	}
	/* an empty nest is allowed */
	if (type == MNL_TYPE_NESTED && size > 0 && size < ATTR_SIZE)
		return out_of_range();
	return 0;
}

static int parse(const void *data, size_t size, mnl_attr_cb_t cb, void *ctx)
{
	const struct nlattr *attr = data;
	const char *end = (const char *)data + size;
	int result = MNL_CB_OK;

	while (result > MNL_CB_STOP && mnl_attr_ok(attr, (int)(end - (const char *)attr))) {
		result = cb(attr, ctx);
		attr = mnl_attr_next(attr);
	}
	return result;
}

int mnl_attr_parse(const struct nlmsghdr *nlh, unsigned int offset, mnl_attr_cb_t cb, void *data)
{
	const char *from = mnl_nlmsg_get_payload_offset(nlh, offset);
	const char *end = mnl_nlmsg_get_payload_tail(nlh);

	return from < end ? parse(from, (size_t)(end - from), cb, data) : MNL_CB_OK;
}

int mnl_attr_parse_nested(const struct nlattr *attr, mnl_attr_cb_t cb, void *data)
{
	return parse(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr), cb, data);
}

/* --- attributes: writing -------------------------------------------------------- */

void mnl_attr_put(struct nlmsghdr *nlh, uint16_t type, size_t len, const void *data)
{
	struct nlattr *attr = mnl_nlmsg_get_payload_tail(nlh);
	char *payload = (char *)attr + ATTR_SIZE;

	attr->nla_type = type;
	attr->nla_len = (uint16_t)(ATTR_SIZE + len);
	if (len > 0)
		memcpy(payload, data, len);
	memset(payload + len, 0, MNL_ALIGN(len) - len);
	nlh->nlmsg_len += (uint32_t)MNL_ALIGN(attr->nla_len);
}

void mnl_attr_put_u8(struct nlmsghdr *nlh, uint16_t type, uint8_t data)
{
	mnl_attr_put(nlh, type, sizeof(data), &data);
}

void mnl_attr_put_u16(struct nlmsghdr *nlh, uint16_t type, uint16_t data)
{
	mnl_attr_put(nlh, type, sizeof(data), &data);
}

void mnl_attr_put_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t data)
{
	mnl_attr_put(nlh, type, sizeof(data), &data);
}

void mnl_attr_put_u64(struct nlmsghdr *nlh, uint16_t type, uint64_t data)
{
	mnl_attr_put(nlh, type, sizeof(data), &data);
}

void mnl_attr_put_str(struct nlmsghdr *nlh, uint16_t type, const char *data)
{
	mnl_attr_put(nlh, type, strlen(data), data);
}

void mnl_attr_put_strz(struct nlmsghdr *nlh, uint16_t type, const char *data)
{
	mnl_attr_put(nlh, type, strlen(data) + 1, data);
}

struct nlattr *mnl_attr_nest_start(struct nlmsghdr *nlh, uint16_t type)
{
	struct nlattr *start = mnl_nlmsg_get_payload_tail(nlh);

	start->nla_type = NLA_F_NESTED | type;
	nlh->nlmsg_len += (uint32_t)ATTR_SIZE;
	return start;
}

void mnl_attr_nest_end(struct nlmsghdr *nlh, struct nlattr *start)
{
	start->nla_len = (uint16_t)((char *)mnl_nlmsg_get_payload_tail(nlh) - (const char *)start);
}

/* --- answers -------------------------------------------------------------------- */

static int answer_error(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*e)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	if (e->error == 0)
		return MNL_CB_STOP;
	errno = e->error < 0 ? -e->error : e->error;
	return MNL_CB_ERROR;
}

static int answer(const struct nlmsghdr *nlh, mnl_cb_t cb_data, void *data)
{
	if (nlh->nlmsg_type >= NLMSG_MIN_TYPE)
		return cb_data ? cb_data(nlh, data) : MNL_CB_OK;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return answer_error(nlh);
	return nlh->nlmsg_type == NLMSG_DONE ? MNL_CB_STOP : MNL_CB_OK;
}

/* Is it meant for us: 0, or the errno that says why not. */
static int stray(const struct nlmsghdr *nlh, unsigned int seq, unsigned int portid)
{
	if (nlh->nlmsg_pid && portid && nlh->nlmsg_pid != portid)
		return ESRCH;
	if (nlh->nlmsg_seq && seq && nlh->nlmsg_seq != seq)
		return EPROTO;
	return (nlh->nlmsg_flags & NLM_F_DUMP_INTR) ? EINTR : 0;
}

int mnl_cb_run(const void *buf, size_t numbytes, unsigned int seq, unsigned int portid,
	       mnl_cb_t cb_data, void *data)
{
	const struct nlmsghdr *nlh = buf;
	int len = (int)numbytes, result = MNL_CB_OK;

	while (result > MNL_CB_STOP && mnl_nlmsg_ok(nlh, len)) {
		int why = stray(nlh, seq, portid);

		if (why) {
			errno = why;
			return MNL_CB_ERROR;
		}
		result = answer(nlh, cb_data, data);
		nlh = mnl_nlmsg_next(nlh, &len);
	}
	return result;
}
