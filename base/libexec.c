/* SPDX-License-Identifier: Apache-2.0 */
/* libexec.c - the programs beside ours that have what it doesn't link */
#include "base/libexec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"

static bool is_beside(const char *self, const char *name, char path[PATH_MAX])
{
	const char *slash = strrchr(self, '/');

	return slash &&
	       str_format(path, PATH_MAX, "%.*s/%s", (int)(slash - self), self, name) == 0 &&
	       access(path, X_OK) == 0;
}

/* The program that runs is there. */
static bool is_beside_us(const char *name, char path[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	return is_beside(self, name, path);
}

int libexec_find(const char *name, char path[PATH_MAX])
{
	if (is_beside_us(name, path))
		return 0;
	/* The same by another name: a link to the program that has helpers of its own beside it. */
	if (is_beside(program_invocation_name, name, path))
		return 0;
	if (str_format(path, PATH_MAX, SKERRY_LIBEXECDIR "/%s", name) < 0)
		return -1;
	return access(path, X_OK);
}

int libexec_need(const char *who, const char *name, char path[PATH_MAX], struct err *err)
{
	if (libexec_find(name, path) == 0)
		return 0;
	return err_sys(err, "%s the program \"" SKERRY_LIBEXECDIR "/%s\"", who, name);
}

int libexec_runtime(char path[PATH_MAX], struct err *err)
{
	const char *dirs = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe) */

	if (is_beside_us("skerry", path))
		return 0;
	for (const char *d = dirs ? dirs : "/usr/local/bin:/usr/bin"; *d;) {
		size_t len = strcspn(d, ":");

		if (len > 0 && str_format(path, PATH_MAX, "%.*s/skerry", (int)len, d) == 0 &&
		    access(path, X_OK) == 0)
			return 0;
		d += len + (d[len] == ':');
	}
	return err_set(err, ENOENT,
		       "the program \"skerry\" is neither beside this one nor in PATH");
}

int libexec_run(const struct libexec *l, struct err *err)
{
	char path[PATH_MAX], word[64];
	char *const argv[] = { path, word, NULL };
	const struct proc_run run = { .path = path,
				      .argv = argv,
				      .env = environ,
				      .input = l->input,
				      .input_len = l->input ? strlen(l->input) : 0,
				      .stdout_fd = l->stdout_fd,
				      .stderr_fd = -1,
				      .output = l->output };
	int status;

	if (libexec_find(l->name, path) < 0)
		return err_sys(err, "the program \"" SKERRY_LIBEXECDIR "/%s\"", l->name);
	if (str_copy(word, sizeof(word), l->word) < 0)
		return err_sys(err, "\"%s\"", l->word);
	status = proc_run(&run, err);
	if (status < 0)
		return -1;
	while (l->output->len && l->output->s[l->output->len - 1] == '\n')
		l->output->s[--l->output->len] = '\0';
	if (WIFSIGNALED(status))
		return err_set(err, EINTR, "%s: killed by signal %d", l->name, WTERMSIG(status));
	return status ? err_set(err, EIO, "%.480s", l->output->s) : 0;
}
