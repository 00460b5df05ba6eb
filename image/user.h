/* SPDX-License-Identifier: Apache-2.0 */
/* user.h - who an image's program runs as, looked up in the image's own files
 *
 * image-spec config.md "User"; where the specification and docker, podman and
 * containerd differ (supplementary groups of a numeric user), as those do.
 */
#ifndef SKERRY_IMAGE_USER_H
#define SKERRY_IMAGE_USER_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define IMAGE_USER_GROUPS_MAX 1024

struct image_user {
	uint32_t uid, gid;
	uint32_t groups[IMAGE_USER_GROUPS_MAX]; /* supplementary */
	size_t n_groups;
	char home[PATH_MAX]; /* "/" where passwd knows none */
};

/* text: "", USER or USER:GROUP, names or numbers; the files are /etc/passwd and /etc/group beneath
 * root. */
int image_user_find(int root, const char *text, struct image_user *ret, struct err *err);

/* The number of a group's name, or of a number. */
int image_group_find(int root, const char *text, uint32_t *ret, struct err *err);

#endif
