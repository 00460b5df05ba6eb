/* SPDX-License-Identifier: Apache-2.0 */
/* mnl_test.c - the calls of libmnl that a static program needs
 *
 * The same checks hold for libmnl itself: link with -lmnl instead to see that.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include "base/compiler.h"
#include "tests/unit/test.h"

static char area[4096] __attribute__((aligned(8)));

static int count(const struct nlattr *attr, void *data)
{
	int *n = data;

	(void)attr;
	++*n;
	return *n == 3 ? MNL_CB_STOP : MNL_CB_OK;
}

TEST(what_is_put_is_read)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(area);
	const struct nlattr *attr;
	struct nlattr *nest;
	int n = 0;

	memset(mnl_nlmsg_put_extra_header(nlh, 5), 7, 5);
	CHECK_INT(nlh->nlmsg_len, 16 + 8);
	mnl_attr_put_u8(nlh, 1, 0x12);
	mnl_attr_put_u16(nlh, 2, 0x1234);
	nest = mnl_attr_nest_start(nlh, 3);
	mnl_attr_put_u32(nlh, 4, 0x12345678);
	mnl_attr_put_u64(nlh, 5, 0x123456789abcdef0);
	mnl_attr_put_strz(nlh, 6, "abc");
	mnl_attr_put_str(nlh, 7, "abcde");
	mnl_attr_nest_end(nlh, nest);
	CHECK_INT(nlh->nlmsg_len, 24 + 8 + 8 + 4 + 8 + 12 + 8 + 12);
	attr = mnl_nlmsg_get_payload_offset(nlh, 5);
	CHECK_INT(mnl_attr_get_type(attr), 1);
	CHECK_INT(mnl_attr_get_u8(attr), 0x12);
	CHECK_INT(mnl_attr_validate(attr, MNL_TYPE_U8), 0);
	CHECK_INT(mnl_attr_validate(attr, MNL_TYPE_U32), -1);
	CHECK_INT(errno, ERANGE);
	attr = mnl_attr_next(attr);
	CHECK_INT(mnl_attr_get_u16(attr), 0x1234);
	attr = mnl_attr_next(attr);
	CHECK(attr == nest);
	CHECK_INT(mnl_attr_get_type(attr), 3);
	CHECK(attr->nla_type & NLA_F_NESTED);
	CHECK_INT(mnl_attr_get_payload_len(attr), 40);
	CHECK_INT(mnl_attr_parse_nested(attr, count, &n), MNL_CB_STOP);
	CHECK_INT(n, 3);
	CHECK(mnl_attr_next(attr) == mnl_nlmsg_get_payload_tail(nlh));
	attr = mnl_attr_get_payload(nest);
	CHECK_INT(mnl_attr_get_u32(attr), 0x12345678);
	attr = mnl_attr_next(attr);
	CHECK(mnl_attr_get_u64(attr) == 0x123456789abcdef0);
	attr = mnl_attr_next(attr);
	CHECK_STR(mnl_attr_get_str(attr), "abc");
	CHECK_INT(mnl_attr_validate(attr, MNL_TYPE_NUL_STRING), 0);
	attr = mnl_attr_next(attr);
	CHECK_INT(mnl_attr_get_payload_len(attr), 5);
	CHECK_INT(mnl_attr_validate(attr, MNL_TYPE_NUL_STRING), -1);
	CHECK_INT(errno, EINVAL);
	CHECK_INT(mnl_attr_type_valid(attr, 7), 1);
	CHECK_INT(mnl_attr_type_valid(attr, 6), -1);
	CHECK_INT(errno, EOPNOTSUPP);
	n = 0;
	CHECK_INT(mnl_attr_parse(nlh, 5, count, &n), MNL_CB_STOP);
	n = -9;
	CHECK_INT(mnl_attr_parse(nlh, 5, count, &n), MNL_CB_OK);
	CHECK_INT(n, -6);
}

TEST(what_is_cut_is_no_attribute)
{
	struct nlattr attr = { .nla_len = 8 };

	CHECK(mnl_attr_ok(&attr, 8));
	CHECK(!mnl_attr_ok(&attr, 7));
	CHECK(!mnl_attr_ok(&attr, 3));
	CHECK(!mnl_attr_ok(&attr, -1));
	attr.nla_len = 3;
	CHECK(!mnl_attr_ok(&attr, 8));
}

TEST(a_batch_ends_where_it_is_full)
{
	struct mnl_nlmsg_batch *b = mnl_nlmsg_batch_start(area, 40);

	REQUIRE(b);
	CHECK(mnl_nlmsg_batch_is_empty(b));
	(void)mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b));
	CHECK(mnl_nlmsg_batch_next(b));
	(void)mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b));
	CHECK(mnl_nlmsg_batch_next(b));
	CHECK_INT(mnl_nlmsg_batch_size(b), 32);
	mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b))->nlmsg_seq = 9;
	CHECK(!mnl_nlmsg_batch_next(b));
	CHECK_INT(mnl_nlmsg_batch_size(b), 32);
	mnl_nlmsg_batch_reset(b);
	CHECK_INT(mnl_nlmsg_batch_size(b), 16);
	CHECK_INT(((const struct nlmsghdr *)mnl_nlmsg_batch_head(b))->nlmsg_seq, 9);
	mnl_nlmsg_batch_stop(b);
}

static int seen;
static int see(const struct nlmsghdr *nlh, void *data)
{
	(void)nlh;
	(void)data;
	seen++;
	return MNL_CB_OK;
}

/* One message of this type, answering request 5. */
static struct nlmsghdr *message(char *at, int type, int error)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_seq = 5;
	nlh->nlmsg_pid = 77;
	e->error = error;
	return nlh;
}

