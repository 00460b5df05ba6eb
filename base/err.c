/* SPDX-License-Identifier: Apache-2.0 */
/* err.c - an error is a value
 *
 * Runs in the container's init as well: nothing here allocates.  That is why
 * strerrordesc_np(3) words errno: strerror(3) may allocate and translate.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

PRINTF(3, 0)
static void format_message(struct err *err, int code, const char *format, va_list ap)
{
	err->code = code;
	/* A cut message is still the best there is. */
	if (vsnprintf(err->msg, sizeof(err->msg), format, ap) < 0)
		err->msg[0] = '\0';
}

void err_set_(struct err *err, int code, const char *format, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, format);
	format_message(err, code, format, ap);
	va_end(ap);
}

void err_sys_(struct err *err, const char *format, ...)
{
	int code = errno;
	const char *reason = strerrordesc_np(code);
	char tail[64];
	size_t len, need;
	va_list ap;

	if (!err)
		return;
	va_start(ap, format);
	format_message(err, code, format, ap);
	va_end(ap);
	if (reason)
		(void)snprintf(tail, sizeof(tail), ": %s", reason);
	else
		(void)snprintf(tail, sizeof(tail), ": error %d", code);

	/* The reason is worth more than the end of a long path. */
	need = strlen(tail);
	len = strlen(err->msg);
	if (len > sizeof(err->msg) - 1 - need)
		len = sizeof(err->msg) - 1 - need;
	memcpy(err->msg + len, tail, need + 1);
	errno = code;
}

void err_wrap_(struct err *err, const char *format, ...)
{
	char inner[ERR_MSG_MAX];
	size_t len, need;
	va_list ap;

	if (!err)
		return;
	memcpy(inner, err->msg, sizeof(inner));
	inner[sizeof(inner) - 1] = '\0';
	va_start(ap, format);
	format_message(err, err->code, format, ap);
	va_end(ap);

	len = strlen(err->msg);
	if (len > sizeof(err->msg) - 3)
		len = sizeof(err->msg) - 3;
	memcpy(err->msg + len, ": ", 3);
	len += 2;
	need = strlen(inner);
	if (need > sizeof(err->msg) - 1 - len)
		need = sizeof(err->msg) - 1 - len;
	memcpy(err->msg + len, inner, need);
	err->msg[len + need] = '\0';
}

static void set_field(struct err *err, const char *pointer)
{
	size_t len = strlen(pointer);

	if (len > sizeof(err->field) - 1)
		len = sizeof(err->field) - 1;
	memcpy(err->field, pointer, len);
	err->field[len] = '\0';
}

void err_field_(struct err *err, int code, const char *pointer, const char *format, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, format);
	format_message(err, code, format, ap);
	va_end(ap);
	set_field(err, pointer);
}

int err_at(struct err *err, const char *pointer)
{
	if (err && err->field[0] == '\0')
		set_field(err, pointer);
	return -1;
}

void err_received(struct err *err)
{
	err->msg[sizeof(err->msg) - 1] = '\0';
	err->field[sizeof(err->field) - 1] = '\0';
	err->phase[sizeof(err->phase) - 1] = '\0';
}

void err_clear(struct err *err)
{
	if (err)
		*err = (struct err){ 0 };
}
