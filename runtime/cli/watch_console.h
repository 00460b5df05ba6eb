/* SPDX-License-Identifier: Apache-2.0 */
/* watch_console.h - the terminal of a detached container: into its log, and to who is attached
 *
 * Programs attach by the stream socket `attach` of the bundle.  They get what
 * the terminal shows, as it is, and send frames: a type, the length of what
 * follows as two bytes (the lower first), that many bytes.
 */
#ifndef SKERRY_CLI_WATCH_CONSOLE_H
#define SKERRY_CLI_WATCH_CONSOLE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum console_frame { CONSOLE_INPUT, CONSOLE_SIZE };
#define CONSOLE_HEAD	 3
#define CONSOLE_DATA_MAX 1024
#define CONSOLE_SOCKET	 "attach"
/* CONSOLE_SIZE's bytes */
struct console_size {
	uint16_t rows, columns;
};

#define CONSOLE_CLIENTS 8
#define CONSOLE_POLLS	(2 + CONSOLE_CLIENTS)

struct console_client {
	int fd;
	size_t n;
	unsigned char frame[CONSOLE_HEAD + CONSOLE_DATA_MAX];
};

struct console {
	int master, listener, log;
	struct console_client clients[CONSOLE_CLIENTS];
	unsigned char input[CONSOLE_DATA_MAX]; /* that the terminal couldn't take yet */
	size_t n_input;
};

void console_init(struct console *c, int log);
/* The socket in the bundle; one that a dead process left is replaced. */
int console_listen(struct console *c, const char *bundle, struct err *err);
/* The terminal of a container that begins; it belongs to the console from now on. */
void console_begin(struct console *c, int master);
/* What it still had to say, then the terminal is closed. */
void console_end(struct console *c);
void console_release(struct console *c);
/* CONSOLE_POLLS entries for poll(2), and what it said. */
void console_polls(const struct console *c, struct pollfd *p);
void console_move(struct console *c, const struct pollfd *p);

#endif
