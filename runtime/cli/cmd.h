/* SPDX-License-Identifier: Apache-2.0 */
/* cmd.h - the commands, one per cmd_<verb>.c */
#ifndef SKERRY_CLI_CMD_H
#define SKERRY_CLI_CMD_H

#include "runtime/cli/cli.h"

extern const struct command cmd_check;
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
extern const struct command cmd_mounts;
extern const struct command cmd_pause;
extern const struct command cmd_ps;
extern const struct command cmd_resume;
extern const struct command cmd_run;
extern const struct command cmd_spec;
extern const struct command cmd_start;
extern const struct command cmd_state;
extern const struct command cmd_update;
extern const struct command cmd_wait;

/* The options that create and run share; offsets into struct skerry_create_options. */
extern const struct option_table create_options;

#endif
