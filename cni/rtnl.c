/* SPDX-License-Identifier: Apache-2.0 */
/* rtnl.c - rtnetlink in batches: several requests in one message, errors by name
 *
 * Only the last request of a batch asks for an acknowledgement: the kernel
 * answers in order and always says what failed, so when that one arrives
 * everything is known.  An answer belongs to the request of its sequence
 * number.
 * The answers to a dump come in as many messages as it takes; NLM_F_DUMP_INTR
 * in one of them says that the list changed meanwhile.
 * netlink(7); linux Documentation/userspace-api/netlink/intro.rst.
 */
#include "cni/rtnl.h"

#include <errno.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "cni/netns.h"

#define MESSAGE_MAX  4096 /* one request */
#define ANSWER_MAX   32768 /* what the kernel puts into one message of a dump */
#define REPEATS	     16 /* of an interrupted dump */
#define WORDS_MAX    160
#define PENDING_SIZE (RTNL_BATCH_MAX * sizeof(struct rtnl_pending))

_Static_assert(PENDING_SIZE % NLMSG_ALIGNTO == 0, "answers are aligned");

int rtnl_init(struct rtnl *r, int fd, struct err *err)
{
	/* not cleared, and not on the stack, where it would be: what is never used costs no memory */
	char *memory = malloc(PENDING_SIZE + ANSWER_MAX);

	if (!memory)
		return err_sys(err, "rtnetlink");
	*r = (struct rtnl){ .fd = fd,
			    .pending = (struct rtnl_pending *)(void *)memory,
			    .answer = memory + PENDING_SIZE };
	buf_init(&r->batch);
	return 0;
}

/* From now on its owner, whatever happens. */
static int take_socket(struct rtnl *r, int sock, struct err *err)
{
	const int on = 1;
	AUTO_FD fd = sock;

	if (fd < 0)
		return err_wrap(err, "rtnetlink");
	/* all of them only make the answers shorter and clearer */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (rtnl_init(r, fd, err) < 0)
		return -1;
	(void)fd_take(&fd);
	return 0;
}

int rtnl_open(struct rtnl *r, int netns, struct err *err)
{
	return take_socket(r, netns_socket(netns, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, err), err);
}

int rtnl_open_from(struct rtnl *r, int home, int netns, struct err *err)
{
	return take_socket(
		r, netns_socket_from(home, netns, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, err), err);
}

void rtnl_close(struct rtnl *r)
{
	if (r->fd < 0)
		return;
	nlmsg_free(r->msg);
	buf_release(&r->batch);
	free(r->pending);
	(void)fd_close(r->fd);
	*r = (struct rtnl)RTNL_CLOSED;
}

/* --- requests ----------------------------------------------------------------- */

void rtnl_begin(struct rtnl *r, int type, int flags, const void *header, size_t size,
		const char *what, ...)
{
	struct rtnl_pending *pending = &r->pending[r->n_pending];
	va_list ap;

	r->n_nests = 0;
	r->building = false;
	if (r->n_pending == RTNL_BATCH_MAX) {
		r->failed = true;
		return;
	}
	*pending = (struct rtnl_pending){ .seq = ++r->seq };
	va_start(ap, what);
	(void)vsnprintf(pending->what, sizeof(pending->what), what, ap);
	va_end(ap);
	if (r->msg)
		nlmsg_hdr(r->msg)->nlmsg_len = NLMSG_HDRLEN; /* the last one is in the batch */
	else
		r->msg = nlmsg_alloc_size(MESSAGE_MAX);
	if (!r->msg ||
	    !nlmsg_put(r->msg, NL_AUTO_PORT, pending->seq, type, 0, NLM_F_REQUEST | flags)) {
		r->failed = true;
		return;
	}
	r->building = true;
	rtnl_append(r, header, size);
}

void rtnl_put(struct rtnl *r, int attr, const void *data, size_t size)
{
	if (!r->building || nla_put(r->msg, attr, (int)size, data) < 0)
		r->failed = true;
}

void rtnl_put_u8(struct rtnl *r, int attr, uint8_t v)
{
	rtnl_put(r, attr, &v, sizeof(v));
}

void rtnl_put_u16(struct rtnl *r, int attr, uint16_t v)
{
	rtnl_put(r, attr, &v, sizeof(v));
}

void rtnl_put_u32(struct rtnl *r, int attr, uint32_t v)
{
	rtnl_put(r, attr, &v, sizeof(v));
}

void rtnl_put_u64(struct rtnl *r, int attr, uint64_t v)
{
	rtnl_put(r, attr, &v, sizeof(v));
}

void rtnl_put_string(struct rtnl *r, int attr, const char *s)
{
	rtnl_put(r, attr, s, strlen(s) + 1);
}

void rtnl_put_ip(struct rtnl *r, int attr, const struct ip *ip)
{
	rtnl_put(r, attr, ip->bytes, ip_size(ip));
}

void rtnl_append(struct rtnl *r, const void *data, size_t size)
{
	void *room = r->building ? nlmsg_reserve(r->msg, size, NLMSG_ALIGNTO) : NULL;

	if (room)
		memcpy(room, data, size);
	else
		r->failed = true;
}

