/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h - bytes as text, RFC 4648 section 4 with padding */
#ifndef SKERRY_BASE_BASE64_H
#define SKERRY_BASE_BASE64_H

#include <stddef.h>

#include "base/buf.h"

void base64_encode(const void *data, size_t size, struct buf *out);
/* The whole text must be it, padding included: 0, or -1 with errno EINVAL. */
int base64_decode(const char *text, size_t len, struct buf *out);

#endif
