/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_move.c - skerry net move: one attachment goes from one host to another (move.h) */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cni/net/move.h"
#include "cni/net/verb.h"
#include "cni/netconf.h"

#define IFNAME_DEFAULT "eth0"

struct move_options {
	struct net_options common;
	const char *to, *from, *local, *kind, *tunnel, *ifname;
};

#define ROW(name_, letter_, member, value_, help_)            \
 .name = (name_), .letter = (letter_), .kind = OPTION_STRING, \
 .offset = offsetof(struct move_options, member), .value = (value_), .help = (help_)

static const struct option move_rows[] = {
	{ ROW("to", 0, to, "HOST", "prepare the source: the address of the other host") },
	{ ROW("from", 0, from, "HOST",
	      "prepare the target: the address of the other host; its ticket is on standard input") },
	{ ROW("local", 0, local, "ADDRESS",
	      "this host's own address (default: that of the way to the other)") },
	{ ROW("kind", 0, kind, "KIND",
	      "bridged or routed (default: bridged where the bridge has a port that leads outside)") },
	{ ROW("tunnel", 0, tunnel, "KIND", "of a routed network: vxlan (default), gre or ipip") },
	{ ROW("ifname", 'i', ifname, "NAME",
	      "the interface in the container (default: " IFNAME_DEFAULT ")") },
};
static const struct option_table move_options = { move_rows, ARRAY_SIZE(move_rows), &verb_common };

static int read_ticket(struct buf *out, struct err *err)
{
	ssize_t n;

	if (buf_reserve(out, MOVE_TICKET_MAX) < 0)
		return err_sys(err, "read the ticket");
	n = fd_read_full(STDIN_FILENO, out->s, MOVE_TICKET_MAX);
	if (n < 0)
		return err_sys(err, "read the ticket from standard input");
	out->len = (size_t)n;
	out->s[n] = '\0';
	return 0;
}

static int prepare(struct net *n, const struct move_options *o, struct move_request *r,
		   struct err *err)
{
	AUTO_BUF ticket, out;
	struct move m;

	buf_init(&ticket);
	buf_init(&out);
	if (!o->to == !o->from)
		return err_set(err, EINVAL, "prepare wants one of --to and --from");
	r->role = o->to ? MOVE_SOURCE : MOVE_TARGET;
	r->peer = o->to ? o->to : o->from;
	if (o->from) {
		if (read_ticket(&ticket, err) < 0)
			return -1;
		r->ticket = ticket.s;
		r->ticket_len = ticket.len;
	}
	if (move_prepare(n, r, &m, err) < 0)
		return -1;
	if (m.role == MOVE_SOURCE)
		move_format(&m, &out);
	return verb_print(&out, err);
}

static int run_move(struct net *n, const void *options, const struct option_args *args,
		    struct err *err)
{
	static const struct {
		const char *word;
		int (*run)(struct net *n, const struct move_request *r, struct err *err);
	} steps[] = {
		{ "cutover", move_cutover },
		{ "finish", move_finish },
		{ "abort", move_abort },
	};
	const struct move_options *o = options;
	struct move_request r = { .network = args->v[1],
				  .container = args->v[2],
				  .ifname = o->ifname ? o->ifname : IFNAME_DEFAULT,
				  .local = o->local,
				  .kind = o->kind,
				  .tunnel = o->tunnel };

	if (!netconf_name_ok(r.network) || !netconf_name_ok(r.container) ||
	    !netconf_ifname_ok(r.ifname))
		return err_set(err, EINVAL, "\"%.64s\", \"%.64s\", \"%.64s\" name no attachment",
			       r.network, r.container, r.ifname);
	if (strcmp(args->v[0], "prepare") == 0)
		return prepare(n, o, &r, err);
	if (o->to || o->from || o->local || o->kind || o->tunnel)
		return err_set(err, EINVAL, "\"%s\" takes what was prepared", args->v[0]);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (strcmp(args->v[0], steps[i].word) == 0)
			return steps[i].run(n, &r, err);
	return err_set(err, EINVAL,
		       "\"%s\" is not \"prepare\", \"cutover\", \"finish\" or \"abort\"",
		       args->v[0]);
}

const struct verb verb_move = {
	.name = "move",
	.arguments = "prepare|cutover|finish|abort NETWORK ID",
	.summary = "move an attachment to another host, make before break",
	.description =
		"On the source   prepare --to HOST NETWORK ID      prints a ticket\n"
		"on the target   prepare --from HOST NETWORK ID    reads it; then attach ID there\n"
		"on the target, then on the source   cutover NETWORK ID\n"
		"on both         finish NETWORK ID                 or abort NETWORK ID\n"
		"Every step can be repeated; abort and finish succeed when nothing is open.\n",
	.options = { NULL, 0, &move_options },
	.size = sizeof(struct move_options),
	.min_args = 3,
	.max_args = 3,
	.run = run_move,
};
