/* SPDX-License-Identifier: Apache-2.0 */
/* challenge.c - what a registry and its token server say about authentication
 *
 * RFC 7235 section 4.1: challenges are separated by commas, and so are the
 * parameters of one; a word followed by "=" is a parameter, one followed by a
 * blank begins the next challenge.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "image/auth.h"

#define TOKEN_SECONDS_MIN 60
#define TOKEN_SECONDS_MAX (24L * 3600)
#define TOKEN_ARENA_MAX	  ((size_t)4 << 20)

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t,");
}

/* A token or a quoted string into dst (cut off when too long: false). */
static bool take_value(const char **at, char *dst, size_t size)
{
	const char *p = *at;
	size_t n = 0;
	bool quoted = *p == '"', fits = true;
	if (quoted)
		p++;
	while (quoted ? *p && *p != '"'
		      : is_token_char(*p) || *p == '/' || *p == ':' || *p == '=') {
		if (quoted && *p == '\\' && p[1])
			p++;
		if (n + 1 < size)
			dst[n++] = *p;
		else
			fits = false;
		p++;
	}
	if (quoted && *p == '"')
		p++;
	dst[n] = 0;
	*at = p;
	return fits;
}

static void store(struct challenge *c, const char *name, const char *value)
{
	const struct {
		const char *name;
		char *dst;
		size_t size;
	} known[] = {
		{ "realm", c->realm, sizeof(c->realm) },
		{ "service", c->service, sizeof(c->service) },
		{ "scope", c->scope, sizeof(c->scope) },
		{ "error", c->error, sizeof(c->error) },
	};
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcasecmp(name, known[i].name) == 0 &&
		    str_copy(known[i].dst, known[i].size, value) < 0)
			known[i].dst[0] = 0;
	}
}

/* Parameters until the next challenge; where that begins. */
static const char *take_parameters(const char *p, struct challenge *c)
{
	for (;;) {
		char name[64], value[1024];
		p = skip_blanks(p);
		size_t len = 0;
		while (is_token_char(p[len]))
			len++;
		const char *behind = p + len + strspn(p + len, " \t");
		if (len == 0 || *behind != '=')
			return p;
		bool fits = len < sizeof(name);
		if (fits) {
			memcpy(name, p, len);
			name[len] = 0;
		}
		p = behind + 1 + strspn(behind + 1, " \t");
		if (take_value(&p, value, sizeof(value)) && fits)
			store(c, name, value);
	}
}

int challenge_parse(const char *header, struct challenge *ret, struct err *err)
{
	struct challenge basic = { 0 };
	const char *p = skip_blanks(header);
	while (*p) {
		struct challenge c = { 0 };
		size_t len = 0;
		while (is_token_char(p[len]))
			len++;
		if (len == 0)
			break;
		c.bearer = len == 6 && strncasecmp(p, "Bearer", 6) == 0;
		c.basic = len == 5 && strncasecmp(p, "Basic", 5) == 0;
		const char *next = take_parameters(p + len, &c);
		if (c.bearer && c.realm[0]) {
			*ret = c;
			return 0;
		}
		if (c.basic)
			basic = c;
		if (next <= p)
			break;
		p = next;
	}
	if (!basic.basic)
		return err_set(err, EPROTO,
			       "the registry wants an unknown kind of authentication: \"%.100s\"",
			       header);
	*ret = basic;
	return 0;
}

struct token_answer {
	char *token, *access_token, *refresh_token;
	int64_t expires_in;
};
static const struct json_field token_fields[] = {
	JSON_FIELD(struct token_answer, token, JSON_STRING),
	JSON_FIELD(struct token_answer, access_token, JSON_STRING),
	JSON_FIELD(struct token_answer, refresh_token, JSON_STRING),
	JSON_FIELD(struct token_answer, expires_in, JSON_I64),
};
static const struct json_table token_table = JSON_TABLE(struct token_answer, token_fields);

int token_parse(const char *text, size_t len, struct token *ret, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct token_answer a;
	arena_init(&arena, TOKEN_ARENA_MAX);
	if (json_decode("token", text, len, &token_table, &a, &arena, err) < 0)
		return -1;
	const char *token = a.token && a.token[0] ? a.token : a.access_token;
	if (!token || !token[0])
		return err_set(err, EPROTO, "the token server's answer holds no token");
	struct token t = { .expires_in = a.expires_in };
	if (t.expires_in < TOKEN_SECONDS_MIN)
		t.expires_in = TOKEN_SECONDS_MIN;
	if (t.expires_in > TOKEN_SECONDS_MAX)
		t.expires_in = TOKEN_SECONDS_MAX;
	t.token = strdup(token);
	if (!t.token)
		return err_set(err, ENOMEM, "out of memory");
	if (a.refresh_token && a.refresh_token[0])
		t.refresh = strdup(a.refresh_token);
	*ret = t;
	return 0;
}
