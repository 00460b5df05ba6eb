/* SPDX-License-Identifier: Apache-2.0 */
/* load_test.c - whole documents into structs */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

static struct arena arena;
static struct err err;

static struct spec *parse(const char *text)
{
	const char *json = text_of(text);
	struct spec *s = NULL;

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	err_clear(&err);
	return spec_parse("config.json", json, strlen(json), &arena, &s, &err) == 0 ? s : NULL;
}

TEST(linux_is_always_there)
{
	const struct spec *s = parse("{}");

	REQUIRE(s);
	CHECK(s->linux_);
	CHECK(!s->process);
	CHECK(!s->root);
	CHECK(s->arena == &arena);
}

TEST(a_relative_mount_destination_is_below_the_root)
{
	const struct spec *s = parse("{'mounts':[{'destination':'a/b'},{'destination':'/c'}]}");

	REQUIRE(s);
	CHECK_STR(s->mounts.v[0].destination, "/a/b");
	CHECK_STR(s->mounts.v[1].destination, "/c");
}

TEST(an_empty_string_is_as_if_absent_where_it_means_that)
{
	const struct spec *s = parse("{'hostname':'','process':{'apparmorProfile':'',"
				     "'selinuxLabel':''},'mounts':[{'destination':'/a','type':'',"
				     "'source':''}],'linux':{'cgroupsPath':'','mountLabel':'',"
				     "'namespaces':[{'type':'pid','path':''}]}}");

	REQUIRE(s);
	CHECK(!s->hostname);
	CHECK(!s->process->apparmorProfile);
	CHECK(!s->process->selinuxLabel);
	CHECK(!s->mounts.v[0].type);
	CHECK(!s->mounts.v[0].source);
	CHECK(!s->linux_->cgroupsPath);
	CHECK(!s->linux_->mountLabel);
	CHECK(!s->linux_->namespaces.v[0].path);
}

TEST(annotations_are_found_by_key)
{
	const struct spec *s = parse("{'annotations':{'a.b':'1','c':''}}");

	REQUIRE(s);
	CHECK_STR(spec_annotation(s, "a.b"), "1");
	CHECK_STR(spec_annotation(s, "c"), "");
	CHECK(!spec_annotation(s, "d"));
}

TEST(mounts_come_as_an_array_or_as_one_object)
{
	const char *json;
	struct spec_mount *m;
	size_t n;

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	json = text_of(" [{'destination':'a'},{'destination':'/b','options':['ro']}]");
	REQUIRE(spec_parse_mounts("m", json, strlen(json), &arena, &m, &n, &err) == 0);
	CHECK_INT(n, 2);
	CHECK_STR(m[0].destination, "/a");
	CHECK_STR(m[1].options.v[0], "ro");
	json = text_of("{'destination':'/one'}");
	REQUIRE(spec_parse_mounts("m", json, strlen(json), &arena, &m, &n, &err) == 0);
	CHECK_INT(n, 1);
	CHECK_STR(m[0].destination, "/one");
	json = "[]";
	REQUIRE(spec_parse_mounts("m", json, strlen(json), &arena, &m, &n, &err) == 0);
	CHECK_INT(n, 0);
	json = text_of("[{'source':'x'}]");
	CHECK_INT(spec_parse_mounts("m", json, strlen(json), &arena, &m, &n, &err), -1);
	CHECK_STR(err.field, "/0/destination");
	CHECK_INT(spec_parse_mounts("m", "", 0, &arena, &m, &n, &err), -1);
}

TEST(process_and_resources_are_documents_of_their_own)
{
	struct spec_process *p;
	struct spec_resources *r;
	const char *json = text_of("{'args':['a'],'cwd':'/','user':{'uid':7}}");

	REQUIRE(spec_parse_process("p", json, strlen(json), &arena, &p, &err) == 0);
	CHECK_INT(p->user.uid, 7);
	CHECK_INT(spec_validate_process(p, "", &err), 0);
	json = text_of("{'pids':{'limit':0}}");
	REQUIRE(spec_parse_resources("r", json, strlen(json), &arena, &r, &err) == 0);
	CHECK(r->pids->limit.has);
	CHECK_INT(r->pids->limit.v, 0);
	CHECK_INT(spec_parse_resources("r", "[]", 2, &arena, &r, &err), -1);
}

TEST(a_file_is_loaded_with_its_text)
{
	const char *json = text_of("{'hostname':'h'}"), *text;
	char dir[] = P_tmpdir "/skerry-load-XXXXXX";
	struct spec *s;
	size_t len;
	int fd;

	REQUIRE(mkdtemp(dir));
	fd = open(dir, O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_INT(file_replace(fd, "config.json", json, strlen(json), 0600), 0);
	CHECK_INT(spec_load(fd, "config.json", &arena, &s, &text, &len, &err), 0);
	CHECK_STR(s->hostname, "h");
	CHECK_STR(text, "{\"hostname\":\"h\"}");
	CHECK_INT(len, strlen(text));
	CHECK_INT(spec_load(fd, "config.json", &arena, &s, NULL, NULL, &err), 0);
	CHECK_INT(spec_load(fd, "missing", &arena, &s, NULL, NULL, &err), -1);
	CHECK_INT(err.code, ENOENT);
	CHECK_STR(err.msg, "read \"missing\": No such file or directory");
	CHECK_INT(unlinkat(fd, "config.json", 0), 0);
	/* neither a FIFO that blocks nor an endless file */
	CHECK_INT(mkfifoat(fd, "config.json", 0600), 0);
	CHECK_INT(spec_load(fd, "config.json", &arena, &s, NULL, NULL, &err), -1);
	CHECK_INT(spec_load(fd, "/dev/zero", &arena, &s, NULL, NULL, &err), -1);
	CHECK_INT(unlinkat(fd, "config.json", 0), 0);
	CHECK_INT(close(fd), 0);
	CHECK_INT(rmdir(dir), 0);
}

/* Many elements, long strings: memory stays in bounds and the time short. */
TEST(huge_documents_are_decoded_or_refused)
{
	enum { N = 100000 };
	AUTO_BUF b;
	struct spec *s;

	buf_init(&b);
	buf_puts(&b, "{\"process\":{\"env\":[\"A=B\"");
	for (int i = 1; i < N; i++)
		buf_puts(&b, ",\"A=B\"");
	buf_puts(&b, "]},\"mounts\":[{\"destination\":\"/\"}");
	for (int i = 1; i < N; i++)
		buf_puts(&b, ",{\"destination\":\"/a\"}");
	buf_puts(&b, "],\"hostname\":\"");
	for (int i = 0; i < 1 << 20; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, "\",\"annotations\":{\"k\":\"\"");
	for (int i = 0; i < N; i++)
		buf_printf(&b, ",\"k%d\":\"\"", i);
	buf_puts(&b, "}}");
	REQUIRE(!buf_failed(&b));
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(spec_parse("big", b.s, b.len, &arena, &s, &err) == 0);
	CHECK_INT(s->process->env.n, N);
	CHECK_INT(s->mounts.n, N);
	CHECK_INT(s->annotations.n, N + 1);
	CHECK_INT(spec_validate(s, &err), -1);
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
}
