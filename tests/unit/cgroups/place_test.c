/* SPDX-License-Identifier: Apache-2.0 */
/* place_test.c - where groups will be, by table */
#include "cgroups/internal.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

static const struct cgroup_host root_host = { .root = -1, .own = "/system.slice/x.service" };
static const struct cgroup_host user_host = {
	.root = -1,
	.own = "/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope",
	.rootless = true,
};
static const struct cgroup_host session_host = {
	.root = -1,
	.own = "/user.slice/user-1000.slice/session-3.scope",
	.rootless = true,
};

/* "PATH", with systemd "PATH SCOPE SLICE", or "error". */
static const char *place(const struct cgroup_host *h, enum cgroup_manager m, const char *path)
{
	static char text[8192];
	static char copy[8192];
	struct spec_linux linux_ = { 0 };
	struct spec spec = { .linux_ = &linux_ };
	struct cgroup_place p;

	if (path) {
		CHECK(str_copy(copy, sizeof(copy), path) == 0);
		linux_.cgroupsPath = copy;
	}
	if (cgroup_place_make(h, m, "c+1", &spec, &p, NULL) < 0)
		return "error";
	if (m == CGROUP_SYSTEMD)
		CHECK(str_format(text, sizeof(text), "%s %s %s", p.path, p.scope, p.slice) == 0);
	else
		CHECK(str_copy(text, sizeof(text), p.path) == 0);
	return text;
}

TEST(cgroupfs_places)
{
	const enum cgroup_manager m = CGROUP_CGROUPFS;

	CHECK_STR(place(&root_host, m, NULL), "/c+1");
	CHECK_STR(place(&root_host, m, ""), "/c+1");
	CHECK_STR(place(&root_host, m, "pod/x"), "/pod/x");
	CHECK_STR(place(&root_host, m, "/pod//./x/"), "/pod/x");
	CHECK_STR(place(&root_host, m, "/a..b/..c"), "/a..b/..c");
	CHECK_STR(place(&user_host, m, "/pod/x"), "/pod/x");
	CHECK_STR(place(&user_host, m, NULL),
		  "/user.slice/user-1000.slice/user@1000.service/app.slice/c+1");
	CHECK_STR(place(&session_host, m, "pod/x"), "/user.slice/user-1000.slice/pod/x");
	CHECK_STR(place(&root_host, CGROUP_DISABLED, "/pod/x"), "");
}

TEST(places_that_would_lead_elsewhere_are_refused)
{
	static const char *const bad[] = {
		"/../../../esc", "../esc", "a/../../esc", "..", "/", "/.",
		"/a\nb",	 "/a/..",  "/a\001"
	};
	char longer[4096];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_STR(place(&root_host, CGROUP_CGROUPFS, bad[i]), "error");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_STR(place(&root_host, CGROUP_CGROUPFS, longer), "error");
	CHECK_STR(place(&root_host, CGROUP_SYSTEMD, longer), "error");
	for (size_t i = 0; i < sizeof(longer) - 1; i += 100)
		longer[i] = '/';
	CHECK_STR(place(&root_host, CGROUP_CGROUPFS, longer), "error");
}

TEST(systemd_places)
{
	const enum cgroup_manager m = CGROUP_SYSTEMD;

	CHECK_STR(place(&root_host, m, NULL),
		  "/system.slice/skerry-c\\x2b1.scope skerry-c\\x2b1.scope system.slice");
	CHECK_STR(place(&root_host, m, "machine.slice:libpod:abc"),
		  "/machine.slice/libpod-abc.scope libpod-abc.scope machine.slice");
	CHECK_STR(place(&root_host, m, "a-b-c.slice:cri:1"),
		  "/a.slice/a-b.slice/a-b-c.slice/cri-1.scope cri-1.scope a-b-c.slice");
	CHECK_STR(place(&root_host, m, ":runc:x"),
		  "/system.slice/runc-x.scope runc-x.scope system.slice");
	CHECK_STR(place(&root_host, m, "-:runc:x"), "/runc-x.scope runc-x.scope -.slice");
	CHECK_STR(place(&root_host, m, "x.slice::y"), "/x.slice/y.scope y.scope x.slice");
	CHECK_STR(place(&root_host, m, "x.slice:p:pod-y.slice"),
		  "/pod.slice/pod-y.slice pod-y.slice x.slice");
	CHECK_STR(place(&root_host, m, "whole"),
		  "/system.slice/whole.scope whole.scope system.slice");
	CHECK_STR(place(&root_host, m, "/a/b"), "error");
	CHECK_STR(place(&root_host, m, "a:b:c:d"), "error");
	CHECK_STR(place(&root_host, m, "a:b:"), "error");
	CHECK_STR(place(&root_host, m, "a b:b:c"), "error");
	CHECK_STR(place(&root_host, m, "a--b:b:c"), "error");
}

TEST(the_root_slice_is_no_containers)
{
	static const char *const paths[] = { "::-.slice", "x.slice::-.slice" };
	struct spec_linux linux_ = { 0 };
	struct spec spec = { .linux_ = &linux_ };
	struct cgroup_place p;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		char path[32];

		REQUIRE(str_copy(path, sizeof(path), paths[i]) == 0);
		linux_.cgroupsPath = path;
		CHECK_INT(cgroup_place_make(&root_host, CGROUP_SYSTEMD, "c", &spec, &p, NULL), -1);
		CHECK_INT(cgroup_place_make(&user_host, CGROUP_SYSTEMD, "c", &spec, &p, NULL), -1);
	}
}

TEST(user_units_lie_in_the_users_manager)
{
	const enum cgroup_manager m = CGROUP_SYSTEMD;
	static const char expected[] = "/user.slice/user-1000.slice/user@1000.service/user.slice/"
				       "libpod-1.scope libpod-1.scope user.slice";

	CHECK_STR(place(&user_host, m, "user.slice:libpod:1"), expected);
	CHECK_STR(place(&user_host, m, ":libpod:1"), expected);
	CHECK_STR(place(&session_host, m, ":libpod:1"), expected);
}

TEST(a_payload_subgroup_is_one_name)
{
	static const char *const bad[] = { "a/b", "..", ".", "cgroup.procs", "a\n" };
	struct spec_linux linux_ = { 0 };
	struct pair one = { (char[]){ "run.oci.systemd.subgroup" }, (char[]){ "payload" } };
	struct spec spec = { .linux_ = &linux_, .annotations = { .v = &one, .n = 1 } };
	struct cgroup_place p;

	REQUIRE(cgroup_place_make(&root_host, CGROUP_SYSTEMD, "c", &spec, &p, NULL) == 0);
	CHECK_STR(p.subgroup, "payload");
	REQUIRE(cgroup_place_make(&root_host, CGROUP_CGROUPFS, "c", &spec, &p, NULL) == 0);
	CHECK_STR(p.subgroup, "");
	one.key = (char[]){ "run.oci.delegate-cgroup" };
	REQUIRE(cgroup_place_make(&root_host, CGROUP_CGROUPFS, "c", &spec, &p, NULL) == 0);
	CHECK_STR(p.subgroup, "payload");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char name[32];

		CHECK(str_copy(name, sizeof(name), bad[i]) == 0);
		one.value = name;
		CHECK_INT(cgroup_place_make(&root_host, CGROUP_CGROUPFS, "c", &spec, &p, NULL), -1);
	}
}
