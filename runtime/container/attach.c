/* SPDX-License-Identifier: Apache-2.0 */
/* attach.c - a container's networks, made by skerry-net
 *
 * The order: attach_make() before the plan, attach_save() before the first
 * effect, attach_apply() while the init builds its root, so that the two run
 * side by side; the init goes on to the program only after it (handshake.h,
 * HOOKS).  attach_remove() is its undo and delete's.
 *
 * A container that shares another's namespaces gets them by descriptors that
 * were opened while that container's init was seen alive, so a process number
 * that was used again can't lead elsewhere.
 */
#include "runtime/container/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/libexec.h"
#include "base/proc.h"

#define HELPER	     "skerry-net"
#define REQUEST_FILE "network.json"
#define SHARED	     "container:"

/* Files of the state directory and where the container has them. */
static const struct {
	const char *name, *destination;
} files[] = {
	{ "hosts", "/etc/hosts" },
	{ "resolv.conf", "/etc/resolv.conf" },
	{ "hostname", "/etc/hostname" },
};

static bool any(char *const *list)
{
	return list && list[0];
}

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* --- namespaces ----------------------------------------------------------- */

/* The list without that type, and with it once more where `keep` (path NULL: a new one). */
static int set_namespace(struct spec *spec, const char *type, bool keep, char *path,
			 struct err *err)
{
	struct spec_linux *l = spec->linux_;
	struct spec_namespace *v =
		arena_array(spec->arena, l->namespaces.n + 1, sizeof(*l->namespaces.v));
	size_t n = 0;

	if (!v)
		return out_of_memory(err);
	for (size_t i = 0; i < l->namespaces.n; i++)
		if (strcmp(l->namespaces.v[i].type, type) != 0)
			v[n++] = l->namespaces.v[i];
	if (keep)
		v[n++] = (struct spec_namespace){ arena_strdup(spec->arena, type), path };
	l->namespaces.v = v;
	l->namespaces.n = n;
	return 0;
}

/* Where config.json has a path, the namespace is someone else's and stays as it is. */
static int want_own_network(struct attach *a, struct spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->linux_->namespaces.n; i++) {
		const struct spec_namespace *ns = &spec->linux_->namespaces.v[i];

		if (strcmp(ns->type, "network") != 0)
			continue;
		a->path = ns->path && ns->path[0] ? ns->path : NULL;
		return 0;
	}
	return set_namespace(spec, "network", true, NULL, err);
}

static int open_namespace(pid_t pid, const char *file, struct err *err)
{
	char path[64];
	int fd;

	if (str_format(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, file) < 0)
		return err_sys(err, "namespace \"%s\"", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open \"%s\"", path) : fd;
}

static int hold(struct attach *a, struct spec *spec, pid_t pid, const char *type, const char *file,
		struct err *err)
{
	AUTO_FD fd = open_namespace(pid, file, err);
	char *self;

	if (fd < 0)
		return -1;
	self = arena_printf(spec->arena, "/proc/self/fd/%d", fd);
	if (!self)
		return out_of_memory(err);
	a->held[a->n_held++] = fd_take(&fd);
	return set_namespace(spec, type, true, self, err);
}

/* Network, and for a pod also IPC and host name; an ordinary user may join them only as one of the
 * user namespace that they belong to. */
static int share(struct runtime *rt, const char *id, bool pod, struct spec *spec, struct attach *a,
		 struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry other = STORE_ENTRY_INIT;
	AUTO_FD pidfd = -1;
	pid_t pid;

	if (store_load(&rt->store, id, STORE_NO_LOCK, &other, err) < 0)
		return -1;
	pidfd = record_open_process(&other.rec);
	if (pidfd < 0)
		return err_set(err, ESRCH, "container \"%s\" does not run", id);
	pid = other.rec.pid;
	if (hold(a, spec, pid, "network", "net", err) < 0)
		return -1;
	if (pod && (hold(a, spec, pid, "ipc", "ipc", err) < 0 ||
		    hold(a, spec, pid, "uts", "uts", err) < 0))
		return -1;
	if (geteuid() != 0 && other.rec.has_userns && hold(a, spec, pid, "user", "user", err) < 0)
		return -1;
	if (pod)
		spec->hostname = spec->domainname = NULL; /* the pod's */
	if (proc_pidfd_wait(pidfd, 0) != 0)
		return err_set(err, ESRCH, "container \"%s\" has ended", id);
	return 0;
}

/* --- files ---------------------------------------------------------------- */

static bool has_mount(const struct spec *spec, const char *destination)
{
	for (size_t i = 0; i < spec->mounts.n; i++)
		if (strcmp(spec->mounts.v[i].destination, destination) == 0)
			return true;
	return false;
}

