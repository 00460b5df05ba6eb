/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - the process beside a detached container of an image
 *
 * Files of the bundle:
 *   watch.json   what skerry-image decided: restarts, health checks (bundle_watch.c)
 *   log          what the container writes, by itself or through the terminal
 *   stopped      somebody ended it on purpose (kill): it is not started again
 *   restarting   locked (flock(2)) while the container is deleted and made again in
 *                the same bundle, so that its poststop hook leaves the bundle alone
 *   watched.json what has become of it: restarts, the last exit status
 *   health.json, attach: watch_health.h, watch_console.h
 * When this process is killed the container runs on; a dead lock counts for
 * nothing, so that `delete` takes everything away as ever.
 */
#include "runtime/cli/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "runtime/cli/watch_console.h"
#include "runtime/cli/watch_health.h"

#define CONFIG_MAX   ((size_t)1 << 20)
#define DELAY_MIN_MS 100 /* before the first start anew; doubled each time */
#define DELAY_MAX_MS 60000
#define SETTLED_MS   10000 /* having run so long, the next end is a first one again */
#define LOOK_MS	     250 /* between two looks whether somebody has stopped it meanwhile */

struct config {
	char *restart;
	int64_t restarts_max;
	struct health_config *health;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, restart, JSON_STRING),
	JSON_FIELD_AS("restartsMax", struct config, restarts_max, JSON_I64),
	JSON_FIELD(struct config, health, JSON_OBJECT, .sub = &health_config_table),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

/* What whoever started us is told. */
struct report {
	int rc;
	struct err err;
};

struct watch {
	struct cli *cli;
	const char *id, *bundle;
	bool tty, rm;
	struct skerry_create_options o;
	int report; /* where the first start is told; then -1 */
	int input, log, null; /* what the container gets as 0, and 1 and 2, and ours */
	struct config config;
	struct console console;
	struct health health;
	pid_t pid;
	int pidfd;
	int64_t began; /* milliseconds */
	int64_t restarts, streak; /* of all, and since it last ran for some time */
	int status;
};

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int bundle_path(const char *bundle, const char *name, char path[PATH_MAX])
{
	return str_format(path, PATH_MAX, "%s/%s", bundle, name);
}

static bool has_file(const char *bundle, const char *name)
{
	char path[PATH_MAX];
	return bundle_path(bundle, name, path) == 0 && faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}

static int load_config(struct watch *w, struct err *err)
{
	char path[PATH_MAX];
	AUTO_BUF text;
	buf_init(&text);
	if (!has_file(w->bundle, "watch.json"))
		return 0;
	if (bundle_path(w->bundle, "watch.json", path) < 0 ||
	    file_read(AT_FDCWD, path, &text, CONFIG_MAX, true) < 0)
		return err_sys(err, "read \"watch.json\"");
	return json_decode("watch.json", text.s, text.len, &config_table, &w->config,
			   &w->cli->arena, err);
}

/* For `inspect`.  What can't be written now is written by the next change. */
static void save(const struct watch *w)
{
	char path[PATH_MAX];
	struct json_out o;
	AUTO_BUF text;
	buf_init(&text);
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	json_kv_int(&o, "pid", getpid());
	json_kv_int(&o, "restarts", w->restarts);
	if (w->restarts > 0)
		json_kv_int(&o, "lastExitCode", w->status);
	json_end_object(&o);
	if (!buf_failed(&text) && bundle_path(w->bundle, "watched.json", path) == 0)
		(void)file_replace(AT_FDCWD, path, text.s, text.len, 0600);
}

/* --- one life -------------------------------------------------------------------------------- */

static int set_stdio(int in, int out, struct err *err)
{
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		return err_sys(err, "standard descriptors");
	return 0;
}

