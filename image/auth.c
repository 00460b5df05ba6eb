/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - credentials for registries: where docker and podman keep them
 *
 * containers-auth.json(5); docker's config.json; docker-credential-helpers'
 * protocol; distribution "token" specification; RFC 7235 for the challenges.
 */
#include "image/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"

#define AUTH_FILE_MAX	  ((size_t)1 << 20)
#define HELPER_TIMEOUT_MS 30000
#define HUB_KEY		  "https://index.docker.io/v1/"

struct auth_entry {
	char *key;
	char *auth, *identitytoken, *registrytoken;
};
struct auth_file {
	struct {
		struct auth_entry *v;
		size_t n;
	} auths;
	struct pairs cred_helpers;
	char *creds_store;
};

static const struct json_field entry_fields[] = {
	JSON_FIELD(struct auth_entry, auth, JSON_STRING),
	JSON_FIELD(struct auth_entry, identitytoken, JSON_STRING),
	JSON_FIELD(struct auth_entry, registrytoken, JSON_STRING),
};
static const struct json_table entry_table = JSON_TABLE(struct auth_entry, entry_fields);
static const struct json_field file_fields[] = {
	JSON_FIELD(struct auth_file, auths, JSON_MAP, .sub = &entry_table),
	JSON_FIELD_AS("credHelpers", struct auth_file, cred_helpers, JSON_PAIRS),
	JSON_FIELD_AS("credsStore", struct auth_file, creds_store, JSON_STRING),
};
static const struct json_table file_table = JSON_TABLE(struct auth_file, file_fields);

