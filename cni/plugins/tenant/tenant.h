/* SPDX-License-Identifier: Apache-2.0 */
/* tenant.h - what both kinds of isolation share: other plugins of ours at work for this one */
#ifndef SKERRY_CNI_PLUGINS_TENANT_TENANT_H
#define SKERRY_CNI_PLUGINS_TENANT_TENANT_H

#include "base/buf.h"
#include "cni/ip.h"
#include "cni/skel.h"

struct delegate {
	const char *type, *patch; /* of the configuration */
	enum cni_verb verb;
	bool inside; /* in the router's namespace */
};
/* The plugin with the patched configuration, in the namespace `netns` where `inside`. */
int tenant_delegate(struct cni_call *call, int netns, const struct delegate *d, struct buf *out,
		    struct err *err);

/* isolation "policy": policy.c */
int policy_add(struct cni_call *call, const struct ip_net *transit, struct err *err);
int policy_del(struct cni_call *call, const struct ip_net *transit, struct err *err);
int policy_check(struct cni_call *call, const struct ip_net *transit, struct err *err);
int policy_gc(struct cni_call *call, const struct ip_net *transit, struct err *err);

#endif
