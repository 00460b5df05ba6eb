/* SPDX-License-Identifier: Apache-2.0 */
/* migrate_fuzz.c - what the other end of a migration and criu say
 *
 * A stream of frames as it comes over the channel; the first byte chooses that, a
 * request to the page server, a line of maps, config.json and network.json, or one
 * of criu's page maps.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/migrate/config.h"
#include "runtime/migrate/frame.h"
#include "runtime/migrate/memory.h"
#include "runtime/migrate/pagemap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Large enough for the message of any type. */
union message {
	struct hello hello;
	struct offer offer;
	struct answer answer;
	struct tree_head tree;
	struct entry entry;
	struct removal removal;
	struct round_end round;
	struct ack ack;
	struct restore_order restore;
	struct outcome outcome;
};

static void one_frame(const struct frame *f)
{
	struct arena arena;
	struct err err = { 0 };
	union message message;
	struct page_run run;
	const unsigned char *bytes;
	uint64_t offset;
	size_t n;

	arena_init(&arena, (size_t)64 << 20);
	if (frame_table(f->type)) {
		if (frame_decode(f, &message, &arena, &err) == 0 && f->type == FRAME_ENTRY &&
		    frame_check_path(message.entry.path, &err) < 0)
			abort();
	} else if (f->type == FRAME_DATA) {
		(void)frame_decode_data(f, &offset, &bytes, &n, &err);
	} else if (f->type == FRAME_RUN || f->type == FRAME_PAGES) {
		if (frame_decode_run(f, &run, &err) == 0 && run.data &&
		    run.data + run.count * FRAME_PAGE > f->body + f->size)
			abort();
	}
	arena_release(&arena);
}

static void frames(const uint8_t *data, size_t size)
{
	struct frame f;
	struct err err = { 0 };

	while (size >= FRAME_HEAD && frame_parse_head(data, &f, &err) == 0 &&
	       size - FRAME_HEAD >= f.size) {
		f.body = data + FRAME_HEAD;
		one_frame(&f);
		data += FRAME_HEAD + f.size;
		size -= FRAME_HEAD + f.size;
	}
}

static void documents(const char *text, size_t len)
{
	const struct config_change change = {
		.rootfs = "/r", .netns = "/n", .hook = "/h", .bundle = "/b"
	};
	struct arena arena;
	struct config c;
	struct strings names;
	struct err err = { 0 };
	AUTO_BUF out;

	buf_init(&out);
	arena_init(&arena, (size_t)64 << 20);
	if (config_parse(text, len, &arena, &c, &err) == 0 &&
	    config_change(text, len, &change, &out, &err) == 0 &&
	    config_parse(out.s, out.len, &arena, &c, &err) < 0)
		abort(); /* what we write we can read */
	(void)config_networks(text, len, &arena, &names, &err);
	arena_release(&arena);
}

static void page_map(const uint8_t *data, size_t size)
{
	struct pagemap map;
	struct page_run run;
	struct err err = { 0 };

	if (pagemap_open(&map, data, size, &err) < 0)
		return;
	while (pagemap_next(&map, &run, &err) > 0)
		if (!run.count || run.address + run.count * FRAME_PAGE < run.address)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct page_request request;
	struct memory_region region;
	struct err err = { 0 };
	char *text;

	if (size < 1)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		return 0;
	switch (data[0]) {
	case 'p':
		if (size > 32)
			(void)page_request_parse(data + 1, size % 2 ? 32 : 24, &request, &err);
		break;
	case 'm':
		(void)memory_parse_line(text, &region);
		break;
	case 'c':
		documents((const char *)data + 1, size - 1);
		break;
	case 'i':
		page_map(data + 1, size - 1);
		break;
	default:
		frames(data + 1, size - 1);
	}
	free(text);
	return 0;
}
