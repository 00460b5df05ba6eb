/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_test.c - manifests, indexes, configurations and platforms */
#include "image/manifest.h"

#include <errno.h>

#include "image/config.h"
#include "tests/unit/test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CONFIG \
 "\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG "\",\"digest\":\"sha256:" HEX "\",\"size\":3}"
#define LAYER \
 "{\"mediaType\":\"" MEDIA_OCI_LAYER_GZIP "\",\"digest\":\"sha256:" HEX "\",\"size\":4}"

static struct arena arena;
static struct manifest m;

static int parse(const char *text, const char *type)
{
	struct err err = { 0 };
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	int rc = manifest_parse("test", text, strlen(text), type, &m, &arena, &err);
	if (rc < 0 && !err.msg[0])
		printf("# an error without a message\n");
	return rc < 0 ? -err.code : 0;
}

TEST(a_manifest_is_recognised_with_and_without_a_type)
{
	CHECK_INT(parse("{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER "]}", NULL), 0);
	CHECK_INT(m.kind, MANIFEST_IMAGE);
	CHECK_INT((int)m.layers.n, 1);
	CHECK_STR(m.media_type, MEDIA_OCI_MANIFEST);
	CHECK_INT(
		parse("{\"schemaVersion\":2,\"manifests\":[]}", MEDIA_OCI_INDEX "; charset=utf-8"),
		0);
	CHECK_INT(m.kind, MANIFEST_INDEX);
}

TEST(what_could_be_two_things_is_refused)
{
	CHECK_INT(parse("{\"manifests\":[" LAYER "]," CONFIG ",\"layers\":[]}", NULL), -EINVAL);
	CHECK_INT(parse("{\"mediaType\":\"" MEDIA_OCI_INDEX "\"," CONFIG ",\"layers\":[]}", NULL),
		  -EINVAL);
	CHECK_INT(parse("{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\"," CONFIG "}", MEDIA_OCI_INDEX),
		  -EINVAL);
	CHECK_INT(parse("{" CONFIG "," CONFIG "}", NULL) < 0, 1);
	CHECK_INT(parse("{\"schemaVersion\":1}", NULL), -ENOTSUP);
	CHECK_INT(parse("{\"mediaType\":\"text/plain\"," CONFIG "}", NULL), -ENOTSUP);
}

TEST(a_digest_by_another_grammar_is_refused)
{
	CHECK_INT(parse("{" CONFIG ",\"layers\":[{\"digest\":\"sha256:../x\",\"size\":1}]}", NULL),
		  -EINVAL);
	CHECK_INT(parse("{\"config\":{\"digest\":\"x\",\"size\":1}}", NULL), -EINVAL);
	CHECK_INT(parse("{\"layers\":[" LAYER "]}", NULL), -EINVAL);
}

TEST(a_manifest_of_ours_is_read_as_it_was)
{
	struct manifest first;
	struct arena keep;
	AUTO_BUF out;
	buf_init(&out);
	arena_init(&keep, ARENA_MAX_DEFAULT);
	const char *text = "{" CONFIG ",\"layers\":[" LAYER "],\"annotations\":{\"a\":\"b\"}}";
	REQUIRE(manifest_parse("t", text, strlen(text), NULL, &first, &keep, NULL) == 0);
	manifest_write(&out, &first);
	CHECK_INT(parse(out.s, NULL), 0);
	CHECK_STR(m.layers.v[0].digest, "sha256:" HEX);
	CHECK_STR(m.layers.v[0].media_type, MEDIA_OCI_LAYER_GZIP);
	CHECK_STR(pairs_find(&m.annotations, "a"), "b");
	arena_release(&keep);
}

#define ENTRY(os_, arch_, variant_)                                                    \
 "{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"sha256:" HEX "\",\"size\":1," \
 "\"platform\":{\"os\":\"" os_ "\",\"architecture\":\"" arch_ "\",\"variant\":\"" variant_ "\"}}"

static int choose(const char *platform)
{
	struct platform p;
	struct err err = { 0 };
	if (platform_parse(platform, &p, &err) < 0)
		return -2;
	return manifest_choose(&m, &p, &err);
}

