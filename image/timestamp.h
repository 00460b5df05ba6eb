/* SPDX-License-Identifier: Apache-2.0 */
/* timestamp.h - RFC 3339 as images write it */
#ifndef SKERRY_IMAGE_TIMESTAMP_H
#define SKERRY_IMAGE_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

/* Seconds since 1970; 0 for NULL and what is none. */
int64_t timestamp_parse(const char *text);

/* What `--filter until` takes: an age ("10m", "1h30m"), seconds since 1970, or a date, its time of
 * day and zone left out at will (the local one then).  0, or -1 for what is none. */
int timestamp_until(const char *text, int64_t now, int64_t *ret);

/* "3 hours ago" */
void timestamp_age(int64_t seconds, int64_t now, char *dst, size_t size);

/* Now, in UTC, as an image says when it was made; size >= 36. $SOURCE_DATE_EPOCH counts. */
void timestamp_now(char *dst, size_t size);

#endif
