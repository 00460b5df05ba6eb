/* SPDX-License-Identifier: Apache-2.0 */
/* platform.h - operating system, architecture and variant of an image
 *
 * Names are normalised (x86_64 is amd64, aarch64 is arm64, armhf is arm/v7).
 * A host takes images of its own variant and of the lower ones; the rank says
 * how well one fits.
 */
#ifndef SKERRY_IMAGE_PLATFORM_H
#define SKERRY_IMAGE_PLATFORM_H

#include <stddef.h>

#include "base/err.h"

#define PLATFORM_WORD_MAX 32

struct platform {
	char os[PLATFORM_WORD_MAX];
	char architecture[PLATFORM_WORD_MAX];
	char variant[PLATFORM_WORD_MAX]; /* "" where it has none */
};

/* This machine. */
void platform_host(struct platform *ret);

/* "linux/arm64/v8", "arm64", "linux/amd64"; what is left out is the host's operating system
 * and the architecture's usual variant. */
int platform_parse(const char *text, struct platform *ret, struct err *err);

/* Fills from the three words of a document (NULL is "") and normalises. */
void platform_set(struct platform *p, const char *os, const char *architecture,
		  const char *variant);

/* "linux/arm64/v8" */
void platform_format(const struct platform *p, char *dst, size_t size);

/* How well an image for `offered` runs where `wanted` is wanted: 0 is exact, larger is worse,
 * -1 not at all. */
int platform_rank(const struct platform *wanted, const struct platform *offered);

#endif
