/* SPDX-License-Identifier: Apache-2.0 */
/* spec.h - config.json of an OCI bundle as structs
 *
 * runtime-spec 1.3, config.md and config-linux.md.  Names follow the JSON
 * keys.  Everything belongs to spec->arena and is read-only after spec_load().
 * A pointer that is NULL, an opt_* without .has and an array with n == 0 mean
 * that the key is absent.  This layer never touches the system.
 */
#ifndef SKERRY_SPEC_SPEC_H
#define SKERRY_SPEC_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"

#define SPEC_FILE_MAX ((size_t)8 << 20) /* bytes of config.json */
#define SPEC_VERSION  "1.3.0"

/* --- process ------------------------------------------------------------ */
struct spec_box {
	uint32_t height, width;
};
struct spec_user {
	uint32_t uid, gid;
	struct opt_u64 umask;
	struct u32s additionalGids;
	char *username; /* accepted, Windows only */
};
struct spec_rlimit {
	char *type;
	uint64_t hard, soft;
};
struct spec_caps {
	struct strings bounding, effective, inheritable, permitted, ambient;
};
struct spec_scheduler {
	char *policy; /* SCHED_OTHER ... */
	int32_t nice, priority;
	struct strings flags;
	uint64_t runtime, deadline, period; /* nanoseconds */
};
struct spec_io_priority {
	char *class_;
	int32_t priority;
}; /* key "class" */
struct spec_cpu_affinity {
	char *initial, *final;
}; /* execCPUAffinity, CPU lists */
struct spec_process {
	bool terminal;
	struct spec_box *consoleSize;
	struct spec_user user;
	struct strings args, env;
	char *commandLine;
	char *cwd;
	struct spec_caps *capabilities;
	struct {
		struct spec_rlimit *v;
		size_t n;
	} rlimits;
	bool noNewPrivileges;
	char *apparmorProfile, *selinuxLabel;
	struct opt_i64 oomScoreAdj;
	struct spec_scheduler *scheduler;
	struct spec_io_priority *ioPriority;
	struct spec_cpu_affinity *execCPUAffinity;
};

/* --- root, mounts, hooks ------------------------------------------------- */
struct spec_root {
	char *path;
	bool readonly;
};
struct spec_id_map {
	uint32_t containerID, hostID, size;
};
struct spec_id_maps {
	struct spec_id_map *v;
	size_t n;
};
struct spec_mount {
	char *destination, *type, *source;
	struct strings options;
	struct spec_id_maps uidMappings, gidMappings;
};
struct spec_hook {
	char *path;
	struct strings args, env;
	bool has_env; /* "env" was there, maybe empty */
	struct opt_i64 timeout; /* seconds, > 0 */
};
struct spec_hook_list {
	struct spec_hook *v;
	size_t n;
};
struct spec_hooks {
	struct spec_hook_list prestart, createRuntime, createContainer, startContainer, poststart,
		poststop;
};

/* --- linux ---------------------------------------------------------------- */
struct spec_namespace {
	char *type, *path;
};
struct spec_device {
	char *type, *path; /* "c" "b" "u" "p" */
	struct opt_i64 major, minor;
	struct opt_u64 fileMode, uid, gid;
};
struct spec_net_device {
	char *key;
	char *name;
};
struct spec_time_offset {
	char *key;
	int64_t secs;
	uint32_t nanosecs;
}; /* key: boottime, monotonic */

struct spec_device_rule {
	bool allow;
	char *type; /* "a" "b" "c" or NULL (= a) */
	struct opt_i64 major, minor; /* -1 or absent: any */
	char *access; /* subset of "rwm" */
};
struct spec_memory {
	struct opt_i64 limit, reservation, swap, kernel, kernelTCP; /* bytes, -1 unlimited */
	struct opt_u64 swappiness;
	struct opt_bool disableOOMKiller, useHierarchy, checkBeforeUpdate;
};
struct spec_cpu {
	struct opt_u64 shares;
	struct opt_i64 quota; /* microseconds */
	struct opt_u64 period; /* microseconds */
	struct opt_u64 burst; /* microseconds */
	struct opt_i64 realtimeRuntime;
	struct opt_u64 realtimePeriod;
	struct opt_i64 idle;
	char *cpus, *mems;
};
struct spec_weight_device {
	int64_t major, minor;
	struct opt_u64 weight, leafWeight;
};
struct spec_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};
struct spec_throttles {
	struct spec_throttle_device *v;
	size_t n;
};
struct spec_block_io {
	struct opt_u64 weight, leafWeight;
	struct {
		struct spec_weight_device *v;
		size_t n;
	} weightDevice;
	struct spec_throttles throttleReadBpsDevice, throttleWriteBpsDevice, throttleReadIOPSDevice,
		throttleWriteIOPSDevice;
};
struct spec_hugepage_limit {
	char *pageSize;
	uint64_t limit;
};
struct spec_net_priority {
	char *name;
	uint32_t priority;
};
struct spec_network {
	struct opt_u64 classID;
	struct {
		struct spec_net_priority *v;
		size_t n;
	} priorities;
};
struct spec_rdma {
	char *key;
	struct opt_u64 hcaHandles, hcaObjects;
};
struct spec_pids {
	struct opt_i64 limit;
};
struct spec_resources {
	struct {
		struct spec_device_rule *v;
		size_t n;
	} devices;
	struct spec_memory *memory;
	struct spec_cpu *cpu;
	struct spec_pids *pids;
	struct spec_block_io *blockIO;
	struct {
		struct spec_hugepage_limit *v;
		size_t n;
	} hugepageLimits;
	struct spec_network *network;
	struct {
		struct spec_rdma *v;
		size_t n;
	} rdma;
	struct pairs unified;
};

