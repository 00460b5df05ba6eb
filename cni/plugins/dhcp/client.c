/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - IPAM plugin dhcp: the process that holds the lease
 *
 * udhcpc of BusyBox, which Debian keeps and every distribution has, with this
 * program as its script (event.c).  It runs in the container's network namespace
 * and the host's everything else:
 *   plugin   enters the namespace, runs udhcpc, leaves
 *   udhcpc   asks; "bound" writes the lease; forks; the first one ends with 0
 *   plugin   reads the lease, waits for the second one's pid file
 *   watcher  (a child of the plugin that stays) looks every few seconds whether
 *            the path of the namespace still leads there: the client itself keeps
 *            the namespace alive, so nobody else would notice that it is gone
 * Who has the client's number: its pid file; a process is believed to be it when
 * its command line names that file.
 * udhcpc(8), RFC 2131.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"
#include "cni/netns.h"
#include "cni/plugins/dhcp/dhcp.h"
#include "cni/plugins/dhcp/event.h"

#define TRIES		  "6" /* one every two seconds */
#define PAUSE		  "2"
#define START_TIMEOUT_MS  20000
#define FORK_TIMEOUT_MS	  2000
#define FORK_POLL_NS	  2000000
#define END_TIMEOUT_MS	  2000
#define WATCH_INTERVAL_MS 5000
#define COMMAND_MAX	  65536
#define ARGUMENTS_MAX	  (40 + 4 * (DHCP_OPTION_MAX + 1))
#define ID_MAX		  254 /* what fits behind the type */
#define OPTION_VENDOR	  60
#define OPTION_ID	  61

/* With its own name, or as one of BusyBox's. */
static const char *const programs[] = {
	"/usr/sbin/udhcpc", "/sbin/udhcpc",	"/usr/bin/udhcpc",
	"/bin/udhcpc",	    "/usr/bin/busybox", "/bin/busybox",
};

int dhcp_client_find(char *dst, size_t size, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (access(programs[i], X_OK) == 0)
			return str_copy(dst, size, programs[i]);
	return cni_err(err, CNI_ERR_UNAVAILABLE,
		       "there is no udhcpc (Debian: udhcpc) to ask a DHCP server with");
}

/* --- which process ---------------------------------------------------------------- */

static bool names_file(pid_t pid, const char *file)
{
	char path[64];
	AUTO_BUF command;
	size_t len = strlen(file) + 1;

	buf_init(&command);
	return str_format(path, sizeof(path), "/proc/%d/cmdline", (int)pid) == 0 &&
	       file_read(AT_FDCWD, path, &command, COMMAND_MAX, false) == 0 &&
	       memmem(command.s, command.len, file, len) != NULL;
}

/* A pidfd of the client, or -1: there is none. */
static int open_client(const struct dhcp_files *files)
{
	AUTO_FD fd = -1;
	char text[32];
	uint64_t pid;

	if (file_read_line(AT_FDCWD, files->pid, text, sizeof(text)) < 0 ||
	    units_u64(text, INT_MAX, &pid) < 0 || pid <= 1)
		return -1;
	fd = proc_pidfd_open((pid_t)pid);
	/* first held, then looked at: now it can't be another one */
	if (fd < 0 || !names_file((pid_t)pid, files->pid) || proc_pidfd_wait(fd, 0) != 0)
		return -1;
	return fd_take(&fd);
}

bool dhcp_client_lives(const struct dhcp_files *files)
{
	AUTO_FD fd = open_client(files);

	return fd >= 0;
}

int dhcp_client_end(const struct dhcp_files *files, struct err *err)
{
	AUTO_FD fd = open_client(files);
	int rc = 0;

	(void)unlink(files->lease); /* event.c: nothing to lose any more */
	if (fd >= 0) {
		/* it tells the server, then ends */
		if (proc_pidfd_signal(fd, SIGTERM) < 0 && errno != ESRCH)
			return err_sys(err, "end the DHCP client");
		if (proc_pidfd_wait(fd, END_TIMEOUT_MS) == 0) {
			(void)proc_pidfd_signal(fd, SIGKILL);
			if (proc_pidfd_wait(fd, END_TIMEOUT_MS) == 0)
				rc = err_set(err, ETIMEDOUT, "the DHCP client does not end");
		}
	}
	if (rc == 0)
		dhcp_files_remove(files);
	return rc;
}

/* --- its command line ------------------------------------------------------------- */

struct command {
	struct arena *arena;
	char *v[ARGUMENTS_MAX];
	size_t n;
	bool failed;
};

static void add(struct command *c, const char *word)
{
	char *copy = word ? arena_strdup(c->arena, word) : NULL;

	if (copy && c->n < ARRAY_SIZE(c->v) - 1)
		c->v[c->n++] = copy;
	else
		c->failed = true;
}

/* "-x 0x3d:00616263": in hexadecimal, every byte may be sent. */
static void add_option(struct command *c, uint8_t code, const char *lead, const char *value)
{
	AUTO_BUF text;

	buf_init(&text);
	buf_printf(&text, "0x%02x:%s", code, lead);
	for (; *value; value++)
		buf_printf(&text, "%02x", (unsigned char)*value);
	add(c, "-x");
	add(c, buf_failed(&text) ? NULL : text.s);
}

