/* SPDX-License-Identifier: Apache-2.0 */
/* regions.c - parts of a process's address space, by the lines of its maps
 *
 * proc(5) /proc/PID/maps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "runtime/migrate/frame.h"
#include "runtime/migrate/regions.h"

/* "55d0-55e0 rw-p 00000000 08:01 123   /bin/x" */
int memory_parse_line(const char *line, struct memory_region *ret)
{
	struct memory_region r = { 0 };
	char *at;
	const char *perms, *name;

	r.start = strtoull(line, &at, 16);
	if (at == line || *at != '-')
		return 0;
	r.end = strtoull(at + 1, &at, 16);
	if (*at != ' ' || r.end <= r.start || r.start % FRAME_PAGE || r.end % FRAME_PAGE)
		return 0;
	perms = at + 1;
	if (strcspn(perms, " ") != 4)
		return 0;
	r.writable = perms[1] == 'w';
	r.shared = perms[3] == 's';
	at = strchr(perms, ' ');
	for (int skip = 0; at && skip < 2; skip++)
		at = strchr(at + 1, ' ');
	if (!at)
		return 0;
	r.inode = strtoull(at + 1, &at, 10);
	name = at + strspn(at, " ");
	/* The kernel's own, which criu takes apart. */
	if (str_starts(name, "[vvar") || str_starts(name, "[vdso]") ||
	    str_starts(name, "[vsyscall]") || str_starts(name, "[uprobes]"))
		return 0;
	*ret = r;
	return 1;
}

int memory_regions_add(struct memory_regions *list, const struct memory_region *r, struct err *err)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		struct memory_region *v = realloc(list->v, cap * sizeof(*v));

		if (!v)
			return err_set(err, ENOMEM, "out of memory");
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = *r;
	return 0;
}

int memory_regions_extend(struct memory_regions *list, uint64_t start, uint64_t end,
			  struct err *err)
{
	const struct memory_region one = { .start = start, .end = end };

	if (!list->n || list->v[list->n - 1].end != start)
		return memory_regions_add(list, &one, err);
	list->v[list->n - 1].end = end;
	return 0;
}
