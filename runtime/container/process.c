/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - what one process of a container gets: config.json "process" decided and applied
 *
 * The order of process_apply_privileges() is what the kernel's rules leave:
 * the bounding set needs CAP_SETPCAP, a filter without no_new_privs needs
 * CAP_SYS_ADMIN, ids need CAP_SETUID, so they go from the first to the last;
 * with no_new_privs the filter comes last, so that it restricts only the
 * program.  credentials(7), capabilities(7), seccomp(2); runtime-spec
 * config.md "Process".
 */
#include "runtime/container/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"
#include "runtime/container/handshake.h"
#include "runtime/container/runtime.h"
#include "runtime/isolate/oom.h"

#define FIRST_USER_NS  0xeffffffd /* the kernel's include/linux/proc_ns.h, PROC_USER_INIT_INO */
#define DEFAULT_PATH   "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define EXIT_NOT_FOUND 127
#define EXIT_NO_EXEC   126

static bool env_has(const struct process_plan *p, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < p->n_env; i++)
		if (strncmp(p->env[i], name, len) == 0 && p->env[i][len] == '=')
			return true;
	return false;
}

/* The last of several values for one name counts. */
static void env_add(struct process_plan *p, char *entry)
{
	size_t len = strcspn(entry, "=");

	for (size_t i = 0; i < p->n_env; i++) {
		if (strncmp(p->env[i], entry, len) == 0 && p->env[i][len] == entry[len]) {
			p->env[i] = entry;
			return;
		}
	}
	p->env[p->n_env++] = entry;
}

static int env_add_if_absent(struct process_plan *p, const char *name, const char *value,
			     struct arena *arena, struct err *err)
{
	char *entry;

	if (env_has(p, name))
		return 0;
	entry = arena_printf(arena, "%s=%s", name, value);
	if (!entry)
		return err_set(err, ENOMEM, "out of memory");
	env_add(p, entry);
	return 0;
}

#define ENV_EXTRA 8

static int make_env(const struct process_options *o, struct arena *arena, struct process_plan *p,
		    struct err *err)
{
	const struct strings *from = &p->spec->env;
	char number[16];

	p->env = arena_array(arena, from->n + ENV_EXTRA, sizeof(*p->env));
	if (!p->env)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < from->n; i++)
		env_add(p, from->v[i]);
	if (o->notify_socket &&
	    env_add_if_absent(p, "NOTIFY_SOCKET", o->notify_socket, arena, err) < 0)
		return -1;
	if (o->listen_fds) {
		(void)snprintf(number, sizeof(number), "%u", o->listen_fds);
		if (env_add_if_absent(p, "LISTEN_FDS", number, arena, err) < 0 ||
		    env_add_if_absent(p, "LISTEN_PID", "1", arena, err) < 0)
			return -1;
		if (o->listen_names &&
		    env_add_if_absent(p, "LISTEN_FDNAMES", o->listen_names, arena, err) < 0)
			return -1;
	}
	p->needs_home = !env_has(p, "HOME");
	p->search_path = DEFAULT_PATH;
	for (size_t i = 0; i < p->n_env; i++)
		if (str_starts(p->env[i], "PATH="))
			p->search_path = p->env[i] + strlen("PATH=");
	return 0;
}

static int make_caps(const struct process_options *o, const char *status, struct arena *arena,
		     struct process_plan *p, struct err *err)
{
	struct caps_host host;
	const char *pointer = arena_printf(arena, "%s/capabilities", p->pointer);

	if (caps_make(p->spec->capabilities, pointer, &p->caps, err) < 0 ||
	    caps_host_find(o->new_userns, status, &host, err) < 0)
		return -1;
	caps_limit(&p->caps, &host);
	return 0;
}

/* proc(5), SigIgn: 64 questions in one.  clone3(2) resets handlers, but what is ignored stays so. */
static uint64_t ignored_signals(const char *status)
{
	const char *at = strstr(status, "\nSigIgn:\t");

	return at ? strtoull(at + strlen("\nSigIgn:\t"), NULL, 16) : UINT64_MAX;
}

/* proc(5), Groups: does the caller have supplementary groups?  What can't be read has some. */
static bool has_groups(const char *status)
{
	const char *at = strstr(status, "\nGroups:\t");

	if (!at)
		return true;
	at += strlen("\nGroups:\t");
	return at[strspn(at, " ")] != '\n';
}

