/* SPDX-License-Identifier: Apache-2.0 */
/* image-store.c - the image store's calls as a command, for the tests of the store alone
 *
 * image-store STORE erofs|directory|auto COMMAND ARGUMENT...
 *   import FILE [DIFFID]       a layer from a file, compressed or not: its diffID; with BLOB and
 *                              BLOB_SIZE in the environment it can be taken up when it broke off
 *   image NAME DIFFID...       an image of layers, with an empty manifest and config
 *   create ID [-r|-e] DIFFID...   a container's root file system (read-only, ephemeral)
 *   mount ID                   attach it: the path
 *   with ID COMMAND...         attach it, then become COMMAND, which finds the path in $MERGED
 *   layers PATH DIFFID...      mount layers read-only at PATH
 *   unmount ID | remove ID | untag NAME | rmi NAME
 *   diff ID | commit ID | export-upper ID | export ID | tar PATH
 *   time ID DIFFID...          microseconds to make, put together and drop a root
 *   get DIFFID | size DIFFID | verify DIFFID
 *   gc [untagged|unused] | fsck [repair] | images
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image/fsck.h"
#include "image/gc.h"
#include "image/layer.h"
#include "image/overlay.h"
#include "image/rootfs.h"
#include "image/rootless.h"
#include "image/store.h"

#define LAYERS_MAX 600

static struct store *store;
static struct err err;
static int n_args;
static char **args;

static int take_digests(int from, struct digest *d)
{
	int n = 0;

	for (int i = from; i < n_args && n < LAYERS_MAX; i++)
		if (digest_parse(args[i], &d[n++], &err) < 0)
			return -1;
	return n;
}

static int print_layer(struct layer_result *r)
{
	printf("%s\n", r->diff_id.text);
	fprintf(stderr, "blob %s %" PRIu64 " size %" PRIu64 " entries %" PRIu64 "%s\n",
		r->blob.text, r->blob_size, r->size, r->entries, r->existed ? " existed" : "");
	return 0;
}

static int do_import(void)
{
	struct layer_options options = { .keep_blob = getenv("KEEP") != NULL };
	const char *max = getenv("MAX_SIZE"), *blob = getenv("BLOB"), *size = getenv("BLOB_SIZE");
	struct layer_result result;
	struct txn *t;
	int fd = strcmp(args[0], "-") == 0 ? 0 : open(args[0], O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return err_sys(&err, "open \"%s\"", args[0]);
	if (n_args > 1 && digest_parse(args[1], &options.diff_id, &err) < 0)
		return -1;
	if (blob && size) { /* what a pull knows; then it can be broken off and taken up */
		if (digest_parse(blob, &options.blob, &err) < 0)
			return -1;
		options.blob_size = strtoull(size, NULL, 10);
		options.resume = true;
	}
	if (max)
		options.max_size = strtoull(max, NULL, 10);
	if (txn_begin(store, &t, &err) < 0)
		return -1;
	ret = layer_import(t, &options, fd, &result, &err);
	txn_end(t);
	return ret < 0 ? -1 : print_layer(&result);
}

static int do_image(void)
{
	static struct digest d[LAYERS_MAX];
	static struct image_layer layers[LAYERS_MAX];
	struct image image = { .layers.v = layers };
	const char *const names[] = { args[0] };
	char text[256];
	struct txn *t;
	int n = take_digests(1, d), ret;

	if (n < 0 || txn_begin(store, &t, &err) < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		enum txn_claim claim;

		layers[i].diff_id = d[i];
		if (txn_claim_layer(t, &d[i], false, &claim, &err) < 0)
			return -1;
	}
	image.layers.n = (size_t)n;
	snprintf(text, sizeof(text), "{\"config\":\"%s\"}", args[0]);
	ret = txn_put_blob(t, text, strlen(text), NULL, &image.config, &err);
	snprintf(text, sizeof(text), "{\"manifest\":\"%s\"}", args[0]);
	if (ret == 0)
		ret = txn_put_blob(t, text, strlen(text), NULL, &image.manifest, &err);
	if (ret == 0)
		ret = txn_commit_image(t, &image, names, 1, &err);
	txn_end(t);
	if (ret == 0)
		printf("%s\n", image.manifest.text);
	return ret;
}

