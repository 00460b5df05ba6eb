/* SPDX-License-Identifier: Apache-2.0 */
/* host_local.c - IPAM plugin host-local: addresses from ranges, leases on disk
 *
 * From each set one address, round robin: the search goes on behind the last
 * one.  The next is free nearly always, so it is simply taken; only after
 * PROBES failures are all leases looked at, in order not to try a crowded range
 * address by address.
 * When a set is exhausted, leases that died with their network namespace are
 * freed before that is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cni/plugins/host_local/config.h"
#include "cni/plugins/host_local/store.h"
#include "cni/plugins/registry.h"

#define PROBES	      32
#define FULL_MAX      (1 << 24) /* candidates of one search: more leases than that fit on no host */
#define HOLDERS_SHOWN 8
#define RESOLV_MAX    ((size_t)1 << 20)

/* --- candidates ------------------------------------------------------------------- */

/* A walk through a set: from behind `start` once around. */
struct walk {
	const struct hl_set *set;
	size_t range;
	struct ip now, first;
	bool begun;
};

static struct walk walk_from(const struct hl_set *set, const struct ip *last)
{
	struct walk walk = { .set = set, .now = set->v[0].first };

	for (size_t i = 0; i < set->n; i++) {
		const struct hl_range *range = &set->v[i];

		if (last->family != range->first.family || ip_compare(&range->first, last) > 0 ||
		    ip_compare(last, &range->last) > 0)
			continue;
		walk.range = i;
		if (ip_compare(last, &range->last) == 0 || ip_add(last, 1, &walk.now) < 0) {
			walk.range = (i + 1) % set->n;
			walk.now = set->v[walk.range].first;
		}
	}
	return walk;
}

/* The next candidate, or NULL when it would be the first one again. */
static const struct hl_range *walk_next(struct walk *walk, struct ip *ret)
{
	for (;;) {
		const struct hl_range *range = &walk->set->v[walk->range];
		struct ip ip = walk->now;

		if (walk->begun && ip_eq(&ip, &walk->first))
			return NULL;
		if (!walk->begun)
			walk->first = ip;
		walk->begun = true;
		if (ip_compare(&ip, &range->last) >= 0 || ip_add(&ip, 1, &walk->now) < 0) {
			walk->range = (walk->range + 1) % walk->set->n;
			walk->now = walk->set->v[walk->range].first;
		}
		if (ip_eq(&ip, &range->gateway))
			continue;
		*ret = ip;
		return range;
	}
}

/* All that is taken, in order. */
struct taken {
	struct ip *v;
	size_t n, cap;
	const struct hl_set *set;
};

static int compare_ips(const void *a, const void *b)
{
	return ip_compare(a, b);
}

static int add_taken(const struct ip *ip, void *data, struct err *err)
{
	struct taken *taken = data;

	if (!hl_set_find(taken->set, ip))
		return 0;
	if (taken->n == taken->cap) {
		size_t cap = taken->cap ? taken->cap * 2 : 256;
		struct ip *v = reallocarray(taken->v, cap, sizeof(*v));

		if (!v)
			return err_sys(err, "list the leases");
		taken->v = v;
		taken->cap = cap;
	}
	taken->v[taken->n++] = *ip;
	return 0;
}

static int taken_load(struct hl_store *s, const struct hl_set *set, struct taken *ret,
		      struct err *err)
{
	*ret = (struct taken){ .set = set };
	if (hl_store_each(s, add_taken, ret, err) < 0)
		return -1;
	if (ret->n > 1)
		qsort(ret->v, ret->n, sizeof(*ret->v), compare_ips);
	return 0;
}

static bool taken_has(const struct taken *taken, const struct ip *ip)
{
	return taken->n > 0 &&
	       bsearch(ip, taken->v, taken->n, sizeof(*taken->v), compare_ips) != NULL;
}

/* --- one address of a set --------------------------------------------------------- */

struct search {
	struct hl_store *store;
	const struct hl_set *set;
	size_t index; /* of the set */
	const struct hl_owner *owner;
};

/* 1 and the address, 0 the set is exhausted, -1. */
static int search_once(const struct search *search, struct ip *ret, struct err *err)
{
	struct ip last = hl_store_last(search->store, search->index), ip;
	struct walk walk = walk_from(search->set, &last);
	struct taken taken = { 0 };
	int result = 0;

	for (int i = 0; i < FULL_MAX && result == 0; i++) {
		if (i == PROBES && taken_load(search->store, search->set, &taken, err) < 0) {
			result = -1;
			break;
		}
		if (!walk_next(&walk, &ip))
			break;
		if (!taken_has(&taken, &ip))
			result = hl_store_take(search->store, &ip, search->owner, err);
	}
	free(taken.v);
	if (result > 0)
		*ret = ip;
	return result;
}

