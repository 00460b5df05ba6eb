/* SPDX-License-Identifier: Apache-2.0 */
/* rootless.c - an ordinary user's store: a user namespace with the user's subordinate ids
 *
 * user_namespaces(7): the first namespace maps all ids to themselves.
 */
#include "image/rootless.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"

bool rootless_is_mapped(void)
{
	char map[128];
	const char *p;

	if (file_read_line(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) < 0)
		return false;
	/* "0 0 4294967295", columns padded */
	p = map + strspn(map, " ");
	if (p[0] != '0' || p[1] != ' ')
		return true;
	p += 1 + strspn(p + 1, " ");
	if (p[0] != '0' || p[1] != ' ')
		return true;
	p += 1 + strspn(p + 1, " ");
	return strcmp(p, "4294967295") != 0;
}
