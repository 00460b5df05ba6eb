/* SPDX-License-Identifier: Apache-2.0 */
/* start.c - the C library's start in a static program, without asking the processor
 *
 * glibc's __libc_start_main() finds out the processor's features and caches to
 * choose among its string functions: some forty times cpuid, each of which is an
 * exit to the hypervisor in a virtual machine (3.9 us measured, half of all that
 * an empty program costs).  Our programs live a few milliseconds and copy a few
 * kilobytes.  So this __libc_start_main() is linked in its place; it does the
 * same in the same order and leaves the features empty, whereupon every choice
 * falls on what all x86-64 processors have.
 *
 * What it calls are glibc's own parts (csu/libc-start.c), hidden outside of a
 * static program, and they are of one version.  The Makefile compiles this, links
 * it and runs it once; where that fails, glibc's own start is linked as ever.
 * Nothing that copies or computes much is linked with it.
 *
 * The second part of it that is left out prepares for libraries that a static program
 * loads, which none of ours does: 26 us, and the vDSO's clocks, which are asked for
 * a few times at most.
 *
 * Not kept: GLIBC_TUNABLES and MALLOC_* of the environment, which has no say in
 * programs that run as root (and comparing it with every tunable is as long as the
 * rest), and a thread's pthread_exit() in main(), which nothing here does.
 */
#include <elf.h>
#include <features.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/raw_call.h"

#if !defined(__x86_64__) || (defined(__GLIBC__) && (__GLIBC__ != 2 || __GLIBC_MINOR__ != 36))
# error "the parts of the C library's start are known for glibc 2.36 on x86-64"
#endif

#define HIDDEN __attribute__((visibility("hidden")))

typedef void part_fn(int argc, char **argv, char **envp);

/* Elf64_Rela of R_X86_64_IRELATIVE (System V ABI for x86-64, "Relocation"), as pointers: where the
 * address of a function belongs that is chosen at run time, and who chooses. */
struct choice {
	uintptr_t *where;
	uint64_t info;
	uintptr_t (*chosen)(void);
};

/* NOLINTBEGIN(bugprone-reserved-identifier): these names are the C library's. */
extern HIDDEN char **__environ;
extern void *__libc_stack_end;
extern HIDDEN const uintptr_t *_dl_random;
extern HIDDEN int __libc_enable_secure;
extern HIDDEN part_fn *const __preinit_array_start[], *const __preinit_array_end[];
extern HIDDEN part_fn *const __init_array_start[], *const __init_array_end[];
extern HIDDEN void (*const __fini_array_start[])(void), (*const __fini_array_end[])(void);
extern HIDDEN const struct choice __rela_iplt_start[] __attribute__((weak));
extern HIDDEN const struct choice __rela_iplt_end[] __attribute__((weak));

HIDDEN void _dl_aux_init(const Elf64_auxv_t *auxv);
HIDDEN void _dl_relocate_static_pie(void);
HIDDEN void __libc_setup_tls(void);
HIDDEN void __libc_early_init(_Bool initial);
HIDDEN void __libc_init_first(int argc, char **argv, char **envp);
HIDDEN void __init_misc(int argc, char **argv, char **envp);
extern HIDDEN int __libc_argc;
extern HIDDEN char **__libc_argv;
extern HIDDEN int _dl_stack_flags;
extern HIDDEN size_t _dl_pagesize;
extern HIDDEN const Elf64_Phdr *_dl_phdr;
extern HIDDEN size_t _dl_phnum;
extern HIDDEN Elf64_Ehdr __ehdr_start;
HIDDEN void __libc_check_standard_fds(void);
int __cxa_atexit(void (*function)(void *), void *argument, void *object);
void _init(void);
void _fini(void);

/* cacheinfo.h of glibc: where a copy takes another way, in bytes; what it has before it asks. */
HIDDEN long __x86_data_cache_size = 32L * 1024;
HIDDEN long __x86_data_cache_size_half = 32L * 1024 / 2;
HIDDEN long __x86_shared_cache_size = 1024L * 1024;
HIDDEN long __x86_shared_cache_size_half = 1024L * 1024 / 2;
HIDDEN long __x86_shared_non_temporal_threshold = 1024L * 1024 * 3 / 4;
HIDDEN long __x86_rep_movsb_threshold = 2048;
HIDDEN long __x86_rep_movsb_stop_threshold = 1024L * 1024 * 3 / 4;
HIDDEN long __x86_rep_stosb_threshold = 2048;
HIDDEN int __x86_string_control;

