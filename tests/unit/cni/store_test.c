/* SPDX-License-Identifier: Apache-2.0 */
/* store_test.c - host-local's leases on disk, with crashes and other programs in between */
#include "cni/plugins/host_local/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

static char dir[64];
static struct err err;

static const struct hl_owner c1 = { "c1", "eth0" }, c2 = { "c2", "eth0" };

/* An empty place for leases. */
static void fresh(void)
{
	err_clear(&err);
	REQUIRE(str_format(dir, sizeof(dir), "/tmp/skerry-store-XXXXXX") == 0);
	if (!mkdtemp(dir))
		dir[0] = '\0';
}

static void done(void)
{
	CHECK_INT(file_remove_tree(AT_FDCWD, dir), 0);
}

static struct ip ip(const char *text)
{
	struct ip v = { 0 };

	(void)ip_parse(text, &v);
	return v;
}

static void open_store(struct hl_store *s)
{
	if (hl_store_open(s, dir, "net", true, &err) != 1)
		printf("# %s\n", err.msg);
}

/* A file of the network's folder, as another program would write it. */
static void foreign(const char *name, const char *content)
{
	char path[128];
	AUTO_FD fd = -1;

	if (str_format(path, sizeof(path), "%s/net/%s", dir, name) == 0)
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_full(fd, content, strlen(content)) < 0)
		printf("# can't write %s\n", path);
}

