/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - host-local: the record of a lease as text */
#include "cni/plugins/host_local/record.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/units.h"

#define FIELD_MAX 4096

int record_name(char *dst, size_t size, const char *container_id, const char *ifname)
{
	return str_format(dst, size, "%s:%s", container_id, ifname);
}

int record_format(const struct hl_record *record, char *dst, size_t size)
{
	char ip[IP_TEXT_MAX];
	size_t n;

	if (!record->has_id) {
		if (str_copy(dst, size, "- ") < 0)
			return -1;
	} else if (str_format(dst, size, "%" PRIu64 ":%" PRIu64 " ", record->id.dev,
			      record->id.ino) < 0) {
		return -1;
	}
	n = strlen(dst);
	for (size_t i = 0; i < record->n; i++) {
		if (str_format(dst + n, size - n, "%s%s", i ? "," : "",
			       ip_format(&record->v[i], ip)) < 0)
			return -1;
		n += strlen(dst + n);
	}
	return str_format(dst + n, size - n, " %s", record->has_id ? record->netns : "-");
}

static int bad(void)
{
	errno = EINVAL;
	return -1;
}

/* "DEV:INODE" or "-". */
static int parse_id(char *text, struct hl_record *ret)
{
	char *colon = strchr(text, ':');

	if (str_eq(text, "-"))
		return 0;
	if (!colon)
		return bad();
	*colon = '\0';
	ret->has_id = true;
	if (units_u64(text, UINT64_MAX, &ret->id.dev) < 0 ||
	    units_u64(colon + 1, UINT64_MAX, &ret->id.ino) < 0)
		return bad();
	return 0;
}

static int parse_addresses(char *text, struct hl_record *ret)
{
	char *rest;

	for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
		if (ret->n == RECORD_ADDRS_MAX || ip_parse(item, &ret->v[ret->n]) < 0)
			return bad();
		ret->n++;
	}
	return 0;
}

static int parse_name(const char *name, struct hl_record *ret)
{
	const char *colon = strrchr(name, ':');

	if (!colon || (size_t)(colon - name) >= sizeof(ret->container_id) ||
	    str_copy(ret->ifname, sizeof(ret->ifname), colon + 1) < 0)
		return bad();
	memcpy(ret->container_id, name, (size_t)(colon - name));
	ret->container_id[colon - name] = '\0';
	return 0;
}

int record_parse(const char *name, const char *text, struct hl_record *ret)
{
	char copy[FIELD_MAX], *addresses, *netns;

	memset(ret, 0, sizeof(*ret));
	if (parse_name(name, ret) < 0 || str_copy(copy, sizeof(copy), text) < 0)
		return bad();
	addresses = strchr(copy, ' ');
	if (!addresses)
		return bad();
	*addresses++ = '\0';
	netns = strchr(addresses, ' ');
	if (!netns)
		return bad();
	*netns++ = '\0';
	if (parse_id(copy, ret) < 0 || parse_addresses(addresses, ret) < 0)
		return -1;
	return ret->has_id && str_copy(ret->netns, sizeof(ret->netns), netns) < 0 ? bad() : 0;
}
