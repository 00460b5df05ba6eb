/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_watch.c - what is to be done for a container while it runs: restarts, health checks
 *
 * Decided from the image's HEALTHCHECK and the options, written into the bundle
 * as `watch.json`, which the process that watches a detached container reads
 * (runtime/cli/watch.c).  Without either there is no such file.
 *
 * docker-run(1) --restart, --health-cmd; the image configuration's Healthcheck.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/units.h"
#include "image/cli/bundle.h"

#define SECOND		 ((int64_t)1000000000)
#define RETRIES_MAX	 1000000
#define INTERVAL_DEFAULT (30 * SECOND)
#define TIMEOUT_DEFAULT	 (30 * SECOND)
#define STARTING_DEFAULT (5 * SECOND)
#define RETRIES_DEFAULT	 3

struct watch {
	const char *policy;
	int64_t restarts_max; /* of on-failure; 0: no end */
	struct strings test; /* the command of the health check; n = 0: none */
	int64_t interval, timeout, start_period, start_interval, retries;
};

static int invalid(const char *option, const char *value, struct err *err)
{
	return err_set(err, EINVAL, "invalid value \"%s\" for --%s", value, option);
}

static int decide_restart(const struct bundle *b, struct watch *w, struct err *err)
{
	static const char *const policies[] = { "no", "always", "unless-stopped", "on-failure" };
	static const char failure[] = "on-failure:";
	const char *given = b->o->restart;
	w->policy = policies[0];
	if (!given)
		return 0;
	if (str_starts(given, failure)) {
		w->policy = policies[3];
		return units_i64(given + sizeof(failure) - 1, 1, RETRIES_MAX, &w->restarts_max) < 0
			       ? invalid("restart", given, err)
			       : 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		if (strcmp(given, policies[i]) == 0) {
			w->policy = policies[i];
			return 0;
		}
	}
	return invalid("restart", given, err);
}

/* A shell's line, by the image's shell. */
static int add_shell(const struct bundle *b, struct watch *w, const char *line, struct err *err)
{
	static const char *const shell[] = { "/bin/sh", "-c" };
	const struct strings *own = &b->config->config.shell;
	size_t n = own->n ? own->n : ARRAY_SIZE(shell);
	for (size_t i = 0; i < n; i++) {
		if (bundle_add(b->arena, &w->test, own->n ? own->v[i] : shell[i], err) < 0)
			return -1;
	}
	return bundle_add(b->arena, &w->test, line, err);
}

static int test_of_image(const struct bundle *b, struct watch *w, const struct config_health *h,
			 struct err *err)
{
	if (h->test.n < 2 || str_eq(h->test.v[0], "NONE"))
		return 0;
	if (str_eq(h->test.v[0], "CMD-SHELL"))
		return add_shell(b, w, h->test.v[1], err);
	if (!str_eq(h->test.v[0], "CMD"))
		return err_set(err, EINVAL,
			       "the image's health check is of an unknown kind \"%.64s\"",
			       h->test.v[0]);
	for (size_t i = 1; i < h->test.n; i++) {
		if (bundle_add(b->arena, &w->test, h->test.v[i], err) < 0)
			return -1;
	}
	return 0;
}

static int take_duration(const char *option, const char *given, int64_t image, int64_t standard,
			 int64_t *ret, struct err *err)
{
	*ret = image > 0 ? image : standard;
	if (!given)
		return 0;
	return units_duration(given, ret) < 0 || *ret < 0 ? invalid(option, given, err) : 0;
}

static int decide_health(const struct bundle *b, struct watch *w, struct err *err)
{
	static const struct config_health none;
	const struct image_options *o = b->o;
	const struct config_health *h = b->config->config.healthcheck;
	const char *command = o->health_cmd;
	if (!h)
		h = &none;
	if (o->no_healthcheck || str_eq(command, "none"))
		return 0;
	if ((command ? add_shell(b, w, command, err) : test_of_image(b, w, h, err)) < 0)
		return -1;
	if (take_duration("health-interval", o->health_interval, h->interval, INTERVAL_DEFAULT,
			  &w->interval, err) < 0 ||
	    take_duration("health-timeout", o->health_timeout, h->timeout, TIMEOUT_DEFAULT,
			  &w->timeout, err) < 0 ||
	    take_duration("health-start-period", o->health_start_period, h->start_period, 0,
			  &w->start_period, err) < 0 ||
	    take_duration("health-start-interval", o->health_start_interval, h->start_interval,
			  STARTING_DEFAULT, &w->start_interval, err) < 0)
		return -1;
	w->retries = h->retries > 0 ? h->retries : RETRIES_DEFAULT;
	if (o->health_retries && units_i64(o->health_retries, 1, RETRIES_MAX, &w->retries) < 0)
		return invalid("health-retries", o->health_retries, err);
	return 0;
}

static void write_health(struct json_out *o, const struct watch *w)
{
	json_key(o, "health");
	json_begin_object(o);
	json_key(o, "test");
	json_begin_array(o);
	for (size_t i = 0; i < w->test.n; i++)
		json_string(o, w->test.v[i]);
	json_end_array(o);
	json_kv_int(o, "interval", w->interval);
	json_kv_int(o, "timeout", w->timeout);
	json_kv_int(o, "startPeriod", w->start_period);
	json_kv_int(o, "startInterval", w->start_interval);
	json_kv_int(o, "retries", w->retries);
	json_end_object(o);
}

int bundle_watch(struct bundle *b, struct err *err)
{
	struct watch w = { 0 };
	struct json_out o;
	char path[PATH_MAX];
	AUTO_BUF text;
	buf_init(&text);
	if (decide_restart(b, &w, err) < 0 || decide_health(b, &w, err) < 0)
		return -1;
	if (w.test.n == 0 && str_eq(w.policy, "no"))
		return 0;
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	json_kv_string(&o, "restart", w.policy);
	json_kv_int(&o, "restartsMax", w.restarts_max);
	if (w.test.n > 0)
		write_health(&o, &w);
	json_end_object(&o);
	if (buf_failed(&text) || str_format(path, sizeof(path), "%s/watch.json", b->dir) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return file_replace(AT_FDCWD, path, text.s, text.len, 0600) < 0
		       ? err_sys(err, "write \"%s\"", path)
		       : 0;
}
