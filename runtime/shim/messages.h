/* SPDX-License-Identifier: Apache-2.0 */
/* messages.h - what containerd and the shim say to each other, as structs and tables
 *
 * Field numbers are containerd's: api/runtime/task/v2/shim.proto (v3 is the
 * same), api/types, api/events, api/services/ttrpc/events, ttrpc's request.proto,
 * google/protobuf.  Members are in the order of their numbers.
 */
#ifndef SKERRY_SHIM_MESSAGES_H
#define SKERRY_SHIM_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/wire.h"

/* --- common ------------------------------------------------------------------ */

struct timestamp {
	int64_t seconds;
	int32_t nanos;
};
#define TIME_NEVER (-62135596800LL) /* Go's zero time: what has not happened yet */
struct any {
	char *type_url;
	struct wire_bytes value;
};
struct key_value {
	char *key, *value;
};
struct key_values {
	struct key_value *v;
	size_t n;
};
struct empty {
	char none;
};
extern const struct wire_table timestamp_table, any_table, key_value_table, empty_table;

/* --- ttrpc -------------------------------------------------------------------- */

struct rpc_request {
	char *service, *method;
	struct wire_bytes payload;
	int64_t timeout_nano;
	struct key_values metadata;
};
struct rpc_status {
	int32_t code;
	char *message;
};
struct rpc_response {
	struct rpc_status *status;
	struct wire_bytes payload;
};
extern const struct wire_table rpc_request_table, rpc_response_table;

/* --- start and -info ---------------------------------------------------------- */

struct extension {
	struct any *value;
};
struct bootstrap_params {
	char *instance_id, *namespace;
	int32_t log_level;
	char *containerd_version, *ttrpc_address, *grpc_address, *binary;
	struct {
		struct extension *v;
		size_t n;
	} extensions;
	char *socket_dir;
};
struct bootstrap_result {
	int32_t version;
	char *address, *protocol;
};
struct runtime_version {
	char *version, *revision;
};
struct runtime_info {
	char *name;
	struct runtime_version *version;
	struct any *options, *features;
};
extern const struct wire_table bootstrap_params_table, bootstrap_result_table, runtime_info_table;

/* --- options ------------------------------------------------------------------ */

struct runc_options { /* containerd.runc.v1.Options */
	bool no_pivot_root, no_new_keyring;
	char *shim_cgroup;
	uint32_t io_uid, io_gid;
	char *binary_name, *root;
	bool systemd_cgroup;
	char *criu_image_path, *criu_work_path;
};
struct runtime_options { /* runtimeoptions.v1.Options */
	char *type_url, *config_path;
	struct wire_bytes config_body;
};
struct legacy_options { /* containerd.linux.runc.CreateOptions */
	bool no_pivot_root, no_new_keyring;
	char *shim_cgroup;
	uint32_t io_uid, io_gid;
	char *criu_work_path, *criu_image_path;
};
struct checkpoint_options { /* containerd.runc.v1.CheckpointOptions */
	bool exit, open_tcp, external_unix_sockets, terminal, file_locks;
	struct strings empty_namespaces;
	char *cgroups_mode, *image_path, *work_path, *parent_path;
};
struct process_details {
	char *exec_id;
};
extern const struct wire_table runc_options_table, runtime_options_table, legacy_options_table,
	checkpoint_options_table, process_details_table;

/* --- the Task service ---------------------------------------------------------- */

struct mount_message {
	char *type, *source, *target;
	struct strings options;
};
struct mount_messages {
	struct mount_message *v;
	size_t n;
};
struct create_request {
	char *id, *bundle;
	struct mount_messages rootfs;
	bool terminal;
	char *in, *out, *err;
	char *checkpoint, *parent_checkpoint;
	struct any *options;
};
struct pid_reply { /* Create, Start */
	uint32_t pid;
};
/* Start, State, Wait, Kill, Delete, ResizePty, CloseIO, Connect, Pids, Stats, Shutdown, Pause, Resume: a
 * container and maybe one of its processes, then little */
