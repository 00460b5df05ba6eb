/* SPDX-License-Identifier: Apache-2.0 */
/* watch_health.c - the health of a container: a command in it, now and then */
#include "runtime/cli/watch_health.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"

#define NS_PER_MS   1000000
#define TIMED_OUT   (-1) /* docker's exit status of a check that took too long */
#define NOT_STARTED 126
#define TIME_TEXT   40

static const struct json_field config_fields[] = {
	JSON_FIELD(struct health_config, test, JSON_STRINGS, .required = true),
	JSON_FIELD(struct health_config, interval, JSON_I64),
	JSON_FIELD(struct health_config, timeout, JSON_I64),
	JSON_FIELD_AS("startPeriod", struct health_config, start_period, JSON_I64),
	JSON_FIELD_AS("startInterval", struct health_config, start_interval, JSON_I64),
	JSON_FIELD(struct health_config, retries, JSON_I64),
};
const struct json_table health_config_table = JSON_TABLE(struct health_config, config_fields);

void health_init(struct health *h, const struct health_config *config, const char *bundle)
{
	*h = (struct health){ .config = config, .bundle = bundle, .pidfd = -1, .output = -1 };
}

static void forget_results(struct health *h)
{
	for (size_t i = 0; i < h->n_results; i++)
		free(h->results[i].output);
	h->n_results = 0;
}

void health_release(struct health *h)
{
	forget_results(h);
	h->output = fd_close(h->output);
	h->pidfd = fd_close(h->pidfd);
}

static const char *status_name(const struct health *h)
{
	if (h->is_unhealthy)
		return "unhealthy";
	return h->is_healthy ? "healthy" : "starting";
}

static void write_results(struct json_out *o, const struct health *h)
{
	json_key(o, "Log");
	json_begin_array(o);
	for (size_t i = 0; i < h->n_results; i++) {
		const struct health_result *r = &h->results[i];
		char start[TIME_TEXT], end[TIME_TEXT];
		units_time(&r->start, start, sizeof(start));
		units_time(&r->end, end, sizeof(end));
		json_begin_object(o);
		json_kv_string(o, "Start", start);
		json_kv_string(o, "End", end);
		json_kv_int(o, "ExitCode", r->status);
		json_kv_string(o, "Output", r->output ? r->output : "");
		json_end_object(o);
	}
	json_end_array(o);
}

/* What can't be written now is written by the next check. */
static void save(const struct health *h)
{
	char path[PATH_MAX];
	struct json_out o;
	AUTO_BUF text;
	buf_init(&text);
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	json_kv_string(&o, "Status", status_name(h));
	json_kv_int(&o, "FailingStreak", h->streak);
	write_results(&o, h);
	json_end_object(&o);
	if (!buf_failed(&text) && str_format(path, sizeof(path), "%s/health.json", h->bundle) == 0)
		(void)file_replace(AT_FDCWD, path, text.s, text.len, 0600);
}

static bool is_in_start_period(const struct health *h, int64_t now)
{
	return !h->is_healthy && now < h->began + h->config->start_period / NS_PER_MS;
}

static void plan_next(struct health *h, int64_t now)
{
	int64_t ns = is_in_start_period(h, now) ? h->config->start_interval : h->config->interval;
	h->next = now + (ns > NS_PER_MS ? ns / NS_PER_MS : 1);
}

void health_begin(struct health *h, int64_t now)
{
	if (!h->config)
		return;
	forget_results(h);
	h->is_healthy = h->is_unhealthy = false;
	h->streak = 0;
	h->began = now;
	plan_next(h, now);
	save(h);
}

static char *read_output(const struct health *h)
{
	char text[HEALTH_OUTPUT_MAX + 1];
	ssize_t n = pread(h->output, text, HEALTH_OUTPUT_MAX, 0);
	text[n > 0 ? n : 0] = 0;
	return strdup(text);
}

