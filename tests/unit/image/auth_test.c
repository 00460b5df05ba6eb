/* SPDX-License-Identifier: Apache-2.0 */
/* auth_test.c - credentials, challenges, tokens, headers */
#include "image/auth.h"

#include <errno.h>

#include "image/http.h"
#include "image/registry_call.h"
#include "tests/unit/test.h"

static struct challenge c;

TEST(a_bearer_challenge_is_read)
{
	CHECK_INT(
		challenge_parse(
			"Bearer realm=\"https://a/token\",service=\"s,x\", scope=\"repository:a:pull,push\"",
			&c, NULL),
		0);
	CHECK(c.bearer);
	CHECK_STR(c.realm, "https://a/token");
	CHECK_STR(c.service, "s,x");
	CHECK_STR(c.scope, "repository:a:pull,push");
}

TEST(of_several_challenges_the_bearer_one_is_taken)
{
	CHECK_INT(challenge_parse("Basic realm=\"x\", Bearer realm=\"https://b\"", &c, NULL), 0);
	CHECK(c.bearer && !c.basic);
	CHECK_INT(challenge_parse("Negotiate, basic realm=x", &c, NULL), 0);
	CHECK(c.basic);
	CHECK_INT(challenge_parse("Digest realm=x", &c, NULL), -1);
	CHECK_INT(challenge_parse("", &c, NULL), -1);
	CHECK_INT(challenge_parse("Bearer realm=\"a\\\"b\"", &c, NULL), 0);
	CHECK_STR(c.realm, "a\"b");
}

TEST(a_token_lives_a_minute_at_least)
{
	struct token t;
	static const char text[] = "{\"access_token\":\"x\",\"expires_in\":5}";
	REQUIRE(token_parse(text, strlen(text), &t, NULL) == 0);
	CHECK_STR(t.token, "x");
	CHECK_INT((int)t.expires_in, 60);
	free(t.token);
	CHECK_INT(token_parse("{}", 2, &t, NULL), -1);
	CHECK_INT(token_parse("[", 1, &t, NULL), -1);
}

static int find(const char *text, const char *key, struct credentials *ret, char *helper)
{
	AUTO_BUF b;
	buf_init(&b);
	buf_puts(&b, text);
	*ret = (struct credentials){ 0 };
	return auth_parse("test", &b, key, ret, helper, NULL);
}

TEST(the_longest_key_of_a_credential_file_counts)
{
	struct credentials cr;
	char helper[AUTH_HELPER_MAX];
	/* a:b, c:d */
	static const char text[] =
		"{\"auths\":{\"host\":{\"auth\":\"YTpi\"},\"host/ns\":{\"auth\":\"Yzpk\"},"
		"\"https://index.docker.io/v1/\":{\"auth\":\"YTpi\"}}}";
	CHECK_INT(find(text, "host/ns/x", &cr, helper), 1);
	CHECK_STR(cr.user, "c");
	CHECK_STR(cr.password, "d");
	credentials_release(&cr);
	CHECK_INT(find(text, "host/other", &cr, helper), 1);
	CHECK_STR(cr.user, "a");
	credentials_release(&cr);
	CHECK_INT(find(text, "hostile/x", &cr, helper), 0);
	CHECK_INT(find(text, "docker.io/library/x", &cr, helper), 1);
	credentials_release(&cr);
}

TEST(helpers_are_named_by_host_or_for_all)
{
	struct credentials cr;
	char helper[AUTH_HELPER_MAX];
	static const char text[] = "{\"credsStore\":\"all\",\"credHelpers\":{\"host\":\"one\"}}";
	CHECK_INT(find(text, "host/x", &cr, helper), 0);
	CHECK_STR(helper, "one");
	CHECK_INT(find(text, "other/x", &cr, helper), 0);
	CHECK_STR(helper, "all");
	CHECK_INT(find("{\"credsStore\":\"../x\"}", "h/x", &cr, helper), -1);
	CHECK_INT(find("{\"auths\":{\"h\":{\"auth\":\"!\"}}}", "h/x", &cr, helper), -1);
	CHECK_INT(find("{\"auths\":{\"h\":{\"identitytoken\":\"t\"}}}", "h/x", &cr, helper), 1);
	CHECK_STR(cr.identity_token, "t");
	credentials_release(&cr);
}

TEST(headers_are_found_by_name)
{
	char value[32];
	AUTO_BUF h;
	buf_init(&h);
	buf_puts(
		&h,
		"HTTP/1.1 200 OK\r\nContent-Type:  a/b \r\nLink: <x>\r\nlink: <y>\r\nContent-Type-X: z\r\n");
	CHECK(http_header(&h, "content-type", value, sizeof(value)));
	CHECK_STR(value, "a/b");
	CHECK(http_header_n(&h, "Link", 1, value, sizeof(value)));
	CHECK_STR(value, "<y>");
	CHECK(!http_header(&h, "None", value, sizeof(value)));
	CHECK(!http_header(&h, "Content-Type", value, 2));
}

TEST(a_text_is_escaped_for_an_address)
{
	AUTO_BUF b;
	buf_init(&b);
	http_escape(&b, "a b/c~\xff");
	CHECK_STR(b.s, "a%20b%2Fc~%FF");
}

TEST(errors_of_a_registry_are_shown_without_control_characters)
{
	char text[128];
	static const char doc[] = "{\"errors\":[{\"code\":\"X\",\"message\":\"a\\u001b[0mb\"}]}";
	registry_errors_parse(doc, strlen(doc), text, sizeof(text));
	CHECK_STR(text, "X: a [0mb");
	registry_errors_parse("nonsense", 8, text, sizeof(text));
	CHECK_STR(text, "");
}