struct spec_seccomp_arg {
	uint32_t index;
	uint64_t value, valueTwo;
	char *op;
};
struct spec_seccomp_rule {
	struct strings names;
	char *action;
	struct opt_u64 errnoRet;
	struct {
		struct spec_seccomp_arg *v;
		size_t n;
	} args;
};
struct spec_seccomp {
	char *defaultAction;
	struct opt_u64 defaultErrnoRet;
	struct strings architectures, flags;
	char *listenerPath, *listenerMetadata;
	struct {
		struct spec_seccomp_rule *v;
		size_t n;
	} syscalls;
};
struct spec_intel_rdt {
	char *closID, *l3CacheSchema, *memBwSchema;
	struct strings schemata;
	bool enableCMT, enableMBM; /* older names */
	bool enableMonitoring;
};
struct spec_personality {
	char *domain;
	struct strings flags;
};
struct spec_memory_policy {
	char *mode, *nodes;
	struct strings flags;
};
struct spec_linux {
	struct {
		struct spec_namespace *v;
		size_t n;
	} namespaces;
	struct spec_id_maps uidMappings, gidMappings;
	struct {
		struct spec_time_offset *v;
		size_t n;
	} timeOffsets;
	struct {
		struct spec_device *v;
		size_t n;
	} devices;
	struct {
		struct spec_net_device *v;
		size_t n;
	} netDevices;
	char *cgroupsPath;
	struct spec_resources *resources;
	struct pairs sysctl;
	struct spec_seccomp *seccomp;
	char *rootfsPropagation;
	struct strings maskedPaths, readonlyPaths;
	char *mountLabel;
	struct spec_intel_rdt *intelRdt;
	struct spec_personality *personality;
	struct spec_memory_policy *memoryPolicy;
};

struct spec {
	char *ociVersion;
	struct spec_root *root;
	struct spec_process *process; /* may be NULL: create works, start fails */
	char *hostname, *domainname;
	struct {
		struct spec_mount *v;
		size_t n;
	} mounts;
	struct spec_hooks *hooks;
	struct pairs annotations;
	struct spec_linux *linux_; /* key "linux"; never NULL after load */
	struct arena *arena; /* borrowed */
};

/* Reads and decodes a config.json from memory; `name` is how messages call it.  Checks the shape
 * only; spec_validate() checks the sense.  0 or -1. */
int spec_parse(const char *name, const char *text, size_t len, struct arena *arena,
	       struct spec **ret, struct err *err);
/* Reads the file beneath dir (a bundle's descriptor) with its size bounded; then as spec_parse().
 * If ret_text is not NULL the raw bytes are stored there (arena), for the saved copy. */
int spec_load(int dir, const char *file, struct arena *arena, struct spec **ret,
	      const char **ret_text, size_t *ret_len, struct err *err);
/* All rules that need no system: version, names, ranges, contradictions, required fields.  The
 * first violation as an error with its JSON pointer. */
int spec_validate(const struct spec *s, struct err *err);
/* Calls found() for each violation instead of stopping (for `skerry check`); their number. */
int spec_validate_all(const struct spec *s, void (*found)(const struct err *, void *), void *arg);

/* A process document (exec --process FILE). */
int spec_parse_process(const char *name, const char *text, size_t len, struct arena *arena,
		       struct spec_process **ret, struct err *err);
int spec_validate_process(const struct spec_process *p, const char *pointer, struct err *err);
/* A resources document (update --resources FILE). */
int spec_parse_resources(const char *name, const char *text, size_t len, struct arena *arena,
			 struct spec_resources **ret, struct err *err);
int spec_validate_resources(const struct spec_resources *r, const char *pointer, struct err *err);
/* Mounts document (mounts add): an array of mount objects, or one object. */
int spec_parse_mounts(const char *name, const char *text, size_t len, struct arena *arena,
		      struct spec_mount **ret, size_t *ret_n, struct err *err);
int spec_validate_mount(const struct spec_mount *m, const char *pointer, struct err *err);

/* The default config.json (`skerry spec`), indented by tabs and without a newline at the end, as
 * runc's. uid/gid: the caller's ids, for rootless. */
void spec_write_default(struct buf *out, bool rootless, uint32_t uid, uint32_t gid, bool cgroup_v2);

/* The value of an annotation, or NULL. */
const char *spec_annotation(const struct spec *s, const char *key);
/* Is the id allowed? [A-Za-z0-9_+.-]+, first not '.' or '-', at most SPEC_ID_MAX, and not "." / "..". */
#define SPEC_ID_MAX 1024
int spec_check_id(const char *id, struct err *err);

#endif