struct process_request {
	char *id, *exec_id;
	uint32_t a, b; /* Kill: signal, all; ResizePty: width, height; CloseIO: stdin */
};
struct shutdown_request {
	char *id;
	bool now;
};
struct exec_request {
	char *id, *exec_id;
	bool terminal;
	char *in, *out, *err;
	struct any *spec;
};
struct update_request {
	char *id;
	struct any *resources;
	struct key_values annotations;
};
struct checkpoint_request {
	char *id, *path;
	struct any *options;
};
struct state_reply {
	char *id, *bundle;
	uint32_t pid, status;
	char *in, *out, *err;
	bool terminal;
	uint32_t exit_status;
	struct timestamp *exited_at;
	char *exec_id;
};
struct wait_reply {
	uint32_t exit_status;
	struct timestamp *exited_at;
};
struct delete_reply {
	uint32_t pid, exit_status;
	struct timestamp *exited_at;
};
struct connect_reply {
	uint32_t shim_pid, task_pid;
	char *version;
};
struct process_info {
	uint32_t pid;
	struct any *info;
};
struct pids_reply {
	struct {
		struct process_info *v;
		size_t n;
	} processes;
};
struct stats_reply {
	struct any *stats;
};
extern const struct wire_table create_request_table, pid_reply_table, process_request_table,
	shutdown_request_table, exec_request_table, update_request_table, checkpoint_request_table,
	state_reply_table, wait_reply_table, delete_reply_table, connect_reply_table,
	pids_reply_table, stats_reply_table;

/* --- the Sandbox service ---------------------------------------------------------- */

struct sandbox_create_request {
	char *id, *bundle;
	struct mount_messages rootfs;
	struct any *options; /* CRI's: runtime.v1.PodSandboxConfig */
	char *netns;
	struct key_values annotations;
};
struct sandbox_request { /* all others */
	char *id;
	uint32_t n; /* StopSandbox: seconds; SandboxStatus: verbose */
};
struct sandbox_start_reply {
	uint32_t pid;
	struct timestamp *created_at;
	struct any *spec;
};
struct sandbox_status_reply {
	char *id;
	uint32_t pid;
	char *state;
	struct key_values info;
	struct timestamp *created_at, *exited_at;
};
struct platform {
	char *os, *architecture, *variant;
};
struct platform_reply {
	struct platform *platform;
};
struct metric {
	struct timestamp *timestamp;
	char *id;
	struct any *data;
};
struct metric_reply {
	struct metric *metric;
};
/* Of CRI's PodSandboxConfig what a pause process needs. */
enum pod_namespace { POD_SHARED, POD_CONTAINER, POD_NODE, POD_TARGET };
struct pod_id_map {
	uint32_t host, container, length;
};
struct pod_id_maps {
	struct pod_id_map *v;
	size_t n;
};
struct pod_user_namespace {
	uint32_t mode;
	struct pod_id_maps uids, gids;
};
struct pod_namespaces {
	uint32_t network, pid, ipc; /* enum pod_namespace */
	struct pod_user_namespace *user;
};
struct pod_security {
	struct pod_namespaces *namespaces;
};
struct pod_linux {
	char *cgroup_parent;
	struct pod_security *security;
	struct key_values sysctls;
};
struct pod_config {
	char *hostname;
	struct pod_linux *linux_;
};
extern const struct wire_table sandbox_create_request_table, sandbox_request_table,
	sandbox_start_reply_table, sandbox_status_reply_table, platform_reply_table,
	metric_reply_table, pod_config_table;

/* --- events --------------------------------------------------------------------- */

struct envelope {
	struct timestamp *timestamp;
	char *namespace, *topic;
	struct any *event;
};
struct forward_request {
	struct envelope *envelope;
};
struct task_io {
	char *in, *out, *err;
	bool terminal;
};
struct task_create {
	char *container_id, *bundle;
	struct mount_messages rootfs;
	struct task_io *io;
	char *checkpoint;
	uint32_t pid;
};
struct task_start {
	char *container_id;
	uint32_t pid;
};
struct task_delete {
	char *container_id;
	uint32_t pid, exit_status;
	struct timestamp *exited_at;
};
struct task_exit {
	char *container_id, *id;
	uint32_t pid, exit_status;
	struct timestamp *exited_at;
};
struct task_exec { /* TaskExecAdded, TaskExecStarted */
	char *container_id, *exec_id;
	uint32_t pid;
};
struct task_simple { /* TaskOOM, TaskPaused, TaskResumed, TaskCheckpointed */
	char *container_id;
	char *checkpoint;
};
extern const struct wire_table forward_request_table, task_create_table, task_start_table,
	task_delete_table, task_exit_table, task_exec_table, task_simple_table;

#endif
