/* SPDX-License-Identifier: Apache-2.0 */
/* reference_fuzz.c - any text as the name of an image
 *
 * What must hold: a name that was accepted is accepted as it is written, and
 * means the same; nothing in it can lead out of a folder or into another
 * header.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "image/platform.h"
#include "image/reference.h"

static void require(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reference a, b;
	struct platform p;
	struct err err = { 0 };
	char name[REFERENCE_TEXT_MAX];
	char *text = malloc(size + 1);
	require(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = 0;
	if (reference_parse(text, &a, &err) < 0) {
		require(err.msg[0]);
	} else {
		reference_format(&a, name, sizeof(name));
		require(reference_parse(name, &b, &err) == 0);
		require(strcmp(a.domain, b.domain) == 0 && strcmp(a.path, b.path) == 0 &&
			strcmp(a.tag, b.tag) == 0 && strcmp(a.digest, b.digest) == 0);
		require(!strstr(a.path, "..") && !strstr(a.domain, "..") &&
			!strpbrk(name, " \r\n\t\"\\?#%"));
		require(a.tag[0] || a.digest[0]);
		reference_format_short(&a, name, sizeof(name));
		require(reference_parse(name, &b, &err) == 0 && strcmp(a.path, b.path) == 0);
	}
	if (platform_parse(text, &p, &err) == 0)
		require(platform_rank(&p, &p) == 0);
	free(text);
	return 0;
}
