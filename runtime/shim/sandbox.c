/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.c - the Sandbox service: a pod's namespaces without a pause image
 *
 * containerd 2.x asks for it where a runtime has `sandboxer = "shim"`: it gives
 * a bundle without config.json, CRI's description of the pod and the network
 * namespace, and wants a process whose namespaces the pod's containers join.
 * That process is a container like any other, of a root without files: its
 * program is the shim's own, which is lent to it as descriptor 3 and executed
 * as /proc/self/fd/3.  A bundle that has a config.json is taken as it is.
 * containerd is told nothing of it by events; it waits by WaitSandbox.
 *
 * containerd api/runtime/sandbox/v1/sandbox.proto, CRI api.proto
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "runtime/shim/shim.h"

#define SECOND	   1000000000LL
#define LENT_FD	   3
#define POD_ARENA  ((size_t)4 << 20)
#define CONFIG_MAX ((size_t)1 << 20)
#define POD_TYPE   "runtime.v1.PodSandboxConfig"
#define SPEC_TYPE  "types.containerd.io/opencontainers/runtime-spec/1/Spec"

/* --- the pause process's configuration ------------------------------------------------- */

static void write_mounts(struct json_out *o)
{
	static const struct {
		const char *target, *type, *options[4];
	} mounts[] = {
		{ "/proc", "proc", { "nosuid", "noexec", "nodev" } },
		{ "/dev", "tmpfs", { "nosuid", "mode=755", "size=64k" } },
	};

	json_key(o, "mounts");
	json_begin_array(o);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		json_begin_object(o);
		json_kv_string(o, "destination", mounts[i].target);
		json_kv_string(o, "type", mounts[i].type);
		json_kv_string(o, "source", mounts[i].type);
		json_key(o, "options");
		json_begin_array(o);
		for (size_t k = 0; mounts[i].options[k]; k++)
			json_string(o, mounts[i].options[k]);
		json_end_array(o);
		json_end_object(o);
	}
	json_end_array(o);
}

static void write_pairs(struct json_out *o, const char *key, const struct key_values *pairs)
{
	json_key(o, key);
	json_begin_object(o);
	for (size_t i = 0; i < pairs->n; i++)
		if (pairs->v[i].key)
			json_kv_string(o, pairs->v[i].key,
				       pairs->v[i].value ? pairs->v[i].value : "");
	json_end_object(o);
}

static void write_namespace(struct json_out *o, const char *type, const char *path)
{
	json_begin_object(o);
	json_kv_string(o, "type", type);
	if (path && path[0])
		json_kv_string(o, "path", path);
	json_end_object(o);
}

static bool has_users(const struct pod_namespaces *n)
{
	return n->user && n->user->mode != POD_NODE;
}

static void write_namespaces(struct json_out *o, const struct pod_namespaces *n, const char *netns)
{
	json_key(o, "namespaces");
	json_begin_array(o);
	write_namespace(o, "mount", NULL);
	if (n->network != POD_NODE) {
		write_namespace(o, "network", netns);
		write_namespace(o, "uts", NULL);
	}
	if (n->ipc != POD_NODE)
		write_namespace(o, "ipc", NULL);
	if (n->pid != POD_NODE)
		write_namespace(o, "pid", NULL);
	if (has_users(n))
		write_namespace(o, "user", NULL);
	json_end_array(o);
}

static void write_ids(struct json_out *o, const char *key, const struct pod_id_maps *maps)
{
	json_key(o, key);
	json_begin_array(o);
	for (size_t i = 0; i < maps->n; i++) {
		json_begin_object(o);
		json_kv_uint(o, "containerID", maps->v[i].container);
		json_kv_uint(o, "hostID", maps->v[i].host);
		json_kv_uint(o, "size", maps->v[i].length);
		json_end_object(o);
	}
	json_end_array(o);
}

