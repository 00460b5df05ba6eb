/* SPDX-License-Identifier: Apache-2.0 */
/* bus.h - a call over D-Bus, for a program that has no library for it
 *
 * The program is static and the libraries of D-Bus come as shared ones only, so
 * the little that is wanted is here: texts go out, a text or a boolean comes
 * back.  The parser is pure.
 * D-Bus specification "Message Protocol", "Authentication Protocol".
 */
#ifndef SKERRY_CNI_PLUGINS_FIREWALL_BUS_H
#define SKERRY_CNI_PLUGINS_FIREWALL_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#define BUS_TEXT_MAX	512
#define BUS_MESSAGE_MAX ((size_t)128 << 10)
#define BUS_FIXED	16 /* bytes of a message that say how long it is */

struct bus_call {
	const char *destination, *path, *interface, *member;
	const char *args[2]; /* texts; NULL: none */
};

enum bus_kind { BUS_OTHER, BUS_RETURN, BUS_ERROR };
struct bus_message {
	enum bus_kind kind;
	uint32_t answers; /* the serial of the call */
	char error[BUS_TEXT_MAX]; /* of BUS_ERROR: its name */
	char text[BUS_TEXT_MAX]; /* the first value, when that is a text; cut */
	bool yes; /* the first value, when that is a boolean */
};

/* Appends the call as a message. */
void bus_format(struct buf *b, const struct bus_call *call, uint32_t serial);
/* How long the message is that begins so, or -1 (EBADMSG, EFBIG). */
ssize_t bus_length(const uint8_t fixed[BUS_FIXED]);
/* A whole message: 0, or -1 when it is malformed. */
int bus_parse(const uint8_t *data, size_t size, struct bus_message *ret);

struct bus {
	int fd; /* -1: not open */
	uint32_t serial;
};
/* The system's bus: 0, or -1 with err (ENOENT, ECONNREFUSED: there is none). */
int bus_open(struct bus *bus, struct err *err);
void bus_close(struct bus *bus);
/* Calls and waits: 0 with what came back, an error from the other side being one of that, or -1. */
int bus_request(struct bus *bus, const struct bus_call *call, struct bus_message *ret,
		struct err *err);

#endif
