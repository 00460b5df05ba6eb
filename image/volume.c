/* SPDX-License-Identifier: Apache-2.0 */
/* volume.c - directories of the store that outlive containers
 *
 * volumes/NAME below the store.  A new one is filled under another name and
 * renamed, so that two containers that begin at once see it whole.
 */
#include "image/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "image/copy.h"
#include "runtime/spec/spec.h"

#define FOLDER "volumes"

static int fill(int image, const char *place, int dir, struct err *err)
{
	const struct copy_options all = { 0 };
	AUTO_FD from =
		image < 0 ? -1
			  : beneath_open(image, place, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
	/* nothing there, or no directory: the volume begins empty */
	return from < 0 ? 0 : copy_tree(from, dir, &all, err);
}

int volume_open(const struct store *s, const char *name, int image, const char *place,
		char path[PATH_MAX], struct err *err)
{
	char new_name[NAME_MAX];
	if (spec_check_id(name, NULL) < 0)
		return err_set(err, EINVAL, "invalid name of a volume: \"%.64s\"", name);
	if (str_format(path, PATH_MAX, "%s/" FOLDER "/%s", store_path(s), name) < 0 ||
	    str_format(new_name, sizeof(new_name), ".%.200s.%d", name, (int)getpid()) < 0)
		return err_set(err, ENAMETOOLONG, "volume \"%.64s\": the name is too long", name);
	if (mkdirat(store_fd(s), FOLDER, 0711) < 0 && errno != EEXIST)
		return err_sys(err, "make the folder of the volumes");
	AUTO_FD all = openat(store_fd(s), FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (all < 0)
		return err_sys(err, "open the folder of the volumes");
	if (faccessat(all, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (mkdirat(all, new_name, 0755) < 0)
		return err_sys(err, "make volume \"%s\"", name);
	AUTO_FD dir = openat(all, new_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "open volume \"%s\"", name);
	int rc = fill(image, place, dir, err);
	if (rc == 0 && renameat2(all, new_name, all, name, RENAME_NOREPLACE) < 0 && errno != EEXIST)
		rc = err_sys(err, "make volume \"%s\"", name);
	/* gone by the rename, unless something went wrong or another was first */
	(void)file_remove_tree(all, new_name);
	return rc;
}

int volume_remove(const struct store *s, const char *name, struct err *err)
{
	if (spec_check_id(name, NULL) < 0)
		return err_set(err, EINVAL, "invalid name of a volume: \"%.64s\"", name);
	AUTO_FD all = openat(store_fd(s), FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (all < 0 || faccessat(all, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, ENOENT, "no such volume \"%s\"", name);
	if (file_remove_tree(all, name) < 0)
		return err_sys(err, "remove volume \"%s\"", name);
	return 0;
}
