/* SPDX-License-Identifier: Apache-2.0 */
/* start.c - `start`: the socket, the process that serves it, the answer
 *
 *   1. what is asked (three handshakes), which group (config.json)
 *   2. bind and listen; a live shim there already serves the group
 *   3. the bundle's file "address", by rename
 *   4. the process: descriptor 3 is the socket, 2 the log
 *   5. its oom score and group, the answer; it is not waited for, for the
 *      socket listens already
 *
 * containerd core/runtime/v2 README; pkg/shim/shim_linux.go is the reference
 * for the names.
 */
#include "runtime/shim/start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sha256.h"
#include "base/units.h"
#include "runtime/shim/shim.h"
#include "runtime/shim/worker.h"

#define START_ARENA  ((size_t)256 << 20)
#define DAEMON_ARENA ((size_t)1 << 20)
#define LOG_DEBUG    (-4) /* containerd's number */
#define SCHED_PGID   2 /* PIDTYPE_PGID */
#define OOM_MAX	     1000
#define BIND_TRIES   5

/* --- what is asked ------------------------------------------------------------------- */

static struct any *find_options(const struct bootstrap_params *b)
{
	for (size_t i = 0; i < b->extensions.n; i++)
		if (options_known(b->extensions.v[i].value))
			return b->extensions.v[i].value;
	return NULL;
}

/* An Any is BootstrapParams by its bytes as well: only the names tell. */
int start_parse(const void *input, size_t len, const char *id, const char *namespace,
		struct arena *arena, struct start_params *ret, struct err *err)
{
	struct bootstrap_params b;
	struct any *a;

	*ret = (struct start_params){ .socket_dir = "" };
	if (len == 0)
		return 0;
	if (wire_decode(&bootstrap_params_table, input, len, &b, arena, NULL) == 0 &&
	    str_eq(b.instance_id, id) && str_eq(b.namespace, namespace)) {
		ret->handshake = HANDSHAKE_BOOTSTRAP;
		ret->socket_dir = b.socket_dir ? b.socket_dir : "";
		ret->options = find_options(&b);
		ret->debug = b.log_level <= LOG_DEBUG;
		return 0;
	}
	a = arena_alloc(arena, sizeof(*a));
	if (!a)
		return err_set(err, ENOMEM, "out of memory");
	if (wire_decode(&any_table, input, len, a, arena, err) < 0)
		return err_wrap(err, "standard input is neither BootstrapParams nor Any");
	ret->options = a;
	return 0;
}

/* Go's path.Join: one slash between parts, none at the end, "." and ".." resolved. */
static void path_add(struct buf *out, const char *part)
{
	while (*part) {
		size_t len = strcspn(part, "/");

		if (len == 2 && strncmp(part, "..", 2) == 0) {
			while (out->len && out->s[out->len - 1] != '/')
				out->s[--out->len] = '\0';
			if (out->len > 0)
				out->s[--out->len] = '\0';
		} else if (len && !(len == 1 && part[0] == '.')) {
			buf_printf(out, "/%.*s", (int)len, part);
		}
		part += len;
		part += *part == '/';
	}
}

int socket_path(const char *dir, const char *address, const char *namespace, const char *group,
		char *ret, size_t size, struct err *err)
{
	char hex[SHA256_HEX + 1];
	const char *joined;
	AUTO_BUF path;

	buf_init(&path);
	path_add(&path, address);
	path_add(&path, namespace);
	path_add(&path, group);
	if (buf_failed(&path))
		return err_set(err, ENOMEM, "out of memory");
	/* A relative address stays one. */
	joined = address[0] == '/' || !path.len ? path.s : path.s + 1;
	sha256_hex(joined, strlen(joined), hex);
	if (str_format(ret, size, "%s/%s", dir[0] ? dir : SOCKET_DIR, hex) < 0)
		return err_set(err, ENAMETOOLONG, "socket directory \"%s\" has too long a name",
			       dir);
	return 0;
}

/* --- the socket ------------------------------------------------------------------------- */

static bool is_served(const struct sockaddr_un *name)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* EAGAIN: a full backlog has somebody behind it. */
	return fd >= 0 &&
	       (connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0 || errno == EAGAIN);
}

