/* SPDX-License-Identifier: Apache-2.0 */
/* jailed.c - work on foreign bytes in a process that sees one directory
 *
 * How it ended stands in memory that both have; the parent believes the message,
 * bounded, and nothing else.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "image/jail.h"
#include "runtime/archive/archive.h"

#define FDS_MAX 4

struct outcome {
	atomic_bool done;
	struct err err;
};
struct jailed {
	struct outcome *shared;
	int (*work)(void *arg, struct err *err);
	void *arg;
};

static void run(void *arg)
{
	struct jailed *j = arg;

	if (j->work(j->arg, &j->shared->err) == 0)
		atomic_store(&j->shared->done, true);
}

static void refuse(void *arg, const struct err *err)
{
	struct jailed *j = arg;

	j->shared->err = *err;
}

static int wait_for(pid_t pid, struct outcome *o, const char *title, struct err *err)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "wait for \"%s\"", title);
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "\"%s\" was killed by signal %d", title, WTERMSIG(status));
	if (atomic_load(&o->done))
		return 0;
	err_received(&o->err);
	return err_set(err, o->err.code ? o->err.code : EIO, "%s",
		       o->err.msg[0] ? o->err.msg : "it ended without a word");
}

int archive_jail(const char *title, int root, const int *fds, size_t n_fds,
		 int (*work)(void *arg, struct err *err), void *arg, struct err *err)
{
	struct jailed j = { .work = work, .arg = arg };
	int all[FDS_MAX], pidfd = -1, rc;
	struct jail how = { .kind = JAIL_TREE,
			    .title = title,
			    .root = root,
			    .fds = all,
			    .run = run,
			    .refuse = refuse,
			    .arg = &j };
	pid_t pid;

	all[how.n_fds++] = root;
	for (size_t i = 0; i < n_fds && how.n_fds < FDS_MAX; i++)
		all[how.n_fds++] = fds[i];
	j.shared = mmap(NULL, sizeof(*j.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (j.shared == MAP_FAILED)
		return err_sys(err, "memory of \"%s\"", title);
	rc = jail_start(&how, &pid, &pidfd, err);
	if (rc == 0)
		rc = wait_for(pid, j.shared, title, err);
	(void)fd_close(pidfd);
	(void)munmap(j.shared, sizeof(*j.shared));
	return rc;
}