/* "10.0.0.2 c1/eth0, ... and 12 more" */
static void format_holders(const struct search *search, char *dst, size_t size)
{
	struct taken taken;
	size_t n = 0, shown = 0;

	dst[0] = '\0';
	if (taken_load(search->store, search->set, &taken, NULL) < 0) {
		free(taken.v);
		return;
	}
	for (; shown < taken.n && shown < HOLDERS_SHOWN; shown++) {
		char ip[IP_TEXT_MAX], holder[160];

		if (!hl_store_holder(search->store, &taken.v[shown], holder, sizeof(holder)))
			(void)str_copy(holder, sizeof(holder), "?");
		if (str_format(dst + n, size - n, "%s%s %s", n ? ", " : "; held by: ",
			       ip_format(&taken.v[shown], ip), holder) < 0) {
			dst[n] = '\0';
			break;
		}
		n += strlen(dst + n);
	}
	if (shown < taken.n && str_format(dst + n, size - n, " and %zu more", taken.n - shown) < 0)
		dst[n] = '\0';
	free(taken.v);
}

static int take_next(const struct search *search, struct ip *ret, struct err *err)
{
	char range[128], holders[320];
	int result = search_once(search, ret, err);

	if (result == 0) {
		int freed = hl_store_reclaim(search->store, err);

		result = freed > 0 ? search_once(search, ret, err) : freed;
	}
	if (result < 0)
		return -1;
	if (result > 0 && hl_store_set_last(search->store, search->index, ret, err) < 0) {
		(void)hl_store_drop(search->store, ret, NULL); /* nobody else knows of it yet */
		return -1;
	}
	if (result > 0)
		return 0;
	hl_set_format(search->set, range, sizeof(range));
	format_holders(search, holders, sizeof(holders));
	return cni_err(err, CNI_ERR_AGAIN, "no IP addresses available in range set: %s%s", range,
		       holders);
}

static int take_wanted(const struct search *search, const struct ip *wanted, struct err *err)
{
	const struct hl_range *range = hl_set_find(search->set, wanted);
	char ip[IP_TEXT_MAX], holder[160] = "?";
	int result;

	(void)ip_format(wanted, ip);
	if (range && ip_eq(&range->gateway, wanted))
		return cni_err(err, CNI_ERR_CONFIG, "requested ip %s is subnet's gateway", ip);
	result = hl_store_take(search->store, wanted, search->owner, err);
	if (result > 0)
		return 0;
	if (result < 0)
		return -1;
	(void)hl_store_holder(search->store, wanted, holder, sizeof(holder));
	return cni_err(err, CNI_ERR_AGAIN,
		       "requested IP address %s is not available: it is held by %s", ip, holder);
}

/* --- verbs ------------------------------------------------------------------------ */

/* What an ADD has taken so far. */
struct allocation {
	struct hl_store *store;
	const struct hl_config *config;
	struct hl_owner owner;
	struct ip v[HL_ADDRS_MAX], had[HL_ADDRS_MAX];
	size_t n;
	int n_had;
	bool used[HL_ADDRS_MAX]; /* of the wanted ones */
};

static int take_from_set(struct allocation *a, size_t index, struct err *err)
{
	const struct hl_set *set = &a->config->sets[index];
	const struct search search = {
		.store = a->store, .set = set, .index = index, .owner = &a->owner
	};
	char text[IP_TEXT_MAX];

	for (int i = 0; i < a->n_had; i++)
		if (hl_set_find(set, &a->had[i]))
			return cni_err(
				err, CNI_ERR_CONFIG,
				"%s has been allocated to %s, duplicate allocation is not allowed",
				ip_format(&a->had[i], text), a->owner.container_id);
	for (size_t i = 0; i < a->config->n_wanted && i < HL_ADDRS_MAX; i++) {
		if (a->used[i] || !hl_set_find(set, &a->config->wanted[i]))
			continue;
		a->used[i] = true;
		a->v[a->n] = a->config->wanted[i];
		if (take_wanted(&search, &a->v[a->n], err) < 0)
			return -1;
		a->n++;
		return 0;
	}
	if (take_next(&search, &a->v[a->n], err) < 0)
		return -1;
	a->n++;
	return 0;
}

