/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c - the container's terminal, and the caller's
 *
 * The pair comes from the devpts the container will see, and nothing under
 * /dev is believed: the directory is checked to be the top of a devpts, its
 * "ptmx" is opened without crossing a mount or a link and checked to be device
 * 5:2, and the slave is taken from the master by TIOCGPTPEER, never by its
 * name.  /dev/console is bound by descriptor, and a link there is refused
 * (CVE-2025-52565).
 * runtime-spec config.md "process.terminal"; the kernel's
 * Documentation/filesystems/devpts.rst; ioctl_tty(2), open_tree(2).
 */
#include "runtime/isolate/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/buf.h"
#include "base/fd.h"

#ifndef TIOCGPTPEER
# define TIOCGPTPEER _IO('T', 0x41)
#endif
#define PTMX_MAJOR 5
#define PTMX_MINOR 2
#define PTMX_INODE 2

static int ptmx_open(int root_fd, struct err *err)
{
	struct open_how how = {
		.flags = O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_SYMLINKS,
	};
	struct stat st;
	AUTO_FD master = -1;
	AUTO_FD pts = beneath_open(root_fd, "/dev/pts", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0);

	if (pts < 0)
		return err_sys(err, "open the container's \"/dev/pts\"");
	if (!beneath_is_fs(pts, DEVPTS_SUPER_MAGIC))
		return err_set(err, EINVAL, "the container's \"/dev/pts\" is not a devpts");
	master = (int)syscall(SYS_openat2, pts, "ptmx", &how, sizeof(how));
	if (master < 0)
		return err_sys(err, "open the container's \"/dev/pts/ptmx\"");
	if (fstat(master, &st) < 0)
		return err_sys(err, "stat the container's \"/dev/pts/ptmx\"");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(PTMX_MAJOR, PTMX_MINOR) ||
	    st.st_ino != PTMX_INODE)
		return err_set(err, EINVAL, "the container's \"/dev/pts/ptmx\" is not one");
	return fd_take(&master);
}

int terminal_open(int root_fd, const struct terminal_options *options, int *ret_master,
		  int *ret_slave, struct err *err)
{
	int unlock = 0;
	AUTO_FD slave = -1;
	AUTO_FD master = ptmx_open(root_fd, err);

	if (master < 0)
		return -1;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(err, "unlock the terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(err, "open the terminal's slave");
	if (options->size != NULL) {
		struct winsize size = {
			.ws_row = (unsigned short)options->size->height,
			.ws_col = (unsigned short)options->size->width,
		};

		if (ioctl(slave, TIOCSWINSZ, &size) < 0)
			return err_sys(err, "set the terminal's size");
	}
	if ((options->uid != 0 || options->gid != UINT32_MAX) &&
	    fchown(slave, options->uid, options->gid) < 0)
		return err_sys(err, "give the terminal to user %u", options->uid);
	*ret_master = fd_take(&master);
	*ret_slave = fd_take(&slave);
	return 0;
}

int terminal_make_controlling(int slave, struct err *err)
{
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return err_sys(err, "make the terminal the controlling one");
	for (int fd = 0; fd <= 2; fd++) {
		if (dup2(slave, fd) < 0)
			return err_sys(err, "make the terminal descriptor %d", fd);
	}
	return 0;
}

/* A mount target: made, or there already and neither link nor directory nor pipe. */
static int console_target(int dev, struct err *err)
{
	struct stat st;
	AUTO_FD fd =
		openat(dev, "console", O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		return err_sys(err, "make the container's \"/dev/console\"");
	if (fd < 0)
		fd = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open the container's \"/dev/console\"");
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_set(err, EINVAL,
			       "the container's \"/dev/console\" is neither a file nor a device");
	return fd_take(&fd);
}

int terminal_bind_console(int root_fd, int slave, struct err *err)
{
	AUTO_FD target = -1;
	AUTO_FD tree = -1;
	AUTO_FD dev = beneath_open(root_fd, "/dev", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0);

	if (dev < 0)
		return err_sys(err, "open the container's \"/dev\"");
	target = console_target(dev, err);
	if (target < 0)
		return -1;
	tree = (int)syscall(SYS_open_tree, slave, "",
			    AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_sys(err, "take the terminal for \"/dev/console\"");
	if (syscall(SYS_move_mount, tree, "", target, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, "mount the terminal at \"/dev/console\"");
	return 0;
}

/* --- the caller's side ----------------------------------------------------------- */

int terminal_connect_socket(const char *path, struct err *err)
{
	int fd = fd_connect_unix(path);

	if (fd < 0)
		return err_sys(err, "connect to console socket \"%s\"", path);
	return fd;
}

int terminal_send_master(int sock, int master, struct err *err)
{
	char name[32];
	unsigned int n;

	/* receivers show the name and use the descriptor */
	if (ioctl(master, TIOCGPTN, &n) < 0)
		return err_sys(err, "number of the terminal");
	if (str_format(name, sizeof(name), "/dev/pts/%u", n) < 0)
		return err_sys(err, "name of the terminal");
	if (fd_send(sock, name, strlen(name), &master, 1) < 0)
		return err_sys(err, "send the terminal to the console socket");
	return 0;
}

int terminal_raw(int fd, struct termios *ret_saved, struct err *err)
{
	struct termios now, raw;

	if (tcgetattr(fd, &now) < 0)
		return err_sys(err, "read the terminal's settings");
	raw = now;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSANOW, &raw) < 0)
		return err_sys(err, "make the terminal raw");
	*ret_saved = now;
	return 0;
}

void terminal_restore(int fd, const struct termios *saved)
{
	/* nothing can be done about a terminal that went away */
	(void)tcsetattr(fd, TCSANOW, saved);
}

void terminal_copy_size(int from, int to)
{
	struct winsize size;

	if (ioctl(from, TIOCGWINSZ, &size) == 0)
		(void)ioctl(to, TIOCSWINSZ, &size);
}
