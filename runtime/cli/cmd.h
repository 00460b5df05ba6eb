/* SPDX-License-Identifier: Apache-2.0 */
/* cmd.h - the commands, one per cmd_<verb>.c */
#ifndef SKERRY_CLI_CMD_H
#define SKERRY_CLI_CMD_H

#include "runtime/cli/cli.h"
#include "runtime/cli/image_options.h"
#include "runtime/cli/net_options.h"

extern const struct command cmd_attach;
extern const struct command cmd_check;
extern const struct command cmd_checkpoint, cmd_restore, cmd_clone;
extern const struct command cmd_build, cmd_commit, cmd_cp, cmd_diff, cmd_export, cmd_import,
	cmd_load, cmd_logs, cmd_prune, cmd_push, cmd_save;
extern const struct command cmd_history, cmd_image, cmd_images, cmd_inspect, cmd_login, cmd_logout,
	cmd_pull, cmd_rmi, cmd_search, cmd_tag, cmd_tags, cmd_untag;
extern const struct command cmd_completion;
extern const struct command cmd_create;
extern const struct command cmd_delete;
extern const struct command cmd_device;
extern const struct command cmd_doctor;
extern const struct command cmd_events;
extern const struct command cmd_exec;
extern const struct command cmd_features;
extern const struct command cmd_help;
extern const struct command cmd_kill;
extern const struct command cmd_list;
extern const struct command cmd_migrate;
extern const struct command cmd_mounts;
extern const struct command cmd_net;
extern const struct command cmd_pause;
extern const struct command cmd_ps;
extern const struct command cmd_resume;
extern const struct command cmd_run;
extern const struct command cmd_spec;
extern const struct command cmd_start;
extern const struct command cmd_state;
extern const struct command cmd_update;
extern const struct command cmd_wait;

/* The options that create and run share: each begins with a struct create_words. */
struct create_words {
	struct skerry_create_options create;
	struct net_words net;
	struct image_options image;
};
extern const struct option_table create_options;
extern const struct option_table net_options; /* net_options.c */
/* The library's options, with what was given in words. */
struct skerry_create_options create_words_options(const struct create_words *words);

#endif