/* user_namespaces(7): the root of a namespace that an ordinary user made can't set groups, nor can
 * any namespace below it.  Only the first namespace is known to have no such limit. */
static bool setgroups_denied_here(void)
{
	struct stat st;
	char word[16];

	if (stat("/proc/self/ns/user", &st) == 0 && st.st_ino == FIRST_USER_NS)
		return false;
	return file_read_line(AT_FDCWD, "/proc/self/setgroups", word, sizeof(word)) > 0 &&
	       strcmp(word, "deny") == 0;
}

static int make_isolation(const struct spec *spec, const struct process_options *options,
			  struct arena *arena, struct process_plan *p, struct err *err)
{
	if (lsm_make(p->spec, &p->lsm, err) < 0 ||
	    lsm_check_host(&p->lsm, spec->linux_->mountLabel, err) < 0 ||
	    personality_make(spec->linux_->personality, &p->personality, err) < 0 ||
	    memory_policy_make(spec->linux_->memoryPolicy, &p->memory_policy, err) < 0 ||
	    landlock_make(spec_annotation(spec, LANDLOCK_ANNOTATION), arena, &p->landlock, err) < 0)
		return -1;
	/* Without privileges the kernel takes Landlock rules only from who can't gain any. */
	p->no_new_privs |= p->landlock.set;
	if (p->landlock.set && landlock_limit(&p->landlock, landlock_abi(), err) < 0)
		return -1;
	if (filter_make(spec->linux_->seccomp, spec, options->cache, arena, &p->filter, err) < 0)
		return -1;
	return p->filter.n ? filter_check_calls(&p->filter, !p->no_new_privs, err) : 0;
}

int process_make(const struct spec *spec, const struct spec_process *process,
		 const struct process_options *options, struct arena *arena,
		 struct process_plan *ret, struct err *err)
{
	const char *keep = spec_annotation(spec, "run.oci.keep_original_groups");
	struct user_options user = { .keep_groups = keep && strcmp(keep, "1") == 0 };
	struct process_plan *p = ret;
	char status[4096] = "";

	(void)file_read_line(AT_FDCWD, "/proc/self/status", status, sizeof(status));
	user.no_groups = !has_groups(status);
	/* With none before and none after there is nothing that could be denied. */
	user.setgroups_denied =
		options->setgroups_denied ||
		(options->asks_setgroups && (!user.no_groups || process->user.additionalGids.n) &&
		 setgroups_denied_here());
	*p = (struct process_plan){
		.spec = process,
		.pointer = options->pointer ? options->pointer : "/process",
		.argv = process->args.v,
		.cwd = process->cwd ? process->cwd : "/",
		.no_new_privs = process->noNewPrivileges,
		.terminal = process->terminal,
		.size = process->consoleSize ? *process->consoleSize : (struct spec_box){ 0 },
		.oom = process->oomScoreAdj,
		.preserve_fds = options->preserve_fds,
		.rlimits_by_parent = options->new_userns && process->rlimits.n > 0,
		.ignored = ignored_signals(status),
	};
	if (process->args.n == 0)
		return err_field(err, EINVAL, arena_printf(arena, "%s/args", p->pointer),
				 "args must not be empty");
	if (make_env(options, arena, p, err) < 0 || make_caps(options, status, arena, p, err) < 0 ||
	    user_make(&process->user, &user, arena_printf(arena, "%s/user", p->pointer), &p->user,
		      err) < 0 ||
	    rlimits_make(process, p->pointer, &p->rlimits, err) < 0 ||
	    sched_make(process, spec, p->pointer, &p->sched, err) < 0)
		return -1;
	return make_isolation(spec, options, arena, p, err);
}

void process_warn(const struct process_plan *p, const struct runtime *rt)
{
	AUTO_BUF names;

	buf_init(&names);
	caps_left_out(&p->caps, &names);
	if (names.len)
		runtime_warn(rt, "ignoring unknown or unavailable capabilities: %s", names.s);
}

void process_take_size(struct process_plan *p)
{
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
		p->size = (struct spec_box){ .height = size.ws_row, .width = size.ws_col };
}

