/* SPDX-License-Identifier: Apache-2.0 */
/* validate_linux_test.c - what the "linux" section may not say */
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

/* The field at fault below /linux; NULL if none. */
static const char *wrong(const char *members)
{
	char text[2048];
	const char *field;

	(void)snprintf(text, sizeof(text), CONFIG_LINUX("%s"), members);
	field = wrong_config(text);
	return field && strncmp(field, "/linux", 6) == 0 ? field + 6 : field;
}

TEST(namespaces_are_known_and_unique)
{
	CHECK(!wrong("'namespaces':[{'type':'pid'},{'type':'time'},{'type':'network',"
		     "'path':'/run/netns/a'}]"));
	CHECK_STR(wrong("'namespaces':[{'type':'net'}]"), "/namespaces/0/type");
	CHECK_STR(wrong("'namespaces':[{'type':'pid'},{'type':'pid'}]"), "/namespaces/1/type");
	CHECK_STR(wrong("'namespaces':[{'type':'pid','path':'x'}]"), "/namespaces/0/path");
}

TEST(mappings_need_a_user_namespace)
{
	const char map[] = "[{'containerID':0,'hostID':0,'size':1}]";
	char text[256];

	(void)snprintf(text, sizeof(text), "'uidMappings':%s", map);
	CHECK_STR(wrong(text), "/uidMappings");
	(void)snprintf(text, sizeof(text), "'gidMappings':%s", map);
	CHECK_STR(wrong(text), "/gidMappings");
	(void)snprintf(text, sizeof(text),
		       "'namespaces':[{'type':'user'}],'uidMappings':%s,'gidMappings':%s", map,
		       map);
	CHECK(!wrong(text));
}

TEST(time_offsets_need_a_new_time_namespace)
{
	CHECK_STR(wrong("'timeOffsets':{'monotonic':{'secs':1}}"), "/timeOffsets");
	CHECK_STR(wrong("'namespaces':[{'type':'time','path':'/t'}],"
			"'timeOffsets':{'monotonic':{'secs':1}}"),
		  "/timeOffsets");
	CHECK_STR(wrong("'namespaces':[{'type':'time'}],'timeOffsets':{'real/time':{'secs':1}}"),
		  "/timeOffsets/real~1time");
	CHECK(!wrong("'namespaces':[{'type':'time'}],'timeOffsets':{'monotonic':{'secs':1},"
		     "'boottime':{'nanosecs':1}}"));
}

TEST(devices_have_a_known_type_a_number_and_an_absolute_path)
{
	CHECK(!wrong("'devices':[{'type':'p','path':'/f'},{'type':'u','path':'/u','major':1,"
		     "'minor':3}]"));
	CHECK_STR(wrong("'devices':[{'type':'x','path':'/f'}]"), "/devices/0/type");
	CHECK_STR(wrong("'devices':[{'type':'','path':'/f'}]"), "/devices/0/type");
	CHECK_STR(wrong("'devices':[{'type':'cb','path':'/f'}]"), "/devices/0/type");
	CHECK_STR(wrong("'devices':[{'type':'c','path':'/f','minor':1}]"), "/devices/0/major");
	CHECK_STR(wrong("'devices':[{'type':'b','path':'/f','major':1}]"), "/devices/0/minor");
	CHECK_STR(wrong("'devices':[{'type':'p','path':'f'}]"), "/devices/0/path");
}

TEST(network_devices_need_a_namespace_and_names)
{
	CHECK_STR(wrong("'netDevices':{'eth0':{}}"), "/netDevices");
	CHECK(!wrong("'namespaces':[{'type':'network'}],"
		     "'netDevices':{'eth0':{},'eth1':{'name':'n%d'},'eth2':{'name':'n%d'}}"));
	CHECK_STR(wrong("'namespaces':[{'type':'network'}],'netDevices':{'a/b':{}}"),
		  "/netDevices/a~1b");
	CHECK_STR(wrong("'namespaces':[{'type':'network'}],'netDevices':{'..':{}}"),
		  "/netDevices/..");
	CHECK_STR(wrong("'namespaces':[{'type':'network'}],"
			"'netDevices':{'e':{'name':'sixteen-letters-'}}"),
		  "/netDevices/e");
	CHECK_STR(wrong("'namespaces':[{'type':'network'}],"
			"'netDevices':{'a':{'name':'x'},'b':{'name':'x'}}"),
		  "/netDevices/b");
}