static int create(struct watch *w, int *ret_master, struct err *err)
{
	struct skerry_error why = { 0 };
	w->o.detach = true;
	w->o.ret_pid = &w->pid;
	w->o.ret_master = w->tty ? ret_master : NULL;
	if (set_stdio(w->input, w->log, err) < 0)
		return -1;
	int rc = skerry_create(w->cli->skerry, w->id, &w->o, &why);
	(void)set_stdio(w->null, w->null, NULL);
	if (rc < 0)
		return cli_fail(&why, err);
	w->pidfd = proc_pidfd_open(w->pid);
	if (w->pidfd >= 0 && skerry_start(w->cli->skerry, w->id, &why) == 0)
		return 0;
	(void)(w->pidfd < 0 ? err_sys(err, "pidfd_open") : cli_fail(&why, err));
	(void)skerry_delete(w->cli->skerry, w->id, true, NULL);
	(void)waitpid(w->pid, NULL, 0);
	w->pidfd = fd_close(w->pidfd);
	return -1;
}

static int begin(struct watch *w, struct err *err)
{
	int master = -1;
	if (create(w, &master, err) < 0) {
		(void)fd_close(master);
		return -1;
	}
	w->began = now_ms();
	if (master >= 0)
		console_begin(&w->console, master);
	health_begin(&w->health, w->began);
	save(w);
	return 0;
}

/* Until it has ended: its exit status, which the runtime's record gets as well. */
static void run(struct watch *w)
{
	struct pollfd p[2 + CONSOLE_POLLS];
	do {
		int64_t now = now_ms();
		p[0] = (struct pollfd){ .fd = w->pidfd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = health_fd(&w->health), .events = POLLIN };
		console_polls(&w->console, p + 2);
		if (poll(p, ARRAY_SIZE(p), health_timeout(&w->health, now)) < 0)
			continue;
		console_move(&w->console, p + 2);
		health_tick(&w->health, w->cli, w->id, now_ms());
	} while (proc_pidfd_wait(w->pidfd, 0) == 0);
	int seen = skerry_wait(w->cli->skerry, w->id, 0, NULL), status = 0;
	if (waitpid(w->pid, &status, 0) == w->pid && seen < 0)
		seen = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	w->status = seen;
	w->pidfd = fd_close(w->pidfd);
	health_end(&w->health);
	console_end(&w->console);
}

/* --- again? ------------------------------------------------------------------------------------ */

static bool is_gone(const struct watch *w)
{
	struct skerry_state st;
	if (skerry_state(w->cli->skerry, w->id, &st, NULL) < 0)
		return true;
	skerry_state_release(&st);
	return false;
}

static bool wants_restart(const struct watch *w)
{
	const char *policy = w->config.restart;
	if (!policy || str_eq(policy, "no") || has_file(w->bundle, "stopped"))
		return false;
	if (!str_eq(policy, "on-failure"))
		return true;
	return w->status != 0 &&
	       (w->config.restarts_max == 0 || w->restarts < w->config.restarts_max);
}

/* The time that an unlucky container is given; false: it was stopped or deleted meanwhile. */
static bool wait_for_restart(struct watch *w)
{
	int64_t now = now_ms(), delay = DELAY_MIN_MS;
	if (now - w->began >= SETTLED_MS)
		w->streak = 0;
	for (int64_t i = 0; i < w->streak && delay < DELAY_MAX_MS; i++)
		delay *= 2;
	w->streak++;
	if (delay > DELAY_MAX_MS)
		delay = DELAY_MAX_MS;
	for (int64_t end = now + delay; now < end; now = now_ms()) {
		if (has_file(w->bundle, "stopped") || is_gone(w))
			return false;
		(void)poll(NULL, 0, end - now < LOOK_MS ? (int)(end - now) : LOOK_MS);
	}
	return !is_gone(w);
}

/* The record goes, the bundle stays.  1 done, 0 somebody else has deleted the container. */
static int take_record_away(struct watch *w)
{
	struct skerry_error why = { 0 };
	if (skerry_delete(w->cli->skerry, w->id, false, &why) == 0)
		return 1;
	/* by force it ended what the container left behind, or it is really gone */
	return !is_gone(w) && skerry_delete(w->cli->skerry, w->id, true, NULL) == 0;
}

/* 1 it runs again, 0 it is not to, -1. */
static int begin_again(struct watch *w, struct err *err)
{
	char path[PATH_MAX];
	if (!wait_for_restart(w))
		return 0;
	if (bundle_path(w->bundle, "restarting", path) < 0)
		return err_sys(err, "lock the bundle");
	AUTO_FD lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lock < 0 && errno == ENOENT)
		return 0;
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_sys(err, "lock the bundle");
	if (!take_record_away(w)) {
		/* whoever did may have found the lock, and left the bundle to us */
		image_run_clean(w->cli, w->id);
		return 0;
	}
	w->restarts++;
	if (begin(w, err) < 0) {
		image_run_clean(w->cli, w->id);
		return -1;
	}
	(void)unlink(path);
	return 1;
}

