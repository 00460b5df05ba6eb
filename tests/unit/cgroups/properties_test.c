/* SPDX-License-Identifier: Apache-2.0 */
/* properties_test.c - what systemd is told: resources, annotations, the document */
#include "cgroups/internal.h"

#include <string.h>

#include "tests/unit/test.h"

static struct arena arena;

static struct properties fresh(void)
{
	struct properties p = { .arena = &arena };

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	return p;
}

static const char *text_of(const struct properties *p)
{
	static char text[2048];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < p->n; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s:%s=", p->v[i].name,
					 p->v[i].type);
		for (size_t k = 0; k < p->v[i].values.n; k++)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 k ? "," : "", p->v[i].values.v[k]);
		used += (size_t)snprintf(text + used, sizeof(text) - used, ";");
	}
	return text;
}

static const char *annotation(const char *name, const char *value)
{
	char key[128], copy[256];
	struct pair one = { key, copy };
	struct pairs pairs = { &one, 1 };
	struct properties p = fresh();

	if (str_format(key, sizeof(key), "org.systemd.property.%s", name) < 0 ||
	    str_copy(copy, sizeof(copy), value) < 0)
		return "too long";
	return properties_of_annotations(&pairs, &p, NULL) < 0 ? "error" : text_of(&p);
}

TEST(resources_become_properties)
{
	struct spec_memory m = { .limit = { true, 1000 }, .swap = { true, 3000 } };
	struct spec_cpu c = { .shares = { true, 1024 },
			      .quota = { true, 50005 },
			      .period = { true, 100000 },
			      .cpus = (char[]){ "0-3,9" } };
	struct spec_pids n = { .limit = { true, 0 } };
	struct spec_resources r = { .memory = &m, .cpu = &c, .pids = &n };
	struct properties p = fresh();

	REQUIRE(properties_of_resources(&r, &p, NULL) == 0);
	CHECK_STR(text_of(&p), "MemoryMax:t=1000;MemorySwapMax:t=2000;CPUWeight:t=100;"
			       "CPUQuotaPerSecUSec:t=510000;CPUQuotaPeriodUSec:t=100000;"
			       "AllowedCPUs:ay=15,2;TasksMax:t=1;");
	p = fresh();
	m = (struct spec_memory){ .limit = { true, -1 } };
	n.limit.v = -1;
	r.cpu = NULL;
	REQUIRE(properties_of_resources(&r, &p, NULL) == 0);
	CHECK_STR(text_of(&p),
		  "MemoryMax:t=18446744073709551615;MemorySwapMax:t=18446744073709551615;"
		  "TasksMax:t=18446744073709551615;");
}

TEST(unified_values_become_properties_where_there_are_some)
{
	struct pair all[] = {
		{ (char[]){ "memory.high" }, (char[]){ "max" } },
		{ (char[]){ "memory.low" }, (char[]){ "1G" } },
		{ (char[]){ "cpu.max" }, (char[]){ "20000 40000" } },
		{ (char[]){ "io.latency" }, (char[]){ "8:0 target=75" } },
	};
	struct spec_resources r = { .unified = { all, ARRAY_SIZE(all) } };
	struct properties p = fresh();

	REQUIRE(properties_of_resources(&r, &p, NULL) == 0);
	CHECK_STR(text_of(&p), "MemoryHigh:t=18446744073709551615;CPUQuotaPerSecUSec:t=500000;"
			       "CPUQuotaPeriodUSec:t=40000;");
}

TEST(annotations_are_gvariant_text)
{
	CHECK_STR(annotation("CollectMode", "'inactive-or-failed'"),
		  "CollectMode:s=inactive-or-failed;");
	CHECK_STR(annotation("Description", "\"it\\\"s\""), "Description:s=it\"s;");
	CHECK_STR(annotation("SendSIGHUP", "true"), "SendSIGHUP:b=1;");
	CHECK_STR(annotation("KillSignal", "int32 37"), "KillSignal:i=37;");
	CHECK_STR(annotation("KillSignal", " -3 "), "KillSignal:i=-3;");
	CHECK_STR(annotation("TasksMax", "uint64 5"), "TasksMax:t=5;");
	CHECK_STR(annotation("TimeoutStopSec", "uint64 10"), "TimeoutStopUSec:t=10000000;");
	CHECK_STR(annotation("TimeoutStopSec", "123"), "TimeoutStopUSec:t=123000000;");
	CHECK_STR(annotation("TimeoutStopUSec", "uint64 7"), "TimeoutStopUSec:t=7;");
	CHECK_STR(annotation("After", "['a.service', 'b.service']"),
		  "After:as=a.service,b.service;");
	CHECK_STR(annotation("After", "@as []"), "After:as=;");
	CHECK_STR(annotation("X", "[byte 1, byte 2]"), "X:ay=1,2;");
}

TEST(annotations_that_cannot_be_passed_on_are_refused)
{
	static const char *const bad[] = { "",	     "'open",	"yes",	  "[1, 'a']",	"[1",
					   "1 2",    "[,]",	"uint32", "uint64 'a'", "(1, 2)",
					   "{1: 2}", "@as 'x'", "[]",	  "-" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_STR(annotation("X", bad[i]), "error");
	CHECK_STR(annotation("A B", "'x'"), "error");
	CHECK_STR(annotation("", "'x'"), "error");
	CHECK_STR(annotation("TimeoutStopSec", "'x'"), "error");
	CHECK_STR(annotation("TimeoutStopSec", "-1"), "error");
}

TEST(the_document_is_strict)
{
	static const char good[] = "{\"unit\":\"a.scope\",\"user\":true,\"properties\":"
				   "[{\"name\":\"X\",\"type\":\"as\",\"values\":[\"1\",\"2\"]}]}";
	static const char *const bad[] = {
		"{}",
		"[]",
		"{\"unit\":\"a\",\"other\":1}",
		"{\"unit\":3}",
		"{\"unit\":\"a\",\"properties\":[{\"name\":\"X\",\"type\":\"s\"}]}",
	};
	struct systemd_doc *doc = NULL;

	(void)fresh();
	REQUIRE(systemd_doc_parse(good, strlen(good), &arena, &doc, NULL) == 0);
	CHECK_STR(doc->unit, "a.scope");
	CHECK(doc->user);
	REQUIRE(doc->properties.n == 1);
	CHECK_INT(doc->properties.v[0].values.n, 2);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(systemd_doc_parse(bad[i], strlen(bad[i]), &arena, &doc, NULL), -1);
}
