/* SPDX-License-Identifier: Apache-2.0 */
/* registry_auth.c - tokens and passwords for a registry that asks for them
 *
 * The first answer 401 says how (challenge_parse); what it said is remembered
 * for the host, tokens for their scope until shortly before they expire.
 * Credentials go to the token server that the registry names, and to nobody
 * else: never along a redirect, never a registry's own to its mirror.
 *
 * distribution "token" and "oauth" specifications
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image/registry_call.h"

#define CLIENT_ID     "skerry"
#define EARLY_SECONDS 15 /* a token this close to its end is asked for again */

static int64_t now_seconds(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

void registry_tokens_release(struct registry *r)
{
	while (r->tokens) {
		struct registry_token *next = r->tokens->next;
		explicit_bzero(r->tokens->token, strlen(r->tokens->token));
		free(r->tokens->token);
		free(r->tokens);
		r->tokens = next;
	}
}

/* What the call needs, whatever the challenge said: "repository:NAME:pull,push". */
static void scope_of(const struct registry *r, const struct registry_call *c, char *dst,
		     size_t size)
{
	const struct challenge *its = &r->challenges[c->endpoint];
	dst[0] = 0;
	/* below a repository we know it; elsewhere (catalog) it is the registry's word */
	if (c->path[0] == '/') {
		(void)!str_copy(dst, size, its->scope);
		return;
	}
	size_t n = 0;
	if (str_format(dst, size, "repository:%s:%s", r->endpoints.v[c->endpoint].repository,
		       c->push ? "pull,push" : "pull") == 0)
		n = strlen(dst);
	if (c->mount_from)
		(void)!str_format(dst + n, size - n, " repository:%s:pull", c->mount_from);
}

static struct registry_token *find_token(const struct registry *r, const struct registry_call *c)
{
	char scope[1024];
	scope_of(r, c, scope, sizeof(scope));
	for (struct registry_token *t = r->tokens; t; t = t->next) {
		if (t->endpoint == c->endpoint && strcmp(t->scope, scope) == 0 &&
		    t->until > now_seconds())
			return t;
	}
	return NULL;
}

static void forget_token(struct registry *r, const struct registry_token *gone)
{
	for (struct registry_token **t = &r->tokens; *t; t = &(*t)->next) {
		if (*t != gone)
			continue;
		struct registry_token *next = (*t)->next;
		free((*t)->token);
		free(*t);
		*t = next;
		return;
	}
}

static char *header_value(const char *kind, const char *secret)
{
	struct buf b;
	buf_init(&b);
	buf_printf(&b, "%s %s", kind, secret);
	char *text = buf_take(&b);
	buf_release(&b);
	return text;
}

static char *basic_header(const struct credentials *c)
{
	struct buf b;
	buf_init(&b);
	buf_puts(&b, "Basic ");
	char *text = auth_encode(&b, c->user, c->password) < 0 ? NULL : buf_take(&b);
	buf_release(&b);
	return text;
}

char *registry_authorization(struct registry *r, const struct registry_call *c)
{
	const struct challenge *ch = &r->challenges[c->endpoint];
	const struct credentials *known = &r->credentials[c->endpoint];
	if (ch->basic && known->user)
		return basic_header(known);
	if (!ch->bearer)
		return NULL;
	if (known->registry_token)
		return header_value("Bearer", known->registry_token);
	const struct registry_token *t = find_token(r, c);
	return t ? header_value("Bearer", t->token) : NULL;
}

/* Looks the credentials of the endpoint's own host up, once. */
static int know_credentials(struct registry *r, size_t i, struct err *err)
{
	const struct endpoint *e = &r->endpoints.v[i];
	struct credentials *c = &r->credentials[i];
	if (r->credentials_known[i])
		return 0;
	r->credentials_known[i] = true;
	if (r->options.user && !e->mirror) {
		if (credentials_set(c, r->options.user, r->options.password) < 0)
			return err_set(err, ENOMEM, "out of memory");
		return 0;
	}
	const char *domain = e->mirror ? e->host : r->ref.domain;
	return auth_find(r->options.authfile, domain, e->repository, c, err);
}

static void add_scopes(struct buf *b, const char *scope)
{
	/* repeated, one for each */
	while (*scope) {
		char one[1024];
		size_t len = strcspn(scope, " ");
		if (str_format(one, sizeof(one), "%.*s", (int)len, scope) == 0) {
			buf_puts(b, "&scope=");
			http_escape(b, one);
		}
		scope += len + strspn(scope + len, " ");
	}
}

static char *token_url(const struct challenge *ch, const char *scope)
{
	struct buf b;
	buf_init(&b);
	buf_printf(&b, "%s%sservice=", ch->realm, strchr(ch->realm, '?') ? "&" : "?");
	http_escape(&b, ch->service);
	add_scopes(&b, scope);
	char *text = buf_take(&b);
	buf_release(&b);
	return text;
}

static char *token_form(const struct challenge *ch, const char *scope, const struct credentials *c)
{
	struct buf b;
	buf_init(&b);
	buf_puts(&b, "grant_type=refresh_token&client_id=" CLIENT_ID "&service=");
	http_escape(&b, ch->service);
	buf_puts(&b, "&scope=");
	http_escape(&b, scope);
	buf_puts(&b, "&refresh_token=");
	http_escape(&b, c->identity_token);
	char *text = buf_take(&b);
	buf_release(&b);
	return text;
}

/* Runs a request to the token server to its end; other transfers go on meanwhile. */
static int run_alone(struct registry *r, struct http_transfer *t, const struct http_trust *trust,
		     struct err *err)
{
	struct registry_call c;
	registry_call_init(&c);
	c.path = t->url;
	c.t.method = t->method;
	c.t.body = t->body;
	c.t.body_size = t->body_size;
	c.t.content_type = t->content_type;
	c.t.authorization = take(&t->authorization);
	c.t.url = strdup(t->url);
	c.t.trust = trust;
	c.auths = 100; /* a token server is not asked for a token */
	c.by_tag = true;
	int rc =
		c.t.url ? http_start(r->http, &c.t, 0, err) : err_set(err, ENOMEM, "out of memory");
	while (rc == 0 && !c.ended) {
		struct registry_call *other;
		int n = registry_call_step(r, 200, &other, err);
		if (n > 0 && other != &c) {
			other->next = r->ended;
			r->ended = other;
		}
		rc = n < 0 ? -1 : 0;
	}
	if (rc < 0)
		http_cancel(r->http, &c.t);
	else if (c.err.code) {
		rc = -1;
		if (err)
			*err = c.err;
	}
	t->status = c.t.status;
	if (rc == 0)
		buf_add(&t->reply, c.t.reply.s, c.t.reply.len);
	registry_call_release(&c);
	return rc;
}

/* An anonymous request, one with the password, or an exchange of the identity token. */
static int ask_token(struct registry *r, size_t endpoint, const char *scope, bool form,
		     struct buf *out, struct err *err)
{
	const struct challenge *ch = &r->challenges[endpoint];
	const struct credentials *known = &r->credentials[endpoint];
	struct http_transfer t;
	http_transfer_init(&t);
	AUTO_FREE char *text = form ? token_form(ch, scope, known) : NULL;
	t.url = form ? strdup(ch->realm) : token_url(ch, scope);
	if (form && text) {
		t.method = "POST";
		t.body = text;
		t.body_size = strlen(text);
		t.content_type = "application/x-www-form-urlencoded";
	} else if (known->user) {
		t.authorization = basic_header(known);
	}
	int rc = t.url && (!form || text) ? run_alone(r, &t, &r->endpoints.v[endpoint].trust, err)
					  : err_set(err, ENOMEM, "out of memory");
	if (rc == 0)
		buf_add(out, t.reply.s, t.reply.len);
	else
		(void)err_wrap(err, "ask for a token");
	http_transfer_release(&t);
	return rc;
}

static int keep_token(struct registry *r, size_t endpoint, const char *scope, struct token *t,
		      struct err *err)
{
	struct registry_token *kept = calloc(1, sizeof(*kept));
	free(t->refresh);
	if (!kept) {
		free(t->token);
		return err_set(err, ENOMEM, "out of memory");
	}
	kept->token = t->token;
	kept->endpoint = endpoint;
	kept->until = now_seconds() + t->expires_in - EARLY_SECONDS;
	(void)!str_copy(kept->scope, sizeof(kept->scope), scope);
	kept->next = r->tokens;
	r->tokens = kept;
	return 0;
}

static int get_token(struct registry *r, struct registry_call *c, struct err *err)
{
	char scope[1024];
	struct token t;
	AUTO_BUF out;
	buf_init(&out);
	const struct challenge *ch = &r->challenges[c->endpoint];
	const struct endpoint *e = &r->endpoints.v[c->endpoint];

	/* a realm without TLS could be anyone's: not for secrets, unless named insecure */
	if (str_starts(ch->realm, "http://") && !e->insecure && !endpoint_is_loopback(e->host))
		return err_set(err, EPERM,
			       "the registry sends us to a token server without TLS: \"%.200s\"",
			       ch->realm);
	if (!str_starts(ch->realm, "http://") && !str_starts(ch->realm, "https://"))
		return err_set(err, EPROTO, "the registry names no usable token server: \"%.200s\"",
			       ch->realm);
	scope_of(r, c, scope, sizeof(scope));
	bool form = r->credentials[c->endpoint].identity_token != NULL;
	if (ask_token(r, c->endpoint, scope, form, &out, err) < 0 ||
	    token_parse(out.s, out.len, &t, err) < 0)
		return -1;
	return keep_token(r, c->endpoint, scope, &t, err);
}

int registry_authorize(struct registry *r, struct registry_call *c, struct err *err)
{
	struct challenge said;
	char header[4096];
	size_t at = c->endpoint;

	if (!http_header(&c->t.headers, "WWW-Authenticate", header, sizeof(header)))
		return 0;
	bool had_basic = r->challenges[at].basic && c->t.authorization;
	if (challenge_parse(header, &said, err) < 0 || know_credentials(r, at, err) < 0)
		return -1;
	r->challenges[at] = said;
	const struct credentials *known = &r->credentials[at];
	if (said.basic)
		/* refused once, refused for good */
		return known->user && !had_basic ? 1 : 0;
	if (known->registry_token)
		return c->t.authorization ? 0 : 1;
	const struct registry_token *old = find_token(r, c);
	if (old)
		forget_token(r, old);
	return get_token(r, c, err) < 0 ? -1 : 1;
}
