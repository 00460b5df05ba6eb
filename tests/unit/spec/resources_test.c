/* SPDX-License-Identifier: Apache-2.0 */
/* resources_test.c - limits of a control group are decoded in full */
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

static const char text[] =
	"{'devices':[{'allow':true,'type':'c','major':1,'minor':-1,'access':'rw'},{'allow':false}],"
	"'memory':{'limit':1,'reservation':2,'swap':3,'kernel':4,'kernelTCP':5,'swappiness':6,"
	"'disableOOMKiller':true,'useHierarchy':false,'checkBeforeUpdate':true},"
	"'cpu':{'shares':1024,'quota':-1,'burst':2,'period':100000,'realtimeRuntime':3,"
	"'realtimePeriod':4,'idle':1,'cpus':'0-1','mems':'0'},'pids':{'limit':-1},"
	"'blockIO':{'weight':10,'leafWeight':20,'weightDevice':[{'major':8,'minor':0,'weight':500,"
	"'leafWeight':300}],'throttleReadBpsDevice':[{'major':8,'minor':1,'rate':11}],"
	"'throttleWriteBpsDevice':[{'major':8,'minor':2,'rate':12}],"
	"'throttleReadIOPSDevice':[{'major':8,'minor':3,'rate':13}],"
	"'throttleWriteIOPSDevice':[{'major':8,'minor':4,'rate':14}]},"
	"'hugepageLimits':[{'pageSize':'2MB','limit':4096}],"
	"'network':{'classID':4294967295,'priorities':[{'name':'eth0','priority':5}]},"
	"'rdma':{'mlx5_1':{'hcaHandles':3,'hcaObjects':10000}},"
	"'unified':{'memory.high':'100'}}";

static struct arena arena;

static const struct spec_resources *decoded(void)
{
	const char *json = text_of(text);
	struct spec_resources *r;

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	return spec_parse_resources("r", json, strlen(json), &arena, &r, NULL) == 0 ? r : NULL;
}

TEST(devices_memory_and_cpu_are_decoded)
{
	const struct spec_resources *r = decoded();

	REQUIRE(r);
	CHECK_INT(r->devices.n, 2);
	CHECK(r->devices.v[0].allow && !r->devices.v[1].allow);
	CHECK(r->devices.v[0].minor.has && r->devices.v[0].minor.v == -1);
	CHECK(!r->devices.v[1].major.has && !r->devices.v[1].type);
	CHECK_STR(r->devices.v[0].access, "rw");
	CHECK(r->memory->limit.has && r->memory->limit.v == 1);
	CHECK_INT(r->memory->reservation.v, 2);
	CHECK_INT(r->memory->swap.v, 3);
	CHECK_INT(r->memory->kernel.v, 4);
	CHECK_INT(r->memory->kernelTCP.v, 5);
	CHECK_INT(r->memory->swappiness.v, 6);
	CHECK(r->memory->disableOOMKiller.v && r->memory->checkBeforeUpdate.v);
	CHECK(r->memory->useHierarchy.has && !r->memory->useHierarchy.v);
	CHECK_INT(r->cpu->shares.v, 1024);
	CHECK_INT(r->cpu->quota.v, -1);
	CHECK_INT(r->cpu->burst.v, 2);
	CHECK_INT(r->cpu->period.v, 100000);
	CHECK_INT(r->cpu->realtimeRuntime.v, 3);
	CHECK_INT(r->cpu->realtimePeriod.v, 4);
	CHECK_INT(r->cpu->idle.v, 1);
	CHECK_STR(r->cpu->cpus, "0-1");
	CHECK_STR(r->cpu->mems, "0");
}

TEST(the_other_limits_are_decoded)
{
	const struct spec_resources *r = decoded();

	REQUIRE(r);
	CHECK(r->pids->limit.has && r->pids->limit.v == -1);
	CHECK_INT(r->blockIO->weight.v, 10);
	CHECK_INT(r->blockIO->leafWeight.v, 20);
	CHECK_INT(r->blockIO->weightDevice.v[0].weight.v, 500);
	CHECK_INT(r->blockIO->weightDevice.v[0].leafWeight.v, 300);
	CHECK_INT(r->blockIO->throttleReadBpsDevice.v[0].rate, 11);
	CHECK_INT(r->blockIO->throttleWriteBpsDevice.v[0].rate, 12);
	CHECK_INT(r->blockIO->throttleReadIOPSDevice.v[0].rate, 13);
	CHECK_INT(r->blockIO->throttleWriteIOPSDevice.v[0].minor, 4);
	CHECK_STR(r->hugepageLimits.v[0].pageSize, "2MB");
	CHECK_INT(r->hugepageLimits.v[0].limit, 4096);
	CHECK_INT(r->network->classID.v, 4294967295);
	CHECK_STR(r->network->priorities.v[0].name, "eth0");
	CHECK_INT(r->network->priorities.v[0].priority, 5);
	CHECK_STR(r->rdma.v[0].key, "mlx5_1");
	CHECK_INT(r->rdma.v[0].hcaHandles.v, 3);
	CHECK_INT(r->rdma.v[0].hcaObjects.v, 10000);
	CHECK_STR(r->unified.v[0].key, "memory.high");
	CHECK_INT(spec_validate_resources(r, "", NULL), 0);
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
}
