/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.c - a session keyring of the container's own
 *
 * Without it the container would possess the keys of whoever called us.
 * keyctl(2) KEYCTL_JOIN_SESSION_KEYRING, KEYCTL_SETPERM; keyrings(7).
 */
#include "runtime/isolate/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"

#define KEYRING_NAME_MAX  1100 /* "_ses." and an id */
#define KEYRING_POSSESSOR 0x3f000000U /* all rights to who possesses it, none to others */

int keyring_join(const char *id, struct err *err)
{
	char name[KEYRING_NAME_MAX];
	long serial;

	if (str_format(name, sizeof(name), "_ses.%s", id) < 0)
		return err_sys(err, "name of the session keyring");
	serial = syscall(SYS_keyctl, (long)KEYCTL_JOIN_SESSION_KEYRING, name, 0L, 0L, 0L);
	if (serial < 0) {
		if (errno == ENOSYS || errno == EPERM)
			return 1;
		return err_sys(err, "join session keyring \"%s\"", name);
	}
	/* EACCES: an exec as a user who may use but not change the keyring of the container */
	if (syscall(SYS_keyctl, (long)KEYCTL_SETPERM, serial, (long)KEYRING_POSSESSOR, 0L, 0L) <
		    0 &&
	    errno != EACCES)
		return err_sys(err, "close session keyring \"%s\" to others", name);
	return 0;
}
