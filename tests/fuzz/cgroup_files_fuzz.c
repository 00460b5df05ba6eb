/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_files_fuzz.c - the texts that come from cgroup files, annotations and the unit document
 *
 * The first byte chooses the parser.
 */
#include <stdlib.h>
#include <string.h>

#include "cgroups/internal.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void fuzz_limits(struct arena *arena, char *text)
{
	static const char *const files[] = { "io.max", "io.weight", "memory.max", "cpuset.cpus" };
	char *rest = strchr(text, '|');

	if (!rest)
		return;
	*rest++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!limits_old_text(arena, files[i], text, rest))
			abort(); /* there is always a way back */
}

static void fuzz_place(char *text)
{
	struct cgroup_host host = { .root = -1, .own = "/user.slice/x", .rootless = text[0] & 1 };
	struct spec_linux linux_ = { .cgroupsPath = text };
	struct spec spec = { .linux_ = &linux_ };
	struct cgroup_place place;

	for (int m = CGROUP_CGROUPFS; m <= CGROUP_SYSTEMD; m++)
		if (cgroup_place_make(&host, (enum cgroup_manager)m, "id", &spec, &place, NULL) ==
			    0 &&
		    (place.path[0] != '/' || !place.path[1] || strstr(place.path, "/../") ||
		     strstr(place.path, "//")))
			abort(); /* out of the tree, or its top */
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct properties p = { 0 };
	struct systemd_doc *doc = NULL;
	struct arena arena;
	const char *line = NULL;
	char own[64], *text;
	uint64_t v;

	if (size == 0)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	arena_init(&arena, ARENA_MAX_DEFAULT);
	p.arena = &arena;
	switch (data[0] % 6) {
	case 0:
		(void)own_parse(text, own, sizeof(own));
		break;
	case 1:
		(void)group_parse_number(text, &v);
		(void)group_parse_key(text, "oom_kill", &v);
		(void)group_parse_line(text, "8:0", &line);
		(void)group_parse_word(text, "cpu");
		break;
	case 2:
		(void)property_parse("X", text, &p, NULL);
		break;
	case 3:
		(void)systemd_doc_parse(text, strlen(text), &arena, &doc, NULL);
		break;
	case 4:
		fuzz_limits(&arena, text);
		break;
	default:
		fuzz_place(text);
	}
	arena_release(&arena);
	free(text);
	return 0;
}
