/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - what the source knows of its migration */
#ifndef SKERRY_MIGRATE_SOURCE_H
#define SKERRY_MIGRATE_SOURCE_H

#include <limits.h>

#include "runtime/include/skerry/skerry.h"
#include "runtime/migrate/config.h"
#include "runtime/migrate/hold.h"
#include "runtime/migrate/lazy.h"
#include "runtime/migrate/memory.h"
#include "runtime/migrate/migrate.h"
#include "runtime/migrate/tree.h"

#define VOLUMES_MAX   64
#define SOURCE_IMAGES "images" /* below the record's folder */

/* A folder that goes along. */
struct source_tree {
	struct tree_head head;
	struct tree_memory memory;
	const char *path;
	const char *only; /* the file, when top is the folder that it is in */
	int top;
};

/* The container's image, in this host's store. */
struct source_image {
	char store[PATH_MAX], upper[PATH_MAX];
	struct strings layers; /* digests, base first */
};

/* A file of the host that goes along, or -1, and how much of it went. */
struct source_stdio {
	int file;
	uint64_t sent;
};

struct source {
	const struct options *o;
	const char *id, *host, *root;
	struct arena arena;
	struct skerry *skerry;
	struct skerry_state state;
	struct buf config_text, networks_text;
	struct config config;
	struct strings networks; /* attachments */
	struct channel channel;
	struct child ssh, dump;
	struct hello ours, theirs;
	struct offer offer;
	struct answer answer;
	struct source_image image;
	struct journal journal;
	struct source_tree trees[1 + VOLUMES_MAX];
	size_t n_trees;
	struct source_stdio stdio[3];
	struct tree_sent sent; /* files */
	struct memory memory;
	struct page_server pages;
	struct hold hold; /* while there are rounds */
	bool leaves_pages; /* criu leaves them in the processes, and they are read here */
	bool looked; /* for the last time */
	struct feed feed; /* with --lazy, from the freeze on */
	bool prepared; /* the networks are to be given back */
	bool committed; /* COMMIT may have been heard */
	bool running; /* there */
	int64_t began, frozen, dumped, sent_all, ready, thawed; /* milliseconds */
	unsigned int rounds;
	uint64_t memory_bytes, last_bytes; /* of pages; of those while it stood still */
};

/* A file of the container's in the state directory: 1 when there is none. */
int source_file(const struct source *s, const char *name, struct buf *out, struct err *err);

/* source_memory.c */
int memory_rounds(struct source *s, struct err *err);

/* The library's failure as ours. */
int lib_fail(const struct skerry_error *from, struct err *err);
/* source_pages.c: what was written to in the end, once all stands still; and the pages of the
 * images in that folder, without which they go then. */
int source_feed_open(struct source *s, struct feed *f, struct err *err);
int source_pages_look(struct source *s, struct err *err);
int source_pages_send(struct source *s, struct err *err);

/* source_image.c: offer.image, when it is of an image; the layers that the target lacks. */
int source_image_find(struct source *s, struct err *err);
int source_image_send(struct source *s, struct err *err);

/* source_stdio.c: into the offer what the init's 0, 1 and 2 are; and what files of them have
 * more than when it was sent last. */
int source_stdio_find(struct source *s, struct err *err);
int source_stdio_send(struct source *s, struct err *err);
void source_stdio_close(struct source *s);

/* progress.c */
void progress(const struct source *s, const char *phase, const char *format, ...) PRINTF(3, 4);
void progress_result(const struct source *s);

/* source_net.c: the attachments' moves. */
int networks_prepare(struct source *s, struct err *err);
/* Those of a move that this process has not prepared: of network.json. */
int networks_find(struct source *s, struct err *err);
void networks_cut(struct source *s);
void networks_finish(struct source *s, bool moved);

#endif
