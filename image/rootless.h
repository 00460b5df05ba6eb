/* SPDX-License-Identifier: Apache-2.0 */
/* rootless.h - an ordinary user's store: a user namespace with the user's subordinate ids
 *
 * In one (proc_is_mapped()) overlay's marks are user.* xattrs, EROFS can't be mounted and devices
 * can't be made.
 */
#ifndef SKERRY_IMAGE_ROOTLESS_H
#define SKERRY_IMAGE_ROOTLESS_H

#include "base/err.h"

/* Takes the calling process, which must have one thread, into user and mount namespaces of its
 * own, as their root: the user's own id is 0, the subordinate ids of /etc/subuid and /etc/subgid
 * follow from 1.  Does nothing for root and for who is in one already. */
int rootless_enter(struct err *err);

#endif
