/* SPDX-License-Identifier: Apache-2.0 */
/* criu_relay.c - criu's notifications, told to whoever asked for them and answered by them
 *
 * A line out, "NAME PID\n", and one back: "go", or "no", which makes criu undo
 * what it did.  The end of the connection is a "no" as well, so that nothing
 * happens behind the back of a caller that died.  "held" may come before the
 * answer: from then on that end means that nobody can know whether another
 * copy runs, and the processes have to stay frozen.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/container/checkpoint.h"

#define LINE_MAX_SIZE 64

/* One line without its end; 0 or -1: end of file, too long. */
static int read_line(int fd, char line[LINE_MAX_SIZE])
{
	size_t n = 0;

	while (n < LINE_MAX_SIZE - 1 && fd_read_full(fd, &line[n], 1) == 1) {
		if (line[n] == '\n') {
			line[n] = '\0';
			return 0;
		}
		n++;
	}
	return -1;
}

int criu_relay_begin(int fd, const char *last, struct criu_relay *ret, struct err *err)
{
	*ret = (struct criu_relay){ .fd = fd, .last = last, .over = fd <= 0 };
	/* criu must not have it: its copy would hide our end from the other side. */
	return fd > 0 && fd_set_cloexec(fd, true) < 0 ? err_sys(err, "--notify-fd %d", fd) : 0;
}

int criu_relay_ask(struct criu_relay *r, const struct criu_notify *n, struct err *err)
{
	char line[LINE_MAX_SIZE];

	if (r->over)
		return 0;
	if (str_format(line, sizeof(line), "%.40s %d\n", n->script, (int)n->pid) < 0)
		return err_sys(err, "--notify-fd");
	r->over = strcmp(n->script, r->last) == 0;
	r->held = false;
	if (fd_send(r->fd, line, strlen(line), NULL, 0) == 0) {
		while (read_line(r->fd, line) == 0) {
			if (strcmp(line, "go") == 0)
				return 0;
			r->held = strcmp(line, "held") == 0;
			if (!r->held)
				break;
		}
	}
	r->over = true;
	return err_set(err, ECANCELED, "given up at \"%s\", as --notify-fd said", n->script);
}
