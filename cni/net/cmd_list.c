/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_list.c - skerry net ls and inspect */
#include <string.h>

#include "cni/net/subnets.h"
#include "cni/net/verb.h"

struct ls_options {
	struct net_options common;
	bool quiet, json;
};

#define ROW(name_, letter_, member, help_)                  \
 .name = (name_), .letter = (letter_), .kind = OPTION_FLAG, \
 .offset = offsetof(struct ls_options, member), .help = (help_)

static const struct option ls_rows[] = {
	{ ROW("quiet", 'q', quiet, "names only") },
	{ ROW("json", 0, json, "as JSON") },
};

static const char *plugin_names(const struct conflist *list, struct arena *arena)
{
	const char *all = "";

	for (size_t i = 0; all && i < list->n; i++)
		all = arena_printf(arena, "%s%s%s", all, i ? "," : "", list->v[i].type);
	return all ? all : "";
}

static size_t count_attachments(const struct cache_entries *all, const char *network)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		n += strcmp(all->v[i].network, network) == 0;
	return n;
}

static void write_attachments(struct json_out *o, const struct cache_entries *all,
			      const char *network)
{
	json_begin_array(o);
	for (size_t i = 0; i < all->n; i++) {
		const struct cache_entry *e = &all->v[i];

		if (strcmp(e->network, network) != 0)
			continue;
		json_begin_object(o);
		json_kv_string(o, "container", e->container);
		json_kv_string(o, "interface", e->ifname);
		json_kv_string(o, "netns", e->netns);
		json_kv_bool(o, "alive", !net_is_stale(e));
		json_kv_bool(o, "complete", !net_is_intent(e));
		json_key(o, "result");
		json_raw(o, e->result ? e->result : "null");
		json_end_object(o);
	}
	json_end_array(o);
}

static void write_network(struct json_out *o, const struct conflist *list,
			  const struct cache_entries *all)
{
	json_begin_object(o);
	json_kv_string(o, "name", list->name);
	json_kv_string(o, "version", list->version);
	json_kv_string(o, "file", list->path);
	json_key(o, "config");
	json_raw(o, list->text);
	json_key(o, "attachments");
	write_attachments(o, all, list->name);
	json_end_object(o);
}

static int run_ls(struct net *n, const void *options, const struct option_args *args,
		  struct err *err)
{
	const struct ls_options *given = options;
	struct cache_entries all = { 0 };
	struct json_out o;
	AUTO_BUF out;

	(void)args;
	buf_init(&out);
	if (!given->quiet && cache_list(n->cache_dir, NULL, NULL, &n->arena, &all, err) < 0)
		return -1;
	json_out_init(&o, &out, JSON_TABS);
	if (given->json)
		json_begin_array(&o);
	else if (!given->quiet)
		buf_printf(&out, "%-20s %-8s %-20s %-12s %s\n", "NAME", "VERSION", "SUBNETS",
			   "CONTAINERS", "PLUGINS");
	for (size_t i = 0; i < n->lists.n; i++) {
		const struct conflist *list = &n->lists.v[i];

		if (given->json)
			write_network(&o, list, &all);
		else if (given->quiet)
			buf_printf(&out, "%s\n", list->name);
		else
			buf_printf(&out, "%-20s %-8s %-20s %-12zu %s\n", list->name, list->version,
				   subnets_text(list, &n->arena),
				   count_attachments(&all, list->name),
				   plugin_names(list, &n->arena));
	}
	if (given->json) {
		json_end_array(&o);
		buf_putc(&out, '\n');
	}
	return verb_print(&out, err);
}

const struct verb verb_ls = {
	.name = "ls",
	.arguments = "",
	.summary = "list the networks",
	.options = { ls_rows, ARRAY_SIZE(ls_rows), &verb_common },
	.size = sizeof(struct ls_options),
	.run = run_ls,
};

static int run_inspect(struct net *n, const void *options, const struct option_args *args,
		       struct err *err)
{
	struct cache_entries all;
	struct json_out o;
	AUTO_BUF out;

	(void)options;
	buf_init(&out);
	if (cache_list(n->cache_dir, NULL, NULL, &n->arena, &all, err) < 0)
		return -1;
	json_out_init(&o, &out, JSON_TABS);
	json_begin_array(&o);
	for (int i = 0; i < args->n; i++) {
		const struct conflist *list = net_find(n, args->v[i], err);

		if (!list)
			return -1;
		write_network(&o, list, &all);
	}
	json_end_array(&o);
	buf_putc(&out, '\n');
	return verb_print(&out, err);
}

const struct verb verb_inspect = {
	.name = "inspect",
	.arguments = "NETWORK...",
	.summary = "configuration and attachments of networks, as JSON",
	.options = { NULL, 0, &verb_common },
	.size = sizeof(struct net_options),
	.min_args = 1,
	.max_args = -1,
	.run = run_inspect,
};
