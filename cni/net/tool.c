/* SPDX-License-Identifier: Apache-2.0 */
/* tool.c - programs of others that run beside containers: dnsmasq, pasta, slirp4netns
 *
 * They put themselves into the background and write their number into a file;
 * a number is believed only as long as a process of that name has it, and the
 * pidfd is opened before that is looked at.
 */
#include "cni/net/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"

#define START_TIMEOUT_MS 20000
#define END_TIMEOUT_MS	 2000
#define COMM_MAX	 16

bool tool_find(const char *name, char path[PATH_MAX])
{
	static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					       "/usr/bin",	  "/sbin",	    "/bin" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (str_format(path, PATH_MAX, "%s/%s", folders[i], name) == 0 &&
		    access(path, X_OK) == 0)
			return true;
	return false;
}

int tool_run(char *const *argv, struct err *err)
{
	AUTO_BUF output;
	const struct proc_run run = { .path = argv[0],
				      .argv = argv,
				      .env = environ,
				      .stdout_fd = -1,
				      .stderr_fd = -1,
				      .output = &output,
				      .timeout_ms = START_TIMEOUT_MS };
	int status;

	buf_init(&output);
	status = proc_run(&run, err);
	if (status < 0)
		return -1;
	if (status != 0)
		return err_set(err, EIO, "\"%s\" failed: %s", argv[0], output.s);
	return 0;
}

/* A pidfd of the process, or -1. */
static int open_tool(const char *pid_file, const char *name)
{
	char text[32], path[64], comm[COMM_MAX + 1];
	AUTO_FD pidfd = -1;
	uint64_t pid;

	if (file_read_line(AT_FDCWD, pid_file, text, sizeof(text)) <= 0 ||
	    units_u64(text, INT32_MAX, &pid) < 0 || pid <= 1)
		return -1;
	pidfd = proc_pidfd_open((pid_t)pid);
	if (pidfd < 0 || str_format(path, sizeof(path), "/proc/%d/comm", (int)pid) < 0 ||
	    file_read_line(AT_FDCWD, path, comm, sizeof(comm)) <= 0 ||
	    strncmp(comm, name, strlen(name)) != 0)
		return -1;
	return fd_take(&pidfd);
}

bool tool_runs(const char *pid_file, const char *name)
{
	AUTO_FD pidfd = open_tool(pid_file, name);

	return pidfd >= 0 && proc_pidfd_wait(pidfd, 0) == 0;
}

void tool_end(const char *pid_file, const char *name)
{
	AUTO_FD pidfd = open_tool(pid_file, name);

	if (pidfd >= 0 && proc_pidfd_signal(pidfd, SIGTERM) == 0 &&
	    proc_pidfd_wait(pidfd, END_TIMEOUT_MS) == 0)
		(void)proc_pidfd_signal(pidfd, SIGKILL);
	if (pidfd >= 0)
		(void)unlink(pid_file);
}
