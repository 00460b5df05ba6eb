/* SPDX-License-Identifier: Apache-2.0 */
/* bus.c - a call over D-Bus, for a program that has no library for it
 *
 * Everything in a message is aligned to its own size, counted from the
 * message's beginning.  The other side's byte order is its own choice.
 * D-Bus specification "Marshaling (Wire Format)"; sd-bus(3), dbus-daemon(1).
 */
#include "cni/plugins/firewall/bus.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"

#define STANDARD_SOCKET	 "/run/dbus/system_bus_socket"
#define ADDRESS_VARIABLE "DBUS_SYSTEM_BUS_ADDRESS"
#define ADDRESS_PREFIX	 "unix:path="
#define WAIT_S		 25 /* as long as the libraries wait */
#define LINE_MAX_BYTES	 512
#define VERSION		 1
#define TYPE_CALL	 1
#define TYPE_RETURN	 2
#define TYPE_ERROR	 3
#define NO_AUTO_START	 2
#define FIELD_PATH	 1
#define FIELD_INTERFACE	 2
#define FIELD_MEMBER	 3
#define FIELD_ERROR	 4
#define FIELD_ANSWERS	 5
#define FIELD_TO	 6
#define FIELD_SIGNATURE	 8
#define FIELDS_AT	 12 /* the length of the fields */
#define ANSWERS_MAX	 64 /* messages that aren't the answer */

/* --- out ---------------------------------------------------------------------------------- */

static void pad(struct buf *b, size_t start, size_t to)
{
	while ((b->len - start) % to != 0)
		buf_putc(b, '\0');
}

static void put_u32(struct buf *b, size_t start, uint32_t v)
{
	const uint32_t little = htole32(v);

	pad(b, start, sizeof(little));
	buf_add(b, &little, sizeof(little));
}

static void put_text(struct buf *b, size_t start, const char *text)
{
	put_u32(b, start, (uint32_t)strlen(text));
	buf_add(b, text, strlen(text) + 1);
}

static void put_signature(struct buf *b, const char *text)
{
	buf_putc(b, (char)strlen(text));
	buf_add(b, text, strlen(text) + 1);
}

static void put_field(struct buf *b, size_t start, int code, const char *type, const char *text)
{
	pad(b, start, 8);
	buf_putc(b, (char)code);
	put_signature(b, type);
	if (type[0] == 'g')
		put_signature(b, text);
	else
		put_text(b, start, text);
}

/* A length that is known when what it counts is there. */
static void set_u32(struct buf *b, size_t at, size_t v)
{
	const uint32_t little = htole32((uint32_t)v);

	if (!buf_failed(b))
		memcpy(b->s + at, &little, sizeof(little));
}

void bus_format(struct buf *b, const struct bus_call *call, uint32_t serial)
{
	const size_t n = !call->args[0] ? 0 : call->args[1] ? 2 : 1;
	const char fixed[] = { 'l', TYPE_CALL, NO_AUTO_START, VERSION };
	const size_t start = b->len;
	size_t body;

	buf_add(b, fixed, sizeof(fixed));
	put_u32(b, start, 0);
	put_u32(b, start, serial);
	put_u32(b, start, 0);
	put_field(b, start, FIELD_PATH, "o", call->path);
	put_field(b, start, FIELD_INTERFACE, "s", call->interface);
	put_field(b, start, FIELD_MEMBER, "s", call->member);
	put_field(b, start, FIELD_TO, "s", call->destination);
	if (n > 0)
		put_field(b, start, FIELD_SIGNATURE, "g", n == 2 ? "ss" : "s");
	set_u32(b, start + FIELDS_AT, b->len - start - BUS_FIXED);
	pad(b, start, 8);
	body = b->len;
	for (size_t i = 0; i < n; i++)
		put_text(b, start, call->args[i]);
	set_u32(b, start + 4, b->len - body);
}

/* --- in ----------------------------------------------------------------------------------- */

struct reader {
	const uint8_t *data;
	size_t size, at;
	bool big;
};

static int skip_to(struct reader *r, size_t to)
{
	const size_t at = (r->at + to - 1) / to * to;

	if (at > r->size)
		return -1;
	r->at = at;
	return 0;
}

static int get_u32(struct reader *r, uint32_t *ret)
{
	uint32_t v;

	if (skip_to(r, sizeof(v)) < 0 || r->size - r->at < sizeof(v))
		return -1;
	memcpy(&v, r->data + r->at, sizeof(v));
	r->at += sizeof(v);
	*ret = r->big ? be32toh(v) : le32toh(v);
	return 0;
}

