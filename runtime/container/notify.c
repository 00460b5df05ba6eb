/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c - sd_notify(3) from inside a container to the host's service manager
 *
 * The container gets a socket of its own, bound at /run/notify; whoever stays
 * (run in the foreground, or start until READY=1) passes each datagram on:
 * READY with MAINPID and a barrier, STATUS, WATCHDOG, RELOADING, STOPPING, ERRNO
 * and EXTEND_TIMEOUT_USEC as they are.  FDSTORE would hand descriptors of the
 * container to the host and is left out, like MAINPID from inside.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/container/runtime.h"

#define DATAGRAM_MAX	   4096
#define BARRIER_TIMEOUT_MS 30000

static const char *const passed_on[] = {
	"READY=1",    "STATUS=",	 "ERRNO=",
	"WATCHDOG=",  "WATCHDOG_USEC=",	 "RELOADING=1",
	"STOPPING=1", "MONOTONIC_USEC=", "EXTEND_TIMEOUT_USEC=",
};

/* bind(2) takes 108 bytes: the path goes through the directory's descriptor. */
int notify_open(const struct store_entry *e, const char *mount_label, struct err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	AUTO_FD dir = -1;
	AUTO_FD sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (mkdirat(e->dir, STORE_NOTIFY_DIR, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "make notify directory");
	dir = openat(e->dir, STORE_NOTIFY_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || sock < 0)
		return err_sys(err, "make notify socket");
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/notify.sock", dir);
	if (unlinkat(dir, "notify.sock", 0) < 0 && errno != ENOENT)
		return err_sys(err, "replace notify socket");
	if (bind(sock, (const struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    fchmodat(dir, "notify.sock", 0777, 0) < 0)
		return err_sys(err, "bind notify socket");
	if (mount_label &&
	    setxattr(sa.sun_path, "security.selinux", mount_label, strlen(mount_label), 0) < 0 &&
	    errno != ENOTSUP)
		return err_sys(err, "label notify socket");
	return fd_take(&sock);
}

static int host_address(const char *path, struct sockaddr_un *sa, socklen_t *len)
{
	size_t n = strlen(path);

	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n >= sizeof(sa->sun_path) || (path[0] != '/' && path[0] != '@'))
		return -1;
	memcpy(sa->sun_path, path, n);
	if (path[0] == '@')
		sa->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 0;
}

static int send_to(const char *path, const char *text, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct sockaddr_un sa;
	struct iovec iov = { .iov_len = strlen(text) };
	struct msghdr m = { .msg_name = &sa, .msg_iov = &iov, .msg_iovlen = 1 };
	AUTO_FD sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char copy[DATAGRAM_MAX];

	if (sock < 0 || host_address(path, &sa, &m.msg_namelen) < 0 ||
	    str_copy(copy, sizeof(copy), text) < 0)
		return -1;
	iov.iov_base = copy;
	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* sd_notify_barrier(3): the manager closes the pipe once it has seen all before. */
static void barrier(const char *path)
{
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return;
	if (send_to(path, "BARRIER=1", pipefd[1]) == 0) {
		struct pollfd p = { .fd = pipefd[0], .events = POLLHUP };

		(void)fd_close(pipefd[1]);
		pipefd[1] = -1;
		(void)poll(&p, 1, BARRIER_TIMEOUT_MS);
	}
	(void)fd_close(pipefd[0]);
	(void)fd_close(pipefd[1]);
}

static bool is_passed_on(const char *line, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		size_t n = strlen(passed_on[i]);

		if (len >= n && strncmp(line, passed_on[i], n) == 0 &&
		    (passed_on[i][n - 1] == '=' || len == n))
			return true;
	}
	return false;
}

int notify_relay(int sock, const char *host_socket, pid_t pid)
{
	char in[DATAGRAM_MAX], out[DATAGRAM_MAX + 64];
	size_t used = 0;
	bool ready = false;
	ssize_t n;

	do
		n = recv(sock, in, sizeof(in) - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	in[n] = '\0';
	out[0] = '\0';
	for (char *line = in; line && *line;) {
		char *end = strchr(line, '\n');
		size_t len = end ? (size_t)(end - line) : strlen(line);

		if (is_passed_on(line, len)) {
			ready |= str_starts(line, "READY=1");
			memcpy(out + used, line, len);
			used += len;
			out[used++] = '\n';
			out[used] = '\0';
		}
		line = end ? end + 1 : NULL;
	}
	if (ready)
		(void)snprintf(out + used, sizeof(out) - used, "MAINPID=%d\n", (int)pid);
	if (out[0])
		(void)send_to(host_socket, out, -1);
	if (ready)
		barrier(host_socket);
	return ready;
}

void notify_wait(int sock, const char *host_socket, pid_t pid, int pidfd)
{
	struct pollfd p[] = { { .fd = sock, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
	int rc;

	do {
		rc = poll(p, ARRAY_SIZE(p), -1);
		if (rc < 0 && errno != EINTR)
			return;
		/* What was said before the end still counts. */
		rc = rc > 0 && p[0].revents ? notify_relay(sock, host_socket, pid) : 0;
	} while (rc == 0 && (p[0].revents || !p[1].revents));
}
