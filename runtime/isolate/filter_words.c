/* SPDX-License-Identifier: Apache-2.0 */
/* filter_words.c - the words of a seccomp profile and the kernel's numbers
 *
 * The words are those of runtime/spec/names.c.  Architectures and system calls
 * are not here but in filter.c: they are libseccomp's.
 * runtime-spec config-linux.md "Seccomp"; seccomp(2).
 */
#include "runtime/isolate/filter_words.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "runtime/spec/names.h"

#define ERRNO_MAX 4095U /* MAX_ERRNO of the kernel */

const unsigned int filter_flags[] = {
	SECCOMP_FILTER_FLAG_LOG,
	SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	SECCOMP_FILTER_FLAG_TSYNC,
	SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
};

int filter_word(const char *const *names, const char *word)
{
	for (int i = 0; word != NULL && names[i] != NULL; i++) {
		if (strcmp(names[i], word) == 0)
			return i;
	}
	return -1;
}

int filter_bad(struct err *err, const char *what, const char *value, const char *format, ...)
{
	char field[ERR_FIELD_MAX];
	AUTO_BUF pointer;
	va_list ap;

	buf_init(&pointer);
	buf_puts(&pointer, "/linux/seccomp/");
	va_start(ap, format);
	buf_vprintf(&pointer, format, ap);
	va_end(ap);
	(void)str_copy(field, sizeof(field), pointer.s);
	return err_field(err, EINVAL, field, "seccomp: bad %s \"%s\"", what,
			 value != NULL ? value : "");
}

/* A word and its errno to the kernel's number: 0; 1 no such word; 2 an errno that doesn't belong. */
int filter_action(const char *word, const struct opt_u64 *errno_ret, uint32_t *ret)
{
	static const struct {
		const char *word;
		uint32_t action;
	} plain[] = {
		{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
		{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
		{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
		{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
		{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
		{ "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF },
		{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
	};
	uint64_t code = errno_ret->has ? errno_ret->v : EPERM;

	if (word == NULL)
		return 1;
	if (strcmp(word, "SCMP_ACT_ERRNO") == 0) {
		*ret = SECCOMP_RET_ERRNO | ((uint32_t)code & SECCOMP_RET_DATA);
		return code <= ERRNO_MAX ? 0 : 2;
	}
	if (strcmp(word, "SCMP_ACT_TRACE") == 0) {
		*ret = SECCOMP_RET_TRACE | ((uint32_t)code & SECCOMP_RET_DATA);
		return code <= UINT16_MAX ? 0 : 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (strcmp(word, plain[i].word) == 0) {
			*ret = plain[i].action;
			return errno_ret->has ? 2 : 0;
		}
	}
	return 1;
}

bool filter_flag_works(const char *name)
{
	int k = filter_word(seccomp_flag_names, name);
	unsigned int bits;

	if (k < 0)
		return false;
	bits = filter_flags[k];
	if (bits == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
		bits |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	/* flags are looked at before the program, and there is none */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, bits, NULL) < 0 && errno == EFAULT;
}
