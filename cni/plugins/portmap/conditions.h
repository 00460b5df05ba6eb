/* SPDX-License-Identifier: Apache-2.0 */
/* conditions.h - conditionsV4 and conditionsV6 of portmap as one nftables match
 *
 * The reference plugin hands these words to iptables or to nft, whichever its
 * back end is.  Words of either kind are taken, as far as a rule of nft_rule.h
 * can say the same; anything else is an error, never left out.
 */
#ifndef SKERRY_CNI_PLUGINS_PORTMAP_CONDITIONS_H
#define SKERRY_CNI_PLUGINS_PORTMAP_CONDITIONS_H

#include "base/err.h"
#include "base/json.h"

#define CONDITIONS_MAX 512

/* Words into the text of a match for this address family, "" for none; it has been parsed once. */
int conditions_format(const struct strings *words, int af, char dst[CONDITIONS_MAX],
		      struct err *err);

#endif
