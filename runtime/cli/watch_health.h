/* SPDX-License-Identifier: Apache-2.0 */
/* watch_health.h - the health of a container: a command in it, now and then
 *
 * "starting" until a check succeeds; "unhealthy" after so many failures in a
 * row, those of the start period not counted; "healthy" again by one success.
 * What is known stands in the bundle's health.json, in the words of docker's
 * State.Health.
 */
#ifndef SKERRY_CLI_WATCH_HEALTH_H
#define SKERRY_CLI_WATCH_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/json.h"
#include "runtime/cli/cli.h"

/* The object "health" of watch.json; times in nanoseconds. */
struct health_config {
	struct strings test;
	int64_t interval, timeout, start_period, start_interval, retries;
};
extern const struct json_table health_config_table;

#define HEALTH_RESULTS	  5 /* are kept */
#define HEALTH_OUTPUT_MAX 4096 /* of one check, as docker keeps it */

struct health_result {
	struct timespec start, end;
	int status;
	char *output; /* malloc'd */
};

struct health {
	const struct health_config *config;
	const char *bundle;
	bool is_healthy, is_unhealthy; /* neither: starting */
	int64_t streak; /* of failures */
	int64_t began, next, deadline; /* milliseconds of CLOCK_MONOTONIC */
	pid_t pid; /* of a check that runs; 0: none */
	int pidfd, output;
	struct timespec start;
	struct health_result results[HEALTH_RESULTS]; /* oldest first */
	size_t n_results;
};

/* config NULL: no checks; everything below does nothing then. */
void health_init(struct health *h, const struct health_config *config, const char *bundle);
void health_release(struct health *h);
/* The container runs from now on. */
void health_begin(struct health *h, int64_t now);
/* It has ended: so has a check. */
void health_end(struct health *h);
/* Milliseconds until health_tick() has something to do (-1: nothing), and the descriptor that says
 * that a check has ended (-1: none runs). */
int health_timeout(const struct health *h, int64_t now);
int health_fd(const struct health *h);
/* Starts a check that is due, ends one that takes too long, takes the result of one that has ended. */
void health_tick(struct health *h, struct cli *cli, const char *id, int64_t now);

#endif
