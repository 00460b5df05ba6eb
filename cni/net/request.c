/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - what a container wants of the network
 *
 * CNI CONVENTIONS.md for the capabilities and CNI_ARGS.
 */
#include "cni/net/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cni/ip.h"
#include "cni/netconf.h"

#define PORT_MAX    65535
#define NAME_WORDS  253 /* RFC 1035, 2.3.4 */
#define SUPPLY_MAX  8
#define LIST_MAX    256
#define ADDRESS_LEN 64

struct document {
	char *id, *hostname, *ip, *mac;
	struct strings networks, ports, dns, search, options, hosts;
};
static const struct json_field document_fields[] = {
	JSON_FIELD(struct document, id, JSON_STRING, .required = true),
	JSON_FIELD(struct document, hostname, JSON_STRING),
	JSON_FIELD(struct document, ip, JSON_STRING),
	JSON_FIELD(struct document, mac, JSON_STRING),
	JSON_FIELD(struct document, networks, JSON_STRINGS),
	JSON_FIELD(struct document, ports, JSON_STRINGS),
	JSON_FIELD(struct document, dns, JSON_STRINGS),
	JSON_FIELD_AS("dnsSearch", struct document, search, JSON_STRINGS),
	JSON_FIELD_AS("dnsOptions", struct document, options, JSON_STRINGS),
	JSON_FIELD(struct document, hosts, JSON_STRINGS),
};
static const struct json_table document_table = JSON_TABLE(struct document, document_fields);

/* Names end up in files that are read by line and by word. */
static bool is_host_name(const char *s)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-_.";
	size_t n = strspn(s, good);

	return n > 0 && n <= NAME_WORDS && s[n] == '\0' && s[0] != '-';
}

static int add_word(struct arena *arena, struct strings *list, char *word)
{
	char **v = arena_array(arena, list->n + 2, sizeof(*v));

	if (!v)
		return -1;
	if (list->n)
		memcpy(v, list->v, list->n * sizeof(*v));
	v[list->n] = word;
	*list = (struct strings){ v, list->n + 1 };
	return 0;
}

static int set_address(struct request_network *net, char *value, struct arena *arena,
		       struct err *err)
{
	struct ip_net address;

	if (ip_net_parse_any(value, &address) < 0)
		return err_set(err, EINVAL, "\"%.64s\" is not an address", value);
	if (net->ips.n >= LIST_MAX || add_word(arena, &net->ips, value) < 0)
		return err_set(err, ENOMEM, "too many addresses");
	return 0;
}

static int set_mac(struct request_network *net, char *value, struct err *err)
{
	struct mac mac;

	if (mac_parse(value, &mac) < 0)
		return err_set(err, EINVAL, "\"%.64s\" is not a hardware address", value);
	net->mac = value;
	return 0;
}

/* One "key=value". */
static int parse_setting(struct request_network *net, char *word, struct arena *arena,
			 struct err *err)
{
	char *value = strchr(word, '=');

	if (!value)
		return err_set(err, EINVAL, "\"%.64s\" is not KEY=VALUE", word);
	*value++ = '\0';
	if (strcmp(word, "ip") == 0)
		return set_address(net, value, arena, err);
	if (strcmp(word, "mac") == 0)
		return set_mac(net, value, err);
	if (strcmp(word, "ifname") == 0) {
		if (!netconf_ifname_ok(value))
			return err_set(err, EINVAL, "\"%.64s\" can't be the name of an interface",
				       value);
		net->ifname = value;
		return 0;
	}
	if (strcmp(word, "alias") == 0) {
		if (!is_host_name(value))
			return err_set(err, EINVAL, "\"%.64s\" can't be a host's name", value);
		if (net->aliases.n < LIST_MAX && add_word(arena, &net->aliases, value) == 0)
			return 0;
		return err_set(err, ENOMEM, "too many names");
	}
	return err_set(err, EINVAL, "unknown setting \"%.64s\"", word);
}