/* So many bytes and a NUL. */
static int get_bytes(struct reader *r, size_t len, const char **ret)
{
	const char *text = (const char *)r->data + r->at;

	if (r->size - r->at <= len || text[len] != '\0' || memchr(text, '\0', len))
		return -1;
	r->at += len + 1;
	*ret = text;
	return 0;
}

static int get_text(struct reader *r, const char **ret)
{
	uint32_t len;

	return get_u32(r, &len) < 0 ? -1 : get_bytes(r, len, ret);
}

static int get_signature(struct reader *r, const char **ret)
{
	size_t len;

	if (r->at >= r->size)
		return -1;
	len = r->data[r->at++];
	return get_bytes(r, len, ret);
}

/* The fields of the header have values of these types only. */
static int get_value(struct reader *r, char type, const char **ret_text, uint32_t *ret_number)
{
	switch (type) {
	case 's':
	case 'o':
		return get_text(r, ret_text);
	case 'g':
		return get_signature(r, ret_text);
	case 'u':
		return get_u32(r, ret_number);
	default:
		return -1;
	}
}

static void copy_cut(char dst[BUS_TEXT_MAX], const char *src)
{
	(void)snprintf(dst, BUS_TEXT_MAX, "%s", src); /* cut: for messages and known words */
}

static int get_fields(struct reader *r, size_t end, struct bus_message *ret, const char **signature)
{
	while (r->at < end) {
		const char *type, *text = "";
		uint32_t number = 0;
		uint8_t code;

		if (skip_to(r, 8) < 0 || r->at >= end)
			return -1;
		code = r->data[r->at++];
		if (get_signature(r, &type) < 0 || strlen(type) != 1 ||
		    get_value(r, type[0], &text, &number) < 0 || r->at > end)
			return -1;
		if (code == FIELD_ERROR && type[0] == 's')
			copy_cut(ret->error, text);
		else if (code == FIELD_ANSWERS && type[0] == 'u')
			ret->answers = number;
		else if (code == FIELD_SIGNATURE && type[0] == 'g')
			*signature = text;
	}
	return 0;
}

ssize_t bus_length(const uint8_t fixed[BUS_FIXED])
{
	struct reader r = { .data = fixed, .size = BUS_FIXED, .at = 4, .big = fixed[0] == 'B' };
	uint32_t body, serial, fields;
	size_t size;

	if ((fixed[0] != 'l' && fixed[0] != 'B') || fixed[3] != VERSION || get_u32(&r, &body) < 0 ||
	    get_u32(&r, &serial) < 0 || get_u32(&r, &fields) < 0) {
		errno = EBADMSG;
		return -1;
	}
	size = (BUS_FIXED + (size_t)fields + 7) / 8 * 8 + body;
	if (size > BUS_MESSAGE_MAX) {
		errno = EFBIG;
		return -1;
	}
	return (ssize_t)size;
}

int bus_parse(const uint8_t *data, size_t size, struct bus_message *ret)
{
	struct reader r = { .data = data, .size = size, .at = FIELDS_AT };
	const char *signature = "", *text;
	uint32_t fields, number;

	memset(ret, 0, sizeof(*ret));
	if (size < BUS_FIXED || bus_length(data) != (ssize_t)size)
		return -1;
	r.big = data[0] == 'B';
	if (get_u32(&r, &fields) < 0 || get_fields(&r, BUS_FIXED + fields, ret, &signature) < 0 ||
	    skip_to(&r, 8) < 0)
		return -1;
	ret->kind = data[1] == TYPE_RETURN  ? BUS_RETURN
		    : data[1] == TYPE_ERROR ? BUS_ERROR
					    : BUS_OTHER;
	if (signature[0] == 's') {
		if (get_text(&r, &text) < 0)
			return -1;
		copy_cut(ret->text, text);
	} else if (signature[0] == 'b') {
		if (get_u32(&r, &number) < 0)
			return -1;
		ret->yes = number != 0;
	}
	return 0;
}

/* --- the connection ------------------------------------------------------------------------ */

static int read_line(int fd, char line[LINE_MAX_BYTES], struct err *err)
{
	for (size_t n = 0; n < LINE_MAX_BYTES - 1; n++) {
		const ssize_t got = fd_read_full(fd, &line[n], 1);

		if (got < 0)
			return err_sys(err, "read from the system bus");
		if (got == 0)
			return err_set(err, ECONNRESET, "the system bus hangs up");
		if (line[n] != '\n')
			continue;
		line[n] = '\0';
		return 0;
	}
	return err_set(err, EBADMSG, "the system bus says too much");
}

