/* SPDX-License-Identifier: Apache-2.0 */
/* journal.h - what each end has decided, where a crash can't take it
 *
 *	ROOT/.migrate/UUID.json   the record; whoever works on the migration holds its lock
 *	ROOT/.migrate/UUID/       images and logs meanwhile
 *
 * The source's states: open, committing (COMMIT may have been heard), done.
 * The target's: open, ready (restored, waits for COMMIT), committed (from here
 * on its copy counts), or with --lazy pulling (it runs, and counts only once all of
 * its memory is there), running; aborted, after which a COMMIT comes too late.
 * There is no way from aborted to committed or back: changes are made under a
 * lock of the folder, whatever process makes them.
 */
#ifndef SKERRY_MIGRATE_JOURNAL_H
#define SKERRY_MIGRATE_JOURNAL_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "runtime/migrate/frame.h"

enum journal_state {
	JOURNAL_OPEN,
	JOURNAL_READY,
	JOURNAL_COMMITTING,
	JOURNAL_COMMITTED,
	JOURNAL_PULLING,
	JOURNAL_RUNNING,
	JOURNAL_ABORTED,
	JOURNAL_STATES,
};
const char *journal_state_name(enum journal_state state);

struct journal {
	int dir; /* ROOT/.migrate */
	int lock; /* held while we live, or -1 */
	int work; /* the folder */
	bool is_source;
	enum journal_state state;
	char uuid[FRAME_UUID + 1];
	char id[1025], host[1025], bundle[PATH_MAX];
	char folder[PATH_MAX]; /* the work folder's path */
};
#define JOURNAL_INIT                \
 {                                  \
  .dir = -1, .lock = -1, .work = -1 \
 }

void journal_new_uuid(char uuid[FRAME_UUID + 1]);
/* Makes record and folder; uuid, id, host, bundle and is_source are set. */
int journal_begin(struct journal *j, const char *root, struct err *err);
/* An earlier one, by its number, or the source's by container id (uuid ""): 1, 0 there is none,
 * -1. */
int journal_find(struct journal *j, const char *root, struct err *err);
/* Until nobody works on it any more; then its state is read once more.  EBUSY: the time is up. */
int journal_wait(struct journal *j, int wait_ms, struct err *err);
/* What others left that died before it counted: undo() takes away what the record names, then it
 * goes. */
void journal_sweep(const char *root, void (*undo)(const struct journal *j, void *arg), void *arg);
/* from: only if it is in that state (ESTALE). */
int journal_advance(struct journal *j, enum journal_state from, enum journal_state to,
		    struct err *err);
/* The folder goes, with `all` the record too. */
void journal_clean(struct journal *j, bool all);
void journal_close(struct journal *j);

#endif
