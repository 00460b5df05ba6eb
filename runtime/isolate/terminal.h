/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.h - the container's terminal, and the caller's
 *
 * runtime-spec config.md "process.terminal"; pts(4), ioctl_tty(2), devpts.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_TERMINAL_H
#define SKERRY_RUNTIME_ISOLATE_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "base/err.h"
#include "runtime/spec/spec.h"

struct terminal_options {
	const struct spec_box *size; /* or NULL */
	uint32_t uid, gid; /* owner of the slave in this user namespace; (uint32_t)-1: as
				      * devpts made it (its option gid=) */
};

/* A pair from the devpts mounted at /dev/pts beneath root_fd, both O_CLOEXEC.  Runs in init or exec,
 * with /dev made; needs CAP_CHOWN for an owner other than itself. */
int terminal_open(int root_fd, const struct terminal_options *options, int *ret_master,
		  int *ret_slave, struct err *err);

/* The slave becomes the controlling terminal and 0, 1, 2.  The caller has called setsid(2) and
 * closes slave.  Runs in init. */
int terminal_make_controlling(int slave, struct err *err);

/* The slave at /dev/console beneath root_fd.  Runs in init, before exec only; needs CAP_SYS_ADMIN. */
int terminal_bind_console(int root_fd, int slave, struct err *err);

/* Connects to a --console-socket; the descriptor.  Runs in the parent, early. */
int terminal_connect_socket(const char *path, struct err *err);

/* One message with the one descriptor. */
int terminal_send_master(int sock, int master, struct err *err);

/* Raw mode for the caller's terminal, remembering how it was; -1 also when fd is no terminal. */
int terminal_raw(int fd, struct termios *ret_saved, struct err *err);
void terminal_restore(int fd, const struct termios *saved);

/* Window size of one terminal to another; nothing if `from` is none. */
void terminal_copy_size(int from, int to);

#endif
