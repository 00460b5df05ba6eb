/* SPDX-License-Identifier: Apache-2.0 */
/* cni_steps.c - which instructions of its own file a program executes
 *
 * usage: cni_steps OUT PROGRAM ARGUMENT...
 *
 * Runs the program step by step and writes each address once, in the order of
 * the first time, in hexadecimal and counted from where the program was loaded;
 * its children run freely.  For cni_order.py.  ptrace(2), proc(5).
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_SIZE 512
#if defined(__x86_64__)
# define PROGRAM_COUNTER rip
#else
# define PROGRAM_COUNTER pc
#endif

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Where the program's own pages are: it has just been executed and nothing else is mapped by files. */
static void find_program(pid_t pid, uint64_t *start, uint64_t *end)
{
	char path[64], line[LINE_SIZE];
	FILE *maps;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	if (!maps)
		die(path);
	*start = *end = 0;
	while (fgets(line, sizeof(line), maps)) {
		char *rest, *name = strchr(line, '/');
		const uint64_t from = strtoull(line, &rest, 16);

		if (!name || *rest != '-')
			continue;
		if (*start == 0)
			*start = from;
		*end = strtoull(rest + 1, NULL, 16);
	}
	(void)fclose(maps);
	if (*end <= *start)
		die("find the program");
}

int main(int argc, char **argv)
{
	struct user_regs_struct registers;
	struct iovec set = { &registers, sizeof(registers) };
	uint64_t start, end, at;
	uint8_t *seen;
	int status;
	FILE *out;
	pid_t pid;

	if (argc < 3)
		return 2;
	out = fopen(argv[1], "ae");
	pid = out ? fork() : -1;
	if (pid == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)execv(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
		die(argv[2]);
	find_program(pid, &start, &end);
	seen = calloc(end - start, 1);
	if (!seen)
		die("calloc");
	while (WIFSTOPPED(status)) {
		if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &set) < 0)
			die("ptrace");
		at = registers.PROGRAM_COUNTER;
		if (at >= start && at < end && !seen[at - start]) {
			seen[at - start] = 1;
			(void)fprintf(out, "%llx\n", (unsigned long long)(at - start));
		}
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) < 0)
			die("ptrace");
	}
	return fclose(out) != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}
