/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_doctor.c - skerry doctor: what this host can do, what it lacks, how to mend it */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"

struct doctor_options {
	bool json, strict;
};

static const struct option rows[] = {
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct doctor_options, json),
	  .help = "print a JSON array of objects with what, ok, why and fix" },
	{ .name = "strict",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct doctor_options, strict),
	  .help = "exit with 1 when something is lacking" },
};

struct finding {
	char *what, *why, *fix;
	bool ok;
};
struct findings {
	struct finding *v;
	size_t n;
};
struct report {
	struct findings list;
};

static const struct json_field finding_fields[] = {
	JSON_FIELD(struct finding, what, JSON_STRING),
	JSON_FIELD(struct finding, why, JSON_STRING),
	JSON_FIELD(struct finding, fix, JSON_STRING),
	JSON_FIELD(struct finding, ok, JSON_BOOL),
};
static const struct json_table finding_table = JSON_TABLE(struct finding, finding_fields);
static const struct json_field report_fields[] = {
	JSON_FIELD(struct report, list, JSON_OBJECTS, .sub = &finding_table),
};
static const struct json_table report_table = JSON_TABLE(struct report, report_fields);

static void write_finding(struct buf *out, const struct finding *f)
{
	buf_printf(out, "%s %s", f->ok ? "ok  " : "no  ", f->what ? f->what : "");
	if (f->why && f->why[0])
		buf_printf(out, ": %s", f->why);
	buf_putc(out, '\n');
	if (!f->ok && f->fix && f->fix[0])
		buf_printf(out, "     %s\n", f->fix);
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)args; /* takes none */
	const struct doctor_options *o = options;
	struct skerry_error failed = { 0 };
	AUTO_FREE char *json = skerry_doctor_json(cli->skerry, &failed);
	if (!json)
		return cli_fail(&failed, err);
	AUTO_BUF wrapped;
	AUTO_BUF out;
	struct report r;
	buf_init(&wrapped);
	buf_init(&out);
	buf_printf(&wrapped, "{\"list\":%s}", json);
	if (json_decode("doctor", wrapped.s, wrapped.len, &report_table, &r, &cli->arena, err) < 0)
		return -1;
	bool lacking = false;
	for (size_t i = 0; i < r.list.n; i++) {
		write_finding(&out, &r.list.v[i]);
		lacking = lacking || !r.list.v[i].ok;
	}
	if ((o->json ? print_line(json, err) : print_buf(&out, err)) < 0)
		return -1;
	return o->strict && lacking ? CLI_FAILED : 0;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "say what this host can do, what it lacks and how to mend it",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct doctor_options),
	.run = run,
};
