/* SPDX-License-Identifier: Apache-2.0 */
/* fit.h - a container's interface is no larger than its network's way to other hosts
 *
 * A bridge drops without a word what doesn't fit through the port it has to
 * leave by, so what a port outside can't carry must not be sent.
 */
#ifndef SKERRY_CNI_FIT_H
#define SKERRY_CNI_FIT_H

#include <stdint.h>

#include "base/err.h"
#include "cni/skel.h"

/* Makes both ends of the container's pair at most `mtu`, in call->result too. */
int fit_mtu(struct cni_call *call, uint32_t mtu, struct err *err);

#endif
