/* SPDX-License-Identifier: Apache-2.0 */
/* filter_cache.c - compiled seccomp programs in files
 *
 * A file holds a header, the whole key and the program.  The key is compared
 * byte for byte, so nothing rests on the hash that names the file: two keys
 * that share a name only take turns.  It is believed only if it is a regular
 * file of ours that nobody else may write, of exactly the size its header
 * says, with the right sum over key and program (after a power cut a renamed
 * file can hold zeroes).  It is put in place by rename.
 */
#include "runtime/isolate/filter_cache.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"

#define CACHE_MAGIC   0x3170626366656b73ULL /* "skefcbp1" */
#define CACHE_KEY_MAX ((size_t)8 << 20)

struct cache_header {
	uint64_t magic;
	uint64_t key_len, n;
	uint64_t sum; /* over key and program */
};

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 29);
}

static uint64_t hash(uint64_t seed, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = mix(seed, len), word;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = mix(h, word);
	}
	word = 0;
	memcpy(&word, p, len);
	return mix(mix(h, word), seed);
}

static int cache_name(const void *key, size_t key_len, char *name, size_t size)
{
	return str_format(name, size, "seccomp-%016llx%016llx",
			  (unsigned long long)hash(0x736b65727279ULL, key, key_len),
			  (unsigned long long)hash(0x66696c746572ULL, key, key_len));
}

static uint64_t cache_sum(const void *key, size_t key_len, const void *insn, size_t size)
{
	return hash(hash(0, key, key_len), insn, size);
}

bool filter_cache_find(int dir, const void *key, size_t key_len, struct arena *arena,
		       struct sock_filter **ret, size_t *ret_n)
{
	struct cache_header h;
	struct stat st;
	char name[64];
	char *data;
	size_t size;
	AUTO_FD fd = -1;

	if (cache_name(key, key_len, name, sizeof(name)) < 0)
		return false;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return false;
	if (st.st_size < (off_t)sizeof(h) ||
	    st.st_size > (off_t)(sizeof(h) + CACHE_KEY_MAX + BPF_MAXINSNS * sizeof(**ret)))
		return false;
	size = (size_t)st.st_size;
	data = arena_alloc(arena, size);
	if (data == NULL || fd_read_full(fd, data, size) != (ssize_t)size)
		return false;
	memcpy(&h, data, sizeof(h));
	if (h.magic != CACHE_MAGIC || h.key_len != key_len || h.n == 0 || h.n > BPF_MAXINSNS ||
	    size != sizeof(h) + key_len + h.n * sizeof(**ret) ||
	    memcmp(data + sizeof(h), key, key_len) != 0 ||
	    h.sum != cache_sum(key, key_len, data + sizeof(h) + key_len, h.n * sizeof(**ret)))
		return false;
	*ret = arena_array(arena, h.n, sizeof(**ret));
	if (*ret == NULL)
		return false;
	memcpy(*ret, data + sizeof(h) + key_len, h.n * sizeof(**ret));
	*ret_n = h.n;
	return true;
}

void filter_cache_add(int dir, const void *key, size_t key_len, const struct sock_filter *insn,
		      size_t n)
{
	struct cache_header h = { .magic = CACHE_MAGIC, .key_len = key_len, .n = n };
	char name[64];
	AUTO_BUF data;

	buf_init(&data);
	h.sum = cache_sum(key, key_len, insn, n * sizeof(*insn));
	buf_add(&data, &h, sizeof(h));
	buf_add(&data, key, key_len);
	buf_add(&data, insn, n * sizeof(*insn));
	if (buf_failed(&data) || key_len > CACHE_KEY_MAX ||
	    cache_name(key, key_len, name, sizeof(name)) < 0)
		return;
	(void)file_replace(dir, name, data.s, data.len, 0600);
}
