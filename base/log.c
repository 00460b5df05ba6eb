/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - what programs tell their callers; the library only debugs
 *
 * One line is one write(2), made on the stack: the container's init may debug
 * too, and two processes that append to one file must not mix their lines.
 * The state is the process's own, like its standard error; that is why it is
 * the one variable of the library that changes.
 * Lines: text as logrus has it (time="..." level=error msg="..."), JSON with
 * level, msg, time and, for errors, code, errno, phase and field.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/plain.h"
#include "base/units.h"

#define LINE_MAX_LEN 4096
#define MESSAGE_MAX  1024
#define IDENT_MAX    64

enum sink { SINK_STDERR, SINK_FILE, SINK_SYSLOG, SINK_JOURNALD };

static struct {
	enum sink sink;
	enum log_format format;
	enum log_level level;
	int fd;
	char ident[IDENT_MAX];
} out = { .fd = -1 };

static const struct {
	const char *name;
	int priority; /* syslog(3) */
} levels[] = {
	[LOG_ERROR] = { "error", 3 },
	[LOG_WARNING] = { "warning", 4 },
	[LOG_INFO] = { "info", 6 },
	[LOG_DEBUG] = { "debug", 7 },
};

/* A line on the stack that is cut, never overrun. */
struct line {
	size_t len;
	char s[LINE_MAX_LEN];
};

static void line_add(struct line *l, const char *s, size_t len)
{
	/* The end is kept free for what closes the line. */
	size_t room = sizeof(l->s) - 8 - l->len;

	if (len > room)
		len = room;
	memcpy(l->s + l->len, s, len);
	l->len += len;
}

static void line_puts(struct line *l, const char *s)
{
	line_add(l, s, strlen(s));
}

/* For a terminal: messages have words of strangers in them (names in archives, what a registry
 * says). */
static void line_plain(struct line *l, const char *s)
{
	for (const char *at = s; *at; at++) {
		const char c = plain_byte(s, at);

		line_add(l, *at == '\n' || *at == '\t' ? at : &c, 1);
	}
}

/* The length of the UTF-8 sequence at s, 0 when there is no valid one. */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] > 0xf4 || (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

/* A quoted string that is right in JSON and, near enough, in logrus' text. */
static void line_quote(struct line *l, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	line_puts(l, "\"");
	/* Whole characters only, and the quote at the end must still fit. */
	while (*s != '\0' && l->len < sizeof(l->s) - 256) {
		size_t n = utf8_len(s);
		char escape[8];

		if (n == 0) {
			line_puts(l, "\xef\xbf\xbd"); /* U+FFFD */
			s++;
			continue;
		}
		if (*s == '"' || *s == '\\')
			(void)snprintf(escape, sizeof(escape), "\\%c", *s);
		else if (*s == '\n' || *s == '\t')
			(void)snprintf(escape, sizeof(escape), "\\%c", *s == '\n' ? 'n' : 't');
		else if (*s < 0x20)
			(void)snprintf(escape, sizeof(escape), "\\u%04x", *s);
		else
			escape[0] = '\0';
		if (escape[0])
			line_puts(l, escape);
		else
			line_add(l, (const char *)s, n);
		s += n;
	}
	line_puts(l, "\"");
}

static void line_time(struct line *l)
{
	struct timespec now = { 0 };
	char text[40];

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail; 1970 if it did */
	units_time(&now, text, sizeof(text));
	line_quote(l, text);
}

static void line_json(struct line *l, enum log_level level, const char *msg, const struct err *err)
{
	char number[64];

	line_puts(l, "{\"level\":");
	line_quote(l, levels[level].name);
	line_puts(l, ",\"msg\":");
	line_quote(l, msg);
	line_puts(l, ",\"time\":");
	line_time(l);
	if (err) {
		const char *name = strerrorname_np(err->code);

		(void)snprintf(number, sizeof(number), ",\"code\":%d,\"errno\":", err->code);
		line_puts(l, number);
		line_quote(l, name && err->code != 0 ? name : "");
		line_puts(l, ",\"phase\":");
		line_quote(l, err->phase);
		line_puts(l, ",\"field\":");
		line_quote(l, err->field);
	}
	line_puts(l, "}");
}

static void line_text(struct line *l, enum log_level level, const char *msg)
{
	line_puts(l, "time=");
	line_time(l);
	line_puts(l, " level=");
	line_puts(l, levels[level].name);
	line_puts(l, " msg=");
	line_quote(l, msg);
}

/* journald's own protocol: a field as name, newline, length, bytes, newline
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL), so that a message may hold anything. */
static void line_journal(struct line *l, enum log_level level, const char *msg)
{
	uint64_t len = strlen(msg);
	unsigned char le[8];
	char head[128];

	(void)snprintf(head, sizeof(head), "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE\n",
		       levels[level].priority, out.ident);
	line_puts(l, head);
	for (int i = 0; i < 8; i++)
		le[i] = (unsigned char)(len >> (8 * i));
	line_add(l, (const char *)le, sizeof(le));
	line_add(l, msg, (size_t)len);
}

static void emit(enum log_level level, const char *msg, const struct err *err)
{
	int saved = errno;
	struct line l = { .len = 0 };
	char head[IDENT_MAX + 16];

	switch (out.sink) {
	case SINK_STDERR:
		line_plain(&l, msg);
		break;
	case SINK_FILE:
		if (out.format == LOG_JSON)
			line_json(&l, level, msg, err);
		else
			line_text(&l, level, msg);
		break;
	case SINK_SYSLOG:
		(void)snprintf(head, sizeof(head), "<%d>%s: ", 8 | levels[level].priority,
			       out.ident); /* facility user */
		line_puts(&l, head);
		line_puts(&l, msg);
		break;
	case SINK_JOURNALD:
		line_journal(&l, level, msg);
		break;
	}
	line_puts(&l, "\n");
	/* A full disk or a dead logger must not stop a container. */
	if (out.sink == SINK_SYSLOG || out.sink == SINK_JOURNALD)
		(void)send(out.fd, l.s, l.len, MSG_NOSIGNAL);
	else
		(void)fd_write_full(out.sink == SINK_FILE ? out.fd : STDERR_FILENO, l.s, l.len);
	errno = saved;
}

static int connect_logger(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err, "make a socket for the log");
	if (str_copy(addr.sun_path, sizeof(addr.sun_path), path) < 0 ||
	    connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(err, "connect to \"%s\"", path);
	return fd_take(&fd);
}

static int open_file(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);

	if (fd < 0)
		return err_sys(err, "open log file \"%s\"", path);
	return fd;
}

