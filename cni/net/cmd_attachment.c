/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_attachment.c - skerry net add, del, check, gc and status */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "cni/net/verb.h"
#include "cni/netconf.h"

#define IFNAME_DEFAULT "eth0"

struct attachment_options {
	struct net_options common;
	const char *ifname;
	struct option_list args, capabilities;
};

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct attachment_options, member), .value = (value_), .help = (help_)

static const struct option attachment_rows[] = {
	{ ROW("ifname", 'i', OPTION_STRING, ifname, "NAME",
	      "the interface in the container (default: " IFNAME_DEFAULT ")") },
	{ ROW("arg", 0, OPTION_STRINGS, args, "KEY=VALUE", "one of CNI_ARGS (may be repeated)") },
	{ ROW("capability", 0, OPTION_STRINGS, capabilities, "NAME=JSON",
	      "one of runtimeConfig (may be repeated)") },
};
static const struct option_table attachment_options = { attachment_rows,
							ARRAY_SIZE(attachment_rows), &verb_common };

/* "KEY=VALUE" each. */
static int parse_pairs(struct arena *arena, const struct option_list *list, struct pairs *ret,
		       struct err *err)
{
	struct pair *v = arena_array(arena, list->n + 1, sizeof(*v));

	for (size_t i = 0; v && i < list->n; i++) {
		const char *equals = strchr(list->v[i], '=');

		if (!equals || equals == list->v[i])
			return err_set(err, EINVAL, "\"%s\" is not NAME=VALUE", list->v[i]);
		v[i].key = arena_strndup(arena, list->v[i], (size_t)(equals - list->v[i]));
		v[i].value = arena_strdup(arena, equals + 1);
		if (!v[i].key || !v[i].value)
			return err_set(err, ENOMEM, "out of memory");
	}
	*ret = (struct pairs){ v, list->n };
	return v ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* Values that are written into a document have to be JSON. */
static int check_values(const struct pairs *pairs, struct arena *arena, struct err *err)
{
	static const struct json_table any = { .fields = NULL, .n = 0, .size = 1 };

	for (size_t i = 0; i < pairs->n; i++) {
		const char *text = arena_printf(arena, "{\"v\":%s}", pairs->v[i].value);
		char nothing;

		if (!text)
			return err_set(err, ENOMEM, "out of memory");
		if (json_decode(pairs->v[i].key, text, strlen(text), &any, &nothing, arena, err) <
		    0)
			return -1;
	}
	return 0;
}

static int make_attachment(struct net *n, const struct attachment_options *o, const char *container,
			   const char *netns, struct net_attachment *ret, struct err *err)
{
	*ret = (struct net_attachment){ .container = container,
					.netns = netns,
					.ifname = o->ifname ? o->ifname : IFNAME_DEFAULT };
	if (parse_pairs(&n->arena, &o->args, &ret->args, err) < 0 ||
	    parse_pairs(&n->arena, &o->capabilities, &ret->capabilities, err) < 0)
		return -1;
	return check_values(&ret->capabilities, &n->arena, err);
}

static int run_add(struct net *n, const void *options, const struct option_args *args,
		   struct err *err)
{
	const struct conflist *list = net_find(n, args->v[0], err);
	struct net_attachment a;
	const char *result;
	AUTO_BUF out;

	buf_init(&out);
	if (!list || make_attachment(n, options, args->v[1], args->v[2], &a, err) < 0 ||
	    net_add(n, list, &a, &result, err) < 0)
		return -1;
	buf_printf(&out, "%s\n", result);
	return verb_print(&out, err);
}

const struct verb verb_add = {
	.name = "add",
	.arguments = "NETWORK ID NETNS",
	.summary = "attach a network namespace to a network",
	.description =
		"Prints the result.  For containers of other runtimes; \"skerry run --net\"\n"
		"does it by itself.\n",
	.options = { NULL, 0, &attachment_options },
	.size = sizeof(struct attachment_options),
	.min_args = 3,
	.max_args = 3,
	.run = run_add,
};

static int run_del(struct net *n, const void *options, const struct option_args *args,
		   struct err *err)
{
	struct net_attachment a;