void rtnl_nest(struct rtnl *r, int attr)
{
	struct nlattr *nest = NULL;

	if (r->building && r->n_nests < RTNL_NEST_MAX)
		nest = nla_nest_start(r->msg, attr);
	if (nest)
		r->nests[r->n_nests++] = nest;
	else
		r->failed = true;
}

void rtnl_nest_end(struct rtnl *r)
{
	if (r->building && r->n_nests > 0)
		(void)nla_nest_end(r->msg, r->nests[--r->n_nests]);
	else
		r->failed = true;
}

void rtnl_tolerate(struct rtnl *r, int code)
{
	size_t n = r->n_pending;

	if (!r->building && n > 0)
		n--;
	if (n < RTNL_BATCH_MAX)
		r->pending[n].tolerated = code;
}

void rtnl_end(struct rtnl *r)
{
	const struct nlmsghdr *h;
	static const char zeros[NLMSG_ALIGNTO];

	if (!r->building || r->n_nests > 0) {
		r->failed = true;
		return;
	}
	h = nlmsg_hdr(r->msg);
	buf_add(&r->batch, h, h->nlmsg_len);
	buf_add(&r->batch, zeros, NLMSG_ALIGN(h->nlmsg_len) - h->nlmsg_len);
	r->building = false;
	r->n_pending++;
}

void rtnl_discard(struct rtnl *r)
{
	r->building = false;
	r->n_nests = 0;
	buf_clear(&r->batch);
	r->n_pending = 0;
	r->failed = false;
}

const void *rtnl_body(const struct nlmsghdr *h)
{
	return (const char *)h + NLMSG_HDRLEN;
}

/* --- answers ------------------------------------------------------------------ */

static struct nlmsghdr *last_request(struct rtnl *r)
{
	struct nlmsghdr *h = (struct nlmsghdr *)r->batch.s, *last = h;
	size_t at = 0;

	while (at < r->batch.len) {
		last = (struct nlmsghdr *)(r->batch.s + at);
		at += NLMSG_ALIGN(last->nlmsg_len);
	}
	return last;
}

static int send_batch(struct rtnl *r, struct err *err)
{
	ssize_t n;

	do {
		n = send(r->fd, r->batch.s, r->batch.len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "%s", r->pending[0].what);
	return 0;
}

/* Into r->answer: how much. */
static ssize_t receive(struct rtnl *r, struct err *err)
{
	ssize_t n;

	do {
		n = recv(r->fd, r->answer, ANSWER_MAX, MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "rtnetlink: receive");
	if (n > ANSWER_MAX)
		return err_set(err, EMSGSIZE, "rtnetlink: an answer of %zd bytes", n);
	return n;
}

/* The kernel's own words behind an error, or "". */
static void error_words(const struct nlmsghdr *h, char words[WORDS_MAX])
{
	const struct nlmsgerr *e = rtnl_body(h);
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*e);

	words[0] = '\0';
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - sizeof(e->msg);
	if (rtnl_attrs(h, skip, tb, NLMSGERR_ATTR_MAX) == 0 && tb[NLMSGERR_ATTR_MSG])
		(void)snprintf(words, WORDS_MAX, " (%s)", rtnl_string(tb[NLMSGERR_ATTR_MSG]));
}

static const struct rtnl_pending *find_pending(const struct rtnl *r, uint32_t seq)
{
	for (size_t i = 0; i < r->n_pending; i++)
		if (r->pending[i].seq == seq)
			return &r->pending[i];
	return NULL;
}

/* An NLMSG_ERROR: 0 when it is an acknowledgement or tolerated. */
static int take_error(struct rtnl *r, const struct nlmsghdr *h, struct err *err)
{
	const struct nlmsgerr *e = rtnl_body(h);
	const struct rtnl_pending *pending = find_pending(r, h->nlmsg_seq);
	char words[WORDS_MAX];

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)))
		return err_set(err, EBADMSG, "rtnetlink: a short answer");
	if (e->error == 0 || !pending || pending->tolerated == -e->error)
		return 0;
	error_words(h, words);
	errno = -e->error;
	return err_sys(err, "%s%s", pending->what, words);
}

int rtnl_flush(struct rtnl *r, struct err *err)
{
	struct nlmsghdr *last;
	bool done = false;
	int result = 0;

	if (r->failed || buf_failed(&r->batch)) {
		rtnl_discard(r);
		return err_set(err, ENOMEM, "rtnetlink: no room for the requests");
	}
	if (r->n_pending == 0)
		return 0;
	last = last_request(r);
	last->nlmsg_flags |= NLM_F_ACK;
	if (send_batch(r, err) < 0)
		result = -1;
	else
		while (!done) {
			ssize_t n = receive(r, err);

			if (n < 0) {
				result = -1;
				break;
			}
			for (struct nlmsghdr *h = (void *)r->answer; NLMSG_OK(h, n);
			     h = NLMSG_NEXT(h, n)) {
				if (h->nlmsg_type != NLMSG_ERROR)
					continue;
				/* the first failure is the one to tell; later ones follow from it */
				if (take_error(r, h, result == 0 ? err : NULL) < 0)
					result = -1;
				done = done || h->nlmsg_seq == last->nlmsg_seq;
			}
		}
	rtnl_discard(r);
	return result;
}

