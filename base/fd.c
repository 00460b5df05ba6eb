/* SPDX-License-Identifier: Apache-2.0 */
/* fd.c - descriptors: ownership, whole reads and writes, passing over sockets
 *
 * Nothing here allocates: the container's init uses it too.
 * close_range(2), unix(7), cmsg(3), getdents64(2).
 */
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/units.h"

/* linux/close_range.h, since 5.11 */
#ifndef CLOSE_RANGE_CLOEXEC
# define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* The kernel's SCM_MAX_FD: no message holds more. */
#define SCM_FDS_MAX 253

int fd_close(int fd)
{
	int saved = errno;

	/* No retry: after EINTR the descriptor is closed already (close(2), NOTES). */
	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return -1;
}

void fd_cleanup(int *fd)
{
	*fd = fd_close(*fd);
}

int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

ssize_t fd_read_full(int fd, void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int fd_write_full(int fd, const void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

int fd_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -1 : 0;
}

int fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -1 : 0;
}

static int close_one(int fd)
{
	(void)close(fd);
	return 0;
}

static int cloexec_one(int fd)
{
	return fd_set_cloexec(fd, true);
}

/* Calls each() for every descriptor from `first` up that /proc knows. */
static int walk_from(unsigned int first, int (*each)(int fd))
{
	_Alignas(struct dirent64) char entries[4096];
	AUTO_FD dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -1;
	for (;;) {
		ssize_t n = getdents64(dir, entries, sizeof(entries));
		ssize_t at = 0;

		if (n <= 0)
			return n < 0 ? -1 : 0;
		while (at < n) {
			const struct dirent64 *e = (const void *)(entries + at);
			uint64_t fd;

			at += e->d_reclen;
			if (units_u64(e->d_name, INT32_MAX, &fd) < 0)
				continue; /* "." and ".." */
			if (fd >= first && (int)fd != dir && each((int)fd) < 0)
				return -1;
		}
	}
}

int fd_close_from(unsigned int first)
{
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return 0;
	return walk_from(first, close_one);
}

int fd_cloexec_from(unsigned int first)
{
	/* Linux 5.10 has the call without the flag. */
	if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	return walk_from(first, cloexec_one);
}

int fd_ensure_stdio(void)
{
	struct pollfd stdio[3] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };
	int n;

	/* One call tells which of the three are closed. */
	do {
		n = poll(stdio, ARRAY_SIZE(stdio), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		int fd;

		if ((stdio[i].revents & POLLNVAL) == 0)
			continue;
		fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* the lowest free number: i */
		if (fd < 0 || fd_set_cloexec(fd, false) < 0)
			return -1;
	}
	return 0;
}

int fd_connect_unix(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_FD target = -1;
	AUTO_FD sock = -1;
	int status;

	if (str_copy(addr.sun_path, sizeof(addr.sun_path), path) < 0) {
		/* connect(2) follows the magic link to the socket itself. */
		target = open(path, O_PATH | O_CLOEXEC);
		if (target < 0 || str_format(addr.sun_path, sizeof(addr.sun_path),
					     "/proc/self/fd/%d", target) < 0)
			return -1;
	}
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -1;
	do {
		status = connect(sock, (const struct sockaddr *)&addr, sizeof(addr));
	} while (status < 0 && errno == EINTR);
	if (status < 0)
		return -1;
	return fd_take(&sock);
}

int fd_send(int sock, const void *data, size_t size, const int *fds, size_t n_fds)
{
	union {
		char space[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (size == 0 || n_fds > FD_PASS_MAX) {
		errno = EINVAL;
		return -1;
	}
	memcpy(&iov.iov_base, &data, sizeof(data)); /* sendmsg(2) doesn't write to it */
	if (n_fds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	/* A stream socket may take less; the descriptors went with the first bytes. */
	while ((size_t)n < size) {
		ssize_t more = send(sock, (const char *)data + n, size - (size_t)n, MSG_NOSIGNAL);

		if (more < 0 && errno != EINTR)
			return -1;
		if (more > 0)
			n += more;
	}
	return 0;
}

/* Moves the descriptors of one control message into fds; the surplus is closed. */
static size_t take_rights(const struct cmsghdr *c, int *fds, size_t max_fds, size_t n)
{
	size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (n < max_fds)
			fds[n++] = fd;
		else
			(void)fd_close(fd);
	}
	return n;
}

ssize_t fd_receive(int sock, void *data, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds)
{
	union {
		char space[CMSG_SPACE(SCM_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	size_t n_fds = 0;
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			n_fds = take_rights(c, fds, max_fds, n_fds);
	}
	if (msg.msg_flags & MSG_CTRUNC) {
		while (n_fds > 0)
			(void)fd_close(fds[--n_fds]);
		errno = EMFILE; /* the kernel could not give us all of them */
		return -1;
	}
	if (ret_n_fds)
		*ret_n_fds = n_fds;
	return n;
}
