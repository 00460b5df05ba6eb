/* SPDX-License-Identifier: Apache-2.0 */
/* event.c - IPAM plugin dhcp: the program as the script of a DHCP client
 *
 * udhcpc runs it with an event for its argument and what the server said in the
 * environment, in the container's network namespace:
 *   bound, renew  the lease is kept (by rename: whoever reads it reads all)
 *   deconfig      there is no lease: at first, after it ran out or was taken
 *                 back, and after it was given back
 *   nak, leasefail  nothing: deconfig comes as well, or the old lease still holds
 * A lease that ran out, or that comes back with another address, means that the
 * interface has an address which isn't its own: it is taken down, as the
 * reference plugin does, and the client ends.  DEL takes the file away before it
 * ends the client, so what happens then happens to nothing.
 */
#include "cni/plugins/dhcp/event.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "cni/link.h"
#include "cni/plugins/dhcp/dhcp.h"

/* The client's names of what it was told, and ours. */
static const struct {
	const char *variable, *key;
} values[] = {
	{ "ip", "address" },
	{ "mask", "prefix" },
	{ "router", "routers" },
	{ "staticroutes", "staticRoutes" },
	{ "routes", "classfulRoutes" },
	{ "dns", "dns" },
	{ "domain", "domain" },
	{ "search", "search" },
	{ "serverid", "server" },
	{ "lease", "seconds" },
};

static const char *variable(const char *name)
{
	return getenv(name); /* NOLINT(concurrency-mt-unsafe) */
}

static int save(const char *path)
{
	AUTO_BUF text;
	struct json_out json;

	buf_init(&text);
	json_out_init(&json, &text, 0);
	json_begin_object(&json);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		const char *value = variable(values[i].variable);

		if (value)
			json_kv_string(&json, values[i].key, value);
	}
	json_end_object(&json);
	buf_putc(&text, '\n');
	return buf_failed(&text) ? -1 : file_replace(AT_FDCWD, path, text.s, text.len, 0600);
}

/* Its address isn't ours any more. */
static int lose(const char *path)
{
	const char *interface = variable("interface");
	struct rtnl r = RTNL_CLOSED;
	struct link link;
	int rc = -1;

	if (unlink(path) < 0 && errno != ENOENT)
		return -1;
	if (interface && rtnl_open(&r, -1, NULL) == 0 &&
	    link_get(&r, interface, &link, NULL) == 0) {
		link_down(&r, link.index);
		rc = rtnl_flush(&r, NULL);
	}
	rtnl_close(&r);
	(void)proc_kill(getppid(), SIGTERM); /* it has an ear for it between two events */
	return rc;
}

static int keep(const char *path, int had, const struct dhcp_lease *before)
{
	const char *address = variable("ip");

	if (!address)
		return -1;
	if (had > 0 && !str_eq(before->address, address))
		return lose(path);
	return save(path);
}

static int handle(const char *path, const char *event)
{
	struct dhcp_lease before = { 0 };
	struct arena arena;
	int had, rc = 0;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	had = dhcp_lease_load(path, &arena, &before, NULL);
	if (str_eq(event, "bound") || str_eq(event, "renew"))
		rc = keep(path, had, &before);
	else if (str_eq(event, "deconfig") && had != 0)
		rc = lose(path);
	arena_release(&arena);
	return rc;
}

int dhcp_event(int argc, char **argv)
{
	const char *path = variable(DHCP_EVENT_ENV);

	if (!path || argc != 2)
		return DHCP_EVENT_NONE;
	return handle(path, argv[1]) < 0;
}
