/* SPDX-License-Identifier: Apache-2.0 */
/* whiteout.c - what a layer's tar says about the layers below it
 *
 * image-spec layer.md "Whiteouts"; overlayfs.rst "whiteouts and opaque
 * directories".  A whiteout may be of any type: images exist in which they are
 * hard links.
 */
#include "image/whiteout.h"

#include <string.h>

#include "base/buf.h"

enum whiteout_kind whiteout_classify(const char *name)
{
	const char *rest;

	if (!str_starts(name, WHITEOUT_PREFIX))
		return WHITEOUT_NONE;
	if (strcmp(name, WHITEOUT_OPAQUE) == 0)
		return WHITEOUT_DIRECTORY;
	rest = name + strlen(WHITEOUT_PREFIX);
	if (str_starts(rest, WHITEOUT_PREFIX))
		return WHITEOUT_IGNORED;
	/* ".wh.." would remove the directory itself, ".wh..." its parent */
	if (rest[0] == '\0' || strcmp(rest, ".") == 0 || strcmp(rest, "..") == 0)
		return WHITEOUT_BAD;
	return WHITEOUT_NAME;
}

bool whiteout_keeps_xattr(const char *name)
{
	static const char *const kept[] = {
		"security.capability",
		"system.posix_acl_access",
		"system.posix_acl_default",
	};

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (strcmp(name, kept[i]) == 0)
			return true;
	return str_starts(name, "user.") && name[strlen("user.")] != '\0' &&
	       !str_starts(name, "user.overlay.");
}
