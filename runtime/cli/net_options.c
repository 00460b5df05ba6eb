/* SPDX-License-Identifier: Apache-2.0 */
/* net_options.c - the network options that create and run share
 *
 * Their words are docker's and podman's.  skerry-net understands the values;
 * here they are only carried.
 */
#include "runtime/cli/net_options.h"

#include "runtime/cli/cmd.h"

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct create_words, net.member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("net", 0, OPTION_STRINGS, networks, "NAME[:KEY=VALUE,...]",
	      "attach to a network, or none, host, container:ID (may be repeated)") },
	{ ROW("network", 0, OPTION_STRINGS, networks, "NAME", NULL) },
	{ ROW("publish", 'p', OPTION_STRINGS, ports, "[ADDRESS:]PORT:PORT[/PROTOCOL]",
	      "make a port of the container one of the host (may be repeated)") },
	{ ROW("ip", 0, OPTION_STRING, ip, "ADDRESS", "address in the first network") },
	{ ROW("mac-address", 0, OPTION_STRING, mac, "MAC",
	      "hardware address in the first network") },
	{ ROW("dns", 0, OPTION_STRINGS, dns, "ADDRESS",
	      "name server, in place of the host's (may be repeated)") },
	{ ROW("dns-search", 0, OPTION_STRINGS, dns_search, "DOMAIN",
	      "domain to look names up in (may be repeated)") },
	{ ROW("dns-option", 0, OPTION_STRINGS, dns_options, "OPTION",
	      "option of resolv.conf(5) (may be repeated)") },
	{ ROW("add-host", 0, OPTION_STRINGS, hosts, "NAME:ADDRESS",
	      "one more line of /etc/hosts (may be repeated)") },
	{ ROW("pod", 0, OPTION_STRING, pod, "ID",
	      "share network, IPC and host name of container ID") },
};
const struct option_table net_options = { rows, ARRAY_SIZE(rows), &image_option_table };

void net_words_give(const struct net_words *words, struct skerry_create_options *to)
{
	to->networks = words->networks.v;
	to->ports = words->ports.v;
	to->dns = words->dns.v;
	to->dns_search = words->dns_search.v;
	to->dns_options = words->dns_options.v;
	to->hosts = words->hosts.v;
	to->ip = words->ip;
	to->mac = words->mac;
	to->pod = words->pod;
}
