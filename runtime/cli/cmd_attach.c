/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_attach.c - skerry attach: the terminal of a detached container
 *
 * Connects to the process that watches the container (watch_console.h).
 * Ctrl-P Ctrl-Q lets go of it.
 *
 * termios(3), signalfd(2)
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/watch_console.h"

#define PIECE  16384
#define CTRL_P 0x10
#define CTRL_Q 0x11
#define END_MS 2000 /* for the end of the container to be written down */

struct attach_options {
	bool no_stdin;
};

static const struct option rows[] = {
	{ .name = "no-stdin",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct attach_options, no_stdin),
	  .help = "only show, send nothing" },
};

struct attach {
	int sock, signals;
	bool input; /* more may come from standard input */
	bool has_p; /* Ctrl-P was the last byte */
	bool let_go;
};

static int send_frame(int sock, enum console_frame type, const void *data, size_t size)
{
	unsigned char frame[CONSOLE_HEAD + CONSOLE_DATA_MAX];
	frame[0] = (unsigned char)type;
	frame[1] = (unsigned char)(size & 0xff);
	frame[2] = (unsigned char)(size >> 8);
	memcpy(frame + CONSOLE_HEAD, data, size);
	return fd_write_full(sock, frame, CONSOLE_HEAD + size);
}

static void send_size(const struct attach *a)
{
	struct winsize w;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0)
		return;
	const struct console_size s = { .rows = w.ws_row, .columns = w.ws_col };
	(void)send_frame(a->sock, CONSOLE_SIZE, &s, sizeof(s));
}

/* What was typed, but for the keys that let go. */
static void move_input(struct attach *a)
{
	char piece[CONSOLE_DATA_MAX / 2], out[CONSOLE_DATA_MAX];
	size_t n_out = 0;
	ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));
	if (n <= 0) {
		a->input = n < 0 && errno == EINTR;
		return;
	}
	for (ssize_t i = 0; i < n && !a->let_go; i++) {
		if (a->has_p && piece[i] == CTRL_Q) {
			a->let_go = true;
			break;
		}
		if (a->has_p)
			out[n_out++] = CTRL_P;
		a->has_p = piece[i] == CTRL_P;
		if (!a->has_p)
			out[n_out++] = piece[i];
	}
	if (n_out > 0 && send_frame(a->sock, CONSOLE_INPUT, out, n_out) < 0)
		a->input = false;
}

/* Until the container ends (1) or is let go (0), or -1. */
static int loop(struct attach *a, struct err *err)
{
	char piece[PIECE];
	for (;;) {
		struct pollfd p[] = {
			{ .fd = a->sock, .events = POLLIN },
			{ .fd = a->input ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = a->signals, .events = POLLIN },
		};
		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return err_sys(err, "wait for the container");
		if (p[2].revents & POLLIN) {
			struct signalfd_siginfo info;
			(void)!read(a->signals, &info, sizeof(info));
			send_size(a);
		}
		if (p[1].revents)
			move_input(a);
		if (a->let_go)
			return 0;
		if (!p[0].revents)
			continue;
		ssize_t n = read(a->sock, piece, sizeof(piece));
		if (n <= 0)
			return 1;
		if (fd_write_full(STDOUT_FILENO, piece, (size_t)n) < 0)
			return err_sys(err, "write standard output");
	}
}

static int attach(struct cli *cli, const char *id, const struct attach_options *o, int sock,
		  struct err *err)
{
	struct attach a = { .sock = sock, .input = !o->no_stdin };
	struct termios saved, raw;
	sigset_t size;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&size);
	(void)sigaddset(&size, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &size, NULL);
	AUTO_FD signals = signalfd(-1, &size, SFD_CLOEXEC | SFD_NONBLOCK);
	a.signals = signals;
	bool is_terminal = a.input && tcgetattr(STDIN_FILENO, &saved) == 0;
	if (is_terminal) {
		raw = saved;
		cfmakeraw(&raw);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
		send_size(&a);
	}
	int rc = loop(&a, err);
	if (is_terminal)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	if (rc <= 0)
		return rc;
	/* one that is gone already, or that runs again, has no status to tell */
	int status = skerry_wait(cli->skerry, id, END_MS, NULL);
	return status < 0 ? 0 : status;
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct attach_options *o = options;
	const char *id = args->v[0];
	struct skerry_error failed = { 0 };
	struct skerry_state st;
	char path[PATH_MAX];
	if (skerry_state(cli->skerry, id, &st, &failed) < 0)
		return cli_fail(&failed, err);
	int rc = str_format(path, sizeof(path), "%s/" CONSOLE_SOCKET, st.bundle);
	skerry_state_release(&st);
	AUTO_FD sock = rc < 0 ? -1 : fd_connect_unix(path);
	if (sock < 0 && (errno == ENOENT || errno == ECONNREFUSED))
		return err_set(err, errno,
			       "container \"%s\" has no terminal to attach to: only what \"run "
			       "--detach --tty --image\" started has one",
			       id);
	if (sock < 0)
		return err_sys(err, "connect to \"%s\"", path);
	return attach(cli, id, o, sock, err);
}

const struct command cmd_attach = {
	.name = "attach",
	.arguments = "ID",
	.summary = "show and use the terminal of a detached container",
	.description = "Ctrl-P Ctrl-Q lets go of it.  Exits with the status of the container.\n",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct attach_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
