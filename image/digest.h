/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - content digests: "sha256:<64 hex>", "sha512:<128 hex>"
 *
 * A struct digest that came out of digest_parse() or a hash is fit to be a
 * file name: it matched the grammar of its algorithm.  All zero is "unset".
 * OCI image-spec descriptor.md "Digests".
 */
#ifndef SKERRY_IMAGE_DIGEST_H
#define SKERRY_IMAGE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DIGEST_TEXT_MAX	  136
#define DIGEST_SHA256_HEX 64
#define DIGEST_SHA512_HEX 128

struct digest {
	char text[DIGEST_TEXT_MAX]; /* with the algorithm's prefix; "" is unset */
};

enum digest_algorithm { DIGEST_SHA256, DIGEST_SHA512 };

/* Text to digest; anything but the two algorithms in lower case hex is an error. */
int digest_parse(const char *text, struct digest *ret, struct err *err);
bool digest_is_set(const struct digest *d);
bool digest_is_equal(const struct digest *a, const struct digest *b);
/* What follows the colon; "" when unset. */
const char *digest_hex(const struct digest *d);
/* "sha256" or "sha512": the folder below blobs/; "" when unset. */
const char *digest_folder(const struct digest *d);
enum digest_algorithm digest_algorithm(const struct digest *d);

/* A running hash.  Plain memory: a copy of it goes on from the same place. */
struct hash {
	enum digest_algorithm algorithm;
	uint64_t state[27]; /* as much as the library's own context */
};

void hash_init(struct hash *h, enum digest_algorithm algorithm);
void hash_update(struct hash *h, const void *data, size_t size);
/* The digest of everything given so far; h has to be made ready again after it. */
void hash_final(struct hash *h, struct digest *ret);

/* The SHA-256 digest of one piece of memory. */
void digest_of(const void *data, size_t size, struct digest *ret);
/* The digest, by that algorithm, of a file's bytes from offset, at most size of them
 * (UINT64_MAX: to its end). */
int digest_of_file(int fd, uint64_t offset, uint64_t size, enum digest_algorithm algorithm,
		   struct digest *ret, struct err *err);

#endif