static void call_all(part_fn *const *at, part_fn *const *end, int argc, char **argv)
{
	for (; at < end; at++)
		(*at)(argc, argv, __environ);
}

static void finish(void *unused)
{
	(void)unused;
	for (size_t n = (size_t)(__fini_array_end - __fini_array_start); n > 0; n--)
		__fini_array_start[n - 1]();
	_fini();
}

static void choose(const struct choice *at, const struct choice *end)
{
	for (; at < end; at++)
		*at->where = at->chosen();
}

/* tcbhead_t of glibc: what -fstack-protector compares, and what setjmp(3) hides addresses with.
 * The lowest byte of the first is zero, so that no string runs over it. */
static void set_guards(const uintptr_t random[2])
{
	__asm__ volatile("movq %0, %%fs:0x28" : : "r"(random[0] & ~(uintptr_t)0xff));
	__asm__ volatile("movq %0, %%fs:0x30" : : "r"(random[1]));
}

/* What only relocations write (-z relro) is read-only from now on. */
static void protect(void)
{
	static const char failed[] = "the system denies mprotect(2)\n";
	const Elf64_Addr page = ~(Elf64_Addr)(_dl_pagesize - 1);
	Elf64_Addr first = 0; /* address that the file's header is linked for */
	char *header = (char *)&__ehdr_start;

	for (size_t i = 0; i < _dl_phnum; i++) {
		const Elf64_Phdr *at = &_dl_phdr[i];
		Elf64_Addr start = at->p_vaddr & page, end = (at->p_vaddr + at->p_memsz) & page;

		if (at->p_type == PT_LOAD && at->p_offset == 0)
			first = at->p_vaddr;
		if (at->p_type != PT_GNU_RELRO || end <= start)
			continue;
		if (mprotect(header + (start - first), end - start, PROT_READ) < 0) {
			(void)raw_call(SYS_write, 2, (long)failed, sizeof(failed) - 1, 0, 0, 0);
			(void)raw_call(SYS_exit_group, 127, 0, 0, 0, 0, 0);
		}
	}
}

/* __libc_init_first() without _dl_non_dynamic_init(), which prepares for libraries that a static
 * program loads: the vDSO's symbols, the folders to look into and where the program lies, by
 * readlink(2) of /proc/self/exe.  Of what it does protect() is needed and that no stack of ours is
 * executable; it stays where variables must be taken out of the environment. */
static void init_first(int argc, char **argv)
{
	if (__libc_enable_secure) {
		__libc_init_first(argc, argv, __environ);
		return;
	}
	__libc_argc = argc;
	__libc_argv = argv;
	_dl_stack_flags = PF_R | PF_W;
	protect();
	__init_misc(argc, argv, __environ);
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*linker_fini)(void), void *stack_end);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*linker_fini)(void), void *stack_end)
{
	char **end = argv + argc + 1;

	(void)init;
	(void)fini;
	(void)linker_fini; /* of a dynamic linker: there is none */
	__environ = end;
	__libc_stack_end = stack_end;
	while (*end)
		end++;
	_dl_aux_init((const Elf64_auxv_t *)(end + 1));
	_dl_relocate_static_pie();
	choose(__rela_iplt_start, __rela_iplt_end);
	__libc_setup_tls();
	set_guards(_dl_random);
	__libc_early_init(1);
	init_first(argc, argv);
	(void)__cxa_atexit(finish, NULL, NULL);
	if (__libc_enable_secure)
		__libc_check_standard_fds();
	call_all(__preinit_array_start, __preinit_array_end, argc, argv);
	_init();
	call_all(__init_array_start, __init_array_end, argc, argv);
	exit(main(argc, argv, __environ));
}
/* NOLINTEND(bugprone-reserved-identifier) */