/* The files of container `id` over those of the root file system, unless config.json has a mount
 * there; `must` exist, or only those that do. */
static int mount_files(struct runtime *rt, const char *id, struct spec *spec, bool must,
		       struct err *err)
{
	static char bind[] = "bind";
	struct spec_mount *v =
		arena_array(spec->arena, spec->mounts.n + ARRAY_SIZE(files), sizeof(*v));
	char **options = arena_array(spec->arena, 2, sizeof(*options));
	AUTO_FREE char *root = realpath(rt->store.path, NULL);
	size_t n = spec->mounts.n;

	if (!v || !options || !root)
		return err_sys(err, "state directory \"%s\"", rt->store.path);
	options[0] = bind;
	if (n)
		memcpy(v, spec->mounts.v, n * sizeof(*v));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char *source = arena_printf(spec->arena, "%s/%s/%s", root, id, files[i].name);

		if (!source)
			return out_of_memory(err);
		if (has_mount(spec, files[i].destination) || (!must && access(source, F_OK) < 0))
			continue;
		v[n++] = (struct spec_mount){
			.destination = arena_strdup(spec->arena, files[i].destination),
			.type = bind,
			.source = source,
			.options = { options, 1 },
		};
	}
	spec->mounts.v = v;
	spec->mounts.n = n;
	return 0;
}

/* --- the request ---------------------------------------------------------- */

static void write_words(struct json_out *o, const char *key, char *const *words)
{
	if (!any(words))
		return;
	json_key(o, key);
	json_begin_array(o);
	for (; *words; words++)
		json_string(o, *words);
	json_end_array(o);
}

static int write_request(const char *id, const struct skerry_create_options *o,
			 char *const *networks, const struct spec *spec, struct buf *out,
			 struct err *err)
{
	struct json_out w;

	json_out_init(&w, out, 0);
	json_begin_object(&w);
	json_kv_string(&w, "id", id);
	json_kv_string(&w, "hostname", spec->hostname);
	json_kv_string(&w, "ip", o->ip);
	json_kv_string(&w, "mac", o->mac);
	write_words(&w, "networks", networks);
	write_words(&w, "ports", o->ports);
	write_words(&w, "dns", o->dns);
	write_words(&w, "dnsSearch", o->dns_search);
	write_words(&w, "dnsOptions", o->dns_options);
	write_words(&w, "hosts", o->hosts);
	json_end_object(&w);
	return buf_failed(out) ? out_of_memory(err) : 0;
}

/* Options that only a network of its own can have. */
static int refuse_others(const struct skerry_create_options *o, const char *mode, struct err *err)
{
	if ((o->networks && o->networks[0] && o->networks[1]) || any(o->ports) || o->ip || o->mac)
		return err_set(err, EINVAL, "%s goes without other networks, ports and addresses",
			       mode);
	return 0;
}

static int make_own(struct runtime *rt, const char *id, const struct skerry_create_options *o,
		    struct spec *spec, struct attach *a, struct err *err)
{
	static char name[] = "default";
	char *const fallback[] = { name, NULL };
	bool none = any(o->networks) && strcmp(o->networks[0], "none") == 0;
	bool implied = any(o->ports) || o->ip || o->mac;
	char *const *networks = any(o->networks) ? o->networks : implied ? fallback : NULL;

	if (none && refuse_others(o, "--net none", err) < 0)
		return -1;
	if ((networks || none) && want_own_network(a, spec, err) < 0)
		return -1;
	a->wanted = true;
	if (mount_files(rt, id, spec, true, err) < 0)
		return -1;
	return write_request(id, o, none ? NULL : networks, spec, &a->request, err);
}

static bool has_settings(const struct skerry_create_options *o)
{
	return any(o->ports) || any(o->dns) || any(o->dns_search) || any(o->dns_options) ||
	       any(o->hosts) || o->ip || o->mac;
}

int attach_make(struct runtime *rt, const char *id, const struct skerry_create_options *o,
		struct spec *spec, struct attach *ret, struct err *err)
{
	const char *first = any(o->networks) ? o->networks[0] : NULL;
	const char *other = o->pod;

