/* SPDX-License-Identifier: Apache-2.0 */
/* reference.c - the name of an image: [DOMAIN/]PATH[:TAG][@DIGEST]
 *
 * Cut from the right: "@" begins the digest, the last ":" behind the last "/"
 * begins the tag; what is left is domain and path.
 *
 * distribution-spec "Pulling manifests"; image-spec descriptor.md "Digests"
 */
#include "image/reference.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define DEFAULT_DOMAIN "docker.io"
#define DEFAULT_TAG    "latest"
/* Docker Hub's repositories without an owner */
#define HUB_LIBRARY    "library/"

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_hex(const char *s)
{
	return s[strspn(s, "0123456789abcdef")] == 0;
}

bool reference_is_tag(const char *text)
{
	size_t len = strlen(text);
	if (len == 0 || len > REFERENCE_TAG_MAX || !is_word(text[0]))
		return false;
	for (const char *c = text; *c; c++) {
		if (!is_word(*c) && *c != '.' && *c != '-')
			return false;
	}
	return true;
}

bool reference_is_digest(const char *text)
{
	static const struct {
		const char *prefix;
		size_t digits;
	} known[] = { { "sha256:", 64 }, { "sha512:", 128 }, { "blake3:", 64 } };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t len = strlen(known[i].prefix);
		if (strncmp(text, known[i].prefix, len) == 0)
			return strlen(text + len) == known[i].digits && is_hex(text + len);
	}
	const char *colon = strchr(text, ':');
	if (!colon || colon == text || !colon[1] || strlen(text) > REFERENCE_DIGEST_MAX)
		return false;
	/* words of lower-case letters and digits, joined by one of "+._-" */
	bool joined = true;
	for (const char *c = text; c < colon; c++) {
		bool joint = strchr("+._-", *c) != NULL;
		if ((joint && joined) || (!joint && !is_lower_or_digit(*c)))
			return false;
		joined = joint;
	}
	if (joined)
		return false;
	for (const char *c = colon + 1; *c; c++) {
		if (!is_word(*c) && *c != '=' && *c != '-')
			return false;
	}
	return true;
}

/* [a-z0-9]+ joined by ".", "_", "__" or any number of "-" */
static bool is_component(const char *s, size_t len)
{
	size_t i = 0;
	while (i < len) {
		size_t start = i;
		while (i < len && is_lower_or_digit(s[i]))
			i++;
		if (i == start)
			return false;
		if (i == len)
			return true;
		size_t joint = i;
		while (i < len && s[i] == s[joint] && strchr("._-", s[i]))
			i++;
		size_t n = i - joint;
		if (n == 0 || i == len || (s[joint] == '.' && n > 1) || (s[joint] == '_' && n > 2))
			return false;
	}
	return false;
}

static bool is_path(const char *s)
{
	for (;;) {
		size_t len = strcspn(s, "/");
		if (!is_component(s, len))
			return false;
		if (!s[len])
			return true;
		s += len + 1;
	}
}

static bool is_host_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool letter = is_word(s[i]) && s[i] != '_';
		bool edge = i == 0 || i + 1 == len || s[i - 1] == '.' || s[i + 1] == '.';
		if (!letter && (edge || (s[i] != '.' && s[i] != '-')))
			return false;
	}
	return len > 0;
}

/* HOST[:PORT] or [IPV6][:PORT] */
static bool is_domain(const char *s)
{
	const char *rest;
	if (s[0] == '[') {
		char text[INET6_ADDRSTRLEN];
		struct in6_addr address;
		size_t len = strcspn(s + 1, "]");
		if (s[1 + len] != ']' ||
		    str_format(text, sizeof(text), "%.*s", (int)len, s + 1) < 0 ||
		    inet_pton(AF_INET6, text, &address) != 1)
			return false;
		rest = s + len + 2;
	} else {
		size_t len = strcspn(s, ":");
		if (!is_host_name(s, len))
			return false;
		rest = s + len;
	}
	if (!rest[0])
		return true;
	size_t digits = rest[0] == ':' ? strspn(rest + 1, "0123456789") : 0;
	return digits >= 1 && digits <= 5 && !rest[1 + digits];
}

static int bad(const char *text, const char *why, struct err *err)
{
	return err_set(err, EINVAL, "invalid image name \"%s\": %s", text, why);
}

