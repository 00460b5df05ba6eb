/* SPDX-License-Identifier: Apache-2.0 */
/* criu_options.c - options that checkpoint, restore and clone share */
#include "runtime/cli/criu_options.h"

#include "base/compiler.h"

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct criu_words, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("image-path", 0, OPTION_STRING, criu.image_path, "DIR",
	      "directory of the images (default: checkpoint)") },
	{ ROW("work-path", 0, OPTION_STRING, criu.work_path, "DIR",
	      "directory of criu's logs and sockets (default: that of the images)") },
	{ ROW("tcp-established", 0, OPTION_FLAG, criu.tcp_established, NULL,
	      "keep TCP connections that are open") },
	{ ROW("ext-unix-sk", 0, OPTION_FLAG, criu.ext_unix_sk, NULL,
	      "allow unix sockets that are connected to outside") },
	{ ROW("shell-job", 0, OPTION_FLAG, criu.shell_job, NULL,
	      "allow processes of a session, and with a terminal, of outside") },
	{ ROW("file-locks", 0, OPTION_FLAG, criu.file_locks, NULL,
	      "keep file locks (which is always done)") },
	{ ROW("lazy-pages", 0, OPTION_FLAG, criu.lazy_pages, NULL,
	      "memory follows when it is used, through \"criu lazy-pages\"") },
	{ ROW("auto-dedup", 0, OPTION_FLAG, criu.auto_dedup, NULL,
	      "drop pages from images once they are in newer ones or restored") },
	{ ROW("manage-cgroups-mode", 0, OPTION_STRING, criu.manage_cgroups_mode, "MODE",
	      "what is kept of control groups: soft, full, strict, props, none or ignore (default: "
	      "soft)") },
	{ ROW("notify-fd", 0, OPTION_NUMBER, notify_fd, "N",
	      "tell each step on the socket N and wait there for a go or no") },
	{ ROW("empty-ns", 0, OPTION_STRING, criu.empty_ns, "NAME",
	      "name space whose contents are not kept: network") },
	{ ROW("network-lock", 0, OPTION_STRING, criu.network_lock, "METHOD",
	      "how packets are held back meanwhile: iptables, nftables or skip (default: "
	      "nftables where criu has it)") },
};
const struct option_table criu_options = { rows, ARRAY_SIZE(rows), NULL };

static const struct option restore_rows[] = {
	{ ROW("import", 0, OPTION_STRING, criu.import_path, "FILE",
	      "take an archive of \"checkpoint --export\", podman or the CRI; \"-\" is standard "
	      "input") },
	{ ROW("ignore-rootfs", 0, OPTION_FLAG, criu.ignore_rootfs, NULL,
	      "leave the archive's changed files alone") },
	{ ROW("bundle", 'b', OPTION_STRING, create.bundle, "DIR", "folder of the bundle") },
	{ ROW("config", 'f', OPTION_STRING, create.config, "FILE",
	      "another name for the bundle's config.json") },
	{ ROW("console-socket", 0, OPTION_STRING, create.console_socket, "SOCKET",
	      "unix socket that is sent the master end of the terminal") },
	{ ROW("pid-file", 0, OPTION_STRING, create.pid_file, "FILE",
	      "write the process id of the container to FILE") },
	{ ROW("detach", 'd', OPTION_FLAG, create.detach, NULL,
	      "return when the container has been restored") },
	{ ROW("no-subreaper", 0, OPTION_FLAG, create.no_subreaper, NULL,
	      "do not adopt the processes that the container leaves behind") },
	{ ROW("no-pivot", 0, OPTION_FLAG, create.no_pivot, NULL,
	      "accepted for other runtimes' callers: criu chooses") },
	{ ROW("tcp-close", 0, OPTION_FLAG, criu.tcp_close, NULL,
	      "close TCP connections that were open") },
	{ ROW("lsm-profile", 0, OPTION_STRING, criu.lsm_profile, "TYPE:NAME",
	      "security profile in place of the one that the images have") },
	{ ROW("lsm-mount-context", 0, OPTION_STRING, criu.lsm_mount_context, "CONTEXT",
	      "SELinux context of mounts in place of the one that the images have") },
};
const struct option_table restore_options = { restore_rows, ARRAY_SIZE(restore_rows),
					      &criu_options };
