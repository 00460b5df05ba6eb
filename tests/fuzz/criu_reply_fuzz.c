/* SPDX-License-Identifier: Apache-2.0 */
/* criu_reply_fuzz.c - answers of criu, its log, some of its images, the mounts and names beside them
 *
 * The first byte chooses what the rest is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/container/checkpoint.h"
#include "runtime/container/criu_files.h"
#include "runtime/container/criu_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(const char *text, size_t len, struct arena *arena)
{
	struct criu_resp r;

	if (criu_resp_decode(text, len, &r, arena, NULL) < 0)
		return;
	if (r.success && r.type == CRIU_RESTORE && r.restore->pid <= 1)
		abort();
	if (r.type == CRIU_NOTIFY && !r.notify->script)
		abort();
}

static void check_log(const char *text, size_t len)
{
	char out[200];

	criu_log_explain(text, len, out, sizeof(out));
	if (strlen(out) >= sizeof(out) || strchr(out, '\n'))
		abort();
}

/* What was made of it once is of the right kind the next time. */
static void check_files(const char *text, size_t len)
{
	static const struct criu_outside is = { "file[1c:2a]", 0100600, 300, true, true };
	AUTO_BUF once;
	AUTO_BUF twice;

	buf_init(&once);
	buf_init(&twice);
	if (criu_files_adapt(text, len, &is, 1, &once, NULL) <= 0)
		return;
	if (criu_files_adapt(once.s, once.len, &is, 1, &twice, NULL) != 0 ||
	    once.len != twice.len || memcmp(once.s, twice.s, once.len) != 0)
		abort();
}

/* It only grows, by as much for each record, and stays an inventory. */
static void check_inventory(const char *text, size_t len)
{
	AUTO_BUF once;
	AUTO_BUF twice;

	buf_init(&once);
	buf_init(&twice);
	if (criu_inventory_without_lock(text, len, &once, NULL) < 0)
		return;
	if (criu_inventory_without_lock(once.s, once.len, &twice, NULL) < 0 || once.len < len ||
	    twice.len - once.len != once.len - len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_release) struct arena arena;
	const char *text = (const char *)data + 1;
	struct skerry_create_options create = { 0 };
	struct external_mounts mounts;
	struct strings names;

	arena_init(&arena, (size_t)64 << 20);
	if (!size)
		return 0;
	size--;
	if (data[0] == 'l')
		check_log(text, size);
	else if (data[0] == 'm')
		(void)checkpoint_mounts(text, size, &arena, &mounts, NULL);
	else if (data[0] == 'd')
		(void)checkpoint_descriptors_parse(text, size, &arena, &names, NULL);
	else if (data[0] == 'n')
		(void)checkpoint_networks_parse(text, size, true, &arena, &create, NULL);
	else if (data[0] == 'f')
		check_files(text, size);
	else if (data[0] == 'i')
		check_inventory(text, size);
	else if (data[0] == 'c')
		(void)criu_cgroup_is_one(text, size, NULL);
	else
		check_reply(text, size, &arena);
	return 0;
}
