/* SPDX-License-Identifier: Apache-2.0 */
/* rootless.c - an ordinary user's store: a user namespace with the user's subordinate ids
 *
 * Maps of more than one's own id are written by newuidmap(1) and newgidmap(1),
 * and only from outside the namespace.  So a child makes the namespace and
 * waits, the helpers write its maps, we enter it and the child goes.
 *
 * user_namespaces(7), subuid(5), newuidmap(1), setns(2).
 */
#include "image/rootless.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"

#define SUBIDS_MAX  ((size_t)1 << 20)
#define NAME_BUFFER 4096
#define HELPER_MS   10000

/* A kind of id: where its ranges are and who writes its map. */
static const struct kind {
	const char *ranges, *helper;
} uids = { "/etc/subuid", "/usr/bin/newuidmap" }, gids = { "/etc/subgid", "/usr/bin/newgidmap" };

/* "NAME:START:COUNT": the first range of this user, whose line begins with name or number. */
static int find_range(const struct kind *kind, const char *name, const char *number,
		      uint32_t *ret_start, uint32_t *ret_count, struct err *err)
{
	char *at, *line;
	AUTO_BUF text;

	buf_init(&text);
	if (file_read(AT_FDCWD, kind->ranges, &text, SUBIDS_MAX, true) < 0)
		return err_sys(err, "read \"%s\"", kind->ranges);
	at = text.s;
	while ((line = strsep(&at, "\n")) != NULL) {
		const char *who = strsep(&line, ":"), *start = line ? strsep(&line, ":") : NULL;
		uint64_t begin, count;

		if (!start || !line || (strcmp(who, name) != 0 && strcmp(who, number) != 0))
			continue;
		if (units_u64(start, UINT32_MAX - 1, &begin) < 0 ||
		    units_u64(line, UINT32_MAX - 1 - begin, &count) < 0 || count == 0)
			continue;
		*ret_start = (uint32_t)begin;
		*ret_count = (uint32_t)count;
		return 0;
	}
	return err_set(err, ENOENT, "user \"%s\" has no range in \"%s\"", name, kind->ranges);
}

static int write_map(const struct kind *kind, pid_t pid, uint32_t own, const char *name,
		     struct err *err)
{
	char pid_text[12], own_text[12], start_text[12], count_text[12];
	char program[] = "newidmap", zero[] = "0", one[] = "1";
	char *argv[] = {
		program, pid_text, zero, own_text, one, one, start_text, count_text, NULL
	};
	struct proc_run run = { .path = kind->helper,
				.argv = argv,
				.stdout_fd = -1,
				.stderr_fd = -1,
				.timeout_ms = HELPER_MS };
	uint32_t start, count;
	AUTO_BUF output;
	int status;

	buf_init(&output);
	run.output = &output;
	(void)snprintf(own_text, sizeof(own_text), "%u", own);
	if (find_range(kind, name, own_text, &start, &count, err) < 0)
		return -1;
	(void)snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
	(void)snprintf(start_text, sizeof(start_text), "%u", start);
	(void)snprintf(count_text, sizeof(count_text), "%u", count);
	status = proc_run(&run, err);
	if (status < 0)
		return err_wrap(err, "map ids");
	if (status != 0)
		return err_set(err, EPERM, "\"%s\": %.300s", kind->helper, output.s);
	return 0;
}

static NORETURN void hold_namespace(int ready)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (unshare(CLONE_NEWUSER) < 0 || fd_write_full(ready, "", 1) < 0)
		_exit(1);
	for (;;)
		(void)pause();
}

static int user_name(char *dst, size_t size, struct err *err)
{
	char buffer[NAME_BUFFER];
	struct passwd entry, *found = NULL;

	if (getpwuid_r(getuid(), &entry, buffer, sizeof(buffer), &found) != 0 || !found)
		return err_set(err, ENOENT, "user %u has no name", getuid());
	return str_copy(dst, size, found->pw_name) < 0 ? err_sys(err, "name of user %u", getuid())
						       : 0;
}

/* The namespace of a waiting child, its maps written: a descriptor. */
static int map_child(pid_t pid, int ready, struct err *err)
{
	char name[256], path[64], byte;
	int fd;

	if (fd_read_full(ready, &byte, 1) != 1)
		return err_set(err, EPERM,
			       "no user namespace to be had: an ordinary user's store needs one");
	if (user_name(name, sizeof(name), err) < 0 ||
	    write_map(&uids, pid, getuid(), name, err) < 0 ||
	    write_map(&gids, pid, getgid(), name, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open \"%s\"", path) : fd;
}

static int make_namespace(struct err *err)
{
	int ready[2], ns;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_sys(err, "user namespace");
	pid = fork();
	if (pid == 0) {
		(void)fd_close(ready[0]);
		hold_namespace(ready[1]);
	}
	(void)fd_close(ready[1]);
	if (pid < 0) {
		(void)fd_close(ready[0]);
		return err_sys(err, "user namespace");
	}
	ns = map_child(pid, ready[0], err);
	(void)fd_close(ready[0]);
	(void)proc_kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return ns;
}

int rootless_enter(struct err *err)
{
	AUTO_FD ns = -1;

	if (geteuid() == 0 || proc_is_mapped())
		return 0;
	ns = make_namespace(err);
	if (ns < 0)
		return -1;
	if (setns(ns, CLONE_NEWUSER) < 0)
		return err_sys(err, "enter the user namespace");
	if (setresgid(0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(err, "become root of the user namespace");
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_sys(err, "mount namespace");
	return 0;
}
