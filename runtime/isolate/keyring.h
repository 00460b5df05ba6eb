/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.h - a session keyring of the container's own
 *
 * keyctl(2) KEYCTL_JOIN_SESSION_KEYRING; session-keyring(7).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_KEYRING_H
#define SKERRY_RUNTIME_ISOLATE_KEYRING_H

#include "base/err.h"

/* A new session keyring "_ses.ID" that only its possessors may use; an exec gets one of its own,
 * for a keyring that can be joined by name can be joined from another container too.  0; 1 when the
 * kernel has no keyrings or a filter around us forbids them: nothing was joined, worth a warning;
 * -1.  Runs in init, as the container's root.  Before: the ids change.  With SELinux: between the
 * two calls of lsm_apply_keycreate(). */
int keyring_join(const char *id, struct err *err);

#endif
