/* SPDX-License-Identifier: Apache-2.0 */
/* shim_request_fuzz.c - any bytes as each message that the shim reads
 *
 * The first byte chooses the message.  Oracle: no crash, no sanitizer report;
 * a refusal has a message; what is accepted, written and read again is
 * written the same way, with the size foretold.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/shim/messages.h"

#define MEMORY_MAX ((size_t)64 << 20)
#define STRUCT_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wire_table *const tables[] = {
	&rpc_request_table,
	&rpc_response_table,
	&create_request_table,
	&process_request_table,
	&shutdown_request_table,
	&exec_request_table,
	&update_request_table,
	&checkpoint_request_table,
	&bootstrap_params_table,
	&runc_options_table,
	&runtime_options_table,
	&legacy_options_table,
	&any_table,
	&forward_request_table,
	&task_create_table,
	&state_reply_table,
	&pids_reply_table,
	&task_exit_table,
	&sandbox_create_request_table,
	&sandbox_request_table,
	&sandbox_start_reply_table,
	&sandbox_status_reply_table,
	&platform_reply_table,
	&metric_reply_table,
	&pod_config_table,
};

static void must(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_Alignas(16) char first[STRUCT_MAX], second[STRUCT_MAX];
	const struct wire_table *t;
	struct err err = { 0 };
	struct arena arena;
	struct buf once, twice;

	if (size < 1)
		return 0;
	t = tables[data[0] % ARRAY_SIZE(tables)];
	must(t->size <= STRUCT_MAX);
	arena_init(&arena, MEMORY_MAX);
	buf_init(&once);
	buf_init(&twice);
	if (wire_decode(t, data + 1, size - 1, first, &arena, &err) == 0) {
		wire_encode(t, first, &once);
		must(!buf_failed(&once) && once.len == wire_size(t, first));
		must(wire_decode(t, once.s, once.len, second, &arena, &err) == 0);
		wire_encode(t, second, &twice);
		must(once.len == twice.len && memcmp(once.s, twice.s, once.len) == 0);
	} else {
		must(err.code != 0 && err.msg[0] != '\0');
	}
	buf_release(&once);
	buf_release(&twice);
	arena_release(&arena);
	return 0;
}
