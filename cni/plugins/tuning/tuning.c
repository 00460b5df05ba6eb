/* SPDX-License-Identifier: Apache-2.0 */
/* tuning.c - sysctls and attributes of an interface that is there already
 *
 * An interface may outlive the container (one that was moved in), so what it
 * had before is written to DATADIR/ID_IFNAME.json first and put back by DEL.
 * CNI plugin "tuning"; sysctl(8), ip-link(8).
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "cni/link.h"
#include "cni/netns.h"
#include "cni/plugins/registry.h"
#include "cni/plugins/tuning/sysctl.h"

#define DATA_DIR      "/run/cni/tuning"
#define DIR_MODE      0700
#define FILE_MODE     0600
#define BACKUP_MAX    ((size_t)64 << 10)
#define ALLOWLIST_MAX ((size_t)1 << 20)
#define SYSCTL_MAX    512
#define VALUE_MAX     4096
#define UINT31_MAX    0x7fffffff

/* What an interface is to be, or was; members without a value are left alone. */
struct settings {
	char *mac;
	struct opt_bool promisc, allmulti;
	struct opt_i64 mtu, tx_queue_length;
	struct pairs sysctl;
};
#define SETTINGS_FIELDS(type, s)                                                           \
 JSON_FIELD_AS("mac", type, s mac, JSON_STRING),                                           \
	 JSON_FIELD_AS("promisc", type, s promisc, JSON_OPT_BOOL),                         \
	 JSON_FIELD_AS("allmulti", type, s allmulti, JSON_OPT_BOOL),                       \
	 JSON_FIELD_AS("mtu", type, s mtu, JSON_OPT_I64, .max = INT32_MAX),                \
	 JSON_FIELD_AS("txQLen", type, s tx_queue_length, JSON_OPT_I64, .max = INT32_MAX), \
	 JSON_FIELD_AS("sysctl", type, s sysctl, JSON_PAIRS)

/* The keys of the configuration, and of args.cni, which win. */
struct args {
	struct settings cni;
};
struct config {
	struct settings wanted;
	struct args args;
	char *data_dir;
};