static int do_create(void)
{
	static struct digest d[LAYERS_MAX];
	struct rootfs_options o = { .id = args[0], .layers = d };
	int from = 1, n;

	for (; from < n_args && args[from][0] == '-'; from++) {
		o.read_only = o.read_only || strcmp(args[from], "-r") == 0;
		o.ephemeral = o.ephemeral || strcmp(args[from], "-e") == 0;
		o.host = o.host || strcmp(args[from], "-h") == 0;
	}
	n = take_digests(from, d);
	o.n_layers = (size_t)(n < 0 ? 0 : n);
	return n < 0 ? -1 : rootfs_create(store, &o, &err);
}

static int do_mount(void)
{
	char path[4096];

	if (rootfs_attach(store, args[0], path, sizeof(path), &err) < 0)
		return -1;
	puts(path);
	return 0;
}

static int do_with(void)
{
	char path[4096];

	if (rootfs_attach(store, args[0], path, sizeof(path), &err) < 0)
		return -1;
	setenv("MERGED", path, 1);
	execvp(args[1], args + 1);
	return err_sys(&err, "exec \"%s\"", args[1]);
}

static int do_layers(void)
{
	static struct digest d[LAYERS_MAX];
	int n = take_digests(1, d), mount;

	if (n < 0)
		return -1;
	mount = rootfs_open_layers(store, d, (size_t)n, &err);
	return mount < 0 ? -1 : overlay_attach(mount, AT_FDCWD, args[0], &err);
}

static int do_unmount(void)
{
	return rootfs_detach(store, args[0], &err);
}

static int do_remove(void)
{
	return rootfs_remove(store, args[0], &err);
}

