/* SPDX-License-Identifier: Apache-2.0 */
/* criu_options.h - options that checkpoint, restore and clone share */
#ifndef SKERRY_CLI_CRIU_OPTIONS_H
#define SKERRY_CLI_CRIU_OPTIONS_H

#include "runtime/cli/options.h"
#include "runtime/include/skerry/skerry.h"

/* The struct of such a command begins with this. */
struct criu_words {
	struct skerry_checkpoint_options criu;
	struct skerry_create_options create;
	unsigned int status_fd, notify_fd;
};
extern const struct option_table criu_options;
extern const struct option_table restore_options;
#define CRIU_WORDS_INIT                                                     \
 {                                                                          \
  .criu = { .size = sizeof(struct skerry_checkpoint_options) }, .create = { \
	  .size = sizeof(struct skerry_create_options)                      \
  }                                                                         \
 }

#endif
