/* SPDX-License-Identifier: Apache-2.0 */
/* delegate.c - giving a group to the container, to make its own below it
 *
 * The directory and just those files that the kernel lists as safe to give
 * away; the limits stay ours.  The controllers are there for it as systemd
 * has them in a delegated unit.
 * Documentation/admin-guide/cgroup-v2.rst "Model of Delegation"; cgroups(7)
 * "Cgroups delegation"; runtime-spec config-linux.md "Cgroup ownership".
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"

#define LIST "/sys/kernel/cgroup/delegate"

static int give(int dir, const char *file, uid_t uid, gid_t gid)
{
	AUTO_FD fd = beneath_open(dir, file, O_PATH | O_CLOEXEC, 0,
				  RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1; /* of a controller that is not enabled */
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
}

int cgroup_delegate(const struct cgroup *g, uid_t uid, gid_t gid, struct err *err)
{
	char list[GROUP_LINE_SIZE];
	char *rest = list, *file;

	if (g->fd < 0)
		return 0;
	if (file_read_line(AT_FDCWD, LIST, list, sizeof(list)) < 0)
		return err_sys(err, "read \"" LIST "\"");
	if (fchownat(g->fd, "", uid, gid, AT_EMPTY_PATH) < 0) {
		if (errno == EPERM && geteuid() != 0)
			return 0; /* its root is another of the user's ids: it has no group to give */
		return err_sys(err, "give cgroup \"%s\" to user %u", g->place.path, uid);
	}
	while ((file = strsep(&rest, "\n")) != NULL)
		if (*file && !strchr(file, '/') && give(g->fd, file, uid, gid) < 0)
			return err_sys(err, "give \"%s\" of cgroup \"%s\" to user %u", file,
				       g->place.path, uid);
	return 0;
}

static bool has_word(const struct strings *words, const char *word)
{
	for (size_t i = 0; i < words->n; i++)
		if (strcmp(words->v[i], word) == 0)
			return true;
	return false;
}

/* Has the container a cgroup namespace and in it a cgroup file system that it may write? */
static bool is_wanted(const struct spec *spec)
{
	bool namespaced = false;

	for (size_t i = 0; spec->linux_ && i < spec->linux_->namespaces.n; i++)
		namespaced |= strcmp(spec->linux_->namespaces.v[i].type, "cgroup") == 0;
	for (size_t i = 0; namespaced && i < spec->mounts.n; i++) {
		const struct spec_mount *m = &spec->mounts.v[i];

		if (m->type && strncmp(m->type, "cgroup", 6) == 0 && !has_word(&m->options, "ro"))
			return true;
	}
	return false;
}

/* All that the group at path has, for its children; one that is refused is not missed. */
static NOINLINE void enable_all(const struct cgroup_host *h, const char *path)
{
	AUTO_FD dir = group_open(h->root, path);
	char have[GROUP_LINE_SIZE], given[GROUP_LINE_SIZE], want[64];
	char *rest = have, *word;

	if (dir < 0 || group_read(dir, "cgroup.controllers", have, sizeof(have)) < 0 ||
	    group_read(dir, "cgroup.subtree_control", given, sizeof(given)) < 0)
		return;
	while ((word = strsep(&rest, " \n")) != NULL)
		if (*word && !group_parse_word(given, word) &&
		    str_format(want, sizeof(want), "+%s", word) == 0)
			(void)group_write(dir, "cgroup.subtree_control", want);
}

static NOINLINE void enable_above(const struct cgroup_host *h, const struct cgroup_place *place)
{
	char part[sizeof(place->path)];

	for (const char *slash = place->path; slash && *slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - place->path);

		memcpy(part, place->path, len);
		part[len] = '\0';
		enable_all(h, part);
	}
}

void delegate_controllers(const struct cgroup_host *h, const struct cgroup_place *place,
			  const struct spec *spec)
{
	if (is_wanted(spec))
		enable_above(h, place);
}
