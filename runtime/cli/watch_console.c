/* SPDX-License-Identifier: Apache-2.0 */
/* watch_console.c - the terminal of a detached container: into its log, and to who is attached
 *
 * Whoever is attached and doesn't read is let go: the container never waits for
 * anybody but the log.  Input that the terminal can't take yet is kept, and nothing
 * more is read from the clients meanwhile.
 *
 * pty(7), tty_ioctl(4), unix(7)
 */
#include "runtime/cli/watch_console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define PIECE	    16384
#define DRAIN_MS    20
#define DRAIN_TRIES 10
#define SEND_BYTES  (256 << 10) /* that a client may lag behind */

void console_init(struct console *c, int log)
{
	*c = (struct console){ .master = -1, .listener = -1, .log = log };
	for (size_t i = 0; i < CONSOLE_CLIENTS; i++)
		c->clients[i].fd = -1;
}

int console_listen(struct console *c, const char *bundle, struct err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	AUTO_FD dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (dir < 0 || fd < 0)
		return err_sys(err, "socket of the terminal");
	(void)unlinkat(dir, CONSOLE_SOCKET, 0);
	/* the bundle's path may be longer than a socket's */
	if (str_format(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/" CONSOLE_SOCKET, dir) <
	    0)
		return err_sys(err, "socket of the terminal");
	mode_t mask = umask(077);
	int rc = bind(fd, (const struct sockaddr *)&at, sizeof(at));
	(void)umask(mask);
	if (rc < 0 || listen(fd, CONSOLE_CLIENTS) < 0)
		return err_sys(err, "socket of the terminal");
	c->listener = fd_take(&fd);
	return 0;
}

void console_begin(struct console *c, int master)
{
	c->master = master;
	c->n_input = 0;
	(void)fd_set_nonblock(master, true);
}

static void drop_client(struct console_client *client)
{
	client->fd = fd_close(client->fd);
	client->n = 0;
}

/* A piece of what the terminal shows: the count, 0 when there is none now, -1 when there never will. */
static ssize_t move_output(struct console *c)
{
	char piece[PIECE];
	ssize_t n = read(c->master, piece, sizeof(piece));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	/* a full disk loses the log, not the container */
	(void)fd_write_full(c->log, piece, (size_t)n);
	for (size_t i = 0; i < CONSOLE_CLIENTS; i++) {
		struct console_client *client = &c->clients[i];
		if (client->fd >= 0 &&
		    send(client->fd, piece, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n)
			drop_client(client);
	}
	return n;
}

void console_end(struct console *c)
{
	if (c->master < 0)
		return;
	/* until the kernel says that nobody has the other end, or whoever still has it is patient */
	for (int tries = 0; tries < DRAIN_TRIES;) {
		struct pollfd more = { .fd = c->master, .events = POLLIN };
		ssize_t n = move_output(c);
		if (n < 0)
			break;
		if (n == 0) {
			(void)poll(&more, 1, DRAIN_MS);
			tries++;
		}
	}
	c->master = fd_close(c->master);
}

void console_release(struct console *c)
{
	console_end(c);
	for (size_t i = 0; i < CONSOLE_CLIENTS; i++)
		drop_client(&c->clients[i]);
	c->listener = fd_close(c->listener);
}

void console_polls(const struct console *c, struct pollfd *p)
{
	p[0] = (struct pollfd){ .fd = c->master, .events = c->n_input ? POLLIN | POLLOUT : POLLIN };
	p[1] = (struct pollfd){ .fd = c->listener, .events = POLLIN };
	for (size_t i = 0; i < CONSOLE_CLIENTS; i++)
		p[2 + i] = (struct pollfd){ .fd = c->n_input ? -1 : c->clients[i].fd,
					    .events = POLLIN };
}

static void take_client(struct console *c)
{
	const int bytes = SEND_BYTES;
	AUTO_FD fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	for (size_t i = 0; fd >= 0 && i < CONSOLE_CLIENTS; i++) {
		if (c->clients[i].fd >= 0)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
		c->clients[i].n = 0;
		c->clients[i].fd = fd_take(&fd);
	}
}

static void give_input(struct console *c)
{
	ssize_t n = write(c->master, c->input, c->n_input);
	if (n <= 0)
		return;
	c->n_input -= (size_t)n;
	memmove(c->input, c->input + n, c->n_input);
}

static void set_size(const struct console *c, const unsigned char *data, size_t size)
{
	struct console_size s;
	if (size != sizeof(s))
		return;
	memcpy(&s, data, sizeof(s));
	const struct winsize w = { .ws_row = s.rows, .ws_col = s.columns };
	if (c->master >= 0)
		(void)ioctl(c->master, TIOCSWINSZ, &w);
}

/* One whole frame; 0, or -1 when it is none. */
static int take_frame(struct console *c, const unsigned char *frame, size_t size)
{
	const unsigned char *data = frame + CONSOLE_HEAD;
	if (frame[0] == CONSOLE_SIZE) {
		set_size(c, data, size);
		return 0;
	}
	if (frame[0] != CONSOLE_INPUT)
		return -1;
	if (c->master < 0)
		return 0;
	memcpy(c->input, data, size);
	c->n_input = size;
	give_input(c);
	return 0;
}

static void move_client(struct console *c, struct console_client *client)
{
	size_t want = CONSOLE_HEAD;
	if (client->n >= CONSOLE_HEAD)
		want += client->frame[1] | (size_t)client->frame[2] << 8;
	if (want > sizeof(client->frame)) {
		drop_client(client);
		return;
	}
	if (want > client->n) {
		ssize_t n = read(client->fd, client->frame + client->n, want - client->n);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			drop_client(client);
			return;
		}
		client->n += n > 0 ? (size_t)n : 0;
	}
	if (client->n < CONSOLE_HEAD)
		return;
	want = CONSOLE_HEAD + (client->frame[1] | (size_t)client->frame[2] << 8);
	if (client->n < want)
		return;
	client->n = 0;
	if (want > sizeof(client->frame) || take_frame(c, client->frame, want - CONSOLE_HEAD) < 0)
		drop_client(client);
}

void console_move(struct console *c, const struct pollfd *p)
{
	if ((p[0].revents & POLLOUT) && c->n_input)
		give_input(c);
	/* nobody inside has it open any more */
	if (p[0].revents & (POLLIN | POLLHUP) && move_output(c) < 0)
		c->master = fd_close(c->master);
	if (p[1].revents & POLLIN)
		take_client(c);
	for (size_t i = 0; i < CONSOLE_CLIENTS; i++) {
		if (p[2 + i].revents && c->clients[i].fd == p[2 + i].fd)
			move_client(c, &c->clients[i]);
	}
}