int process_apply_limits(const struct process_plan *p, struct err *err)
{
	if (!p->rlimits_by_parent && rlimits_apply(&p->rlimits, 0, err) < 0)
		return -1;
	if (sched_apply(&p->sched, err) < 0 || memory_policy_apply(&p->memory_policy, err) < 0)
		return -1;
	return personality_apply(&p->personality, err);
}

/* CVE-2024-21626: a directory outside the root, reached through a descriptor that leaked, shows as
 * "(unreachable)/..." in the system call's answer; glibc's getcwd() would hide that. */
static int enter_cwd(const struct process_plan *p, bool entered, struct err *err)
{
	char where[PATH_MAX];
	long len;

	if (!entered && chdir(p->cwd) < 0)
		return err_sys(err, "chdir to cwd (\"%s\") set in config.json failed", p->cwd);
	len = syscall(SYS_getcwd, where, sizeof(where));
	if (len < 0)
		return err_sys(err, "current working directory \"%s\"", p->cwd);
	if (where[0] != '/')
		return err_set(
			err, EINVAL,
			"current working directory is outside of container mount namespace root: \"%s\"",
			p->cwd);
	return 0;
}

static int refuse(struct err *err, int exit_code, int code, const char *format, const char *name)
{
	/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): three literals below */
	switch (exit_code) {
	case EXIT_NOT_FOUND:
		err_set_(err, code,
			 format[0] == '$' ? "exec: \"%s\": executable file not found in $PATH"
					  : "exec: \"%s\": stat: no such file or directory",
			 name);
		break;
	default:
		err_set_(err, code,
			 code == EISDIR ? "exec: \"%s\": is a directory"
					: "exec: \"%s\": permission denied",
			 name);
		break;
	}
	if (err)
		err->exit_code = exit_code;
	return -1;
}

/* 0 when it can be executed, else the errno value that says why not. */
static int check_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return errno;
	return S_ISREG(st.st_mode) ? 0 : EACCES;
}

static int find_in_path(const struct process_plan *p, struct process_target *t, struct err *err)
{
	const char *name = p->argv[0];
	int seen = ENOENT;

	for (const char *at = p->search_path; at;) {
		const char *end = strchr(at, ':');
		int len = (int)(end ? end - at : (ptrdiff_t)strlen(at));
		int why = ENOENT;

		if (str_format(t->program, sizeof(t->program), "%.*s%s%s", len, at,
			       len ? "/" : "./", name) == 0)
			why = check_program(t->program);
		if (why == 0)
			return 0;
		if (why == EACCES)
			seen = EACCES;
		at = end ? end + 1 : NULL;
	}
	if (seen == EACCES)
		return refuse(err, EXIT_NO_EXEC, EACCES, "", name);
	return refuse(err, EXIT_NOT_FOUND, ENOENT, "$", name);
}

/* At create, so that create fails and not start; as the user, with the container's PATH. */
static int find_program(const struct process_plan *p, struct process_target *t, struct err *err)
{
	const char *name = p->argv[0];
	int why;

	if (!name[0])
		return refuse(err, EXIT_NOT_FOUND, ENOENT, "$", name);
	if (!strchr(name, '/'))
		return find_in_path(p, t, err);
	if (str_copy(t->program, sizeof(t->program), name) < 0)
		return err_set(err, ENAMETOOLONG, "exec: \"%.64s...\": name too long", name);
	why = check_program(name);
	if (why == 0)
		return 0;
	if (why == EACCES || why == EISDIR)
		return refuse(err, EXIT_NO_EXEC, why, "", name);
	if (why == ENOENT)
		return refuse(err, EXIT_NOT_FOUND, ENOENT, "", name);
	errno = why;
	err_sys_(err, "exec: \"%s\"", name);
	if (err)
		err->exit_code = EXIT_NOT_FOUND;
	return -1;
}

static int set_home(struct process_plan *p, struct process_target *t, struct err *err)
{
	static const char key[] = "HOME=";
	int root;
	int rc;

	if (!p->needs_home)
		return 0;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, "open \"/\"");
	memcpy(t->home, key, sizeof(key));
	rc = user_home(root, p->user.uid, t->home + sizeof(key) - 1,
		       sizeof(t->home) - sizeof(key) + 1, err);
	(void)fd_close(root);
	p->env[p->n_env] = t->home;
	return rc;
}