static void add_options(struct command *c, const struct cni_call *call,
			const struct dhcp_config *config)
{
	const struct cni_args *args = call->args;
	bool has_id = false;
	char *id;

	for (size_t i = 0; i < config->n_send; i++) {
		has_id = has_id || config->send[i].code == OPTION_ID;
		if (config->send[i].code != OPTION_VENDOR)
			add_option(c, config->send[i].code, "", config->send[i].value);
	}
	add(c, "-V"); /* it would say what program it is */
	for (size_t i = 0; i < config->n_send; i++)
		if (config->send[i].code == OPTION_VENDOR)
			add(c, config->send[i].value);
	if (str_eq(c->v[c->n - 1], "-V"))
		add(c, "");
	if (!has_id) {
		id = arena_printf(c->arena, "%s/%s/%s", args->container_id, call->conf->name,
				  args->ifname);
		if (id && strlen(id) > ID_MAX)
			id[ID_MAX] = '\0';
		add_option(c, OPTION_ID, "00", id ? id : "");
	}
	add(c, "-o");
	for (unsigned int code = 1; code < DHCP_OPTION_MAX; code++) {
		if (!config->ask[code])
			continue;
		add(c, "-O");
		add(c, arena_printf(c->arena, "%u", code));
	}
}

static int make_command(struct command *c, const struct cni_call *call,
			const struct dhcp_config *config, const struct dhcp_files *files,
			const char *program, struct err *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *const fixed[] = {
		"-i", call->args->ifname, "-p", files->pid, "-s", self, "-t", TRIES, "-T", PAUSE,
		"-n", /* gives up when there is no answer */
		"-R", /* and gives back at its end */
	};

	if (n <= 0)
		return err_sys(err, "read \"/proc/self/exe\"");
	self[n] = '\0';
	add(c, "udhcpc"); /* BusyBox goes by it */
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		add(c, fixed[i]);
	add_options(c, call, config);
	return c->failed ? err_set(err, ENOMEM, "no room for the arguments of \"%s\"", program) : 0;
}

/* --- start ------------------------------------------------------------------------ */

/* What it said last. */
static const char *last_line(struct buf *output)
{
	char *line;

	while (output->len > 0 && output->s[output->len - 1] == '\n')
		output->s[--output->len] = '\0';
	line = strrchr(output->s, '\n');
	return line ? line + 1 : output->s;
}

static int run(struct cni_call *call, struct command *c, const struct dhcp_files *files,
	       const char *program, struct err *err)
{
	AUTO_BUF output;
	char *lease = arena_printf(call->arena, DHCP_EVENT_ENV "=%s", files->lease);
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const env[] = { path, lease, NULL };
	const struct proc_run client = {
		.path = program,
		.argv = c->v,
		.env = env,
		.cwd = "/",
		.stdout_fd = -1,
		.stderr_fd = -1,
		.output = &output,
		.timeout_ms = START_TIMEOUT_MS,
	};
	int back, status;

	buf_init(&output);
	if (!lease)
		return err_set(err, ENOMEM, "no room for the environment of \"%s\"", program);
	if (netns_enter(call->netns, &back, err) < 0)
		return -1;
	status = proc_run(&client, err);
	netns_leave(back);
	if (status < 0)
		return -1;
	if (status != 0)
		return cni_err(err, CNI_ERR_AGAIN, "no DHCP server gave \"%s\" an address (%s)",
			       call->args->ifname, last_line(&output));
	return 0;
}

/* The first process is gone; the second one writes its number a moment later. */
static int wait_settled(const struct dhcp_files *files, struct err *err)
{
	const struct timespec pause = { .tv_nsec = FORK_POLL_NS };

	for (int i = 0; i < FORK_TIMEOUT_MS * 1000000 / FORK_POLL_NS; i++) {
		if (dhcp_client_lives(files))
			return 0;
		(void)nanosleep(&pause, NULL); /* shorter is fine */
	}
	return err_set(err, ESRCH, "the DHCP client did not stay");
}

struct watch {
	const struct dhcp_files *files;
	const char *netns;
	struct netns_id id;
};

static bool is_there(const struct watch *w)
{
	AUTO_FD fd = netns_open(w->netns, NULL);
	struct netns_id id;

	return fd >= 0 && netns_identify(fd, &id, NULL) == 0 && id.dev == w->id.dev &&
	       id.ino == w->id.ino;
}

static int watch(void *data)
{
	const struct watch *w = data;
	int client;

	/* none of the plugin's: some of them keep the namespace */
	if (fd_close_from(STDERR_FILENO + 1) < 0 || setsid() < 0 || chdir("/") < 0)
		return -1;
	(void)prctl(PR_SET_NAME, "skerry-dhcp"); /* for ps(1) */
	client = open_client(w->files);
	while (client >= 0 && proc_pidfd_wait(client, WATCH_INTERVAL_MS) == 0)
		if (!is_there(w))
			return dhcp_client_end(w->files, NULL);
	return 0;
}

int dhcp_client_start(struct cni_call *call, const struct dhcp_config *config,
		      const struct dhcp_files *files, struct err *err)
{
	struct watch w = { .files = files, .netns = call->args->netns };
	struct command command = { .arena = call->arena };
	char program[PATH_MAX];
	AUTO_FD watcher = -1;

	if (dhcp_client_find(program, sizeof(program), err) < 0 ||
	    netns_identify(call->netns, &w.id, err) < 0 ||
	    make_command(&command, call, config, files, program, err) < 0 ||
	    run(call, &command, files, program, err) < 0 || wait_settled(files, err) < 0)
		return -1;
	watcher = proc_background(watch, &w, err);
	return watcher < 0 ? -1 : 0;
}
