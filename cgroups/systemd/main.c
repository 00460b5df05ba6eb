/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - skerry-systemd: the runtime's only word with systemd
 *
 *   skerry-systemd start|stop|set < document
 *
 * The document (cgroups/systemd.c writes it) names the unit, the bus and the
 * properties, all decided; here they are only put on the bus.
 * start: goes on in the background and makes the scope around itself, answers
 *        with one JSON line on standard output, a socket, and stays in the
 *        scope until that is closed.
 * stop:  stops the unit and forgets that it failed; an unknown one is success.
 * set:   changes properties until the unit ends.
 * Errors: {"error": ...} for start, one line on standard error for the others.
 *
 * sd-bus(3); org.freedesktop.systemd1(5) "Manager Object".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "cgroups/internal.h"

#define SERVICE	 "org.freedesktop.systemd1"
#define OBJECT	 "/org/freedesktop/systemd1"
#define MANAGER	 "org.freedesktop.systemd1.Manager"
#define PRIVATE	 "unix:path=/run/systemd/private"
#define JOB_USEC (50ULL * 1000000) /* below the patience of whoever started us */

/* A job whose end is waited for. */
struct job {
	char *path;
	char result[32]; /* "" until it has ended */
};

static int bus_error(struct err *err, const char *what, const char *unit, int r,
		     const sd_bus_error *e)
{
	const char *why =
		e && e->message ? e->message : strerror(-r); /* NOLINT(concurrency-mt-unsafe) */

	return err_set(err, -r, "systemd: %s unit \"%s\": %s", what, unit, why);
}

static int bus_open(bool user, sd_bus **ret, struct err *err)
{
	sd_bus *bus = NULL;
	int r = user ? sd_bus_open_user(&bus) : sd_bus_open_system(&bus);

	if (r < 0 && !user) { /* a machine without the bus: root may speak to process 1 itself */
		sd_bus *direct = NULL;

		if (sd_bus_new(&direct) >= 0 && sd_bus_set_address(direct, PRIVATE) >= 0 &&
		    sd_bus_start(direct) >= 0) {
			*ret = direct;
			return 0;
		}
		sd_bus_unref(direct);
	}
	if (r < 0)
		return err_set(err, -r, "systemd: connect to the %s bus: %s",
			       user ? "user" : "system",
			       strerror(-r)); /* NOLINT(concurrency-mt-unsafe) */
	*ret = bus;
	return 0;
}

/* --- properties -------------------------------------------------------------- */

static int append_basic(sd_bus_message *m, char type, const char *text)
{
	uint64_t u = 0;
	int64_t i = 0;
	double d;

	switch (type) {
	case 's':
		return sd_bus_message_append_basic(m, 's', text);
	case 'b':
		return sd_bus_message_append(m, "b", strcmp(text, "1") == 0);
	case 'y':
		return units_u64(text, UINT8_MAX, &u) < 0 ? -EINVAL
							  : sd_bus_message_append(m, "y", (int)u);
	case 'q':
		return units_u64(text, UINT16_MAX, &u) < 0 ? -EINVAL
							   : sd_bus_message_append(m, "q", (int)u);
	case 'u':
		return units_u64(text, UINT32_MAX, &u) < 0
			       ? -EINVAL
			       : sd_bus_message_append(m, "u", (uint32_t)u);
	case 't':
		return units_u64(text, UINT64_MAX, &u) < 0 ? -EINVAL
							   : sd_bus_message_append(m, "t", u);
	case 'n':
		return units_i64(text, INT16_MIN, INT16_MAX, &i) < 0
			       ? -EINVAL
			       : sd_bus_message_append(m, "n", (int)i);
	case 'i':
		return units_i64(text, INT32_MIN, INT32_MAX, &i) < 0
			       ? -EINVAL
			       : sd_bus_message_append(m, "i", (int32_t)i);
	case 'x':
		return units_i64(text, INT64_MIN, INT64_MAX, &i) < 0
			       ? -EINVAL
			       : sd_bus_message_append(m, "x", i);
	case 'd':
		d = strtod(text, NULL);
		return sd_bus_message_append_basic(m, 'd', &d);
	default:
		return -EINVAL;
	}
}

