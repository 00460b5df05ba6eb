/* SPDX-License-Identifier: Apache-2.0 */
/* default_test.c - the config.json that `skerry spec` writes */
#include "base/buf.h"
#include "runtime/spec/spec.h"
#include "tests/unit/test.h"

static struct arena arena;

static struct spec *written(bool rootless, bool cgroup_v2)
{
	AUTO_BUF b;
	struct spec *s;
	struct err err;

	buf_init(&b);
	spec_write_default(&b, rootless, 1000, 1001, cgroup_v2);
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (buf_failed(&b) || spec_parse("default", b.s, b.len, &arena, &s, &err) < 0 ||
	    spec_validate(s, &err) < 0)
		return NULL;
	return s;
}

static bool has_option(const struct spec *s, const char *option)
{
	for (size_t i = 0; i < s->mounts.n; i++)
		for (size_t j = 0; j < s->mounts.v[i].options.n; j++)
			if (strcmp(s->mounts.v[i].options.v[j], option) == 0)
				return true;
	return false;
}

TEST(the_default_config_is_valid_and_complete)
{
	const struct spec *s = written(false, false);

	REQUIRE(s);
	CHECK_STR(s->ociVersion, SPEC_VERSION);
	CHECK_STR(s->process->args.v[0], "sh");
	CHECK(s->process->terminal && s->process->noNewPrivileges);
	CHECK_INT(s->process->capabilities->bounding.n, 3);
	CHECK_INT(s->process->capabilities->ambient.n, 0);
	CHECK_STR(s->root->path, "rootfs");
	CHECK(s->root->readonly);
	CHECK_INT(s->mounts.n, 7);
	CHECK(has_option(s, "gid=5"));
	CHECK_INT(s->linux_->namespaces.n, 5);
	CHECK_INT(s->linux_->resources->devices.n, 1);
	CHECK(!s->linux_->resources->devices.v[0].allow);
	CHECK_INT(s->linux_->maskedPaths.n, 11);
	CHECK_INT(s->linux_->readonlyPaths.n, 5);
}

TEST(with_cgroup_v2_there_is_a_cgroup_namespace)
{
	const struct spec *s = written(false, true);

	REQUIRE(s);
	CHECK_INT(s->linux_->namespaces.n, 6);
	CHECK_STR(s->linux_->namespaces.v[5].type, "cgroup");
}

TEST(the_rootless_config_maps_the_caller_to_root)
{
	const struct spec *s = written(true, false);

	REQUIRE(s);
	CHECK(!s->linux_->resources);
	CHECK_INT(s->linux_->uidMappings.v[0].hostID, 1000);
	CHECK_INT(s->linux_->gidMappings.v[0].hostID, 1001);
	CHECK_INT(s->linux_->gidMappings.v[0].size, 1);
	CHECK_STR(s->linux_->namespaces.v[s->linux_->namespaces.n - 1].type, "user");
	for (size_t i = 0; i < s->linux_->namespaces.n; i++)
		CHECK(strcmp(s->linux_->namespaces.v[i].type, "network") != 0);
	CHECK(!has_option(s, "gid=5"));
	CHECK(has_option(s, "rbind"));
	CHECK_INT(s->mounts.n, 7);
}

TEST(it_is_indented_by_tabs_without_a_last_newline)
{
	AUTO_BUF b;

	buf_init(&b);
	spec_write_default(&b, false, 0, 0, false);
	CHECK(str_starts(b.s,
			 "{\n\t\"ociVersion\": \"" SPEC_VERSION "\",\n\t\"process\": {\n\t\t"));
	REQUIRE(b.len > 0);
	CHECK_INT(b.s[b.len - 1], '}');
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
}