/* Cuts "@DIGEST" and ":TAG" off name. */
static int cut_tail(const char *text, char *name, struct reference *r, struct err *err)
{
	char *at = strchr(name, '@');
	if (at) {
		*at = 0;
		if (str_copy(r->digest, sizeof(r->digest), at + 1) < 0 ||
		    !reference_is_digest(r->digest))
			return bad(text, "the digest is malformed", err);
	}
	char *slash = strrchr(name, '/');
	char *colon = strrchr(slash ? slash : name, ':');
	if (!colon)
		return 0;
	*colon = 0;
	if (!reference_is_tag(colon + 1))
		return bad(text, "the tag is malformed", err);
	return str_copy(r->tag, sizeof(r->tag), colon + 1);
}

/* Is what stands before the first slash the name of a host? */
static bool starts_with_domain(const char *name, size_t len)
{
	return name[len] == '/' && (memchr(name, '.', len) || memchr(name, ':', len) ||
				    (len == 9 && strncmp(name, "localhost", len) == 0));
}

int reference_parse(const char *text, struct reference *ret, struct err *err)
{
	struct reference r = { 0 };
	char name[REFERENCE_TEXT_MAX];

	if (str_copy(name, sizeof(name), text) < 0)
		return err_set(err, EINVAL, "invalid image name: longer than %d bytes",
			       REFERENCE_TEXT_MAX - 1);
	if (cut_tail(text, name, &r, err) < 0)
		return -1;
	if (strlen(name) > REFERENCE_NAME_MAX)
		return bad(text, "longer than 255 bytes", err);
	size_t first = strcspn(name, "/");
	char *path = name;
	if (starts_with_domain(name, first)) {
		name[first] = 0;
		path = name + first + 1;
	}
	r.is_short = path == name;
	if (!r.is_short && !is_domain(name))
		return bad(text, "the host is malformed", err);
	if (path[strcspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
		return bad(text, "capital letters are allowed in tags only", err);
	if (!is_path(path))
		return bad(text, "the name is malformed", err);
	const char *domain = r.is_short ? DEFAULT_DOMAIN : name;
	if (strcmp(domain, "index.docker.io") == 0)
		domain = DEFAULT_DOMAIN;
	bool library = strcmp(domain, DEFAULT_DOMAIN) == 0 && !strchr(path, '/');
	if (str_copy(r.domain, sizeof(r.domain), domain) < 0 ||
	    str_format(r.path, sizeof(r.path), "%s%s", library ? HUB_LIBRARY : "", path) < 0 ||
	    strlen(r.domain) + 1 + strlen(r.path) > REFERENCE_NAME_MAX)
		return bad(text, "longer than 255 bytes", err);
	if (!r.tag[0] && !r.digest[0])
		(void)str_copy(r.tag, sizeof(r.tag), DEFAULT_TAG);
	*ret = r;
	return 0;
}

static void format(const struct reference *r, const char *domain, const char *path, char *dst,
		   size_t size)
{
	/* what was parsed fits; a smaller room only shortens what is shown */
	(void)!snprintf(dst, size, "%s%s%s%s%s%s%s", domain, domain[0] ? "/" : "", path,
			r->tag[0] ? ":" : "", r->tag, r->digest[0] ? "@" : "", r->digest);
}

void reference_format(const struct reference *r, char *dst, size_t size)
{
	format(r, r->domain, r->path, dst, size);
}

void reference_format_short(const struct reference *r, char *dst, size_t size)
{
	/* "docker.io/host.name/x" without its beginning would be another registry's */
	bool hub = strcmp(r->domain, DEFAULT_DOMAIN) == 0 &&
		   !starts_with_domain(r->path, strcspn(r->path, "/"));
	bool library = hub && str_starts(r->path, HUB_LIBRARY) &&
		       !strchr(r->path + strlen(HUB_LIBRARY), '/');
	format(r, hub ? "" : r->domain, r->path + (library ? strlen(HUB_LIBRARY) : 0), dst, size);
}

void reference_format_name(const struct reference *r, char *dst, size_t size)
{
	(void)!snprintf(dst, size, "%s/%s", r->domain, r->path);
}

const char *reference_object(const struct reference *r)
{
	return r->digest[0] ? r->digest : r->tag;
}
