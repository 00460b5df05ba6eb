/* SPDX-License-Identifier: Apache-2.0 */
/* bus_fuzz.c - what comes over D-Bus
 *
 * A message of any bytes, of the length it says it has, is read without a step
 * beyond its end; a call of ours, taken for a message, is one.
 */
#include <stdlib.h>
#include <string.h>

#include "cni/plugins/firewall/bus.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void fuzz_call(const unsigned char *data, size_t size)
{
	char text[BUS_TEXT_MAX];
	struct bus_message m;
	struct bus_call call = { "a.b", "/c", "d.e", "f", { text, NULL } };
	AUTO_BUF out;

	if (size >= sizeof(text))
		size = sizeof(text) - 1;
	memcpy(text, data, size);
	text[size] = '\0';
	buf_init(&out);
	bus_format(&out, &call, 7);
	if (buf_failed(&out) || bus_length((const uint8_t *)out.s) != (ssize_t)out.len ||
	    bus_parse((const uint8_t *)out.s, out.len, &m) < 0 || strcmp(m.text, text) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct bus_message m;
	unsigned char *exact = malloc(size + 1);

	if (!exact)
		return 0;
	memcpy(exact, data, size);
	if (bus_parse(exact, size, &m) == 0 &&
	    (strlen(m.text) >= sizeof(m.text) || m.kind > BUS_ERROR))
		abort();
	free(exact);
	fuzz_call(data, size);
	return 0;
}
