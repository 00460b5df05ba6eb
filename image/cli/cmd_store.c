/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_store.c - skerry prune, image fsck and image df: the store as a whole */
#include <errno.h>
#include <string.h>

#include "image/cli/common.h"
#include "image/fsck.h"
#include "image/gc.h"

struct prune_flags {
	bool all, dry_run;
};

#define ROW(name_, letter_, type, member, help_)                                              \
 .name = (name_), .letter = (letter_), .kind = OPTION_FLAG, .offset = offsetof(type, member), \
 .help = (help_)

static const struct option prune_rows[] = {
	{ ROW("all", 'a', struct prune_flags, all,
	      "also images that have a name, unless a container uses them") },
	{ ROW("dry-run", 0, struct prune_flags, dry_run, "only tell what would go") },
};

static int prune(struct cli *cli, const void *options, const struct option_args *args,
		 struct err *err)
{
	(void)cli;
	(void)args;
	const struct prune_flags *f = options;
	const struct gc_options o = { .untagged = true, .unused = f->all, .dry_run = f->dry_run };
	struct gc_result r;
	char bytes[16];
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	if (common_store(true, &s, err) < 0 || gc_run(s, &o, &r, err) < 0)
		return -1;
	progress_bytes(r.bytes, bytes, sizeof(bytes));
	buf_printf(&out, "%s %llu images, %llu layers, %llu blobs: %s\n",
		   f->dry_run ? "would remove" : "removed", (unsigned long long)r.images,
		   (unsigned long long)r.layers, (unsigned long long)r.blobs, bytes);
	return print_buf(&out, err);
}

const struct command verb_prune = {
	.name = "prune",
	.summary = "remove images without a name, and what nothing needs any more",
	.options = { prune_rows, ARRAY_SIZE(prune_rows), NULL },
	.size = sizeof(struct prune_flags),
	.run = prune,
};

struct fsck_flags {
	bool repair;
};
static const struct option fsck_rows[] = {
	{ ROW("repair", 0, struct fsck_flags, repair,
	      "put aside what is broken, so that the next pull fetches it again") },
};

static void finding(void *arg, enum fsck_object object, const char *what, const char *problem)
{
	static const char *const kinds[] = {
		[FSCK_BLOB] = "blob", [FSCK_LAYER] = "layer",	      [FSCK_IMAGE] = "image",
		[FSCK_NAME] = "name", [FSCK_CONTAINER] = "container",
	};
	buf_printf(arg, "%s %s: %s\n", kinds[object], what, problem);
}

static int fsck(struct cli *cli, const void *options, const struct option_args *args,
		struct err *err)
{
	(void)cli;
	(void)args;
	const struct fsck_flags *f = options;
	struct fsck_result r;
	char bytes[16];
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	const struct fsck_options o = { .repair = f->repair, .report = finding, .arg = &out };
	if (common_store(true, &s, err) < 0 || fsck_run(s, &o, &r, err) < 0)
		return -1;
	progress_bytes(r.bytes, bytes, sizeof(bytes));
	buf_printf(&out, "%llu images, %llu layers, %llu blobs, %s: %llu problems\n",
		   (unsigned long long)r.images, (unsigned long long)r.layers,
		   (unsigned long long)r.blobs, bytes, (unsigned long long)r.problems);
	if (print_buf(&out, err) < 0)
		return -1;
	return r.problems && !f->repair ? CLI_FAILED : 0;
}

const struct command verb_fsck = {
	.name = "fsck",
	.summary = "compute every digest of the store again",
	.description = "Exits with 1 when something is wrong and was not repaired.\n",
	.options = { fsck_rows, ARRAY_SIZE(fsck_rows), NULL },
	.size = sizeof(struct fsck_flags),
	.run = fsck,
};

static int df(struct cli *cli, const void *options, const struct option_args *args, struct err *err)
{
	(void)options; /* has none */
	(void)args;
	struct gc_usage u;
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	if (common_store(true, &s, err) < 0 || gc_usage(s, &u, err) < 0)
		return -1;
	const struct {
		const char *what;
		uint64_t count, bytes;
	} lines[] = {
		{ "images", u.images, 0 },
		{ "layers", u.layers, u.layer_bytes },
		{ "blobs", u.blobs, u.blob_bytes },
		{ "containers", u.containers, u.container_bytes },
		{ "reclaimable", 0, u.reclaimable_bytes },
	};
	const char *cells[3 * (ARRAY_SIZE(lines) + 1)] = { "WHAT", "COUNT", "SIZE" };
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char bytes[16];
		progress_bytes(lines[i].bytes, bytes, sizeof(bytes));
		cells[3 * i + 3] = lines[i].what;
		cells[3 * i + 4] =
			arena_printf(&cli->arena, "%llu", (unsigned long long)lines[i].count);
		cells[3 * i + 5] = arena_strdup(&cli->arena, bytes);
		if (!cells[3 * i + 4] || !cells[3 * i + 5])
			return err_set(err, ENOMEM, "out of memory");
	}
	print_table(&out, cells, ARRAY_SIZE(lines) + 1, 3);
	return print_buf(&out, err);
}

const struct command verb_df = {
	.name = "df",
	.summary = "show how much room the store takes",
	.run = df,
};
