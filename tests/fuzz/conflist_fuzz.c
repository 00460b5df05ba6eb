/* SPDX-License-Identifier: Apache-2.0 */
/* conflist_fuzz.c - any bytes as a network, a cached result, a plugin's error and a container's request
 *
 * Oracle: no crash, no sanitizer report, memory within the arena's maximum; a
 * refusal has a message; the request that is made of an accepted network is
 * JSON again, with the caller's name and version; what the splitter takes
 * apart is what was there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cni/cache.h"
#include "cni/conflist.h"
#include "cni/exec.h"
#include "cni/net/request.h"
#include "cni/netconf.h"

#define MEMORY_MAX ((size_t)32 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void check_request(const struct conflist *list, const struct conflist_plugin *plugin,
			  struct arena *arena)
{
	static char mac[] = "mac", value[] = "\"02:00:00:00:00:01\"";
	struct pair supplied = { mac, value };
	const struct pairs capabilities = { &supplied, 1 };
	const struct conflist_request request = { .prev_result = "{}",
						  .capabilities = &capabilities,
						  .attachments = "[]" };
	static const struct json_table any = { .fields = NULL, .n = 0, .size = 1 };
	struct err err = { 0 };
	char nothing;
	AUTO_BUF out;

	buf_init(&out);
	conflist_write_request(list, plugin, &request, &out);
	must(!buf_failed(&out));
	must(json_decode("request", out.s, out.len, &any, &nothing, arena, &err) == 0);
	must(str_starts(out.s, "{\"cniVersion\":\""));
}

static void one_list(const char *text, size_t size, bool single)
{
	struct err err = { 0 };
	struct conflist list;
	struct arena arena;

	arena_init(&arena, MEMORY_MAX);
	if (conflist_parse("list", text, size, single, &arena, &list, &err) == 0) {
		must(netconf_name_ok(list.name) && cni_version_known(list.version));
		must(list.n <= CONFLIST_PLUGINS_MAX && (!single || list.n == 1));
		for (size_t i = 0; i < list.n; i++) {
			must(!strchr(list.v[i].type, '/'));
			check_request(&list, &list.v[i], &arena);
		}
	} else {
		must(err.code != 0 && err.msg[0] != '\0');
	}
	must(arena.used <= MEMORY_MAX);
	arena_release(&arena);
}

static void one_entry(const char *text, size_t size, bool with_key)
{
	const struct cache_entry key = { .network = "n", .container = "c", .ifname = "eth0" };
	struct err err = { 0 };
	struct cache_entry e;
	struct arena arena;

	arena_init(&arena, MEMORY_MAX);
	if (cache_parse("entry", text, size, with_key ? &key : NULL, &arena, &e, &err) == 0)
		must(netconf_name_ok(e.network) && netconf_name_ok(e.container) &&
		     netconf_ifname_ok(e.ifname) && e.netns);
	else
		must(err.code != 0 && err.msg[0] != '\0');
	arena_release(&arena);
}

static void one_container(const char *text, size_t size)
{
	struct err err = { 0 };
	struct request r;
	struct arena arena;

	arena_init(&arena, MEMORY_MAX);
	if (request_parse("request", text, size, &arena, &r, &err) == 0) {
		must(netconf_name_ok(r.id) && r.n <= REQUEST_NETWORKS_MAX);
		for (size_t i = 0; i < r.n; i++)
			must(netconf_name_ok(r.networks[i].name) &&
			     netconf_ifname_ok(r.networks[i].ifname));
		for (size_t i = 0; i < r.hosts.n; i++)
			must(!strpbrk(r.hosts.v[i], " \t\n"));
	} else {
		must(err.code != 0 && err.msg[0] != '\0');
	}
	arena_release(&arena);
}

static void split(const char *text, size_t size)
{
	struct arena arena;
	struct strings list;
	struct pairs set;

	arena_init(&arena, MEMORY_MAX);
	if (json_split_object(text, size, &arena, &set, NULL) == 0)
		for (size_t i = 0; i < set.n; i++)
			must(set.v[i].key && set.v[i].value[0]);
	if (json_split_array(text, size, &arena, &list, NULL) == 0)
		for (size_t i = 0; i < list.n; i++)
			must(list.v[i][0]);
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct err err = { 0 };
	AUTO_BUF copy;

	/* texts of our own end with NUL; so do these */
	buf_init(&copy);
	buf_add(&copy, text, size);
	one_list(text, size, false);
	one_list(text, size, true);
	one_entry(text, size, false);
	one_entry(text, size, true);
	one_container(text, size);
	split(text, size);
	must(exec_parse_error("plugin", copy.s, size, &err) == -1 && err.msg[0]);
	return 0;
}
