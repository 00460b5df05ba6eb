/* SPDX-License-Identifier: Apache-2.0 */
/* raw_call.h - a system call without the C library
 *
 * For code that runs before the C library is ready, or shares its memory, and so
 * errno, with another process.  x86-64 only.
 * syscall(2), "Architecture calling conventions".
 */
#ifndef SKERRY_BASE_RAW_CALL_H
#define SKERRY_BASE_RAW_CALL_H

#if defined(__x86_64__)

/* The result, or -errno. */
static inline long raw_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long rax = number;

	__asm__ volatile("syscall"
			 : "+a"(rax)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return rax;
}

#endif

#endif
