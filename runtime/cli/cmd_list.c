/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_list.c - skerry list: the containers of a state directory
 *
 * A container that can't be read is a warning, the others are still listed.
 * JSON is one line, null for no containers, as go-runc has always read it.
 */
#include <errno.h>

#include "base/json.h"
#include "base/log.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"

struct list_options {
	const char *format;
	bool quiet;
};

static const struct option rows[] = {
	{ .name = "format",
	  .letter = 'f',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct list_options, format),
	  .value = "FORMAT",
	  .help = "table or json (default: table)" },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct list_options, quiet),
	  .help = "print only the ids" },
};
static const struct list_options defaults = { .format = "table" };

enum { COLUMNS = 6 };

struct found {
	struct skerry_state *v;
	size_t n;
};

static void write_json(struct buf *out, const struct found *all)
{
	struct json_out o;
	json_out_init(&o, out, 0);
	if (all->n == 0) {
		json_null(&o);
		return;
	}
	json_begin_array(&o);
	for (size_t i = 0; i < all->n; i++) {
		const struct skerry_state *st = &all->v[i];
		json_begin_object(&o);
		json_kv_string(&o, "ociVersion", st->oci_version);
		json_kv_string(&o, "id", st->id);
		json_kv_int(&o, "pid", st->pid);
		json_kv_string(&o, "status", skerry_status_name(st->status));
		json_kv_string(&o, "bundle", st->bundle);
		json_kv_string(&o, "rootfs", st->rootfs);
		json_kv_string(&o, "created", st->created);
		if (st->annotations && st->annotations[0]) {
			json_key(&o, "annotations");
			json_begin_object(&o);
			for (char **a = st->annotations; a[0]; a += 2)
				json_kv_string(&o, a[0], a[1]);
			json_end_object(&o);
		}
		if (st->systemd_scope && st->systemd_scope[0])
			json_kv_string(&o, "systemd-scope", st->systemd_scope);
		json_kv_string(&o, "owner", st->owner ? st->owner : "");
		json_end_object(&o);
	}
	json_end_array(&o);
}

static const char *text_or_empty(const char *s)
{
	return s ? s : "";
}

static int write_table(struct buf *out, const struct found *all, struct arena *arena,
		       struct err *err)
{
	static const char *const header[COLUMNS] = { "ID",     "PID",	  "STATUS",
						     "BUNDLE", "CREATED", "OWNER" };
	const char **cells = arena_array(arena, all->n + 1, sizeof(header));
	if (!cells)
		return err_set(err, ENOMEM, "list containers: out of memory");
	for (size_t c = 0; c < COLUMNS; c++)
		cells[c] = header[c];
	for (size_t i = 0; i < all->n; i++) {
		const struct skerry_state *st = &all->v[i];
		const char **row = cells + (i + 1) * COLUMNS;
		const char *pid = arena_printf(arena, "%d", (int)st->pid);
		row[0] = text_or_empty(st->id);
		row[1] = text_or_empty(pid);
		row[2] = skerry_status_name(st->status);
		row[3] = text_or_empty(st->bundle);
		row[4] = text_or_empty(st->created);
		row[5] = text_or_empty(st->owner);
	}
	print_table(out, cells, all->n + 1, COLUMNS);
	return 0;
}

static int print_states(struct cli *cli, char **ids, bool json, struct err *err)
{
	size_t n = 0;
	while (ids[n])
		n++;
	struct found all = { .v = arena_array(&cli->arena, n + 1, sizeof(*all.v)) };
	if (!all.v)
		return err_set(err, ENOMEM, "list containers: out of memory");
	for (size_t i = 0; i < n; i++) {
		struct skerry_error failed = { 0 };
		if (skerry_state(cli->skerry, ids[i], &all.v[all.n], &failed) == 0)
			all.n++;
		else if (failed.code != ENOENT) /* deleted in between */
			log_warning("container \"%s\": %s", ids[i], failed.message);
	}
	AUTO_BUF out;
	buf_init(&out);
	int ret = 0;
	if (json)
		write_json(&out, &all);
	else
		ret = write_table(&out, &all, &cli->arena, err);
	for (size_t i = 0; i < all.n; i++)
		skerry_state_release(&all.v[i]);
	if (ret < 0)
		return -1;
	if (json)
		buf_putc(&out, '\n');
	return print_buf(&out, err);
}

static int print_ids(char **ids, struct err *err)
{
	AUTO_BUF out;
	buf_init(&out);
	for (size_t i = 0; ids[i]; i++)
		buf_printf(&out, "%s\n", ids[i]);
	return print_buf(&out, err);
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)args; /* takes none */
	const struct list_options *o = options;
	bool json = str_eq(o->format, "json");
	if (!json && !str_eq(o->format, "table"))
		return err_set(err, EINVAL, "invalid format option \"%s\"", o->format);
	struct skerry_error failed = { 0 };
	char **ids = skerry_list(cli->skerry, &failed);
	if (!ids)
		return cli_fail(&failed, err);
	int ret = o->quiet ? print_ids(ids, err) : print_states(cli, ids, json, err);
	skerry_strings_free(ids);
	return ret;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "list the containers of the state directory",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct list_options),
	.defaults = &defaults,
	.run = run,
};
