/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - the configuration of an image: what runs in it, its layers, its history
 *
 * image-spec config.md; Healthcheck, Shell and OnBuild are Docker's.
 */
#include "image/config.h"

#include <errno.h>

#include "image/reference.h"

#define FIELD JSON_FIELD_AS

static const struct json_table key_table = { .fields = NULL,
					     .n = 0,
					     .size = sizeof(struct config_key) };

static const struct json_field health_fields[] = {
	FIELD("Test", struct config_health, test, JSON_STRINGS),
	FIELD("Interval", struct config_health, interval, JSON_I64),
	FIELD("Timeout", struct config_health, timeout, JSON_I64),
	FIELD("StartPeriod", struct config_health, start_period, JSON_I64),
	FIELD("StartInterval", struct config_health, start_interval, JSON_I64),
	FIELD("Retries", struct config_health, retries, JSON_I32),
};
static const struct json_table health_table = JSON_TABLE(struct config_health, health_fields);

static const struct json_field process_fields[] = {
	FIELD("User", struct config_process, user, JSON_STRING),
	FIELD("WorkingDir", struct config_process, working_dir, JSON_STRING),
	FIELD("StopSignal", struct config_process, stop_signal, JSON_STRING),
	FIELD("Env", struct config_process, env, JSON_STRINGS),
	FIELD("Entrypoint", struct config_process, entrypoint, JSON_STRINGS),
	FIELD("Cmd", struct config_process, cmd, JSON_STRINGS),
	FIELD("Shell", struct config_process, shell, JSON_STRINGS),
	FIELD("OnBuild", struct config_process, on_build, JSON_STRINGS),
	FIELD("Labels", struct config_process, labels, JSON_PAIRS),
	FIELD("ExposedPorts", struct config_process, exposed_ports, JSON_MAP, .sub = &key_table),
	FIELD("Volumes", struct config_process, volumes, JSON_MAP, .sub = &key_table),
	FIELD("Healthcheck", struct config_process, healthcheck, JSON_OBJECT, .sub = &health_table),
};
static const struct json_table process_table = JSON_TABLE(struct config_process, process_fields);

static const struct json_field rootfs_fields[] = {
	JSON_FIELD(struct config_rootfs, type, JSON_STRING),
	JSON_FIELD(struct config_rootfs, diff_ids, JSON_STRINGS),
};
static const struct json_table rootfs_table = JSON_TABLE(struct config_rootfs, rootfs_fields);

static const struct json_field history_fields[] = {
	JSON_FIELD(struct config_history, created, JSON_STRING),
	JSON_FIELD(struct config_history, created_by, JSON_STRING),
	JSON_FIELD(struct config_history, author, JSON_STRING),
	JSON_FIELD(struct config_history, comment, JSON_STRING),
	JSON_FIELD(struct config_history, empty_layer, JSON_BOOL),
};
static const struct json_table history_table = JSON_TABLE(struct config_history, history_fields);

static const struct json_field image_fields[] = {
	JSON_FIELD(struct image_config, architecture, JSON_STRING),
	JSON_FIELD(struct image_config, os, JSON_STRING),
	JSON_FIELD(struct image_config, variant, JSON_STRING),
	FIELD("os.version", struct image_config, os_version, JSON_STRING),
	JSON_FIELD(struct image_config, author, JSON_STRING),
	JSON_FIELD(struct image_config, created, JSON_STRING),
	JSON_FIELD(struct image_config, config, JSON_INLINE, .sub = &process_table),
	JSON_FIELD(struct image_config, rootfs, JSON_INLINE, .sub = &rootfs_table),
	JSON_FIELD(struct image_config, history, JSON_OBJECTS, .sub = &history_table),
};
static const struct json_table image_table = JSON_TABLE(struct image_config, image_fields);

int config_parse(const char *name, const char *text, size_t len, struct image_config *ret,
		 struct arena *arena, struct err *err)
{
	struct image_config c;
	if (len > CONFIG_SIZE_MAX)
		return err_set(err, EFBIG, "%s: larger than %zu bytes", name, CONFIG_SIZE_MAX);
	if (json_decode(name, text, len, &image_table, &c, arena, err) < 0)
		return -1;
	if (c.rootfs.type && !str_eq(c.rootfs.type, "layers"))
		return err_set(err, EINVAL, "%s: unknown kind of root file system \"%.64s\"", name,
			       c.rootfs.type);
	for (size_t i = 0; i < c.rootfs.diff_ids.n; i++) {
		if (!reference_is_digest(c.rootfs.diff_ids.v[i]))
			return err_set(err, EINVAL, "%s: malformed diff id \"%.80s\"", name,
				       c.rootfs.diff_ids.v[i]);
	}
	*ret = c;
	return 0;
}

