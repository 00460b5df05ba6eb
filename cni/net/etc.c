/* SPDX-License-Identifier: Apache-2.0 */
/* etc.c - the files of a container that tell of its network */
#include "cni/net/etc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

#define RESOLV_MAX  ((size_t)64 << 10)
#define SERVERS_MAX 3 /* MAXNS of resolv.h */

/* The container's first own address names it; "host-gateway" is the host's in its network. */
static const struct result_ip *first_ip(const struct etc *e, bool with_gateway)
{
	for (size_t i = 0; i < e->n; i++)
		for (size_t k = 0; k < e->results[i].n_ips; k++)
			if (!with_gateway || !ip_is_none(&e->results[i].ips[k].gateway))
				return &e->results[i].ips[k];
	return NULL;
}

static void write_names(const struct request *r, size_t network, struct buf *out)
{
	if (r->hostname[0])
		buf_printf(out, "\t%s", r->hostname);
	if (strcmp(r->hostname, r->id) != 0)
		buf_printf(out, "%c%s", r->hostname[0] ? ' ' : '\t', r->id);
	for (size_t i = 0; network < r->n && i < r->networks[network].aliases.n; i++)
		buf_printf(out, " %s", r->networks[network].aliases.v[i]);
	buf_putc(out, '\n');
}

void etc_hosts(const struct etc *e, struct buf *out)
{
	const struct result_ip *host = first_ip(e, true);
	const struct request *r = e->request;
	char text[IP_TEXT_MAX];

	buf_puts(out, "127.0.0.1\tlocalhost\n"
		      "::1\tlocalhost ip6-localhost ip6-loopback\n"
		      "fe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n"
		      "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
	for (size_t i = 0; i < r->hosts.n; i++) {
		const char *colon = strchr(r->hosts.v[i], ':');
		const char *address = colon + 1;

		if (strcmp(address, "host-gateway") == 0)
			address = host ? ip_format(&host->gateway, text) : "127.0.0.1";
		buf_printf(out, "%s\t%.*s\n", address, (int)(colon - r->hosts.v[i]), r->hosts.v[i]);
	}
	if (!first_ip(e, false)) {
		buf_puts(out, "127.0.0.1");
		write_names(r, r->n, out);
	}
	for (size_t i = 0; i < e->n; i++) {
		for (size_t k = 0; k < e->results[i].n_ips; k++) {
			buf_puts(out, ip_format(&e->results[i].ips[k].address.ip, text));
			write_names(r, i, out);
		}
	}
}

/* 127.0.0.53 of the host is nobody in the container. */
static bool is_loopback(const char *address)
{
	return str_starts(address, "127.") || strcmp(address, "::1") == 0;
}

static void write_words(const char *key, const struct strings *words, struct buf *out)
{
	if (words->n == 0)
		return;
	buf_puts(out, key);
	for (size_t i = 0; i < words->n; i++)
		buf_printf(out, " %s", words->v[i]);
	buf_putc(out, '\n');
}

static bool is_kept(const struct etc *e, const char *line)
{
	if (str_starts(line, "search") || str_starts(line, "domain"))
		return e->request->search.n == 0;
	return str_starts(line, "options") && e->request->options.n == 0;
}

/* One line of the host's file, where nothing was asked for instead. */
static void copy_line(const struct etc *e, const char *line, size_t len, size_t *servers,
		      struct buf *out)
{
	bool server = str_starts(line, "nameserver");
	char address[IP_TEXT_MAX];
	size_t skip;

	if (server) {
		skip = strlen("nameserver") + strspn(line + strlen("nameserver"), " \t");
		len -= skip;
		while (len && strchr(" \t\r", line[skip + len - 1]))
			len--;
		if (e->resolver || e->request->dns.n || len >= sizeof(address) ||
		    *servers >= SERVERS_MAX)
			return;
		memcpy(address, line + skip, len);
		address[len] = '\0';
		if (is_loopback(address) && !e->of_host)
			return;
		buf_printf(out, "nameserver %s\n", address);
		(*servers)++;
	} else if (is_kept(e, line)) {
		buf_printf(out, "%.*s\n", (int)len, line);
	}
}

static void write_servers(const struct etc *e, size_t *servers, struct buf *out)
{
	const struct strings *own = &e->request->dns;

	if (e->resolver && own->n == 0) {
		buf_printf(out, "nameserver %s\n", e->resolver);
		(*servers)++;
	}
	for (size_t i = 0; i < own->n && *servers < SERVERS_MAX; i++, (*servers)++)
		buf_printf(out, "nameserver %s\n", own->v[i]);
	for (size_t i = 0; i < e->n && own->n == 0 && !e->resolver; i++) {
		const struct strings *given = &e->results[i].dns.nameservers;

		for (size_t k = 0; k < given->n && *servers < SERVERS_MAX; k++, (*servers)++)
			buf_printf(out, "nameserver %s\n", given->v[k]);
	}
}

void etc_resolv(const struct etc *e, const char *host, struct buf *out)
{
	size_t servers = 0;

	write_words("search", &e->request->search, out);
	write_servers(e, &servers, out);
	/* what the network or the user has named stands for all of the host's servers */
	if (servers)
		servers = SERVERS_MAX;
	for (const char *line = host; line && *line;) {
		size_t len = strcspn(line, "\n");

		copy_line(e, line, len, &servers, out);
		line += len + (line[len] == '\n');
	}
	write_words("options", &e->request->options, out);
}

/* In place: it is mounted already. */
static int write_file(int dir, const char *name, const struct buf *text, struct err *err)
{
	AUTO_FD fd = openat(dir, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);

	if (buf_failed(text))
		return err_set(err, ENOMEM, "write \"%s\": out of memory", name);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fd_write_full(fd, text->s, text->len) < 0)
		return err_sys(err, "write \"%s\"", name);
	return 0;
}

int etc_write(const struct etc *e, int dir, struct err *err)
{
	AUTO_BUF host;
	AUTO_BUF text;

	buf_init(&host);
	buf_init(&text);
	/* a host without one has no servers either */
	(void)file_read(AT_FDCWD, "/etc/resolv.conf", &host, RESOLV_MAX, true);
	etc_hosts(e, &text);
	if (write_file(dir, "hosts", &text, err) < 0)
		return -1;
	buf_clear(&text);
	etc_resolv(e, host.s, &text);
	if (write_file(dir, "resolv.conf", &text, err) < 0)
		return -1;
	buf_clear(&text);
	buf_printf(&text, "%s\n", e->request->hostname[0] ? e->request->hostname : e->request->id);
	return write_file(dir, "hostname", &text, err);
}
