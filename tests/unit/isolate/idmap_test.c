/* SPDX-License-Identifier: Apache-2.0 */
/* idmap_test.c - id mappings */
#include "runtime/isolate/idmap.h"

#include "tests/unit/test.h"

static int text(struct spec_id_map *v, size_t n, struct arena *arena, const char **ret)
{
	struct spec_id_maps maps = { v, n };

	arena_init(arena, ARENA_MAX_DEFAULT);
	return idmap_text(&maps, "/linux/uidMappings", arena, ret, NULL);
}

TEST(lists_become_the_kernels_text)
{
	struct spec_id_map v[] = { { 0, 100000, 65536 }, { 65536, 1000, 1 } };
	struct arena arena;
	const char *t;

	CHECK_INT(text(v, 2, &arena, &t), 0);
	CHECK_STR(t, "0 100000 65536\n65536 1000 1\n");
	arena_release(&arena);
}

TEST(what_the_kernel_refuses_is_refused_before)
{
	static const struct {
		struct spec_id_map v[2];
		size_t n;
		int result;
	} cases[] = {
		{ { { 0, 0, 0 } }, 1, -1 },
		{ { { 0, 0, 4294967295 } }, 1, 0 },
		{ { { 1, 0, 4294967295 } }, 1, -1 },
		{ { { 0, 1, 4294967295 } }, 1, -1 },
		{ { { 4294967294, 0, 1 } }, 1, 0 },
		{ { { 4294967295, 0, 1 } }, 1, -1 },
		{ { { 0, 0, 10 }, { 9, 100, 1 } }, 2, -1 },
		{ { { 0, 0, 10 }, { 10, 9, 1 } }, 2, -1 },
		{ { { 0, 0, 10 }, { 10, 10, 1 } }, 2, 0 },
		{ { { 10, 10, 1 }, { 0, 0, 10 } }, 2, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct spec_id_map v[2] = { cases[i].v[0], cases[i].v[1] };
		struct arena arena;
		const char *t;

		CHECK_INT(text(v, cases[i].n, &arena, &t), cases[i].result);
		arena_release(&arena);
	}
}

TEST(more_lines_than_the_kernel_takes_are_refused)
{
	struct spec_id_map v[IDMAP_LINES_MAX + 1];
	struct arena arena;
	const char *t;

	for (uint32_t i = 0; i <= IDMAP_LINES_MAX; i++)
		v[i] = (struct spec_id_map){ i * 2, i * 2, 1 };
	CHECK_INT(text(v, IDMAP_LINES_MAX, &arena, &t), 0);
	arena_release(&arena);
	CHECK_INT(text(v, IDMAP_LINES_MAX + 1, &arena, &t), -1);
	arena_release(&arena);
}

TEST(ids_are_found_outside)
{
	struct spec_id_map v[] = { { 0, 1000, 1 }, { 1, 100000, 65535 } };
	struct spec_id_maps maps = { v, 2 };
	uint32_t id = 7;

	CHECK_INT(idmap_to_host(&maps, 0, &id), 0);
	CHECK_INT(id, 1000);
	CHECK_INT(idmap_to_host(&maps, 65535, &id), 0);
	CHECK_INT(id, 165534);
	CHECK_INT(idmap_to_host(&maps, 65536, &id), -1);
	CHECK_INT(id, 165534);
	CHECK_INT(idmap_to_host(NULL, 0, &id), -1);
}

static int make(struct spec_id_map *u, size_t nu, struct spec_id_map *g, size_t ng,
		const struct idmap_caller *caller, struct idmap *m)
{
	static struct arena arena;
	struct spec_linux linux_ = { .uidMappings = { u, nu }, .gidMappings = { g, ng } };
	struct spec spec = { .linux_ = &linux_ };
	int result;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	result = idmap_make(&spec, caller, &arena, m, NULL);
	/* the texts are not looked at by these tests */
	arena_release(&arena);
	return result;
}

TEST(who_needs_help_to_write_maps)
{
	struct idmap_caller root = { 0, 0, true }, user = { 1000, 1001, false };
	struct spec_id_map own_uid[] = { { 0, 1000, 1 } }, own_gid[] = { { 0, 1001, 1 } };
	struct spec_id_map many[] = { { 0, 1000, 1 }, { 1, 100000, 65536 } };
	struct idmap m;

	CHECK_INT(make(many, 2, many, 2, &root, &m), 0);
	CHECK(!m.helpers && !m.deny_setgroups);
	CHECK_INT(m.root_uid, 1000);
	CHECK_INT(make(own_uid, 1, own_gid, 1, &user, &m), 0);
	CHECK(!m.helpers && m.deny_setgroups);
	CHECK_INT(make(many, 2, many, 2, &user, &m), 0);
	CHECK(m.helpers && !m.deny_setgroups);
	CHECK_INT(make(many, 2, own_gid, 1, &user, &m), 0);
	CHECK(m.helpers && m.deny_setgroups);
}

TEST(one_list_alone_is_an_error_and_none_is_no_map)
{
	struct idmap_caller root = { 0, 0, true };
	struct spec_id_map v[] = { { 1, 100000, 1 } };
	struct idmap m;

	CHECK_INT(make(v, 1, NULL, 0, &root, &m), -1);
	CHECK_INT(make(NULL, 0, v, 1, &root, &m), -1);
	CHECK_INT(make(NULL, 0, NULL, 0, &root, &m), 0);
	CHECK(m.uid_text == NULL);
	CHECK_INT(idmap_write(&m, 1, NULL), 0);
	CHECK_INT(make(v, 1, v, 1, &root, &m), 0);
	CHECK_INT(m.root_uid, UINT32_MAX);
}

TEST(a_caller_without_maps_is_root_inside)
{
	struct idmap_caller user = { 4000000001, 4000000002, false };
	struct arena arena;
	struct idmap m;
	uint32_t id;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_INT(idmap_make_own(&user, &arena, &m, NULL), 0);
	/* nobody gave this user subordinate ids */
	CHECK_STR(m.uid_text, "0 4000000001 1\n");
	CHECK_STR(m.gid_text, "0 4000000002 1\n");
	CHECK(m.deny_setgroups && !m.helpers);
	CHECK_INT(idmap_to_host(m.uids, 0, &id), 0);
	CHECK_INT(id, 4000000001);
	arena_release(&arena);
}
