/* SPDX-License-Identifier: Apache-2.0 */
/* dummy.c - plugin dummy: an interface in the container that leads nowhere */
#include "cni/child.h"
#include "cni/ipam.h"
#include "cni/plugins/registry.h"

static const struct child dummy = { .kind = "dummy", .need_ipam = true };

static int dummy_add(struct cni_call *call, struct err *err)
{
	return child_add(call, &dummy, err);
}

static int dummy_check(struct cni_call *call, struct err *err)
{
	return child_check(call, &dummy, err);
}

const struct cni_plugin cni_plugin_dummy = {
	.type = "dummy",
	.about = "an interface that leads nowhere",
	.add = dummy_add,
	.del = child_del,
	.check = dummy_check,
	.gc = ipam_gc,
	.status = ipam_status,
};
