/* SPDX-License-Identifier: Apache-2.0 */
/* skerry.h - libskerry: OCI containers from C
 *
 * The command line program is written against just this header.  No foreign
 * type is exposed; option structs start with their size so that they can
 * grow.  Functions return 0 (or what is said) or -1 with *err filled; err may
 * be NULL.  The library never prints and never exits; it forks, so call it
 * from a single thread.
 */
#ifndef SKERRY_H
#define SKERRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SKERRY_VERSION	    "0.1.0"
#define SKERRY_SPEC_VERSION "1.3.0"

struct skerry_error {
	int code; /* errno value */
	int exit_code; /* what a program should exit with; 0: 1 */
	char phase[32]; /* step that failed, or "" */
	char field[160]; /* JSON pointer into config.json, or "" */
	char message[512];
};

/* Call it first in main() of a program that creates containers or executes in them: runs the
 * program again from a copy of its file that no container can write to (CVE-2019-5736).
 * Returns 0 in that copy, or -1. */
int skerry_seal(char *const argv[], struct skerry_error *err);

enum skerry_cgroup_manager { SKERRY_CGROUPFS, SKERRY_SYSTEMD, SKERRY_NO_CGROUPS };

/* Where state lives and how groups are managed. */
struct skerry_options {
	size_t size; /* sizeof(struct skerry_options) */
	const char *root; /* state directory; NULL: the default for this user */
	enum skerry_cgroup_manager cgroup_manager;
	int rootless; /* 1 yes, 0 no, -1 find out */
	void (*debug)(const char *text, void *arg); /* debug messages, or NULL */
	void (*warn)(const char *text, void *arg);
	void *log_arg;
	const char *criu; /* the program; NULL: $SKERRY_CRIU, else of $PATH */
};
struct skerry;
struct skerry *skerry_open(const struct skerry_options *options, struct skerry_error *err);
void skerry_close(struct skerry *s);

enum skerry_status {
	SKERRY_CREATING,
	SKERRY_CREATED,
	SKERRY_RUNNING,
	SKERRY_PAUSED,
	SKERRY_STOPPED,
};
const char *skerry_status_name(enum skerry_status status);

struct skerry_create_options {
	size_t size;
	const char *bundle; /* NULL: "." */
	const char
		*config; /* file name or path of config.json; NULL: "config.json" in the bundle */
	const char *console_socket; /* unix socket that gets the terminal's master */
	const char *pidfd_socket;
	const char *pid_file;
	bool no_pivot, no_new_keyring, no_subreaper;
	unsigned int preserve_fds; /* descriptors 3 .. 3+n-1 are passed on */
	bool detach; /* run: return after start */
	bool keep; /* run: do not delete at the end */
	/* create: where the init's pid goes; create, and run and restore with detach: the terminal's
	 * master if there is one (in place of console_socket; the caller closes it); or NULL */
	pid_t *ret_pid;
	int *ret_master;
	/* Networks, for which the program skerry-net is run; nothing is done where all are NULL.  Lists
	 * end with NULL. */
	char *const *networks; /* "NAME[:ip=..,mac=..,ifname=..,alias=..]", or one of "none",
				* "host", "container:ID" */
	char *const *ports; /* "[ADDRESS:]HOST-PORT:PORT[/PROTOCOL]" */
	char *const *dns, *const *dns_search, *const *dns_options;
	char *const *hosts; /* "NAME:ADDRESS" for /etc/hosts */
	const char *ip, *mac; /* of the first network */
	const char *pod; /* id of a container whose network, IPC and host name are shared */
};
int skerry_create(struct skerry *s, const char *id, const struct skerry_create_options *o,
		  struct skerry_error *err);
int skerry_start(struct skerry *s, const char *id, struct skerry_error *err);
/* create + start + (unless detach) wait and delete: the exit status (0..255), or -1. */
int skerry_run(struct skerry *s, const char *id, const struct skerry_create_options *o,
	       struct skerry_error *err);

