/* SPDX-License-Identifier: Apache-2.0 */
/* hold.h - a bridge's port that nothing passes until it is let go
 *
 * For an address that is on its way to this host: its interface is complete, has
 * its carrier and its number, so that programs that watch it (routing ones do)
 * see nothing but silence; and nobody hears of it.
 */
#ifndef SKERRY_CNI_HOLD_H
#define SKERRY_CNI_HOLD_H

#include "base/err.h"

struct hold {
	const char *network, *container_id, *ifname;
};

/* Before the port of that name is made. */
int hold_add(const struct hold *h, const char *port, struct err *err);
/* From here packets pass; none held is success. */
int hold_end(const struct hold *h, struct err *err);

#endif
