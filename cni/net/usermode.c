/* SPDX-License-Identifier: Apache-2.0 */
/* usermode.c - a network for an ordinary user: pasta(1), else slirp4netns(1)
 *
 * pasta gives the container the host's own addresses and forwards ports by its
 * own options.  It stays until detach ends it: the paths of the namespaces are
 * good only as long as the runtime waits, so there is nothing for it to watch.
 */
#include "cni/net/usermode.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "cni/net/slirp.h"
#include "cni/net/tool.h"

#define ARGUMENTS_MAX  512
#define PASTA_RESOLVER "169.254.1.1" /* link-local: nobody's on the way */

struct arguments {
	char *v[ARGUMENTS_MAX];
	size_t n;
	bool failed;
};

static void put(struct arguments *a, char *word)
{
	if (!word || a->n + 1 >= ARGUMENTS_MAX) {
		a->failed = true;
		return;
	}
	a->v[a->n++] = word;
	a->v[a->n] = NULL;
}

static const struct json_field port_fields[] = {
	JSON_FIELD_AS("hostPort", struct usermode_port, host, JSON_U32),
	JSON_FIELD_AS("containerPort", struct usermode_port, inside, JSON_U32),
	JSON_FIELD(struct usermode_port, protocol, JSON_STRING),
	JSON_FIELD_AS("hostIP", struct usermode_port, address, JSON_STRING),
};
static const struct json_table port_table = JSON_TABLE(struct usermode_port, port_fields);

static int read_ports(const struct request *r, struct arena *arena, struct usermode_ports *ret,
		      struct err *err)
{
	struct json_array all = { 0 };

	if (r->ports && json_decode_array("ports", r->ports, strlen(r->ports), &port_table, &all,
					  arena, err) < 0)
		return -1;
	*ret = (struct usermode_ports){ all.v, all.n };
	for (size_t i = 0; i < ret->n; i++)
		if (strcmp(ret->v[i].protocol, "sctp") == 0)
			return err_set(err, EPROTONOSUPPORT,
				       "an ordinary user can publish tcp and udp only");
	return 0;
}

static int start_pasta(const char *path, const struct usermode_ports *all, const char *pid_file,
		       char *const *namespaces, struct arena *arena, struct err *err)
{
	struct arguments a = { .n = 0 };

	put(&a, arena_strdup(arena, path));
	put(&a, arena_strdup(arena, "--config-net"));
	put(&a, arena_strdup(arena, "--quiet"));
	put(&a, arena_strdup(arena, "--no-map-gw"));
	put(&a, arena_strdup(arena, "--dns-forward"));
	put(&a, arena_strdup(arena, PASTA_RESOLVER));
	put(&a, arena_strdup(arena, "--pid"));
	put(&a, arena_strdup(arena, pid_file));
	for (int udp = 0; udp < 2; udp++) {
		bool any = false;

		for (size_t i = 0; i < all->n; i++) {
			const struct usermode_port *p = &all->v[i];

			if ((strcmp(p->protocol, "udp") == 0) != udp)
				continue;
			any = true;
			put(&a, arena_strdup(arena, udp ? "-u" : "-t"));
			put(&a, arena_printf(arena, "%s%s%u:%u", p->address ? p->address : "",
					     p->address ? "/" : "", p->host, p->inside));
		}
		if (!any) {
			put(&a, arena_strdup(arena, udp ? "-u" : "-t"));
			put(&a, arena_strdup(arena, "none"));
		}
	}
	/* and nothing that listens on the host appears in the container */
	put(&a, arena_strdup(arena, "-T"));
	put(&a, arena_strdup(arena, "none"));
	put(&a, arena_strdup(arena, "-U"));
	put(&a, arena_strdup(arena, "none"));
	put(&a, arena_strdup(arena, "--no-netns-quit"));
	put(&a, arena_strdup(arena, "--netns"));
	put(&a, namespaces[0]);
	if (namespaces[1]) {
		put(&a, arena_strdup(arena, "--userns"));
		put(&a, namespaces[1]);
	}
	return a.failed ? err_set(err, E2BIG, "too many ports") : tool_run(a.v, err);
}

int usermode_start(const struct request *r, const char *state, char *const *namespaces,
		   struct arena *arena, const char **ret_resolver, struct err *err)
{
	char path[PATH_MAX], pid_file[PATH_MAX];
	struct usermode_ports ports;

	if (str_format(pid_file, sizeof(pid_file), "%s/" USERMODE_PID, state) < 0)
		return err_sys(err, "\"%s\"", state);
	if (read_ports(r, arena, &ports, err) < 0)
		return -1;
	if (tool_find("pasta", path)) {
		*ret_resolver = PASTA_RESOLVER;
		return start_pasta(path, &ports, pid_file, namespaces, arena, err);
	}
	if (tool_find(SLIRP_NAME, path)) {
		*ret_resolver = SLIRP_RESOLVER;
		return slirp_start(path, &ports, state, namespaces, err);
	}
	return err_set(err, ENOENT,
		       "an ordinary user's network needs \"pasta\" (package passt) or \"" SLIRP_NAME
		       "\"");
}

void usermode_stop(const char *state)
{
	/* pasta is passt.avx2 where the processor can */
	static const char *const names[] = { "pas", SLIRP_NAME };
	char pid_file[PATH_MAX];

	if (str_format(pid_file, sizeof(pid_file), "%s/" USERMODE_PID, state) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		tool_end(pid_file, names[i]);
	(void)unlink(pid_file);
}
