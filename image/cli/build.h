/* SPDX-License-Identifier: Apache-2.0 */
/* build.h - `skerry build`: the stages of a Dockerfile, step by step
 *
 * Every step that changes files makes a layer; the others change the
 * configuration.  A layer is looked for in the cache under a key: the digest of
 * the key before, the step's text, and what the step reads (variables, files).
 */
#ifndef SKERRY_IMAGE_CLI_BUILD_H
#define SKERRY_IMAGE_CLI_BUILD_H

#include "image/cli/bundle.h"
#include "image/cli/common.h"
#include "image/dockerfile.h"

struct build_flags {
	struct registry_flags registry; /* first */
	const char *file, *target, *network, *platform, *pull, *id_file;
	struct option_list tags, args, labels;
	bool quiet, no_cache;
};

struct stage {
	const char *name; /* "AS name", or NULL */
	struct image_config config;
	struct image_layers layers;
	struct pairs args; /* ARG */
	struct digest key;
	bool cmd_set; /* CMD is the stage's own, not that of its base */
};

struct build {
	struct cli *cli;
	struct arena *arena;
	struct store *store;
	struct txn *txn;
	const struct build_flags *f;
	struct dockerfile file;
	struct dockerignore ignore;
	struct platform platform;
	int context; /* its directory */
	struct pairs global_args; /* ARG before the first FROM */
	struct stage *stages;
	size_t n_stages;
	struct stage *now;
	unsigned int containers; /* made so far: their ids differ */
};

/* Steps; each in its own file's company. */
int build_run(struct build *b, const struct dockerfile_instruction *i, struct err *err);
int build_copy(struct build *b, const struct dockerfile_instruction *i, struct err *err);
int build_config(struct build *b, const struct dockerfile_instruction *i, struct err *err);
/* The instructions of --change carried out, in order, on a configuration of the arena's. */
int build_change(struct cli *cli, const struct option_list *texts, struct image_config *config,
		 struct err *err);

/* What the URL `from` has, in an unnamed file of the store: its descriptor. */
int build_fetch(struct build *b, const char *from, struct err *err);

/* The variables that an instruction sees. */
struct dockerfile_scope build_scope(struct build *b);
const char *build_flag(const struct dockerfile_instruction *i, const char *name);

/* A container of the stage as it is now, mounted: its id, its root. */
struct workspace {
	char id[64];
	char dir[PATH_MAX]; /* the bundle's folder */
	int root;
};
int workspace_open(struct build *b, struct workspace *ret, struct err *err);
/* What changed becomes the stage's next layer; it is remembered under the stage's key. */
int workspace_commit(struct build *b, struct workspace *w, struct err *err);
void workspace_close(struct build *b, struct workspace *w);

/* The key of the next step.  1: the cache had its layer, which is the stage's now; 0 not, or -1. */
int build_cached(struct build *b, const struct digest *step, struct err *err);
/* An entry of the history; `empty`: no layer belongs to it. */
int build_history(struct build *b, const char *text, bool empty, struct err *err);

/* The files of another stage, or of an image: a detached mount's descriptor. */
int build_open_stage(struct build *b, const char *name, struct err *err);
/* The image of FROM or of --from, pulled where it isn't there. */
int build_find_image(struct build *b, const char *name, struct image *ret, struct err *err);

#endif
