/* SPDX-License-Identifier: Apache-2.0 */
/* dhcp_fuzz.c - what a DHCP server gave, and the keys of the IPAM plugin that asks it */
#include <stdlib.h>
#include <sys/socket.h>

#include "cni/plugins/dhcp/dhcp.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void fuzz_lease(const char *text, size_t size)
{
	static const struct dhcp_config configs[] = { { 0 }, { .no_gateway = true } };
	struct dhcp_lease lease;
	struct arena arena;

	for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
		struct result result = { 0 };

		arena_init(&arena, ARENA_MAX_DEFAULT);
		if (dhcp_lease_parse(text, size, &arena, &lease, NULL) == 0 &&
		    dhcp_lease_result(&lease, &configs[i], &arena, &result, NULL) == 0)
			for (size_t k = 0; k < result.n_routes; k++)
				if (result.routes[k].dst.ip.family != AF_INET ||
				    result.routes[k].dst.prefix > 32)
					abort();
		arena_release(&arena);
	}
}

static void fuzz_config(const char *text, size_t size)
{
	static struct dhcp_config config;
	const struct cni_args args = { .args = "A=1;B=2" };
	struct netconf conf = { 0 };
	struct arena arena;
	struct cni_call call = { .args = &args, .conf = &conf, .arena = &arena };

	arena_init(&arena, ARENA_MAX_DEFAULT);
	conf.ipam = arena_printf(&arena, "%.*s", (int)size, text);
	if (conf.ipam && dhcp_config_load(&call, &config, NULL) == 0 &&
	    config.n_send > DHCP_OPTION_MAX)
		abort();
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	fuzz_lease((const char *)data, size);
	fuzz_config((const char *)data, size);
	return 0;
}