static int parse_network(const char *word, size_t i, struct arena *arena,
			 struct request_network *ret, struct err *err)
{
	char *copy = arena_strdup(arena, word);
	char *at = copy ? strchr(copy, ':') : NULL;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	if (at)
		*at++ = '\0';
	ret->name = copy;
	ret->ifname = arena_printf(arena, "eth%zu", i);
	if (!netconf_name_ok(ret->name))
		return err_set(err, EINVAL, "--net: \"%.64s\" can't be the name of a network",
			       ret->name);
	while (at && *at) {
		char *end = strchr(at, ',');

		if (end)
			*end++ = '\0';
		if (parse_setting(ret, at, arena, err) < 0)
			return err_wrap(err, "--net %s", ret->name);
		at = end;
	}
	return ret->ifname ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* --- ports ---------------------------------------------------------------- */

struct port_range {
	unsigned int first, last;
};

static int parse_range(const char *text, size_t len, struct port_range *ret)
{
	char word[16], *dash;
	uint64_t first, last;

	if (len == 0 || len >= sizeof(word))
		return -1;
	memcpy(word, text, len);
	word[len] = '\0';
	dash = strchr(word, '-');
	if (dash)
		*dash++ = '\0';
	if (units_u64(word, PORT_MAX, &first) < 0 || first == 0)
		return -1;
	last = first;
	if (dash && (units_u64(dash, PORT_MAX, &last) < 0 || last < first))
		return -1;
	*ret = (struct port_range){ (unsigned int)first, (unsigned int)last };
	return 0;
}

/* "1.2.3.4" or "[::1]" in front of the ports: its length with the colon behind it. */
static int parse_host(const char *word, const char *last_colon, char dst[ADDRESS_LEN],
		      const char **ret_ports)
{
	const char *end = last_colon;
	struct ip ip;
	size_t len;

	while (end > word && end[-1] != ':')
		end--;
	*ret_ports = end;
	dst[0] = '\0';
	if (end == word)
		return 0;
	len = (size_t)(end - 1 - word);
	if (len > 1 && word[0] == '[' && word[len - 1] == ']') {
		word++;
		len -= 2;
	} else if (memchr(word, ':', len)) {
		return -1; /* where would the address end? */
	}
	if (len >= ADDRESS_LEN)
		return -1;
	memcpy(dst, word, len);
	dst[len] = '\0';
	return len == 0 ? 0 : ip_parse(dst, &ip);
}

static bool is_protocol(const char *s)
{
	return strcmp(s, "tcp") == 0 || strcmp(s, "udp") == 0 || strcmp(s, "sctp") == 0;
}

int request_parse_port(const char *word, struct json_out *out, size_t *n, struct err *err)
{
	const char *slash = strchr(word, '/'), *end = slash ? slash : word + strlen(word);
	const char *protocol = slash ? slash + 1 : "tcp", *colon = end, *ports;
	struct port_range host, inside;
	char address[ADDRESS_LEN];

	while (colon > word && *colon != ':')
		colon--;
	if (colon == word || !is_protocol(protocol) ||
	    parse_host(word, colon, address, &ports) < 0 ||
	    parse_range(ports, (size_t)(colon - ports), &host) < 0 ||
	    parse_range(colon + 1, (size_t)(end - colon - 1), &inside) < 0 ||
	    host.last - host.first != inside.last - inside.first)
		return err_set(err, EINVAL,
			       "\"%.64s\" is not [ADDRESS:]HOST-PORT:PORT[/tcp|udp|sctp]", word);
	for (unsigned int i = 0; i <= host.last - host.first; i++) {
		if (++*n > REQUEST_PORTS_MAX)
			return err_set(err, E2BIG, "more than %d ports", REQUEST_PORTS_MAX);
		json_begin_object(out);
		json_kv_uint(out, "hostPort", host.first + i);
		json_kv_uint(out, "containerPort", inside.first + i);
		json_kv_string(out, "protocol", protocol);
		if (address[0])
			json_kv_string(out, "hostIP", address);
		json_end_object(out);
	}
	return 0;
}

static int parse_ports(const struct strings *words, struct arena *arena, struct request *r,
		       struct err *err)
{
	struct json_out o;
	AUTO_BUF text;
	size_t n = 0;