/* Held from bind to listen: in between a socket looks as if nobody served it. */
static int lock_dir(const char *path, struct err *err)
{
	char dir[SOCKET_PATH_MAX + 1];
	AUTO_FD fd = -1;

	if (str_copy(dir, sizeof(dir), path) < 0 || !strrchr(dir, '/'))
		return err_set(err, EINVAL, "socket \"%s\" is not an absolute path", path);
	*(strrchr(dir, '/') + 1) = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_sys(err, "lock \"%s\"", dir);
	return fd_take(&fd);
}

/* The listening socket, or -1 and *ret_served. */
static int listen_at(const char *path, bool *ret_served, struct err *err)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_FD lock = -1;

	*ret_served = false;
	if (fd < 0 || str_copy(name.sun_path, sizeof(name.sun_path), path) < 0)
		return err_sys(err, "make socket \"%s\"", path);
	lock = lock_dir(path, err);
	if (lock < 0)
		return -1;
	for (int i = 0; bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0; i++) {
		if (errno != EADDRINUSE || i >= BIND_TRIES)
			return err_sys(err, "bind socket \"%s\"", path);
		/* One that is leaving removes the name first of all. */
		if (is_served(&name) && access(path, F_OK) == 0) {
			*ret_served = true;
			return -1;
		}
		if (unlink(path) < 0 && errno != ENOENT)
			return err_sys(err, "remove stale socket \"%s\"", path);
	}
	if (chmod(path, 0600) < 0 || listen(fd, 128) < 0) {
		err_sys_(err, "listen at \"%s\"", path);
		(void)unlink(path);
		return -1;
	}
	return fd_take(&fd);
}

/* --- the process --------------------------------------------------------------------------- */

struct daemon {
	struct arena arena;
	char *argv[12];
};

/* Becomes the serving program: from a copy of it that containers cannot write to. */
static void daemon_main(void *arg)
{
	struct daemon *d = arg;
	struct skerry_error e = { 0 };

	if (skerry_seal(d->argv, &e) == 0) /* it is one already */
		(void)execv("/proc/self/exe", d->argv);
}

/* The log is a fifo that containerd keeps open; a file or nothing when it was started by hand. */
static int open_log(void)
{
	int fd = open("log", O_RDWR | O_NONBLOCK | O_APPEND | O_CLOEXEC | O_NOCTTY);

	return fd >= 0 ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
}

static pid_t spawn_daemon(const struct args *a, const char *self, int listener, bool debug,
			  struct err *err)
{
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	AUTO_FD log = open_log();
	const char *const words[] = {
		self,	    "-namespace",      a->namespace,	  "-id",   a->id, "-address",
		a->address, "-publish-binary", a->publish_binary, "-debug"
	};
	const int fds[] = { null, null, log, listener };
	struct daemon d = { 0 };
	pid_t pid;

	if (null < 0 || log < 0)
		return err_sys(err, "open \"/dev/null\"");
	arena_init(&d.arena, DAEMON_ARENA);
	for (size_t i = 0; i < ARRAY_SIZE(words) - !debug; i++)
		d.argv[i] = arena_strdup(&d.arena, words[i]);
	pid = daemon_spawn(fds, ARRAY_SIZE(fds), daemon_main, &d, err);
	arena_release(&d.arena);
	return pid;
}

/* One more than containerd's own, so that the kernel takes a shim first.  Not everybody may: ignored. */
static void set_oom_score(pid_t pid)
{
	char path[64], text[16];
	int64_t score;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)getppid());
	if (file_read_line(AT_FDCWD, path, text, sizeof(text)) < 0 ||
	    units_i64(text, -OOM_MAX, OOM_MAX, &score) < 0)
		return;
	(void)snprintf(text, sizeof(text), "%d", score < OOM_MAX ? (int)score + 1 : OOM_MAX);
	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	(void)file_write_text(AT_FDCWD, path, text);
}