/* The elements of an array that is open in m. */
static int append_elements(sd_bus_message *m, const struct property *p)
{
	int r = 0;

	if (strcmp(p->type, "a(st)") == 0) {
		for (size_t i = 0; i + 1 < p->values.n && r >= 0; i += 2) {
			uint64_t v = 0;

			if (units_u64(p->values.v[i + 1], UINT64_MAX, &v) < 0)
				return -EINVAL;
			r = sd_bus_message_append(m, "(st)", p->values.v[i], v);
		}
		return r;
	}
	for (size_t i = 0; i < p->values.n && r >= 0; i++)
		r = append_basic(m, p->type[1], p->values.v[i]);
	return r;
}

static int append_property(sd_bus_message *m, const struct property *p)
{
	bool array = p->type[0] == 'a';
	int r;

	if (!array && p->values.n != 1)
		return -EINVAL;
	r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append_basic(m, 's', p->name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', p->type);
	if (r >= 0 && array) {
		r = sd_bus_message_open_container(m, 'a', p->type + 1);
		if (r >= 0)
			r = append_elements(m, p);
		if (r >= 0)
			r = sd_bus_message_close_container(m);
	} else if (r >= 0) {
		r = append_basic(m, p->type[0], p->values.v[0]);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_properties(sd_bus_message *m, const struct systemd_doc *doc, bool start)
{
	size_t len = strlen(doc->unit);
	bool slice = len > 6 && strcmp(doc->unit + len - 6, ".slice") == 0;
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	if (r >= 0 && start && doc->description)
		r = sd_bus_message_append(m, "(sv)", "Description", "s", doc->description);
	if (r >= 0 && start && doc->slice && slice)
		r = sd_bus_message_append(m, "(sv)", "Wants", "as", 1, doc->slice);
	if (r >= 0 && start && doc->slice && !slice)
		r = sd_bus_message_append(m, "(sv)", "Slice", "s", doc->slice);
	if (r >= 0 && start && !slice)
		r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, (uint32_t)getpid());
	for (size_t i = 0; i < doc->properties.n && r >= 0; i++)
		r = append_property(m, &doc->properties.v[i]);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* --- jobs ------------------------------------------------------------------------ */

/* JobRemoved(u id, o job, s unit, s result) */
static int on_job_removed(sd_bus_message *m, void *data, sd_bus_error *e)
{
	struct job *job = data;
	const char *path = NULL, *unit = NULL, *result = NULL;
	uint32_t id = 0;

	(void)e;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	if (job->path && strcmp(job->path, path) == 0)
		(void)str_copy(job->result, sizeof(job->result), result);
	return 0;
}

static int job_watch(sd_bus *bus, struct job *job)
{
	int r = sd_bus_match_signal(bus, NULL, NULL, OBJECT, MANAGER, "JobRemoved", on_job_removed,
				    job);

	if (r < 0)
		return r;
	/* unknown to a direct connection, which gets the signals anyway */
	(void)sd_bus_call_method(bus, SERVICE, OBJECT, MANAGER, "Subscribe", NULL, NULL, "");
	return 0;
}

static int job_wait(sd_bus *bus, struct job *job, const char *what, const char *unit,
		    struct err *err)
{
	struct timespec t;
	uint64_t end, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	end = now + JOB_USEC;
	while (!job->result[0]) {
		int r = sd_bus_process(bus, NULL);

		if (r > 0)
			continue;
		if (r == 0)
			r = now < end ? sd_bus_wait(bus, end - now) : -ETIMEDOUT;
		if (r < 0)
			return bus_error(err, what, unit, r, NULL);
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	}
	if (strcmp(job->result, "done") != 0 && strcmp(job->result, "skipped") != 0)
		return err_set(err, EIO, "systemd: %s unit \"%s\": job %s", what, unit,
			       job->result);
	return 0;
}

/* The reply of a call that makes a job; signals are only handled in job_wait(), so none is lost. */
static int job_take(sd_bus_message *reply, struct job *job)
{
	const char *path = NULL;
	int r = sd_bus_message_read(reply, "o", &path);

	if (r < 0)
		return r;
	job->path = strdup(path);
	return job->path ? 0 : -ENOMEM;
}

/* --- verbs ------------------------------------------------------------------------- */

static int start_call(sd_bus *bus, const struct systemd_doc *doc, sd_bus_error *e,
		      sd_bus_message **reply)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, SERVICE, OBJECT, MANAGER,
					       "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(m, "ss", doc->unit, "fail");
	if (r >= 0)
		r = append_properties(m, doc, true);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call(bus, m, 0, e, reply);
	sd_bus_message_unref(m);
	return r;
}

static void reset_failed(sd_bus *bus, const char *unit)
{
	(void)sd_bus_call_method(bus, SERVICE, OBJECT, MANAGER, "ResetFailedUnit", NULL, NULL, "s",
				 unit);
}

static int control_group(sd_bus *bus, const char *unit, char **ret, struct err *err)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;
	const char *interface = strstr(unit, ".slice") ? SERVICE ".Slice" : SERVICE ".Scope";
	char *path = NULL;
	int r = sd_bus_path_encode(OBJECT "/unit", unit, &path);

	if (r >= 0)
		r = sd_bus_get_property_string(bus, SERVICE, path, interface, "ControlGroup", &e,
					       ret);
	if (r < 0)
		(void)bus_error(err, "look at", unit, r, &e);
	sd_bus_error_free(&e);
	free(path);
	return r < 0 ? -1 : 0;
}

static int start_unit(sd_bus *bus, const struct systemd_doc *doc, char **ret_group, struct err *err)
{
	struct job job = { 0 };
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int r = job_watch(bus, &job);

	if (r >= 0)
		r = start_call(bus, doc, &e, &reply);
	if (r < 0 && sd_bus_error_has_name(&e, SERVICE ".UnitExists")) {
		/* one that failed once and was kept; a living one makes the second try fail too */
		sd_bus_error_free(&e);
		reset_failed(bus, doc->unit);
		r = start_call(bus, doc, &e, &reply);
	}
	if (r >= 0)
		r = job_take(reply, &job);
	if (r < 0)
		(void)bus_error(err, "start", doc->unit, r, &e);
	else if (job_wait(bus, &job, "start", doc->unit, err) < 0 ||
		 control_group(bus, doc->unit, ret_group, err) < 0)
		r = -1;
	sd_bus_error_free(&e);
	sd_bus_message_unref(reply);
	free(job.path);
	return r < 0 ? -1 : 0;
}

static int stop_unit(sd_bus *bus, const struct systemd_doc *doc, struct err *err)
{
	struct job job = { 0 };
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int r = job_watch(bus, &job), result = 0;

	if (r >= 0)
		r = sd_bus_call_method(bus, SERVICE, OBJECT, MANAGER, "StopUnit", &e, &reply, "ss",
				       doc->unit, "replace");
	if (r >= 0)
		r = job_take(reply, &job);
	if (r < 0 && !sd_bus_error_has_name(&e, SERVICE ".NoSuchUnit"))
		result = bus_error(err, "stop", doc->unit, r, &e);
	else if (r >= 0)
		result = job_wait(bus, &job, "stop", doc->unit, err);
	if (result == 0)
		reset_failed(bus, doc->unit);
	sd_bus_error_free(&e);
	sd_bus_message_unref(reply);
	free(job.path);
	return result;
}

static int set_properties(sd_bus *bus, const struct systemd_doc *doc, struct err *err)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, SERVICE, OBJECT, MANAGER,
					       "SetUnitProperties");

	if (r >= 0)
		r = sd_bus_message_append(m, "sb", doc->unit, true);
	if (r >= 0)
		r = append_properties(m, doc, false);
	if (r >= 0)
		r = sd_bus_call(bus, m, 0, &e, NULL);
	if (r < 0)
		(void)bus_error(err, "change", doc->unit, r, &e);
	sd_bus_error_free(&e);
	sd_bus_message_unref(m);
	return r < 0 ? -1 : 0;
}

