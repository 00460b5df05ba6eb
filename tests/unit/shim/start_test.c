/* SPDX-License-Identifier: Apache-2.0 */
/* start_test.c - which handshake it is, and the name of a group's socket */
#include "runtime/shim/start.h"

#include "tests/unit/test.h"

static struct arena arena;
static struct start_params p;
static struct err err;

static int parse(const char *bytes, size_t len)
{
	arena_release(&arena);
	arena_init(&arena, (size_t)1 << 20);
	err_clear(&err);
	return start_parse(bytes, len, "c1", "k8s.io", &arena, &p, &err);
}

TEST(nothing_is_the_old_handshake_without_options)
{
	CHECK_INT(parse("", 0), 0);
	CHECK(p.handshake == HANDSHAKE_ADDRESS && !p.options && !p.debug);
}

TEST(an_any_is_the_old_handshake_though_its_bytes_are_parameters_too)
{
	static const char any[] = "\x0a\x1a"
				  "containerd.runc.v1.Options\x12\x0d:\x09/run/bridH\x01";

	CHECK_INT(parse(any, sizeof(any) - 1), 0);
	CHECK(p.handshake == HANDSHAKE_ADDRESS);
	REQUIRE(p.options);
	CHECK_STR(p.options->type_url, "containerd.runc.v1.Options");
	CHECK_INT(p.options->value.n, 13);
}

TEST(parameters_name_this_id_and_namespace)
{
	static const char params[] = "\x0a\x02"
				     "c1\x12\x06k8s.io\x18\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x01"
				     "\x42\x06\x0a\x04\x0a\x02xx"
				     "\x42\x1e\x0a\x1c\x0a\x1a"
				     "containerd.runc.v1.Options\x4a\x02/s";

	CHECK_INT(parse(params, sizeof(params) - 1), 0);
	CHECK(p.handshake == HANDSHAKE_BOOTSTRAP);
	CHECK(p.debug); /* -4 */
	CHECK_STR(p.socket_dir, "/s");
	REQUIRE(p.options);
	CHECK_STR(p.options->type_url, "containerd.runc.v1.Options");
}

TEST(rubbish_is_an_error)
{
	CHECK_INT(parse("\xff\xff", 2), -1);
	CHECK(strstr(err.msg, "standard input"));
}

static const char *path_of(const char *address, const char *ns, const char *group)
{
	static char path[SOCKET_PATH_MAX + 1];

	return socket_path("/s", address, ns, group, path, sizeof(path), &err) == 0 ? path
										    : err.msg;
}

TEST(the_socket_has_the_name_that_other_shims_would_give_it)
{
	/* printf /run/lab/c.sock/default/idle1 | sha256sum */
	static const char want[] =
		"/s/e96a2010a9f25e1e034dfa192af7e6da8366855f1ad207326ab97603d85c01ce";

	CHECK_STR(path_of("/run/lab/c.sock", "default", "idle1"), want);
	CHECK_STR(path_of("/run//lab/./x/../c.sock/", "default", "idle1"), want);
}

TEST(a_folder_with_too_long_a_name_is_refused)
{
	char path[SOCKET_PATH_MAX + 1];

	CHECK_INT(socket_path("/a-folder-whose-name-alone-is-longer-than-42", "/a", "ns", "g", path,
			      sizeof(path), &err),
		  -1);
}
