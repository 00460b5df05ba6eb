/* SPDX-License-Identifier: Apache-2.0 */
/* api.c - <skerry/skerry.h> over the operations of runtime.h */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/container/checkpoint.h"
#include "runtime/container/document.h"
#include "runtime/container/runtime.h"

struct skerry {
	struct runtime rt;
};

/* struct err and struct skerry_error tell the same; the public one names no type of ours. */
static int give(struct skerry_error *to, const struct err *from, int rc)
{
	if (rc >= 0 || !to)
		return rc;
	*to = (struct skerry_error){ .code = from->code, .exit_code = from->exit_code };
	(void)str_copy(to->phase, sizeof(to->phase), from->phase);
	(void)str_copy(to->field, sizeof(to->field), from->field);
	(void)str_copy(to->message, sizeof(to->message), from->msg);
	return rc;
}

struct skerry *skerry_open(const struct skerry_options *options, struct skerry_error *err)
{
	struct err e = { 0 };
	struct skerry *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set_(&e, ENOMEM, "out of memory");
		(void)give(err, &e, -1);
		return NULL;
	}
	s->rt.store.root = -1;
	s->rt.host.root = -1;
	s->rt.uid = geteuid();
	s->rt.rootless = s->rt.uid != 0;
	if (!options)
		return s;
	if (options->rootless >= 0 && s->rt.uid == 0)
		s->rt.rootless = options->rootless == 1;
	s->rt.manager = (enum cgroup_manager)options->cgroup_manager;
	s->rt.warn = options->warn;
	s->rt.debug = options->debug;
	s->rt.log_arg = options->log_arg;
	if ((options->root && str_copy(s->rt.root, sizeof(s->rt.root), options->root) < 0) ||
	    (options->criu && str_copy(s->rt.criu, sizeof(s->rt.criu), options->criu) < 0)) {
		err_set_(&e, ENAMETOOLONG, "--root or --criu: name too long");
		(void)give(err, &e, -1);
		free(s);
		return NULL;
	}
	return s;
}

void skerry_close(struct skerry *s)
{
	if (!s)
		return;
	store_close(&s->rt.store);
	if (s->rt.has_host)
		cgroup_host_release(&s->rt.host);
	free(s);
}

const char *skerry_status_name(enum skerry_status status)
{
	static const char *const names[] = { "creating", "created", "running", "paused",
					     "stopped" };

	return names[status];
}

int skerry_create(struct skerry *s, const char *id, const struct skerry_create_options *o,
		  struct skerry_error *err)
{
	struct err e = { 0 };
	struct created c;
	int rc = container_create(&s->rt, id, o, CREATE_ONLY, &c, &e);

	if (rc == 0) {
		if (o->ret_pid)
			*o->ret_pid = c.pid;
		if (o->ret_master)
			*o->ret_master = fd_take(&c.master);
		created_release(&c);
	}
	return give(err, &e, rc);
}

int skerry_start(struct skerry *s, const char *id, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_start(&s->rt, id, &e));
}

int skerry_run(struct skerry *s, const char *id, const struct skerry_create_options *o,
	       struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_run(&s->rt, id, o, &e));
}

int skerry_exec(struct skerry *s, const char *id, const struct skerry_exec_options *o,
		struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_exec(&s->rt, id, o, &e));
}

int skerry_checkpoint(struct skerry *s, const char *id, const struct skerry_checkpoint_options *o,
		      struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_checkpoint(&s->rt, id, o, &e));
}

int skerry_restore(struct skerry *s, const char *id, const struct skerry_create_options *create,
		   const struct skerry_checkpoint_options *o, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_restore(&s->rt, id, create, o, &e));
}

int skerry_clone(struct skerry *s, const char *id, const char *twin,
		 const struct skerry_create_options *create,
		 const struct skerry_checkpoint_options *o, struct skerry_error *err)
{
	struct err e = { 0 };
	const struct clone_request request = { .id = id, .twin = twin, .create = create, .o = o };

	return give(err, &e, container_clone(&s->rt, &request, &e));
}

int skerry_kill(struct skerry *s, const char *id, int sig, bool all, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_kill(&s->rt, id, sig, all, &e));
}

int skerry_delete(struct skerry *s, const char *id, bool force, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_delete(&s->rt, id, force, &e));
}

int skerry_pause(struct skerry *s, const char *id, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_pause(&s->rt, id, true, &e));
}

int skerry_resume(struct skerry *s, const char *id, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_pause(&s->rt, id, false, &e));
}

