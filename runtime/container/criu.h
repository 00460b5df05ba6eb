/* SPDX-License-Identifier: Apache-2.0 */
/* criu.h - criu(8) as a service: `criu swrk` over a socket pair
 *
 * One protobuf message per datagram (images/rpc.proto of criu); libcriu isn't
 * used.  Invariants:
 *  1. criu looks up images_dir_fd and work_dir_fd in the table of the process
 *     that made the socket pair: this one, or with own_mounts the one that
 *     becomes criu.  They stay open until the answer.  inherit_fd counts in
 *     criu's own table, which is why those descriptors are named at its start
 *     and keep their numbers.
 *  2. A failed restore answers with the pid -1: only a success has one.
 *  3. criu is never killed by us: between stopping a process and the end of
 *     the dump that would take the process with it.  A notification answered
 *     with "no" makes criu undo what it did, and so does our own death.
 *
 * The fields have criu's names.
 */
#ifndef SKERRY_CONTAINER_CRIU_H
#define SKERRY_CONTAINER_CRIU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/wire.h"

enum criu_type {
	CRIU_EMPTY,
	CRIU_DUMP,
	CRIU_RESTORE,
	CRIU_CHECK,
	CRIU_PRE_DUMP,
	CRIU_PAGE_SERVER,
	CRIU_NOTIFY,
	CRIU_CPUINFO_DUMP,
	CRIU_CPUINFO_CHECK,
	CRIU_FEATURE_CHECK,
	CRIU_VERSION,
	CRIU_WAIT_PID,
	CRIU_PAGE_SERVER_CHLD,
	CRIU_SINGLE_PRE_DUMP,
};

enum criu_cgroup_mode {
	CRIU_CG_IGNORE,
	CRIU_CG_NONE,
	CRIU_CG_PROPS,
	CRIU_CG_SOFT,
	CRIU_CG_FULL,
	CRIU_CG_STRICT,
	CRIU_CG_DEFAULT,
};

enum criu_network_lock {
	CRIU_LOCK_DEFAULT,
	CRIU_LOCK_IPTABLES,
	CRIU_LOCK_NFTABLES,
	CRIU_LOCK_SKIP
};

struct criu_ext_mount {
	char *key, *val;
};
struct criu_cg_root {
	char *ctrl, *path;
};
struct criu_inherit_fd {
	char *key;
	int32_t fd; /* never 0: zero isn't written */
};
struct criu_join_ns {
	char *ns, *file, *extra;
};
struct criu_page_server {
	char *address;
	int32_t port, pid, fd;
};

struct criu_opts {
	char *log_file, *root, *parent_img, *freeze_cgroup, *lsm_profile, *lsm_mount_context,
		*config_file;
	struct criu_page_server *ps;
	struct {
		struct criu_ext_mount *v;
		size_t n;
	} ext_mnt;
	struct {
		struct criu_cg_root *v;
		size_t n;
	} cg_root;
	struct {
		struct criu_inherit_fd *v;
		size_t n;
	} inherit_fd;
	struct strings external, cgroup_dump_controller;
	struct {
		struct criu_join_ns *v;
		size_t n;
	} join_ns;
	int32_t images_dir_fd, work_dir_fd, pid, log_level, manage_cgroups_mode, status_fd,
		network_lock;
	uint32_t ghost_limit, empty_ns;
	bool leave_running, ext_unix_sk, tcp_established, evasive_devices, shell_job, file_locks,
		notify_scripts, track_mem, auto_dedup, link_remap, manage_cgroups, rst_sibling,
		tcp_skip_in_flight, lazy_pages, orphan_pts_master, tcp_close;
};
extern const struct wire_table criu_opts_table;

struct criu_features {
	bool mem_track, lazy_pages, pidfd_store;
};
struct criu_version {
	int32_t major, minor;
	char *gitid;
	int32_t sublevel;
};
#define CRIU_VERSION(major, minor, sub) ((major)*10000 + (minor)*100 + (sub))

