/* SPDX-License-Identifier: Apache-2.0 */
/* filter.c - --filter: which images are meant, as docker and podman say it
 *
 * podman-images(1), "--filter"; "docker image prune", "Filtering".
 */
#include "image/cli/filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <time.h>

#include "image/cli/common.h"
#include "image/config.h"
#include "image/rootfs.h"
#include "image/timestamp.h"

enum filter_key {
	FILTER_DANGLING,
	FILTER_CONTAINERS,
	FILTER_NEVER, /* what an image here never is */
	FILTER_REFERENCE,
	FILTER_LABEL,
	FILTER_ID,
	FILTER_BEFORE,
	FILTER_SINCE,
	FILTER_UNTIL,
};

struct image_filter {
	enum filter_key key;
	bool negated;
	const char *value;
	bool wanted; /* of what is true or false */
	int64_t time; /* of before, since and until: seconds */
	struct digest found; /* a reference that is an image's very name or id; else unset */
};

static const struct {
	const char *name;
	enum filter_key key;
} keys[] = {
	{ "dangling", FILTER_DANGLING },
	{ "containers", FILTER_CONTAINERS },
	{ "readonly", FILTER_NEVER },
	{ "intermediate", FILTER_NEVER },
	{ "reference", FILTER_REFERENCE },
	{ "label", FILTER_LABEL },
	{ "id", FILTER_ID },
	{ "before", FILTER_BEFORE },
	{ "since", FILTER_SINCE },
	{ "after", FILTER_SINCE },
	{ "until", FILTER_UNTIL },
};

/* --- reading ------------------------------------------------------------------------ */

static int parse_flag(const char *word, struct image_filter *f, struct err *err)
{
	static const char *const yes[] = { "true", "1", "t", "T", "TRUE", "True" };
	static const char *const no[] = { "false", "0", "f", "F", "FALSE", "False" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		bool is = str_eq(f->value, yes[i]);

		if (is || str_eq(f->value, no[i])) {
			f->wanted = is != f->negated;
			f->negated = false;
			return 0;
		}
	}
	return err_set(err, EINVAL, "invalid value \"%s\" for --filter: true or false", word);
}

/* An image that another is older or younger than. */
static int parse_image(const struct image_filters *all, struct image_filter *f, struct err *err)
{
	struct image image;

	if (common_find(all->store, f->value, &image, all->arena, err) < 0)
		return -1;
	f->time = image.created;
	return 0;
}

static void find_reference(const struct image_filters *all, struct image_filter *f)
{
	struct image image;

	if (common_find(all->store, f->value, &image, all->arena, NULL) == 0)
		f->found = image.config;
}

/* The ids of the images that containers have. */
static int find_used(struct image_filters *all, struct err *err)
{
	struct rootfs_list containers;
	struct image image;

	if (rootfs_list(all->store, &containers, all->arena, err) < 0)
		return -1;
	all->used.n = 0;
	all->used.v = arena_array(all->arena, containers.n + 1, sizeof(*all->used.v));
	if (!all->used.v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < containers.n; i++) {
		if (store_find_image(all->store, containers.v[i].image.text, &image, all->arena,
				     NULL) == 0)
			all->used.v[all->used.n++] = image.config;
	}
	return 0;
}

static int parse_value(struct image_filters *all, const char *word, struct image_filter *f,
		       struct err *err)
{
	switch (f->key) {
	case FILTER_DANGLING:
	case FILTER_NEVER:
		return parse_flag(word, f, err);
	case FILTER_CONTAINERS:
		return parse_flag(word, f, err) < 0 ? -1 : find_used(all, err);
	case FILTER_REFERENCE:
		find_reference(all, f);
		return 0;
	case FILTER_BEFORE:
	case FILTER_SINCE:
		return parse_image(all, f, err);
	case FILTER_UNTIL:
		if (timestamp_until(f->value, time(NULL), &f->time) < 0)
			return err_set(err, EINVAL,
				       "invalid value \"%s\" for --filter: an age as 10m or 1h30m, "
				       "a date, or seconds since 1970",
				       word);
		return 0;
	case FILTER_LABEL:
	case FILTER_ID:
		return 0;
	}
	return 0;
}

static int parse_one(struct image_filters *all, const char *word, struct image_filter *f,
		     struct err *err)
{
	size_t len = strcspn(word, "=");
	bool negated = len > 0 && word[len] == '=' && word[len - 1] == '!';

	for (size_t i = 0; word[len] == '=' && i < ARRAY_SIZE(keys); i++) {
		if (strlen(keys[i].name) != len - negated ||
		    strncmp(keys[i].name, word, len - negated) != 0)
			continue;
		*f = (struct image_filter){ .key = keys[i].key,
					    .negated = negated,
					    .value = word + len + 1 };
		return parse_value(all, word, f, err);
	}
	return err_set(err, EINVAL,
		       "invalid value \"%s\" for --filter: KEY=VALUE or KEY!=VALUE, and KEY one of "
		       "dangling, containers, reference, label, id, before, since and until",
		       word);
}

