/* SPDX-License-Identifier: Apache-2.0 */
/* registry_list.c - tags of a repository, and search
 *
 * Lists come in pages: a Link header names the next one (RFC 8288).
 * Searching is no part of any specification: Docker Hub and quay have their own
 * ways, a plain registry only has a catalog of its repositories' names.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "image/registry_call.h"

#define PAGES_MAX      1000
#define LINK_MAX       4096
#define LIST_ARENA_MAX ((size_t)64 << 20)

struct tag_list {
	struct strings tags, repositories;
};
static const struct json_field tag_fields[] = {
	JSON_FIELD(struct tag_list, tags, JSON_STRINGS),
	JSON_FIELD(struct tag_list, repositories, JSON_STRINGS),
};
static const struct json_table tag_table = JSON_TABLE(struct tag_list, tag_fields);

struct hit {
	char *name, *description, *repo_name, *short_description;
	int64_t star_count;
	bool is_official;
};
struct hits {
	struct {
		struct hit *v;
		size_t n;
	} results;
};
static const struct json_field hit_fields[] = {
	JSON_FIELD(struct hit, name, JSON_STRING),
	JSON_FIELD(struct hit, description, JSON_STRING),
	JSON_FIELD(struct hit, repo_name, JSON_STRING),
	JSON_FIELD(struct hit, short_description, JSON_STRING),
	JSON_FIELD(struct hit, star_count, JSON_I64),
	JSON_FIELD(struct hit, is_official, JSON_BOOL),
};
static const struct json_table hit_table = JSON_TABLE(struct hit, hit_fields);
static const struct json_field hits_fields[] = {
	JSON_FIELD(struct hits, results, JSON_OBJECTS, .sub = &hit_table),
};
static const struct json_table hits_table = JSON_TABLE(struct hits, hits_fields);

/* The address of the next page out of a Link header; malloc'd, or NULL behind the last. */
static char *next_page(const struct registry_call *c)
{
	char link[LINK_MAX];
	for (size_t i = 0; http_header_n(&c->t.headers, "Link", i, link, sizeof(link)); i++) {
		char *begin = strchr(link, '<'), *end = begin ? strchr(begin, '>') : NULL;
		if (!end || !strstr(end, "next"))
			continue;
		*end = 0;
		return registry_resolve(c, begin + 1);
	}
	return NULL;
}

/* Calls each() with every page's document. */
static int each_page(struct registry *r, const char *first, bool quiet,
		     int (*each)(void *arg, const struct buf *page, struct err *err), void *arg,
		     struct err *err)
{
	AUTO_FREE char *path = strdup(first);
	for (size_t i = 0; path && i < PAGES_MAX; i++) {
		struct registry_call c;
		registry_call_init(&c);
		c.path = path;
		c.by_tag = true;
		c.push = false;
		c.quiet = quiet;
		int rc = registry_call_run(r, &c, err);
		if (rc == 0 && c.t.status == 404)
			rc = err_set(err, ENOTSUP, "the registry has no such list");
		if (rc == 0)
			rc = each(arg, &c.t.reply, err);
		char *next = rc == 0 ? next_page(&c) : NULL;
		/* the same host: the path is enough, and the token goes with it */
		const char *slash = next ? strstr(next, "://") : NULL;
		slash = slash ? strchr(slash + 3, '/') : NULL;
		char *next_path = slash ? strdup(slash) : NULL;
		free(next);
		registry_call_release(&c);
		free(path);
		path = next_path;
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	return 0;
}

struct tags_walk {
	int (*fn)(void *arg, const char *tag);
	void *arg;
};

static int tags_page(void *arg, const struct buf *page, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	const struct tags_walk *w = arg;
	struct tag_list list;
	arena_init(&arena, LIST_ARENA_MAX);
	if (json_decode("tags", page->s, page->len, &tag_table, &list, &arena, err) < 0)
		return -1;
	for (size_t i = 0; i < list.tags.n; i++) {
		if (w->fn(w->arg, list.tags.v[i]) != 0)
			return 1;
	}
	return 0;
}

int registry_tags(struct registry *r, int (*fn)(void *arg, const char *tag), void *arg,
		  struct err *err)
{
	struct tags_walk w = { fn, arg };
	return each_page(r, "tags/list", false, tags_page, &w, err);
}

struct search_walk {
	const char *term;
	size_t left;
	int (*fn)(void *arg, const struct registry_found *found);
	void *arg;
};

static int catalog_page(void *arg, const struct buf *page, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct search_walk *w = arg;
	struct tag_list list;
	arena_init(&arena, LIST_ARENA_MAX);
	if (json_decode("catalog", page->s, page->len, &tag_table, &list, &arena, err) < 0)
		return -1;
	for (size_t i = 0; i < list.repositories.n && w->left > 0; i++) {
		const struct registry_found found = { .name = list.repositories.v[i] };
		if (!strstr(found.name, w->term))
			continue;
		w->left--;
		if (w->fn(w->arg, &found) != 0)
			return 1;
	}
	return w->left == 0;
}

static int search_page(void *arg, const struct buf *page, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct search_walk *w = arg;
	struct hits hits;
	arena_init(&arena, LIST_ARENA_MAX);
	if (json_decode("search", page->s, page->len, &hits_table, &hits, &arena, err) < 0)
		return -1;
	for (size_t i = 0; i < hits.results.n && w->left > 0; i++) {
		const struct hit *h = &hits.results.v[i];
		const struct registry_found found = {
			.name = h->name ? h->name : h->repo_name,
			.description = h->description ? h->description : h->short_description,
			.stars = h->star_count,
			.official = h->is_official,
		};
		if (!found.name)
			continue;
		w->left--;
		if (w->fn(w->arg, &found) != 0)
			break;
	}
	return 1;
}

int registry_search(struct registry *r, const char *term, size_t limit,
		    int (*fn)(void *arg, const struct registry_found *found), void *arg,
		    struct err *err)
{
	struct search_walk w = { term, limit, fn, arg };
	struct err why = { 0 };
	AUTO_BUF path;
	buf_init(&path);
	if (str_eq(r->ref.domain, "docker.io"))
		buf_puts(&path, "https://hub.docker.com/v2/search/repositories/?query=");
	else
		buf_puts(&path, "/v1/search?q=");
	http_escape(&path, term);
	buf_printf(&path, "&%s=%zu", str_eq(r->ref.domain, "docker.io") ? "page_size" : "n",
		   limit < 100 ? limit : 100);
	int rc = each_page(r, path.s, true, search_page, &w, &why);
	if (rc == 0)
		return 0;
	if (str_eq(r->ref.domain, "docker.io") || why.code == EINTR) {
		if (err)
			*err = why;
		return -1;
	}
	return each_page(r, "/v2/_catalog?n=1000", false, catalog_page, &w, err);
}