	if (make_attachment(n, options, args->v[1], args->n > 2 ? args->v[2] : NULL, &a, err) < 0)
		return -1;
	return net_del(n, args->v[0], &a, err);
}

const struct verb verb_del = {
	.name = "del",
	.arguments = "NETWORK ID [NETNS]",
	.summary = "detach a network namespace from a network",
	.description = "By what is remembered of the attachment; NETNS may be gone.\n",
	.options = { NULL, 0, &attachment_options },
	.size = sizeof(struct attachment_options),
	.min_args = 2,
	.max_args = 3,
	.run = run_del,
};

/* --- over all attachments or networks ------------------------------------- */

/* Told at once; the first one is what the command ends with. */
static void note(const struct err *one, int *rc, struct err *err)
{
	if (*rc == 0)
		*err = *one;
	else
		log_warning("%s", one->msg);
	*rc = -1;
}

static int run_check(struct net *n, const void *options, const struct option_args *args,
		     struct err *err)
{
	const struct attachment_options *o = options;
	struct cache_entries all;
	int rc = 0;
	size_t checked = 0;

	if (cache_list(n->cache_dir, args->n ? args->v[0] : NULL, args->n > 1 ? args->v[1] : NULL,
		       &n->arena, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		const struct net_attachment a = { .container = all.v[i].container,
						  .ifname = all.v[i].ifname };
		struct err one = { 0 };

		if (o->ifname && strcmp(o->ifname, a.ifname) != 0)
			continue;
		checked++;
		if (net_check(n, all.v[i].network, &a, &one) < 0) {
			(void)err_wrap(&one, "container \"%s\", \"%s\" in network \"%s\"",
				       a.container, a.ifname, all.v[i].network);
			note(&one, &rc, err);
		}
	}
	if (args->n > 1 && checked == 0)
		return err_set(err, ENOENT, "container \"%s\" is not in network \"%s\"", args->v[1],
			       args->v[0]);
	return rc;
}

const struct verb verb_check = {
	.name = "check",
	.arguments = "[NETWORK [ID]]",
	.summary = "compare attachments with what the kernel has",
	.options = { NULL, 0, &attachment_options },
	.size = sizeof(struct attachment_options),
	.max_args = 2,
	.run = run_check,
};

/* Each network named, or all. */
static int each_network(struct net *n, const struct option_args *args,
			int (*each)(struct net *n, const struct conflist *list, struct err *err),
			struct err *err)
{
	size_t count = args->n ? (size_t)args->n : n->lists.n;
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		const struct conflist *list = &n->lists.v[i];
		struct err one = { 0 };

		if (args->n)
			list = net_find(n, args->v[i], &one);
		if (list && each(n, list, &one) == 0)
			continue;
		if (list)
			(void)err_wrap(&one, "network \"%s\"", list->name);
		note(&one, &rc, err);
	}
	return rc;
}

static int collect_one(struct net *n, const struct conflist *list, struct err *err)
{
	AUTO_BUF out;
	size_t stale = 0;
	int rc = net_gc(n, list, &stale, err);

	buf_init(&out);
	if (stale)
		buf_printf(&out, "%s: %zu stale\n", list->name, stale);
	return verb_print(&out, NULL) < 0 ? -1 : rc;
}

static int run_gc(struct net *n, const void *options, const struct option_args *args,
		  struct err *err)
{
	(void)options;
	return each_network(n, args, collect_one, err);
}

const struct verb verb_gc = {
	.name = "gc",
	.arguments = "[NETWORK...]",
	.summary = "remove what attachments left whose network namespace is gone",
	.options = { NULL, 0, &verb_common },
	.size = sizeof(struct net_options),
	.max_args = -1,
	.run = run_gc,
};

static int status_one(struct net *n, const struct conflist *list, struct err *err)
{
	if (exec_validate(&n->exec, list, err) < 0)
		return -1;
	return exec_status(&n->exec, list, err);
}

static int run_status(struct net *n, const void *options, const struct option_args *args,
		      struct err *err)
{
	(void)options;
	return each_network(n, args, status_one, err);
}

const struct verb verb_status = {
	.name = "status",
	.arguments = "[NETWORK...]",
	.summary = "can the networks take containers: plugins, versions, addresses",
	.options = { NULL, 0, &verb_common },
	.size = sizeof(struct net_options),
	.max_args = -1,
	.run = run_status,
};