int log_open(const char *target, enum log_format format, enum log_level level, struct err *err)
{
	static const struct {
		const char *prefix;
		enum sink sink;
		const char *socket; /* NULL: a file */
	} kinds[] = {
		{ "file:", SINK_FILE, NULL },
		{ "syslog:", SINK_SYSLOG, "/dev/log" },
		{ "journald:", SINK_JOURNALD, "/run/systemd/journal/socket" },
		{ "", SINK_FILE, NULL },
	};
	size_t i = 0;
	int fd = -1;

	if (target) {
		while (!str_starts(target, kinds[i].prefix))
			i++;
		target += strlen(kinds[i].prefix);
		fd = kinds[i].socket ? connect_logger(kinds[i].socket, err)
				     : open_file(target, err);
		if (fd < 0)
			return -1;
		/* The name in other people's logs may be cut. */
		(void)str_copy(out.ident, sizeof(out.ident), *target ? target : "skerry");
	}
	(void)fd_close(out.fd);
	out.fd = fd;
	out.sink = target ? kinds[i].sink : SINK_STDERR;
	out.format = format;
	out.level = level;
	return 0;
}

bool log_wants(enum log_level level)
{
	return level <= out.level;
}

PRINTF(2, 0)
static void log_format(enum log_level level, const char *format, va_list ap)
{
	char msg[MESSAGE_MAX];

	if (!log_wants(level) || vsnprintf(msg, sizeof(msg), format, ap) < 0)
		return;
	emit(level, msg, NULL);
}

void log_debug(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_format(LOG_DEBUG, format, ap);
	va_end(ap);
}

void log_warning(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_format(LOG_WARNING, format, ap);
	va_end(ap);
}

void log_error(const struct err *err)
{
	struct line l = { .len = 0 };

	emit(LOG_ERROR, err->msg, err);
	if (out.sink == SINK_STDERR)
		return;
	/* Engines match on standard error even when they gave us a log. */
	line_puts(&l, err->msg);
	line_puts(&l, "\n");
	(void)fd_write_full(STDERR_FILENO, l.s, l.len);
}

int log_fd(void)
{
	return out.fd;
}
