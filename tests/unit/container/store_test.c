/* SPDX-License-Identifier: Apache-2.0 */
/* store_test.c - the state directory */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "runtime/container/store.h"
#include "tests/unit/test.h"

static char root[64];
static struct store store = { .root = -1 };
static struct err err;

static bool open_store(void)
{
	store_close(&store);
	(void)snprintf(root, sizeof(root), "/tmp/store-test.XXXXXX");
	err_clear(&err);
	return mkdtemp(root) && store_open(root, false, true, &store, &err) == 0;
}

static void remove_store(void)
{
	char **ids = store_list(&store, NULL);

	for (size_t i = 0; ids && ids[i]; i++) {
		(void)file_remove_tree(store.root, ids[i]);
		free(ids[i]);
	}
	free(ids);
	store_close(&store);
	(void)rmdir(root);
}

TEST(what_is_saved_is_loaded)
{
	struct store_entry e = STORE_ENTRY_INIT, again = STORE_ENTRY_INIT;
	char id[] = "c1", bundle[] = "/b \"1\"\n", key[] = "k", value[] = "v";
	struct pair pairs[] = { { .key = key, .value = value } };

	REQUIRE(open_store());
	REQUIRE(store_reserve(&store, id, &e, &err) == 0);
	e.rec.id = id;
	e.rec.bundle = bundle;
	e.rec.annotations = (struct pairs){ .v = pairs, .n = 1 };
	e.rec.complete = true;
	e.rec.pid = 1234;
	e.rec.pidfs_ino = UINT64_MAX;
	e.rec.has_userns = true;
	e.rec.exit_status = -7;
	e.rec.has_exit = true;
	REQUIRE(store_save(&e, &err) == 0);
	REQUIRE(store_load(&store, id, STORE_NO_LOCK, &again, &err) == 0);
	CHECK_STR(again.rec.id, "c1");
	CHECK_STR(again.rec.bundle, bundle);
	CHECK_INT(again.rec.annotations.n, 1);
	CHECK_STR(again.rec.annotations.v[0].value, "v");
	CHECK(again.rec.complete && again.rec.has_userns && !again.rec.has_terminal);
	CHECK_INT(again.rec.pid, 1234);
	CHECK(again.rec.pidfs_ino == UINT64_MAX);
	CHECK_INT(again.rec.exit_status, -7);
	store_entry_release(&again);
	store_entry_release(&e);
	remove_store();
}

TEST(an_id_is_given_once)
{
	struct store_entry e = STORE_ENTRY_INIT, other = STORE_ENTRY_INIT;

	REQUIRE(open_store());
	REQUIRE(store_reserve(&store, "c1", &e, &err) == 0);
	CHECK_INT(store_reserve(&store, "c1", &other, &err), -1);
	CHECK_INT(err.code, EEXIST);
	CHECK_STR(err.msg, "container with given ID already exists: \"c1\"");
	CHECK_INT(store_remove(&store, "c1", &e, &err), 0);
	store_entry_release(&e);
	CHECK_INT(store_reserve(&store, "c1", &e, &err), 0);
	store_entry_release(&e);
	remove_store();
}

TEST(who_creates_is_seen_to_hold_the_lock)
{
	struct store_entry e = STORE_ENTRY_INIT, seen = STORE_ENTRY_INIT;

	REQUIRE(open_store());
	REQUIRE(store_reserve(&store, "c1", &e, &err) == 0);
	REQUIRE(store_load(&store, "c1", STORE_NO_LOCK, &seen, &err) == 0);
	CHECK(store_is_locked(&seen));
	CHECK(!seen.rec.complete);
	CHECK_INT(seen.rec.pid, 0);
	store_entry_release(&e);
	CHECK(!store_is_locked(&seen));
	store_entry_release(&seen);
	remove_store();
}

TEST(a_record_that_is_broken_is_an_error_that_names_the_container)
{
	struct store_entry e = STORE_ENTRY_INIT;

	REQUIRE(open_store());
	REQUIRE(store_reserve(&store, "c1", &e, &err) == 0);
	REQUIRE(file_replace(e.dir, STORE_STATE, "{\"id\":\n", 7, 0600) == 0);
	store_entry_release(&e);
	CHECK_INT(store_load(&store, "c1", STORE_NO_LOCK, &e, &err), -1);
	CHECK(strstr(err.msg, "c1"));
	store_entry_release(&e);
	remove_store();
}

TEST(the_first_record_counts_once_it_is_whole)
{
	struct store_entry e = STORE_ENTRY_INIT, seen = STORE_ENTRY_INIT;
	char id[] = "c1";

	REQUIRE(open_store());
	REQUIRE(store_reserve(&store, id, &e, &err) == 0);
	REQUIRE(file_replace(e.dir, STORE_STATE, "{\"id\":", 6, 0600) == 0);
	REQUIRE(store_load(&store, id, STORE_NO_LOCK, &seen, &err) == 0);
	CHECK(!seen.rec.complete && seen.rec.private_pidns);
	CHECK_STR(seen.rec.id, id);
	store_entry_release(&seen);
	REQUIRE(unlinkat(e.dir, STORE_STATE, 0) == 0);
	e.rec.id = id;
	e.rec.complete = true;
	REQUIRE(store_save_first(&e, &err) == 0);
	CHECK_INT(store_save_first(&e, &err), -1); /* there is one */
	REQUIRE(store_load(&store, id, STORE_NO_LOCK, &seen, &err) == 0);
	CHECK(seen.rec.complete);
	store_entry_release(&seen);
	store_entry_release(&e);
	remove_store();
}

TEST(the_list_is_sorted_and_has_containers_only)
{
	static const char *const ids[] = { "b", "a.1", "c" };
	struct store_entry e = STORE_ENTRY_INIT;
	char **list;

	REQUIRE(open_store());
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		REQUIRE(store_reserve(&store, ids[i], &e, &err) == 0);
		store_entry_release(&e);
	}
	CHECK_INT(mkdirat(store.root, ".cache", 0700), 0);
	CHECK_INT(fd_close(openat(store.root, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), -1);
	list = store_list(&store, &err);
	REQUIRE(list);
	CHECK_STR(list[0], "a.1");
	CHECK_STR(list[1], "b");
	CHECK_STR(list[2], "c");
	CHECK(!list[3]);
	for (size_t i = 0; list[i]; i++)
		free(list[i]);
	free(list);
	CHECK_INT(unlinkat(store.root, "file", 0), 0);
	CHECK_INT(unlinkat(store.root, ".cache", AT_REMOVEDIR), 0);
	remove_store();
}

TEST(a_container_that_is_not_there_says_so)
{
	struct store_entry e = STORE_ENTRY_INIT;

	REQUIRE(open_store());
	CHECK_INT(store_load(&store, "none", STORE_LOCK, &e, &err), -1);
	CHECK_INT(err.code, ENOENT);
	CHECK_STR(err.msg, "container \"none\" does not exist");
	remove_store();
}

TEST(a_process_is_known_again_and_another_with_its_number_is_not)
{
	struct record r = { 0 };
	AUTO_FD pidfd = proc_pidfd_open(getpid());
	int found;

	REQUIRE(pidfd >= 0);
	REQUIRE(record_set_process(&r, getpid(), pidfd, &err) == 0);
	found = record_open_process(&r);
	CHECK(found >= 0);
	(void)fd_close(found);
	r.pidfs_ino += r.pidfs_ino ? 1 : 0;
	r.start_time += 1;
	CHECK_INT(record_open_process(&r), -1);
}
