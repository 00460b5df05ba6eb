/* SPDX-License-Identifier: Apache-2.0 */
/* move_record.c - what is written down of a move, and the ticket between the hosts
 *
 * One document for both: the ticket comes from another host, so everything in
 * it is checked before anything is done with it.
 */
#include "cni/net/move_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cni/ip.h"
#include "cni/netconf.h"

#define FOLDER_MODE 0700
#define FILE_MODE   0600
#define ID_MAX	    0xffffff /* of a VXLAN */
#define MTU_MAX	    65535

static const char *const roles[] = { [MOVE_SOURCE] = "source", [MOVE_TARGET] = "target" };
static const char *const kinds[] = { [MOVE_BRIDGED] = "bridged", [MOVE_ROUTED] = "routed" };
static const char *const states[] = {
	[MOVE_PREPARED] = "prepared", [MOVE_CUT] = "cut", [MOVE_FINISHING] = "finishing"
};
static const char *const tunnels[] = {
	[MOVE_VXLAN] = "vxlan", [MOVE_GRE] = "gre", [MOVE_IPIP] = "ipip"
};

/* The document with its words as they are written. */
struct document {
	char *role, *kind, *state, *tunnel;
	struct move move;
};

static const struct json_field address_fields[] = {
	JSON_FIELD(struct move_address, address, JSON_STRING, .required = true),
	JSON_FIELD(struct move_address, gateway, JSON_STRING),
};
static const struct json_table address_table = JSON_TABLE(struct move_address, address_fields);