/* config.md does not say so, but the peers make it and images rely on it. */
static int make_cwd(const struct process_plan *p)
{
	AUTO_FD root = -1;
	AUTO_FD dir = -1;

	if (errno != ENOENT)
		return -1;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	dir = root < 0 ? -1 : beneath_make_dir(root, p->cwd, 0755);
	return dir < 0 ? -1 : chdir(p->cwd);
}

static int load_filter(const struct process_plan *p, int sock, struct err *err)
{
	int listener = -1;
	int rc;

	if (filter_apply(&p->filter, &listener, err) < 0)
		return -1;
	if (listener < 0)
		return 0;
	rc = handshake_send(sock, MESSAGE_LISTENER, 0, listener, err);
	(void)fd_close(listener);
	return rc < 0 ? -1 : handshake_expect(sock, MESSAGE_GO, NULL, err);
}

static int change_identity(const struct process_plan *p, int sock, struct err *err)
{
	if (caps_drop_bounding(&p->caps, err) < 0)
		return -1;
	if (!p->no_new_privs && load_filter(p, sock, err) < 0)
		return -1;
	if (caps_keep(p->user.uid != 0, err) < 0 || user_apply(&p->user, err) < 0 ||
	    caps_apply(&p->caps, err) < 0)
		return -1;
	/* A change of ids made it dumpable again, and cleared the parent's death signal. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (p->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, "set no_new_privs");
	return 0;
}

int process_apply_privileges(struct process_plan *p, struct process_target *t, struct err *err)
{
	if (set_home(p, t, err) < 0)
		return -1;
	/* The directory may be one that only the container's root can enter, or only the user.  In "/"
	 * we are already. */
	bool entered = str_eq(p->cwd, "/") || chdir(p->cwd) == 0 || make_cwd(p) == 0;

	if (lsm_apply_exec(&p->lsm, t->proc, err) < 0 || change_identity(p, t->sock, err) < 0)
		return -1;
	if (enter_cwd(p, entered, err) < 0)
		return -1;
	if (find_program(p, t, err) < 0)
		return -1;
	if (p->landlock.set && landlock_apply(&p->landlock, err) < 0)
		return -1;
	return p->no_new_privs ? load_filter(p, t->sock, err) : 0;
}

int process_own_stdio(const struct process_plan *p, struct err *err)
{
	struct stat st;

	for (int fd = 0; fd <= 2; fd++) {
		if (fstat(fd, &st) < 0) {
			if (errno == EBADF)
				continue;
			return err_sys(err, "descriptor %d", fd);
		}
		if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
			continue;
		if (st.st_uid == p->user.uid || fchown(fd, p->user.uid, (gid_t)-1) == 0)
			continue;
		if (errno != EINVAL && errno != EPERM && errno != EROFS)
			return err_sys(err, "change the owner of descriptor %d", fd);
	}
	return 0;
}

#define KEEP_MAX 4

int process_close_others(unsigned int preserve_fds, const int *keep, size_t n, struct err *err)
{
	unsigned int first = 3 + preserve_fds, sorted[KEEP_MAX], n_sorted = 0;

	for (size_t i = 0; i < n && i < KEEP_MAX; i++) {
		unsigned int at = n_sorted;

		if (keep[i] < (int)first)
			continue;
		for (; at > 0 && sorted[at - 1] > (unsigned int)keep[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = (unsigned int)keep[i];
		n_sorted++;
	}
	for (unsigned int i = 0; i < n_sorted; i++) {
		if (sorted[i] > first && syscall(SYS_close_range, first, sorted[i] - 1, 0) < 0)
			return err_sys(err, "close descriptors");
		first = sorted[i] + 1;
	}
	return fd_close_from(first) < 0 ? err_sys(err, "close descriptors") : 0;
}

int process_exec(const struct process_plan *p, const struct process_target *t, struct err *err)
{
	sigset_t none;

	if (fd_cloexec_from(3 + p->preserve_fds) < 0)
		return err_sys(err, "close descriptors");
	for (int sig = 1; p->ignored && sig < NSIG; sig++)
		if (p->ignored >> (sig - 1) & 1)
			(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(t->program, p->argv, p->env);
	err_sys_(err, "exec \"%s\"", t->program);
	if (err)
		err->exit_code = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NO_EXEC;
	return -1;
}
