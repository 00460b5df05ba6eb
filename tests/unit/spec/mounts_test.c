/* SPDX-License-Identifier: Apache-2.0 */
/* mounts_test.c - the "root" and "mounts" sections are decoded in full */
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

TEST(every_member_of_root_and_mounts_is_decoded)
{
	const char *json = text_of(
		"{'root':{'path':'r','readonly':true},'mounts':[{'destination':'/d','type':'t',"
		"'source':'s','options':['ro','x=y'],'uidMappings':[{'containerID':1,'hostID':2,"
		"'size':3}],'gidMappings':[{'containerID':4,'hostID':5,'size':6}]}]}");
	struct arena arena;
	struct spec *s = NULL;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_INT(spec_parse("c", json, strlen(json), &arena, &s, NULL), 0);
	if (s && s->root && s->mounts.n == 1) {
		const struct spec_mount *m = &s->mounts.v[0];

		CHECK_STR(s->root->path, "r");
		CHECK(s->root->readonly);
		CHECK_STR(m->destination, "/d");
		CHECK_STR(m->type, "t");
		CHECK_STR(m->source, "s");
		CHECK_STR(m->options.v[1], "x=y");
		CHECK_INT(m->uidMappings.v[0].containerID, 1);
		CHECK_INT(m->uidMappings.v[0].hostID, 2);
		CHECK_INT(m->gidMappings.v[0].size, 6);
	} else {
		CHECK(!"decoded");
	}
	arena_release(&arena);
}

TEST(what_a_mount_can_t_do_without_is_asked_for)
{
	CHECK_STR(wrong_config(CONFIG_WITH("'mounts':[{'type':'proc'}]")), "/mounts/0/destination");
	CHECK_STR(wrong_config("{'ociVersion':'1.0.0','root':{}}"), "/root/path");
	CHECK_STR(wrong_config(CONFIG_WITH("'mounts':[{'destination':'/a','uidMappings':"
					   "[{'containerID':0,'hostID':0}]}]")),
		  "/mounts/0/uidMappings/0/size");
}
