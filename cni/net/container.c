/* SPDX-License-Identifier: Apache-2.0 */
/* container.c - all networks of one container of skerry: attach, detach
 *
 * The runtime calls `attach STATE NETNS [USERNS]` once the container's namespaces exist
 * and `detach STATE` when the container is deleted or could not be made.
 * STATE is its state directory:
 *   network.json          what it wants, written before anything is made
 *   netns                 the network namespace held by a mount, so that DEL finds
 *                         it when the processes are gone, and no other process
 *                         that has its number by then
 *   hosts, resolv.conf, hostname   mounted in the container
 *   usermode.pid          an ordinary user's pasta(1)
 * Invariants: 1. Detach works from STATE and the result cache alone and can be
 * repeated.  2. Attach undoes what it did when it fails.
 *
 * mount_namespaces(7), namespaces(7) "/proc/pid/ns/".
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "cni/net/etc.h"
#include "cni/net/resolver.h"
#include "cni/net/usermode.h"
#include "cni/net/verb.h"
#include "cni/netconf.h"

#define REQUEST_FILE "network.json"
#define PIN_FILE     "netns"
#define REQUEST_MAX  ((size_t)4 << 20)
#define NSFS_MAGIC_  0x6e736673

struct container {
	struct net *net;
	const char *state;
	int dir;
	struct request request;
	struct result results[REQUEST_NETWORKS_MAX];
	char netns[PATH_MAX]; /* where plugins find it */
	size_t added;
};

/* 1, or 0 when there is no request: nothing was begun. */
static int open_container(struct container *c, struct net *n, const char *state, struct err *err)
{
	AUTO_BUF text;

	*c = (struct container){ .net = n, .state = state };
	c->dir = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open \"%s\"", state);
	buf_init(&text);
	if (file_read(c->dir, REQUEST_FILE, &text, REQUEST_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read \"%s/" REQUEST_FILE "\"", state);
	if (request_parse(REQUEST_FILE, text.s, text.len, &n->arena, &c->request, err) < 0)
		return -1;
	return 1;
}

static void close_container(struct container *c)
{
	c->dir = fd_close(c->dir);
}

/* --- the network namespace ------------------------------------------------ */

static int pin_path(const struct container *c, char path[PATH_MAX], struct err *err)
{
	if (str_format(path, PATH_MAX, "%s/" PIN_FILE, c->state) < 0)
		return err_sys(err, "\"%s\"", c->state);
	return 0;
}

static int pin(struct container *c, const char *netns, struct err *err)
{
	AUTO_FD fd = -1;

	if (pin_path(c, c->netns, err) < 0)
		return -1;
	fd = openat(c->dir, PIN_FILE, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "make \"%s\"", c->netns);
	if (mount(netns, c->netns, NULL, MS_BIND, NULL) < 0)
		return err_sys(err, "hold the network namespace \"%s\"", netns);
	return 0;
}