static bool there(const char *name)
{
	char path[128];

	return str_format(path, sizeof(path), "%s/%s", dir, name) == 0 &&
	       faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int list(const struct hl_owner *owner, bool careful)
{
	struct hl_store s;
	struct ip v[HL_ADDRS_MAX];
	int n;

	open_store(&s);
	n = hl_store_list(&s, owner, careful, v, HL_ADDRS_MAX, &err);
	hl_store_close(&s);
	return n;
}

static void lease_to(const struct hl_owner *owner, const char *address, bool record)
{
	struct hl_store s;
	struct ip v = ip(address);
	const struct hl_lease lease = { .v = &v, .n = 1 };

	open_store(&s);
	CHECK_INT(hl_store_list(&s, owner, false, &(struct ip){ 0 }, 1, &err), 0);
	CHECK_INT(hl_store_take(&s, &v, owner, &err), 1);
	if (record)
		CHECK_INT(hl_store_record(&s, owner, &lease, &err), 0);
	else
		s.synced = false; /* a crash does not come to the stamp */
	hl_store_close(&s);
}

static void release(const struct hl_owner *owner)
{
	struct hl_store s;

	open_store(&s);
	CHECK_INT(hl_store_release(&s, owner, &err), 0);
	hl_store_close(&s);
}

TEST(of_two_takers_one_gets_it)
{
	struct hl_store s;
	struct ip v = ip("10.0.0.2");
	char holder[64];

	fresh();
	open_store(&s);
	CHECK_INT(hl_store_take(&s, &v, &c1, &err), 1);
	CHECK_INT(hl_store_take(&s, &v, &c1, &err), 0);
	CHECK(hl_store_holder(&s, &v, holder, sizeof(holder)));
	CHECK_STR(holder, "c1/eth0");
	CHECK_INT(hl_store_owns(&s, &v, &c1, NULL), 1);
	CHECK_INT(hl_store_owns(&s, &v, &c2, NULL), 0);
	hl_store_close(&s);
	done();
}

TEST(a_network_that_was_never_used_is_not_made)
{
	struct hl_store s;

	fresh();
	CHECK_INT(hl_store_open(&s, dir, "net", false, &err), 0);
	CHECK(!there("net"));
	done();
}

TEST(what_is_released_is_gone_with_its_record)
{
	fresh();
	lease_to(&c1, "10.0.0.2", true);
	CHECK(there("net/10.0.0.2") && there(".skerry/net/c1:eth0"));
	CHECK_INT(list(&c1, false), 1);
	release(&c2);
	CHECK_INT(list(&c1, false), 1);
	release(&c1);
	CHECK(!there("net/10.0.0.2") && !there(".skerry/net/c1:eth0"));
	release(&c1);
	done();
}

TEST(a_crash_before_the_record_is_found)
{
	fresh();
	lease_to(&c2, "10.0.0.9", true);
	lease_to(&c1, "10.0.0.2", false);
	CHECK(!there(".skerry/net/c1:eth0"));
	CHECK_INT(list(&c1, false), 1);
	release(&c1);
	CHECK(!there("net/10.0.0.2"));
	CHECK(there("net/10.0.0.9"));
	done();
}

TEST(leases_of_other_programs_are_found)
{
	const struct timespec tick = { .tv_nsec = 30000000 };

	fresh();
	lease_to(&c2, "10.0.0.9", true);
	CHECK_INT(nanosleep(&tick, NULL), 0);
	foreign("10.0.0.2", "c1\r\neth0");
	foreign("10.0.0.3", "c1");
	foreign("10.0.0.4", "c1\r\neth1");
	foreign("10.0.0.5", "");
	foreign("last_reserved_ip.0", "10.0.0.5");
	CHECK_INT(list(&c1, false),
		  1); /* its own; that without an interface only when there is none */
	release(&c1);
	CHECK(!there("net/10.0.0.2"));
	CHECK(there("net/10.0.0.4"));
	release(&c1);
	CHECK(!there("net/10.0.0.3"));
	CHECK(there("net/10.0.0.4") && there("net/10.0.0.9"));
	done();
}

TEST(a_change_in_the_same_moment_is_found_by_the_careful)
{
	fresh();
	lease_to(&c2, "10.0.0.9", true);
	foreign("10.0.0.2", "c1\r\neth0");
	CHECK_INT(list(&c1, true), 1);
	done();
}

TEST(an_empty_file_is_no_lease)
{
	struct hl_store s;
	struct ip v = ip("10.0.0.2");

	fresh();
	lease_to(&c2, "10.0.0.9", true);
	foreign("10.0.0.2", "");
	open_store(&s);
	CHECK_INT(hl_store_take(&s, &v, &c1, &err), 1);
	CHECK_INT(hl_store_owns(&s, &v, &c1, NULL), 1);
	hl_store_close(&s);
	done();
}

TEST(what_a_crash_left_without_content_goes_with_the_next_one)
{
	const struct timespec tick = { .tv_nsec = 30000000 };

	fresh();
	lease_to(&c1, "10.0.0.2", true);
	CHECK_INT(nanosleep(&tick, NULL), 0);
	/* killed before the content was written */
	foreign("10.0.0.3", "");
	release(&c2);
	CHECK(!there("net/10.0.0.3"));
	CHECK_INT(list(&c1, false), 1);
	done();
}

TEST(the_last_address_is_remembered_and_nonsense_forgotten)
{
	struct hl_store s;
	struct ip v = ip("10.0.0.7");

	fresh();
	open_store(&s);
	CHECK(ip_is_none(&(struct ip){ 0 }));
	CHECK_INT(hl_store_last(&s, 0).family, 0);
	CHECK_INT(hl_store_set_last(&s, 0, &v, &err), 0);
	v = hl_store_last(&s, 0);
	CHECK(ip_eq(&v, &(struct ip){ .family = v.family, .bytes = { 10, 0, 0, 7 } }));
	v = ip("10.0.0.123");
	CHECK_INT(hl_store_set_last(&s, 0, &v, &err), 0);
	CHECK_INT(hl_store_last(&s, 0).bytes[3], 123);
	v = ip("10.0.0.8"); /* nothing is left of the longer one */
	CHECK_INT(hl_store_set_last(&s, 0, &v, &err), 0);
	CHECK_INT(hl_store_last(&s, 0).bytes[3], 8);
	foreign("last_reserved_ip.0", "");
	CHECK_INT(hl_store_last(&s, 0).family, 0);
	foreign("last_reserved_ip.0", "nonsense");
	CHECK_INT(hl_store_last(&s, 0).family, 0);
	hl_store_close(&s);
	done();
}

TEST(gc_keeps_what_is_attached)
{
	struct netconf_attachment valid[] = { { .container_id = dir, .ifname = dir } };
	struct netconf conf = { .attachments = { valid, 1 } };
	static char id[] = "c2", ifname[] = "eth0";
	struct hl_store s;

	valid[0].container_id = id;
	valid[0].ifname = ifname;
	fresh();
	lease_to(&c1, "10.0.0.2", true);
	lease_to(&c2, "10.0.0.3", true);
	open_store(&s);
	CHECK_INT(hl_store_gc(&s, &conf, &err), 0);
	hl_store_close(&s);
	CHECK(!there("net/10.0.0.2") && !there(".skerry/net/c1:eth0"));
	CHECK(there("net/10.0.0.3") && there(".skerry/net/c2:eth0"));
	done();
}
