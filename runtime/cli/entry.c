/* SPDX-License-Identifier: Apache-2.0 */
/* entry.c - the first instructions of the program
 *
 * Commands that enter a container run from a read-only mount of the program's
 * file (skerry_seal()), which takes a second execve(2).  Done in main() it would
 * be a second start of the C library as well: relocation, processor features,
 * a hundred page faults, for a process that does nothing else.  So the kernel
 * enters here, and the process gets its file before the C library begins.
 *
 * Most often that takes no execve(2) at all: the segments are mapped again, from
 * the read-only mount and over themselves, while nothing has been written to
 * them, and PR_SET_MM_MAP of prctl(2) makes that file the one that /proc/PID/exe
 * leads to.  The kernel refuses as long as anything of the old file is mapped,
 * so there is no half of it.  It wants CONFIG_CHECKPOINT_RESTORE; without that
 * the mount is executed.  Whatever fails leaves it to skerry_seal(), which knows
 * the other ways and says what is wrong.
 *
 * Nothing here may need relocation, thread-local storage or the C library: no
 * table of pointers, no stack protector, no memset().  The Makefile has the
 * flags.  Other processors than x86-64 begin at the C library's _start.
 */
#include "base/raw_call.h"
#include "runtime/cli/cli.h"

bool entry_is_sealed;

#if defined(__x86_64__)

# include <elf.h>
# include <errno.h>
# include <fcntl.h>
# include <linux/mount.h>
# include <linux/prctl.h>
# include <stddef.h>
# include <stdint.h>
# include <sys/mman.h>
# include <sys/syscall.h>
# include <unistd.h>

static long call(long number, long a, long b, long c, long d, long e)
{
	return raw_call(number, a, b, c, d, e, 0);
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
	static const char words[][8] = { "run",	   "create",  "exec", "mounts",
					 "device", "restore", "clone" };

	for (; *argv; argv++)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (is_word(*argv, words[i]))
				return 1;
	return 0;
}

# define PAGE	  4096UL
# define DOWN(at) ((at) & ~(PAGE - 1))
# define UP(at)	  DOWN((at) + PAGE - 1)

/* The linker's: the ELF header, as it is mapped. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

/* Maps one segment of file over itself; what follows its bytes in their last page is zero, as
 * elf(5) wants. */
static int map_again(const Elf64_Phdr *segment, uintptr_t base, long file)
{
	uintptr_t begin = base + segment->p_vaddr, end = begin + segment->p_filesz;
	int prot = ((segment->p_flags & PF_R) ? PROT_READ : 0) |
		   ((segment->p_flags & PF_W) ? PROT_WRITE : 0) |
		   ((segment->p_flags & PF_X) ? PROT_EXEC : 0);
	uintptr_t got =
		(uintptr_t)raw_call(SYS_mmap, (long)DOWN(begin), (long)(end - DOWN(begin)), prot,
				    MAP_PRIVATE | MAP_FIXED, file, (long)DOWN(segment->p_offset));

	if (got != DOWN(begin))
		return -1;
	if (segment->p_flags & PF_W) {
		size_t left = UP(end) - end;

		__asm__ volatile("rep stosb" : "+D"(end), "+c"(left) : "a"(0) : "memory");
	}
	return 0;
}

/* PR_SET_MM(2const): all of it is as the kernel has it, but for the file. */
static void describe(struct prctl_mm_map *map, const Elf64_Phdr *segment, uintptr_t base)
{
	uintptr_t begin = base + segment->p_vaddr, end = begin + segment->p_filesz;

	if (segment->p_flags & PF_X) {
		map->start_code = begin;
		map->end_code = end;
	} else if (segment->p_flags & PF_W) {
		map->start_data = begin;
		map->end_data = end;
	}
}

/* The words of argv or envp lie one after the other. */
static uintptr_t end_of(char *const words[], uintptr_t at)
{
	const char *last;

	if (!words[0])
		return at;
	while (words[1])
		words++;
	last = words[0];
	while (*last)
		last++;
	return (uintptr_t)last + 1;
}

