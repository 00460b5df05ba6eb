/* SPDX-License-Identifier: Apache-2.0 */
/* registry_reply_fuzz.c - any bytes as what a registry and its token server answer
 *
 * Headers, challenges, tokens, errors; and files that say where registries are:
 * credentials and registries.conf.  What must hold: an error has a message, a
 * token lives between a minute and a day, errors are fit for a terminal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/registry_call.h"
#include "image/toml.h"

static void require(bool good)
{
	if (!good)
		abort();
}

static int item(void *arg, const struct toml_item *i, struct err *err)
{
	(void)arg;
	(void)err;
	require(i->begins || i->key);
	return 0;
}

static void try_auth(const struct buf *text)
{
	struct credentials c = { 0 };
	struct token t;
	struct err err = { 0 };
	char helper[AUTH_HELPER_MAX];
	int found = auth_parse("f", text, "docker.io/library/x", &c, helper, &err);
	require(found >= 0 || err.msg[0]);
	require(!strchr(helper, '/'));
	credentials_release(&c);
	if (token_parse(text->s, text->len, &t, &err) == 0) {
		require(t.expires_in >= 60 && t.expires_in <= 86400 && t.token[0]);
		free(t.token);
		free(t.refresh);
	}
}

static void try_headers(const struct buf *text)
{
	static const char *const names[] = { "Content-Type", "Location", "Link", "Retry-After",
					     "WWW-Authenticate" };
	struct challenge c;
	struct err err = { 0 };
	char value[4096];
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (http_header_n(text, names[i], i % 2, value, sizeof(value)))
			require(!strpbrk(value, "\r\n") && strlen(value) < sizeof(value));
	}
	if (challenge_parse(text->s, &c, &err) == 0)
		require(c.bearer ? c.realm[0] != 0 : c.basic);
	else
		require(err.msg[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct err err = { 0 };
	struct buf text;
	char said[200];
	buf_init(&text);
	buf_add(&text, data, size);
	registry_errors_parse(text.s, text.len, said, sizeof(said));
	for (const char *s = said; *s; s++)
		require((unsigned char)*s >= ' ' && *s != 0x7f);
	try_auth(&text);
	try_headers(&text);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (toml_parse("t", text.s, item, NULL, &arena, &err) < 0)
		require(err.msg[0]);
	arena_release(&arena);
	buf_release(&text);
	return 0;
}