int filters_parse(const struct option_list *words, const struct store *s, struct arena *arena,
		  struct image_filters *ret, struct err *err)
{
	*ret = (struct image_filters){ .store = s, .arena = arena };
	ret->v = arena_array(arena, words->n + 1, sizeof(*ret->v));
	if (!ret->v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < words->n; i++) {
		if (parse_one(ret, words->v[i], &ret->v[i], err) < 0)
			return -1;
		ret->n++;
	}
	return 0;
}

int filters_take_dangling(struct image_filters *f)
{
	size_t kept = 0;
	int ret = -1;

	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].key == FILTER_DANGLING)
			ret = f->v[i].wanted;
		else
			f->v[kept++] = f->v[i];
	}
	f->n = kept;
	return ret;
}

/* --- asking ------------------------------------------------------------------------- */

/* A name whole, without the registry, or its last part: each with its tag and without. */
static bool is_named_like(const struct image *i, const struct image_filter *f)
{
	if (digest_is_set(&f->found) && digest_is_equal(&f->found, &i->config))
		return true;
	for (size_t n = 0; n < i->names.n; n++) {
		struct reference ref;
		char name[REFERENCE_TEXT_MAX];

		if (fnmatch(f->value, i->names.v[n], FNM_PATHNAME) == 0)
			return true;
		if (reference_parse(i->names.v[n], &ref, NULL) < 0)
			continue;
		reference_format_name(&ref, name, sizeof(name));

		const char *slash = strrchr(ref.path, '/');
		const char *const names[] = { name, ref.path, slash ? slash + 1 : ref.path };

		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			char tagged[REFERENCE_TEXT_MAX];

			if (fnmatch(f->value, names[k], FNM_PATHNAME) == 0)
				return true;
			if (str_format(tagged, sizeof(tagged), "%s:%s", names[k], ref.tag) == 0 &&
			    fnmatch(f->value, tagged, FNM_PATHNAME) == 0)
				return true;
		}
	}
	return false;
}

/* "KEY" or "KEY=VALUE"; a label whose own name has a "=" is one as well. */
static int has_label(const struct image_filters *all, const struct image *i, const char *wanted,
		     struct err *err)
{
	struct image_config c;

	if (common_config(all->store, i, &c, all->arena, err) < 0)
		return -1;
	for (size_t l = 0; l < c.config.labels.n; l++) {
		const struct pair *label = &c.config.labels.v[l];
		size_t len = strlen(label->key);

		if (strncmp(wanted, label->key, len) == 0 &&
		    (!wanted[len] ||
		     (wanted[len] == '=' && str_eq(wanted + len + 1, label->value))))
			return 1;
	}
	return 0;
}

static bool has_container(const struct image_filters *all, const struct image *i)
{
	for (size_t c = 0; c < all->used.n; c++) {
		if (digest_is_equal(&all->used.v[c], &i->config))
			return true;
	}
	return false;
}

static int holds(const struct image_filters *all, const struct image_filter *f,
		 const struct image *i, struct err *err)
{
	const char *id = f->value;

	switch (f->key) {
	case FILTER_DANGLING:
		return (i->names.n == 0) == f->wanted;
	case FILTER_CONTAINERS:
		return has_container(all, i) == f->wanted;
	case FILTER_NEVER:
		return !f->wanted;
	case FILTER_REFERENCE:
		return is_named_like(i, f);
	case FILTER_LABEL:
		return has_label(all, i, f->value, err);
	case FILTER_ID:
		return str_starts(strchr(id, ':') ? i->config.text : digest_hex(&i->config), id);
	case FILTER_BEFORE:
	case FILTER_UNTIL:
		return i->created < f->time;
	case FILTER_SINCE:
		return i->created > f->time;
	}
	return 0;
}

int filters_pass(const struct image_filters *f, const struct image *image, struct err *err)
{
	for (size_t n = 0; n < f->n; n++) {
		const struct image_filter *one = &f->v[n];
		bool alone = one->negated || one->key == FILTER_LABEL;
		int any = holds(f, one, image, err);

		if (any < 0)
			return -1;
		any = (any > 0) != one->negated;
		/* another of the same key does as well */
		for (size_t k = 0; !alone && !any && k < f->n; k++) {
			if (f->v[k].key == one->key && !f->v[k].negated)
				any = holds(f, &f->v[k], image, err) > 0;
		}
		if (!any)
			return 0;
	}
	return 1;
}
