/* SPDX-License-Identifier: Apache-2.0 */
/* linux_test.c - the "linux" section is decoded in full */
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

static const char text[] =
	"{'linux':{'namespaces':[{'type':'pid','path':'/p'}],"
	"'uidMappings':[{'containerID':0,'hostID':100000,'size':65536}],"
	"'gidMappings':[{'containerID':0,'hostID':1,'size':2}],"
	"'timeOffsets':{'boottime':{'secs':-5,'nanosecs':7}},"
	"'devices':[{'type':'c','path':'/dev/x','major':10,'minor':229,'fileMode':438,'uid':1,"
	"'gid':2}],'netDevices':{'eth1':{'name':'e0'},'eth2':{}},'cgroupsPath':'/c',"
	"'resources':{},'sysctl':{'net.core.somaxconn':'256'},"
	"'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'},'rootfsPropagation':'slave',"
	"'maskedPaths':['/m'],'readonlyPaths':['/r'],'mountLabel':'l',"
	"'intelRdt':{'closID':'g','schemata':['L3:0=f'],'l3CacheSchema':'a','memBwSchema':'b',"
	"'enableMonitoring':true,'enableCMT':true,'enableMBM':true},"
	"'personality':{'domain':'LINUX32','flags':[]},"
	"'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0','flags':['MPOL_F_STATIC_NODES']}}}";

static struct arena arena;

static const struct spec_linux *decoded(void)
{
	const char *json = text_of(text);
	struct spec *s;

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	return spec_parse("c", json, strlen(json), &arena, &s, NULL) == 0 ? s->linux_ : NULL;
}

TEST(namespaces_maps_and_devices_are_decoded)
{
	const struct spec_linux *l = decoded();

	REQUIRE(l);
	CHECK_STR(l->namespaces.v[0].type, "pid");
	CHECK_STR(l->namespaces.v[0].path, "/p");
	CHECK_INT(l->uidMappings.v[0].hostID, 100000);
	CHECK_INT(l->uidMappings.v[0].size, 65536);
	CHECK_INT(l->gidMappings.v[0].hostID, 1);
	CHECK_STR(l->timeOffsets.v[0].key, "boottime");
	CHECK_INT(l->timeOffsets.v[0].secs, -5);
	CHECK_INT(l->timeOffsets.v[0].nanosecs, 7);
	CHECK_STR(l->devices.v[0].path, "/dev/x");
	CHECK(l->devices.v[0].major.has && l->devices.v[0].major.v == 10);
	CHECK_INT(l->devices.v[0].minor.v, 229);
	CHECK_INT(l->devices.v[0].fileMode.v, 0666);
	CHECK_INT(l->devices.v[0].uid.v, 1);
	CHECK_INT(l->devices.v[0].gid.v, 2);
	CHECK_INT(l->netDevices.n, 2);
	CHECK_STR(l->netDevices.v[0].key, "eth1");
	CHECK_STR(l->netDevices.v[0].name, "e0");
	CHECK(!l->netDevices.v[1].name);
}

TEST(the_rest_of_linux_is_decoded)
{
	const struct spec_linux *l = decoded();

	REQUIRE(l);
	CHECK_STR(l->cgroupsPath, "/c");
	CHECK(l->resources);
	CHECK_STR(l->sysctl.v[0].key, "net.core.somaxconn");
	CHECK_STR(l->sysctl.v[0].value, "256");
	CHECK_STR(l->seccomp->defaultAction, "SCMP_ACT_ALLOW");
	CHECK_STR(l->rootfsPropagation, "slave");
	CHECK_STR(l->maskedPaths.v[0], "/m");
	CHECK_STR(l->readonlyPaths.v[0], "/r");
	CHECK_STR(l->mountLabel, "l");
	CHECK_STR(l->intelRdt->closID, "g");
	CHECK_STR(l->intelRdt->schemata.v[0], "L3:0=f");
	CHECK_STR(l->intelRdt->l3CacheSchema, "a");
	CHECK_STR(l->intelRdt->memBwSchema, "b");
	CHECK(l->intelRdt->enableMonitoring && l->intelRdt->enableCMT && l->intelRdt->enableMBM);
	CHECK_STR(l->personality->domain, "LINUX32");
	CHECK_STR(l->memoryPolicy->mode, "MPOL_BIND");
	CHECK_STR(l->memoryPolicy->nodes, "0");
	CHECK_STR(l->memoryPolicy->flags.v[0], "MPOL_F_STATIC_NODES");
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
}

TEST(numbers_of_devices_are_bounded)
{
	CHECK_STR(wrong_config(CONFIG_LINUX("'devices':[{'type':'c','path':'/x','major':4096,"
					    "'minor':0}]")),
		  "/linux/devices/0/major");
	CHECK_STR(wrong_config(CONFIG_LINUX("'devices':[{'type':'c','path':'/x','major':1,"
					    "'minor':-1}]")),
		  "/linux/devices/0/minor");
	CHECK_STR(wrong_config(CONFIG_LINUX("'timeOffsets':{'monotonic':{'nanosecs':1000000000}}")),
		  "/linux/timeOffsets/monotonic/nanosecs");
}