TEST(answers_are_taken_until_the_last)
{
	struct nlmsghdr *first = message(area, NLMSG_MIN_TYPE, 0);
	struct nlmsghdr *second = message(area + first->nlmsg_len, NLMSG_DONE, 0);
	size_t size = first->nlmsg_len + second->nlmsg_len;

	seen = 0;
	CHECK_INT(mnl_cb_run(area, size, 5, 77, see, NULL), MNL_CB_STOP);
	CHECK_INT(seen, 1);
	CHECK_INT(mnl_cb_run(area, first->nlmsg_len, 5, 77, see, NULL), MNL_CB_OK);
	CHECK_INT(mnl_cb_run(area, size, 6, 77, see, NULL), MNL_CB_ERROR);
	CHECK_INT(errno, EPROTO);
	CHECK_INT(mnl_cb_run(area, size, 5, 78, see, NULL), MNL_CB_ERROR);
	CHECK_INT(errno, ESRCH);
	first->nlmsg_flags = NLM_F_DUMP_INTR;
	CHECK_INT(mnl_cb_run(area, size, 5, 77, see, NULL), MNL_CB_ERROR);
	CHECK_INT(errno, EINTR);
}

TEST(an_error_becomes_errno)
{
	struct nlmsghdr *nlh = message(area, NLMSG_ERROR, -ENOENT);

	CHECK_INT(mnl_cb_run(area, nlh->nlmsg_len, 5, 77, see, NULL), MNL_CB_ERROR);
	CHECK_INT(errno, ENOENT);
	nlh = message(area, NLMSG_ERROR, 0);
	CHECK_INT(mnl_cb_run(area, nlh->nlmsg_len, 5, 77, see, NULL), MNL_CB_STOP);
	nlh->nlmsg_len = 20;
	CHECK_INT(mnl_cb_run(area, nlh->nlmsg_len, 5, 77, see, NULL), MNL_CB_ERROR);
	CHECK_INT(errno, EBADMSG);
}

TEST(a_socket_has_a_number)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (!nl)
		SKIP("no netlink here");
	CHECK_INT(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	CHECK(mnl_socket_get_portid(nl) != 0);
	CHECK(mnl_socket_get_fd(nl) >= 0);
	CHECK_INT(mnl_socket_close(nl), 0);
}
