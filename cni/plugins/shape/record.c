/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - which networks have a share of which uplink, and who of them is there */
#include "cni/plugins/shape/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

#define FILE_NAME     "shares.json"
#define FILE_MAX      ((size_t)16 << 20)
#define FILE_MODE     0644
#define FOLDER_MODE   0755
#define PAIR	      2 /* minors of a network */
#define BITS_PER_BYTE 8

static const struct json_field member_fields[] = {
	JSON_FIELD(struct shape_member, container, JSON_STRING, .required = true),
	JSON_FIELD(struct shape_member, ifname, JSON_STRING, .required = true),
	JSON_FIELD(struct shape_member, device, JSON_STRING, .required = true),
	JSON_FIELD(struct shape_member, minor, JSON_U32, .max = SHAPE_MINOR_MAX),
	JSON_FIELD_AS("upRate", struct shape_member, up_rate, JSON_U64),
	JSON_FIELD_AS("upCeil", struct shape_member, up_ceil, JSON_U64),
	JSON_FIELD_AS("downRate", struct shape_member, down_rate, JSON_U64),
	JSON_FIELD_AS("downCeil", struct shape_member, down_ceil, JSON_U64),
	JSON_FIELD(struct shape_member, addresses, JSON_STRINGS),
};
static const struct json_table member_table = JSON_TABLE(struct shape_member, member_fields);
static const struct json_field network_fields[] = {
	JSON_FIELD(struct shape_network, name, JSON_STRING, .required = true),
	JSON_FIELD(struct shape_network, uplink, JSON_STRING, .required = true),
	JSON_FIELD_AS("linkRate", struct shape_network, link_rate, JSON_U64, .required = true),
	JSON_FIELD(struct shape_network, rate, JSON_U64, .required = true),
	JSON_FIELD(struct shape_network, ceil, JSON_U64, .required = true),
	JSON_FIELD(struct shape_network, minor, JSON_U32, .required = true, .min = SHAPE_MINOR_MIN,
		   .max = SHAPE_MINOR_MAX),
	JSON_FIELD(struct shape_network, priority, JSON_U32),
	JSON_FIELD(struct shape_network, weight, JSON_U32),
	JSON_FIELD_AS("burstMs", struct shape_network, burst_ms, JSON_U32),
	JSON_FIELD(struct shape_network, up, JSON_BOOL),
	JSON_FIELD(struct shape_network, down, JSON_BOOL),
	JSON_FIELD(struct shape_network, members, JSON_OBJECTS, .sub = &member_table),
};
static const struct json_table network_table = JSON_TABLE(struct shape_network, network_fields);
static const struct json_field record_fields[] = {
	JSON_FIELD(struct shape_record, networks, JSON_OBJECTS, .sub = &network_table),
};
static const struct json_table record_table = JSON_TABLE(struct shape_record, record_fields);

int shape_record_parse(const char *name, const char *text, size_t len, struct arena *arena,
		       struct shape_record *ret, struct err *err)
{
	if (json_decode(name, text, len, &record_table, ret, arena, err) < 0)
		return -1;
	ret->lock = -1;
	ret->arena = arena;
	return 0;
}

static void write_member(struct json_out *o, const struct shape_member *m)
{
	json_begin_object(o);
	json_kv_string(o, "container", m->container);
	json_kv_string(o, "ifname", m->ifname);
	json_kv_string(o, "device", m->device);
	json_kv_uint(o, "minor", m->minor);
	json_kv_uint(o, "upRate", m->up_rate);
	json_kv_uint(o, "upCeil", m->up_ceil);
	json_kv_uint(o, "downRate", m->down_rate);
	json_kv_uint(o, "downCeil", m->down_ceil);
	json_key(o, "addresses");
	json_begin_array(o);
	for (size_t i = 0; i < m->addresses.n; i++)
		json_string(o, m->addresses.v[i]);
	json_end_array(o);
	json_end_object(o);
}

void shape_record_format(const struct shape_record *r, struct buf *out)
{
	struct json_out o;

	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_key(&o, "networks");
	json_begin_array(&o);
	for (size_t i = 0; i < r->networks.n; i++) {
		const struct shape_network *n = &r->networks.v[i];

		json_begin_object(&o);
		json_kv_string(&o, "name", n->name);
		json_kv_string(&o, "uplink", n->uplink);
		json_kv_uint(&o, "linkRate", n->link_rate);
		json_kv_uint(&o, "rate", n->rate);
		json_kv_uint(&o, "ceil", n->ceil);
		json_kv_uint(&o, "minor", n->minor);
		json_kv_uint(&o, "priority", n->priority);
		json_kv_uint(&o, "weight", n->weight);
		json_kv_uint(&o, "burstMs", n->burst_ms);
		json_kv_bool(&o, "up", n->up);
		json_kv_bool(&o, "down", n->down);
		json_key(&o, "members");
		json_begin_array(&o);
		for (size_t k = 0; k < n->members.n; k++)
			write_member(&o, &n->members.v[k]);
		json_end_array(&o);
		json_end_object(&o);
	}
	json_end_array(&o);
	json_end_object(&o);
	buf_putc(out, '\n');
}

int shape_record_open(const char *dir, bool change, struct arena *arena, struct shape_record *ret,
		      struct err *err)
{
	AUTO_FD fd = -1;
	AUTO_BUF text;

	buf_init_max(&text, FILE_MAX);
	*ret = (struct shape_record){ .lock = -1, .arena = arena };
	if (change && file_make_dirs(dir, FOLDER_MODE) < 0)
		return err_sys(err, "make \"%s\"", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || (change && flock(fd, LOCK_EX) < 0))
		return err_sys(err, "lock \"%s\"", dir);
	if (file_read(fd, FILE_NAME, &text, FILE_MAX, true) < 0 && errno != ENOENT)
		return err_sys(err, "read \"%s/" FILE_NAME "\"", dir);
	if (text.len > 0 && shape_record_parse(FILE_NAME, text.s, text.len, arena, ret, err) < 0)
		return -1;
	ret->lock = fd_take(&fd);
	return 0;
}