TEST(sysctl_names_stay_in_their_tree)
{
	CHECK(!wrong("'sysctl':{'net.ipv4.conf.eth0/100.rp_filter':'1','kernel.shmmax':'2'}"));
	CHECK_STR(wrong("'sysctl':{'net/../kernel/x':'1'}"), "/sysctl/net~1..~1kernel~1x");
	CHECK_STR(wrong("'sysctl':{'':'1'}"), "/sysctl/");
	CHECK_STR(wrong("'sysctl':{'.net':'1'}"), "/sysctl/.net");
	CHECK_STR(wrong("'sysctl':{'net.':'1'}"), "/sysctl/net.");
	CHECK_STR(wrong("'sysctl':{'net. x':'1'}"), "/sysctl/net. x");
	CHECK_STR(wrong("'sysctl':{'kernel.shm_rmid_forced':'1\\n+kernel.core_pattern=|x'}"),
		  "/sysctl/kernel.shm_rmid_forced");
}

TEST(paths_are_absolute_and_do_not_climb)
{
	CHECK(!wrong("'maskedPaths':['/a'],'readonlyPaths':[],'cgroupsPath':'/a/b..c'"));
	CHECK(!wrong("'cgroupsPath':'system.slice:skerry:id'"));
	CHECK_STR(wrong("'maskedPaths':['/a','b']"), "/maskedPaths/1");
	CHECK_STR(wrong("'readonlyPaths':['']"), "/readonlyPaths/0");
	CHECK_STR(wrong("'cgroupsPath':'/../../../esc'"), "/cgroupsPath");
	CHECK_STR(wrong("'cgroupsPath':'a/../../esc'"), "/cgroupsPath");
	CHECK_STR(wrong("'cgroupsPath':'../esc'"), "/cgroupsPath");
	CHECK_STR(wrong("'cgroupsPath':'a\\nb'"), "/cgroupsPath");
}

TEST(propagation_and_personality_are_known)
{
	CHECK(!wrong("'rootfsPropagation':'rslave','personality':{'domain':'LINUX'}"));
	CHECK_STR(wrong("'rootfsPropagation':'ro'"), "/rootfsPropagation");
	CHECK_STR(wrong("'rootfsPropagation':'some'"), "/rootfsPropagation");
	CHECK_STR(wrong("'personality':{'domain':'BSD'}"), "/personality/domain");
	CHECK_STR(wrong("'personality':{'domain':'LINUX','flags':['X']}"), "/personality/flags");
	CHECK_STR(wrong("'mountLabel':'a\\nb'"), "/mountLabel");
}

TEST(resctrl_groups_are_plain_names)
{
	CHECK(!wrong("'intelRdt':{'closID':'guaranteed','schemata':['L3:0=f']}"));
	CHECK_STR(wrong("'intelRdt':{'closID':'a/b'}"), "/intelRdt/closID");
	CHECK_STR(wrong("'intelRdt':{'closID':'..'}"), "/intelRdt/closID");
	CHECK_STR(wrong("'intelRdt':{'closID':''}"), "/intelRdt/closID");
	CHECK_STR(wrong("'intelRdt':{'schemata':['a\\nb']}"), "/intelRdt/schemata/0");
}

TEST(memory_policies_take_the_nodes_they_need)
{
	CHECK(!wrong("'memoryPolicy':{'mode':'MPOL_INTERLEAVE','nodes':'0-1'}"));
	CHECK(!wrong("'memoryPolicy':{'mode':'MPOL_LOCAL'}"));
	CHECK(!wrong("'memoryPolicy':{'mode':'MPOL_PREFERRED','nodes':''}"));
	CHECK_STR(wrong("'memoryPolicy':{'mode':'X'}"), "/memoryPolicy/mode");
	CHECK_STR(wrong("'memoryPolicy':{'mode':'MPOL_BIND'}"), "/memoryPolicy/nodes");
	CHECK_STR(wrong("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'x'}"), "/memoryPolicy/nodes");
	CHECK_STR(wrong("'memoryPolicy':{'mode':'MPOL_DEFAULT','nodes':'0'}"),
		  "/memoryPolicy/nodes");
	CHECK_STR(wrong("'memoryPolicy':{'mode':'MPOL_LOCAL','flags':['X']}"),
		  "/memoryPolicy/flags/0");
	CHECK_STR(wrong("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0','flags':"
			"['MPOL_F_STATIC_NODES','MPOL_F_RELATIVE_NODES']}"),
		  "/memoryPolicy/flags");
}
