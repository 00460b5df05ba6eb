/* SPDX-License-Identifier: Apache-2.0 */
/* image_options.h - the options of run and create that make a bundle of an image
 *
 * The rows are read twice: by `skerry run` and `create`, and by `skerry-image
 * bundle`, which is given them again as words and makes the bundle.
 */
#ifndef SKERRY_CLI_IMAGE_OPTIONS_H
#define SKERRY_CLI_IMAGE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/cli/options.h"

struct image_options {
	const char *image; /* NULL: a bundle is given, and none of the others may be */
	struct option_list env, env_file, volumes, mounts, tmpfs, devices, labels, cap_add,
		cap_drop, security, sysctl, ulimits, groups;
	const char *workdir, *user, *hostname, *memory, *memory_swap, *cpus, *cpu_shares,
		*cpuset_cpus, *pids, *entrypoint, *stop_signal, *pull, *platform, *shm_size, *store,
		*restart, *health_cmd, *health_interval, *health_timeout, *health_retries,
		*health_start_period, *health_start_interval;
	bool read_only, rm, tty, interactive, privileged, no_healthcheck;
};

/* Offsets into struct create_words (cmd.h). */
struct create_words;
extern const struct option_table image_option_table;

/* The options that were given, as "--name=value" words behind what list holds. */
int image_options_words(const struct create_words *words, struct arena *arena,
			struct option_list *list, struct err *err);

#endif
