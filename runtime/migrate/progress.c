/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - what the source tells while it works, as words or as JSON */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "runtime/migrate/source.h"

static void put(const struct buf *b, int fd)
{
	if (!buf_failed(b))
		(void)fd_write_full(fd, b->s, b->len);
}

void progress(const struct source *s, const char *phase, const char *format, ...)
{
	struct json_out o;
	va_list ap;
	AUTO_BUF words;
	AUTO_BUF line;

	buf_init(&words);
	buf_init(&line);
	if (s->o->quiet)
		return;
	va_start(ap, format);
	buf_vprintf(&words, format, ap);
	va_end(ap);
	if (!s->o->json) {
		buf_printf(&line, "%-8s %s\n", phase, words.s);
		put(&line, STDERR_FILENO);
		return;
	}
	json_out_init(&o, &line, 0);
	json_begin_object(&o);
	json_kv_string(&o, "phase", phase);
	json_kv_string(&o, "text", words.s);
	json_kv_int(&o, "milliseconds", clock_ms() - s->began);
	json_kv_uint(&o, "sent", s->channel.sent);
	json_kv_uint(&o, "round", s->rounds);
	if (strcmp(phase, "round") == 0) {
		json_kv_uint(&o, "read", s->memory.seen);
		json_kv_uint(&o, "changed", s->memory.changed);
		json_kv_string(&o, "tracker", memory_tracker(&s->memory));
	}
	json_end_object(&o);
	buf_putc(&line, '\n');
	put(&line, STDOUT_FILENO);
}

void progress_result(const struct source *s)
{
	struct json_out o;
	AUTO_BUF line;

	buf_init(&line);
	if (!s->o->json) {
		buf_printf(
			&line,
			"%s runs on %s: stood still for %lld ms, %lld ms in all, %llu round%s, %llu "
			"MiB sent\n",
			s->id, s->host, (long long)(s->thawed - s->frozen),
			(long long)(clock_ms() - s->began), (unsigned long long)s->rounds,
			s->rounds == 1 ? "" : "s", (unsigned long long)(s->channel.sent >> 20));
		if (!s->o->quiet)
			put(&line, STDOUT_FILENO);
		return;
	}
	json_out_init(&o, &line, 0);
	json_begin_object(&o);
	json_kv_string(&o, "phase", "done");
	json_kv_string(&o, "id", s->id);
	json_kv_string(&o, "host", s->host);
	json_kv_int(&o, "downtime", s->thawed - s->frozen);
	/* Where it went. */
	json_key(&o, "stopped");
	json_begin_object(&o);
	json_kv_int(&o, "dump", s->dumped - s->frozen);
	json_kv_int(&o, "send", s->sent_all - s->dumped);
	json_kv_int(&o, "restore", s->ready - s->sent_all);
	json_kv_int(&o, "commit", s->thawed - s->ready);
	json_end_object(&o);
	json_kv_int(&o, "milliseconds", clock_ms() - s->began);
	json_kv_uint(&o, "rounds", s->rounds);
	json_kv_uint(&o, "sent", s->channel.sent);
	json_kv_uint(&o, "files", s->sent.files);
	json_kv_uint(&o, "memory", s->memory_bytes);
	json_kv_uint(&o, "lastMemory", s->last_bytes);
	json_end_object(&o);
	buf_putc(&line, '\n');
	put(&line, STDOUT_FILENO);
}
