/* SPDX-License-Identifier: Apache-2.0 */
/* criu_messages.c - criu's messages as tables, and its answers checked
 *
 * images/rpc.proto of criu; the numbers of fields never change there.
 */
#include <errno.h>

#include "runtime/container/criu.h"

#define OPTS(number, member, kind, ...) \
 WIRE_FIELD(number, struct criu_opts, member, kind, ##__VA_ARGS__)

static const struct wire_field ext_mount_fields[] = {
	WIRE_FIELD(1, struct criu_ext_mount, key, WIRE_STRING),
	WIRE_FIELD(2, struct criu_ext_mount, val, WIRE_STRING),
};
static const struct wire_table ext_mount_table =
	WIRE_TABLE(struct criu_ext_mount, ext_mount_fields);

static const struct wire_field cg_root_fields[] = {
	WIRE_FIELD(1, struct criu_cg_root, ctrl, WIRE_STRING),
	WIRE_FIELD(2, struct criu_cg_root, path, WIRE_STRING),
};
static const struct wire_table cg_root_table = WIRE_TABLE(struct criu_cg_root, cg_root_fields);

static const struct wire_field inherit_fd_fields[] = {
	WIRE_FIELD(1, struct criu_inherit_fd, key, WIRE_STRING),
	WIRE_FIELD(2, struct criu_inherit_fd, fd, WIRE_I32),
};
static const struct wire_table inherit_fd_table =
	WIRE_TABLE(struct criu_inherit_fd, inherit_fd_fields);

static const struct wire_field join_ns_fields[] = {
	WIRE_FIELD(1, struct criu_join_ns, ns, WIRE_STRING),
	WIRE_FIELD(2, struct criu_join_ns, file, WIRE_STRING),
	WIRE_FIELD(3, struct criu_join_ns, extra, WIRE_STRING),
};
static const struct wire_table join_ns_table = WIRE_TABLE(struct criu_join_ns, join_ns_fields);

static const struct wire_field page_server_fields[] = {
	WIRE_FIELD(1, struct criu_page_server, address, WIRE_STRING),
	WIRE_FIELD(2, struct criu_page_server, port, WIRE_I32),
	WIRE_FIELD(3, struct criu_page_server, pid, WIRE_I32),
	WIRE_FIELD(4, struct criu_page_server, fd, WIRE_I32),
};
static const struct wire_table page_server_table =
	WIRE_TABLE(struct criu_page_server, page_server_fields);

static const struct wire_field opts_fields[] = {
	OPTS(1, images_dir_fd, WIRE_I32),
	OPTS(2, pid, WIRE_I32),
	OPTS(3, leave_running, WIRE_BOOL),
	OPTS(4, ext_unix_sk, WIRE_BOOL),
	OPTS(5, tcp_established, WIRE_BOOL),
	OPTS(6, evasive_devices, WIRE_BOOL),
	OPTS(7, shell_job, WIRE_BOOL),
	OPTS(8, file_locks, WIRE_BOOL),
	OPTS(9, log_level, WIRE_I32),
	OPTS(10, log_file, WIRE_STRING),
	OPTS(11, ps, WIRE_MESSAGE, .sub = &page_server_table),
	OPTS(12, notify_scripts, WIRE_BOOL),
	OPTS(13, root, WIRE_STRING),
	OPTS(14, parent_img, WIRE_STRING),
	OPTS(15, track_mem, WIRE_BOOL),
	OPTS(16, auto_dedup, WIRE_BOOL),
	OPTS(17, work_dir_fd, WIRE_I32),
	OPTS(18, link_remap, WIRE_BOOL),
	OPTS(23, ext_mnt, WIRE_MESSAGES, .sub = &ext_mount_table),
	OPTS(24, manage_cgroups, WIRE_BOOL),
	OPTS(25, cg_root, WIRE_MESSAGES, .sub = &cg_root_table),
	OPTS(26, rst_sibling, WIRE_BOOL),
	OPTS(27, inherit_fd, WIRE_MESSAGES, .sub = &inherit_fd_table),
	OPTS(34, manage_cgroups_mode, WIRE_I32, .keeps_zero = true), /* zero is to ignore them */
	OPTS(35, ghost_limit, WIRE_U32),
	OPTS(37, external, WIRE_STRINGS),
	OPTS(38, empty_ns, WIRE_U32),
	OPTS(39, join_ns, WIRE_MESSAGES, .sub = &join_ns_table),
	OPTS(43, cgroup_dump_controller, WIRE_STRINGS),
	OPTS(44, freeze_cgroup, WIRE_STRING),
	OPTS(46, tcp_skip_in_flight, WIRE_BOOL),
	OPTS(48, lazy_pages, WIRE_BOOL),
	OPTS(49, status_fd, WIRE_I32),
	OPTS(50, orphan_pts_master, WIRE_BOOL),
	OPTS(51, config_file, WIRE_STRING),
	OPTS(52, tcp_close, WIRE_BOOL),
	OPTS(53, lsm_profile, WIRE_STRING),
	OPTS(63, lsm_mount_context, WIRE_STRING),
	OPTS(64, network_lock, WIRE_I32),
};
const struct wire_table criu_opts_table = WIRE_TABLE(struct criu_opts, opts_fields);

static const struct wire_field features_fields[] = {
	WIRE_FIELD(1, struct criu_features, mem_track, WIRE_BOOL),
	WIRE_FIELD(2, struct criu_features, lazy_pages, WIRE_BOOL),
	WIRE_FIELD(3, struct criu_features, pidfd_store, WIRE_BOOL),
};
static const struct wire_table features_table = WIRE_TABLE(struct criu_features, features_fields);

static const struct wire_field version_fields[] = {
	WIRE_FIELD(1, struct criu_version, major, WIRE_I32),
	WIRE_FIELD(2, struct criu_version, minor, WIRE_I32),
	WIRE_FIELD(3, struct criu_version, gitid, WIRE_STRING),
	WIRE_FIELD(4, struct criu_version, sublevel, WIRE_I32),
};
static const struct wire_table version_table = WIRE_TABLE(struct criu_version, version_fields);

static const struct wire_field req_fields[] = {
	WIRE_FIELD(1, struct criu_req, type, WIRE_U32),
	WIRE_FIELD(2, struct criu_req, opts, WIRE_MESSAGE, .sub = &criu_opts_table),
	WIRE_FIELD(3, struct criu_req, notify_success, WIRE_BOOL),
	WIRE_FIELD(4, struct criu_req, keep_open, WIRE_BOOL),
	WIRE_FIELD(5, struct criu_req, features, WIRE_MESSAGE, .sub = &features_table),
	WIRE_FIELD(6, struct criu_req, pid, WIRE_U32),
};
const struct wire_table criu_req_table = WIRE_TABLE(struct criu_req, req_fields);

static const struct wire_field pid_fields[] = {
	WIRE_FIELD(1, struct criu_pid, pid, WIRE_I32),
};
static const struct wire_table pid_table = WIRE_TABLE(struct criu_pid, pid_fields);

static const struct wire_field notify_fields[] = {
	WIRE_FIELD(1, struct criu_notify, script, WIRE_STRING),
	WIRE_FIELD(2, struct criu_notify, pid, WIRE_I32),
};
static const struct wire_table notify_table = WIRE_TABLE(struct criu_notify, notify_fields);

static const struct wire_field resp_fields[] = {
	WIRE_FIELD(1, struct criu_resp, type, WIRE_U32),
	WIRE_FIELD(2, struct criu_resp, success, WIRE_BOOL),
	WIRE_FIELD(4, struct criu_resp, restore, WIRE_MESSAGE, .sub = &pid_table),
	WIRE_FIELD(5, struct criu_resp, notify, WIRE_MESSAGE, .sub = &notify_table),
	WIRE_FIELD(6, struct criu_resp, ps, WIRE_MESSAGE, .sub = &page_server_table),
	WIRE_FIELD(7, struct criu_resp, cr_errno, WIRE_I32),
	WIRE_FIELD(8, struct criu_resp, features, WIRE_MESSAGE, .sub = &features_table),
	WIRE_FIELD(10, struct criu_resp, version, WIRE_MESSAGE, .sub = &version_table),
	WIRE_FIELD(11, struct criu_resp, status, WIRE_I32),
};
const struct wire_table criu_resp_table = WIRE_TABLE(struct criu_resp, resp_fields);

/* Numbers that CRIU_VERSION() can hold. */
static bool is_version(const struct criu_version *v)
{
	return v && v->major >= 0 && v->major < 10000 && v->minor >= 0 && v->minor < 100 &&
	       v->sublevel >= 0 && v->sublevel < 100;
}

static bool is_whole(const struct criu_resp *r)
{
	if (r->type == CRIU_NOTIFY)
		return r->notify && r->notify->script;
	if (!r->success)
		return true;
	if (r->type == CRIU_RESTORE)
		return r->restore && r->restore->pid > 1;
	if (r->type == CRIU_VERSION)
		return is_version(r->version);
	return true;
}

int criu_resp_decode(const void *data, size_t len, struct criu_resp *ret, struct arena *arena,
		     struct err *err)
{
	if (wire_decode(&criu_resp_table, data, len, ret, arena, err) < 0)
		return err_wrap(err, "criu's answer");
	if (ret->type > CRIU_SINGLE_PRE_DUMP)
		return err_set(err, EBADMSG, "criu's answer has the unknown type %u", ret->type);
	if (!is_whole(ret))
		return err_set(err, EBADMSG, "criu's answer of type %u lacks what it is about",
			       ret->type);
	return 0;
}
