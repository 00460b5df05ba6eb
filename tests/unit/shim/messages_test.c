/* SPDX-License-Identifier: Apache-2.0 */
/* messages_test.c - the tables are sound, and bytes seen on real sockets */
#include "runtime/shim/messages.h"

#include "tests/unit/test.h"

static const struct wire_table *const tables[] = {
	&timestamp_table,
	&any_table,
	&key_value_table,
	&rpc_request_table,
	&rpc_response_table,
	&bootstrap_params_table,
	&bootstrap_result_table,
	&runtime_info_table,
	&runc_options_table,
	&runtime_options_table,
	&legacy_options_table,
	&process_details_table,
	&checkpoint_options_table,
	&create_request_table,
	&pid_reply_table,
	&process_request_table,
	&shutdown_request_table,
	&exec_request_table,
	&update_request_table,
	&checkpoint_request_table,
	&state_reply_table,
	&wait_reply_table,
	&delete_reply_table,
	&connect_reply_table,
	&pids_reply_table,
	&stats_reply_table,
	&forward_request_table,
	&task_create_table,
	&task_start_table,
	&task_delete_table,
	&task_exit_table,
	&task_exec_table,
	&task_simple_table,
	&sandbox_create_request_table,
	&sandbox_request_table,
	&sandbox_start_reply_table,
	&sandbox_status_reply_table,
	&platform_reply_table,
	&metric_reply_table,
	&pod_config_table,
};

TEST(numbers_rise_and_members_lie_inside_their_struct)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (size_t i = 0; i < tables[t]->n; i++) {
			const struct wire_field *f = &tables[t]->fields[i];

			CHECK(i == 0 || f->number > f[-1].number);
			CHECK(f->offset < tables[t]->size);
			CHECK((f->sub != NULL) ==
			      (f->kind == WIRE_MESSAGE || f->kind == WIRE_MESSAGES));
		}
}

TEST(a_request_as_containerd_sends_it)
{
	static const char bytes[] = "\x0a\x17"
				    "containerd.task.v2.Task\x12\x07"
				    "Connect\x1a\x07\x0a\x05idle1 \x80\xe4\x97\xd0\x12*%\x0a\x1a"
				    "containerd-namespace-ttrpc\x12\x07"
				    "default";
	struct rpc_request r;
	struct process_request p;
	struct arena arena;

	arena_init(&arena, (size_t)1 << 20);
	REQUIRE(wire_decode(&rpc_request_table, bytes, sizeof(bytes) - 1, &r, &arena, NULL) == 0);
	CHECK_STR(r.service, "containerd.task.v2.Task");
	CHECK_STR(r.method, "Connect");
	CHECK_INT(r.timeout_nano, 5000000000LL);
	REQUIRE(r.metadata.n == 1);
	CHECK_STR(r.metadata.v[0].value, "default");
	REQUIRE(wire_decode(&process_request_table, r.payload.v, r.payload.n, &p, &arena, NULL) ==
		0);
	CHECK_STR(p.id, "idle1");
	arena_release(&arena);
}

TEST(an_answer_as_the_go_shim_gives_it)
{
	struct connect_reply c = { .shim_pid = 6185, .task_pid = 6205 };
	struct buf payload, out;

	buf_init(&payload);
	buf_init(&out);
	wire_encode(&connect_reply_table, &c, &payload);
	wire_encode(&rpc_response_table,
		    &(struct rpc_response){ .payload = { payload.s, payload.len } }, &out);
	CHECK_INT(out.len, 8);
	CHECK(memcmp(out.s, "\x12\x06\x08\xa9\x30\x10\xbd\x30", 8) == 0);
	buf_release(&payload);
	buf_release(&out);
}

TEST(go_s_zero_time)
{
	struct timestamp t = { .seconds = TIME_NEVER };
	struct buf out;

	buf_init(&out);
	wire_encode(&timestamp_table, &t, &out);
	CHECK(out.len == 11 &&
	      memcmp(out.s, "\x08\x80\x92\xb8\xc3\x98\xfe\xff\xff\xff\x01", 11) == 0);
	buf_release(&out);
}