struct criu_req {
	uint32_t type;
	struct criu_opts *opts;
	bool notify_success, keep_open;
	struct criu_features *features;
	uint32_t pid;
};
extern const struct wire_table criu_req_table;

struct criu_pid {
	int32_t pid;
};
struct criu_notify {
	char *script;
	int32_t pid;
};
struct criu_resp {
	uint32_t type;
	bool success;
	struct criu_pid *restore;
	struct criu_notify *notify;
	struct criu_page_server *ps;
	int32_t cr_errno;
	struct criu_features *features;
	struct criu_version *version;
	int32_t status;
};
extern const struct wire_table criu_resp_table;
/* One answer; what it points at belongs to the arena.  Refuses what no criu sends: an unknown type,
 * a notification without a name, a success without what it is about.  0 or -1. */
int criu_resp_decode(const void *data, size_t len, struct criu_resp *ret, struct arena *arena,
		     struct err *err);

/* Asked at each notification ("pre-dump", "network-lock", "post-dump", "setup-namespaces",
 * "post-restore", ...); fd is a descriptor that came with it, or -1, and is closed afterwards.
 * -1: criu is to undo it all. */
typedef int criu_notify_fn(void *arg, const struct criu_notify *n, int fd, struct err *err);

struct criu {
	int sock, pidfd;
	int ready; /* while it is open, breakpoints don't wait (perf_event_open(2)); or -1 */
	pid_t pid;
	bool own_mounts, asked;
	/* Called behind each notification that was answered, while criu goes on; or NULL. */
	void (*after)(void *arg, const struct criu_notify *n);
	int version; /* CRIU_VERSION() of what runs */
	char program[1024];
	struct arena arena; /* answers */
};

/* How it is started. */
struct criu_start {
	const char *program; /* NULL or "": criu_find() */
	int cgroup; /* directory that it, and what it restores, is born in; -1: ours */
	bool own_cgroup; /* a namespace of groups that begins there */
	/* A mount namespace of its own, where `root` is bound at `root_at` and the directories
	 * are opened anew: it may mount below those of its own only. */
	bool own_mounts;
	const char *root, *root_at;
	const char *dirs[2]; /* paths, and the numbers that they get */
	int dir_fds[2];
	const int *keep; /* descriptors that it has under the same numbers */
	size_t n_keep;
	bool same_session; /* --shell-job: of our session and terminal */
};
/* $SKERRY_CRIU, else the first of $PATH and the usual folders; 0 or -1. */
int criu_find(char *path, size_t size, struct err *err);
/* It starts, while the caller goes on; criu_check() waits for it. */
int criu_open(struct criu *c, const struct criu_start *start, struct err *err);
/* Ends it by the end of the socket, and waits. */
void criu_close(struct criu *c);
void criu_init(struct criu *c);
/* One request to its answer.  An answer without success is -1 with its cr_errno; why it failed
 * is in the log (criu_log_explain()). */
int criu_call(struct criu *c, const struct criu_req *req, criu_notify_fn *notify, void *arg,
	      struct criu_resp *ret, struct err *err);
/* The first request: asks for the version and refuses one that can't work on this kernel.  Its
 * mounts are made when this returns. */
int criu_check(struct criu *c, int least, struct err *err);
/* Does this criu, on this kernel, have them?  Ends the process like every other request. */
int criu_features(struct criu *c, struct criu_features *ret, struct err *err);

/* criu_cgroup.c: the options of the cgroup file system before criu, and given back after it. */
struct criu_cgroup_flags {
	char text[256];
};
void criu_cgroup_flags_save(struct criu_cgroup_flags *f);
int criu_cgroup_flags_restore(const struct criu_cgroup_flags *f, const char *mount_point,
			      struct err *err);
/* Those in a text like /proc/self/mountinfo: pure. */
bool criu_cgroup_flags_parse(const char *text, char *dst, size_t size);

/* criu_log.c: the error as one line, from the log's text: pure. */
void criu_log_explain(const char *log, size_t len, char *dst, size_t size);
/* Which criu an x86 kernel at least needs, 0: any.  Pure. */
int criu_least_for(const char *kernel_release, bool x86);

#endif
