/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - a connection whose both ends prove who they are (only user of OpenSSL's libssl)
 *
 * TLS 1.3, a certificate on each side, signed by the given authority; the
 * client also checks that the server's names what it asked for.
 */
#ifndef SKERRY_MIGRATE_TLS_H
#define SKERRY_MIGRATE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct tls_files {
	const char *cert, *key, *ca; /* PEM; all of them */
};
struct tls;

/* The handshake, on a connected socket that blocks; server_name NULL: we are the server.  Owns
 * fd from here on when it succeeds. */
struct tls *tls_begin(int fd, const struct tls_files *files, const char *server_name,
		      struct err *err);
void tls_free(struct tls *t);
/* As read(2) and write(2) on a descriptor that doesn't block. */
ssize_t tls_read(struct tls *t, void *data, size_t size);
ssize_t tls_write(struct tls *t, const void *data, size_t size);
bool tls_pending(const struct tls *t);

/* A TCP connection to "HOST:PORT", and a socket that listens at "ADDRESS:PORT"; -1. */
int tls_connect(const char *address, char *host, size_t size, struct err *err);
int tls_listen(const char *address, struct err *err);

#endif
