/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - the table of commands and the global options */
#include "runtime/cli/cli.h"
#include "runtime/cli/cmd.h"

const struct command *const commands[] = {
	&cmd_create, &cmd_start,      &cmd_run,	    &cmd_exec,	 &cmd_state,   &cmd_kill,
	&cmd_delete, &cmd_list,	      &cmd_ps,	    &cmd_pause,	 &cmd_resume,  &cmd_update,
	&cmd_events, &cmd_checkpoint, &cmd_restore, &cmd_clone,	 &cmd_migrate, &cmd_wait,
	&cmd_mounts, &cmd_net,	      &cmd_device,  &cmd_spec,	 &cmd_check,   &cmd_features,
	&cmd_doctor, &cmd_completion, &cmd_pull,    &cmd_push,	 &cmd_build,   &cmd_commit,
	&cmd_diff,   &cmd_cp,	      &cmd_save,    &cmd_load,	 &cmd_import,  &cmd_export,
	&cmd_prune,  &cmd_logs,	      &cmd_attach,  &cmd_images, &cmd_rmi,     &cmd_tag,
	&cmd_untag,  &cmd_inspect,    &cmd_history, &cmd_login,	 &cmd_logout,  &cmd_search,
	&cmd_tags,   &cmd_image,      &cmd_help,    NULL,
};

#define GLOBAL(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),      \
 .offset = offsetof(struct global_options, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ GLOBAL("root", 'r', OPTION_STRING, root, "DIR",
		 "where the state of containers is kept (default: /run/skerry, or "
		 "$XDG_RUNTIME_DIR/skerry when not root)") },
	{ GLOBAL("log", 'l', OPTION_STRING, log, "FILE",
		 "append messages to FILE (or file:FILE, syslog:ID, journald:ID) as well") },
	{ GLOBAL("log-format", 0, OPTION_STRING, log_format, "FORMAT",
		 "format of the log: text or json (default: text)") },
	{ GLOBAL("log-level", 0, OPTION_STRING, log_level, "LEVEL",
		 "least important message to log: error, warning, info or debug") },
	{ GLOBAL("debug", 0, OPTION_FLAG, debug, NULL, "same as --log-level debug") },
	{ GLOBAL("cgroup-manager", 0, OPTION_STRING, cgroup_manager, "MANAGER",
		 "who makes control groups: cgroupfs, systemd or disabled (default: cgroupfs)") },
	{ GLOBAL("systemd-cgroup", 's', OPTION_FLAG, systemd_cgroup, NULL,
		 "same as --cgroup-manager systemd") },
	{ GLOBAL("rootless", 0, OPTION_STRING, rootless, "VALUE",
		 "run without root's rights: true, false or auto (default: auto)") },
	{ GLOBAL("criu", 0, OPTION_STRING, criu, "PATH",
		 "the program criu (default: $SKERRY_CRIU, else of $PATH)") },
	{ GLOBAL("version", 'v', OPTION_FLAG, version, NULL, "print the version and exit") },
	{ GLOBAL("V", 0, OPTION_FLAG, version, NULL, NULL) },
};

const struct option_table cli_global_options = { rows, ARRAY_SIZE(rows), NULL };
