/* SPDX-License-Identifier: Apache-2.0 */
/* units.h - numbers and lists from text; the whole string must be the number
 *
 * 0, or -1 with errno EINVAL or ERANGE; nothing stored on failure.
 */
#ifndef SKERRY_BASE_UNITS_H
#define SKERRY_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Decimal digits only (a leading '-' for the signed one). */
int units_u64(const char *text, uint64_t max, uint64_t *ret);
int units_i64(const char *text, int64_t min, int64_t max, int64_t *ret);
/* "512m", "1GiB", "4096", "-1" (stored as -1): bytes, powers of 1024. */
int units_bytes(const char *text, int64_t *ret);
/* Go's duration: "5s", "1m30s", "250ms", "1.5h": nanoseconds. */
int units_duration(const char *text, int64_t *ret_ns);
/* A uid or gid: digits, at most 4294967294. */
int units_id(const char *text, uint32_t *ret);
/* "0-3,7": sets bits, bit n of mask[n / 8]; n < size * 8. */
int units_cpu_list(const char *text, unsigned char *mask, size_t size);
/* RFC 3339 with nanoseconds, UTC ("2026-01-02T03:04:05.000000006Z"); size >= 36. */
void units_time(const struct timespec *t, char *dst, size_t size);

#endif
