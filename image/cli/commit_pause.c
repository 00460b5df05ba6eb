/* SPDX-License-Identifier: Apache-2.0 */
/* commit_pause.c - a container stands still while its files are read
 *
 * The runtime pauses and resumes it, told so by a child of ours, the keeper,
 * which waits in between for the end of its socket: that comes as well when
 * commit is interrupted or killed, so that no container stays frozen for it.
 * The keeper is there before an ordinary user's store is entered, which happens
 * in a namespace of its own, and the container was made outside.
 */
#include "image/cli/commit_pause.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/proc.h"
#include "image/cli/common.h"

enum answer { AS_IT_WAS = '-', PAUSED = 'p', FAILED = 'f' };

struct keeper {
	int ours, theirs;
	const char *id;
};

static int tell_runtime(const struct keeper *k, const char *verb, struct buf *said, struct err *err)
{
	const char *const words[] = { verb, k->id, NULL };
	const struct proc_run how = { .stdout_fd = -1, .stderr_fd = -1, .output = said };
	int status = common_runtime(words, &how, err);

	if (status < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, EIO, "%s: %.200s", verb, said->len ? said->s : "the runtime failed");
}

struct state {
	char *status;
};

static const struct json_field state_fields[] = {
	JSON_FIELD(struct state, status, JSON_STRING),
};
static const struct json_table state_table = JSON_TABLE(struct state, state_fields);

/* A bundle that never became a container has no status, and is as good as one that has ended. */
static bool is_status(const struct keeper *k, const char *status)
{
	CLEANUP(arena_release) struct arena arena;
	struct state state = { NULL };
	AUTO_BUF said;

	buf_init(&said);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	return tell_runtime(k, "state", &said, NULL) == 0 &&
	       json_decode("state", said.s, said.len, &state_table, &state, &arena, NULL) == 0 &&
	       state.status && strcmp(state.status, status) == 0;
}

static int keep(void *data)
{
	struct keeper *k = data;
	struct err err = { 0 };
	char answer[256] = { AS_IT_WAS }, nothing;
	AUTO_BUF said;

	buf_init(&said);
	(void)fd_close(k->ours);
	(void)setsid(); /* what the terminal sends to commit is not for us */
	if (is_status(k, "running"))
		answer[0] = tell_runtime(k, "pause", &said, &err) < 0 ? FAILED : PAUSED;
	if (answer[0] == FAILED)
		(void)str_copy(answer + 1, sizeof(answer) - 1, err.msg);
	/* it may be gone already */
	(void)send(k->theirs, answer, 1 + strlen(answer + 1), MSG_NOSIGNAL);
	if (answer[0] != PAUSED)
		return 0;
	while (recv(k->theirs, &nothing, 1, 0) < 0 && errno == EINTR)
		;
	buf_clear(&said);
	/* it may have been resumed, or removed, meanwhile */
	return tell_runtime(k, "resume", &said, NULL) < 0 && is_status(k, "paused");
}

static int hear(int talk, struct err *err)
{
	char answer[257] = "";
	ssize_t n;

	do
		n = recv(talk, answer, sizeof(answer) - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return err_set(err, EIO, "pause: the process that does it has died");
	return answer[0] == FAILED ? err_set(err, EIO, "%s", answer + 1) : 0;
}

int pause_begin(struct pause_hold *hold, const char *id, struct err *err)
{
	int ends[2];

	*hold = (struct pause_hold){ -1, -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, "pause \"%.80s\"", id);

	struct keeper k = { ends[0], ends[1], id };

	hold->result = proc_background(keep, &k, err);
	(void)fd_close(ends[1]);
	if (hold->result < 0)
		return fd_close(ends[0]);
	hold->talk = ends[0];
	return hear(hold->talk, err);
}

int pause_end(struct pause_hold *hold, struct err *err)
{
	int value = 0;
	ssize_t n = 0;

	if (hold->result < 0)
		return 0;
	hold->talk = fd_close(hold->talk);
	n = fd_read_full(hold->result, &value, sizeof(value));
	hold->result = fd_close(hold->result);
	if (n == (ssize_t)sizeof(value) && value == 0)
		return 0;
	return err_set(err, EIO, "the container is paused still: \"skerry resume\"");
}
