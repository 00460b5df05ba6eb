/* SPDX-License-Identifier: Apache-2.0 */
/* validate_resources_test.c - limits that can't be */
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

/* The field at fault of a resources document; NULL if none. */
static const char *wrong(const char *text)
{
	static char field[ERR_FIELD_MAX];
	const char *json = text_of(text);
	struct arena arena;
	struct spec_resources *r;
	struct err err = { 0 };
	int good;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	good = spec_parse_resources("r", json, strlen(json), &arena, &r, &err) == 0 &&
	       spec_validate_resources(r, "", &err) == 0;
	arena_release(&arena);
	(void)snprintf(field, sizeof(field), "%s", err.field);
	return good ? NULL : field;
}

TEST(the_zeros_that_engines_send_are_no_limits)
{
	CHECK(!wrong("{'devices':[{'allow':false,'access':'rwm'},{'allow':true,'type':'','access':"
		     "''}],'cpu':{'shares':0,'quota':0,'period':0,'cpus':'','mems':''},"
		     "'memory':{'limit':0,'swap':0,'swappiness':0},'blockIO':{'weight':0},"
		     "'pids':{'limit':0}}"));
}

TEST(device_rules_are_spelled_right)
{
	CHECK_STR(wrong("{'devices':[{'allow':true,'type':'p'}]}"), "/devices/0/type");
	CHECK_STR(wrong("{'devices':[{'allow':true,'access':'rx'}]}"), "/devices/0/access");
	CHECK_STR(wrong("{'devices':[{'allow':true,'major':-2}]}"), "/devices/0/major");
	CHECK_STR(wrong("{'devices':[{'access':'r'}]}"), "/devices/0/allow");
}

TEST(swap_is_at_least_the_memory)
{
	CHECK(!wrong("{'memory':{'limit':100,'swap':100}}"));
	CHECK(!wrong("{'memory':{'limit':100,'swap':-1}}"));
	CHECK(!wrong("{'memory':{'swap':100}}"));
	CHECK_STR(wrong("{'memory':{'limit':100,'swap':99}}"), "/memory/swap");
	CHECK_STR(wrong("{'memory':{'limit':-1,'swap':99}}"), "/memory/swap");
	CHECK_STR(wrong("{'memory':{'limit':-2}}"), "/memory/limit");
	CHECK_STR(wrong("{'memory':{'swappiness':101}}"), "/memory/swappiness");
}

TEST(cpu_time_is_in_the_kernel_s_range)
{
	CHECK(!wrong("{'cpu':{'quota':50000,'period':100000,'burst':50000,'idle':0}}"));
	CHECK_STR(wrong("{'cpu':{'period':999}}"), "/cpu/period");
	CHECK_STR(wrong("{'cpu':{'period':1000001}}"), "/cpu/period");
	CHECK_STR(wrong("{'cpu':{'quota':999}}"), "/cpu/quota");
	CHECK_STR(wrong("{'cpu':{'quota':1000,'burst':1001}}"), "/cpu/burst");
	CHECK_STR(wrong("{'cpu':{'idle':2}}"), "/cpu/idle");
	CHECK_STR(wrong("{'cpu':{'cpus':'0-'}}"), "/cpu/cpus");
	CHECK_STR(wrong("{'cpu':{'mems':'a'}}"), "/cpu/mems");
	CHECK_STR(wrong("{'cpu':{'shares':-1}}"), "/cpu/shares");
}

TEST(io_weights_are_in_range)
{
	CHECK_STR(wrong("{'blockIO':{'weight':9}}"), "/blockIO/weight");
	CHECK_STR(wrong("{'blockIO':{'leafWeight':1001}}"), "/blockIO/leafWeight");
	CHECK_STR(wrong("{'blockIO':{'weightDevice':[{'major':1,'minor':1,'weight':5}]}}"),
		  "/blockIO/weightDevice/0/weight");
	CHECK_STR(wrong("{'blockIO':{'throttleReadBpsDevice':[{'major':1,'minor':1}]}}"),
		  "/blockIO/throttleReadBpsDevice/0/rate");
}

TEST(names_in_limits_are_names)
{
	CHECK(!wrong("{'hugepageLimits':[{'pageSize':'64KB','limit':0}],'rdma':{'mlx5_1':{}}}"));
	CHECK_STR(wrong("{'hugepageLimits':[{'pageSize':'2M','limit':0}]}"),
		  "/hugepageLimits/0/pageSize");
	CHECK_STR(wrong("{'hugepageLimits':[{'pageSize':'../x','limit':0}]}"),
		  "/hugepageLimits/0/pageSize");
	CHECK_STR(wrong("{'hugepageLimits':[{'pageSize':'','limit':0}]}"),
		  "/hugepageLimits/0/pageSize");
	CHECK_STR(wrong("{'rdma':{'a b':{}}}"), "/rdma/a b");
	CHECK_STR(wrong("{'network':{'priorities':[{'name':'','priority':1}]}}"),
		  "/network/priorities/0/name");
}

TEST(unified_keys_are_limits_of_this_group)
{
	CHECK(!wrong("{'unified':{'memory.high':'1','hugetlb.2MB.max':'0','cgroup.max.depth':'3',"
		     "'io.max':'8:0 rbps=1\\n8:16 rbps=2'}}"));
	CHECK_STR(wrong("{'unified':{'../../cgroup.procs':'1'}}"), "/unified/..~1..~1cgroup.procs");
	CHECK_STR(wrong("{'unified':{'memory.max/../x':'1'}}"), "/unified/memory.max~1..~1x");
	CHECK_STR(wrong("{'unified':{'cgroup.procs':'1'}}"), "/unified/cgroup.procs");
	CHECK_STR(wrong("{'unified':{'cgroup.subtree_control':'+cpu'}}"),
		  "/unified/cgroup.subtree_control");
	CHECK_STR(wrong("{'unified':{'memory':'1'}}"), "/unified/memory");
	CHECK_STR(wrong("{'unified':{'':'1'}}"), "/unified/");
}