static void drop_secret(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void credentials_release(struct credentials *c)
{
	drop_secret(&c->user);
	drop_secret(&c->password);
	drop_secret(&c->identity_token);
	drop_secret(&c->registry_token);
}

int credentials_set(struct credentials *c, const char *user, const char *password)
{
	c->user = strdup(user);
	c->password = strdup(password ? password : "");
	return c->user && c->password ? 0 : -1;
}

int auth_decode(const char *base64, char **ret_user, char **ret_password, struct err *err)
{
	AUTO_BUF plain;
	buf_init(&plain);
	if (base64_decode(base64, strlen(base64), &plain) < 0)
		return err_set(err, EINVAL, "credentials that are no base64");
	const char *colon = strchr(plain.s, ':');
	if (!colon || strlen(plain.s) != plain.len)
		return err_set(err, EINVAL, "credentials without a colon");
	*ret_user = strndup(plain.s, (size_t)(colon - plain.s));
	*ret_password = strdup(colon + 1);
	explicit_bzero(plain.s, plain.len);
	if (*ret_user && *ret_password)
		return 0;
	drop_secret(ret_user);
	drop_secret(ret_password);
	return err_set(err, ENOMEM, "out of memory");
}

int auth_encode(struct buf *out, const char *user, const char *password)
{
	AUTO_BUF plain;
	buf_init(&plain);
	buf_printf(&plain, "%s:%s", user, password);
	if (buf_failed(&plain))
		return -1;
	base64_encode(plain.s, plain.len, out);
	explicit_bzero(plain.s, plain.len);
	return buf_failed(out) ? -1 : 0;
}

/* The host's part of a key of the file: docker writes whole addresses. */
static const char *skip_scheme(const char *key)
{
	if (str_starts(key, "https://"))
		return key + 8;
	return str_starts(key, "http://") ? key + 7 : key;
}

/* How much of `wanted` (DOMAIN/PATH) a key of the file covers: its length, 0 when it doesn't. */
static size_t covers(const char *key, const char *wanted)
{
	if (strcmp(key, HUB_KEY) == 0)
		key = "docker.io";
	key = skip_scheme(key);
	size_t len = strlen(key);
	/* "host/v1/" and "host/" are the host */
	if (len > 4 && (strcmp(key + len - 4, "/v1/") == 0 || strcmp(key + len - 4, "/v2/") == 0))
		len -= 4;
	while (len > 0 && key[len - 1] == '/')
		len--;
	bool fits =
		len > 0 && strncmp(key, wanted, len) == 0 && (!wanted[len] || wanted[len] == '/');
	return fits ? len : 0;
}

static int from_entry(const struct auth_entry *e, struct credentials *ret, struct err *err)
{
	struct credentials c = { 0 };
	if (e->auth && e->auth[0] && auth_decode(e->auth, &c.user, &c.password, err) < 0)
		return -1;
	if (e->identitytoken && e->identitytoken[0])
		c.identity_token = strdup(e->identitytoken);
	if (e->registrytoken && e->registrytoken[0])
		c.registry_token = strdup(e->registrytoken);
	if (!c.user && !c.identity_token && !c.registry_token)
		return 0;
	*ret = c;
	return 1;
}

static int keep_helper(const char *name, char *helper, struct err *err)
{
	if (strchr(name, '/') || str_copy(helper, AUTH_HELPER_MAX, name) < 0)
		return err_set(err, EINVAL, "invalid credential helper \"%.64s\"", name);
	return 0;
}

int auth_parse(const char *name, const struct buf *text, const char *key, struct credentials *ret,
	       char *helper, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct auth_file f;
	const char *its_helper = NULL;
	const struct auth_entry *best = NULL;
	size_t best_len = 0;

	helper[0] = 0;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (json_decode(name, text->s, text->len, &file_table, &f, &arena, err) < 0)
		return -1;
	for (size_t i = 0; i < f.cred_helpers.n; i++) {
		size_t n = covers(f.cred_helpers.v[i].key, key);
		if (n > best_len) {
			best_len = n;
			its_helper = f.cred_helpers.v[i].value;
		}
	}
	if (its_helper)
		return keep_helper(its_helper, helper, err);
	for (size_t i = 0; i < f.auths.n; i++) {
		size_t n = covers(f.auths.v[i].key, key);
		if (n > best_len) {
			best_len = n;
			best = &f.auths.v[i];
		}
	}
	int found = best ? from_entry(best, ret, err) : 0;
	if (found == 0 && f.creds_store && f.creds_store[0])
		return keep_helper(f.creds_store, helper, err);
	return found;
}

/* --- helpers ------------------------------------------------------------------- */

struct helper_answer {
	char *ServerURL, *Username, *Secret;
};
static const struct json_field helper_fields[] = {
	JSON_FIELD(struct helper_answer, ServerURL, JSON_STRING),
	JSON_FIELD(struct helper_answer, Username, JSON_STRING),
	JSON_FIELD(struct helper_answer, Secret, JSON_STRING),
};
static const struct json_table helper_table = JSON_TABLE(struct helper_answer, helper_fields);

/* The program in $PATH, as a path. */
static int find_program(const char *name, char *dst, size_t size, struct err *err)
{
	const char *path = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): one thread */
	for (const char *p = path ? path : "/usr/local/bin:/usr/bin:/bin"; *p;) {
		size_t len = strcspn(p, ":");
		if (len > 0 && p[0] == '/' &&
		    str_format(dst, size, "%.*s/%s", (int)len, p, name) == 0 &&
		    access(dst, X_OK) == 0)
			return 0;
		p += len + (p[len] == ':');
	}
	return err_set(err, ENOENT, "credential helper \"%s\" is not in PATH", name);
}

static int take_answer(const char *name, const struct buf *out, struct credentials *ret,
		       struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct helper_answer a;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (json_decode(name, out->s, out->len, &helper_table, &a, &arena, err) < 0)
		return -1;
	if (!a.Username || !a.Secret)
		return err_set(err, EINVAL, "%s: an answer without user or secret", name);
	if (strcmp(a.Username, "<token>") == 0) {
		ret->identity_token = strdup(a.Secret);
		return 1;
	}
	ret->user = strdup(a.Username);
	ret->password = strdup(a.Secret);
	return 1;
}