int shape_record_save(const struct shape_record *r, struct err *err)
{
	AUTO_BUF text;

	buf_init(&text);
	if (r->networks.n == 0) {
		if (unlinkat(r->lock, FILE_NAME, 0) < 0 && errno != ENOENT)
			return err_sys(err, "remove \"" FILE_NAME "\"");
		return 0;
	}
	shape_record_format(r, &text);
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "\"" FILE_NAME "\": out of memory");
	if (file_replace(r->lock, FILE_NAME, text.s, text.len, FILE_MODE) < 0)
		return err_sys(err, "write \"" FILE_NAME "\"");
	return 0;
}

void shape_record_close(struct shape_record *r)
{
	r->lock = fd_close(r->lock);
}

struct shape_network *shape_record_find(struct shape_record *r, const char *name,
					const char *uplink)
{
	for (size_t i = 0; i < r->networks.n; i++) {
		struct shape_network *n = &r->networks.v[i];

		if (strcmp(n->name, name) == 0 && (!uplink || strcmp(n->uplink, uplink) == 0))
			return n;
	}
	return NULL;
}

/* A copy of the array with room for one more, since what the decoder made can't grow. */
static void *one_more(struct arena *arena, const void *v, size_t n, size_t size)
{
	void *new = arena_array(arena, n + 1, size);

	if (new &&n > 0)
		memcpy(new, v, n * size);
	return new;
}

struct shape_network *shape_record_add(struct shape_record *r, const char *name, const char *uplink,
				       struct err *err)
{
	const uint32_t minor = shape_minor_free(r, uplink, err);
	struct shape_network *v =
		one_more(r->arena, r->networks.v, r->networks.n, sizeof(*r->networks.v));
	struct shape_network *n;

	if (minor == 0)
		return NULL;
	if (!v) {
		(void)err_sys(err, "shares");
		return NULL;
	}
	r->networks.v = v;
	n = &v[r->networks.n++];
	*n = (struct shape_network){ .name = arena_strdup(r->arena, name),
				     .uplink = arena_strdup(r->arena, uplink),
				     .minor = minor };
	if (n->name && n->uplink)
		return n;
	(void)err_sys(err, "shares");
	return NULL;
}

void shape_record_remove(struct shape_record *r, const struct shape_network *network)
{
	const size_t i = (size_t)(network - r->networks.v);

	r->networks.n--;
	memmove(&r->networks.v[i], &r->networks.v[i + 1],
		(r->networks.n - i) * sizeof(*r->networks.v));
}

struct shape_member *shape_member_find(const struct shape_network *network, const char *container,
				       const char *ifname)
{
	for (size_t i = 0; i < network->members.n; i++) {
		struct shape_member *m = &network->members.v[i];

		if (strcmp(m->container, container) == 0 && strcmp(m->ifname, ifname) == 0)
			return m;
	}
	return NULL;
}

struct shape_member *shape_member_add(struct shape_record *r, struct shape_network *network,
				      const char *container, const char *ifname, struct err *err)
{
	struct shape_member *v = one_more(r->arena, network->members.v, network->members.n,
					  sizeof(*network->members.v));
	struct shape_member *m;

	if (!v) {
		(void)err_sys(err, "shares");
		return NULL;
	}
	network->members.v = v;
	m = &v[network->members.n++];
	*m = (struct shape_member){ .container = arena_strdup(r->arena, container),
				    .ifname = arena_strdup(r->arena, ifname) };
	if (m->container && m->ifname)
		return m;
	(void)err_sys(err, "shares");
	return NULL;
}

void shape_member_remove(struct shape_network *network, const struct shape_member *member)
{
	const size_t i = (size_t)(member - network->members.v);

	network->members.n--;
	memmove(&network->members.v[i], &network->members.v[i + 1],
		(network->members.n - i) * sizeof(*network->members.v));
}

static void mark(uint8_t *taken, uint32_t minor)
{
	if (minor <= SHAPE_MINOR_MAX)
		taken[minor / BITS_PER_BYTE] |= (uint8_t)(1U << minor % BITS_PER_BYTE);
}

uint32_t shape_minor_free(const struct shape_record *r, const char *uplink, struct err *err)
{
	uint8_t taken[SHAPE_MINOR_MAX / BITS_PER_BYTE + 1] = { 0 };

	for (size_t i = 0; i < r->networks.n; i++) {
		const struct shape_network *n = &r->networks.v[i];

		if (strcmp(n->uplink, uplink) != 0)
			continue;
		mark(taken, n->minor);
		for (size_t k = 0; k < n->members.n; k++)
			mark(taken, n->members.v[k].minor);
	}
	/* in pairs: a network's second one is its neighbour */
	for (uint32_t minor = SHAPE_MINOR_MIN; minor + 1 <= SHAPE_MINOR_MAX; minor += PAIR)
		if (!(taken[minor / BITS_PER_BYTE] & 1U << minor % BITS_PER_BYTE))
			return minor;
	(void)err_set(err, ENOSPC, "no class is free on \"%s\"", uplink);
	return 0;
}

uint64_t shape_guaranteed(const struct shape_record *r, const char *uplink,
			  const struct shape_network *except)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->networks.n; i++)
		if (&r->networks.v[i] != except && strcmp(r->networks.v[i].uplink, uplink) == 0)
			sum += r->networks.v[i].rate;
	return sum;
}