/* --- start's second half --------------------------------------------------------------- */

static void answer(const char *key, const char *value)
{
	AUTO_BUF text;
	struct json_out o;

	buf_init(&text);
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	json_kv_string(&o, key, value);
	json_end_object(&o);
	buf_putc(&text, '\n');
	(void)fd_write_full(STDOUT_FILENO, text.s, text.len); /* nobody there: we end below */
}

/* In the scope until the other end of the socket is closed. */
static void hold(void)
{
	char byte;
	ssize_t n;

	do
		n = read(STDOUT_FILENO, &byte, 1);
	while (n > 0 || (n < 0 && errno == EINTR));
}

static int start(const struct systemd_doc *doc)
{
	struct err err = { 0 };
	char *group = NULL;
	sd_bus *bus = NULL;

	/* daemon(3): whoever started us waits for this process to end, not for the other */
	if (daemon(0, 1) < 0) {
		(void)dprintf(STDERR_FILENO, "systemd: go to the background: %m\n");
		return 1;
	}
	/* nobody reads what is said there from here on, and it is the caller's pipe */
	(void)close(STDIN_FILENO);
	(void)close(STDERR_FILENO);
	(void)open("/dev/null", O_RDWR | O_CLOEXEC);
	(void)fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO);
	if (bus_open(doc->user, &bus, &err) < 0 || start_unit(bus, doc, &group, &err) < 0) {
		answer("error", err.msg);
		sd_bus_unref(bus);
		return 1;
	}
	sd_bus_flush_close_unref(bus);
	answer("controlGroup", group);
	free(group);
	hold();
	return 0;
}

