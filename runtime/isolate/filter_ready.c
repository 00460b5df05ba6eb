/* SPDX-License-Identifier: Apache-2.0 */
/* filter_ready.c - a seccomp program that comes ready in an annotation
 *
 * The bytes are struct sock_filter of this machine in base64 (RFC 4648, with
 * padding); the kernel checks the program when it is loaded.
 */
#include "runtime/isolate/filter_ready.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* Bytes written to out (which has room for len / 4 * 3), or -1. */
static ssize_t base64_decode(const char *text, size_t len, unsigned char *out)
{
	size_t n = 0;

	if (len % 4 != 0)
		return -1;
	for (size_t i = 0; i < len; i += 4) {
		size_t pad = i + 4 < len ? 0 : (size_t)(text[i + 3] == '=') + (text[i + 2] == '=');
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int digit = k >= 4 - pad ? 0 : base64_digit(text[i + k]);

			if (digit < 0)
				return -1;
			v = v << 6 | (uint32_t)digit;
		}
		if (pad == 2 && text[i + 3] != '=')
			return -1;
		for (size_t k = 0; k < 3 - pad; k++)
			out[n++] = (unsigned char)(v >> (16 - 8 * k));
	}
	return (ssize_t)n;
}

int filter_ready_make(const char *text, struct arena *arena, struct filter *ret, struct err *err)
{
	size_t len = strlen(text);
	unsigned char *data = arena_alloc(arena, len / 4 * 3 + 3);
	ssize_t n;

	if (data == NULL)
		return err_sys(err, "seccomp: memory for the program");
	n = base64_decode(text, len, data);
	if (n <= 0 || (size_t)n % sizeof(*ret->insn) != 0 ||
	    (size_t)n / sizeof(*ret->insn) > BPF_MAXINSNS)
		return err_field(err, EINVAL, "/annotations/" FILTER_READY_ANNOTATION,
				 "seccomp: the annotation \"" FILTER_READY_ANNOTATION
				 "\" is not a program in base64");
	ret->insn = (struct sock_filter *)(void *)data;
	ret->n = (size_t)n / sizeof(*ret->insn);
	for (size_t i = 0; i < ret->n; i++) {
		if (BPF_CLASS(ret->insn[i].code) == BPF_RET &&
		    (ret->insn[i].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
			ret->notify = true;
	}
	return 0;
}