static int unpin(struct container *c, struct err *err)
{
	char path[PATH_MAX];

	if (pin_path(c, path, err) < 0)
		return -1;
	while (net_is_alive(path))
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return err_sys(err, "unmount \"%s\"", path);
	if (unlinkat(c->dir, PIN_FILE, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove \"%s\"", path);
	return 0;
}

/* --- one network after the other ------------------------------------------ */

static int add_one(struct container *c, size_t i, struct err *err)
{
	const struct request_network *wanted = &c->request.networks[i];
	const struct conflist *list = net_find(c->net, wanted->name, err);
	struct net_attachment a = { .container = c->request.id,
				    .netns = c->netns,
				    .ifname = wanted->ifname };
	const char *result;

	if (!list ||
	    request_supply(&c->request, i, list, &c->net->arena, &a.capabilities, &a.args, err) < 0)
		return -1;
	if (net_add(c->net, list, &a, &result, err) < 0)
		return err_wrap(err, "network \"%s\"", wanted->name);
	c->added++;
	return result_parse(list->name, result, strlen(result), list->version, &c->net->arena,
			    &c->results[i], err);
}

/* All are tried; the first failure is the one to tell. */
static int del_all(struct container *c, const char *netns, struct err *err)
{
	int rc = 0;

	for (size_t i = c->request.n; i-- > 0;) {
		const struct request_network *one = &c->request.networks[i];
		const struct net_attachment a = { .container = c->request.id,
						  .netns = netns,
						  .ifname = one->ifname };
		const struct cache_entry key = { .network = one->name,
						 .container = a.container,
						 .ifname = a.ifname };
		struct cache_entry e;
		struct err why = { 0 };

		resolver_remove(c->net, one->name, c->request.id);
		/* Never remembered: never begun (attachment.c, invariant 1). */
		if (cache_load(c->net->cache_dir, &key, &c->net->arena, &e, &why) == 0)
			continue;
		if (net_del(c->net, one->name, &a, &why) == 0)
			continue;
		if (rc == 0 && err)
			*err = why;
		rc = -1;
	}
	return rc;
}

/* --- names ---------------------------------------------------------------- */

static void add_lines(const struct container *c, size_t i, struct buf *out)
{
	const struct request *r = &c->request;
	char text[IP_TEXT_MAX];

	for (size_t k = 0; k < c->results[i].n_ips; k++) {
		buf_printf(out, "%s %s", ip_format(&c->results[i].ips[k].address.ip, text), r->id);
		if (r->hostname[0] && strcmp(r->hostname, r->id) != 0)
			buf_printf(out, " %s", r->hostname);
		for (size_t a = 0; a < r->networks[i].aliases.n; a++)
			buf_printf(out, " %s", r->networks[i].aliases.v[a]);
		buf_putc(out, '\n');
	}
}

static const struct ip *gateway_of(const struct result *r)
{
	for (size_t k = 0; k < r->n_ips; k++)
		if (!ip_is_none(&r->ips[k].gateway))
			return &r->ips[k].gateway;
	return NULL;
}

/* The address of the first network's resolver, or NULL.  A network without look-up of names is worth
 * more than none. */
static const char *add_names(struct container *c, char text[IP_TEXT_MAX])
{
	const char *found = NULL;

	for (size_t i = 0; i < c->request.n && resolver_exists(); i++) {
		const struct conflist *list =
			conflist_find(&c->net->lists, c->request.networks[i].name);
		const struct ip *at = gateway_of(&c->results[i]);
		struct err why = { 0 };
		AUTO_BUF lines;

		if (!list || !list->resolver || !at)
			continue;
		buf_init(&lines);
		add_lines(c, i, &lines);
		if (resolver_add(c->net, list->name, c->request.id, at, lines.s, &why) < 0)
			log_warning("network \"%s\" has no resolver: %s", list->name, why.msg);
		else if (!found)
			found = ip_format(at, text);
	}
	return found;
}

/* --- attach and detach ---------------------------------------------------- */

static int attach_plugins(struct container *c, const char *netns, struct err *err)
{
	if (c->request.n && pin(c, netns, err) < 0)
		return -1;
	for (size_t i = 0; i < c->request.n; i++)
		if (add_one(c, i, err) < 0)
			return -1;
	return 0;
}

/* An ordinary user has one network, and it has no name to configure. */
static int attach_user(struct container *c, char *const *namespaces, const char **ret_resolver,
		       struct err *err)
{
	const struct request *r = &c->request;

	if (r->n > 1)
		return err_set(err, EPERM, "an ordinary user can have one network only");
	if (r->n == 0)
		return 0;
	if (strcmp(r->networks[0].name, NET_DEFAULT) != 0)
		return err_set(err, EPERM,
			       "an ordinary user has the network \"" NET_DEFAULT
			       "\" only, not \"%s\": bridges are the administrator's; containers "
			       "that share one namespace (--net container:ID) reach each other",
			       r->networks[0].name);
	if (r->networks[0].ips.n || r->networks[0].mac)
		return err_set(err, EPERM, "an ordinary user's container has the host's address");
	c->added++;
	return usermode_start(r, c->state, namespaces, &c->net->arena, ret_resolver, err);
}

static int undo(struct container *c, struct err *err)
{
	int rc = 0;

	if (c->net->rootless) {
		usermode_stop(c->state);
		return 0;
	}
	if (pin_path(c, c->netns, err) < 0 ||
	    del_all(c, net_is_alive(c->netns) ? c->netns : "", err) < 0)
		rc = -1;
	if (unpin(c, rc == 0 ? err : NULL) < 0)
		rc = -1;
	return rc;
}

/* namespaces: the network's, and the user namespace that it belongs to or NULL. */
static int attach(struct container *c, char *const *namespaces, struct err *err)
{
	char resolver[IP_TEXT_MAX];
	struct etc etc = { .request = &c->request,
			   .results = c->results,
			   .n = c->net->rootless ? 0 : c->request.n,
			   .of_host = c->request.n == 0 };

	if (c->net->rootless ? attach_user(c, namespaces, &etc.resolver, err) < 0
			     : attach_plugins(c, namespaces[0], err) < 0)
		return -1;
	if (!c->net->rootless)
		etc.resolver = add_names(c, resolver);
	return etc_write(&etc, c->dir, err);
}

static int run_attach(struct net *n, const void *options, const struct option_args *args,
		      struct err *err)
{
	struct container c;
	int rc;

	(void)options;
	rc = open_container(&c, n, args->v[0], err);
	if (rc == 0)
		rc = err_set(err, ENOENT, "there is no \"%s/" REQUEST_FILE "\"", args->v[0]);
	if (rc > 0) {
		rc = attach(&c, args->v + 1, err);
		if (rc < 0)
			(void)undo(&c, NULL);
	}
	close_container(&c);
	return rc;
}

const struct verb verb_attach = {
	.name = "attach",
	.arguments = "STATE NETNS [USERNS]",
	.summary = "attach a container of skerry to what its state directory names",
	.options = { NULL, 0, &verb_common },
	.size = sizeof(struct net_options),
	.min_args = 2,
	.max_args = 3,
	.hidden = true,
	.run = run_attach,
};

static int run_detach(struct net *n, const void *options, const struct option_args *args,
		      struct err *err)
{
	struct container c;
	int rc;

	(void)options;
	rc = open_container(&c, n, args->v[0], err);
	if (rc > 0)
		rc = undo(&c, err);
	close_container(&c);
	return rc;
}

const struct verb verb_detach = {
	.name = "detach",
	.arguments = "STATE",
	.summary = "undo attach",
	.options = { NULL, 0, &verb_common },
	.size = sizeof(struct net_options),
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = run_detach,
};
