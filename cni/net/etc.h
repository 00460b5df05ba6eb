/* SPDX-License-Identifier: Apache-2.0 */
/* etc.h - the files of a container that tell of its network
 *
 * hosts, resolv.conf and hostname in the state directory; the runtime has them
 * mounted over those of the root file system, so they are written in place.
 * hosts(5), resolv.conf(5), hostname(5).
 */
#ifndef SKERRY_CNI_NET_ETC_H
#define SKERRY_CNI_NET_ETC_H

#include "cni/net/request.h"
#include "cni/result.h"

struct etc {
	const struct request *request;
	const struct result *results; /* of the request's networks, in order */
	size_t n;
	const char *resolver; /* address of the network's own resolver; NULL: none */
	bool of_host; /* no network of its own: the host's servers as they are */
};

/* Pure: the texts. */
void etc_hosts(const struct etc *e, struct buf *out);
/* host: the host's own resolv.conf. */
void etc_resolv(const struct etc *e, const char *host, struct buf *out);

/* Writes those of the files that are in the folder. */
int etc_write(const struct etc *e, int dir, struct err *err);

#endif
