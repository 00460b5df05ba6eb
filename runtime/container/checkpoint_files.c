/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_files.c - our own files beside criu's images, read back */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "runtime/container/checkpoint.h"

/* A JSON array of strings, decoded as the value of a key. */
struct descriptors {
	struct strings v;
};
static const struct json_field descriptors_fields[] = {
	JSON_FIELD(struct descriptors, v, JSON_STRINGS),
};
static const struct json_table descriptors_table =
	JSON_TABLE(struct descriptors, descriptors_fields);

int checkpoint_descriptors_parse(const char *text, size_t len, struct arena *arena,
				 struct strings *ret, struct err *err)
{
	struct descriptors d;
	AUTO_BUF object;

	buf_init_max(&object, CHECKPOINT_DESCRIPTORS_MAX + 16);
	buf_puts(&object, "{\"v\":");
	buf_add(&object, text, len);
	buf_putc(&object, '}');
	if (buf_failed(&object))
		return err_set(err, EFBIG, CHECKPOINT_DESCRIPTORS ": too long");
	if (json_decode(CHECKPOINT_DESCRIPTORS, object.s, object.len, &descriptors_table, &d, arena,
			err) < 0)
		return -1;
	*ret = d.v;
	return 0;
}

/* What attach.c wrote: the words of the options. */
struct networks {
	char *ip, *mac;
	struct strings networks, ports, dns, search, options, hosts;
};
static const struct json_field networks_fields[] = {
	JSON_FIELD(struct networks, ip, JSON_STRING),
	JSON_FIELD(struct networks, mac, JSON_STRING),
	JSON_FIELD(struct networks, networks, JSON_STRINGS),
	JSON_FIELD(struct networks, ports, JSON_STRINGS),
	JSON_FIELD(struct networks, dns, JSON_STRINGS),
	JSON_FIELD_AS("dnsSearch", struct networks, search, JSON_STRINGS),
	JSON_FIELD_AS("dnsOptions", struct networks, options, JSON_STRINGS),
	JSON_FIELD(struct networks, hosts, JSON_STRINGS),
};
static const struct json_table networks_table = JSON_TABLE(struct networks, networks_fields);

/* "NAME:ip=ADDRESS,..." without what only one container can have. */
static void drop_identity(struct strings *names)
{
	for (size_t i = 0; i < names->n; i++)
		names->v[i][strcspn(names->v[i], ":")] = '\0';
}

static char *const *list(const struct strings *s)
{
	return s->n ? s->v : NULL;
}

int checkpoint_networks_parse(const char *text, size_t len, bool twin, struct arena *arena,
			      struct skerry_create_options *ret, struct err *err)
{
	static char none[] = "none";
	struct networks n;

	if (json_decode(CHECKPOINT_NETWORK, text, len, &networks_table, &n, arena, err) < 0)
		return -1;
	if (!n.networks.n) {
		n.networks.v = arena_array(arena, 2, sizeof(char *));
		if (!n.networks.v)
			return err_set(err, ENOMEM, "out of memory");
		n.networks.v[n.networks.n++] = none;
	}
	if (twin)
		drop_identity(&n.networks);
	ret->networks = list(&n.networks);
	ret->dns = list(&n.dns);
	ret->dns_search = list(&n.search);
	ret->dns_options = list(&n.options);
	ret->hosts = list(&n.hosts);
	if (twin)
		return 0;
	ret->ports = list(&n.ports);
	ret->ip = n.ip;
	ret->mac = n.mac;
	return 0;
}

int checkpoint_networks(int dir, bool twin, struct arena *arena, struct skerry_create_options *ret,
			struct err *err)
{
	AUTO_BUF text;

	buf_init_max(&text, STORE_STATE_MAX);
	if (file_read(dir, CHECKPOINT_NETWORK, &text, STORE_STATE_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read " CHECKPOINT_NETWORK);
	return checkpoint_networks_parse(text.s, text.len, twin, arena, ret, err);
}
