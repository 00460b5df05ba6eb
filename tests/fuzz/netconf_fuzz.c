/* SPDX-License-Identifier: Apache-2.0 */
/* netconf_fuzz.c - configurations of plugins
 *
 * What all plugins share, host-local's ranges, and static, whose ADD is nothing but its
 * configuration; and the text of host-local's records.
 */
#include <stdlib.h>
#include <string.h>

#include "cni/plugins/host_local/config.h"
#include "cni/plugins/host_local/record.h"
#include "cni/plugins/registry.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void fuzz_configs(const char *text, size_t size)
{
	static const struct cni_args args = { .container_id = "c1",
					      .netns = "",
					      .ifname = "eth0",
					      .args = "IP=10.0.0.1",
					      .path = "" };
	struct arena arena;
	struct netconf conf;
	struct hl_config config;
	struct cni_call call = {
		.plugin = &cni_plugin_host_local,
		.args = &args,
		.conf = &conf,
		.arena = &arena,
		.netns = -1,
		.host = RTNL_CLOSED,
		.inside = RTNL_CLOSED,
	};

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (netconf_parse(text, size, &arena, &conf, NULL) == 0) {
		if (!netconf_name_ok(conf.name))
			abort();
		if (conf.ipam_type && strchr(conf.ipam_type, '/'))
			abort();
		if (hl_config_load(&call, &config, NULL) == 0)
			for (size_t i = 0; i < config.n_sets; i++)
				if (config.sets[i].n == 0 ||
				    ip_compare(&config.sets[i].v[0].first,
					       &config.sets[i].v[0].last) > 0)
					abort();
		if (cni_plugin_static.add(&call, NULL) < 0)
			call.result = (struct result){ 0 };
	}
	arena_release(&arena);
}

static void fuzz_record(const unsigned char *data, size_t size)
{
	char text[512];
	struct hl_record record;

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)record_parse("c1:eth0", text, &record);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	fuzz_record(data, size);
	fuzz_configs((const char *)data, size);
	return 0;
}
