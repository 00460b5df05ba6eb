/* SPDX-License-Identifier: Apache-2.0 */
/* journal.c - what each end has decided, where a crash can't take it */
#include "runtime/migrate/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"

#define FOLDER	   ".migrate"
#define RECORD_MAX ((size_t)64 << 10)
#define TRY_MS	   50

static const char *const names[JOURNAL_STATES] = {
	[JOURNAL_OPEN] = "open",
	[JOURNAL_READY] = "ready",
	[JOURNAL_COMMITTING] = "committing",
	[JOURNAL_COMMITTED] = "committed",
	[JOURNAL_PULLING] = "pulling",
	[JOURNAL_RUNNING] = "running",
	[JOURNAL_ABORTED] = "aborted",
};

const char *journal_state_name(enum journal_state state)
{
	return names[state];
}

struct record {
	char *uuid, *id, *host, *bundle, *role, *state;
};
static const struct json_field fields[] = {
	JSON_FIELD(struct record, uuid, JSON_STRING, .required = true),
	JSON_FIELD(struct record, id, JSON_STRING, .required = true),
	JSON_FIELD(struct record, host, JSON_STRING),
	JSON_FIELD(struct record, bundle, JSON_STRING),
	JSON_FIELD(struct record, role, JSON_STRING, .required = true),
	JSON_FIELD(struct record, state, JSON_STRING, .required = true),
};
static const struct json_table table = JSON_TABLE(struct record, fields);

void journal_new_uuid(char uuid[FRAME_UUID + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char raw[FRAME_UUID / 2];

	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		abort(); /* can't be for so few bytes (getrandom(2)) */
	for (size_t i = 0; i < sizeof(raw); i++) {
		uuid[2 * i] = digits[raw[i] >> 4];
		uuid[2 * i + 1] = digits[raw[i] & 15];
	}
	uuid[FRAME_UUID] = '\0';
}

static int record_name(const struct journal *j, char name[FRAME_UUID + 8])
{
	return str_format(name, FRAME_UUID + 8, "%s.json", j->uuid);
}

static int open_folder(struct journal *j, const char *root, bool make, struct err *err)
{
	char path[PATH_MAX];

	if (str_format(path, sizeof(path), "%s/" FOLDER, root) < 0)
		return err_sys(err, "state directory \"%.200s\"", root);
	if (make && file_make_dirs(path, 0700) < 0)
		return err_sys(err, "make \"%s\"", path);
	j->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir < 0)
		return err_sys(err, "open \"%s\"", path);
	if (str_format(j->folder, sizeof(j->folder), "%s/%s", path, j->uuid) < 0)
		return err_sys(err, "state directory \"%.200s\"", root);
	return 0;
}

/* By rename and synced: it may be all that is left to decide by. */
static int write_record(const struct journal *j, struct err *err)
{
	char name[FRAME_UUID + 8];
	struct json_out o;
	AUTO_BUF text;

	buf_init(&text);
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	json_kv_string(&o, "uuid", j->uuid);
	json_kv_string(&o, "id", j->id);
	json_kv_string(&o, "host", j->host);
	json_kv_string(&o, "bundle", j->bundle);
	json_kv_string(&o, "role", j->is_source ? "source" : "target");
	json_kv_string(&o, "state", names[j->state]);
	json_end_object(&o);
	if (record_name(j, name) < 0 || buf_failed(&text) ||
	    file_replace(j->dir, name, text.s, text.len, 0600) < 0 || fsync(j->dir) < 0)
		return err_sys(err, "write the record of migration %s", j->uuid);
	return 0;
}

static int read_record(struct journal *j, struct err *err)
{
	char name[FRAME_UUID + 8];
	CLEANUP(arena_release) struct arena arena;
	struct record r;
	AUTO_BUF text;

	arena_init(&arena, RECORD_MAX * 4);
	buf_init(&text);
	if (record_name(j, name) < 0 || file_read(j->dir, name, &text, RECORD_MAX, true) < 0)
		return err_sys(err, "read the record of migration %s", j->uuid);
	if (json_decode(name, text.s, text.len, &table, &r, &arena, err) < 0)
		return -1;
	if (str_copy(j->id, sizeof(j->id), r.id) < 0 ||
	    str_copy(j->host, sizeof(j->host), r.host ? r.host : "") < 0 ||
	    str_copy(j->bundle, sizeof(j->bundle), r.bundle ? r.bundle : "") < 0)
		return err_sys(err, "the record of migration %s", j->uuid);
	j->is_source = strcmp(r.role, "source") == 0;
	for (int i = 0; i < JOURNAL_STATES; i++) {
		if (strcmp(r.state, names[i]) == 0) {
			j->state = (enum journal_state)i;
			return 0;
		}
	}
	return err_set(err, EBADMSG, "the record of migration %s has the state \"%.40s\"", j->uuid,
		       r.state);
}