	if (!first && !o->pod && !has_settings(o))
		return 0;
	if (o->pod && first)
		return err_set(err, EINVAL, "--pod goes without --net");
	if (!other && str_starts(first ? first : "", SHARED))
		other = first + strlen(SHARED);
	if (runtime_open_store(rt, true, err) < 0)
		return -1;
	if (other) {
		if (refuse_others(o, o->pod ? "--pod" : "--net " SHARED, err) < 0 ||
		    share(rt, other, o->pod != NULL, spec, ret, err) < 0)
			return -1;
		return mount_files(rt, other, spec, false, err);
	}
	if (first && strcmp(first, "host") == 0) {
		if (refuse_others(o, "--net host", err) < 0)
			return -1;
		return set_namespace(spec, "network", false, NULL, err);
	}
	return make_own(rt, id, o, spec, ret, err);
}

void attach_init(struct attach *a)
{
	*a = (struct attach){ .netns = -1 };
	buf_init(&a->request);
}

void attach_let_go(struct attach *a)
{
	while (a->n_held)
		(void)fd_close(a->held[--a->n_held]);
}

void attach_release(struct attach *a)
{
	attach_let_go(a);
	a->netns = fd_close(a->netns);
	buf_release(&a->request);
}

int attach_save(const struct attach *a, int dir, struct err *err)
{
	if (!a->wanted)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		AUTO_FD fd = openat(dir, files[i].name,
				    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

		if (fd < 0 || fchmod(fd, 0644) < 0)
			return err_sys(err, "make \"%s\"", files[i].name);
	}
	if (file_replace(dir, REQUEST_FILE, a->request.s, a->request.len, 0600) < 0)
		return err_sys(err, "write " REQUEST_FILE);
	return 0;
}

/* --- the program ---------------------------------------------------------- */

static int run_helper(char *const *words, struct err *err)
{
	char path[PATH_MAX], *argv[6] = { path };
	AUTO_BUF output;
	const struct proc_run run = { .path = path,
				      .argv = argv,
				      .env = environ,
				      .stdout_fd = -1,
				      .stderr_fd = -1,
				      .output = &output };
	int status;

	buf_init(&output);
	for (size_t i = 0; words[i] && i + 2 < ARRAY_SIZE(argv); i++)
		argv[i + 1] = words[i];
	if (libexec_need("networks need", HELPER, path, err) < 0)
		return -1;
	status = proc_run(&run, err);
	if (status < 0)
		return -1;
	while (output.len && output.s[output.len - 1] == '\n')
		output.s[--output.len] = '\0';
	if (WIFSIGNALED(status))
		return err_set(err, EINTR, HELPER ": killed by signal %d", WTERMSIG(status));
	return status ? err_set(err, EIO, "%s", output.s) : 0;
}

/* Plugins want a path that is good after us as well. */
static int state_path(int dir, char path[PATH_MAX], struct err *err)
{
	char self[64];
	ssize_t n;

	if (str_format(self, sizeof(self), "/proc/self/fd/%d", dir) < 0)
		return err_sys(err, "state directory");
	n = readlink(self, path, PATH_MAX - 1);
	if (n < 0)
		return err_sys(err, "read link \"%s\"", self);
	path[n] = '\0';
	return 0;
}

int attach_hold(struct attach *a, pid_t pid, struct err *err)
{
	if (!a->path) {
		a->netns = open_namespace(pid, "net", err);
		return a->netns < 0 ? -1 : 0;
	}
	a->netns = open(a->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return a->netns < 0 ? err_sys(err, "open \"%s\"", a->path) : 0;
}

/* Our own descriptor as a path: good as long as we wait. */
int attach_apply(const struct attach *a, int dir, struct err *err)
{
	char verb[] = "attach", path[PATH_MAX], netns[64];
	char *const words[] = { verb, path, netns, NULL };

	if (state_path(dir, path, err) < 0)
		return -1;
	if (str_format(netns, sizeof(netns), "/proc/%d/fd/%d", (int)getpid(), a->netns) < 0)
		return err_sys(err, "network namespace");
	return run_helper(words, err);
}

int attach_apply_user(const struct attach *a, int dir, pid_t pid, struct err *err)
{
	char verb[] = "attach", path[PATH_MAX], netns[64], userns[64];
	char *const words[] = { verb, path, netns, userns, NULL };

	if (a->path)
		return err_set(err, EPERM, "an ordinary user can't give \"%s\" a network", a->path);
	if (state_path(dir, path, err) < 0)
		return -1;
	if (str_format(netns, sizeof(netns), "/proc/%d/ns/net", (int)pid) < 0 ||
	    str_format(userns, sizeof(userns), "/proc/%d/ns/user", (int)pid) < 0)
		return err_sys(err, "network namespace");
	return run_helper(words, err);
}

int attach_remove(int dir, struct err *err)
{
	char verb[] = "detach", path[PATH_MAX];
	char *const words[] = { verb, path, NULL };

	return state_path(dir, path, err) < 0 ? -1 : run_helper(words, err);
}