static int by_number(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

enum { ROUNDS = 200 };

static double median(double v[ROUNDS])
{
	qsort(v, ROUNDS, sizeof(double), by_number);
	return v[ROUNDS / 2];
}

static int time_detached(const struct rootfs_options *o)
{
	static double made[ROUNDS], opened[ROUNDS], dropped[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double at[4];
		int mount;

		at[0] = now_us();
		if (rootfs_create(store, o, &err) < 0)
			return -1;
		at[1] = now_us();
		mount = rootfs_open(store, o->id, &err);
		if (mount < 0)
			return -1;
		at[2] = now_us();
		close(mount);
		at[3] = now_us();
		if (rootfs_remove(store, o->id, &err) < 0)
			return -1;
		made[i] = at[1] - at[0];
		opened[i] = at[2] - at[1];
		dropped[i] = at[3] - at[2];
	}
	printf("create %.0f assemble %.0f drop %.0f", median(made), median(opened),
	       median(dropped));
	return 0;
}

/* As `run` does it: created and attached; detached and removed. */
static int time_attached(const struct rootfs_options *o, const char *what)
{
	static double made[ROUNDS], removed[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double at[3];
		char path[PATH_MAX];

		at[0] = now_us();
		if (rootfs_create(store, o, &err) < 0 ||
		    rootfs_attach(store, o->id, path, sizeof(path), &err) < 0)
			return -1;
		at[1] = now_us();
		if (rootfs_remove(store, o->id, &err) < 0)
			return -1;
		at[2] = now_us();
		made[i] = at[1] - at[0];
		removed[i] = at[2] - at[1];
	}
	printf(" %s: make %.0f remove %.0f", what, median(made), median(removed));
	return 0;
}

/* How long a root takes: made, put together, dropped; the only one, and one of several of the same
 * layers.  Medians in microseconds. */
static int do_time(void)
{
	static struct digest d[LAYERS_MAX];
	struct rootfs_options o = { .id = args[0], .layers = d, .ephemeral = true };
	struct rootfs_options other = { .id = "other", .layers = d, .ephemeral = true };
	int n = take_digests(1, d);
	char path[PATH_MAX];

	other.n_layers = o.n_layers = (size_t)(n < 0 ? 0 : n);
	if (time_detached(&o) < 0 || time_attached(&o, "first") < 0 ||
	    rootfs_create(store, &other, &err) < 0 ||
	    rootfs_attach(store, other.id, path, sizeof(path), &err) < 0 ||
	    time_attached(&o, "further") < 0)
		return -1;
	printf("\n");
	return rootfs_remove(store, other.id, &err);
}

static int do_get(void)
{
	struct digest d;

	return digest_parse(args[0], &d, &err) < 0 ? -1 : layer_export(store, &d, 1, &err);
}

static int do_size(void)
{
	struct digest d;
	uint64_t size;

	if (digest_parse(args[0], &d, &err) < 0 || layer_size(store, &d, &size, &err) < 0)
		return -1;
	printf("%" PRIu64 "\n", size);
	return 0;
}

static int do_verify(void)
{
	struct digest d;

	return digest_parse(args[0], &d, &err) < 0 ? -1 : layer_verify(store, &d, &err);
}

static int do_untag(void)
{
	return store_untag(store, args[0], &err);
}

static int do_rmi(void)
{
	struct arena arena;
	struct image image;
	int ret = -1;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (store_find_image(store, args[0], &image, &arena, &err) == 0)
		ret = store_remove_image(store, &image.config, &err);
	arena_release(&arena);
	return ret;
}

static int do_images(void)
{
	struct arena arena;
	struct images images;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (store_list_images(store, &images, &arena, &err) < 0)
		return -1;
	for (size_t i = 0; i < images.n; i++) {
		printf("%s", images.v[i].manifest.text);
		for (size_t k = 0; k < images.v[i].names.n; k++)
			printf(" %s", images.v[i].names.v[k]);
		puts("");
	}
	arena_release(&arena);
	return 0;
}

static int print_change(void *arg, enum rootfs_change change, const char *path)
{
	(void)arg;
	printf("%c %s\n", "ACD"[change], path);
	return 0;
}

static int do_diff(void)
{
	return rootfs_diff(store, args[0], print_change, NULL, &err);
}

static int do_commit(void)
{
	struct layer_result result;
	struct txn *t;
	int ret;

	if (txn_begin(store, &t, &err) < 0)
		return -1;
	ret = rootfs_commit(t, args[0], &result, &err);
	txn_end(t);
	return ret < 0 ? -1 : print_layer(&result);
}

static int do_export_upper(void)
{
	return rootfs_export_upper(store, args[0], 1, &err);
}

static int do_export(void)
{
	return rootfs_export(store, args[0], 1, &err);
}

static int do_tar(void)
{
	int dir = open(args[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? err_sys(&err, "open") : tree_export(dir, NULL, 1, &err);
}

static int do_gc(void)
{
	struct gc_options o = { .untagged = n_args > 0 && strcmp(args[0], "untagged") == 0,
				.unused = n_args > 0 && strcmp(args[0], "unused") == 0 };
	struct gc_result r;

	if (gc_run(store, &o, &r, &err) < 0)
		return -1;
	printf("images %" PRIu64 " layers %" PRIu64 " blobs %" PRIu64 " bytes %" PRIu64 "\n",
	       r.images, r.layers, r.blobs, r.bytes);
	return 0;
}

static void report(void *arg, enum fsck_object object, const char *what, const char *problem)
{
	static const char *const objects[] = { "blob", "layer", "image", "name", "container" };

	(void)arg;
	printf("%s %s: %s\n", objects[object], what, problem);
}

static int do_fsck(void)
{
	struct fsck_options o = { .repair = n_args > 0, .report = report };
	struct fsck_result r;

	if (fsck_run(store, &o, &r, &err) < 0)
		return -1;
	printf("problems %" PRIu64 "\n", r.problems);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
	int min;
} commands[] = {
	{ "import", do_import, 1 },
	{ "image", do_image, 1 },
	{ "create", do_create, 1 },
	{ "mount", do_mount, 1 },
	{ "layers", do_layers, 2 },
	{ "unmount", do_unmount, 1 },
	{ "remove", do_remove, 1 },
	{ "get", do_get, 1 },
	{ "size", do_size, 1 },
	{ "verify", do_verify, 1 },
	{ "untag", do_untag, 1 },
	{ "rmi", do_rmi, 1 },
	{ "images", do_images, 0 },
	{ "diff", do_diff, 1 },
	{ "commit", do_commit, 1 },
	{ "export", do_export, 1 },
	{ "export-upper", do_export_upper, 1 },
	{ "tar", do_tar, 1 },
	{ "gc", do_gc, 0 },
	{ "fsck", do_fsck, 0 },
	{ "time", do_time, 2 },
	{ "with", do_with, 2 },
};

int main(int argc, char **argv)
{
	int ret = -2;

	if (argc < 4)
		return 2;
	if (rootless_enter(&err) < 0 || store_open(argv[1], true, &store, &err) < 0) {
		fprintf(stderr, "image-store: %s\n", err.msg);
		return 1;
	}
	if (strcmp(argv[2], "auto") != 0)
		store_set_form(store, strcmp(argv[2], "erofs") == 0 ? STORE_FORM_EROFS
								    : STORE_FORM_DIRECTORY);
	n_args = argc - 4;
	args = argv + 4;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(argv[3], commands[i].name) == 0 && n_args >= commands[i].min)
			ret = commands[i].run();
	store_close(store);
	if (ret == -1)
		fprintf(stderr, "image-store: %s\n", err.msg);
	return ret == -2 ? 2 : ret < 0;
}
