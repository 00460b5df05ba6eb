/* SPDX-License-Identifier: Apache-2.0 */
/* netns.c - network namespaces by descriptor
 *
 * /proc/sys/net is that of the process that opens it (proc_sys(5)), so its
 * files are opened during a visit; a socket belongs for ever to the namespace
 * it was made in.
 */
#include "cni/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "cni/netconf.h"

#define OWN_NETNS   "/proc/self/ns/net"
#define SYS_NET	    "/proc/sys/net/"
#define SYSCTL_PATH 256
#define VALUE_MAX   128

int netns_open(const char *path, struct err *err)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int type;

	if (fd < 0)
		return cni_err_sys(err, CNI_ERR_NETNS, "open network namespace \"%s\"", path);
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type != CLONE_NEWNET)
		return cni_err(err, CNI_ERR_NETNS, "\"%s\" is no network namespace", path);
	return fd_take(&fd);
}

int netns_identify(int fd, struct netns_id *ret, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat a network namespace");
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	return 0;
}

/* SIOCGSKNS: CAP_NET_ADMIN is needed for it, as for nearly all that is done with it. */
int netns_home(int sock, struct err *err)
{
	AUTO_FD own = sock < 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
	int fd = ioctl(sock < 0 ? own : sock, SIOCGSKNS);

	if (fd < 0)
		fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open \"%s\"", OWN_NETNS) : fd;
}

bool netns_same(int fd, int other)
{
	struct netns_id a, b;

	return netns_identify(fd, &a, NULL) == 0 && netns_identify(other, &b, NULL) == 0 &&
	       a.dev == b.dev && a.ino == b.ino;
}

/* There is no way on where we don't belong. */
static void go_home(int home)
{
	if (setns(home, CLONE_NEWNET) < 0)
		abort();
}

int netns_enter(int fd, int *ret_back, struct err *err)
{
	AUTO_FD back = netns_home(-1, err);

	if (back < 0)
		return -1;
	if (setns(fd, CLONE_NEWNET) < 0)
		return err_sys(err, "enter the network namespace");
	*ret_back = fd_take(&back);
	return 0;
}

void netns_leave(int back)
{
	go_home(back);
	(void)fd_close(back);
}

int netns_socket_from(int home, int fd, int domain, int type, int protocol, struct err *err)
{
	int made, code;

	if (setns(fd, CLONE_NEWNET) < 0)
		return err_sys(err, "enter the network namespace");
	made = socket(domain, type | SOCK_CLOEXEC, protocol);
	code = errno;
	go_home(home);
	errno = code;
	return made < 0 ? err_sys(err, "open a socket") : made;
}

int netns_socket(int fd, int domain, int type, int protocol, struct err *err)
{
	AUTO_FD home = -1;
	int made;

	if (fd >= 0) {
		home = netns_home(-1, err);
		return home < 0 ? -1 : netns_socket_from(home, fd, domain, type, protocol, err);
	}
	made = socket(domain, type | SOCK_CLOEXEC, protocol);
	return made < 0 ? err_sys(err, "open a socket") : made;
}

/* In the namespace where the process is. */
static int write_setting(const struct netns_setting *setting, struct err *err)
{
	char path[SYSCTL_PATH], now[VALUE_MAX];

	if (str_format(path, sizeof(path), SYS_NET "%s", setting->name) < 0)
		return err_sys(err, "path of setting \"%s\"", setting->name);
	if (setting->unlike && file_write_text(AT_FDCWD, path, setting->value) == 0)
		return 0;
	/* cheaper than a write, which for some takes the lock of all networking; and
	 * /proc/sys may be read-only where the value is right already */
	if (file_read_line(AT_FDCWD, path, now, sizeof(now)) >= 0 && str_eq(now, setting->value))
		return 0;
	if (file_write_text(AT_FDCWD, path, setting->value) == 0)
		return 0;
	if (setting->optional && errno == ENOENT)
		return 0;
	return err_sys(err, "write \"%s\" to \"%s\"", setting->value, path);
}

int netns_sysctls(int fd, const struct netns_setting *v, size_t n, struct err *err)
{
	int back = -1, result = 0;

	if (fd >= 0 && netns_enter(fd, &back, err) < 0)
		return -1;
	for (size_t i = 0; i < n && result == 0; i++)
		result = write_setting(&v[i], err);
	if (back >= 0)
		netns_leave(back);
	return result;
}

int netns_sysctl(int fd, const char *name, const char *value, struct err *err)
{
	const struct netns_setting setting = { .name = name, .value = value };

	return netns_sysctls(fd, &setting, 1, err);
}

ssize_t netns_sysctl_read(int fd, const char *name, char *dst, size_t size, struct err *err)
{
	char path[SYSCTL_PATH];
	int back = -1;
	ssize_t len;

	if (str_format(path, sizeof(path), SYS_NET "%s", name) < 0)
		return err_sys(err, "path of setting \"%s\"", name);
	if (fd >= 0 && netns_enter(fd, &back, err) < 0)
		return -1;
	len = file_read_line(AT_FDCWD, path, dst, size);
	if (back >= 0)
		netns_leave(back);
	if (len < 0)
		return err_sys(err, "read \"%s\"", path);
	return len;
}
