/* SPDX-License-Identifier: Apache-2.0 */
/* lsm.h - AppArmor profile and SELinux label of the process
 *
 * runtime-spec config.md "apparmorProfile", "selinuxLabel"; proc(5)
 * /proc/PID/attr; the kernel's admin-guide/LSM.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_LSM_H
#define SKERRY_RUNTIME_ISOLATE_LSM_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/spec/spec.h"

struct lsm {
	const char *apparmor; /* profile, or NULL */
	const char *selinux; /* label, or NULL */
};

/* Borrows from p; either text given may be "" for none.  Pure. */
int lsm_make(const struct spec_process *p, struct lsm *ret, struct err *err);

bool lsm_has_apparmor(void);
bool lsm_has_selinux(void);

/* Asked for but not on this host, or the mount label without SELinux: an error with its field.
 * Runs in the parent. */
int lsm_check_host(const struct lsm *l, const char *mount_label, struct err *err);

/* What the next execve(2) changes to.  procfd: root of a procfs that was checked to be one and that
 * shows this process.  Runs in init, last of all writes to proc; needs the procfd of before the
 * root changed or a private one. */
int lsm_apply_exec(const struct lsm *l, int procfd, struct err *err);

/* Label of keys made from now on: on before keyring_join(), off after.  Only SELinux. */
int lsm_apply_keycreate(const struct lsm *l, int procfd, bool on, struct err *err);

#endif
