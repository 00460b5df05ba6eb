/* SPDX-License-Identifier: Apache-2.0 */
/* move_record_test.c - the record of a move and the ticket between hosts */
#include "cni/net/move.h"

#include "tests/unit/test.h"

#define GOOD                                                                             \
 "{\"role\":\"source\",\"kind\":\"routed\",\"state\":\"prepared\",\"tunnel\":\"vxlan\"," \
 "\"network\":\"blue\",\"container\":\"m\",\"ifname\":\"eth0\","                         \
 "\"source\":\"192.0.2.1\",\"target\":\"192.0.2.2\",\"mac\":\"02:00:00:00:00:01\","      \
 "\"port\":\"veth1\",\"bridge\":\"br0\",\"mtu\":1500,\"index\":3,\"id\":7,"              \
 "\"addresses\":[{\"address\":\"10.1.0.2/24\",\"gateway\":\"10.1.0.1\"}]}\n"

static int parse(const char *text, struct arena *arena, struct move *ret, struct err *err)
{
	return move_parse("ticket", text, strlen(text), arena, ret, err);
}

TEST(a_ticket_comes_back_as_it_was)
{
	struct err err = { 0 };
	struct arena arena;
	struct move m;
	AUTO_BUF out;

	buf_init(&out);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(parse(GOOD, &arena, &m, &err) == 0);
	CHECK_INT(m.role, MOVE_SOURCE);
	CHECK_INT(m.kind, MOVE_ROUTED);
	CHECK_INT(m.addresses.n, 1);
	CHECK_STR(m.addresses.v[0].gateway, "10.1.0.1");
	move_format(&m, &out);
	CHECK_STR(out.s, GOOD);
	arena_release(&arena);
}

/* One text in the good ticket replaced by another. */
static bool is_refused(const char *part, const char *by)
{
	struct err err = { 0 };
	struct arena arena;
	struct move m;
	const char *at = strstr(GOOD, part);
	AUTO_BUF text;
	int rc;

	if (!at)
		return false;
	buf_init(&text);
	buf_add(&text, GOOD, (size_t)(at - GOOD));
	buf_puts(&text, by);
	buf_puts(&text, at + strlen(part));
	arena_init(&arena, ARENA_MAX_DEFAULT);
	rc = parse(text.s, &arena, &m, &err);
	arena_release(&arena);
	return rc < 0 && err.msg[0];
}

TEST(what_is_wrong_in_a_ticket_is_refused)
{
	CHECK(is_refused("\"routed\"", "\"flying\""));
	CHECK(is_refused("\"source\",\"kind\"", "\"thief\",\"kind\""));
	CHECK(is_refused("\"blue\"", "\"../blue\""));
	CHECK(is_refused("\"m\"", "\"a/b\""));
	CHECK(is_refused("\"eth0\"", "\"eth0/../x\""));
	CHECK(is_refused("\"veth1\"", "\"a b\""));
	CHECK(is_refused("192.0.2.2", "192.0.2.1"));
	CHECK(is_refused("192.0.2.2", "fd00::2"));
	CHECK(is_refused("02:00:00:00:00:01", "02:00"));
	CHECK(is_refused("\"id\":7", "\"id\":0"));
	CHECK(is_refused("\"id\":7", "\"id\":16777216"));
	CHECK(is_refused("10.1.0.2/24", "10.1.0.2"));
	CHECK(is_refused("10.1.0.1\"", "fd00::1\""));
	CHECK(is_refused("{\"address\":\"10.1.0.2/24\",\"gateway\":\"10.1.0.1\"}", ""));
	CHECK(is_refused("\"mtu\":1500", "\"mtu\":65536"));
	CHECK(is_refused("\"index\":3", "\"index\":-1"));
}

TEST(an_address_needs_no_gateway)
{
	static const char text[] =
		"{\"role\":\"target\",\"kind\":\"bridged\",\"state\":\"cut\",\"tunnel\":\"gre\","
		"\"network\":\"n\",\"container\":\"c\",\"ifname\":\"e\",\"source\":\"fd00::1\","
		"\"target\":\"fd00::2\",\"mac\":\"02:00:00:00:00:01\",\"id\":1,"
		"\"addresses\":[{\"address\":\"10.1.0.2/24\"}]}";
	struct err err = { 0 };
	struct arena arena;
	struct move m;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(parse(text, &arena, &m, &err) == 0);
	CHECK_STR(m.addresses.v[0].gateway, "");
	CHECK_STR(m.port, "");
	CHECK_INT(m.state, MOVE_CUT);
	CHECK_INT(move_word("tunnel", "ipip", &err), MOVE_IPIP);
	CHECK_INT(move_word("tunnel", "udp", &err), -1);
	arena_release(&arena);
}
