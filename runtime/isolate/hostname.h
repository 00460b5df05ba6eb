/* SPDX-License-Identifier: Apache-2.0 */
/* hostname.h - names in the UTS namespace
 *
 * runtime-spec config.md "Hostname", "Domainname"; uts_namespaces(7).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_HOSTNAME_H
#define SKERRY_RUNTIME_ISOLATE_HOSTNAME_H

#include "base/err.h"

/* Each may be NULL: left as it is.  Runs in init, in its own UTS namespace (the plan makes sure of
 * that).  Needs CAP_SYS_ADMIN there. */
int hostname_apply(const char *hostname, const char *domainname, struct err *err);

#endif
