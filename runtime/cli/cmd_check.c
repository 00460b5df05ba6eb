/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_check.c - skerry check: what this host will refuse of a bundle, before running it */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"

struct check_options {
	const char *bundle, *config;
	bool json;
};

static const struct option rows[] = {
	{ .name = "bundle",
	  .letter = 'b',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct check_options, bundle),
	  .value = "DIR",
	  .help = "folder of the bundle (default: the current folder)" },
	{ .name = "config",
	  .letter = 'f',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct check_options, config),
	  .value = "FILE",
	  .help = "another name for the bundle's config.json" },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct check_options, json),
	  .help = "print a JSON array of objects with field and reason" },
};

struct finding {
	char *field, *reason;
};
struct findings {
	struct finding *v;
	size_t n;
};
struct report {
	struct findings list;
};

static const struct json_field finding_fields[] = {
	JSON_FIELD(struct finding, field, JSON_STRING),
	JSON_FIELD(struct finding, reason, JSON_STRING),
};
static const struct json_table finding_table = JSON_TABLE(struct finding, finding_fields);
static const struct json_field report_fields[] = {
	JSON_FIELD(struct report, list, JSON_OBJECTS, .sub = &finding_table),
};
static const struct json_table report_table = JSON_TABLE(struct report, report_fields);

static int print_findings(struct cli *cli, const char *json, struct err *err)
{
	AUTO_BUF wrapped;
	AUTO_BUF out;
	struct report r;
	buf_init(&wrapped);
	buf_init(&out);
	buf_printf(&wrapped, "{\"list\":%s}", json);
	if (json_decode("check", wrapped.s, wrapped.len, &report_table, &r, &cli->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < r.list.n; i++) {
		const struct finding *f = &r.list.v[i];
		if (f->field && f->field[0])
			buf_printf(&out, "%s: ", f->field);
		buf_printf(&out, "%s\n", f->reason ? f->reason : "refused");
	}
	return print_buf(&out, err);
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct check_options *o = options;
	const char *config = args->n > 0 ? args->v[0] : o->config;
	struct skerry_error failed = { 0 };
	int bad = 0;
	AUTO_FREE char *json = skerry_check_json(cli->skerry, o->bundle, config, &bad, &failed);
	if (!json)
		return cli_fail(&failed, err);
	int ret = o->json ? print_line(json, err) : print_findings(cli, json, err);
	if (ret < 0)
		return -1;
	return bad > 0 ? CLI_FAILED : 0;
}

const struct command cmd_check = {
	.name = "check",
	.arguments = "[FILE]",
	.summary = "say what this host will refuse of a bundle",
	.description =
		"Nothing is changed or started.  Exits with 0 when all of it can be done, with 1\n"
		"and a line for each reason when not.\n",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct check_options),
	.max_args = 1,
	.run = run,
};
