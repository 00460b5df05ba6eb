/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_fuzz.c - any bytes as a manifest, an index and an image's configuration
 *
 * What must hold: an error has a message; what was accepted can be written and
 * is accepted again, with the same digests; a platform's choice is an entry.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/config.h"
#include "image/manifest.h"
#include "image/reference.h"

static void require(bool good)
{
	if (!good)
		abort();
}

static void try_manifest(const char *text, size_t size, const char *type)
{
	struct arena arena;
	struct manifest m, again;
	struct err err = { 0 };
	struct platform host;
	struct buf out;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	buf_init(&out);
	if (manifest_parse("m", text, size, type, &m, &arena, &err) < 0) {
		require(err.msg[0]);
	} else if (m.kind == MANIFEST_INDEX) {
		platform_host(&host);
		int n = manifest_choose(&m, &host, &err);
		require(n < (int)m.manifests.n && (n >= 0 || err.msg[0]));
	} else {
		manifest_write(&out, &m);
		require(manifest_parse("again", out.s, out.len, NULL, &again, &arena, &err) == 0);
		require(again.layers.n == m.layers.n);
		for (size_t i = 0; i < m.layers.n; i++)
			require(strcmp(again.layers.v[i].digest, m.layers.v[i].digest) == 0 &&
				reference_is_digest(m.layers.v[i].digest));
	}
	buf_release(&out);
	arena_release(&arena);
}

static void try_config(const char *text, size_t size)
{
	struct arena arena;
	struct image_config c, again;
	struct err err = { 0 };
	struct buf out;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	buf_init(&out);
	if (config_parse("c", text, size, &c, &arena, &err) < 0) {
		require(err.msg[0]);
	} else {
		config_write(&out, &c);
		require(config_parse("again", out.s, out.len, &again, &arena, &err) == 0);
		require(again.history.n == c.history.n && again.config.env.n == c.config.env.n);
	}
	buf_release(&out);
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	try_manifest(text, size, NULL);
	try_manifest(text, size, MEDIA_OCI_INDEX);
	try_config(text, size);
	return 0;
}
