/* SPDX-License-Identifier: Apache-2.0 */
/* inject.h - a system call made by another process
 *
 * Some things a process can only do for itself.  It is stopped for well under a
 * millisecond, calls, and goes on as if nothing had been; its memory isn't
 * touched.  The death of the caller lets it go (ptrace(2)), which is safe except
 * between two instructions of inject_call(): who may be killed at any moment
 * leaves that to a child that isn't (inject_userfaultfd() does).
 */
#ifndef SKERRY_MIGRATE_INJECT_H
#define SKERRY_MIGRATE_INJECT_H

#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef UFFD_USER_MODE_ONLY /* linux/userfaultfd.h of Linux 5.11 */
# define UFFD_USER_MODE_ONLY 1
#endif

/* A userfaultfd(2) of process pid's memory, for faults of its own alone, or -1 with errno: EBUSY
 * when somebody else traces it or it is stopped, EINTR when a signal came between, EOPNOTSUPP
 * where there is no way to (another processor, a process of another word size). */
int inject_userfaultfd(pid_t pid);

#endif
