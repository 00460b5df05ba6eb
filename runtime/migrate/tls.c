/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - a connection whose both ends prove who they are
 *
 * SSL_CTX_new(3ssl), SSL_get_error(3ssl), SSL_set1_host(3ssl).
 */
#include "runtime/migrate/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define BACKLOG	    16
#define HANDSHAKE_S 20
#define KEEP_IDLE_S 5
#define KEEP_TRIES  4

struct tls {
	SSL_CTX *context;
	SSL *ssl;
};

static int failed(struct err *err, const char *what)
{
	const unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return err_set(err, EPROTO, "%s: %s", what, reason ? reason : "the connection ended");
}

static int set_up(struct tls *t, const struct tls_files *f, bool server, struct err *err)
{
	t->context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (!t->context || SSL_CTX_set_min_proto_version(t->context, TLS1_3_VERSION) != 1)
		return failed(err, "TLS");
	if (SSL_CTX_use_certificate_chain_file(t->context, f->cert) != 1)
		return failed(err, f->cert);
	if (SSL_CTX_use_PrivateKey_file(t->context, f->key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(t->context) != 1)
		return failed(err, f->key);
	if (SSL_CTX_load_verify_file(t->context, f->ca) != 1)
		return failed(err, f->ca);
	SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	(void)SSL_CTX_set_mode(t->context,
			       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return 0;
}

/* A name of the certificate has to be the host's; an address counts as one. */
static int expect_name(SSL *ssl, const char *name)
{
	unsigned char raw[sizeof(struct in6_addr)];
	char copy[256]; /* the macro below casts const away */

	if (inet_pton(AF_INET, name, raw) == 1 || inet_pton(AF_INET6, name, raw) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	if (str_copy(copy, sizeof(copy), name) < 0 || SSL_set_tlsext_host_name(ssl, copy) != 1)
		return 0;
	return SSL_set1_host(ssl, name);
}

static int shake_hands(struct tls *t, const char *name, struct err *err)
{
	long verdict;
	int rc = name ? SSL_connect(t->ssl) : SSL_accept(t->ssl);

	if (rc == 1)
		return 0;
	verdict = SSL_get_verify_result(t->ssl);
	if (verdict != X509_V_OK)
		return err_set(err, EACCES, "the other side's certificate: %s",
			       X509_verify_cert_error_string(verdict));
	return failed(err, "TLS handshake");
}

struct tls *tls_begin(int fd, const struct tls_files *files, const char *server_name,
		      struct err *err)
{
	const struct timeval limit = { .tv_sec = HANDSHAKE_S }, none = { 0 };
	struct tls *t = calloc(1, sizeof(*t));

	if (!t) {
		err_set_(err, ENOMEM, "out of memory");
		return NULL;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (set_up(t, files, !server_name, err) < 0)
		goto fail;
	t->ssl = SSL_new(t->context);
	if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1 ||
	    (server_name && expect_name(t->ssl, server_name) != 1)) {
		(void)failed(err, "TLS");
		goto fail;
	}
	if (shake_hands(t, server_name, err) < 0)
		goto fail;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	return t;
fail:
	tls_free(t);
	return NULL;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	if (t->ssl)
		(void)SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	SSL_CTX_free(t->context);
	free(t);
}

/* What SSL_get_error(3ssl) says, as errno. */
static ssize_t result(struct tls *t, int rc)
{
	if (rc > 0)
		return rc;
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		break;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		if (!errno)
			return 0;
		break;
	default:
		errno = EPROTO;
	}
	ERR_clear_error();
	return -1;
}

ssize_t tls_read(struct tls *t, void *data, size_t size)
{
	errno = 0;
	return result(t, SSL_read(t->ssl, data, size > INT32_MAX ? INT32_MAX : (int)size));
}

ssize_t tls_write(struct tls *t, const void *data, size_t size)
{
	ssize_t n;

	errno = 0;
	n = result(t, SSL_write(t->ssl, data, size > INT32_MAX ? INT32_MAX : (int)size));
	if (n == 0) {
		errno = EPIPE;
		return -1;
	}
	return n;
}

bool tls_pending(const struct tls *t)
{
	return SSL_has_pending(t->ssl) == 1;
}

/* "HOST:PORT", "[ADDRESS]:PORT" */
static int split(const char *text, char *host, size_t size, const char **ret_port, struct err *err)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (!colon || !colon[1] || str_format(host, size, "%.*s", (int)n, text) < 0)
		return err_set(err, EINVAL, "\"%s\" is not HOST:PORT", text);
	*ret_port = colon + 1;
	return 0;
}

static struct addrinfo *look_up(const char *text, char *host, size_t size, int flags,
				struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags };
	struct addrinfo *list = NULL;
	const char *port;
	int rc;

	if (split(text, host, size, &port, err) < 0)
		return NULL;
	rc = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
	if (rc != 0)
		err_set_(err, EHOSTUNREACH, "\"%s\": %s", text, gai_strerror(rc));
	return rc ? NULL : list;
}

/* A dead peer is noticed although nothing is sent. */
static void keep_alive(int fd)
{
	const int on = 1, idle = KEEP_IDLE_S, tries = KEEP_TRIES;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof(tries));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int tls_connect(const char *address, char *host, size_t size, struct err *err)
{
	struct addrinfo *list = look_up(address, host, size, 0, err);
	int fd = -1, code = EHOSTUNREACH;

	if (!list)
		return -1;
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
			code = errno;
			fd = fd_close(fd);
		}
	}
	freeaddrinfo(list);
	if (fd < 0)
		return err_set(err, code, "connect to \"%s\": %s", address, strerrordesc_np(code));
	keep_alive(fd);
	return fd;
}

int tls_listen(const char *address, struct err *err)
{
	char host[256];
	struct addrinfo *list = look_up(address, host, sizeof(host), AI_PASSIVE, err);
	const int on = 1;
	int fd;

	if (!list)
		return -1;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		(void)err_sys(err, "listen at \"%s\"", address);
		fd = fd_close(fd);
	}
	freeaddrinfo(list);
	return fd;
}
