/* SPDX-License-Identifier: Apache-2.0 */
/* sha256.h - the SHA-256 digest of a short text
 *
 * For names (a socket's, a cache entry's), not for content by the gigabyte.
 */
#ifndef SKERRY_BASE_SHA256_H
#define SKERRY_BASE_SHA256_H

#include <stddef.h>

#define SHA256_HEX 64

/* 64 lower-case hex digits and a NUL into hex. */
void sha256_hex(const void *data, size_t len, char hex[SHA256_HEX + 1]);

#endif
