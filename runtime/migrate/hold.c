/* SPDX-License-Identifier: Apache-2.0 */
/* hold.c - the processes of a control group stand still for a moment
 *
 * The kernel's Documentation/admin-guide/cgroup-v2.rst: cgroup.freeze and
 * cgroup.events.
 */
#include "runtime/migrate/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"

#define FREEZE	"cgroup.freeze"
#define EVENTS	"cgroup.events"
#define HOLD_MS 1000
#define STEP_MS 100

#define WORD_HOLD 'h'
#define WORD_LET  'l'

struct helper {
	int group, sock[2];
};

static int is_frozen(int events)
{
	char text[256];
	const ssize_t n = pread(events, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -1;
	text[n] = '\0';
	return strstr(text, "frozen 1") ? 1 : 0;
}

/* All of it stands still. */
static bool freeze(int group)
{
	AUTO_FD events = openat(group, EVENTS, O_RDONLY | O_CLOEXEC);

	/* Someone else's work isn't ours to undo. */
	if (events < 0 || is_frozen(events) != 0 || file_write_text(group, FREEZE, "1") < 0)
		return false;
	for (int left = HOLD_MS; left > 0; left -= STEP_MS) {
		struct pollfd p = { .fd = events, .events = POLLPRI };
		const int rc = is_frozen(events);

		if (rc != 0) {
			if (rc > 0)
				return true;
			break;
		}
		(void)poll(&p, 1, STEP_MS);
	}
	(void)file_write_text(group, FREEZE, "0");
	return false;
}

static int help(void *data)
{
	const struct helper *h = data;
	bool held = false;
	char word;

	(void)fd_close(h->sock[0]); /* its end is ours */
	for (;;) {
		const ssize_t n = recv(h->sock[1], &word, 1, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (held)
			(void)file_write_text(h->group, FREEZE, "0");
		if (n != 1)
			return 0;
		held = word == WORD_HOLD && freeze(h->group);
		word = held ? 1 : 0;
		if (fd_send(h->sock[1], &word, 1, NULL, 0) < 0) {
			if (held)
				(void)file_write_text(h->group, FREEZE, "0");
			return 0;
		}
	}
}

void hold_open(struct hold *h, int group)
{
	struct helper helper = { .group = group };
	AUTO_FD result = -1;

	h->sock = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, helper.sock) < 0)
		return;
	result = proc_background(help, &helper, NULL);
	(void)fd_close(helper.sock[1]);
	if (result < 0)
		(void)fd_close(helper.sock[0]);
	else
		h->sock = helper.sock[0];
}

static bool ask(const struct hold *h, char word)
{
	ssize_t n;
	char answer = 0;

	if (h->sock < 0 || fd_send(h->sock, &word, 1, NULL, 0) < 0)
		return false;
	do
		n = recv(h->sock, &answer, 1, 0);
	while (n < 0 && errno == EINTR);
	return n == 1 && answer;
}

bool hold_begin(struct hold *h)
{
	return ask(h, WORD_HOLD);
}

void hold_end(struct hold *h)
{
	(void)ask(h, WORD_LET);
}

void hold_close(struct hold *h)
{
	h->sock = fd_close(h->sock);
}
