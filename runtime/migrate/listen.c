/* SPDX-License-Identifier: Apache-2.0 */
/* listen.c - the target of migrations over TLS: one process each */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "runtime/migrate/migrate.h"

static int serve(const struct options *o, int fd, struct err *err)
{
	struct stream s = { .in = fd, .out = fd };
	struct channel channel;
	int rc;

	s.tls = tls_begin(fd, &o->tls, NULL, err);
	if (!s.tls) {
		(void)fd_close(fd);
		return -1;
	}
	if (channel_open(&channel, &s, err) < 0)
		return -1;
	rc = target_run(o, &channel, err);
	channel_close(&channel);
	return rc;
}

static NORETURN void serve_and_exit(const struct options *o, int fd)
{
	struct err err = { 0 };
	int rc = serve(o, fd, &err);

	if (rc < 0)
		log_error(&err);
	_exit(rc < 0 ? 1 : 0);
}

static int accept_one(int listener, struct err *err)
{
	int fd;

	do
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	return fd < 0 ? err_sys(err, "accept") : fd;
}

int target_listen(const struct options *o, struct err *err)
{
	AUTO_FD listener = -1;

	if (!o->tls.cert || !o->tls.key || !o->tls.ca)
		return err_set(err, EINVAL, "--listen needs --tls-cert, --tls-key and --tls-ca");
	listener = tls_listen(o->listen, err);
	if (listener < 0)
		return -1;
	for (;;) {
		int fd = accept_one(listener, err);
		pid_t pid;

		if (fd < 0)
			return -1;
		if (o->once)
			return serve(o, fd, err);
		pid = fork();
		if (pid == 0)
			serve_and_exit(o, fd);
		if (pid < 0)
			log_warning("a connection can't be served: no process for it");
		(void)fd_close(fd);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
