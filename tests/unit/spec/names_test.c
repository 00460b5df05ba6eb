/* SPDX-License-Identifier: Apache-2.0 */
/* names_test.c - words and the kernel's numbers */
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sys/resource.h>

#include "runtime/spec/names.h"
#include "tests/unit/test.h"

TEST(namespaces_have_the_numbers_of_clone)
{
	CHECK_INT(ns_parse("mount"), NS_MOUNT);
	CHECK_INT(ns_parse("mnt"), -1);
	CHECK_INT(ns_names[NS_USER].flag, CLONE_NEWUSER);
	CHECK_INT(ns_names[NS_MOUNT].flag, CLONE_NEWNS);
	CHECK_INT(ns_names[NS_PID].flag, CLONE_NEWPID);
	CHECK_INT(ns_names[NS_NETWORK].flag, CLONE_NEWNET);
	CHECK_INT(ns_names[NS_IPC].flag, CLONE_NEWIPC);
	CHECK_INT(ns_names[NS_UTS].flag, CLONE_NEWUTS);
	CHECK_INT(ns_names[NS_CGROUP].flag, CLONE_NEWCGROUP);
	CHECK_INT(ns_names[NS_TIME].flag, CLONE_NEWTIME);
	CHECK_STR(ns_names[NS_NETWORK].proc_name, "net");
}

TEST(mount_options_are_sorted_and_all_found)
{
	for (size_t i = 0; i < mount_opt_names_n; i++) {
		const struct mount_opt *o = mount_opt_find(mount_opt_names[i]);

		REQUIRE(o);
		CHECK_STR(o->name, mount_opt_names[i]);
		CHECK(i == 0 || strcmp(mount_opt_names[i - 1], mount_opt_names[i]) < 0);
	}
	CHECK(!mount_opt_find("size=65536k"));
	CHECK(!mount_opt_find(""));
	CHECK(!mount_opt_find("newinstance"));
}

TEST(mount_options_have_the_flags_of_mount)
{
	CHECK_INT(mount_opt_find("ro")->value, MS_RDONLY);
	CHECK(mount_opt_find("rw")->clear);
	CHECK_INT(mount_opt_find("rbind")->value, MS_BIND | MS_REC);
	CHECK_INT(mount_opt_find("rslave")->value, MS_SLAVE | MS_REC);
	CHECK_INT(mount_opt_find("rslave")->kind, MOUNT_OPT_PROPAGATION);
	CHECK_INT(mount_opt_find("nosymfollow")->value, MS_NOSYMFOLLOW);
	CHECK_INT(mount_opt_find("lazytime")->value, MS_LAZYTIME);
	CHECK_INT(mount_opt_find("tmpcopyup")->value, MOUNT_TMPCOPYUP);
}

TEST(recursive_options_have_the_attributes_of_mount_setattr)
{
	CHECK_INT(mount_opt_find("rro")->value, MOUNT_ATTR_RDONLY);
	CHECK_INT(mount_opt_find("rro")->kind, MOUNT_OPT_RECURSIVE);
	CHECK(mount_opt_find("rrw")->clear);
	CHECK_INT(mount_opt_find("rnodiratime")->mask, 0);
	CHECK_INT(mount_opt_find("rnodiratime")->value, MOUNT_ATTR_NODIRATIME);
	CHECK_INT(mount_opt_find("rnosymfollow")->value, MOUNT_ATTR_NOSYMFOLLOW);
	/* access times are one setting: EINVAL unless all its bits are cleared */
	CHECK_INT(mount_opt_find("rnoatime")->mask, MOUNT_ATTR__ATIME);
	CHECK_INT(mount_opt_find("ratime")->mask, MOUNT_ATTR__ATIME);
	CHECK_INT(mount_opt_find("rrelatime")->mask, MOUNT_ATTR__ATIME);
	CHECK_INT(mount_opt_find("rstrictatime")->value, MOUNT_ATTR_STRICTATIME);
}

TEST(resource_limits_have_their_numbers)
{
	CHECK_INT(rlimit_parse("RLIMIT_NOFILE"), RLIMIT_NOFILE);
	CHECK_INT(rlimit_parse("RLIMIT_CPU"), 0);
	CHECK_INT(rlimit_parse("NOFILE"), -1);
}

TEST(capabilities_are_known_by_name_in_any_case)
{
	CHECK_INT(cap_parse("CAP_SYS_ADMIN"), CAP_SYS_ADMIN);
	CHECK_INT(cap_parse("kill"), CAP_KILL);
	CHECK_INT(cap_parse("cap_chown"), CAP_CHOWN);
	CHECK_INT(cap_parse("CAP_CHECKPOINT_RESTORE"), CAP_LAST_CAP);
	CHECK_INT(cap_parse("CAP_NONE"), -1);
	CHECK_INT(cap_parse("CAP_"), -1);
	CHECK_INT(cap_parse(""), -1);
	for (int i = 0; i <= CAP_LAST_CAP; i++) {
		REQUIRE(cap_name(i));
		CHECK_INT(cap_parse(cap_name(i)), i);
	}
	CHECK(!cap_name(CAP_LAST_CAP + 1));
	CHECK(!cap_name(-1));
}

TEST(schedulers_have_their_numbers)
{
	CHECK_INT(sched_policy_parse("SCHED_OTHER"), SCHED_NORMAL);
	CHECK_INT(sched_policy_parse("SCHED_DEADLINE"), SCHED_DEADLINE);
	CHECK_INT(sched_policy_parse("SCHED_BEST"), -1);
	CHECK_INT(sched_flag_parse("SCHED_FLAG_RESET_ON_FORK"), SCHED_FLAG_RESET_ON_FORK);
	CHECK_INT(sched_flag_parse("SCHED_FLAG_UTIL_CLAMP_MAX"), SCHED_FLAG_UTIL_CLAMP_MAX);
	CHECK_INT(sched_flag_parse("x"), -1);
	CHECK_INT(ioprio_class_parse("IOPRIO_CLASS_IDLE"), 3);
	CHECK_INT(ioprio_class_parse("IDLE"), -1);
}

TEST(memory_policies_listed_are_known)
{
	for (const char *const *name = mempolicy_mode_names; *name; name++)
		CHECK(mempolicy_mode_parse(*name) >= 0);
	for (const char *const *name = mempolicy_flag_names; *name; name++)
		CHECK(mempolicy_flag_parse(*name) > 0);
	CHECK_INT(mempolicy_mode_parse("MPOL_BIND"), 2);
	CHECK_INT(mempolicy_mode_parse("BIND"), -1);
	CHECK_INT(mempolicy_flag_parse("MPOL_F_STATIC_NODES"), 1 << 15);
}

static void check_sorted(const char *const *list)
{
	for (size_t i = 1; list[i]; i++)
		CHECK(strcmp(list[i - 1], list[i]) < 0);
}

TEST(lists_of_names_are_sorted)
{
	check_sorted(seccomp_action_names);
	check_sorted(seccomp_operator_names);
	check_sorted(seccomp_arch_names);
	check_sorted(seccomp_flag_names);
	check_sorted(mempolicy_mode_names);
	check_sorted(mempolicy_flag_names);
	CHECK(name_in(seccomp_arch_names, "SCMP_ARCH_X86_64"));
	CHECK(!name_in(seccomp_arch_names, "SCMP_ARCH_"));
}
