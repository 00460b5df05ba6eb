/* SPDX-License-Identifier: Apache-2.0 */
/* start_probe.c - what the Makefile runs once to see that start.c fits this C library
 *
 * It uses what the start prepares: arguments and environment, constructors and
 * what runs at the end, thread-local storage, the guards of the stack and of
 * setjmp(3), what is read-only after relocation, and the copying functions up to
 * sizes where they take another way.
 * It prints what was asked for and exits with 0 only if all of that was right.
 *
 * usage: start_probe WORD
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGEST ((size_t)4 << 20)

static int constructed;
static jmp_buf back;

__attribute__((constructor)) static void construct(void)
{
	constructed++;
}

static void at_end(void)
{
	(void)puts("end");
}

/* Copies of all lengths around the powers of two, in both directions of an overlap. */
static int copies_are_right(void)
{
	static char from[LARGEST], to[LARGEST];

	for (size_t size = 1; size < LARGEST / 2; size *= 2)
		for (size_t length = size - 1; length <= size + 1; length++) {
			for (size_t i = 0; i <= length; i++)
				from[i] = (char)(i * 7 + length);
			memset(to, 1, length + 1);
			memcpy(to, from, length);
			if (memcmp(to, from, length) != 0 || to[length] != 1)
				return 0;
			memmove(to + 1, to, length);
			if (memcmp(to + 1, from, length) != 0)
				return 0;
			memmove(to, to + 1, length);
			if (memcmp(to, from, length) != 0)
				return 0;
		}
	return 1;
}

/* Random words, the lowest byte of the first zero (see start.c). */
static int guards_are_set(void)
{
	unsigned long stack, pointer;

	__asm__("movq %%fs:0x28, %0" : "=r"(stack));
	__asm__("movq %%fs:0x30, %0" : "=r"(pointer));
	return stack != 0 && (stack & 0xff) == 0 && pointer != 0;
}

/* The kernel does not write to what relocations alone may write to. */
static int relocated_is_read_only(void)
{
	static const char *table[] __attribute__((section(".data.rel.ro"), used)) = { "a", "b" };
	int ends[2];

	return pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "", 1) == 1 &&
	       read(ends[0], table, 1) < 0 && errno == EFAULT;
}

int main(int argc, char **argv)
{
	volatile int rounds = 0;
	char text[64];

	if (argc != 2 || constructed != 1 || !guards_are_set() || !relocated_is_read_only() ||
	    atexit(at_end) != 0)
		return 1;
	if (setjmp(back) == 0) {
		rounds = rounds + 1;
		longjmp(back, 1);
	}
	errno = 0;
	if (close(-1) == 0 || errno != EBADF || rounds != 1 || !copies_are_right())
		return 1;
	(void)snprintf(text, sizeof(text), "%s %.2f", argv[1], strtod("0.25", NULL));
	if (strstr(text, "0.25") != text + strlen(argv[1]) + 1 || !strchr(text, '.'))
		return 1;
	(void)printf("%s %s\n", text, secure_getenv("START_PROBE"));
	return 0;
}
