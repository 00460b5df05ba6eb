/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - the configuration of an image: what runs in it, its layers, its history
 *
 * The image's id is the digest of these bytes.  Members are named after the
 * keys; what is absent or null is NULL, 0 or empty.
 */
#ifndef SKERRY_IMAGE_CONFIG_H
#define SKERRY_IMAGE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#define CONFIG_SIZE_MAX ((size_t)8 << 20)

/* A key of an object whose values say nothing ("80/tcp": {}). */
struct config_key {
	char *key;
};
struct config_keys {
	struct config_key *v;
	size_t n;
};
struct config_health {
	struct strings test;
	int64_t interval, timeout, start_period, start_interval; /* nanoseconds */
	int32_t retries;
};
struct config_process {
	char *user, *working_dir, *stop_signal;
	struct strings env, entrypoint, cmd, shell, on_build;
	struct pairs labels;
	struct config_keys exposed_ports, volumes;
	struct config_health *healthcheck;
};
struct config_rootfs {
	char *type;
	struct strings diff_ids;
};
struct config_history {
	char *created, *created_by, *author, *comment;
	bool empty_layer;
};
struct image_config {
	char *architecture, *os, *variant, *os_version, *author, *created;
	struct config_process config;
	struct config_rootfs rootfs;
	struct {
		struct config_history *v;
		size_t n;
	} history;
};

/* name is for messages.  Everything belongs to the arena.  0 or -1. */
int config_parse(const char *name, const char *text, size_t len, struct image_config *ret,
		 struct arena *arena, struct err *err);

/* The document, compact: of an image of our own making. */
void config_write(struct buf *out, const struct image_config *c);

/* The members "entrypoint", "env", ... as `inspect` shows them: the object "config" alone. */
void config_write_process(struct json_out *o, const struct config_process *p);

#endif