/* The lock is on the folder of the work, which is there as long as the record counts. */
static int take_lock(struct journal *j, int wait_ms, struct err *err)
{
	if (j->lock < 0)
		j->lock = openat(j->dir, j->uuid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->lock < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open \"%s\"", j->folder);
	for (;; wait_ms -= TRY_MS) {
		if (flock(j->lock, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return err_sys(err, "lock \"%s\"", j->folder);
		if (wait_ms <= 0)
			return err_set(err, EBUSY, "migration %s is still going on", j->uuid);
		(void)usleep(TRY_MS * 1000);
	}
}

int journal_begin(struct journal *j, const char *root, struct err *err)
{
	if (open_folder(j, root, true, err) < 0)
		return -1;
	if (mkdirat(j->dir, j->uuid, 0700) < 0)
		return err_sys(err, "make \"%s\"", j->folder);
	j->work = openat(j->dir, j->uuid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->work < 0)
		return err_sys(err, "open \"%s\"", j->folder);
	j->state = JOURNAL_OPEN;
	return take_lock(j, 0, err) < 0 ? -1 : write_record(j, err);
}

/* Calls each() for every record that can be read; it returns false to end that. */
static int walk(int dir, bool (*each)(struct journal *j, void *arg), void *arg, struct err *err)
{
	AUTO_FD copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *d;
	bool more = true;

	if (!list)
		return err_sys(err, "list migrations");
	(void)fd_take(&copy);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	while (more && (d = readdir(list))) {
		struct journal j = { .dir = dir, .lock = -1, .work = -1 };

		if (strlen(d->d_name) != FRAME_UUID + 5 ||
		    strcmp(d->d_name + FRAME_UUID, ".json") != 0)
			continue;
		memcpy(j.uuid, d->d_name, FRAME_UUID);
		if (read_record(&j, NULL) == 0)
			more = each(&j, arg);
		j.lock = fd_close(j.lock);
	}
	(void)closedir(list);
	return 0;
}

/* The source's record of that container: one that waits to be settled before any other. */
static bool is_of(struct journal *j, void *arg)
{
	struct journal *wanted = arg;

	if (!j->is_source || strcmp(j->id, wanted->id) != 0)
		return true;
	memcpy(wanted->uuid, j->uuid, sizeof(wanted->uuid));
	return j->state != JOURNAL_COMMITTING;
}

static int find_by_id(struct journal *j, struct err *err)
{
	return walk(j->dir, is_of, j, err) < 0 ? -1 : j->uuid[0] != '\0';
}

struct sweep {
	void (*undo)(const struct journal *j, void *arg);
	void *arg;
};

static bool sweep_one(struct journal *j, void *arg)
{
	const struct sweep *s = arg;
	const bool counts = j->is_source
				    ? j->state == JOURNAL_COMMITTING
				    : j->state == JOURNAL_COMMITTED || j->state == JOURNAL_RUNNING;

	if (counts || take_lock(j, 0, NULL) < 0)
		return true;
	if (s->undo)
		s->undo(j, s->arg);
	journal_clean(j, true);
	return true;
}

void journal_sweep(const char *root, void (*undo)(const struct journal *j, void *arg), void *arg)
{
	struct sweep s = { undo, arg };
	struct journal j = JOURNAL_INIT;

	if (open_folder(&j, root, false, NULL) == 0)
		(void)walk(j.dir, sweep_one, &s, NULL);
	journal_close(&j);
}

int journal_find(struct journal *j, const char *root, struct err *err)
{
	char name[FRAME_UUID + 8];
	int rc = 1;

	if (open_folder(j, root, false, err) < 0) {
		if (err && err->code == ENOENT)
			return 0;
		return -1;
	}
	if (!j->uuid[0])
		rc = find_by_id(j, err);
	if (rc <= 0)
		return rc;
	if (str_format(j->folder, sizeof(j->folder), "%s/" FOLDER "/%s", root, j->uuid) < 0 ||
	    record_name(j, name) < 0)
		return err_sys(err, "migration %s", j->uuid);
	if (faccessat(j->dir, name, F_OK, 0) < 0)
		return 0;
	return read_record(j, err) < 0 ? -1 : 1;
}

int journal_wait(struct journal *j, int wait_ms, struct err *err)
{
	return take_lock(j, wait_ms, err) < 0 ? -1 : read_record(j, err);
}

int journal_advance(struct journal *j, enum journal_state from, enum journal_state to,
		    struct err *err)
{
	const enum journal_state before = j->state;
	int rc = 0;

	/* A lock of its own description: ours of the work folder is held by who lives. */
	AUTO_FD all = openat(j->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (all < 0 || flock(all, LOCK_EX) < 0)
		return err_sys(err, "lock the migrations");
	if (read_record(j, err) < 0)
		return -1;
	if (j->state != from)
		return err_set(err, ESTALE, "migration %s is %s already", j->uuid, names[j->state]);
	j->state = to;
	rc = write_record(j, err);
	if (rc < 0)
		j->state = before;
	return rc;
}

void journal_clean(struct journal *j, bool all)
{
	char name[FRAME_UUID + 8];

	if (j->dir < 0 || !j->uuid[0] || record_name(j, name) < 0)
		return;
	if (all)
		(void)unlinkat(j->dir, name, 0);
	(void)file_remove_tree(j->dir, j->uuid);
}

void journal_close(struct journal *j)
{
	j->work = fd_close(j->work);
	j->lock = fd_close(j->lock);
	j->dir = fd_close(j->dir);
}