static void add_result(struct health *h, int status, char *output)
{
	if (h->n_results == HEALTH_RESULTS) {
		free(h->results[0].output);
		memmove(&h->results[0], &h->results[1],
			(HEALTH_RESULTS - 1) * sizeof(h->results[0]));
		h->n_results--;
	}
	struct health_result *r = &h->results[h->n_results++];
	*r = (struct health_result){ .start = h->start, .status = status, .output = output };
	(void)clock_gettime(CLOCK_REALTIME, &r->end);
}

static void take_result(struct health *h, int status, char *output, int64_t now)
{
	add_result(h, status, output);
	if (status == 0) {
		h->streak = 0;
		h->is_healthy = true;
		h->is_unhealthy = false;
	} else if (!is_in_start_period(h, now)) {
		h->streak++;
		h->is_unhealthy = h->is_unhealthy || h->streak >= h->config->retries;
	}
	plan_next(h, now);
	save(h);
}

/* Waits for the check, which has ended or was killed. */
static int reap(struct health *h)
{
	int status = 0;
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
	h->pid = 0;
	h->pidfd = fd_close(h->pidfd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int exec_check(struct health *h, struct cli *cli, const char *id, struct skerry_error *why)
{
	int saved[2] = { fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3),
			 fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3) };
	const struct skerry_exec_options o = {
		.size = sizeof(o),
		.argv = h->config->test.v,
		.tty = 0,
		.detach = true,
		.ret_pid = &h->pid,
	};
	int rc = -1;
	if (saved[0] >= 0 && saved[1] >= 0 && dup2(h->output, STDOUT_FILENO) >= 0 &&
	    dup2(h->output, STDERR_FILENO) >= 0)
		rc = skerry_exec(cli->skerry, id, &o, why);
	for (int i = 0; i < 2; i++) {
		if (saved[i] >= 0)
			(void)dup2(saved[i], STDOUT_FILENO + i);
		saved[i] = fd_close(saved[i]);
	}
	return rc;
}

static bool is_running(struct cli *cli, const char *id)
{
	struct skerry_state st;
	if (skerry_state(cli->skerry, id, &st, NULL) < 0)
		return false;
	bool running = st.status == SKERRY_RUNNING;
	skerry_state_release(&st);
	return running;
}

static void start_check(struct health *h, struct cli *cli, const char *id, int64_t now)
{
	struct skerry_error why = { 0 };
	/* one that is paused can't answer, which says nothing */
	if (!is_running(cli, id)) {
		plan_next(h, now);
		return;
	}
	(void)clock_gettime(CLOCK_REALTIME, &h->start);
	h->output = fd_close(h->output);
	h->output = memfd_create("health", MFD_CLOEXEC);
	if (h->output < 0 || exec_check(h, cli, id, &why) < 0) {
		h->pid = 0;
		take_result(h, NOT_STARTED, strdup(why.message), now);
		return;
	}
	h->pidfd = proc_pidfd_open(h->pid);
	h->deadline = now + h->config->timeout / NS_PER_MS;
	if (h->pidfd < 0)
		take_result(h, reap(h), read_output(h), now);
}

void health_end(struct health *h)
{
	if (h->pid == 0)
		return;
	(void)proc_pidfd_signal(h->pidfd, SIGKILL);
	(void)reap(h);
}

int health_timeout(const struct health *h, int64_t now)
{
	if (!h->config)
		return -1;
	int64_t left = (h->pid ? h->deadline : h->next) - now;
	return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int health_fd(const struct health *h)
{
	return h->pid ? h->pidfd : -1;
}

void health_tick(struct health *h, struct cli *cli, const char *id, int64_t now)
{
	if (!h->config)
		return;
	if (h->pid == 0) {
		if (now >= h->next)
			start_check(h, cli, id, now);
		return;
	}
	if (proc_pidfd_wait(h->pidfd, 0) > 0) {
		int status = reap(h);
		take_result(h, status, read_output(h), now);
	} else if (now >= h->deadline) {
		(void)proc_pidfd_signal(h->pidfd, SIGKILL);
		(void)reap(h);
		take_result(h, TIMED_OUT, strdup("the check took too long"), now);
	}
}
