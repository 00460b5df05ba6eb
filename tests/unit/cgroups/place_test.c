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

/* "PATH [SCOPE SLICE]", or "error". */
static const char *place(const struct cgroup_host *h, enum cgroup_manager m, const char *path)
{
	static char text[8192];
	struct spec_linux linux_ = { 0 };
	struct spec spec = { .linux_ = &linux_ };
	struct cgroup_place p;
	char copy[4096];

	if (path) {
		REQUIRE(snprintf(copy, sizeof(copy), "%s", path) < (int)sizeof(copy));
		linux_.cgroupsPath = copy;
	}
	if (cgroup_place_make(h, m, "c1", &spec, &p, NULL) < 0)
		return "error";
	if (m == CGROUP_SYSTEMD)
		REQUIRE(snprintf(text, sizeof(text), "%s %s %s", p.path, p.scope, p.slice) > 0);
	else
		REQUIRE(snprintf(text, sizeof(text), "%s", p.path) >= 0);
	return text;
}