/* As whom the socket shows us anyway; the number's digits are written in hexadecimal. */
static int authenticate(int fd, struct err *err)
{
	char digits[16], line[LINE_MAX_BYTES];
	AUTO_BUF out;

	buf_init(&out);
	buf_putc(&out, '\0');
	buf_puts(&out, "AUTH EXTERNAL ");
	(void)snprintf(digits, sizeof(digits), "%u", (unsigned)geteuid());
	for (const char *p = digits; *p; p++)
		buf_printf(&out, "%02x", (unsigned char)*p);
	buf_puts(&out, "\r\n");
	if (buf_failed(&out) || fd_write_full(fd, out.s, out.len) < 0)
		return err_sys(err, "write to the system bus");
	if (read_line(fd, line, err) < 0)
		return -1;
	if (!str_starts(line, "OK "))
		return err_set(err, EACCES, "the system bus refuses us: %s", line);
	if (fd_write_full(fd, "BEGIN\r\n", 7) < 0)
		return err_sys(err, "write to the system bus");
	return 0;
}

int bus_open(struct bus *bus, struct err *err)
{
	static const struct bus_call hello = { .destination = "org.freedesktop.DBus",
					       .path = "/org/freedesktop/DBus",
					       .interface = "org.freedesktop.DBus",
					       .member = "Hello" };
	const struct timeval wait = { .tv_sec = WAIT_S };
	const char *address = getenv(ADDRESS_VARIABLE); /* NOLINT(concurrency-mt-unsafe) */
	char path[BUS_TEXT_MAX] = STANDARD_SOCKET;
	struct bus_message reply;

	*bus = (struct bus){ .fd = -1 };
	if (address && str_starts(address, ADDRESS_PREFIX)) {
		const char *rest = address + strlen(ADDRESS_PREFIX);

		if (str_format(path, sizeof(path), "%.*s", (int)strcspn(rest, ",;"), rest) < 0)
			return err_sys(err, "address of the system bus");
	}
	bus->fd = fd_connect_unix(path);
	if (bus->fd < 0)
		return err_sys(err, "system bus at \"%s\"", path);
	if (setsockopt(bus->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
	    setsockopt(bus->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0) {
		(void)err_sys(err, "system bus");
	} else if (authenticate(bus->fd, err) == 0 && bus_request(bus, &hello, &reply, err) == 0) {
		if (reply.kind == BUS_RETURN)
			return 0;
		(void)err_set(err, EACCES, "the system bus refuses us: %s", reply.text);
	}
	bus_close(bus);
	return -1;
}

void bus_close(struct bus *bus)
{
	bus->fd = fd_close(bus->fd);
}

static int receive(int fd, struct bus_message *ret, struct err *err)
{
	uint8_t fixed[BUS_FIXED];
	AUTO_BUF whole;
	ssize_t size, got = fd_read_full(fd, fixed, sizeof(fixed));

	buf_init(&whole);
	if (got < 0)
		return err_sys(err, "read from the system bus");
	if (got != (ssize_t)sizeof(fixed))
		return err_set(err, ECONNRESET, "the system bus hangs up");
	size = bus_length(fixed);
	if (size < 0)
		return err_sys(err, "message from the system bus");
	buf_add(&whole, fixed, sizeof(fixed));
	if (buf_reserve(&whole, (size_t)size) < 0 || buf_failed(&whole))
		return err_sys(err, "message from the system bus");
	got = fd_read_full(fd, whole.s + whole.len, (size_t)size - sizeof(fixed));
	if (got < 0)
		return err_sys(err, "read from the system bus");
	if (got != size - (ssize_t)sizeof(fixed))
		return err_set(err, ECONNRESET, "the system bus hangs up");
	if (bus_parse((const uint8_t *)whole.s, (size_t)size, ret) < 0)
		return err_set(err, EBADMSG, "message from the system bus: malformed");
	return 0;
}

int bus_request(struct bus *bus, const struct bus_call *call, struct bus_message *ret,
		struct err *err)
{
	const uint32_t serial = ++bus->serial;
	AUTO_BUF out;

	buf_init(&out);
	bus_format(&out, call, serial);
	if (buf_failed(&out))
		return err_set(err, ENOMEM, "system bus: no memory");
	if (fd_write_full(bus->fd, out.s, out.len) < 0)
		return err_sys(err, "write to the system bus");
	for (int i = 0; i < ANSWERS_MAX; i++) {
		if (receive(bus->fd, ret, err) < 0)
			return -1;
		if (ret->kind != BUS_OTHER && ret->answers == serial)
			return 0;
	}
	return err_set(err, EBADMSG, "system bus: no answer to \"%s\"", call->member);
}
