/* SPDX-License-Identifier: Apache-2.0 */
/* toml.h - as much of TOML as registries.conf and hosts.toml are written in
 *
 * Tables, arrays of tables, keys (bare, quoted, dotted) with strings, booleans
 * and arrays of strings.  Values of other kinds are given as their text.
 */
#ifndef SKERRY_IMAGE_TOML_H
#define SKERRY_IMAGE_TOML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

/* One line's meaning. */
struct toml_item {
	struct strings table; /* the words of the table's name: "registry", "mirror" */
	bool begins; /* a table begins here: no key */
	char *key;
	char *text; /* the string; the text of another kind; NULL of an array */
	struct strings list; /* of an array of strings */
	unsigned int line;
};
typedef int toml_fn(void *arg, const struct toml_item *item, struct err *err);

/* Calls fn for every table and key in order; stops with -1 where it does. */
int toml_parse(const char *name, const char *text, toml_fn *fn, void *arg, struct arena *arena,
	       struct err *err);

#endif
