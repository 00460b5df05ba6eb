/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - random names, hardware addresses and numbers for new interfaces */
#include "cni/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FNV_OFFSET  0xcbf29ce484222325ULL
#define FNV_PRIME   0x100000001b3ULL
#define INDEX_MASK  0x3fffffffU
#define INDEX_FIRST 0x00100000U /* the kernel counts up from 1 */

/* Up to 256 bytes come whole or not at all; a kernel without is older than all
 * we run on (getrandom(2)). */
static void random_bytes(void *dst, size_t size)
{
	if (getrandom(dst, size, 0) != (ssize_t)size)
		abort();
}

void names_interface(const char *prefix, char dst[IFNAMSIZ])
{
	uint32_t v;

	random_bytes(&v, sizeof(v));
	(void)snprintf(dst, IFNAMSIZ, "%.7s%08x", prefix, v);
}

struct mac names_mac(void)
{
	struct mac mac;

	random_bytes(mac.bytes, sizeof(mac.bytes));
	mac.bytes[0] = (uint8_t)((mac.bytes[0] & 0xfe) | 0x02);
	return mac;
}

int names_index(void)
{
	uint32_t v;

	random_bytes(&v, sizeof(v));
	return (int)((v & INDEX_MASK) | INDEX_FIRST);
}

void names_hash(char *dst, size_t size, const char *const *parts, size_t n)
{
	uint64_t hash = FNV_OFFSET;

	for (size_t i = 0; i < n; i++) {
		/* with the NUL, so that the borders of the parts count */
		for (size_t k = 0; k <= strlen(parts[i]); k++)
			hash = (hash ^ (uint8_t)parts[i][k]) * FNV_PRIME;
	}
	(void)snprintf(dst, size, "%016llx", (unsigned long long)hash);
}