struct answer {
	rtnl_each_fn *each;
	void *data;
	bool dump, done, interrupted, stopped;
};

/* One message of an answer: 0 or -1. */
static int take_answer(struct rtnl *r, struct answer *a, const struct nlmsghdr *h, struct err *err)
{
	int result = 0;

	if (h->nlmsg_seq != r->pending[0].seq)
		return 0;
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		a->interrupted = true;
	if (h->nlmsg_type == NLMSG_ERROR) {
		a->done = true;
		return take_error(r, h, err);
	}
	if (h->nlmsg_type == NLMSG_DONE) {
		a->done = true;
		return 0;
	}
	if (!a->stopped)
		result = a->each(h, a->data, err);
	if (result != 0)
		a->stopped = true; /* the rest must be read all the same */
	if (!(h->nlmsg_flags & NLM_F_MULTI))
		a->done = true;
	return result < 0 ? -1 : 0;
}

static int query_once(struct rtnl *r, struct answer *a, struct err *err)
{
	int result = 0;

	a->done = a->interrupted = a->stopped = false;
	if (send_batch(r, err) < 0)
		return -1;
	while (!a->done) {
		ssize_t n = receive(r, err);

		if (n < 0)
			return -1;
		for (struct nlmsghdr *h = (void *)r->answer; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n))
			if (take_answer(r, a, h, result == 0 ? err : NULL) < 0)
				result = -1;
	}
	return result;
}

int rtnl_query(struct rtnl *r, rtnl_each_fn *each, void *data, struct err *err)
{
	struct answer a = { .each = each, .data = data };
	int result;

	if (r->failed || buf_failed(&r->batch) || r->n_pending != 1) {
		rtnl_discard(r);
		return err_set(err, ENOMEM, "rtnetlink: no room for the request");
	}
	result = query_once(r, &a, err);
	for (int i = 0; result == 0 && a.interrupted && i < REPEATS; i++) {
		if (each(NULL, data, err) < 0) {
			result = -1;
			break;
		}
		result = query_once(r, &a, err);
	}
	rtnl_discard(r);
	return result;
}

/* --- attributes --------------------------------------------------------------- */

static void clear(struct nlattr **tb, int max)
{
	for (int i = 0; i <= max; i++)
		tb[i] = NULL;
}

int rtnl_attrs(const struct nlmsghdr *h, size_t size, struct nlattr **tb, int max)
{
	clear(tb, max);
	if (h->nlmsg_len < NLMSG_HDRLEN + NLMSG_ALIGN(size))
		return -1;
	return nla_parse(tb, max, nlmsg_attrdata(h, (int)size), nlmsg_attrlen(h, (int)size), NULL) <
			       0
		       ? -1
		       : 0;
}

int rtnl_nested(const struct nlattr *attr, struct nlattr **tb, int max)
{
	clear(tb, max);
	if (!attr)
		return -1;
	return nla_parse(tb, max, nla_data(attr), nla_len(attr), NULL) < 0 ? -1 : 0;
}

size_t rtnl_size(const struct nlattr *attr)
{
	return attr ? (size_t)nla_len(attr) : 0;
}

const void *rtnl_data(const struct nlattr *attr)
{
	return attr ? nla_data(attr) : NULL;
}

static void fetch(const struct nlattr *attr, void *dst, size_t size)
{
	const void *data = rtnl_data(attr);

	if (data && rtnl_size(attr) >= size)
		memcpy(dst, data, size);
}

uint8_t rtnl_u8(const struct nlattr *attr)
{
	uint8_t v = 0;

	fetch(attr, &v, sizeof(v));
	return v;
}

uint16_t rtnl_u16(const struct nlattr *attr)
{
	uint16_t v = 0;

	fetch(attr, &v, sizeof(v));
	return v;
}

uint32_t rtnl_u32(const struct nlattr *attr)
{
	uint32_t v = 0;

	fetch(attr, &v, sizeof(v));
	return v;
}

uint64_t rtnl_u64(const struct nlattr *attr)
{
	uint64_t v = 0;

	fetch(attr, &v, sizeof(v));
	return v;
}

const char *rtnl_string(const struct nlattr *attr)
{
	size_t size = rtnl_size(attr);
	const char *s = rtnl_data(attr);

	return size > 0 && s[size - 1] == '\0' ? s : "";
}

struct ip rtnl_ip(const struct nlattr *attr, uint8_t family)
{
	struct ip ip = { .family = family };
	const void *data = rtnl_data(attr);

	if (!data || rtnl_size(attr) != ip_size(&ip))
		return (struct ip){ 0 };
	memcpy(ip.bytes, data, ip_size(&ip));
	return ip;
}