/* As CRI names a container's: by systemd PARENT:cri-containerd:ID, else PARENT/ID. */
static void write_cgroup(struct json_out *o, const struct container *k, const char *parent)
{
	AUTO_BUF path;

	buf_init(&path);
	if (!parent || !parent[0])
		buf_printf(&path, k->systemd_cgroup ? ":cri-containerd:%s" : "/%s/%s",
			   k->systemd_cgroup ? k->id : k->shim->namespace, k->id);
	else if (k->systemd_cgroup)
		buf_printf(&path, "%s:cri-containerd:%s",
			   strrchr(parent, '/') ? strrchr(parent, '/') + 1 : parent, k->id);
	else
		buf_printf(&path, "%s/%s", parent, k->id);
	json_kv_string(o, "cgroupsPath", path.s);
}

static void write_process(struct json_out *o)
{
	json_key(o, "process");
	json_begin_object(o);
	json_kv_string(o, "cwd", "/");
	json_key(o, "args");
	json_begin_array(o);
	json_string(o, "/proc/self/fd/3");
	json_string(o, "pause");
	json_end_array(o);
	json_kv_bool(o, "noNewPrivileges", true);
	json_end_object(o);
}

static void write_config(struct buf *text, const struct container *k, const struct pod_config *pod,
			 const struct sandbox_create_request *q)
{
	static const struct pod_linux no_linux;
	static const struct pod_namespaces no_wishes;
	const struct pod_linux *l = pod->linux_ ? pod->linux_ : &no_linux;
	const struct pod_namespaces *n =
		l->security && l->security->namespaces ? l->security->namespaces : &no_wishes;
	struct json_out o;

	json_out_init(&o, text, JSON_TABS);
	json_begin_object(&o);
	json_kv_string(&o, "ociVersion", "1.0.2");
	json_key(&o, "root");
	json_begin_object(&o);
	json_kv_string(&o, "path", "rootfs");
	json_kv_bool(&o, "readonly", true);
	json_end_object(&o);
	if (pod->hostname && pod->hostname[0] && n->network != POD_NODE)
		json_kv_string(&o, "hostname", pod->hostname);
	write_process(&o);
	write_mounts(&o);
	write_pairs(&o, "annotations", &q->annotations);
	json_key(&o, "linux");
	json_begin_object(&o);
	write_namespaces(&o, n, q->netns);
	if (has_users(n)) {
		write_ids(&o, "uidMappings", &n->user->uids);
		write_ids(&o, "gidMappings", &n->user->gids);
	}
	write_cgroup(&o, k, l->cgroup_parent);
	write_pairs(&o, "sysctl", &l->sysctls);
	json_end_object(&o);
	json_end_object(&o);
}

static int load_pod(const struct any *a, struct arena *arena, struct pod_config *ret,
		    struct err *err)
{
	const struct pod_namespaces *n;

	*ret = (struct pod_config){ 0 };
	if (!a || strcmp(any_type(a), POD_TYPE) != 0)
		return 0;
	if (wire_decode(&pod_config_table, a->value.v, a->value.n, ret, arena, err) < 0)
		return -1;
	n = ret->linux_ && ret->linux_->security ? ret->linux_->security->namespaces : NULL;
	if (n && has_users(n) &&
	    (n->user->mode != POD_SHARED || !n->user->uids.n || !n->user->gids.n))
		return err_set(err, EINVAL, "a user namespace of a pod needs mode POD and its ids");
	return 0;
}

/* With what is mounted on: the root of a user namespace could make nothing there. */
static int make_root(const char *path, struct err *err)
{
	static const char *const targets[] = { "", "/proc", "/dev" };
	char at[4096];

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (str_format(at, sizeof(at), "%s%s", path, targets[i]) < 0 ||
		    (mkdir(at, 0711) < 0 && errno != EEXIST))
			return err_sys(err, "make \"%s%s\"", path, targets[i]);
	return 0;
}

