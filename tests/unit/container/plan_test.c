/* SPDX-License-Identifier: Apache-2.0 */
/* plan_test.c - what is decided before anything is done */
#include <errno.h>
#include <sched.h>

#include "base/buf.h"
#include "runtime/container/plan.h"
#include "runtime/spec/spec.h"
#include "tests/unit/test.h"

static struct arena arena;
static struct err err;
static struct plan plan;

/* A plan for a config.json with more members at the top and in `linux`. */
static int decide(const char *top, const char *members)
{
	static const struct plan_options options = { .id = "c1",
						     .bundle = "/bundle",
						     .bundle_fd = -1,
						     .cgroup_mount = "/sys/fs/cgroup",
						     .cgroup_path = "c1",
						     .cache = -1 };
	struct spec *spec;
	AUTO_BUF b;

	buf_init(&b);
	buf_printf(&b,
		   "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},"
		   "\"process\":{\"cwd\":\"/\",\"args\":[\"x\"]}%s,"
		   "\"linux\":{%s}}",
		   top, members);
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	err_clear(&err);
	if (spec_parse("test", b.s, b.len, &arena, &spec, &err) < 0)
		return -1;
	return plan_make(spec, &options, &arena, &plan, &err);
}

TEST(new_namespaces_are_made_by_one_clone)
{
	REQUIRE(decide("", "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},"
			   "{\"type\":\"uts\"},{\"type\":\"network\"}]") == 0);
	CHECK(plan.clone_flags & CLONE_NEWPID);
	CHECK(plan.clone_flags & CLONE_NEWNET);
	CHECK(!(plan.clone_flags & CLONE_NEWIPC));
	CHECK(!plan.stage);
	CHECK(plan.has_root);
	CHECK(plan.own[NS_UTS] && !plan.own[NS_IPC]);
}

TEST(a_namespace_given_by_path_is_joined_not_made)
{
	REQUIRE(decide("", "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},"
			   "{\"type\":\"network\",\"path\":\"/run/netns/a\"}]") == 0);
	CHECK_STR(plan.join[NS_NETWORK], "/run/netns/a");
	CHECK(!plan.is_new[NS_NETWORK]);
	CHECK(plan.own[NS_NETWORK]);
	CHECK(!(plan.clone_flags & CLONE_NEWNET));
}

TEST(init_waits_only_where_the_runtime_has_something_to_do_first)
{
	REQUIRE(decide("", "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"}]") == 0);
	CHECK(!plan.gate);
	CHECK(!plan.hooks);
	REQUIRE(decide("", "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"user\"}],"
			   "\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":10}],"
			   "\"gidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":10}]") == 0);
	CHECK(plan.gate);
	CHECK(plan.is_new[NS_USER]);
	REQUIRE(decide(",\"hooks\":{\"createRuntime\":[{\"path\":\"/bin/true\"}]}",
		       "\"namespaces\":[{\"type\":\"mount\"}]") == 0);
	CHECK(plan.hooks);
	REQUIRE(decide(",\"hooks\":{\"poststop\":[{\"path\":\"/bin/true\"}]}",
		       "\"namespaces\":[{\"type\":\"mount\"}]") == 0);
	CHECK(!plan.hooks);
}

TEST(a_time_namespace_with_offsets_is_not_made_by_the_clone)
{
	REQUIRE(decide("", "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"time\"}]") == 0);
	CHECK(plan.clone_flags & ns_names[NS_TIME].flag);
	REQUIRE(decide("", "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"time\"}],"
			   "\"timeOffsets\":{\"boottime\":{\"secs\":100}}") == 0);
	CHECK(!(plan.clone_flags & ns_names[NS_TIME].flag));
	CHECK(plan.is_new[NS_TIME]);
}

TEST(a_sysctl_of_the_hosts_namespace_is_refused)
{
	CHECK_INT(decide("", "\"namespaces\":[{\"type\":\"mount\"}],"
			     "\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}"),
		  -1);
	CHECK(strstr(err.field, "/linux/sysctl"));
	CHECK_INT(decide("", "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"network\"}],"
			     "\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}"),
		  0);
}

TEST(the_root_file_system_is_below_the_bundle_unless_absolute)
{
	struct spec *spec;
	static const char relative[] = "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"a/b\"}}";
	static const char absolute[] = "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"/r\"}}";

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(spec_parse("t", relative, strlen(relative), &arena, &spec, &err) == 0);
	CHECK_STR(plan_rootfs(spec, "/bundle", &arena), "/bundle/a/b");
	REQUIRE(spec_parse("t", absolute, strlen(absolute), &arena, &spec, &err) == 0);
	CHECK_STR(plan_rootfs(spec, "/bundle", &arena), "/r");
}

TEST(the_plan_as_json_tells_of_each_namespace)
{
	struct cgroup_place place = { .path = "c1" };
	struct json_out o;
	AUTO_BUF b;

	REQUIRE(decide("", "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},"
			   "{\"type\":\"network\",\"path\":\"/run/netns/a\"}]") == 0);
	buf_init(&b);
	json_out_init(&o, &b, 0);
	plan_write(&plan, &place, &o);
	REQUIRE(!buf_failed(&b));
	CHECK(strstr(b.s, "\"pid\":\"new\""));
	CHECK(strstr(b.s, "\"network\":\"/run/netns/a\""));
	CHECK(strstr(b.s, "\"uts\":\"host's\""));
	CHECK(strstr(b.s, "\"clones\":"));
}
