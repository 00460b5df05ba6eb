/* SPDX-License-Identifier: Apache-2.0 */
/* firewalld.h - the backend firewalld: a container's addresses are sources of one of its zones */
#ifndef SKERRY_CNI_PLUGINS_FIREWALL_FIREWALLD_H
#define SKERRY_CNI_PLUGINS_FIREWALL_FIREWALLD_H

#include "base/err.h"
#include "cni/skel.h"

#define FIREWALLD_ZONE "trusted" /* where the configuration names none */

/* Do the rules of a running firewalld filter here? 1, 0, -1 with err. */
int firewalld_runs(struct err *err);
int firewalld_add(struct cni_call *call, const char *zone, struct err *err);
/* Without firewalld there is nothing to take back. */
int firewalld_del(struct cni_call *call, const char *zone, struct err *err);
int firewalld_check(struct cni_call *call, const char *zone, struct err *err);
/* STATUS: does it answer? */
int firewalld_status(struct err *err);

#endif
