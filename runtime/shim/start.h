/* SPDX-License-Identifier: Apache-2.0 */
/* start.h - what is done and over: start, delete, -info */
#ifndef SKERRY_SHIM_START_H
#define SKERRY_SHIM_START_H

#include "runtime/shim/args.h"
#include "runtime/shim/messages.h"
#include "runtime/shim/options.h"

/* What containerd says on standard input of `start`. */
enum handshake { HANDSHAKE_ADDRESS, HANDSHAKE_BOOTSTRAP };
struct start_params {
	enum handshake handshake;
	const char *socket_dir; /* or "" */
	struct any *options; /* or NULL */
	bool debug;
};
/* Which of the three handshakes is it? Pure; strings belong to the arena, options to the input. */
int start_parse(const void *input, size_t len, const char *id, const char *namespace,
		struct arena *arena, struct start_params *ret, struct err *err);

/* Path of the socket of a group of containers: DIR/hex(sha256(join(ADDRESS, NAMESPACE, GROUP))). */
int socket_path(const char *dir, const char *address, const char *namespace, const char *group,
		char *ret, size_t size, struct err *err);
#define SOCKET_DIR	"/run/containerd/s"
#define SOCKET_PATH_MAX 107

/* The answer to containerd goes into out. */
int shim_start(const struct args *a, const char *self, const char *input, size_t len,
	       struct buf *out, struct err *err);
int shim_delete(const struct args *a, struct buf *out, struct err *err);
int shim_info(const char *input, size_t len, struct buf *out, struct err *err);

#endif