	buf_init(&text);
	if (words->n == 0)
		return 0;
	json_out_init(&o, &text, 0);
	json_begin_array(&o);
	for (size_t i = 0; i < words->n; i++)
		if (request_parse_port(words->v[i], &o, &n, err) < 0)
			return err_wrap(err, "--publish");
	json_end_array(&o);
	r->ports = buf_failed(&text) ? NULL : arena_strdup(arena, text.s);
	r->port_words = *words;
	return r->ports ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* --- names ---------------------------------------------------------------- */

static int check_names(const struct request *r, struct err *err)
{
	struct ip ip;

	for (size_t i = 0; i < r->dns.n; i++)
		if (ip_parse(r->dns.v[i], &ip) < 0)
			return err_set(err, EINVAL, "--dns: \"%.64s\" is not an address",
				       r->dns.v[i]);
	for (size_t i = 0; i < r->search.n; i++)
		if (!is_host_name(r->search.v[i]))
			return err_set(err, EINVAL, "--dns-search: \"%.64s\" is not a domain",
				       r->search.v[i]);
	for (size_t i = 0; i < r->options.n; i++)
		if (!r->options.v[i][0] || strpbrk(r->options.v[i], " \t\r\n"))
			return err_set(err, EINVAL, "--dns-option: \"%.64s\" is not one word",
				       r->options.v[i]);
	for (size_t i = 0; i < r->hosts.n; i++) {
		const char *colon = strchr(r->hosts.v[i], ':');
		char name[NAME_WORDS + 1];
		size_t len = colon ? (size_t)(colon - r->hosts.v[i]) : 0;

		if (len == 0 || len >= sizeof(name))
			return err_set(err, EINVAL, "--add-host: \"%.64s\" is not NAME:ADDRESS",
				       r->hosts.v[i]);
		memcpy(name, r->hosts.v[i], len);
		name[len] = '\0';
		if (!is_host_name(name) ||
		    (strcmp(colon + 1, "host-gateway") != 0 && ip_parse(colon + 1, &ip) < 0))
			return err_set(err, EINVAL, "--add-host: \"%.64s\" is not NAME:ADDRESS",
				       r->hosts.v[i]);
	}
	return 0;
}

/* --ip and --mac-address are of the first network. */
static int set_first(struct request *r, struct document *d, struct arena *arena, struct err *err)
{
	if ((d->ip || d->mac) && r->n == 0)
		return err_set(err, EINVAL, "--ip and --mac-address need a network");
	if (d->ip && set_address(&r->networks[0], d->ip, arena, err) < 0)
		return err_wrap(err, "--ip");
	if (d->mac && set_mac(&r->networks[0], d->mac, err) < 0)
		return err_wrap(err, "--mac-address");
	return 0;
}

static int check_interfaces(const struct request *r, struct err *err)
{
	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(r->networks[i].ifname, r->networks[j].ifname) == 0)
				return err_set(err, EINVAL,
					       "--net: two interfaces are named \"%s\"",
					       r->networks[i].ifname);
	return 0;
}

int request_parse(const char *name, const char *text, size_t len, struct arena *arena,
		  struct request *ret, struct err *err)
{
	struct document d;

