/* SPDX-License-Identifier: Apache-2.0 */
/* frame.h - what the two ends of a migration say to each other
 *
 *	 0      4     5     6        8
 *	+------+-----+-----+--------+-----------------+
 *	| size | type| 0   | 0      | body: size bytes|   little endian
 *	+------+-----+-----+--------+-----------------+
 *
 * A body is a message of the protobuf wire format (base/wire.h) or, for what is
 * large, bytes behind a fixed head.  The chart of one migration, S the source, T
 * the target; everything up to COMMIT can fail and leaves S running:
 *
 *	S  HELLO                        T  HELLO
 *	S  OFFER (container, config)    T  ANSWER (what speaks against it)
 *	S  LAYER DATA ... LAYER_END     T  ACK      of its image, what ANSWER said is missing
 *	S  TREE ENTRY DATA ... TREE_END     the files, while the container runs
 *	S  PAGES ... ROUND              T  ACK      the memory, in rounds
 *	S  PREPARE                          the target's restore begins, and waits
 *	   -- the container stands still --
 *	S  TREE ... REMOVE ... TREE_END     what changed in the files
 *	S  PAGES, RUN ...                   what changed in the memory, the order of all
 *	S  TREE ... (criu's images)
 *	S  RESTORE                      T  READY    restored, not yet running
 *	S  COMMIT                       T  RUNNING
 *	                                T  FETCH ...   with --lazy, also before
 *	S  RUN ...                                  the pages of each
 *	                                T  FETCHED  all of them
 *	S  DONE
 *
 * PING and ABORT come from both at any time; STATUS (by a later connection) asks
 * what became of a migration whose end S has not heard.
 */
#ifndef SKERRY_MIGRATE_FRAME_H
#define SKERRY_MIGRATE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/wire.h"

#define FRAME_VERSION	4
#define FRAME_HEAD	8
#define FRAME_BODY_MAX	((size_t)1 << 20) /* of a message */
#define FRAME_BULK	((size_t)256 << 10) /* bytes of files or pages in one frame */
#define FRAME_UUID	32 /* hex digits */
#define FRAME_PAGE	4096 /* the unit of RUN and PAGES: criu's on this machine */
#define FRAME_NAMES_MAX 4096

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_OFFER,
	FRAME_ANSWER,
	FRAME_TREE,
	FRAME_ENTRY,
	FRAME_DATA,
	FRAME_REMOVE,
	FRAME_TREE_END,
	FRAME_PAGES,
	FRAME_ROUND,
	FRAME_ACK,
	FRAME_RUN,
	FRAME_RESTORE,
	FRAME_READY,
	FRAME_COMMIT,
	FRAME_RUNNING,
	FRAME_DONE,
	FRAME_ABORT,
	FRAME_PING,
	FRAME_STATUS,
	FRAME_VERDICT,
	FRAME_FETCH,
	FRAME_FETCHED,
	FRAME_PREPARE,
	FRAME_LAYER,
	FRAME_LAYER_END,
	FRAME_TYPES,
};

struct frame {
	enum frame_type type;
	const unsigned char *body;
	size_t size;
};

struct hello {
	uint32_t version;
	char *program; /* "skerry 0.1.0" */
	char *machine, *kernel; /* uname(2) */
	char *cpu_flags; /* those of /proc/cpuinfo */
	uint32_t criu; /* CRIU_VERSION() form: major * 10000 + minor * 100 + sublevel */
	uint32_t page_size;
	uint64_t disk, memory; /* free bytes, of a target */
};