TEST(the_platform_that_fits_best_is_taken)
{
	CHECK_INT(
		parse("{\"manifests\":[" ENTRY("linux", "arm", "v5") "," ENTRY("linux", "arm", "v7") "," ENTRY(
			      "linux", "arm64",
			      "v8") "," ENTRY("linux", "amd64",
					      "") "," ENTRY("linux", "amd64",
							    "v3") "," ENTRY("windows", "amd64",
									    "") "," ENTRY("unknown",
											  "unknown",
											  "") "]}",
		      NULL),
		0);
	CHECK_INT(choose("linux/arm/v6"), 0);
	CHECK_INT(choose("linux/arm/v7"), 1);
	CHECK_INT(choose("armhf"), 1);
	CHECK_INT(choose("aarch64"), 2);
	CHECK_INT(choose("linux/amd64"), 3);
	CHECK_INT(choose("linux/amd64/v2"), 3);
	CHECK_INT(choose("linux/amd64/v4"), 4);
	CHECK_INT(choose("windows/amd64"), 5);
	CHECK_INT(choose("linux/s390x"), -1);
}

TEST(an_only_entry_without_a_platform_is_the_image)
{
	CHECK_INT(parse("{\"manifests\":[{\"digest\":\"sha256:" HEX "\",\"size\":1}]}", NULL), 0);
	CHECK_INT(choose("linux/s390x"), 0);
}

TEST(a_platform_by_itself_is_this_machines)
{
	struct platform p, q;
	char text[4 * PLATFORM_WORD_MAX];
	platform_host(&p);
	platform_format(&p, text, sizeof(text));
	CHECK(platform_parse(text, &q, NULL) == 0 && platform_rank(&p, &q) == 0);
	CHECK(platform_parse("a/b/c/d", &q, NULL) < 0);
	CHECK(platform_parse("", &q, NULL) < 0);
}

TEST(a_configuration_is_written_as_it_was_read)
{
	static const char text[] =
		"{\"created\":\"2020-01-02T03:04:05Z\",\"author\":\"me\",\"architecture\":\"amd64\","
		"\"os\":\"linux\",\"config\":{\"User\":\"u\",\"ExposedPorts\":{\"80/tcp\":{}},"
		"\"Env\":[\"A=b\"],\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\",\"d\"],\"Volumes\":{\"/v\":{}},"
		"\"WorkingDir\":\"/w\",\"Labels\":{\"k\":\"v\"},\"StopSignal\":\"SIGUSR1\","
		"\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":5,\"Retries\":2},"
		"\"Shell\":[\"/bin/sh\"],\"OnBuild\":[\"RUN x\"]},\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[\"sha256:" HEX
		"\"]},\"history\":[{\"created\":\"2020-01-02T03:04:05Z\","
		"\"created_by\":\"x\"},{\"comment\":\"y\",\"empty_layer\":true}]}";
	struct image_config c;
	struct arena a;
	struct err err = { 0 };
	AUTO_BUF out;
	buf_init(&out);
	arena_init(&a, ARENA_MAX_DEFAULT);
	CHECK_INT(config_parse("c", text, strlen(text), &c, &a, &err), 0);
	config_write(&out, &c);
	CHECK_STR(out.s, text);
	arena_release(&a);
}

TEST(nulls_in_a_configuration_are_absent)
{
	static const char text[] =
		"{\"architecture\":null,\"os\":\"linux\",\"config\":{\"Cmd\":null,"
		"\"Env\":null,\"Labels\":null,\"Volumes\":null},\"rootfs\":{\"diff_ids\":[]},"
		"\"history\":null}";
	struct image_config c;
	struct arena a;
	arena_init(&a, ARENA_MAX_DEFAULT);
	CHECK_INT(config_parse("c", text, strlen(text), &c, &a, NULL), 0);
	CHECK(!c.architecture && c.config.cmd.n == 0 && c.history.n == 0);
	static const char bad[] = "{\"rootfs\":{\"diff_ids\":[\"../x\"]}}";
	CHECK_INT(config_parse("c", bad, strlen(bad), &c, &a, NULL), -1);
	arena_release(&a);
}