static int ask_helper(const char *helper, const char *domain, struct credentials *ret,
		      struct err *err)
{
	char name[NAME_MAX], path[PATH_MAX];
	static char verb[] = "get";
	AUTO_BUF out;
	buf_init(&out);

	if (str_format(name, sizeof(name), "docker-credential-%s", helper) < 0)
		return err_set(err, EINVAL, "invalid credential helper \"%.64s\"", helper);
	if (find_program(name, path, sizeof(path), err) < 0)
		return -1;
	const char *server = strcmp(domain, "docker.io") == 0 ? HUB_KEY : domain;
	char *argv[] = { name, verb, NULL };
	const struct proc_run run = {
		.path = path,
		.argv = argv,
		.env = environ,
		.input = server,
		.input_len = strlen(server),
		.stdout_fd = -1,
		.stderr_fd = -1,
		.output = &out,
		.timeout_ms = HELPER_TIMEOUT_MS,
	};
	int status = proc_run(&run, err);
	if (status < 0)
		return err_wrap(err, "credential helper \"%s\"", name);
	if (status != 0 && strstr(out.s, "credentials not found"))
		return 0;
	if (status != 0)
		return err_set(err, EIO, "credential helper \"%s\" failed: %.200s", name, out.s);
	return take_answer(name, &out, ret, err);
}

/* --- files ------------------------------------------------------------------------ */

/* Place i of the list, as a path; false behind the last.  "" where it doesn't apply. */
static bool place(size_t i, const char *authfile, char *dst, size_t size)
{
	static const struct {
		const char *variable, *path;
		bool docker; /* ours never writes there */
	} places[] = {
		{ "REGISTRY_AUTH_FILE", "", false },
		{ "XDG_RUNTIME_DIR", "/containers/auth.json", false },
		{ "XDG_CONFIG_HOME", "/containers/auth.json", false },
		{ "HOME", "/.config/containers/auth.json", false },
		{ "DOCKER_CONFIG", "/config.json", true },
		{ "HOME", "/.docker/config.json", true },
	};
	dst[0] = 0;
	if (authfile)
		return i == 0 && str_copy(dst, size, authfile) == 0;
	if (i >= ARRAY_SIZE(places))
		return false;
	const char *value = getenv(places[i].variable); /* NOLINT(concurrency-mt-unsafe) */
	if (value && value[0] && str_format(dst, size, "%s%s", value, places[i].path) < 0)
		dst[0] = 0;
	return true;
}

/* 1 found, 0 not, -1. */
static int look_in(const char *file, bool must_exist, const char *domain, const char *key,
		   struct credentials *ret, struct err *err)
{
	char helper[AUTH_HELPER_MAX];
	AUTO_BUF text;
	buf_init(&text);
	if (file_read(AT_FDCWD, file, &text, AUTH_FILE_MAX, true) < 0) {
		if (!must_exist && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
			return 0;
		return err_sys(err, "read credentials \"%s\"", file);
	}
	int found = auth_parse(file, &text, key, ret, helper, err);
	if (found == 0 && helper[0])
		found = ask_helper(helper, domain, ret, err);
	explicit_bzero(text.s, text.len);
	return found;
}

int auth_find(const char *authfile, const char *domain, const char *path, struct credentials *ret,
	      struct err *err)
{
	char file[PATH_MAX], key[PATH_MAX];
	*ret = (struct credentials){ 0 };
	if (str_format(key, sizeof(key), "%s%s%s", domain, path ? "/" : "", path ? path : "") < 0)
		return err_set(err, EINVAL, "a name too long");
	for (size_t i = 0; place(i, authfile, file, sizeof(file)); i++) {
		if (!file[0])
			continue;
		int found = look_in(file, authfile != NULL, domain, key, ret, err);
		if (found != 0)
			return found < 0 ? -1 : 0;
	}
	return 0;
}

/* --- login and logout: the document again, with one entry changed ---------------------- */

/* Every member as it is written, but for the one entry of auths (NULL: all of them); false when
 * there was none. */
static bool write_file(struct json_out *o, const struct pairs *all, const struct pairs *auths,
		       const char *domain, const char *auth)
{
	bool found = false;
	json_begin_object(o);
	json_key(o, "auths");
	json_begin_object(o);
	for (size_t i = 0; i < auths->n; i++) {
		if (!domain || covers(auths->v[i].key, domain) == strlen(domain)) {
			found = true;
			continue;
		}
		json_key(o, auths->v[i].key);
		json_raw(o, auths->v[i].value);
	}
	if (auth && domain) {
		json_key(o, strcmp(domain, "docker.io") == 0 ? HUB_KEY : domain);
		json_begin_object(o);
		json_kv_string(o, "auth", auth);
		json_end_object(o);
	}
	json_end_object(o);
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->v[i].key, "auths") == 0)
			continue;
		json_key(o, all->v[i].key);
		json_raw(o, all->v[i].value);
	}
	json_end_object(o);
	return found;
}

