/* SPDX-License-Identifier: Apache-2.0 */
/* sysctl_test.c - which parameters belong to which namespace */
#include "runtime/isolate/sysctl.h"

#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/fd.h"
#include "tests/unit/test.h"

#define IPC  (1U << NS_IPC)
#define NET  (1U << NS_NETWORK)
#define UTS  (1U << NS_UTS)
#define USER (1U << NS_USER)
#define ALL  (IPC | NET | UTS | USER)

static int make(const char *key, const char *value, unsigned int own, struct arena *arena,
		struct sysctls *ret)
{
	char k[300], v[64];
	struct pair pair = { k, v };
	struct spec_linux linux_ = { .sysctl = { &pair, 1 } };
	struct spec spec = { .linux_ = &linux_ };
	bool has[NS_COUNT];

	if (str_copy(k, sizeof(k), key) < 0 || str_copy(v, sizeof(v), value) < 0)
		return -2;
	for (int i = 0; i < NS_COUNT; i++)
		has[i] = own & 1U << i;
	arena_init(arena, ARENA_MAX_DEFAULT);
	return sysctl_make(&spec, has, arena, ret, NULL);
}

TEST(the_allow_list)
{
	static const struct {
		const char *key;
		unsigned int needs;
		const char *path;
	} cases[] = {
		{ "net.ipv4.ip_forward", NET, "net/ipv4/ip_forward" },
		{ "net/ipv4/conf/eth0.100/forwarding", NET, "net/ipv4/conf/eth0.100/forwarding" },
		{ "net.ipv4.conf.eth0/100.forwarding", NET, "net/ipv4/conf/eth0.100/forwarding" },
		{ "kernel.shmmax", IPC, "kernel/shmmax" },
		{ "kernel.sem", IPC, "kernel/sem" },
		{ "kernel.msg_next_id", IPC, "kernel/msg_next_id" },
		{ "fs.mqueue.msg_max", IPC, "fs/mqueue/msg_max" },
		{ "kernel.domainname", UTS, "kernel/domainname" },
		{ "user.max_user_namespaces", USER, "user/max_user_namespaces" },
		{ "kernel.hostname", 0, NULL },
		{ "kernel.core_pattern", 0, NULL },
		{ "kernel.shmmax2", 0, NULL },
		{ "vm.swappiness", 0, NULL },
		{ "network.x", 0, NULL },
		{ "net", 0, NULL },
		{ "net.", 0, NULL },
		{ ".net.x", 0, NULL },
		{ "net..x", 0, NULL },
		{ "net/../kernel/core_pattern", 0, NULL },
		{ "net/./x", 0, NULL },
		{ "net.//.kernel.x", 0, NULL },
		{ "net./kernel", 0, NULL },
		{ "/net/x", 0, NULL },
		{ "net.ipv4.ip forward", 0, NULL },
		{ "net.ipv4.x\ny", 0, NULL },
		{ "", 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena arena;
		struct sysctls s;
		int result = make(cases[i].key, "1", ALL, &arena, &s);

		if (result != (cases[i].path != NULL ? 0 : -1))
			printf("# at %s\n", cases[i].key);
		CHECK_INT(result, cases[i].path != NULL ? 0 : -1);
		if (result == 0)
			CHECK_STR(s.v[0].path, cases[i].path);
		arena_release(&arena);
		CHECK_INT(make(cases[i].key, "1", ALL & ~cases[i].needs, &arena, &s),
			  -1 + (result == 0 && cases[i].needs == 0));
		arena_release(&arena);
	}
}

TEST(a_value_is_one_line)
{
	struct arena arena;
	struct sysctls s;

	CHECK_INT(make("kernel.shm_rmid_forced", "1\n+kernel.core_pattern=|x", ALL, &arena, &s),
		  -1);
	arena_release(&arena);
	CHECK_INT(make("kernel.sem", "32000 1024000000 500 32000", ALL, &arena, &s), 0);
	CHECK_STR(s.v[0].value, "32000 1024000000 500 32000");
	arena_release(&arena);
}

TEST(nothing_but_a_procfs_is_written_to)
{
	struct sysctl v[] = { { "net/ipv4/ip_default_ttl", "64" } };
	struct sysctls s = { v, 1 };
	struct err err = { 0 };
	AUTO_FD fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

	REQUIRE(fd >= 0);
	CHECK_INT(sysctl_apply(&s, fd, &err), -1);
	CHECK_INT(err.code, EXDEV);
}

TEST(a_parameter_that_does_not_exist_is_an_error)
{
	struct sysctl v[] = { { "net/ipv4/no_such_parameter", "64" } };
	struct sysctls s = { v, 1 }, none = { NULL, 0 };
	AUTO_FD fd = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

	REQUIRE(fd >= 0);
	CHECK_INT(sysctl_apply(&s, fd, NULL), -1);
	CHECK_INT(sysctl_apply(&none, -1, NULL), 0);
}
