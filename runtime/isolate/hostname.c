/* SPDX-License-Identifier: Apache-2.0 */
/* hostname.c - names in the UTS namespace
 *
 * runtime-spec config.md "Hostname", "Domainname"; sethostname(2).
 */
#include "runtime/isolate/hostname.h"

#include <string.h>
#include <unistd.h>

int hostname_apply(const char *hostname, const char *domainname, struct err *err)
{
	if (hostname != NULL && sethostname(hostname, strlen(hostname)) < 0)
		return err_sys(err, "set hostname \"%s\"", hostname);
	if (domainname != NULL && setdomainname(domainname, strlen(domainname)) < 0)
		return err_sys(err, "set domainname \"%s\"", domainname);
	return 0;
}
