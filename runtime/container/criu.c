/* SPDX-License-Identifier: Apache-2.0 */
/* criu.c - criu(8) as a service: `criu swrk` over a socket pair
 *
 * criu ends after most requests, so each has a process of its own: its start
 * is a few milliseconds.  It lives in a session of its own, so that a key
 * pressed at our terminal doesn't reach it while it holds processes stopped.
 */
#include "runtime/container/criu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/container/spawn.h"

#define ANSWERS_MAX ((size_t)16 << 20)
#define ANSWER_MAX  ((size_t)1 << 20)

/* --- finding and starting it ------------------------------------------------ */

/* The first of the folders that has a program `name`. */
static bool find_in(const char *dirs, const char *name, char *path, size_t size)
{
	while (dirs && *dirs) {
		size_t n = strcspn(dirs, ":");

		if (n && str_format(path, size, "%.*s/%s", (int)n, dirs, name) == 0 &&
		    access(path, X_OK) == 0)
			return true;
		dirs += n + (dirs[n] == ':');
	}
	return false;
}

/* A name without folder is looked for in $PATH. */
static int find_given(const char *option, const char *given, char *path, size_t size,
		      struct err *err)
{
	const char *dirs = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe) */

	if (!strchr(given, '/') && find_in(dirs, given, path, size))
		return 0;
	if (access(given, X_OK) < 0 || str_copy(path, size, given) < 0)
		return err_sys(err, "%s: \"%s\"", option, given);
	return 0;
}

int criu_find(char *path, size_t size, struct err *err)
{
	static const char usual[] = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin";
	const char *given = getenv("SKERRY_CRIU"); /* NOLINT(concurrency-mt-unsafe) */
	const char *dirs = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe) */

	if (given && given[0])
		return find_given("SKERRY_CRIU", given, path, size, err);
	if (find_in(dirs, "criu", path, size) || find_in(usual, "criu", path, size))
		return 0;
	return err_set(err, ENOENT,
		       "no program \"criu\": checkpoint and restore need it, version "
		       "3.17 or newer");
}

struct child {
	const struct criu_start *start;
	const char *program;
};

/* What criu takes as the root of what it restores has to be a mount.  Of a container whose root
 * was a slave criu makes a slave of this mount (MOVE_MOUNT_SET_GROUP), which the kernel refuses
 * when this is private, as it is below a private mount or when the last peer of its master has
 * just gone: with a group of its own it never is, and stays a slave of the host's where that is
 * shared. */
static int bind_root(const struct criu_start *s)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount(s->root, s->root_at, NULL, MS_BIND | MS_REC, NULL) < 0)
		return -1;
	return mount(NULL, s->root_at, NULL, MS_SHARED, NULL);
}

/* Ours are the container's in the end, which has nothing to read there of iptables, nftables or
 * tar. */
static int be_quiet(void)
{
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ? -1 : 0;
}

/* The pair is made here, so that criu finds the directories in its own table. */
static int make_own(const struct criu_start *s, int sock)
{
	int pair[2];

	if (bind_root(s) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(s->dirs); i++) {
		int fd = open(s->dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || dup2(fd, s->dir_fds[i]) < 0)
			return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    fd_send(sock, "", 1, &pair[0], 1) < 0)
		return -1;
	(void)fd_close(pair[0]);
	return pair[1];
}

