/* SPDX-License-Identifier: Apache-2.0 */
/* member.c - which members a checkpoint archive may have
 *
 * Names are as tar.h has cleaned them: relative, without "." and "..".
 */
#include <errno.h>
#include <string.h>

#include "runtime/archive/archive.h"

/* What is left alone at the top; the rest isn't needed here. */
static const char *const files[] = { MEMBER_CONFIG,  MEMBER_SPEC,    MEMBER_OWN,   MEMBER_NETWORK,
				     MEMBER_CHANGES, MEMBER_DELETED, MEMBER_DEVSHM };
/* Directories of criu's images: flat. */
static const char *const folders[] = { MEMBER_CHECKPOINT, "pre-checkpoint" };

static const char *below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static bool is_image(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		const char *name = below(path, folders[i]);

		if (name && !strchr(name, '/'))
			return true;
	}
	return false;
}

static bool is_one_of(const char *path, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(path, list[i]) == 0)
			return true;
	return false;
}

/* criu's chain of images: the one before it, nothing else. */
static bool is_parent(const struct tar_entry *e)
{
	return (strcmp(e->path, MEMBER_CHECKPOINT "/parent") == 0 &&
		strcmp(e->link, "../pre-checkpoint") == 0) ||
	       (is_image(e->path) && strcmp(strrchr(e->path, '/'), "/parent") == 0 &&
		strcmp(e->link, ".") == 0);
}

int member_check(const struct tar_entry *e, struct err *err)
{
	switch (e->type) {
	case TAR_DIRECTORY:
		return is_one_of(e->path, folders, ARRAY_SIZE(folders)) ? 1 : 0;
	case TAR_FILE:
		return is_image(e->path) || is_one_of(e->path, files, ARRAY_SIZE(files)) ? 1 : 0;
	case TAR_SYMBOLIC_LINK:
		if (is_parent(e))
			return 1;
		break;
	case TAR_HARD_LINK:
	case TAR_CHARACTER_DEVICE:
	case TAR_BLOCK_DEVICE:
	case TAR_FIFO:
		break;
	}
	if (!is_image(e->path) && !is_one_of(e->path, files, ARRAY_SIZE(files)) &&
	    !is_one_of(e->path, folders, ARRAY_SIZE(folders)))
		return 0;
	return err_set(err, EBADMSG, "checkpoint archive: \"%s\" is neither file nor directory",
		       e->path);
}
