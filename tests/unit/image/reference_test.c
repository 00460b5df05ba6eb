/* SPDX-License-Identifier: Apache-2.0 */
/* reference_test.c - names of images */
#include "image/reference.h"
#include "tests/unit/test.h"

static const char *whole(const char *text)
{
	static char name[REFERENCE_TEXT_MAX];
	struct reference r;
	if (reference_parse(text, &r, NULL) < 0)
		return "refused";
	reference_format(&r, name, sizeof(name));
	return name;
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST(a_short_name_is_docker_hubs)
{
	CHECK_STR(whole("busybox"), "docker.io/library/busybox:latest");
	CHECK_STR(whole("busybox:1"), "docker.io/library/busybox:1");
	CHECK_STR(whole("user/app"), "docker.io/user/app:latest");
	CHECK_STR(whole("docker.io/busybox"), "docker.io/library/busybox:latest");
	CHECK_STR(whole("index.docker.io/busybox"), "docker.io/library/busybox:latest");
}

TEST(a_domain_has_a_dot_a_colon_or_is_localhost)
{
	CHECK_STR(whole("quay.io/a/b:c"), "quay.io/a/b:c");
	CHECK_STR(whole("localhost/x"), "localhost/x:latest");
	CHECK_STR(whole("host:5000/x"), "host:5000/x:latest");
	CHECK_STR(whole("[::1]:5000/x"), "[::1]:5000/x:latest");
	CHECK_STR(whole("host/x"), "docker.io/host/x:latest");
}

TEST(a_digest_needs_no_tag_and_may_have_one)
{
	CHECK_STR(whole("a.b/x@sha256:" HEX), "a.b/x@sha256:" HEX);
	CHECK_STR(whole("a.b/x:t@sha256:" HEX), "a.b/x:t@sha256:" HEX);
	CHECK_STR(whole("a.b/x@sha256:abc"), "refused");
	CHECK_STR(whole("a.b/x@md5:" HEX), "a.b/x@md5:" HEX);
}

TEST(what_does_not_follow_the_grammar_is_refused)
{
	static const char *const bad[] = {
		"",	 "/",		"a//b",		  "A",	  "a:",	    ":t",
		"a_/b",	 "a___b",	"a..b",		  "-a",	  "a-",	    "a:t/b",
		"a@",	 "a b",		"a:.t",		  "a/b/", "h:x/a",  "h:123456/a",
		"[x]/a", "a.b_c.d:1/a", "a:" HEX HEX "1", "../a", "a/../b",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (strcmp(whole(bad[i]), "refused") != 0)
			printf("# \"%s\" is %s\n", bad[i], whole(bad[i]));
		CHECK_STR(whole(bad[i]), "refused");
	}
}

TEST(the_short_form_leaves_out_what_everybody_knows)
{
	struct reference r;
	char text[REFERENCE_TEXT_MAX];
	REQUIRE(reference_parse("busybox:1", &r, NULL) == 0);
	reference_format_short(&r, text, sizeof(text));
	CHECK_STR(text, "busybox:1");
	REQUIRE(reference_parse("quay.io/x", &r, NULL) == 0);
	reference_format_short(&r, text, sizeof(text));
	CHECK_STR(text, "quay.io/x:latest");
	reference_format_name(&r, text, sizeof(text));
	CHECK_STR(text, "quay.io/x");
	REQUIRE(reference_parse("docker.io/a.b/x", &r, NULL) == 0);
	reference_format_short(&r, text, sizeof(text));
	CHECK_STR(text, "docker.io/a.b/x:latest");
	REQUIRE(reference_parse("docker.io/library/a/x", &r, NULL) == 0);
	reference_format_short(&r, text, sizeof(text));
	CHECK_STR(text, "library/a/x:latest");
}

TEST(a_host_in_brackets_is_an_address)
{
	struct reference r;
	CHECK_INT(reference_parse("[::1]:5000/x", &r, NULL), 0);
	CHECK_INT(reference_parse("[.....2]:7/x", &r, NULL), -1);
	CHECK_INT(reference_parse("[]/x", &r, NULL), -1);
}
