/* SPDX-License-Identifier: Apache-2.0 */
/* migrate.h - skerry-migrate: the two ends of a migration
 *
 * source.c runs where the container is, target.c where it goes; both are one
 * sequence of steps over a channel (channel.h; the chart is in frame.h).
 * Invariants:
 *  1. The source's processes stand still from criu's dump until the target has
 *     said RUNNING or has verifiably given up; criu holds them, and lets them go
 *     on when this program dies.
 *  2. Before COMMIT every fault leaves the source running; after RUNNING the
 *     target's copy is the one; between them the source stays frozen until the
 *     target's record says which.
 *  3. The target's copy runs no instruction before its record says "committed".
 */
#ifndef SKERRY_MIGRATE_MIGRATE_H
#define SKERRY_MIGRATE_MIGRATE_H

#include "base/json.h"
#include "runtime/cli/options.h"
#include "runtime/migrate/channel.h"
#include "runtime/migrate/child.h"
#include "runtime/migrate/journal.h"
#include "runtime/migrate/tls.h"

/* In the bundle, what the container wrote; `skerry logs` shows it. */
#define STDIO_LOG "log"

/* The command line; both ends'. */
struct options {
	const char *runtime; /* the program skerry */
	const char *root, *cgroup_manager, *criu; /* its global options, or NULL */
	const char *ssh, *remote; /* words */
	struct tls_files tls;
	const char *listen, *bundle, *bundles, *netns, *address, *target_address, *bandwidth,
		*downtime, *max_downtime, *mode, *remove_bundle, *fault;
	unsigned int max_rounds, timeout;
	bool receive, resolve, dry_run, json, quiet, once, lazy, flat;
	struct option_list shared;
};

/* What can go wrong on purpose, for tests: "POINT:ACTION" in $SKERRY_MIGRATE_FAULT. */
void fault_point(const char *name);

/* connect.c: to HOST ("[USER@]NAME" by ssh, "tls://NAME:PORT"); ssh is the child. */
int connect_to(const struct options *o, const char *host, struct channel *ret, struct child *ssh,
	       struct err *err);
/* Splits words at blanks. */
int split_words(const char *text, struct arena *arena, struct strings *ret, struct err *err);

/* host.c: what a host is and has. */
int hello_make(const struct options *o, struct arena *arena, struct hello *ret, struct err *err);
int hello_check(const struct hello *ours, const struct hello *theirs, struct err *err);
/* The criu that is to be used: a path, or a name for $PATH. */
const char *criu_program(const struct options *o);
/* The state directory that the runtime uses. */
const char *state_root(const struct options *o, struct arena *arena);
/* Runs `skerry [--root ROOT] WORDS...` (NULL at the end) to its end; what it said into said. */
int run_skerry(const struct options *o, const char *const *words, struct buf *said,
	       struct err *err);
/* Those words for a child of the caller's own. */
/* The same with a file as its standard input. */
int run_skerry_with(const struct options *o, const char *const *words, int in, struct err *err);
char **skerry_words(const struct options *o, const char *const *words, struct arena *arena);

/* The two ends, and the question about one whose end wasn't heard. Exit statuses. */
enum { MIGRATE_OK, MIGRATE_FAILED, MIGRATE_STAYED = 75, MIGRATE_DOUBT = 76 };
int source_run(const struct options *o, const char *id, const char *host, struct err *err);
int source_resolve(const struct options *o, const char *id, struct err *err);
int target_run(const struct options *o, struct channel *channel, struct err *err);
int target_listen(const struct options *o, struct err *err);
int target_remove_bundle(const char *path, struct err *err);

#endif