int sandbox_configure(const struct container *k, const struct create *how, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct pod_config pod;
	char path[4096], rootfs[4096];
	AUTO_BUF text;

	buf_init(&text);
	arena_init(&arena, POD_ARENA);
	if (str_format(path, sizeof(path), "%s/config.json", k->bundle) < 0 ||
	    str_format(rootfs, sizeof(rootfs), "%s/rootfs", k->bundle) < 0)
		return err_sys(err, "name \"%s\"", k->bundle);
	if (access(path, F_OK) == 0)
		return 0;
	if (load_pod(how->sandbox->options, &arena, &pod, err) < 0)
		return -1;
	write_config(&text, k, &pod, how->sandbox);
	if (make_root(rootfs, err) < 0)
		return -1;
	if (buf_failed(&text) || file_replace(AT_FDCWD, path, text.s, text.len, 0600) < 0)
		return err_sys(err, "write \"%s\"", path);
	return 1;
}

void sandbox_unconfigure(const struct container *k)
{
	char path[4096];

	if (str_format(path, sizeof(path), "%s/config.json", k->bundle) == 0)
		(void)unlink(path);
}

int sandbox_lend_program(struct report *r, struct err *err)
{
	int sock = fcntl(r->sock, F_DUPFD_CLOEXEC, LENT_FD + 1);
	AUTO_FD self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (sock < 0 || self < 0)
		return err_sys(err, "open \"/proc/self/exe\"");
	r->sock = sock;
	if (self == LENT_FD) {
		(void)fd_take(&self);
		return fd_set_cloexec(LENT_FD, false) < 0 ? err_sys(err, "fcntl") : 0;
	}
	return dup2(self, LENT_FD) < 0 ? err_sys(err, "lend \"/proc/self/exe\"") : 0;
}

/* --- the methods ------------------------------------------------------------------------- */

void sandbox_create(const struct todo *t)
{
	const struct sandbox_create_request *q = t->request;
	struct create *how = arena_alloc(&t->call->arena, sizeof(*how));
	struct create_request *as_task = arena_alloc(&t->call->arena, sizeof(*as_task));
	struct err err = { 0 };

	if (!how || !as_task) {
		call_fail(t->call, RPC_INTERNAL, "out of memory");
		return;
	}
	*as_task = (struct create_request){ .id = q->id, .bundle = q->bundle, .rootfs = q->rootfs };
	*how = (struct create){ .request = as_task, .sandbox = q };
	/* Those of the runtime came with `start`. */
	if (options_load(q->bundle ? q->bundle : "", &t->call->arena, &how->options, &err) < 0)
		call_fail(t->call, RPC_INVALID_ARGUMENT, "%s", err.msg);
	else
		make_container(t->shim, t->call, how);
}

void sandbox_start(const struct todo *t)
{
	task_start(t);
}

/* The answer to StartSandbox. */
void sandbox_started(struct container *k, struct call *c)
{
	struct sandbox_start_reply reply = { .pid = (uint32_t)k->init.pid,
					     .created_at = &k->created_at };
	struct any spec = { .type_url = (char[]){ SPEC_TYPE } };
	char path[4096];
	AUTO_BUF text;

	buf_init(&text);
	if (str_format(path, sizeof(path), "%s/config.json", k->bundle) == 0 &&
	    file_read(AT_FDCWD, path, &text, CONFIG_MAX, true) == 0) {
		spec.value = (struct wire_bytes){ .v = text.s, .n = text.len };
		reply.spec = &spec;
	}
	call_reply(c, &sandbox_start_reply_table, &reply);
}

void sandbox_platform(const struct todo *t)
{
	static const struct {
		const char *machine, *architecture, *variant;
	} names[] = {
		{ "x86_64", "amd64", "" },    { "aarch64", "arm64", "" },
		{ "armv7l", "arm", "v7" },    { "i686", "386", "" },
		{ "ppc64le", "ppc64le", "" }, { "riscv64", "riscv64", "" },
		{ "s390x", "s390x", "" },
	};
	struct utsname uts = { 0 };
	struct platform p = { .os = (char[]){ "linux" } };
	char architecture[sizeof(uts.machine)], variant[8] = "";

	(void)uname(&uts);
	(void)str_copy(architecture, sizeof(architecture), uts.machine);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(uts.machine, names[i].machine) == 0) {
			(void)str_copy(architecture, sizeof(architecture), names[i].architecture);
			(void)str_copy(variant, sizeof(variant), names[i].variant);
		}
	p.architecture = architecture;
	p.variant = variant;
	call_reply(t->call, &platform_reply_table, &(struct platform_reply){ .platform = &p });
}