static void write_string(struct json_out *o, const char *key, const char *value)
{
	if (value)
		json_kv_string(o, key, value);
}

static void write_strings(struct json_out *o, const char *key, const struct strings *list)
{
	if (list->n == 0)
		return;
	json_key(o, key);
	json_begin_array(o);
	for (size_t i = 0; i < list->n; i++)
		json_string(o, list->v[i]);
	json_end_array(o);
}

static void write_keys(struct json_out *o, const char *key, const struct config_keys *keys)
{
	if (keys->n == 0)
		return;
	json_key(o, key);
	json_begin_object(o);
	for (size_t i = 0; i < keys->n; i++) {
		json_key(o, keys->v[i].key);
		json_begin_object(o);
		json_end_object(o);
	}
	json_end_object(o);
}

static void write_number(struct json_out *o, const char *key, int64_t value)
{
	if (value)
		json_kv_int(o, key, value);
}

static void write_health(struct json_out *o, const struct config_health *h)
{
	json_key(o, "Healthcheck");
	json_begin_object(o);
	write_strings(o, "Test", &h->test);
	write_number(o, "Interval", h->interval);
	write_number(o, "Timeout", h->timeout);
	write_number(o, "StartPeriod", h->start_period);
	write_number(o, "StartInterval", h->start_interval);
	write_number(o, "Retries", h->retries);
	json_end_object(o);
}

void config_write_process(struct json_out *o, const struct config_process *p)
{
	json_begin_object(o);
	write_string(o, "User", p->user);
	write_keys(o, "ExposedPorts", &p->exposed_ports);
	write_strings(o, "Env", &p->env);
	write_strings(o, "Entrypoint", &p->entrypoint);
	write_strings(o, "Cmd", &p->cmd);
	write_keys(o, "Volumes", &p->volumes);
	write_string(o, "WorkingDir", p->working_dir);
	if (p->labels.n > 0) {
		json_key(o, "Labels");
		json_begin_object(o);
		for (size_t i = 0; i < p->labels.n; i++)
			json_kv_string(o, p->labels.v[i].key, p->labels.v[i].value);
		json_end_object(o);
	}
	write_string(o, "StopSignal", p->stop_signal);
	if (p->healthcheck)
		write_health(o, p->healthcheck);
	write_strings(o, "Shell", &p->shell);
	write_strings(o, "OnBuild", &p->on_build);
	json_end_object(o);
}

static void write_history(struct json_out *o, const struct image_config *c)
{
	json_key(o, "history");
	json_begin_array(o);
	for (size_t i = 0; i < c->history.n; i++) {
		const struct config_history *h = &c->history.v[i];
		json_begin_object(o);
		write_string(o, "created", h->created);
		write_string(o, "created_by", h->created_by);
		write_string(o, "author", h->author);
		write_string(o, "comment", h->comment);
		if (h->empty_layer)
			json_kv_bool(o, "empty_layer", true);
		json_end_object(o);
	}
	json_end_array(o);
}

void config_write(struct buf *out, const struct image_config *c)
{
	struct json_out o;
	json_out_init(&o, out, 0);
	json_begin_object(&o);
	write_string(&o, "created", c->created);
	write_string(&o, "author", c->author);
	json_kv_string(&o, "architecture", c->architecture ? c->architecture : "");
	write_string(&o, "variant", c->variant);
	json_kv_string(&o, "os", c->os ? c->os : "");
	write_string(&o, "os.version", c->os_version);
	json_key(&o, "config");
	config_write_process(&o, &c->config);
	json_key(&o, "rootfs");
	json_begin_object(&o);
	json_kv_string(&o, "type", "layers");
	json_key(&o, "diff_ids");
	json_begin_array(&o);
	for (size_t i = 0; i < c->rootfs.diff_ids.n; i++)
		json_string(&o, c->rootfs.diff_ids.v[i]);
	json_end_array(&o);
	json_end_object(&o);
	write_history(&o, c);
	json_end_object(&o);
}