int skerry_update(struct skerry *s, const char *id, const char *resources, size_t len,
		  const char *l3_schema, const char *mem_bw_schema, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e,
		    container_update(&s->rt, id, resources, len, l3_schema, mem_bw_schema, &e));
}

int skerry_wait(struct skerry *s, const char *id, int timeout_ms, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_wait(&s->rt, id, timeout_ms, &e));
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int copy_annotations(const struct pairs *from, char ***ret)
{
	char **v = calloc(from->n * 2 + 1, sizeof(*v));

	*ret = v;
	if (!v)
		return -1;
	for (size_t i = 0; i < from->n; i++) {
		v[2 * i] = strdup(from->v[i].key);
		v[2 * i + 1] = strdup(from->v[i].value);
		if (!v[2 * i] || !v[2 * i + 1])
			return -1;
	}
	return 0;
}

static char *owner_name(uint32_t uid)
{
	char text[32];

	if (uid == 0)
		return strdup("root");
	(void)snprintf(text, sizeof(text), "#%u", uid);
	return strdup(text);
}

int skerry_state(struct skerry *s, const char *id, struct skerry_state *ret,
		 struct skerry_error *err)
{
	CLEANUP(store_entry_release) struct store_entry entry = STORE_ENTRY_INIT;
	struct err e = { 0 };
	const struct record *r = &entry.rec;

	*ret = (struct skerry_state){ 0 };
	if (runtime_open_store(&s->rt, false, &e) < 0 ||
	    store_load(&s->rt.store, id, STORE_NO_LOCK, &entry, &e) < 0)
		return give(err, &e, -1);
	ret->status = container_status(&s->rt, &entry, NULL);
	ret->pid = ret->status == SKERRY_STOPPED ? 0 : r->pid;
	ret->id = strdup(id);
	ret->bundle = copy(r->bundle);
	ret->rootfs = copy(r->rootfs);
	ret->created = copy(r->created);
	ret->oci_version = copy(r->oci_version);
	ret->owner = owner_name(r->uid);
	if (r->cgroup.scope && r->cgroup.scope[0])
		ret->systemd_scope = strdup(r->cgroup.scope);
	if (!ret->id || !ret->owner || copy_annotations(&r->annotations, &ret->annotations) < 0) {
		skerry_state_release(ret);
		return give(err, &e, err_set(&e, ENOMEM, "out of memory"));
	}
	return 0;
}

void skerry_state_release(struct skerry_state *st)
{
	free(st->id);
	free(st->bundle);
	free(st->rootfs);
	free(st->created);
	free(st->owner);
	free(st->oci_version);
	free(st->systemd_scope);
	skerry_strings_free(st->annotations);
	*st = (struct skerry_state){ 0 };
}

char *skerry_state_json(struct skerry *s, const char *id, int indent, struct skerry_error *err)
{
	struct skerry_state st;
	struct json_out o;
	AUTO_BUF out;

	buf_init(&out);
	if (skerry_state(s, id, &st, err) < 0)
		return NULL;
	json_out_init(&o, &out, indent);
	json_begin_object(&o);
	json_kv_string(&o, "ociVersion", st.oci_version ? st.oci_version : SKERRY_SPEC_VERSION);
	json_kv_string(&o, "id", st.id);
	json_kv_int(&o, "pid", st.pid);
	json_kv_string(&o, "status", skerry_status_name(st.status));
	json_kv_string(&o, "bundle", st.bundle ? st.bundle : "");
	json_kv_string(&o, "rootfs", st.rootfs ? st.rootfs : "");
	json_kv_string(&o, "created", st.created ? st.created : "");
	if (st.annotations && st.annotations[0]) {
		json_key(&o, "annotations");
		json_begin_object(&o);
		for (char **a = st.annotations; a[0]; a += 2)
			json_kv_string(&o, a[0], a[1]);
		json_end_object(&o);
	}
	if (st.systemd_scope)
		json_kv_string(&o, "systemd-scope", st.systemd_scope);
	json_kv_string(&o, "owner", "");
	json_end_object(&o);
	skerry_state_release(&st);
	return buf_take(&out);
}

char **skerry_list(struct skerry *s, struct skerry_error *err)
{
	struct err e = { 0 };
	char **list = NULL;

	if (runtime_open_store(&s->rt, false, &e) == 0) {
		if (s->rt.store.root < 0 && !s->rt.store.is_default)
			err_set_(&e, ENOENT,
				 "open root directory \"%s\": no such file or directory",
				 s->rt.store.path);
		else
			list = store_list(&s->rt.store, &e);
	}
	if (!list)
		(void)give(err, &e, -1);
	return list;
}

