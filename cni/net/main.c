/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - skerry-net: networks of containers
 *
 * Started by `skerry net`, and by the runtime when a container has networks
 * (attach, detach).  Our own plugins are linked in and called without a
 * process; others are executed.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "cni/net/verb.h"
#include "cni/plugins/dhcp/event.h"

static const struct verb *const verbs[] = {
	&verb_create, &verb_ls,	 &verb_inspect, &verb_rm,     &verb_check, &verb_gc,   &verb_status,
	&verb_add,    &verb_del, &verb_attach,	&verb_detach, &verb_top,   &verb_peer, &verb_move,
};

#define ROW(name_, kind_, member, value_, help_)                                   \
 .name = (name_), .kind = (kind_), .offset = offsetof(struct net_options, member), \
 .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("conf-dir", OPTION_STRING, conf_dir, "DIR",
	      "where networks are configured (default: /etc/cni/net.d, then "
	      "$XDG_CONFIG_HOME/cni/net.d)") },
	{ ROW("cache-dir", OPTION_STRING, cache_dir, "DIR",
	      "where results are remembered (default: /var/lib/cni)") },
	{ ROW("run-dir", OPTION_STRING, run_dir, "DIR",
	      "where locks and resolvers are (default: /run/skerry-net)") },
	{ ROW("plugin-path", OPTION_STRING, plugin_path, "DIR:DIR",
	      "where plugins are looked for before those built in (default: $CNI_PATH)") },
	{ ROW("debug", OPTION_FLAG, debug, NULL, "tell of every plugin that is called") },
};
const struct option_table verb_common = { rows, ARRAY_SIZE(rows), NULL };

int verb_print(const struct buf *text, struct err *err)
{
	if (buf_failed(text))
		return err_set(err, ENOMEM, "write to standard output: out of memory");
	if (text->len && fd_write_full(STDOUT_FILENO, text->s, text->len) < 0)
		return err_sys(err, "write to standard output");
	return 0;
}

static void help_options(struct buf *out, const struct option_table *table)
{
	const struct option *o;

	for (size_t i = 0; (o = option_at(table, i)); i++) {
		if (!o->help)
			continue;
		buf_printf(out, "   --%s%s%s", o->name, o->value ? " " : "",
			   o->value ? o->value : "");
		if (o->letter)
			buf_printf(out, ", -%c", o->letter);
		buf_printf(out, "\n         %s\n", o->help);
	}
	buf_puts(out, "   --help, -h\n         show this help and exit\n");
}

static int print_verb_help(const struct verb *v, struct err *err)
{
	AUTO_BUF b;

	buf_init(&b);
	buf_printf(&b, "NAME:\n   skerry net %s - %s\n\nUSAGE:\n   skerry net %s [options] %s\n",
		   v->name, v->summary, v->name, v->arguments);
	if (v->description)
		buf_printf(&b, "\n%s", v->description);
	buf_puts(&b, "\nOPTIONS:\n");
	help_options(&b, &v->options);
	return verb_print(&b, err);
}

static int print_help(struct err *err)
{
	AUTO_BUF b;

	buf_init(&b);
	buf_puts(&b, "NAME:\n   skerry net - networks of containers\n\n"
		     "USAGE:\n   skerry net VERB [options] [arguments]\n\n"
		     "\"skerry net VERB --help\" explains a verb.\n\nVERBS:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!verbs[i]->hidden)
			buf_printf(&b, "   %-10s %s\n", verbs[i]->name, verbs[i]->summary);
	return verb_print(&b, err);
}

static int check_count(const struct verb *v, int n, struct err *err)
{
	if (n >= v->min_args && (v->max_args < 0 || n <= v->max_args))
		return 0;
	return err_set(err, EINVAL, "usage: skerry net %s [options] %s", v->name, v->arguments);
}

static int run_verb(const struct verb *v, int argc, char **argv, struct arena *arena,
		    struct err *err)
{
	_Alignas(max_align_t) unsigned char options[VERB_OPTIONS_MAX] = { 0 };
	const struct option_parse parse = {
		.table = &v->options, .argc = argc, .argv = argv, .dst = options
	};
	struct option_args args;
	struct net_options common;
	struct net net;
	int rc;

	if (options_parse(&parse, arena, &args, err) < 0)
		return -1;
	if (args.help)
		return print_verb_help(v, err);
	if (check_count(v, args.n, err) < 0)
		return -1;
	memcpy(&common, options, sizeof(common));
	if (log_open(NULL, LOG_TEXT, common.debug ? LOG_DEBUG : LOG_WARNING, err) < 0)
		return -1;
	rc = net_open(&net, &common, err);
	if (rc == 0)
		rc = v->run(&net, options, &args, err);
	net_close(&net);
	return rc;
}

static int run_program(int argc, char **argv, struct arena *arena, struct err *err)
{
	const char *word = argc > 1 ? argv[1] : "--help";

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
		return print_help(err);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i]->name, word) == 0)
			return run_verb(verbs[i], argc - 2, argv + 2, arena, err);
	return err_set(err, EINVAL, "\"skerry net\" has no verb \"%s\"", word);
}

int main(int argc, char **argv)
{
	CLEANUP(arena_release) struct arena arena;
	struct err err = { 0 };
	int status;

	if (fd_ensure_stdio() < 0)
		return 1;
	status = dhcp_event(argc, argv);
	if (status != DHCP_EVENT_NONE)
		return status;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	status = run_program(argc, argv, &arena, &err);
	if (status < 0) {
		/* a CNI code is none for a program */
		if (err.exit_code > 0)
			(void)err_wrap(&err, "CNI error %d", err.exit_code);
		log_error(&err);
		status = 1;
	}
	return status;
}
