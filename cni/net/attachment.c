/* SPDX-License-Identifier: Apache-2.0 */
/* attachment.c - one interface of one container: add, delete, check, collect
 *
 * Invariants:
 *  1. An attachment is remembered before its first effect, as one whose result
 *     is empty, and forgotten after the last one was undone: whatever kills
 *     this program in between, DEL and GC find it.
 *  2. DEL and CHECK use the configuration as it was at ADD; the file may have
 *     changed or gone.
 *  3. An attachment is stale when its network namespace is known and gone.  GC
 *     never touches another, whoever made it.
 *
 * CNI specification "Section 3: Execution of Network Configurations".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "cni/net/move.h"
#include "cni/netconf.h"
#include "cni/netns.h"

#define NSFS_MAGIC_ 0x6e736673

bool net_is_alive(const char *netns)
{
	AUTO_FD fd = netns && netns[0] ? open(netns, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;

	return fd >= 0 && beneath_is_fs(fd, NSFS_MAGIC_);
}

/* What does not say where it is may live: others remember less than we do. */
bool net_is_stale(const struct cache_entry *e)
{
	return e->netns[0] && !net_is_alive(e->netns);
}

/* A result with nothing in it, which every reader of the cache takes. */
static const char *intent_text(const char *version, struct arena *arena)
{
	return arena_printf(arena, "{\"cniVersion\":\"%s\"}", version);
}

bool net_is_intent(const struct cache_entry *e)
{
	return !e->result || strcmp(e->result, "null") == 0 ||
	       (str_starts(e->result, "{\"cniVersion\":\"") && !strchr(e->result, ',') &&
		strchr(e->result, '}') == e->result + strlen(e->result) - 1);
}

static int check_names(const struct net_attachment *a, struct err *err)
{
	if (!a->container || !netconf_name_ok(a->container))
		return cni_err(err, CNI_ERR_ENV, "\"%.64s\" can't be the id of a container",
			       a->container ? a->container : "");
	if (!a->ifname || !netconf_ifname_ok(a->ifname))
		return cni_err(err, CNI_ERR_ENV, "\"%.64s\" can't be the name of an interface",
			       a->ifname ? a->ifname : "");
	return 0;
}

static struct cache_entry key_of(const char *network, const struct net_attachment *a)
{
	return (struct cache_entry){ .network = network,
				     .container = a->container,
				     .ifname = a->ifname };
}

static const char *format_args(const struct pairs *args, struct arena *arena)
{
	const char *all = "";

	for (size_t i = 0; all && i < args->n; i++)
		all = arena_printf(arena, "%s%s%s=%s", all, i ? ";" : "", args->v[i].key,
				   args->v[i].value);
	return all;
}

static int make_request(struct net *n, const struct cache_entry *e, struct exec_request *ret,
			struct err *err)
{
	*ret = (struct exec_request){
		.container = e->container,
		.netns = e->netns ? e->netns : "",
		.ifname = e->ifname,
		.args = format_args(&e->args, &n->arena),
		.capabilities = &e->capabilities,
	};
	return ret->args ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The network as it was at ADD; else, as it is now. */
static int entry_list(const struct net *n, const struct cache_entry *e, struct arena *arena,
		      struct conflist *ret, struct err *err)
{
	const struct conflist *now = conflist_find(&n->lists, e->network);

	if (e->config && e->config_len &&
	    conflist_parse(e->network, e->config, e->config_len, false, arena, ret, NULL) == 0 &&
	    ret->n > 0) {
		ret->built_in = now && now->built_in;
		return 0;
	}
	if (!now)
		return cni_err(err, CNI_ERR_CONFIG, "there is no network \"%.64s\"", e->network);
	*ret = *now;
	return 0;
}

/* DEL of what is remembered, under the network's lock. */
static int undo_entry(struct net *n, struct cache_entry *e, struct err *err)
{
	struct exec_request request;
	struct conflist list;

	if (!net_is_alive(e->netns))
		e->netns = "";
	if (entry_list(n, e, &n->arena, &list, err) < 0 || make_request(n, e, &request, err) < 0)
		return -1;
	request.prev_result = net_is_intent(e) ? NULL : e->result;
	if (exec_del(&n->exec, &list, &request, err) < 0)
		return -1;
	return cache_remove(n->cache_dir, e, err);
}

/* An ADD that died, or one whose container is gone, makes room; one that lives does not. */
static int make_room(struct net *n, const struct cache_entry *key, struct err *err)
{
	struct cache_entry old;
	int found = cache_load(n->cache_dir, key, &n->arena, &old, err);

	if (found <= 0)
		return found;
	if (!net_is_intent(&old) && !net_is_stale(&old)) {
		err_set_(err, EEXIST, "container \"%s\" has \"%s\" in network \"%s\" already",
			 key->container, key->ifname, key->network);
		return -1;
	}
	return undo_entry(n, &old, err);
}

/* An attachment that comes from another host is made as the move says (move.h). */
static int add_locked(struct net *n, const struct conflist *list, const struct net_attachment *a,
		      struct cache_entry *e, const char **ret_result, struct err *err)
{
	struct exec_request request;
	struct conflist moved;
	const int moves = move_list(n, list, a, &moved, err);

