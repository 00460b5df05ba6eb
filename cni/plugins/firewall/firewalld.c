/* SPDX-License-Identifier: Apache-2.0 */
/* firewalld.c - the backend firewalld: a container's addresses are sources of one of its zones
 *
 * An address that another zone has (left by a container that had it before)
 * changes to this one.  What firewalld says goes by the first word of its text:
 * "ZONE_ALREADY_SET: 10.1.0.2".
 * firewalld.dbus(5) "org.fedoraproject.FirewallD1.zone".
 */
#include "cni/plugins/firewall/firewalld.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "cni/nft.h"
#include "cni/plugins/firewall/bus.h"
#include "cni/prev.h"

#define SERVICE	  "org.fedoraproject.FirewallD1"
#define OBJECT	  "/org/fedoraproject/FirewallD1"
#define INTERFACE "org.fedoraproject.FirewallD1.zone"

/* Its rules with the backend nftables, its own default. */
static const struct nft_chain_def chains[] = { { "filter_FORWARD", NULL, NULL, 0 } };
static const struct nft_part part = { .chains = chains, .n_chains = ARRAY_SIZE(chains) };
static const struct nft_part *const parts[] = { &part };

int firewalld_runs(struct err *err)
{
	static const struct nft_plan plan = {
		.family = NFT_INET, .table = "firewalld", .parts = parts, .n_parts = 1
	};
	AUTO_NFT nft = nft_open(err);

	return nft ? nft_has_parts(nft, &plan, err) : -1;
}

static bool says(const struct bus_message *m, const char *word)
{
	return m->kind == BUS_ERROR && str_starts(m->text, word);
}

static int ask(struct bus *bus, const char *member, const char *zone, const char *source,
	       struct bus_message *ret, struct err *err)
{
	const struct bus_call call = { .destination = SERVICE,
				       .path = OBJECT,
				       .interface = INTERFACE,
				       .member = member,
				       .args = { zone, source } };

	return bus_request(bus, &call, ret, err);
}

static int complain(const struct bus_message *m, const char *zone, const char *source,
		    struct err *err)
{
	return err_set(err, EIO, "firewalld: zone \"%s\", source %s: %s", zone, source,
		       m->text[0] ? m->text : m->error);
}

static int add_one(struct bus *bus, const char *zone, const char *source, struct err *err)
{
	struct bus_message m;

	if (ask(bus, "addSource", zone, source, &m, err) < 0)
		return -1;
	if (says(&m, "ZONE_CONFLICT") && ask(bus, "changeZoneOfSource", zone, source, &m, err) < 0)
		return -1;
	if (m.kind == BUS_RETURN || says(&m, "ZONE_ALREADY_SET") || says(&m, "ALREADY_ENABLED"))
		return 0;
	return complain(&m, zone, source, err);
}

static int del_one(struct bus *bus, const char *zone, const char *source, struct err *err)
{
	struct bus_message m;

	if (ask(bus, "removeSource", zone, source, &m, err) < 0)
		return -1;
	if (m.kind == BUS_RETURN || says(&m, "UNKNOWN_SOURCE") || says(&m, "NOT_ENABLED") ||
	    says(&m, "ZONE_CONFLICT") || says(&m, "INVALID_ZONE") ||
	    str_eq(m.error, "org.freedesktop.DBus.Error.ServiceUnknown") ||
	    str_eq(m.error, "org.freedesktop.DBus.Error.NameHasNoOwner"))
		return 0;
	return complain(&m, zone, source, err);
}

static int check_one(struct bus *bus, const char *zone, const char *source, struct err *err)
{
	struct bus_message m;

	if (ask(bus, "querySource", zone, source, &m, err) < 0)
		return -1;
	if (m.kind != BUS_RETURN)
		return complain(&m, zone, source, err);
	if (!m.yes)
		return err_set(err, ENOENT, "firewalld: zone \"%s\" does not have the source %s",
			       zone, source);
	return 0;
}

/* Each address of the container, as a network of its own. */
static int each_source(struct cni_call *call, struct bus *bus, const char *zone,
		       int (*act)(struct bus *bus, const char *zone, const char *source,
				  struct err *err),
		       struct err *err)
{
	struct ip_net *ips;
	size_t n;

	if (prev_addresses(&call->conf->prev, call->arena, &ips, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct ip_net one = { .ip = ips[i].ip,
					    .prefix = (uint8_t)ip_bits(&ips[i].ip) };
		char text[IP_TEXT_MAX];

		if (act(bus, zone, ip_net_format(&one, text), err) < 0)
			return -1;
	}
	return 0;
}

int firewalld_add(struct cni_call *call, const char *zone, struct err *err)
{
	struct bus bus;
	int rc;

	if (bus_open(&bus, err) < 0)
		return err_wrap(err, "firewalld");
	rc = each_source(call, &bus, zone, add_one, err);
	if (rc < 0)
		(void)each_source(call, &bus, zone, del_one, NULL);
	bus_close(&bus);
	return rc;
}

int firewalld_del(struct cni_call *call, const char *zone, struct err *err)
{
	struct err why = { 0 };
	struct bus bus;
	int rc;

	if (call->conf->prev.n_ips == 0)
		return 0;
	if (bus_open(&bus, &why) < 0)
		return why.code == ENOENT || why.code == ECONNREFUSED
			       ? 0
			       : err_set(err, why.code, "firewalld: %s", why.msg);
	rc = each_source(call, &bus, zone, del_one, err);
	bus_close(&bus);
	return rc;
}

int firewalld_check(struct cni_call *call, const char *zone, struct err *err)
{
	struct bus bus;
	int rc;

	if (bus_open(&bus, err) < 0)
		return err_wrap(err, "firewalld");
	rc = each_source(call, &bus, zone, check_one, err);
	bus_close(&bus);
	return rc;
}

int firewalld_status(struct err *err)
{
	static const struct bus_call call = { .destination = "org.freedesktop.DBus",
					      .path = "/org/freedesktop/DBus",
					      .interface = "org.freedesktop.DBus",
					      .member = "NameHasOwner",
					      .args = { SERVICE, NULL } };
	struct bus_message m;
	struct bus bus;
	int rc;

	if (bus_open(&bus, err) < 0)
		return err_wrap(err, "firewalld");
	rc = bus_request(&bus, &call, &m, err);
	bus_close(&bus);
	if (rc == 0 && !(m.kind == BUS_RETURN && m.yes))
		return err_set(err, ENOENT, "firewalld does not run");
	return rc;
}