static int simple(const struct systemd_doc *doc, bool stop)
{
	struct err err = { 0 };
	sd_bus *bus = NULL;
	int r = bus_open(doc->user, &bus, &err);

	if (r == 0)
		r = stop ? stop_unit(bus, doc, &err) : set_properties(bus, doc, &err);
	if (r < 0)
		(void)dprintf(STDERR_FILENO, "%s\n", err.msg);
	sd_bus_flush_close_unref(bus);
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct systemd_doc *doc = NULL;
	struct err err = { 0 };
	struct arena arena;
	AUTO_BUF text;
	char chunk[4096];
	ssize_t len;
	int status = 1;

	if (argc != 2 || (strcmp(argv[1], "start") != 0 && strcmp(argv[1], "stop") != 0 &&
			  strcmp(argv[1], "set") != 0)) {
		(void)dprintf(STDERR_FILENO, "usage: skerry-systemd start|stop|set < document\n"
					     "This program is run by skerry, not by people.\n");
		return 2;
	}
	buf_init_max(&text, SYSTEMD_DOC_MAX);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	while ((len = fd_read_full(STDIN_FILENO, chunk, sizeof(chunk))) > 0)
		buf_add(&text, chunk, (size_t)len);
	if (len < 0 || buf_failed(&text))
		(void)dprintf(STDERR_FILENO, "systemd: read the unit document\n");
	else if (systemd_doc_parse(text.s, text.len, &arena, &doc, &err) < 0)
		(void)dprintf(STDERR_FILENO, "systemd: %s\n", err.msg);
	else if (strcmp(argv[1], "start") == 0)
		status = start(doc);
	else
		status = simple(doc, strcmp(argv[1], "stop") == 0);
	arena_release(&arena);
	return status;
}
