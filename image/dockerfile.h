/* SPDX-License-Identifier: Apache-2.0 */
/* dockerfile.h - a Dockerfile's text as instructions
 *
 * Pure: nothing of the system is looked at.  Variables are expanded when an
 * instruction is carried out, because what came before may have set them.
 */
#ifndef SKERRY_IMAGE_DOCKERFILE_H
#define SKERRY_IMAGE_DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

enum dockerfile_word {
	DOCKERFILE_ADD,
	DOCKERFILE_ARG,
	DOCKERFILE_CMD,
	DOCKERFILE_COPY,
	DOCKERFILE_ENTRYPOINT,
	DOCKERFILE_ENV,
	DOCKERFILE_EXPOSE,
	DOCKERFILE_FROM,
	DOCKERFILE_HEALTHCHECK,
	DOCKERFILE_LABEL,
	DOCKERFILE_MAINTAINER,
	DOCKERFILE_ONBUILD,
	DOCKERFILE_RUN,
	DOCKERFILE_SHELL,
	DOCKERFILE_STOPSIGNAL,
	DOCKERFILE_USER,
	DOCKERFILE_VOLUME,
	DOCKERFILE_WORKDIR,
};

struct dockerfile_instruction {
	enum dockerfile_word word;
	unsigned int line; /* where it begins */
	const char *text; /* the whole instruction, in one line: "RUN --x y z" */
	struct pairs flags; /* "from" -> "0"; a flag without a value has "" */
	bool json; /* the arguments are a JSON array: args */
	struct strings args; /* of JSON */
	const char *rest; /* the arguments as they are, without flags */
	struct strings heredocs; /* what stood between <<EOF and EOF, in order */
};
struct dockerfile {
	struct dockerfile_instruction *v;
	size_t n, cap;
	char escape; /* '\\' or '`' */
};

int dockerfile_parse(const char *name, const char *text, size_t len, struct dockerfile *ret,
		     struct arena *arena, struct err *err);

/* One instruction by itself (ONBUILD's, --change's). */
int dockerfile_parse_line(const char *text, struct dockerfile_instruction *ret, struct arena *arena,
			  struct err *err);

/* "FROM" */
const char *dockerfile_word_name(enum dockerfile_word word);

/* Words separated by blanks, with quotes and escapes taken away and variables put in: $x, ${x},
 * ${x:-y}, ${x:+y}. get() tells a variable's value, or NULL. */
struct dockerfile_scope {
	const char *(*get)(void *arg, const char *name);
	void *arg;
	char escape;
};
int dockerfile_split(const char *text, const struct dockerfile_scope *scope, struct strings *ret,
		     struct arena *arena, struct err *err);
/* The text as one word: blanks stay. */
int dockerfile_expand(const char *text, const struct dockerfile_scope *scope, char **ret,
		      struct arena *arena, struct err *err);

/* .dockerignore: is a path (relative, without "./") left out?  The last pattern that fits
 * decides. */
struct dockerignore {
	struct strings patterns;
};
int dockerignore_parse(const char *text, struct dockerignore *ret, struct arena *arena,
		       struct err *err);
bool dockerignore_matches(const struct dockerignore *d, const char *path);
/* A glob pattern of one path: "*", "?", "[a-z]" within a component, "**" over any number. */
bool dockerfile_glob(const char *pattern, const char *path);

#endif
