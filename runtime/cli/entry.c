/* SPDX-License-Identifier: Apache-2.0 */
/* entry.c - the first instructions of the program
 *
 * Commands that enter a container run from a read-only mount of the program's
 * file (skerry_seal()), which takes a second execve(2).  Done in main() it would
 * be a second start of the C library as well: relocation, processor features,
 * a hundred page faults, for a process that does nothing else.  So the kernel
 * enters here, and a process that is to be replaced is replaced before the C
 * library begins.  Whatever fails leaves it to skerry_seal(), which knows the
 * other ways and says what is wrong.
 *
 * Nothing here may need relocation, thread-local storage or the C library: no
 * table of pointers, no stack protector, no memset().  The Makefile has the
 * flags.  Other processors than x86-64 begin at the C library's _start.
 */
#include "runtime/cli/cli.h"

bool entry_is_sealed;

#if defined(__x86_64__)

# include <fcntl.h>
# include <linux/mount.h>
# include <stddef.h>
# include <sys/statvfs.h>
# include <sys/syscall.h>
# include <sys/vfs.h>

/* syscall(2), "Architecture calling conventions": -errno in rax. */
static long call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long rax = number;

	__asm__ volatile("syscall"
			 : "+a"(rax)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return rax;
}

static int is_word(const char *text, const char *word)
{
	while (*text && *text == *word) {
		text++;
		word++;
	}
	return *text == *word;
}

/* A false hit (a container called "run") costs what every real one does. */
static int has_sealed_command(char *const argv[])
{
	static const char words[][8] = { "run", "create", "exec", "mounts", "device" };

	for (; *argv; argv++)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (is_word(*argv, words[i]))
				return 1;
	return 0;
}

/* proc(5), environ(7): the stack as execve(2) left it: argc, argv, NULL, envp, NULL. */
__attribute__((used)) void entry_seal(long *stack);
void entry_seal(long *stack)
{
	static const char self[] = "/proc/self/exe";
	struct mount_attr attr;
	struct statfs fs;
	char **argv = (char **)(stack + 1);
	char **envp = argv + stack[0] + 1;
	long fd;

	fs.f_flags = ST_RDONLY;
	if (stack[0] < 1 || !has_sealed_command(argv + 1))
		return;
	if (call(SYS_statfs, (long)self, (long)&fs, 0, 0, 0) < 0)
		return;
	if (fs.f_flags & ST_RDONLY) {
		entry_is_sealed = true;
		return;
	}
	fd = call(SYS_open_tree, AT_FDCWD, (long)self, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
	if (fd < 0)
		return;
	attr.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
	attr.attr_clr = 0;
	attr.propagation = 0;
	attr.userns_fd = 0;
	if (call(SYS_mount_setattr, fd, (long)"", AT_EMPTY_PATH, (long)&attr, sizeof(attr)) == 0)
		(void)call(SYS_execveat, fd, (long)"", (long)argv, (long)envp, AT_EMPTY_PATH);
	(void)call(SYS_close, fd, 0, 0, 0, 0);
}

/* rdx is what the dynamic linker wants called at the end; the C library's entry gets all as it was. */
__asm__(".text\n"
	".globl entry_start\n"
	".type entry_start, @function\n"
	"entry_start:\n"
	"	endbr64\n"
	"	xorl %ebp, %ebp\n"
	"	movq %rdx, %rbx\n"
	"	movq %rsp, %rdi\n"
	"	call entry_seal\n"
	"	movq %rbx, %rdx\n"
	"	jmp _start\n"
	".size entry_start, . - entry_start\n");

#endif
