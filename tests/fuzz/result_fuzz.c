/* SPDX-License-Identifier: Apache-2.0 */
/* result_fuzz.c - results of plugins: what is read can be written in every version and read again */
#include <stdlib.h>
#include <string.h>

#include "cni/netconf.h"
#include "cni/result.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct arena arena;
	struct result result, again;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (result_parse("result", (const char *)data, size, "1.0.0", &arena, &result, NULL) == 0) {
		for (size_t i = 0; cni_versions[i]; i++) {
			AUTO_BUF out;
			struct json_out json;

			buf_init(&out);
			json_out_init(&json, &out, 0);
			if (result_format(&result, cni_versions[i], &json, NULL) < 0)
				continue;
			if (result_parse("again", out.s, out.len, "1.0.0", &arena, &again, NULL) <
			    0)
				abort();
			/* nothing is lost on the way through the newest version */
			if (!cni_versions[i + 1] &&
			    (again.n_ips != result.n_ips || again.n_routes != result.n_routes ||
			     again.n_interfaces != result.n_interfaces))
				abort();
		}
	}
	arena_release(&arena);
	return 0;
}
