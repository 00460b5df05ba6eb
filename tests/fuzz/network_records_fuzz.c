/* SPDX-License-Identifier: Apache-2.0 */
/* network_records_fuzz.c - any bytes as shares.json and as the record of a move or its ticket
 *
 * The first byte chooses.  Oracle: no crash, no sanitizer report, memory within
 * the arena's maximum; a refusal has a message; what is accepted is written as
 * a text that is accepted and written the same again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cni/net/move.h"
#include "cni/plugins/shape/record.h"

#define MEMORY_MAX ((size_t)32 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1 when it was accepted; its text in out. */
static int parse_and_write(bool move, const char *text, size_t size, struct buf *out)
{
	struct shape_record record;
	struct err err = { 0 };
	struct arena arena;
	struct move m;
	int rc;

	arena_init(&arena, MEMORY_MAX);
	rc = move ? move_parse("ticket", text, size, &arena, &m, &err)
		  : shape_record_parse("shares", text, size, &arena, &record, &err);
	if (rc < 0 && (err.code == 0 || err.msg[0] == '\0'))
		abort();
	if (rc == 0 && move)
		move_format(&m, out);
	else if (rc == 0)
		shape_record_format(&record, out);
	if (rc == 0 && buf_failed(out))
		abort();
	arena_release(&arena);
	return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF first, second;

	buf_init(&first);
	buf_init(&second);
	if (size == 0 || !parse_and_write(data[0] & 1, (const char *)data + 1, size - 1, &first))
		return 0;
	if (!parse_and_write(data[0] & 1, first.s, first.len, &second) ||
	    strcmp(first.s, second.s) != 0)
		abort();
	return 0;
}
