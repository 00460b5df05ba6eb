/* SPDX-License-Identifier: Apache-2.0 */
/* document.h - what the host can do, and what it would do: features, doctor, check, plan */
#ifndef SKERRY_CONTAINER_DOCUMENT_H
#define SKERRY_CONTAINER_DOCUMENT_H

#include "base/json.h"
#include "runtime/container/runtime.h"

/* runtime-spec features.md, with the host's own ability under annotations. */
int features_write(struct runtime *rt, struct json_out *o, struct err *err);
/* [{what, ok, why, fix}] */
int doctor_write(struct runtime *rt, struct json_out *o, struct err *err);
/* [{field, reason}] of what this host would refuse. */
int check_write(struct runtime *rt, const char *bundle, const char *config, int *ret_bad,
		struct json_out *o, struct err *err);
/* `run --plan`; create.c. */
int container_plan_write(struct runtime *rt, const char *id, const struct skerry_create_options *o,
			 struct json_out *out, struct err *err);

/* One thing the host can or can't do: probe.c. */
struct probe {
	const char *what; /* "clone3 into a cgroup" */
	const char *key; /* word under annotations */
	bool (*works)(struct runtime *rt);
	const char *why, *fix;
};
extern const struct probe probes[];
extern const size_t probes_n;

#endif
