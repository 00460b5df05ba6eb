/* SPDX-License-Identifier: Apache-2.0 */
/* conflist.h - network configurations: lists of plugins, in files
 *
 * A network is a file NAME.conflist, or one of the older .conf and .json with
 * a single plugin, in a folder.  Folders are read in the order given, files in
 * the order of their names; the first network of a name is the one.
 * CNI specification "Section 1: Network configuration format".
 */
#ifndef SKERRY_CNI_CONFLIST_H
#define SKERRY_CNI_CONFLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#define CONFLIST_MAX	     ((size_t)1 << 20) /* bytes of a file */
#define CONFLIST_PLUGINS_MAX 64

struct conflist_plugin {
	const char *type;
	struct pairs members; /* its own keys, values as they are written */
	struct strings capabilities; /* those that are true */
};

struct conflist {
	const char *name, *version; /* version: the newest of its own that we speak */
	const char *path; /* of its file; NULL: from memory */
	const char *text; /* the document */
	size_t len;
	bool disable_check, disable_gc, only_inlined;
	bool built_in; /* not from a file: its plugins are those linked in */
	bool resolver; /* key "skerry.resolver": names of its containers are to be looked up */
	struct conflist_plugin *v;
	size_t n;
};

struct conflists {
	struct conflist *v;
	size_t n;
};

/* A list, or one plugin where `single`; name is for messages.  What belongs to ret lives in the arena
 * (the text is copied).  CNI codes 1, 6, 7. */
int conflist_parse(const char *name, const char *text, size_t len, bool single, struct arena *arena,
		   struct conflist *ret, struct err *err);

/* Reads a file; plugins of the folder NAME beside it are appended unless the list says
 * loadOnlyInlinedPlugins. */
int conflist_load(const char *path, struct arena *arena, struct conflist *ret, struct err *err);

/* All networks of the folders (NULL-terminated).  A file that can't be used is told to warn() and left
 * out. */
int conflist_load_all(const char *const *folders, struct arena *arena,
		      void (*warn)(const struct err *why), struct conflists *ret, struct err *err);

/* The one of that name, or NULL. */
const struct conflist *conflist_find(const struct conflists *all, const char *name);

/* What a plugin gets on standard input, besides its own keys. */
struct conflist_request {
	const char *prev_result; /* JSON, or NULL */
	const struct pairs *capabilities; /* what the caller supplies: name, JSON; may be NULL */
	const char *attachments; /* JSON of cni.dev/valid-attachments, or NULL */
};
void conflist_write_request(const struct conflist *list, const struct conflist_plugin *plugin,
			    const struct conflist_request *request, struct buf *out);

/* Does some plugin of the list declare this capability? */
bool conflist_has_capability(const struct conflist *list, const char *capability);

#endif