#define NO_PREFIX
static const struct json_field settings_fields[] = {
	SETTINGS_FIELDS(struct settings, NO_PREFIX),
};
static const struct json_table settings_table = JSON_TABLE(struct settings, settings_fields);
static const struct json_field args_fields[] = {
	JSON_FIELD(struct args, cni, JSON_INLINE, .sub = &settings_table),
};
static const struct json_table args_table = JSON_TABLE(struct args, args_fields);
static const struct json_field config_fields[] = {
	SETTINGS_FIELDS(struct config, wanted.),
	JSON_FIELD(struct config, args, JSON_INLINE, .sub = &args_table),
	JSON_FIELD_AS("dataDir", struct config, data_dir, JSON_STRING),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

/* --- the configuration ------------------------------------------------------------------ */

static void prefer(struct settings *to, const struct settings *from)
{
	if (from->mac)
		to->mac = from->mac;
	if (from->promisc.has)
		to->promisc = from->promisc;
	if (from->allmulti.has)
		to->allmulti = from->allmulti;
	if (from->mtu.has)
		to->mtu = from->mtu;
	if (from->tx_queue_length.has)
		to->tx_queue_length = from->tx_queue_length;
	if (from->sysctl.n > 0)
		to->sysctl = from->sysctl;
}

static int parse_config(struct cni_call *call, struct config *c, struct err *err)
{
	struct mac mac;
	char text[MAC_TEXT_MAX];
	int wanted;

	if (netconf_decode(call->conf, &config_table, c, call->arena, err) < 0)
		return -1;
	prefer(&c->wanted, &c->args.cni);
	wanted = cni_wanted_mac(call, &mac, err);
	if (wanted < 0)
		return -1;
	if (wanted > 0 && !c->args.cni.mac)
		c->wanted.mac = arena_strdup(call->arena, mac_format(&mac, text));
	if (c->wanted.mac && c->wanted.mac[0] == '\0')
		c->wanted.mac = NULL;
	if (c->wanted.mtu.v == 0)
		c->wanted.mtu.has = false; /* as if it weren't there */
	if (c->wanted.mac && mac_parse(c->wanted.mac, &mac) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is no hardware address", c->wanted.mac);
	if (!c->data_dir || c->data_dir[0] == '\0')
		c->data_dir = arena_strdup(call->arena, DATA_DIR);
	return c->data_dir ? 0 : err_sys(err, "tuning");
}

static int check_allowed(const struct config *c, struct err *err)
{
	AUTO_BUF list;
	const char *text = NULL;

	buf_init_max(&list, ALLOWLIST_MAX);
	if (c->wanted.sysctl.n == 0)
		return 0;
	if (file_read(AT_FDCWD, SYSCTL_ALLOWLIST, &list, ALLOWLIST_MAX, true) == 0)
		text = list.s;
	else if (errno != ENOENT)
		return err_sys(err, "read \"%s\"", SYSCTL_ALLOWLIST);
	return sysctl_allowed(&c->wanted.sysctl, text, err);
}

static bool has_link_settings(const struct settings *s)
{
	return s->mac || s->promisc.has || s->allmulti.has || s->mtu.has || s->tx_queue_length.has;
}

/* --- the backup ----------------------------------------------------------------------------- */

static const char *backup_path(struct cni_call *call, const struct config *c)
{
	return arena_printf(call->arena, "%s/%s_%s.json", c->data_dir, call->args->container_id,
			    call->args->ifname);
}

/* Writes what the interface has of what will be changed. */
static int save_backup(struct cni_call *call, const struct config *c, const struct link *link,
		       struct err *err)
{
	const char *path = backup_path(call, c);
	char mac[MAC_TEXT_MAX];
	struct json_out out;
	AUTO_BUF text;

	buf_init(&text);
	json_out_init(&out, &text, 0);
	json_begin_object(&out);
	if (c->wanted.mac && link->has_mac)
		json_kv_string(&out, "mac", mac_format(&link->mac, mac));
	if (c->wanted.promisc.has)
		json_kv_bool(&out, "promisc", (link->flags & IFF_PROMISC) != 0);
	if (c->wanted.allmulti.has)
		json_kv_bool(&out, "allmulti", (link->flags & IFF_ALLMULTI) != 0);
	if (c->wanted.mtu.has)
		json_kv_int(&out, "mtu", link->mtu);
	if (c->wanted.tx_queue_length.has)
		json_kv_int(&out, "txQLen", link->tx_queue_length);
	json_end_object(&out);
	if (buf_failed(&text) || !path)
		return err_set(err, ENOMEM, "tuning: no memory");
	if (file_make_dirs(c->data_dir, DIR_MODE) < 0 ||
	    file_replace(AT_FDCWD, path, text.s, text.len, FILE_MODE) < 0)
		return err_sys(err, "write \"%s\"", path);
	return 0;
}

/* 1 and *ret, 0 there is none, -1 with err. */
static int load_backup(struct cni_call *call, const struct config *c, struct settings *ret,
		       struct err *err)
{
	const char *path = backup_path(call, c);
	AUTO_BUF text;

	buf_init_max(&text, BACKUP_MAX);
	if (!path)
		return err_sys(err, "tuning");
	if (file_read(AT_FDCWD, path, &text, BACKUP_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read \"%s\"", path);
	if (json_decode(path, text.s, text.len, &settings_table, ret, call->arena, err) < 0)
		return -1;
	return 1;
}

/* --- effects --------------------------------------------------------------------------------- */

static void put_settings(struct rtnl *r, const struct link *link, const struct settings *s)
{
	struct mac mac;

	if (s->mac && mac_parse(s->mac, &mac) == 0)
		link_set_mac(r, link->index, &mac);
	if (s->promisc.has)
		link_set_flags(r, link->index, s->promisc.v ? IFF_PROMISC : 0, IFF_PROMISC);
	if (s->allmulti.has)
		link_set_flags(r, link->index, s->allmulti.v ? IFF_ALLMULTI : 0, IFF_ALLMULTI);
	if (s->mtu.has)
		link_set_mtu(r, link->index, (uint32_t)s->mtu.v);
	if (s->tx_queue_length.has) {
		link_change(r, link->index, "set the queue of");
		rtnl_put_u32(r, IFLA_TXQLEN, (uint32_t)s->tx_queue_length.v);
		rtnl_end(r);
	}
}

/* Some drivers change their address only while they are down. */
static int apply_settings(struct rtnl *r, const struct link *link, const struct settings *s,
			  struct err *err)
{
	struct err why = { 0 };

	put_settings(r, link, s);
	if (rtnl_flush(r, &why) == 0)
		return 0;
	if (why.code != EBUSY || !s->mac || !(link->flags & IFF_UP))
		return err_set(err, why.code, "%s", why.msg);
	link_down(r, link->index);
	put_settings(r, link, s);
	link_up(r, link->index);
	return rtnl_flush(r, err);
}

static int apply_sysctls(struct cni_call *call, const struct config *c, struct err *err)
{
	const struct pairs *sysctl = &c->wanted.sysctl;
	struct netns_setting *v = arena_array(call->arena, sysctl->n + 1, sizeof(*v));

	if (!v)
		return err_sys(err, "tuning");
	for (size_t i = 0; i < sysctl->n; i++) {
		char path[SYSCTL_MAX];

		if (sysctl_path(sysctl->v[i].key, call->args->ifname, path, sizeof(path), err) < 0)
			return -1;
		v[i] = (struct netns_setting){ .name = arena_strdup(call->arena, path),
					       .value = sysctl->v[i].value };
		if (!v[i].name)
			return err_sys(err, "tuning");
	}
	return sysctl->n > 0 ? netns_sysctls(call->netns, v, sysctl->n, err) : 0;
}

/* The result shows the address and MTU that the interface has now. */
static void update_result(struct cni_call *call, const struct settings *s)
{
	struct result_interface *interface =
		result_find_interface(&call->result, call->args->ifname, call->args->netns);

	if (!interface)
		return;
	if (s->mac)
		interface->mac = s->mac;
	if (s->mtu.has && interface->mtu != 0)
		interface->mtu = (uint32_t)s->mtu.v;
}

static int restore(struct cni_call *call, const struct config *c, struct err *err)
{
	struct settings before;
	struct rtnl *inside;
	struct link link;
	int found = load_backup(call, c, &before, err);

	if (found <= 0)
		return found;
	if (call->netns >= 0) {
		inside = cni_inside(call, err);
		if (!inside)
			return -1;
		found = link_find(inside, call->args->ifname, &link, err);
		if (found < 0 || (found > 0 && apply_settings(inside, &link, &before, err) < 0))
			return -1;
	}
	if (unlink(backup_path(call, c)) < 0 && errno != ENOENT)
		return err_sys(err, "remove \"%s\"", backup_path(call, c));
	return 0;
}

static int tune_link(struct cni_call *call, const struct config *c, struct err *err)
{
	struct rtnl *inside = cni_inside(call, err);
	struct link link;

	if (!inside || link_get(inside, call->args->ifname, &link, err) < 0 ||
	    save_backup(call, c, &link, err) < 0)
		return -1;
	if (apply_settings(inside, &link, &c->wanted, err) < 0) {
		(void)restore(call, c, NULL);
		return -1;
	}
	update_result(call, &c->wanted);
	return 0;
}

/* --- verbs ------------------------------------------------------------------------------------ */

static int tuning_add(struct cni_call *call, struct err *err)
{
	struct config c;

	if (parse_config(call, &c, err) < 0 || check_allowed(&c, err) < 0 ||
	    apply_sysctls(call, &c, err) < 0)
		return -1;
	return has_link_settings(&c.wanted) ? tune_link(call, &c, err) : 0;
}

static int tuning_del(struct cni_call *call, struct err *err)
{
	struct config c;

	return parse_config(call, &c, err) < 0 ? -1 : restore(call, &c, err);
}

static int check_sysctls(struct cni_call *call, const struct config *c, struct err *err)
{
	const struct pairs *sysctl = &c->wanted.sysctl;

	for (size_t i = 0; i < sysctl->n; i++) {
		char path[SYSCTL_MAX], value[VALUE_MAX];

		if (sysctl_path(sysctl->v[i].key, call->args->ifname, path, sizeof(path), err) <
			    0 ||
		    netns_sysctl_read(call->netns, path, value, sizeof(value), err) < 0)
			return -1;
		if (strcmp(value, sysctl->v[i].value) != 0)
			return err_set(err, EINVAL, "\"%s\" is \"%.64s\", not \"%.64s\"",
				       sysctl->v[i].key, value, sysctl->v[i].value);
	}
	return 0;
}

static int check_link(const struct link *link, const struct settings *s, struct err *err)
{
	struct mac mac;

	if (s->mac && mac_parse(s->mac, &mac) == 0 && !mac_eq(&mac, &link->mac))
		return err_set(err, EINVAL, "\"%s\" has another hardware address than \"%s\"",
			       link->name, s->mac);
	if (s->promisc.has && s->promisc.v != ((link->flags & IFF_PROMISC) != 0))
		return err_set(err, EINVAL, "promiscuous mode of \"%s\" has changed", link->name);
	if (s->allmulti.has && s->allmulti.v != ((link->flags & IFF_ALLMULTI) != 0))
		return err_set(err, EINVAL, "all-multicast mode of \"%s\" has changed", link->name);
	if (s->mtu.has && s->mtu.v != (int64_t)link->mtu)
		return err_set(err, EINVAL, "\"%s\" has MTU %u, not %lld", link->name, link->mtu,
			       (long long)s->mtu.v);
	if (s->tx_queue_length.has && s->tx_queue_length.v != (int64_t)link->tx_queue_length)
		return err_set(err, EINVAL, "\"%s\" has a queue of %u, not %lld", link->name,
			       link->tx_queue_length, (long long)s->tx_queue_length.v);
	return 0;
}

static int tuning_check(struct cni_call *call, struct err *err)
{
	struct rtnl *inside;
	struct config c;
	struct link link;

	if (parse_config(call, &c, err) < 0 || check_sysctls(call, &c, err) < 0)
		return -1;
	inside = cni_inside(call, err);
	if (!inside || link_get(inside, call->args->ifname, &link, err) < 0)
		return -1;
	return check_link(&link, &c.wanted, err);
}

const struct cni_plugin cni_plugin_tuning = {
	.type = "tuning",
	.about = "sysctls and attributes of an interface",
	.chained = true,
	.add = tuning_add,
	.del = tuning_del,
	.check = tuning_check,
};