/* Options.shim_cgroup: an existing group of the v2 tree. */
static int join_group(const char *group, pid_t pid, struct err *err)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char path[4096], text[16];

	if (!group[0])
		return 0;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		if (str_format(path, sizeof(path), "%s/%s/cgroup.procs", mounts[i], group) == 0 &&
		    file_write_text(AT_FDCWD, path, text) == 0)
			return 0;
	return err_sys(err, "join cgroup \"%s\"", group);
}

/* sched_core=1 of containerd: the pod shares cores with nobody else.  Where the kernel can't it is no reason
 * not to run. */
static void set_sched_core(void)
{
	const char *wish = getenv("SCHED_CORE"); /* NOLINT(concurrency-mt-unsafe) */

	if (wish && wish[0] && strcmp(wish, "0") != 0)
		(void)prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, SCHED_PGID, 0);
}

static int save_address(const char *address, struct err *err)
{
	if (file_replace(AT_FDCWD, "address", address, strlen(address), 0600) < 0)
		return err_sys(err, "write \"address\" of the bundle");
	return 0;
}

static void write_answer(enum handshake handshake, char *address, struct buf *out)
{
	struct bootstrap_result r = { .version = 3,
				      .address = address,
				      .protocol = (char[]){ "ttrpc" } };

	if (handshake == HANDSHAKE_BOOTSTRAP)
		wire_encode(&bootstrap_result_table, &r, out);
	else
		buf_puts(out, address);
}

static int start_group(const struct args *a, const char *self, const struct start_params *params,
		       const char *path, const char *shim_cgroup, struct err *err)
{
	char address[SOCKET_PATH_MAX + 16];
	bool served;
	AUTO_FD listener = listen_at(path, &served, err);
	pid_t pid = -1;

	if (str_format(address, sizeof(address), "unix://%s", path) < 0)
		return err_sys(err, "name \"%s\"", path);
	if (served)
		return save_address(address, err);
	if (listener < 0)
		return -1;
	set_sched_core();
	if (save_address(address, err) == 0)
		pid = spawn_daemon(a, self, listener, a->debug || params->debug, err);
	if (pid > 0) {
		set_oom_score(pid);
		if (join_group(shim_cgroup, pid, err) == 0)
			return 0;
		(void)proc_kill(pid, SIGKILL);
	}
	(void)unlink(path);
	return -1;
}

static int make_socket_dir(const char *dir, struct err *err)
{
	const char *path = dir[0] ? dir : SOCKET_DIR;

	if (file_make_dirs(path, 0700) < 0)
		return err_sys(err, "make \"%s\"", path);
	return 0;
}

/* A bundle without config.json is a sandbox's: CreateSandbox brings no options of the runtime with it. */
static int load_bundle(const struct options *o, struct arena *arena, struct bundle *ret,
		       struct err *err)
{
	if (access("config.json", F_OK) == 0 || errno != ENOENT)
		return bundle_load(".", arena, ret, err);
	*ret = (struct bundle){ 0 };
	return options_save(o, ".", err);
}

int shim_start(const struct args *a, const char *self, const char *input, size_t len,
	       struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct start_params params;
	struct options options;
	struct bundle bundle;
	char path[SOCKET_PATH_MAX + 1], address[SOCKET_PATH_MAX + 16];

	arena_init(&arena, START_ARENA);
	if (!a->id[0] || !a->namespace[0])
		return err_set(err, EINVAL, "start needs -namespace and -id");
	if (start_parse(input, len, a->id, a->namespace, &arena, &params, err) < 0 ||
	    options_from_any(params.options, &arena, &options, err) < 0 ||
	    load_bundle(&options, &arena, &bundle, err) < 0)
		return -1;
	if (a->socket[0]) {
		if (str_copy(path, sizeof(path), a->socket) < 0)
			return err_sys(err, "socket \"%s\"", a->socket);
	} else if (make_socket_dir(params.socket_dir, err) < 0 ||
		   socket_path(params.socket_dir, a->address, a->namespace,
			       bundle.group ? bundle.group : a->id, path, sizeof(path), err) < 0) {
		return -1;
	}
	if (start_group(a, self, &params, path, options.shim_cgroup, err) < 0)
		return -1;
	(void)snprintf(address, sizeof(address), "unix://%s", path);
	write_answer(params.handshake, address, out);
	return 0;
}