struct skerry_exec_options {
	size_t size;
	const char *
		process_file; /* JSON of a process; else the fields below over the container's process */
	char *const *argv; /* NULL-terminated */
	const char *cwd, *user; /* user: "UID[:GID]" or a name from the container's /etc/passwd */
	char *const *env; /* NULL-terminated KEY=VALUE, added */
	char *const *caps; /* added to all sets but ambient */
	const char *additional_gids; /* comma separated, or NULL */
	const char *console_socket, *pidfd_socket, *pid_file;
	const char *apparmor, *process_label;
	char *const *cgroups; /* "PATH" or "controller:PATH", or NULL */
	int tty; /* 1, 0; -1: as in the process document */
	bool no_new_privs, detach, ignore_paused;
	unsigned int preserve_fds;
	const char *process; /* JSON of a process itself, of process_len bytes, or NULL */
	size_t process_len;
	/* with detach: as for create */
	pid_t *ret_pid;
	int *ret_master;
};
/* The exit status in the foreground, 0 with detach, or -1. */
int skerry_exec(struct skerry *s, const char *id, const struct skerry_exec_options *o,
		struct skerry_error *err);

/* Checkpoint and restore by the program criu(8) ($SKERRY_CRIU, else of $PATH).  Restoring takes those
 * that it has a use for. */
struct skerry_checkpoint_options {
	size_t size;
	/* Directories; NULL: "checkpoint", and that of the images. */
	const char *image_path, *work_path;
	const char *parent_path; /* images of an earlier pre-dump, relative to image_path */
	const char *page_server; /* "ADDRESS:PORT" that gets the pages */
	const char *manage_cgroups_mode; /* "soft", "full", "strict", "ignore", ... */
	const char *empty_ns; /* "network": its devices aren't saved (they never are) */
	const char *network_lock; /* "iptables", "nftables", "skip" */
	const char *lsm_profile, *lsm_mount_context;
	/* An archive in the layout of podman's and the CRI's, by the program skerry-archive; "-": standard
	 * output and input.  Restoring makes what the bundle hasn't. */
	const char *export_path, *import_path;
	const char *compress; /* "zstd" (NULL), "gzip", "none" */
	const char *create_image; /* the same as an image of this name in the store */
	const char *rootfs_image; /* "NAME[@sha256:ID]" that the root file system was made from */
	int status_fd; /* gets a NUL byte when lazy pages can be fetched; 0: none */
	/* A connected socket, 0: none.  At each step of criu's (criu.org, "Action scripts") it is told
	 * "STEP PID\n" and waits for "go\n" or, to have all of it undone, "no\n"; its end is a no.  Once
	 * "held\n" was said before the answer, that end leaves a checkpointed container paused. */
	int notify_fd;
	bool leave_running, pre_dump, tcp_established, tcp_skip_in_flight, tcp_close;
	bool ext_unix_sk, shell_job, file_locks, link_remap, lazy_pages, auto_dedup, ignore_rootfs;
};
int skerry_checkpoint(struct skerry *s, const char *id, const struct skerry_checkpoint_options *o,
		      struct skerry_error *err);
/* As skerry_run(), with processes from images. */
int skerry_restore(struct skerry *s, const char *id, const struct skerry_create_options *create,
		   const struct skerry_checkpoint_options *o, struct skerry_error *err);
/* A running twin of container `id` under another id.  create: bundle, config NULL: those of the
 * first; without any of the network options the networks of the first, with addresses of its own. */
int skerry_clone(struct skerry *s, const char *id, const char *twin,
		 const struct skerry_create_options *create,
		 const struct skerry_checkpoint_options *o, struct skerry_error *err);