/* The file's members, and those of auths; an absent file is an empty one. */
static int split_file(const char *file, struct buf *text, struct arena *arena, struct pairs *all,
		      struct pairs *auths, struct err *err)
{
	struct auth_file decoded;
	if (file_read(AT_FDCWD, file, text, AUTH_FILE_MAX, true) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return err_sys(err, "read credentials \"%s\"", file);
		buf_puts(text, "{}");
	}
	if (json_decode(file, text->s, text->len, &file_table, &decoded, arena, err) < 0 ||
	    json_split_object(text->s, text->len, arena, all, err) < 0)
		return -1;
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->v[i].key, "auths") == 0)
			return json_split_object(all->v[i].value, strlen(all->v[i].value), arena,
						 auths, err);
	}
	return 0;
}

/* The first place that is the user's own to write. */
static int writable_place(const char *authfile, char *dst, size_t size, struct err *err)
{
	/* $XDG_RUNTIME_DIR is for those who have one; root's credentials outlive a boot */
	for (size_t i = 0; place(i, authfile, dst, size); i++) {
		if (i >= 4)
			break;
		if (dst[0])
			return 0;
	}
	return err_set(err, ENOENT, "neither --authfile nor $HOME says where to keep credentials");
}

int auth_store(const char *authfile, const char *domain, const char *user, const char *password,
	       struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct pairs all = { 0 }, auths = { 0 };
	struct json_out o;
	char file[PATH_MAX];
	AUTO_BUF text;
	AUTO_BUF auth;
	AUTO_BUF out;
	buf_init(&text);
	buf_init(&auth);
	buf_init(&out);
	arena_init(&arena, ARENA_MAX_DEFAULT);

	if (writable_place(authfile, file, sizeof(file), err) < 0 ||
	    split_file(file, &text, &arena, &all, &auths, err) < 0)
		return -1;
	if (user && auth_encode(&auth, user, password) < 0)
		return err_set(err, ENOMEM, "out of memory");
	json_out_init(&o, &out, JSON_TABS);
	bool found = write_file(&o, &all, &auths, domain, user ? auth.s : NULL);
	buf_putc(&out, '\n');
	if (!user && !found && domain)
		return err_set(err, ENOENT, "not logged in to \"%s\"", domain);
	char *slash = strrchr(file, '/');
	if (slash && slash != file) {
		*slash = 0;
		if (file_make_dirs(file, 0700) < 0)
			return err_sys(err, "make \"%s\"", file);
		*slash = '/';
	}
	if (buf_failed(&out) || file_replace(AT_FDCWD, file, out.s, out.len, 0600) < 0)
		return err_sys(err, "write \"%s\"", file);
	explicit_bzero(auth.s, auth.len);
	explicit_bzero(out.s, out.len);
	return 0;
}