#define MEMBER(key_, member, kind_, ...) \
 JSON_FIELD_AS(key_, struct document, move.member, kind_, ##__VA_ARGS__)
static const struct json_field document_fields[] = {
	JSON_FIELD(struct document, role, JSON_STRING, .required = true),
	JSON_FIELD(struct document, kind, JSON_STRING, .required = true),
	JSON_FIELD(struct document, state, JSON_STRING, .required = true),
	JSON_FIELD(struct document, tunnel, JSON_STRING, .required = true),
	MEMBER("network", network, JSON_STRING, .required = true),
	MEMBER("container", container, JSON_STRING, .required = true),
	MEMBER("ifname", ifname, JSON_STRING, .required = true),
	MEMBER("source", source, JSON_STRING, .required = true),
	MEMBER("target", target, JSON_STRING, .required = true),
	MEMBER("mac", mac, JSON_STRING, .required = true),
	MEMBER("port", port, JSON_STRING),
	MEMBER("bridge", bridge, JSON_STRING),
	MEMBER("mtu", mtu, JSON_U32, .max = MTU_MAX),
	MEMBER("index", index, JSON_U32, .max = INT32_MAX),
	MEMBER("id", id, JSON_U32, .min = 1, .max = ID_MAX, .required = true),
	MEMBER("addresses", addresses, JSON_OBJECTS, .sub = &address_table, .required = true),
};
static const struct json_table document_table = JSON_TABLE(struct document, document_fields);

int move_word(const char *what, const char *word, struct err *err)
{
	static const struct {
		const char *what;
		const char *const *words;
		size_t n;
	} lists[] = {
		{ "role", roles, ARRAY_SIZE(roles) },
		{ "kind", kinds, ARRAY_SIZE(kinds) },
		{ "state", states, ARRAY_SIZE(states) },
		{ "tunnel", tunnels, ARRAY_SIZE(tunnels) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t k = 0; strcmp(lists[i].what, what) == 0 && k < lists[i].n; k++)
			if (strcmp(lists[i].words[k], word) == 0)
				return (int)k;
	return err_set(err, EINVAL, "%s: \"%.32s\" is none", what, word);
}

static int parse_words(const struct document *d, struct move *ret, struct err *err)
{
	const int role = move_word("role", d->role, err);
	const int kind = role < 0 ? -1 : move_word("kind", d->kind, err);
	const int state = kind < 0 ? -1 : move_word("state", d->state, err);
	const int tunnel = state < 0 ? -1 : move_word("tunnel", d->tunnel, err);

	if (tunnel < 0)
		return -1;
	ret->role = (enum move_role)role;
	ret->kind = (enum move_kind)kind;
	ret->state = (enum move_state)state;
	ret->tunnel = (enum move_tunnel)tunnel;
	return 0;
}

static bool is_interface(const char *name)
{
	return !name[0] || netconf_ifname_ok(name);
}

static int check_names(const struct move *m, struct err *err)
{
	struct mac mac;
	struct ip source, target;

	if (!netconf_name_ok(m->network) || !netconf_name_ok(m->container) ||
	    !netconf_ifname_ok(m->ifname))
		return err_set(err, EINVAL, "\"%.64s\", \"%.64s\", \"%.64s\" name no attachment",
			       m->network, m->container, m->ifname);
	if (!is_interface(m->port) || !is_interface(m->bridge))
		return err_set(err, EINVAL, "\"%.64s\" or \"%.64s\" is no name of an interface",
			       m->port, m->bridge);
	if (mac_parse(m->mac, &mac) < 0)
		return err_set(err, EINVAL, "\"%.64s\" is no hardware address", m->mac);
	if (ip_parse(m->source, &source) < 0 || ip_parse(m->target, &target) < 0 ||
	    source.family != target.family || ip_eq(&source, &target))
		return err_set(err, EINVAL, "\"%.64s\" and \"%.64s\" are no two hosts' addresses",
			       m->source, m->target);
	return 0;
}

static int check_addresses(struct move *m, struct err *err)
{
	static char none[] = "";

	if (m->addresses.n == 0 || m->addresses.n > MOVE_ADDRESSES_MAX)
		return err_set(err, EINVAL, "a move is of 1 to %d addresses", MOVE_ADDRESSES_MAX);
	for (size_t i = 0; i < m->addresses.n; i++) {
		struct move_address *a = &m->addresses.v[i];
		struct ip_net net;
		struct ip gateway;

		if (!a->gateway)
			a->gateway = none;
		if (ip_net_parse(a->address, &net) < 0)
			return err_set(err, EINVAL, "\"%.64s\" is no address", a->address);
		if (a->gateway[0] &&
		    (ip_parse(a->gateway, &gateway) < 0 || gateway.family != net.ip.family))
			return err_set(err, EINVAL, "\"%.64s\" is no gateway of \"%.64s\"",
				       a->gateway, a->address);
	}
	return 0;
}

int move_parse(const char *name, const char *text, size_t len, struct arena *arena,
	       struct move *ret, struct err *err)
{
	static char none[] = "";
	struct document d;
	struct move m;

	if (json_decode(name, text, len, &document_table, &d, arena, err) < 0)
		return -1;
	m = d.move;
	if (!m.port)
		m.port = none;
	if (!m.bridge)
		m.bridge = none;
	if (parse_words(&d, &m, err) < 0 || check_names(&m, err) < 0 ||
	    check_addresses(&m, err) < 0)
		return err_wrap(err, "%s", name);
	*ret = m;
	return 0;
}

void move_format(const struct move *m, struct buf *out)
{
	struct json_out o;

	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_kv_string(&o, "role", roles[m->role]);
	json_kv_string(&o, "kind", kinds[m->kind]);
	json_kv_string(&o, "state", states[m->state]);
	json_kv_string(&o, "tunnel", tunnels[m->tunnel]);
	json_kv_string(&o, "network", m->network);
	json_kv_string(&o, "container", m->container);
	json_kv_string(&o, "ifname", m->ifname);
	json_kv_string(&o, "source", m->source);
	json_kv_string(&o, "target", m->target);
	json_kv_string(&o, "mac", m->mac);
	json_kv_string(&o, "port", m->port);
	json_kv_string(&o, "bridge", m->bridge);
	json_kv_uint(&o, "mtu", m->mtu);
	json_kv_uint(&o, "index", m->index);
	json_kv_uint(&o, "id", m->id);
	json_key(&o, "addresses");
	json_begin_array(&o);
	for (size_t i = 0; i < m->addresses.n; i++) {
		json_begin_object(&o);
		json_kv_string(&o, "address", m->addresses.v[i].address);
		json_kv_string(&o, "gateway", m->addresses.v[i].gateway);
		json_end_object(&o);
	}
	json_end_array(&o);
	json_end_object(&o);
	buf_putc(out, '\n');
}

/* --- files ---------------------------------------------------------------- */

static int path_of(const struct net *n, const char *network, const char *container,
		   const char *ifname, char path[PATH_MAX], struct err *err)
{
	if (str_format(path, PATH_MAX, "%s/move/%s,%s,%s", n->run_dir, network, container, ifname) <
	    0)
		return err_sys(err, "record of the move of \"%s\"", container);
	return 0;
}

int move_load(struct net *n, const char *network, const char *container, const char *ifname,
	      struct move *ret, struct err *err)
{
	char path[PATH_MAX];
	AUTO_BUF text;

	buf_init_max(&text, MOVE_TICKET_MAX);
	if (path_of(n, network, container, ifname, path, err) < 0)
		return -1;
	if (file_read(AT_FDCWD, path, &text, MOVE_TICKET_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read \"%s\"", path);
	return move_parse(path, text.s, text.len, &n->arena, ret, err) < 0 ? -1 : 1;
}

int move_save(const struct net *n, const struct move *m, struct err *err)
{
	char path[PATH_MAX], *slash;
	AUTO_BUF text;

	buf_init(&text);
	move_format(m, &text);
	if (path_of(n, m->network, m->container, m->ifname, path, err) < 0)
		return -1;
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "write \"%s\": out of memory", path);
	slash = strrchr(path, '/');
	*slash = '\0';
	if (file_make_dirs(path, FOLDER_MODE) < 0)
		return err_sys(err, "make \"%s\"", path);
	*slash = '/';
	if (file_replace(AT_FDCWD, path, text.s, text.len, FILE_MODE) < 0)
		return err_sys(err, "write \"%s\"", path);
	return 0;
}

/* What a request that died while it wrote has left: ".NAME.XXXX" (file_replace()). */
static void remove_unfinished(const char *folder, const char *name)
{
	const size_t len = strlen(name);
	DIR *dir = opendir(folder);
	const struct dirent *e;

	/* each is looked at once, so none that is removed is missed */
	while (dir && (e = readdir(dir))) /* NOLINT(concurrency-mt-unsafe): the stream is ours */
		if (e->d_name[0] == '.' && strncmp(e->d_name + 1, name, len) == 0 &&
		    e->d_name[len + 1] == '.')
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		(void)closedir(dir);
}

int move_remove(const struct net *n, const struct move *m, struct err *err)
{
	return move_forget(n, m->network, m->container, m->ifname, err);
}

int move_forget(const struct net *n, const char *network, const char *container, const char *ifname,
		struct err *err)
{
	char path[PATH_MAX], *slash;

	if (path_of(n, network, container, ifname, path, err) < 0)
		return -1;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, "remove \"%s\"", path);
	slash = strrchr(path, '/');
	*slash = '\0';
	remove_unfinished(path, slash + 1);
	return 0;
}