/* Makes file, which is this program's, the one that this process runs from. */
static int run_from(long file, char *const argv[], char *const envp[])
{
	const Elf64_Ehdr *header = &__ehdr_start;
	const Elf64_Phdr *segments = (const void *)((const char *)header + header->e_phoff);
	uintptr_t base = header->e_type == ET_DYN ? (uintptr_t)header : 0;
	struct prctl_mm_map map;

	/* A dynamic linker was here before: its relocations are in the segments. */
	for (size_t i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_INTERP)
			return -1;

	map.start_code = map.end_code = map.start_data = map.end_data = 0;
	for (size_t i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type != PT_LOAD)
			continue;
		if (map_again(&segments[i], base, file) < 0)
			return -1;
		describe(&map, &segments[i], base);
	}
	map.start_brk = map.brk = (uintptr_t)call(SYS_brk, 0, 0, 0, 0, 0);
	map.start_stack = (uintptr_t)(argv - 1);
	map.arg_start = (uintptr_t)argv[0];
	map.arg_end = end_of(argv, map.arg_start);
	map.env_start = map.arg_end;
	map.env_end = end_of(envp, map.env_start);
	map.auxv = NULL;
	map.auxv_size = 0;
	map.exe_fd = (uint32_t)file;
	return (int)call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, (long)&map, sizeof(map), 0);
}

/* A descriptor of a path alone can't be mapped: opened again, for reading. */
static long open_to_map(long path)
{
	char name[] = "/proc/self/fd/\0\0\0\0\0\0\0\0\0\0";
	char *at = name + sizeof("/proc/self/fd/") - 1;
	long unit = 1;

	while (path / unit >= 10)
		unit *= 10;
	for (; unit; unit /= 10)
		*at++ = (char)('0' + path / unit % 10);
	return call(SYS_openat, AT_FDCWD, (long)name, O_RDONLY | O_CLOEXEC, 0, 0);
}

/* What is inherited between the two stays open. */
static void close_both(long fd, long file)
{
	if (file == fd + 1) {
		(void)call(SYS_close_range, fd, file, 0, 0, 0);
		return;
	}
	(void)call(SYS_close, fd, 0, 0, 0, 0);
	if (file >= 0)
		(void)call(SYS_close, file, 0, 0, 0, 0);
}

/* A read-only mount of the program's file, attached nowhere. */
static long clone_read_only(const char *self)
{
	struct mount_attr attr;
	long fd = call(SYS_open_tree, AT_FDCWD, (long)self, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0,
		       0);

	if (fd < 0)
		return -1;
	attr.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
	attr.attr_clr = 0;
	attr.propagation = 0;
	attr.userns_fd = 0;
	if (call(SYS_mount_setattr, fd, (long)"", AT_EMPTY_PATH, (long)&attr, sizeof(attr)) == 0)
		return fd;
	(void)call(SYS_close, fd, 0, 0, 0, 0);
	return -1;
}

/* proc(5), environ(7): the stack as execve(2) left it: argc, argv, NULL, envp, NULL. */
__attribute__((used)) void entry_seal(long *stack);
void entry_seal(long *stack)
{
	static const char self[] = "/proc/self/exe";
	char **argv = (char **)(stack + 1);
	char **envp = argv + stack[0] + 1;
	long fd, file;

	if (stack[0] < 1 || !has_sealed_command(argv + 1))
		return;
	if (call(SYS_faccessat2, AT_FDCWD, (long)self, W_OK, AT_EACCESS, 0) == -EROFS) {
		entry_is_sealed = true;
		return;
	}
	fd = clone_read_only(self);
	if (fd < 0)
		return;
	file = open_to_map(fd);
	if (file >= 0 && run_from(file, argv, envp) == 0)
		entry_is_sealed = true;
	else
		(void)call(SYS_execveat, fd, (long)"", (long)argv, (long)envp, AT_EMPTY_PATH);
	close_both(fd, file);
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