void skerry_strings_free(char **list)
{
	for (char **v = list; v && *v; v++)
		free(*v);
	free(list);
}

int skerry_pids(struct skerry *s, const char *id, pid_t **ret, size_t *ret_n,
		struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_pids(&s->rt, id, ret, ret_n, &e));
}

int skerry_cgroup_open(struct skerry *s, const char *id, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_cgroup_fd(&s->rt, id, &e));
}

char *skerry_stats_json(struct skerry *s, const char *id, struct skerry_error *err)
{
	struct err e = { 0 };
	AUTO_BUF out;

	buf_init(&out);
	if (container_stats(&s->rt, id, &out, &e) < 0) {
		(void)give(err, &e, -1);
		return NULL;
	}
	return buf_take(&out);
}

int skerry_events(struct skerry *s, const char *id, int64_t interval_ns,
		  void (*event)(const char *line, void *arg), void *arg, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_events(&s->rt, id, interval_ns, event, arg, &e));
}

static int change(struct skerry *s, const char *id, enum live_change what, const char *json,
		  size_t len, struct skerry_error *err)
{
	struct err e = { 0 };

	return give(err, &e, container_change(&s->rt, id, what, json, len, &e));
}

int skerry_mounts_add(struct skerry *s, const char *id, const char *json, size_t len,
		      struct skerry_error *err)
{
	return change(s, id, LIVE_MOUNTS_ADD, json, len, err);
}

int skerry_mounts_remove(struct skerry *s, const char *id, const char *json, size_t len,
			 struct skerry_error *err)
{
	return change(s, id, LIVE_MOUNTS_REMOVE, json, len, err);
}

int skerry_device_add(struct skerry *s, const char *id, const char *json, size_t len,
		      struct skerry_error *err)
{
	return change(s, id, LIVE_DEVICE_ADD, json, len, err);
}

int skerry_device_remove(struct skerry *s, const char *id, const char *json, size_t len,
			 struct skerry_error *err)
{
	return change(s, id, LIVE_DEVICE_REMOVE, json, len, err);
}

int skerry_signal_parse(const char *name)
{
	return signal_parse(name);
}

/* A document written by `write`, as text that the caller owns. */
static char *document(struct runtime *rt,
		      int (*write)(struct runtime *, struct json_out *, struct err *), int indent,
		      struct skerry_error *err)
{
	struct err e = { 0 };
	struct json_out o;
	AUTO_BUF out;

	buf_init(&out);
	json_out_init(&o, &out, indent);
	if (write(rt, &o, &e) < 0) {
		(void)give(err, &e, -1);
		return NULL;
	}
	return buf_take(&out);
}

char *skerry_features_json(struct skerry *s, struct skerry_error *err)
{
	return document(&s->rt, features_write, 4, err);
}

char *skerry_doctor_json(struct skerry *s, struct skerry_error *err)
{
	return document(&s->rt, doctor_write, 4, err);
}

char *skerry_spec_default(bool rootless)
{
	struct cgroup_host host;
	bool v2 = cgroup_host_find(&host, NULL) == 0 && host.root >= 0;
	AUTO_BUF out;

	buf_init(&out);
	if (v2)
		cgroup_host_release(&host);
	spec_write_default(&out, rootless, geteuid(), getegid(), true);
	return buf_take(&out);
}

char *skerry_check_json(struct skerry *s, const char *bundle, const char *config, int *ret_bad,
			struct skerry_error *err)
{
	struct err e = { 0 };
	struct json_out o;
	AUTO_BUF out;

	buf_init(&out);
	json_out_init(&o, &out, 4);
	if (check_write(&s->rt, bundle, config, ret_bad, &o, &e) < 0) {
		(void)give(err, &e, -1);
		return NULL;
	}
	return buf_take(&out);
}

char *skerry_plan_json(struct skerry *s, const struct skerry_create_options *o, const char *id,
		       struct skerry_error *err)
{
	struct err e = { 0 };
	struct json_out out;
	AUTO_BUF text;

	buf_init(&text);
	json_out_init(&out, &text, 4);
	if (container_plan_write(&s->rt, id, o, &out, &e) < 0) {
		(void)give(err, &e, -1);
		return NULL;
	}
	return buf_take(&text);
}