static void child_main(void *arg, int sock)
{
	const struct child *c = arg;
	char name[] = "criu", verb[] = "swrk", number[16];
	char *argv[] = { name, verb, number, NULL };
	sigset_t none;

	/* Our death is the end of the socket for it, after which it undoes what it began; a
	 * signal would take the processes along that it has stopped. */
	(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (!c->start->same_session)
		(void)setsid();
	if (c->start->own_cgroup && unshare(CLONE_NEWCGROUP) < 0)
		_exit(126);
	if (c->start->own_mounts) {
		sock = make_own(c->start, sock);
		if (sock < 0 || (!c->start->same_session && be_quiet() < 0))
			_exit(126);
	}
	for (size_t i = 0; i < c->start->n_keep; i++)
		if (fd_set_cloexec(c->start->keep[i], false) < 0)
			_exit(126);
	if (fd_set_cloexec(sock, false) < 0 || str_format(number, sizeof(number), "%d", sock) < 0)
		_exit(126);
	(void)execve(c->program, argv, environ);
	_exit(127);
}

void criu_init(struct criu *c)
{
	*c = (struct criu){ .sock = -1, .pidfd = -1, .ready = -1 };
	arena_init(&c->arena, ANSWERS_MAX);
}

/* In place of the pair that it was started with. */
static int take_socket(struct criu *c, struct err *err)
{
	AUTO_FD first = fd_take(&c->sock);
	size_t n = 0;
	char byte;

	if (fd_receive(first, &byte, 1, &c->sock, 1, &n) == 1 && n == 1)
		return 0;
	return err_set(err, EIO, "criu's mounts can't be made");
}

int criu_open(struct criu *c, const struct criu_start *start, struct err *err)
{
	struct child child = { start, c->program };
	struct spawn s = {
		.flags = start->own_mounts ? CLONE_NEWNS : 0,
		.cgroup = start->cgroup,
		.main = child_main,
		.arg = &child,
	};

	/* criu's --unprivileged (3.18) can't enter the user namespace that their containers have. */
	if (geteuid() != 0)
		return err_set(err, EPERM,
			       "criu dumps and restores for root only, who finds the containers "
			       "of user %u with --root",
			       (unsigned)geteuid());
	if (start->program && start->program[0]
		    ? find_given("--criu", start->program, c->program, sizeof(c->program), err) < 0
		    : criu_find(c->program, sizeof(c->program), err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s.sock) < 0)
		return err_sys(err, "socket pair");
	c->pid = spawn_process(&s, &c->pidfd, err);
	c->sock = s.sock[0];
	(void)fd_close(s.sock[1]);
	if (c->pid < 0)
		return err_wrap(err, "start \"%s\"", c->program);
	c->own_mounts = start->own_mounts;
	return 0;
}

void criu_close(struct criu *c)
{
	c->sock = fd_close(c->sock);
	/* Nobody waits for the start of one that isn't needed. */
	if (c->pid > 0 && !c->asked)
		(void)proc_kill(c->pid, SIGKILL);
	if (c->pid > 0)
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	c->pid = 0;
	c->pidfd = fd_close(c->pidfd);
	c->ready = fd_close(c->ready);
	arena_release(&c->arena);
}

/* --- messages ------------------------------------------------------------- */

static int send_request(struct criu *c, const struct criu_req *req, struct err *err)
{
	AUTO_BUF text;

	buf_init(&text);
	wire_encode(&criu_req_table, req, &text);
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "out of memory");
	return fd_send(c->sock, text.s, text.len, NULL, 0) < 0 ? err_sys(err, "send to criu") : 0;
}

static int ended(struct criu *c, struct err *err)
{
	int status = 0;

	c->sock = fd_close(c->sock);
	while (waitpid(c->pid, &status, 0) < 0)
		if (errno != EINTR)
			break;
	c->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(err, ENOENT, "\"%s\" can't be executed", c->program);
	if (WIFSIGNALED(status))
		return err_set(err, EPIPE, "criu was ended by signal %d", WTERMSIG(status));
	return err_set(err, EPIPE, "criu ended without an answer (status %d)", WEXITSTATUS(status));
}

static int receive_answer(struct criu *c, struct criu_resp *ret, int *ret_fd, struct err *err)
{
	AUTO_FREE char *data = NULL;
	size_t n_fds = 0;
	ssize_t size;

	do
		size = recv(c->sock, NULL, 0, MSG_PEEK | MSG_TRUNC);
	while (size < 0 && errno == EINTR);
	if (size < 0 && errno != ECONNRESET)
		return err_sys(err, "receive from criu");
	if (size <= 0)
		return ended(c, err);
	if ((size_t)size > ANSWER_MAX)
		return err_set(err, EMSGSIZE, "criu's answer has %zd bytes", size);
	data = malloc((size_t)size);
	if (!data)
		return err_set(err, ENOMEM, "out of memory");
	*ret_fd = -1;
	size = fd_receive(c->sock, data, (size_t)size, ret_fd, 1, &n_fds);
	if (size <= 0)
		return ended(c, err);
	return criu_resp_decode(data, (size_t)size, ret, &c->arena, err);
}