	if (moves < 0)
		return -1;
	if (moves > 0)
		list = &moved;
	e->config = list->text;
	e->config_len = list->len;
	if (make_room(n, e, err) < 0 || make_request(n, e, &request, err) < 0)
		return -1;
	e->result = intent_text(list->version, &n->arena);
	if (!e->result)
		return err_set(err, ENOMEM, "out of memory");
	if (cache_save(n->cache_dir, e, err) < 0)
		return -1;
	if (exec_add(&n->exec, list, &request, &n->arena, ret_result, err) < 0) {
		(void)cache_remove(n->cache_dir, e, NULL);
		return -1;
	}
	e->result = *ret_result;
	if (cache_save(n->cache_dir, e, err) == 0)
		return 0;
	(void)undo_entry(n, e, NULL);
	return -1;
}

int net_lock_both(const struct net *n, const char *network, const struct net_attachment *a,
		  struct err *err)
{
	AUTO_LOCK lock = net_lock(n, network, NET_SHARED, err);

	if (lock < 0 || net_lock_attachment(lock, a->container, a->ifname, err) < 0)
		return -1;
	return fd_take(&lock);
}

int net_add(struct net *n, const struct conflist *list, const struct net_attachment *a,
	    const char **ret_result, struct err *err)
{
	struct cache_entry e = key_of(list->name, a);
	AUTO_FD netns = -1;
	AUTO_FD home = -1;
	AUTO_LOCK lock = -1;

	e.netns = a->netns;
	e.args = a->args;
	e.capabilities = a->capabilities;
	if (check_names(a, err) < 0 || cache_check(&e, err) < 0)
		return -1;
	netns = netns_open(a->netns, err);
	home = netns < 0 ? -1 : netns_home(-1, err);
	if (netns < 0 || home < 0)
		return -1;
	if (netns_same(netns, home))
		return cni_err(err, CNI_ERR_NETNS, "\"%s\" is the network namespace of the host",
			       a->netns);
	lock = net_lock_both(n, list->name, a, err);
	return lock < 0 ? -1 : add_locked(n, list, a, &e, ret_result, err);
}

int net_del(struct net *n, const char *network, const struct net_attachment *a, struct err *err)
{
	struct cache_entry key = key_of(network, a), e;
	AUTO_LOCK lock = -1;
	int found;

	if (check_names(a, err) < 0)
		return -1;
	if (!netconf_name_ok(network))
		return cni_err(err, CNI_ERR_CONFIG, "there is no network \"%.64s\"", network);
	lock = net_lock_both(n, network, a, err);
	found = lock < 0 ? -1 : cache_load(n->cache_dir, &key, &n->arena, &e, err);
	if (found < 0)
		return -1;
	if (found == 0) {
		e = key;
		e.netns = "";
		e.capabilities = a->capabilities;
		e.args = a->args;
	}
	if (a->netns)
		e.netns = a->netns;
	return undo_entry(n, &e, err);
}

int net_check(struct net *n, const char *network, const struct net_attachment *a, struct err *err)
{
	struct cache_entry key = key_of(network, a), e;
	struct exec_request request;
	struct conflist list;
	AUTO_LOCK lock = -1;
	int found;

	if (check_names(a, err) < 0)
		return -1;
	lock = net_lock_both(n, network, a, err);
	found = lock < 0 ? -1 : cache_load(n->cache_dir, &key, &n->arena, &e, err);
	if (found < 0)
		return -1;
	if (found == 0 || net_is_intent(&e)) {
		err_set_(err, ENOENT, "container \"%s\" has no \"%s\" in network \"%s\"",
			 a->container, a->ifname, network);
		return cni_code_(err, CNI_ERR_CONTAINER);
	}
	if (entry_list(n, &e, &n->arena, &list, err) < 0 || make_request(n, &e, &request, err) < 0)
		return -1;
	request.prev_result = e.result;
	return exec_check(&n->exec, &list, &request, err);
}

/* The living ones as JSON; the others are undone. */
static int sort_out(struct net *n, const struct cache_entries *all, struct buf *valid,
		    size_t *ret_n, struct err *err)
{
	struct json_out o;
	int rc = 0;

	*ret_n = 0;
	json_out_init(&o, valid, 0);
	json_begin_array(&o);
	for (size_t i = 0; i < all->n; i++) {
		struct cache_entry *e = &all->v[i];

		if (net_is_stale(e)) {
			struct err one = { 0 };

			(*ret_n)++;
			if (undo_entry(n, e, &one) < 0 && rc == 0 && err)
				*err = one;
			rc = one.code ? -1 : rc;
			continue;
		}
		json_begin_object(&o);
		json_kv_string(&o, "containerID", e->container);
		json_kv_string(&o, "ifname", e->ifname);
		json_end_object(&o);
	}
	json_end_array(&o);
	return rc;
}

int net_gc(struct net *n, const struct conflist *list, size_t *ret_n, struct err *err)
{
	AUTO_LOCK lock = net_lock(n, list->name, NET_ALONE, err);
	struct exec_request request = { .container = "", .netns = "", .ifname = "", .args = "" };
	struct cache_entries all;
	struct err second = { 0 };
	AUTO_BUF valid;
	int rc;

	buf_init(&valid);
	if (lock < 0 || cache_list(n->cache_dir, list->name, NULL, &n->arena, &all, err) < 0)
		return -1;
	rc = sort_out(n, &all, &valid, ret_n, err);
	if (buf_failed(&valid))
		return err_set(err, ENOMEM, "out of memory");
	request.attachments = valid.s;
	if (exec_gc(&n->exec, list, &request, &second) < 0 && rc == 0) {
		if (err)
			*err = second;
		rc = -1;
	}
	return rc;
}