/* --- the process ------------------------------------------------------------------------------ */

static int open_files(struct watch *w, struct err *err)
{
	char path[PATH_MAX];
	w->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (w->null < 0 || bundle_path(w->bundle, "log", path) < 0)
		return err_sys(err, "open /dev/null");
	w->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->log < 0)
		return err_sys(err, "open \"%s\"", path);
	console_init(&w->console, w->log);
	return w->tty ? console_listen(&w->console, w->bundle, err) : 0;
}

static int prepare(struct watch *w, struct err *err)
{
	/* nobody's terminal: its signals and its end are not for us */
	(void)setsid();
	(void)signal(SIGPIPE, SIG_IGN);
	proc_title("skerry: watch %s", w->id);
	if (open_files(w, err) < 0 || load_config(w, err) < 0)
		return -1;
	health_init(&w->health, w->config.health, w->bundle);
	return begin(w, err);
}

static void tell(struct watch *w, int rc, const struct err *err)
{
	const struct report r = { .rc = rc, .err = *err };
	(void)fd_write_full(w->report, &r, sizeof(r));
	w->report = fd_close(w->report);
}

static int watch_main(void *data)
{
	struct watch *w = data;
	struct err err = { 0 };
	int rc = prepare(w, &err);
	tell(w, rc, &err);
	for (rc = rc < 0 ? -1 : 1; rc > 0;) {
		run(w);
		rc = wants_restart(w) && !is_gone(w) ? begin_again(w, &err) : 0;
	}
	if (w->rm && rc == 0)
		(void)skerry_delete(w->cli->skerry, w->id, false, NULL);
	health_release(&w->health);
	console_release(&w->console);
	return rc < 0 ? 1 : 0;
}

bool watch_is_wanted(const struct image_run *run, const struct image_options *o)
{
	return o->rm || o->tty || has_file(run->bundle, "watch.json");
}

int watch_start(struct cli *cli, const struct image_run *run, const struct image_options *image,
		const struct skerry_create_options *o, struct err *err)
{
	struct watch w = { .cli = cli,
			   .id = run->id,
			   .bundle = run->bundle,
			   .tty = image->tty,
			   .rm = image->rm,
			   .o = *o,
			   .pidfd = -1 };
	struct report r;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe");
	AUTO_FD from = ends[0];
	AUTO_FD to = ends[1];
	AUTO_FD input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	w.report = to;
	w.input = input;
	AUTO_FD end = proc_background(watch_main, &w, err);
	/* its own copy is the last one: nothing comes once it is dead */
	(void)fd_close(fd_take(&to));
	if (end < 0)
		return -1;
	if (fd_read_full(from, &r, sizeof(r)) != (ssize_t)sizeof(r))
		return err_set(err, EIO,
			       "container \"%s\" could not be started: who watches it died",
			       run->id);
	if (r.rc == 0)
		return 0;
	err_received(&r.err);
	if (err)
		*err = r.err;
	return -1;
}

/* --- stopped on purpose ------------------------------------------------------------------------- */

void watch_note_stop(struct cli *cli, const char *id, int sig)
{
	struct skerry_state st;
	char path[PATH_MAX];
	bool ends = sig == SIGKILL || sig == SIGTERM || sig == SIGINT || sig == SIGQUIT;
	if (!image_run_has(cli, id) || skerry_state(cli->skerry, id, &st, NULL) < 0)
		return;
	for (char **a = st.annotations; a && a[0] && a[1]; a += 2) {
		if (str_eq(a[0], "org.opencontainers.image.stopSignal"))
			ends = ends || skerry_signal_parse(a[1]) == sig;
	}
	if (ends && has_file(st.bundle, "watch.json") &&
	    bundle_path(st.bundle, "stopped", path) == 0) {
		AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		(void)fd; /* that it is there is all */
	}
	skerry_state_release(&st);
}