struct ticket {
	char *network, *ifname;
	struct wire_bytes text;
};
struct volume {
	char *path; /* on both hosts */
	uint32_t shared; /* is on both already */
	uint32_t is_file;
};
struct offer {
	char *uuid, *id;
	char *bundle; /* where it is to be on the target; NULL: the target's choice */
	struct wire_bytes config; /* config.json */
	struct wire_bytes networks; /* network.json, or nothing */
	struct {
		struct volume *v;
		size_t n;
	} volumes;
	struct {
		struct ticket *v;
		size_t n;
	} tickets;
	char *address; /* of the source, as the target is to reach it; for the networks */
	uint64_t disk, memory; /* bytes that it will take */
	uint32_t dry_run;
	char *netns; /* network namespace on the target in place of the one in config.json */
	char *image; /* what skerry-image tells of it: the root is what changed since; or NULL */
	uint32_t lazy; /* memory follows once it runs there */
	struct wire_u64s stdio; /* st_mode of the init's 0, 1 and 2 */
};
struct answer {
	struct {
		char **v;
		size_t n;
	} problems;
	struct wire_u64s needs; /* layers of the image that aren't there, by their place in it */
};

/* The one whose tar the DATA frames up to LAYER_END are. */
struct layer_head {
	uint32_t index;
};

/* Which folder the frames up to TREE_END are about. */
enum tree_kind { TREE_ROOTFS, TREE_VOLUME, TREE_IMAGES, TREE_STDIO, TREE_KINDS };
struct tree_head {
	uint32_t kind, index; /* index: of the volume; of 0, 1 and 2, which have DATA only */
};
struct xattr {
	char *name;
	struct wire_bytes value;
};
struct entry {
	char *path; /* relative; "" is the top itself */
	uint32_t mode, uid, gid;
	uint64_t size, rdev;
	int64_t mtime_s;
	uint32_t mtime_ns;
	char *link; /* of a symbolic link: where to; of a hard one: the path sent before */
	uint32_t is_hard;
	struct {
		struct xattr *v;
		size_t n;
	} xattrs;
};
struct removal {
	char *path;
};

struct round_end {
	uint32_t round;
};
struct ack {
	uint64_t bytes; /* received so far */
};
struct restore_order {
	uint32_t tcp_established;
	uint64_t pages; /* that RUN frames told about */
	uint32_t lazy;
};
/* Pages that are wanted: the RUN frames that answer have just these, in order. */
struct fetch {
	uint64_t task, address, count;
};
#define FRAME_FETCH_MAX ((uint64_t)1 << 20) /* pages */
struct outcome {
	char *text; /* what failed, in words; or what became of it (STATUS) */
	uint32_t code; /* errno */
	int32_t pid;
};

/* DATA: u64 offset, then bytes of the last ENTRY (of a layer: the count of those before; of
 * TREE_STDIO: of the file, which 0 begins anew).
 * PAGES: u64 task, u64 address, then whole pages.
 * RUN: u64 task, u64 address, u64 count | flags: the next pages in criu's order; with data
 * behind, these are their contents, else they are as they were sent last. */
#define FRAME_DATA_HEAD	 8
#define FRAME_PAGES_HEAD 16
#define FRAME_RUN_HEAD	 24
struct page_run {
	uint64_t task, address, count;
	uint32_t flags; /* criu's: 4 present, 2 lazy */
	const unsigned char *data; /* or NULL */
};

struct message_table;
/* The type's name, and the table of its message (NULL: bytes, or nothing). */
const char *frame_name(enum frame_type type);
const struct wire_table *frame_table(enum frame_type type);

/* The head: 0 and *ret (body NULL), or -1 (EBADMSG): a type or a size that can't be. */
int frame_parse_head(const unsigned char head[FRAME_HEAD], struct frame *ret, struct err *err);
void frame_format_head(enum frame_type type, size_t size, unsigned char head[FRAME_HEAD]);
/* The body as the struct of its type; what it points at is the arena's or the body's.  Checks
 * what is promised of each: names that lead nowhere else, ids, ranges. */
int frame_decode(const struct frame *f, void *dst, struct arena *arena, struct err *err);
/* The two halves of the bodies that are bytes. */
int frame_decode_data(const struct frame *f, uint64_t *ret_offset, const unsigned char **ret_data,
		      size_t *ret_size, struct err *err);
int frame_decode_run(const struct frame *f, struct page_run *ret, struct err *err);
void frame_put_u64(unsigned char *dst, uint64_t v);
uint64_t frame_get_u64(const unsigned char *src);
/* A relative path without "", "." and ".." parts, not above PATH_MAX. */
int frame_check_path(const char *path, struct err *err);

#endif
