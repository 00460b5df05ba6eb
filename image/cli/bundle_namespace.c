/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_namespace.c - what is different in a container of an ordinary user
 *
 * We are root of a namespace with the user's subordinate ids then (rootless.h).
 * The container gets a user namespace below it with the same ids.
 *
 * user_namespaces(7)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"
#include "image/cli/bundle.h"

#define MAP_TEXT_MAX ((size_t)64 << 10)
#define ID_MAX	     UINT32_MAX

/* Lines of "INSIDE OUTSIDE COUNT". */
static int read_map(struct arena *arena, const char *path, struct bundle_map **ret, size_t *ret_n,
		    size_t *cap, struct err *err)
{
	char *at, *line;
	AUTO_BUF text;
	buf_init(&text);
	if (file_read(AT_FDCWD, path, &text, MAP_TEXT_MAX, false) < 0)
		return err_sys(err, "read \"%s\"", path);
	at = text.s;
	while ((line = strsep(&at, "\n")) != NULL) {
		const char *word, *fields[3] = { 0 };
		uint64_t first, count;
		for (size_t n = 0; n < ARRAY_SIZE(fields) && (word = strsep(&line, " ")) != NULL;) {
			if (*word)
				fields[n++] = word;
		}
		if (!fields[2] || units_u64(fields[0], ID_MAX, &first) < 0 ||
		    units_u64(fields[2], ID_MAX, &count) < 0)
			continue;
		struct bundle_map *v = arena_grow(arena, *ret, *ret_n, cap, sizeof(*v));
		if (!v)
			return err_set(err, ENOMEM, "out of memory");
		*ret = v;
		v[(*ret_n)++] = (struct bundle_map){ (uint32_t)first, (uint32_t)count };
	}
	return *ret_n ? 0 : err_set(err, EINVAL, "\"%s\" maps no ids", path);
}

/* Groups that aren't mapped can't be named to the kernel. */
static int fit_ping_groups(struct bundle *b, struct err *err)
{
	uint32_t last = 0;
	for (size_t i = 0; i < b->gid_map.n; i++) {
		const struct bundle_map *m = &b->gid_map.v[i];
		if (m->first == last)
			last = m->first + m->count;
	}
	for (size_t i = 0; i < b->sysctl.n; i++) {
		struct pair *p = &b->sysctl.v[i];
		if (strcmp(p->key, "net.ipv4.ping_group_range") != 0 ||
		    strcmp(p->value, BUNDLE_PING_GROUPS) != 0)
			continue;
		p->value = arena_printf(b->arena, "0 %u", last ? last - 1 : 0);
		if (!p->value)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

int bundle_namespace(struct bundle *b, struct err *err)
{
	b->mapped = proc_is_mapped();
	if (!b->mapped)
		return 0;
	if (read_map(b->arena, "/proc/self/uid_map", &b->uid_map.v, &b->uid_map.n, &b->uid_map.cap,
		     err) < 0 ||
	    read_map(b->arena, "/proc/self/gid_map", &b->gid_map.v, &b->gid_map.n, &b->gid_map.cap,
		     err) < 0)
		return -1;
	return fit_ping_groups(b, err);
}