/* Signal the init (or with all: every process of the group). */
int skerry_kill(struct skerry *s, const char *id, int sig, bool all, struct skerry_error *err);
int skerry_delete(struct skerry *s, const char *id, bool force, struct skerry_error *err);
int skerry_pause(struct skerry *s, const char *id, struct skerry_error *err);
int skerry_resume(struct skerry *s, const char *id, struct skerry_error *err);
/* resources: JSON of LinuxResources; l3 / mem-bw schemas in intel_rdt_*; applied with rollback and saved. */
int skerry_update(struct skerry *s, const char *id, const char *resources, size_t len,
		  const char *l3_schema, const char *mem_bw_schema, struct skerry_error *err);
/* Waits for the container's end: exit status, also after the fact where the kernel
 * remembers (PIDFD_GET_INFO) or Skerry saw it; -1 with ETIMEDOUT after timeout_ms (-1: for ever). */
int skerry_wait(struct skerry *s, const char *id, int timeout_ms, struct skerry_error *err);

struct skerry_state {
	char *id, *bundle, *rootfs, *created, *owner, *oci_version, *systemd_scope;
	char **annotations; /* key, value, key, value, NULL */
	pid_t pid; /* 0 when stopped */
	enum skerry_status status;
};
int skerry_state(struct skerry *s, const char *id, struct skerry_state *ret,
		 struct skerry_error *err);
void skerry_state_release(struct skerry_state *st);
/* The OCI state document: malloc'd. indent 0: compact. */
char *skerry_state_json(struct skerry *s, const char *id, int indent, struct skerry_error *err);
/* Ids in the state directory, sorted, NULL-terminated; free with skerry_strings_free(). */
char **skerry_list(struct skerry *s, struct skerry_error *err);
void skerry_strings_free(char **list);

/* Pids in the container's group, malloc'd; count in *ret_n. */
int skerry_pids(struct skerry *s, const char *id, pid_t **ret, size_t *ret_n,
		struct skerry_error *err);
/* The directory of the container's control group, for reading its files and waiting for changes: a
 * descriptor (O_DIRECTORY) that the caller closes; -1 with ENOENT when it has none. */
int skerry_cgroup_open(struct skerry *s, const char *id, struct skerry_error *err);
/* {"type":"stats",...} as one compact line, malloc'd. */
char *skerry_stats_json(struct skerry *s, const char *id, struct skerry_error *err);
/* Calls event() with one JSON line for each OOM and, every interval_ns, stats; returns when the
 * container ends. */
int skerry_events(struct skerry *s, const char *id, int64_t interval_ns,
		  void (*event)(const char *line, void *arg), void *arg, struct skerry_error *err);

/* Live changes with rollback. json: a mount object or an array of them. */
int skerry_mounts_add(struct skerry *s, const char *id, const char *json, size_t len,
		      struct skerry_error *err);
int skerry_mounts_remove(struct skerry *s, const char *id, const char *json, size_t len,
			 struct skerry_error *err);
/* device: a linux.devices entry plus "access". */
int skerry_device_add(struct skerry *s, const char *id, const char *json, size_t len,
		      struct skerry_error *err);
int skerry_device_remove(struct skerry *s, const char *id, const char *json, size_t len,
			 struct skerry_error *err);

/* Documents, malloc'd. */
char *skerry_spec_default(bool rootless);
char *skerry_features_json(struct skerry *s, struct skerry_error *err);
/* What this host will refuse of a config.json and why: JSON array of {field,reason}; *ret_bad their
 * number. */
char *skerry_check_json(struct skerry *s, const char *bundle, const char *config, int *ret_bad,
			struct skerry_error *err);
/* What the host can do: JSON array of {what,ok,why,fix}. */
char *skerry_doctor_json(struct skerry *s, struct skerry_error *err);
/* `run --plan`: what would be done, JSON. */
char *skerry_plan_json(struct skerry *s, const struct skerry_create_options *o, const char *id,
		       struct skerry_error *err);
/* Number of a signal name ("TERM", "SIGTERM", "15", "RTMIN+1"), or -1. */
int skerry_signal_parse(const char *name);

#ifdef __cplusplus
}
#endif
#endif