static void out_of_patience(struct timer *timer)
{
	const struct container *k = OWNER(timer, struct container, patience);

	if (k->init.pid && !k->init.reaped)
		(void)proc_kill(k->init.pid, SIGKILL);
}

void sandbox_stop(const struct todo *t)
{
	const struct sandbox_request *q = t->request;
	struct container *k = t->container;
	struct process *p = &k->init;
	struct err err = { 0 };
	/* Before Start nobody is there to take a signal. */
	bool ask = q->n > 0 && p->status == STATUS_RUNNING;

	if (p->status == STATUS_STOPPED || p->pid == 0) {
		call_reply(t->call, &empty_table, &(struct empty){ 0 });
		return;
	}
	if (!p->reaped && proc_kill(p->pid, ask ? SIGTERM : SIGKILL) < 0) {
		err_sys_(&err, "stop sandbox \"%s\"", k->id);
		call_fail(t->call, RPC_UNKNOWN, "%s", err.msg);
		return;
	}
	if (ask) {
		k->patience.fired = out_of_patience;
		timer_start(&t->shim->loop, &k->patience, loop_now() + q->n * SECOND);
	}
	process_keep(p, &p->stoppers, t->call);
}

void sandbox_wait(const struct todo *t)
{
	task_wait(t);
}

void sandbox_status(const struct todo *t)
{
	const struct sandbox_request *q = t->request;
	static char ready_word[] = "SANDBOX_READY", other_word[] = "SANDBOX_NOTREADY";
	struct container *k = t->container;
	bool ended = k->init.status == STATUS_STOPPED;
	bool ready = k->init.status == STATUS_RUNNING || k->init.status == STATUS_PAUSED;
	struct key_value info = { .key = (char[]){ "bundle" }, .value = k->bundle };
	struct sandbox_status_reply reply = { .id = k->id,
					      .pid = (uint32_t)k->init.pid,
					      .state = ready ? ready_word : other_word,
					      .info = { .v = &info, .n = q->n ? 1 : 0 },
					      .created_at = &k->created_at,
					      .exited_at = ended ? &k->init.exited_at : NULL };

	call_reply(t->call, &sandbox_status_reply_table, &reply);
}

void sandbox_ping(const struct todo *t)
{
	if (t->container->init.reaped)
		call_fail(t->call, RPC_UNAVAILABLE, "sandbox \"%s\" has ended", t->container->id);
	else
		call_reply(t->call, &empty_table, &(struct empty){ 0 });
}

/* Whoever is still there goes with it: containerd runs `delete` for each. */
void sandbox_shutdown(const struct todo *t)
{
	const struct sandbox_request *q = t->request;
	struct shim *s = t->shim;
	struct container *k = container_find(s, q->id);

	if (!k) {
		task_shutdown(t);
		return;
	}
	if (k->workers || k->exclusive || k->parked) {
		container_park(k, t->call);
		return;
	}
	for (struct container *other = s->containers; other; other = other->next)
		if (other != k && other->init.pid && !other->init.reaped)
			(void)proc_kill(other->init.pid, SIGKILL);
	k->shutting_down = true;
	remove_container(k, t->call);
}

void sandbox_metrics(const struct todo *t)
{
	struct timestamp now = timestamp_now();
	struct any data;
	struct metric metric = { .timestamp = &now, .id = t->container->id, .data = &data };
	AUTO_BUF bytes;

	buf_init_max(&bytes, FRAME_MAX);
	stats_read(t->container, &data, &bytes);
	call_reply(t->call, &metric_reply_table, &(struct metric_reply){ .metric = &metric });
}
