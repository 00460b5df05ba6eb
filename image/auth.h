/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h - credentials for registries: where docker and podman keep them
 *
 * First hit wins: --authfile, $REGISTRY_AUTH_FILE,
 * $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json,
 * $DOCKER_CONFIG/config.json or ~/.docker/config.json, ~/.dockercfg.  Within
 * a file: credHelpers, then auths by the longest path, then credsStore.
 */
#ifndef SKERRY_IMAGE_AUTH_H
#define SKERRY_IMAGE_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct credentials {
	char *user, *password; /* NULL: none known */
	char *identity_token; /* exchanged for access tokens instead of a password; or NULL */
	char *registry_token; /* a ready access token; or NULL */
};
/* A user's name and password (NULL: none); -1 when out of memory. */
int credentials_set(struct credentials *c, const char *user, const char *password);
void credentials_release(struct credentials *c); /* and overwrites the secrets */

/* For DOMAIN/PATH; what isn't known stays NULL.  authfile may be NULL.  0, or -1 (a file that is
 * named but can't be read, a helper that fails). */
int auth_find(const char *authfile, const char *domain, const char *path, struct credentials *ret,
	      struct err *err);

/* Keeps (or, with NULL for user and password, forgets) the credentials for a registry in
 * authfile, or the first place of podman's list that is the user's own; to forget, NULL for the
 * domain means all.  err->code ENOENT: nothing to forget. */
int auth_store(const char *authfile, const char *domain, const char *user, const char *password,
	       struct err *err);

/* One file's text: what it says for the key (DOMAIN/PATH): 1 found in auths, 0 not, or -1.
 * helper, of AUTH_HELPER_MAX bytes, names the helper to ask instead, or is "". */
#define AUTH_HELPER_MAX 128
int auth_parse(const char *name, const struct buf *text, const char *key, struct credentials *ret,
	       char *helper, struct err *err);

/* "user:password" of a Basic header or an "auth" member and back. */
int auth_decode(const char *base64, char **ret_user, char **ret_password, struct err *err);
int auth_encode(struct buf *out, const char *user, const char *password);

/* One challenge of a WWW-Authenticate header. */
struct challenge {
	bool bearer, basic;
	char realm[1024], service[256], scope[1024], error[64];
};
/* Reads the header's challenges: of several the Bearer one; 0, or -1 when there is none we know. */
int challenge_parse(const char *header, struct challenge *ret, struct err *err);

/* What a token server answers. */
struct token {
	char *token; /* malloc'd */
	char *refresh; /* or NULL */
	int64_t expires_in; /* seconds, at least 60 */
};
int token_parse(const char *text, size_t len, struct token *ret, struct err *err);

#endif