static int take_all(struct allocation *a, struct err *err)
{
	char text[IP_TEXT_MAX];

	if (a->config->n_sets > HL_ADDRS_MAX || a->config->n_wanted > HL_ADDRS_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "more than %d addresses for one interface",
			       HL_ADDRS_MAX);
	a->n_had = hl_store_list(a->store, &a->owner, false, a->had, ARRAY_SIZE(a->had), err);
	if (a->n_had < 0)
		return -1;
	for (size_t i = 0; i < a->config->n_sets; i++)
		if (take_from_set(a, i, err) < 0)
			return -1;
	for (size_t i = 0; i < a->config->n_wanted; i++)
		if (!a->used[i])
			return cni_err(err, CNI_ERR_CONFIG,
				       "failed to allocate all requested IPs: %s is in no range",
				       ip_format(&a->config->wanted[i], text));
	return 0;
}

static int record(struct cni_call *call, struct allocation *a, struct err *err)
{
	struct hl_lease lease = { .v = a->v, .n = a->n };

	if (call->netns >= 0 && call->args->netns[0] == '/') {
		lease.netns = call->args->netns;
		if (netns_identify(call->netns, &lease.id, err) < 0)
			return -1;
	}
	return hl_store_record(a->store, &a->owner, &lease, err);
}

static int allocate(struct cni_call *call, struct allocation *a, struct err *err)
{
	if (take_all(a, err) == 0 && record(call, a, err) == 0)
		return 0;
	for (size_t i = 0; i < a->n; i++)
		(void)hl_store_drop(a->store, &a->v[i], NULL);
	return -1;
}

static int add_ips(struct cni_call *call, const struct allocation *a, struct err *err)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct hl_range *range = hl_set_find(&a->config->sets[i], &a->v[i]);
		struct result_ip *ip = result_add_ip(&call->result, call->arena);

		if (!ip || !range)
			return err_set(err, ENOMEM, "host-local: no room for the result");
		ip->address.ip = a->v[i];
		ip->address.prefix = range->subnet.prefix;
		ip->gateway = range->gateway;
	}
	return 0;
}

static int grow_strings(struct strings *list, const char *item, struct arena *arena)
{
	char **v = arena_array(arena, list->n + 2, sizeof(*v));

	if (!v)
		return -1;
	if (list->n)
		memcpy(v, list->v, list->n * sizeof(*v));
	v[list->n] = arena_strdup(arena, item);
	if (!v[list->n])
		return -1;
	list->n++;
	list->v = v;
	return 0;
}

/* resolv.conf(5): the keywords that a result has a place for. */
static int parse_resolv(struct cni_call *call, char *text, struct err *err)
{
	struct result_dns *dns = &call->result.dns;
	char *rest_lines;

	for (char *line = strtok_r(text, "\n", &rest_lines); line;
	     line = strtok_r(NULL, "\n", &rest_lines)) {
		char *rest, *key = strtok_r(line, " \t", &rest), *word;
		struct strings *list = NULL;

		if (!key || key[0] == '#' || key[0] == ';')
			continue;
		if (str_eq(key, "nameserver"))
			list = &dns->nameservers;
		else if (str_eq(key, "search"))
			list = &dns->search;
		else if (str_eq(key, "options"))
			list = &dns->options;
		while ((word = strtok_r(NULL, " \t", &rest))) {
			if (str_eq(key, "domain"))
				dns->domain = arena_strdup(call->arena, word);
			if (list && grow_strings(list, word, call->arena) < 0)
				return err_set(err, ENOMEM, "resolvConf: out of memory");
		}
	}
	return 0;
}

static int load_resolv(struct cni_call *call, const char *path, struct err *err)
{
	AUTO_BUF text;

	buf_init(&text);
	if (file_read(AT_FDCWD, path, &text, RESOLV_MAX, true) < 0)
		return cni_err_sys(err, CNI_ERR_IO, "read resolvConf \"%s\"", path);
	return parse_resolv(call, text.s, err);
}

static struct hl_owner owner_of(const struct cni_call *call)
{
	return (struct hl_owner){ call->args->container_id, call->args->ifname };
}

static int host_local_add(struct cni_call *call, struct err *err)
{
	struct hl_config config;
	struct hl_store store;
	struct allocation a = { .store = &store, .config = &config, .owner = owner_of(call) };
	int result;

	if (hl_config_load(call, &config, err) < 0 ||
	    (config.resolv_conf && load_resolv(call, config.resolv_conf, err) < 0) ||
	    (config.routes && result_routes_parse("ipam.routes", config.routes, call->arena,
						  &call->result, err) < 0) ||
	    hl_store_open(&store, config.data_dir, call->conf->name, true, err) < 0)
		return -1;
	result = allocate(call, &a, err);
	hl_store_close(&store);
	return result < 0 ? -1 : add_ips(call, &a, err);
}

