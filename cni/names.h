/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - random names, hardware addresses and numbers for new interfaces
 *
 * From getrandom(2): 32 bits in a name and 30 in an index, so that a collision
 * is an accident to be repeated, not a plan.
 */
#ifndef SKERRY_CNI_NAMES_H
#define SKERRY_CNI_NAMES_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include "cni/ip.h"

/* prefix + 8 hex digits, cut to IFNAMSIZ - 1. */
void names_interface(const char *prefix, char dst[IFNAMSIZ]);
/* Locally administered, unicast. */
struct mac names_mac(void);
/* An interface index far from those the kernel hands out. */
int names_index(void);
/* The same text for the same parts, at most `size` - 1 hex digits: names that a later DEL finds
 * again (an ifb device, a table).  FNV-1a of 64 bits: not for secrets. */
void names_hash(char *dst, size_t size, const char *const *parts, size_t n);

#endif
