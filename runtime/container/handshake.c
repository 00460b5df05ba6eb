/* SPDX-License-Identifier: Apache-2.0 */
/* handshake.c - what the runtime and the init of a container say to each other
 *
 * unix(7), SOCK_SEQPACKET: a message arrives whole or not at all, and the
 * death of the other side is an end of file.
 */
#include "runtime/container/handshake.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

int handshake_open(int ret_pair[2], struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_pair) < 0)
		return err_sys(err, "socketpair");
	return 0;
}

int handshake_send(int sock, enum message_type type, pid_t pid, int fd, struct err *err)
{
	struct message m = { .type = type, .pid = pid };

	if (fd_send(sock, &m, offsetof(struct message, err), &fd, fd >= 0 ? 1 : 0) < 0)
		return err_sys(err, "the runtime and its init can't talk");
	return 0;
}

void handshake_fail(int sock, const struct err *err)
{
	struct message m = { .type = MESSAGE_FAILED };

	memcpy(&m.err, err, sizeof(m.err));
	(void)fd_send(sock, &m, sizeof(m), NULL, 0);
}

static int check_size(const struct message *m, ssize_t n)
{
	size_t want = m->type == MESSAGE_FAILED ? sizeof(*m) : offsetof(struct message, err);

	return n >= (ssize_t)sizeof(m->type) && (size_t)n == want ? 0 : -1;
}

int handshake_receive(int sock, struct message *ret, int *ret_fd, struct err *err)
{
	size_t n_fds = 0;
	AUTO_FD fd = -1;
	ssize_t n = fd_receive(sock, ret, sizeof(*ret), &fd, 1, &n_fds);

	/* Said once when the other end closed with something unread; its last words come after that. */
	if (n < 0 && errno == ECONNRESET)
		n = fd_receive(sock, ret, sizeof(*ret), &fd, 1, &n_fds);
	if (ret_fd)
		*ret_fd = -1;
	if (n < 0 && errno != ECONNRESET)
		return err_sys(err, "the runtime and its init can't talk");
	if (n <= 0) {
		ret->type = MESSAGE_END;
		return 0;
	}
	if (check_size(ret, n) < 0)
		return err_set(err, EPROTO, "the runtime and its init can't talk: bad message");
	if (ret->type == MESSAGE_FAILED) {
		err_received(&ret->err);
		if (err)
			*err = ret->err;
		return -1;
	}
	if (ret_fd)
		*ret_fd = fd_take(&fd);
	return 0;
}

int handshake_expect(int sock, enum message_type type, int *ret_fd, struct err *err)
{
	struct message m;

	if (handshake_receive(sock, &m, ret_fd, err) < 0)
		return -1;
	if (m.type == type)
		return 0;
	if (ret_fd)
		*ret_fd = fd_close(*ret_fd);
	if (m.type == MESSAGE_END)
		return err_set(err, ECHILD, "the container's init was killed while it was set up");
	return err_set(err, EPROTO, "the runtime and its init can't talk: message %d, not %d",
		       (int)m.type, (int)type);
}