static int host_local_del(struct cni_call *call, struct err *err)
{
	const struct hl_owner owner = owner_of(call);
	const char *dir;
	struct hl_store store;
	int result;

	if (hl_config_data_dir(call, &dir, err) < 0)
		return -1;
	result = hl_store_open(&store, dir, call->conf->name, false, err);
	if (result <= 0)
		return result;
	result = hl_store_release(&store, &owner, err);
	hl_store_close(&store);
	return result;
}

static int check_leases(struct cni_call *call, const struct hl_config *config,
			struct hl_store *store, struct err *err)
{
	const struct hl_owner owner = owner_of(call);
	const struct result *prev = &call->conf->prev;
	size_t found = 0;
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < prev->n_ips; i++) {
		const struct ip *ip = &prev->ips[i].address.ip;
		bool mine = false;
		int owns;

		for (size_t k = 0; k < config->n_sets && !mine; k++)
			mine = hl_set_find(&config->sets[k], ip) != NULL;
		if (!mine)
			continue;
		owns = hl_store_owns(store, ip, &owner, err);
		if (owns < 0)
			return -1;
		if (owns == 0)
			return err_set(err, ENOENT,
				       "host-local: address %s is not reserved for container %s",
				       ip_format(ip, text), owner.container_id);
		found++;
	}
	if (found == 0)
		return err_set(err, ENOENT,
			       "host-local: Failed to find address added by container %s",
			       owner.container_id);
	return 0;
}

static int host_local_check(struct cni_call *call, struct err *err)
{
	struct hl_config config;
	struct hl_store store;
	int result;

	if (hl_config_load(call, &config, err) < 0)
		return -1;
	result = hl_store_open(&store, config.data_dir, call->conf->name, false, err);
	if (result < 0)
		return -1;
	if (result == 0)
		return err_set(err, ENOENT,
			       "host-local: Failed to find address added by container %s",
			       call->args->container_id);
	result = check_leases(call, &config, &store, err);
	hl_store_close(&store);
	return result;
}

static int host_local_gc(struct cni_call *call, struct err *err)
{
	const char *dir;
	struct hl_store store;
	int result;

	if (hl_config_data_dir(call, &dir, err) < 0)
		return -1;
	result = hl_store_open(&store, dir, call->conf->name, false, err);
	if (result <= 0)
		return result;
	result = hl_store_gc(&store, call->conf, err);
	hl_store_close(&store);
	return result;
}

/* 1 there is a free address in every set, 0 there is none in one of them, -1. */
static int has_room(struct hl_store *store, const struct hl_config *config, struct err *err)
{
	int room = 1;

	for (size_t i = 0; i < config->n_sets && room == 1; i++) {
		const struct hl_set *set = &config->sets[i];
		struct ip last = { 0 }, ip;
		struct walk walk = walk_from(set, &last);
		struct taken taken;

		if (taken_load(store, set, &taken, err) < 0) {
			room = -1;
		} else {
			bool free_one = false;

			while (!free_one && walk_next(&walk, &ip))
				free_one = !taken_has(&taken, &ip);
			room = free_one;
		}
		free(taken.v);
	}
	return room;
}

static int host_local_status(struct cni_call *call, struct err *err)
{
	struct hl_config config;
	struct hl_store store;
	int result;

	if (hl_config_load(call, &config, err) < 0)
		return -1;
	result = hl_store_open(&store, config.data_dir, call->conf->name, false, err);
	if (result <= 0)
		return result;
	result = has_room(&store, &config, err);
	/* what ADD would free doesn't count as taken */
	if (result == 0 && hl_store_reclaim(&store, err) > 0)
		result = has_room(&store, &config, err);
	hl_store_close(&store);
	if (result == 0)
		return cni_err(err, CNI_ERR_UNAVAILABLE, "network \"%s\" has no free address left",
			       call->conf->name);
	return result < 0 ? -1 : 0;
}

const struct cni_plugin cni_plugin_host_local = {
	.type = "host-local",
	.about = "addresses from ranges, leases kept on this host",
	.is_ipam = true,
	.add = host_local_add,
	.del = host_local_del,
	.check = host_local_check,
	.gc = host_local_gc,
	.status = host_local_status,
};
