/* SPDX-License-Identifier: Apache-2.0 */
/* bundle.c - what the shim itself reads and writes in a bundle
 *
 * Of config.json a few members only; the runtime reads all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "runtime/shim/shim.h"

#define CONFIG_MAX ((size_t)64 << 20)
#define EXIT_FILE  "skerry-exit.json"

struct config_namespace {
	char *type, *path;
};
struct config_linux {
	char *cgroups_path;
	struct {
		struct config_namespace *v;
		size_t n;
	} namespaces;
};
struct config {
	struct pairs annotations;
	struct config_linux *linux_;
};

static const struct json_field namespace_fields[] = {
	JSON_FIELD(struct config_namespace, type, JSON_STRING),
	JSON_FIELD(struct config_namespace, path, JSON_STRING),
};
static const struct json_table namespace_table =
	JSON_TABLE(struct config_namespace, namespace_fields);
static const struct json_field linux_fields[] = {
	JSON_FIELD_AS("cgroupsPath", struct config_linux, cgroups_path, JSON_STRING),
	JSON_FIELD(struct config_linux, namespaces, JSON_OBJECTS, .sub = &namespace_table),
};
static const struct json_table linux_table = JSON_TABLE(struct config_linux, linux_fields);
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, annotations, JSON_PAIRS),
	JSON_FIELD_AS("linux", struct config, linux_, JSON_OBJECT, .sub = &linux_table),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

/* In this order: runc's own annotation, then CRI's. */
static const char *find_group(const struct pairs *annotations)
{
	static const char *const keys[] = { "io.containerd.runc.v2.group",
					    "io.kubernetes.cri.sandbox-id" };

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
		for (size_t i = 0; i < annotations->n; i++)
			if (strcmp(annotations->v[i].key, keys[k]) == 0 &&
			    annotations->v[i].value[0])
				return annotations->v[i].value;
	return NULL;
}

int bundle_load(const char *path, struct arena *arena, struct bundle *ret, struct err *err)
{
	struct config config;
	char name[4096];
	const char *colon;
	AUTO_BUF text;

	buf_init(&text);
	*ret = (struct bundle){ 0 };
	if (str_format(name, sizeof(name), "%s/config.json", path) < 0 ||
	    file_read(AT_FDCWD, name, &text, CONFIG_MAX, true) < 0)
		return err_sys(err, "read config.json of bundle \"%s\"", path);
	if (json_decode("config.json", text.s, text.len, &config_table, &config, arena, err) < 0)
		return -1;
	ret->group = find_group(&config.annotations);
	if (!config.linux_)
		return 0;
	for (size_t i = 0; i < config.linux_->namespaces.n; i++) {
		const struct config_namespace *ns = &config.linux_->namespaces.v[i];

		if (str_eq(ns->type, "pid"))
			ret->private_pids = !ns->path || !ns->path[0];
	}
	colon = config.linux_->cgroups_path ? strchr(config.linux_->cgroups_path, ':') : NULL;
	ret->systemd_path = config.linux_->cgroups_path && config.linux_->cgroups_path[0] != '/' &&
			    colon && strchr(colon + 1, ':');
	return 0;
}

struct exit_file {
	uint32_t pid, status;
	int64_t seconds;
	int32_t nanos;
};
static const struct json_field exit_fields[] = {
	JSON_FIELD(struct exit_file, pid, JSON_U32, .required = true),
	JSON_FIELD(struct exit_file, status, JSON_U32, .required = true),
	JSON_FIELD(struct exit_file, seconds, JSON_I64, .required = true),
	JSON_FIELD(struct exit_file, nanos, JSON_I32, .required = true),
};
static const struct json_table exit_table = JSON_TABLE(struct exit_file, exit_fields);

int bundle_save_exit(const char *path, const struct delete_reply *d)
{
	char name[4096], text[160];

	if (str_format(name, sizeof(name), "%s/" EXIT_FILE, path) < 0 ||
	    str_format(text, sizeof(text),
		       "{\"pid\":%u,\"status\":%u,\"seconds\":%lld,\"nanos\":%d}\n", d->pid,
		       d->exit_status, (long long)d->exited_at->seconds, d->exited_at->nanos) < 0)
		return -1;
	return file_replace(AT_FDCWD, name, text, strlen(text), 0600);
}

bool bundle_load_exit(const char *path, struct arena *arena, struct delete_reply *ret,
		      struct timestamp *at)
{
	struct exit_file f;
	char name[4096];
	AUTO_BUF text;

	buf_init(&text);
	if (str_format(name, sizeof(name), "%s/" EXIT_FILE, path) < 0 ||
	    file_read(AT_FDCWD, name, &text, sizeof(name), true) < 0 ||
	    json_decode(EXIT_FILE, text.s, text.len, &exit_table, &f, arena, NULL) < 0)
		return false;
	*at = (struct timestamp){ .seconds = f.seconds, .nanos = f.nanos };
	*ret = (struct delete_reply){ .pid = f.pid, .exit_status = f.status, .exited_at = at };
	return true;
}