	*ret = (struct request){ 0 };
	if (json_decode(name, text, len, &document_table, &d, arena, err) < 0)
		return -1;
	if (!netconf_name_ok(d.id))
		return err_set(err, EINVAL,
			       "a container with a network can't have the id \"%.64s\"", d.id);
	if (d.networks.n > REQUEST_NETWORKS_MAX)
		return err_set(err, E2BIG, "more than %d networks", REQUEST_NETWORKS_MAX);
	ret->id = d.id;
	ret->hostname = d.hostname && is_host_name(d.hostname) ? d.hostname : "";
	ret->dns = d.dns;
	ret->search = d.search;
	ret->options = d.options;
	ret->hosts = d.hosts;
	for (; ret->n < d.networks.n; ret->n++)
		if (parse_network(d.networks.v[ret->n], ret->n, arena, &ret->networks[ret->n],
				  err) < 0)
			return -1;
	if (set_first(ret, &d, arena, err) < 0 || check_interfaces(ret, err) < 0 ||
	    check_names(ret, err) < 0)
		return -1;
	return parse_ports(&d.ports, arena, ret, err);
}

/* --- what the plugins are given ------------------------------------------- */

struct supply {
	struct pair capabilities[SUPPLY_MAX], args[SUPPLY_MAX];
	size_t n_capabilities, n_args;
};

static char *words_json(const struct strings *words, struct arena *arena)
{
	struct json_out o;
	AUTO_BUF text;

	buf_init(&text);
	json_out_init(&o, &text, 0);
	json_begin_array(&o);
	for (size_t i = 0; i < words->n; i++)
		json_string(&o, words->v[i]);
	json_end_array(&o);
	return buf_failed(&text) ? NULL : arena_strdup(arena, text.s);
}

static char *dns_json(const struct request *r, struct arena *arena)
{
	return arena_printf(arena, "{\"servers\":%s,\"searches\":%s,\"options\":%s}",
			    words_json(&r->dns, arena), words_json(&r->search, arena),
			    words_json(&r->options, arena));
}

/* The capability where a plugin declares it, else the argument (NULL: there is none). */
static void give(struct supply *s, const struct conflist *list, const struct pair *capability,
		 const struct pair *arg)
{
	if (conflist_has_capability(list, capability->key))
		s->capabilities[s->n_capabilities++] = *capability;
	else if (arg->key)
		s->args[s->n_args++] = *arg;
}

int request_supply(const struct request *r, size_t i, const struct conflist *list,
		   struct arena *arena, struct pairs *ret_capabilities, struct pairs *ret_args,
		   struct err *err)
{
	static char k_ips[] = "ips", k_mac[] = "mac", k_aliases[] = "aliases", k_dns[] = "dns",
		    k_ports[] = "portMappings", a_ip[] = "IP", a_mac[] = "MAC",
		    a_ignore[] = "IgnoreUnknown", a_one[] = "1";
	const struct request_network *net = &r->networks[i];
	struct supply *s = arena_alloc(arena, sizeof(*s));

	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	s->args[s->n_args++] = (struct pair){ a_ignore, a_one };
	if (net->ips.n)
		give(s, list, &(struct pair){ k_ips, words_json(&net->ips, arena) },
		     &(struct pair){ a_ip, net->ips.v[0] });
	if (net->mac)
		give(s, list, &(struct pair){ k_mac, arena_printf(arena, "\"%s\"", net->mac) },
		     &(struct pair){ a_mac, arena_strdup(arena, net->mac) });
	if (net->aliases.n)
		give(s, list, &(struct pair){ k_aliases, words_json(&net->aliases, arena) },
		     &(struct pair){ 0 });
	if (r->dns.n || r->search.n)
		give(s, list, &(struct pair){ k_dns, dns_json(r, arena) }, &(struct pair){ 0 });
	if (r->ports && i == 0) {
		if (!conflist_has_capability(list, k_ports))
			return err_set(err, EINVAL,
				       "network \"%s\" has no plugin that publishes ports",
				       list->name);
		give(s, list, &(struct pair){ k_ports, arena_strdup(arena, r->ports) },
		     &(struct pair){ 0 });
	}
	for (size_t k = 0; k < s->n_capabilities; k++)
		if (!s->capabilities[k].value)
			return err_set(err, ENOMEM, "out of memory");
	*ret_capabilities = (struct pairs){ s->capabilities, s->n_capabilities };
	*ret_args = (struct pairs){ s->args, s->n_args };
	return 0;
}
