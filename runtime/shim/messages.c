/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - the tables of messages.h */
#include "runtime/shim/messages.h"

#include "base/compiler.h"

/* The field of a message of the kind and number that containerd's .proto file has. */
#define FIELD(type, number, kind, member) WIRE_FIELD(number, struct type, member, WIRE_##kind)
#define SUB(type, number, kind, member, table) \
 WIRE_FIELD(number, struct type, member, WIRE_##kind, .sub = &(table))
#define TABLE(type, fields) WIRE_TABLE(struct type, fields)

/* --- common -------------------------------------------------------------- */

static const struct wire_field timestamp_fields[] = {
	FIELD(timestamp, 1, I64, seconds),
	FIELD(timestamp, 2, I32, nanos),
};
const struct wire_table timestamp_table = TABLE(timestamp, timestamp_fields);

static const struct wire_field any_fields[] = {
	FIELD(any, 1, STRING, type_url),
	FIELD(any, 2, BYTES, value),
};
const struct wire_table any_table = TABLE(any, any_fields);

static const struct wire_field key_value_fields[] = {
	FIELD(key_value, 1, STRING, key),
	FIELD(key_value, 2, STRING, value),
};
const struct wire_table key_value_table = TABLE(key_value, key_value_fields);

const struct wire_table empty_table = { .size = sizeof(struct empty) };

/* --- ttrpc --------------------------------------------------------------- */

static const struct wire_field rpc_request_fields[] = {
	FIELD(rpc_request, 1, STRING, service),
	FIELD(rpc_request, 2, STRING, method),
	FIELD(rpc_request, 3, BYTES, payload),
	FIELD(rpc_request, 4, I64, timeout_nano),
	SUB(rpc_request, 5, MESSAGES, metadata, key_value_table),
};
const struct wire_table rpc_request_table = TABLE(rpc_request, rpc_request_fields);

static const struct wire_field rpc_status_fields[] = {
	FIELD(rpc_status, 1, I32, code),
	FIELD(rpc_status, 2, STRING, message),
};
static const struct wire_table rpc_status_table = TABLE(rpc_status, rpc_status_fields);

static const struct wire_field rpc_response_fields[] = {
	SUB(rpc_response, 1, MESSAGE, status, rpc_status_table),
	FIELD(rpc_response, 2, BYTES, payload),
};
const struct wire_table rpc_response_table = TABLE(rpc_response, rpc_response_fields);

/* --- start and -info ----------------------------------------------------- */

static const struct wire_field extension_fields[] = {
	SUB(extension, 1, MESSAGE, value, any_table),
};
static const struct wire_table extension_table = TABLE(extension, extension_fields);

static const struct wire_field bootstrap_params_fields[] = {
	FIELD(bootstrap_params, 1, STRING, instance_id),
	FIELD(bootstrap_params, 2, STRING, namespace),
	FIELD(bootstrap_params, 3, I32, log_level),
	FIELD(bootstrap_params, 4, STRING, containerd_version),
	FIELD(bootstrap_params, 5, STRING, ttrpc_address),
	FIELD(bootstrap_params, 6, STRING, grpc_address),
	FIELD(bootstrap_params, 7, STRING, binary),
	SUB(bootstrap_params, 8, MESSAGES, extensions, extension_table),
	FIELD(bootstrap_params, 9, STRING, socket_dir),
};
const struct wire_table bootstrap_params_table = TABLE(bootstrap_params, bootstrap_params_fields);

static const struct wire_field bootstrap_result_fields[] = {
	FIELD(bootstrap_result, 1, I32, version),
	FIELD(bootstrap_result, 2, STRING, address),
	FIELD(bootstrap_result, 3, STRING, protocol),
};
const struct wire_table bootstrap_result_table = TABLE(bootstrap_result, bootstrap_result_fields);

static const struct wire_field runtime_version_fields[] = {
	FIELD(runtime_version, 1, STRING, version),
	FIELD(runtime_version, 2, STRING, revision),
};
static const struct wire_table runtime_version_table =
	TABLE(runtime_version, runtime_version_fields);

static const struct wire_field runtime_info_fields[] = {
	FIELD(runtime_info, 1, STRING, name),
	SUB(runtime_info, 2, MESSAGE, version, runtime_version_table),
	SUB(runtime_info, 3, MESSAGE, options, any_table),
	SUB(runtime_info, 4, MESSAGE, features, any_table),
};
const struct wire_table runtime_info_table = TABLE(runtime_info, runtime_info_fields);

/* --- options ------------------------------------------------------------- */

static const struct wire_field runc_options_fields[] = {
	FIELD(runc_options, 1, BOOL, no_pivot_root),
	FIELD(runc_options, 2, BOOL, no_new_keyring),
	FIELD(runc_options, 3, STRING, shim_cgroup),
	FIELD(runc_options, 4, U32, io_uid),
	FIELD(runc_options, 5, U32, io_gid),
	FIELD(runc_options, 6, STRING, binary_name),
	FIELD(runc_options, 7, STRING, root),
	FIELD(runc_options, 9, BOOL, systemd_cgroup),
	FIELD(runc_options, 10, STRING, criu_image_path),
	FIELD(runc_options, 11, STRING, criu_work_path),
};
const struct wire_table runc_options_table = TABLE(runc_options, runc_options_fields);

static const struct wire_field runtime_options_fields[] = {
	FIELD(runtime_options, 1, STRING, type_url),
	FIELD(runtime_options, 2, STRING, config_path),
	FIELD(runtime_options, 3, BYTES, config_body),
};
const struct wire_table runtime_options_table = TABLE(runtime_options, runtime_options_fields);

static const struct wire_field legacy_options_fields[] = {
	FIELD(legacy_options, 1, BOOL, no_pivot_root),
	FIELD(legacy_options, 8, BOOL, no_new_keyring),
	FIELD(legacy_options, 9, STRING, shim_cgroup),
	FIELD(legacy_options, 10, U32, io_uid),
	FIELD(legacy_options, 11, U32, io_gid),
	FIELD(legacy_options, 12, STRING, criu_work_path),
	FIELD(legacy_options, 13, STRING, criu_image_path),
};
const struct wire_table legacy_options_table = TABLE(legacy_options, legacy_options_fields);

static const struct wire_field checkpoint_options_fields[] = {
	FIELD(checkpoint_options, 1, BOOL, exit),
	FIELD(checkpoint_options, 2, BOOL, open_tcp),
	FIELD(checkpoint_options, 3, BOOL, external_unix_sockets),
	FIELD(checkpoint_options, 4, BOOL, terminal),
	FIELD(checkpoint_options, 5, BOOL, file_locks),
	FIELD(checkpoint_options, 6, STRINGS, empty_namespaces),
	FIELD(checkpoint_options, 7, STRING, cgroups_mode),
	FIELD(checkpoint_options, 8, STRING, image_path),
	FIELD(checkpoint_options, 9, STRING, work_path),
	FIELD(checkpoint_options, 10, STRING, parent_path),
};
const struct wire_table checkpoint_options_table =
	TABLE(checkpoint_options, checkpoint_options_fields);

static const struct wire_field process_details_fields[] = {
	FIELD(process_details, 1, STRING, exec_id),
};
const struct wire_table process_details_table = TABLE(process_details, process_details_fields);

/* --- the Task service ---------------------------------------------------- */

static const struct wire_field mount_fields[] = {
	FIELD(mount_message, 1, STRING, type),
	FIELD(mount_message, 2, STRING, source),
	FIELD(mount_message, 3, STRING, target),
	FIELD(mount_message, 4, STRINGS, options),
};
static const struct wire_table mount_table = TABLE(mount_message, mount_fields);

static const struct wire_field create_request_fields[] = {
	FIELD(create_request, 1, STRING, id),
	FIELD(create_request, 2, STRING, bundle),
	SUB(create_request, 3, MESSAGES, rootfs, mount_table),
	FIELD(create_request, 4, BOOL, terminal),
	FIELD(create_request, 5, STRING, in),
	FIELD(create_request, 6, STRING, out),
	FIELD(create_request, 7, STRING, err),
	FIELD(create_request, 8, STRING, checkpoint),
	FIELD(create_request, 9, STRING, parent_checkpoint),
	SUB(create_request, 10, MESSAGE, options, any_table),
};
const struct wire_table create_request_table = TABLE(create_request, create_request_fields);

static const struct wire_field pid_reply_fields[] = {
	FIELD(pid_reply, 1, U32, pid),
};
const struct wire_table pid_reply_table = TABLE(pid_reply, pid_reply_fields);

static const struct wire_field process_request_fields[] = {
	FIELD(process_request, 1, STRING, id),
	FIELD(process_request, 2, STRING, exec_id),
	FIELD(process_request, 3, U32, a),
	FIELD(process_request, 4, U32, b),
};
const struct wire_table process_request_table = TABLE(process_request, process_request_fields);

static const struct wire_field shutdown_request_fields[] = {
	FIELD(shutdown_request, 1, STRING, id),
	FIELD(shutdown_request, 2, BOOL, now),
};
const struct wire_table shutdown_request_table = TABLE(shutdown_request, shutdown_request_fields);

static const struct wire_field exec_request_fields[] = {
	FIELD(exec_request, 1, STRING, id),
	FIELD(exec_request, 2, STRING, exec_id),
	FIELD(exec_request, 3, BOOL, terminal),
	FIELD(exec_request, 4, STRING, in),
	FIELD(exec_request, 5, STRING, out),
	FIELD(exec_request, 6, STRING, err),
	SUB(exec_request, 7, MESSAGE, spec, any_table),
};
const struct wire_table exec_request_table = TABLE(exec_request, exec_request_fields);

static const struct wire_field update_request_fields[] = {
	FIELD(update_request, 1, STRING, id),
	SUB(update_request, 2, MESSAGE, resources, any_table),
	SUB(update_request, 3, MESSAGES, annotations, key_value_table),
};
const struct wire_table update_request_table = TABLE(update_request, update_request_fields);

static const struct wire_field checkpoint_request_fields[] = {
	FIELD(checkpoint_request, 1, STRING, id),
	FIELD(checkpoint_request, 2, STRING, path),
	SUB(checkpoint_request, 3, MESSAGE, options, any_table),
};
const struct wire_table checkpoint_request_table =
	TABLE(checkpoint_request, checkpoint_request_fields);

static const struct wire_field state_reply_fields[] = {
	FIELD(state_reply, 1, STRING, id),
	FIELD(state_reply, 2, STRING, bundle),
	FIELD(state_reply, 3, U32, pid),
	FIELD(state_reply, 4, U32, status),
	FIELD(state_reply, 5, STRING, in),
	FIELD(state_reply, 6, STRING, out),
	FIELD(state_reply, 7, STRING, err),
	FIELD(state_reply, 8, BOOL, terminal),
	FIELD(state_reply, 9, U32, exit_status),
	SUB(state_reply, 10, MESSAGE, exited_at, timestamp_table),
	FIELD(state_reply, 11, STRING, exec_id),
};
const struct wire_table state_reply_table = TABLE(state_reply, state_reply_fields);

static const struct wire_field wait_reply_fields[] = {
	FIELD(wait_reply, 1, U32, exit_status),
	SUB(wait_reply, 2, MESSAGE, exited_at, timestamp_table),
};
const struct wire_table wait_reply_table = TABLE(wait_reply, wait_reply_fields);

static const struct wire_field delete_reply_fields[] = {
	FIELD(delete_reply, 1, U32, pid),
	FIELD(delete_reply, 2, U32, exit_status),
	SUB(delete_reply, 3, MESSAGE, exited_at, timestamp_table),
};
const struct wire_table delete_reply_table = TABLE(delete_reply, delete_reply_fields);

static const struct wire_field connect_reply_fields[] = {
	FIELD(connect_reply, 1, U32, shim_pid),
	FIELD(connect_reply, 2, U32, task_pid),
	FIELD(connect_reply, 3, STRING, version),
};
const struct wire_table connect_reply_table = TABLE(connect_reply, connect_reply_fields);

static const struct wire_field process_info_fields[] = {
	FIELD(process_info, 1, U32, pid),
	SUB(process_info, 2, MESSAGE, info, any_table),
};
static const struct wire_table process_info_table = TABLE(process_info, process_info_fields);

static const struct wire_field pids_reply_fields[] = {
	SUB(pids_reply, 1, MESSAGES, processes, process_info_table),
};
const struct wire_table pids_reply_table = TABLE(pids_reply, pids_reply_fields);

static const struct wire_field stats_reply_fields[] = {
	SUB(stats_reply, 1, MESSAGE, stats, any_table),
};
const struct wire_table stats_reply_table = TABLE(stats_reply, stats_reply_fields);

/* --- the Sandbox service ------------------------------------------------- */

static const struct wire_field sandbox_create_request_fields[] = {
	FIELD(sandbox_create_request, 1, STRING, id),
	FIELD(sandbox_create_request, 2, STRING, bundle),
	SUB(sandbox_create_request, 3, MESSAGES, rootfs, mount_table),
	SUB(sandbox_create_request, 4, MESSAGE, options, any_table),
	FIELD(sandbox_create_request, 5, STRING, netns),
	SUB(sandbox_create_request, 6, MESSAGES, annotations, key_value_table),
};
const struct wire_table sandbox_create_request_table =
	TABLE(sandbox_create_request, sandbox_create_request_fields);

static const struct wire_field sandbox_request_fields[] = {
	FIELD(sandbox_request, 1, STRING, id),
	FIELD(sandbox_request, 2, U32, n),
};
const struct wire_table sandbox_request_table = TABLE(sandbox_request, sandbox_request_fields);

static const struct wire_field sandbox_start_reply_fields[] = {
	FIELD(sandbox_start_reply, 1, U32, pid),
	SUB(sandbox_start_reply, 2, MESSAGE, created_at, timestamp_table),
	SUB(sandbox_start_reply, 3, MESSAGE, spec, any_table),
};
const struct wire_table sandbox_start_reply_table =
	TABLE(sandbox_start_reply, sandbox_start_reply_fields);

static const struct wire_field sandbox_status_reply_fields[] = {
	FIELD(sandbox_status_reply, 1, STRING, id),
	FIELD(sandbox_status_reply, 2, U32, pid),
	FIELD(sandbox_status_reply, 3, STRING, state),
	SUB(sandbox_status_reply, 4, MESSAGES, info, key_value_table),
	SUB(sandbox_status_reply, 5, MESSAGE, created_at, timestamp_table),
	SUB(sandbox_status_reply, 6, MESSAGE, exited_at, timestamp_table),
};
const struct wire_table sandbox_status_reply_table =
	TABLE(sandbox_status_reply, sandbox_status_reply_fields);

static const struct wire_field platform_fields[] = {
	FIELD(platform, 1, STRING, os),
	FIELD(platform, 2, STRING, architecture),
	FIELD(platform, 3, STRING, variant),
};
static const struct wire_table platform_table = TABLE(platform, platform_fields);

static const struct wire_field platform_reply_fields[] = {
	SUB(platform_reply, 1, MESSAGE, platform, platform_table),
};
const struct wire_table platform_reply_table = TABLE(platform_reply, platform_reply_fields);

static const struct wire_field metric_fields[] = {
	SUB(metric, 1, MESSAGE, timestamp, timestamp_table),
	FIELD(metric, 2, STRING, id),
	SUB(metric, 3, MESSAGE, data, any_table),
};
static const struct wire_table metric_table = TABLE(metric, metric_fields);

static const struct wire_field metric_reply_fields[] = {
	SUB(metric_reply, 1, MESSAGE, metric, metric_table),
};
const struct wire_table metric_reply_table = TABLE(metric_reply, metric_reply_fields);

static const struct wire_field pod_id_map_fields[] = {
	FIELD(pod_id_map, 1, U32, host),
	FIELD(pod_id_map, 2, U32, container),
	FIELD(pod_id_map, 3, U32, length),
};
static const struct wire_table pod_id_map_table = TABLE(pod_id_map, pod_id_map_fields);

static const struct wire_field pod_user_namespace_fields[] = {
	FIELD(pod_user_namespace, 1, U32, mode),
	SUB(pod_user_namespace, 2, MESSAGES, uids, pod_id_map_table),
	SUB(pod_user_namespace, 3, MESSAGES, gids, pod_id_map_table),
};
static const struct wire_table pod_user_namespace_table =
	TABLE(pod_user_namespace, pod_user_namespace_fields);

static const struct wire_field pod_namespaces_fields[] = {
	FIELD(pod_namespaces, 1, U32, network),
	FIELD(pod_namespaces, 2, U32, pid),
	FIELD(pod_namespaces, 3, U32, ipc),
	SUB(pod_namespaces, 5, MESSAGE, user, pod_user_namespace_table),
};
static const struct wire_table pod_namespaces_table = TABLE(pod_namespaces, pod_namespaces_fields);

static const struct wire_field pod_security_fields[] = {
	SUB(pod_security, 1, MESSAGE, namespaces, pod_namespaces_table),
};
static const struct wire_table pod_security_table = TABLE(pod_security, pod_security_fields);

static const struct wire_field pod_linux_fields[] = {
	FIELD(pod_linux, 1, STRING, cgroup_parent),
	SUB(pod_linux, 2, MESSAGE, security, pod_security_table),
	SUB(pod_linux, 3, MESSAGES, sysctls, key_value_table),
};
static const struct wire_table pod_linux_table = TABLE(pod_linux, pod_linux_fields);

static const struct wire_field pod_config_fields[] = {
	FIELD(pod_config, 2, STRING, hostname),
	SUB(pod_config, 8, MESSAGE, linux_, pod_linux_table),
};
const struct wire_table pod_config_table = TABLE(pod_config, pod_config_fields);

/* --- events -------------------------------------------------------------- */

static const struct wire_field envelope_fields[] = {
	SUB(envelope, 1, MESSAGE, timestamp, timestamp_table),
	FIELD(envelope, 2, STRING, namespace),
	FIELD(envelope, 3, STRING, topic),
	SUB(envelope, 4, MESSAGE, event, any_table),
};
static const struct wire_table envelope_table = TABLE(envelope, envelope_fields);

static const struct wire_field forward_request_fields[] = {
	SUB(forward_request, 1, MESSAGE, envelope, envelope_table),
};
const struct wire_table forward_request_table = TABLE(forward_request, forward_request_fields);

static const struct wire_field task_io_fields[] = {
	FIELD(task_io, 1, STRING, in),
	FIELD(task_io, 2, STRING, out),
	FIELD(task_io, 3, STRING, err),
	FIELD(task_io, 4, BOOL, terminal),
};
static const struct wire_table task_io_table = TABLE(task_io, task_io_fields);

static const struct wire_field task_create_fields[] = {
	FIELD(task_create, 1, STRING, container_id),
	FIELD(task_create, 2, STRING, bundle),
	SUB(task_create, 3, MESSAGES, rootfs, mount_table),
	SUB(task_create, 4, MESSAGE, io, task_io_table),
	FIELD(task_create, 5, STRING, checkpoint),
	FIELD(task_create, 6, U32, pid),
};
const struct wire_table task_create_table = TABLE(task_create, task_create_fields);

static const struct wire_field task_start_fields[] = {
	FIELD(task_start, 1, STRING, container_id),
	FIELD(task_start, 2, U32, pid),
};
const struct wire_table task_start_table = TABLE(task_start, task_start_fields);

static const struct wire_field task_delete_fields[] = {
	FIELD(task_delete, 1, STRING, container_id),
	FIELD(task_delete, 2, U32, pid),
	FIELD(task_delete, 3, U32, exit_status),
	SUB(task_delete, 4, MESSAGE, exited_at, timestamp_table),
};
const struct wire_table task_delete_table = TABLE(task_delete, task_delete_fields);

static const struct wire_field task_exit_fields[] = {
	FIELD(task_exit, 1, STRING, container_id),
	FIELD(task_exit, 2, STRING, id),
	FIELD(task_exit, 3, U32, pid),
	FIELD(task_exit, 4, U32, exit_status),
	SUB(task_exit, 5, MESSAGE, exited_at, timestamp_table),
};
const struct wire_table task_exit_table = TABLE(task_exit, task_exit_fields);

static const struct wire_field task_exec_fields[] = {
	FIELD(task_exec, 1, STRING, container_id),
	FIELD(task_exec, 2, STRING, exec_id),
	FIELD(task_exec, 3, U32, pid),
};
const struct wire_table task_exec_table = TABLE(task_exec, task_exec_fields);

static const struct wire_field task_simple_fields[] = {
	FIELD(task_simple, 1, STRING, container_id),
	FIELD(task_simple, 2, STRING, checkpoint),
};
const struct wire_table task_simple_table = TABLE(task_simple, task_simple_fields);
