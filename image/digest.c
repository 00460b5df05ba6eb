/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - content digests: their grammar and the hashes behind them
 *
 * The hashes are libcrypto's lowest calls, linked from its archive: they pick
 * SHA-NI, AVX2 or the ARMv8 instructions at run time and bring 30 kB along,
 * where EVP brings the whole provider machinery and its start-up.  They are
 * "deprecated" for callers who want providers; their results aren't.
 *
 * OCI image-spec descriptor.md "Digests", "Registered algorithms"; FIPS 180-4.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "image/digest.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

#define READ_CHUNK ((size_t)256 << 10)

static const struct {
	const char *name;
	size_t hex; /* digits of a digest */
} algorithms[] = {
	[DIGEST_SHA256] = { "sha256", DIGEST_SHA256_HEX },
	[DIGEST_SHA512] = { "sha512", DIGEST_SHA512_HEX },
};

_Static_assert(sizeof(SHA256_CTX) <= sizeof(((struct hash *)NULL)->state), "hash state");
_Static_assert(sizeof(SHA512_CTX) <= sizeof(((struct hash *)NULL)->state), "hash state");

int digest_parse(const char *text, struct digest *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		size_t name = strlen(algorithms[i].name);
		const char *hex;

		if (strncmp(text, algorithms[i].name, name) != 0 || text[name] != ':')
			continue;
		hex = text + name + 1;
		if (strlen(hex) != algorithms[i].hex ||
		    hex[strspn(hex, "0123456789abcdef")] != '\0')
			return err_set(err, EINVAL, "digest \"%.160s\": expected %zu hex digits",
				       text, algorithms[i].hex);
		*ret = (struct digest){ 0 };
		memcpy(ret->text, text, name + 1 + algorithms[i].hex);
		return 0;
	}
	return err_set(err, EINVAL, "digest \"%.160s\": neither sha256 nor sha512", text);
}

bool digest_is_set(const struct digest *d)
{
	return d->text[0] != '\0';
}

bool digest_is_equal(const struct digest *a, const struct digest *b)
{
	return strcmp(a->text, b->text) == 0;
}

const char *digest_hex(const struct digest *d)
{
	const char *colon = strchr(d->text, ':');

	return colon ? colon + 1 : "";
}

enum digest_algorithm digest_algorithm(const struct digest *d)
{
	return str_starts(d->text, "sha512:") ? DIGEST_SHA512 : DIGEST_SHA256;
}

const char *digest_folder(const struct digest *d)
{
	return digest_is_set(d) ? algorithms[digest_algorithm(d)].name : "";
}

void hash_init(struct hash *h, enum digest_algorithm algorithm)
{
	*h = (struct hash){ .algorithm = algorithm };
	/* these three can't fail on memory of the right size */
	switch (algorithm) {
	case DIGEST_SHA256:
		(void)SHA256_Init((SHA256_CTX *)(void *)h->state);
		break;
	case DIGEST_SHA512:
		(void)SHA512_Init((SHA512_CTX *)(void *)h->state);
		break;
	}
}

void hash_update(struct hash *h, const void *data, size_t size)
{
	switch (h->algorithm) {
	case DIGEST_SHA256:
		(void)SHA256_Update((SHA256_CTX *)(void *)h->state, data, size);
		break;
	case DIGEST_SHA512:
		(void)SHA512_Update((SHA512_CTX *)(void *)h->state, data, size);
		break;
	}
}

void hash_final(struct hash *h, struct digest *ret)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[SHA512_DIGEST_LENGTH] = { 0 };
	const char *name = algorithms[h->algorithm].name;
	size_t at = strlen(name);

	switch (h->algorithm) {
	case DIGEST_SHA256:
		(void)SHA256_Final(sum, (SHA256_CTX *)(void *)h->state);
		break;
	case DIGEST_SHA512:
		(void)SHA512_Final(sum, (SHA512_CTX *)(void *)h->state);
		break;
	}
	*ret = (struct digest){ 0 };
	memcpy(ret->text, name, at);
	ret->text[at++] = ':';
	for (size_t i = 0; i < algorithms[h->algorithm].hex / 2; i++) {
		ret->text[at++] = digits[sum[i] >> 4];
		ret->text[at++] = digits[sum[i] & 15];
	}
}

void digest_of(const void *data, size_t size, struct digest *ret)
{
	struct hash h;

	hash_init(&h, DIGEST_SHA256);
	hash_update(&h, data, size);
	hash_final(&h, ret);
}

static int hash_range(struct hash *h, int fd, uint64_t offset, uint64_t size, unsigned char *chunk)
{
	while (size > 0) {
		size_t want = size < READ_CHUNK ? (size_t)size : READ_CHUNK;
		ssize_t n = pread(fd, chunk, want, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		hash_update(h, chunk, (size_t)n);
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

int digest_of_file(int fd, uint64_t offset, uint64_t size, enum digest_algorithm algorithm,
		   struct digest *ret, struct err *err)
{
	unsigned char *chunk = malloc(READ_CHUNK);
	struct hash h;
	int done = -1;

	hash_init(&h, algorithm);
	if (chunk)
		done = hash_range(&h, fd, offset, size, chunk);
	if (done < 0)
		(void)err_sys(err, "read to hash");
	free(chunk);
	hash_final(&h, ret);
	return done;
}