int criu_call(struct criu *c, const struct criu_req *req, criu_notify_fn *notify, void *arg,
	      struct criu_resp *ret, struct err *err)
{
	struct err why = { 0 };

	*ret = (struct criu_resp){ 0 };
	if (send_request(c, req, err) < 0)
		return -1;
	for (;;) {
		struct criu_req answer = { .type = CRIU_NOTIFY, .notify_success = true };
		AUTO_FD fd = -1;

		if (receive_answer(c, ret, &fd, err) < 0) {
			if (why.code && err)
				*err = why;
			return -1;
		}
		if (ret->type != CRIU_NOTIFY)
			break;
		if (notify && notify(arg, ret->notify, fd, why.code ? NULL : &why) < 0)
			answer.notify_success = false;
		if (send_request(c, &answer, err) < 0)
			return -1;
		if (c->after && answer.notify_success)
			c->after(arg, ret->notify);
	}
	if (why.code && !ret->success) {
		if (err)
			*err = why;
		return -1;
	}
	if (!ret->success)
		return err_set(err, ret->cr_errno ? ret->cr_errno : EIO,
			       "criu failed: type %u errno %d", ret->type, ret->cr_errno);
	return 0;
}

/* criu stops processes at an address, by a breakpoint of the processor's; of the first one there is,
 * after a second without, the kernel tells all processors first, and waits for that ten
 * milliseconds and more.  There is one of our own while criu works, from before anything stands
 * still. */
static int keep_breakpoints_ready(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE,
				     .size = sizeof(a),
				     .config = PERF_COUNT_SW_DUMMY,
				     .disabled = 1,
				     .exclude_kernel = 1 };

	return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

int criu_check(struct criu *c, int least, struct err *err)
{
	struct criu_req req = { .type = CRIU_VERSION, .keep_open = true };
	struct criu_resp resp;
	struct utsname host;
	int needed = least;

	c->asked = true;
	c->ready = keep_breakpoints_ready(); /* criu starts meanwhile */
	if ((c->own_mounts && take_socket(c, err) < 0) ||
	    criu_call(c, &req, NULL, NULL, &resp, err) < 0)
		return -1;
	if (!resp.version)
		return err_set(err, EBADMSG, "criu did not say its version");
	c->version = CRIU_VERSION(resp.version->major, resp.version->minor, resp.version->sublevel);
	if (uname(&host) == 0) {
		int kernel = criu_least_for(host.release, strcmp(host.machine, "x86_64") == 0);

		if (c->version < kernel)
			return err_set(
				err, ENOSYS,
				"criu %d.%d.%d (%s) does not work on this kernel (%s): criu %d.%d "
				"or newer is needed; the container was not touched",
				c->version / 10000, c->version / 100 % 100, c->version % 100,
				c->program, host.release, kernel / 10000, kernel / 100 % 100);
	}
	if (c->version < needed)
		return err_set(err, ENOSYS,
			       "criu %d.%d.%d (%s) is too old: %d.%d or newer is needed",
			       c->version / 10000, c->version / 100 % 100, c->version % 100,
			       c->program, needed / 10000, needed / 100 % 100);
	return 0;
}

int criu_features(struct criu *c, struct criu_features *ret, struct err *err)
{
	struct criu_features wanted = { .mem_track = true, .lazy_pages = true };
	struct criu_req req = { .type = CRIU_FEATURE_CHECK,
				.keep_open = true,
				.features = &wanted };
	struct criu_resp resp;

	*ret = (struct criu_features){ 0 };
	if (criu_call(c, &req, NULL, NULL, &resp, err) < 0)
		return -1;
	if (resp.features)
		*ret = *resp.features;
	return 0;
}
