/* SPDX-License-Identifier: Apache-2.0 */
/* documents.c - config.dump, spec.dump and skerry.json: who the container was
 *
 * config.dump has the keys of both that read it: podman's ContainerConfig and
 * the few of the CRI's that checkpointctl knows.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "image/timestamp.h"
#include "runtime/archive/archive.h"

#define MANAGER "io.container.manager"

struct spec_words {
	struct pairs annotations;
};
static const struct json_field spec_fields[] = { JSON_FIELD(struct spec_words, annotations,
							    JSON_PAIRS) };
static const struct json_table spec_table = JSON_TABLE(struct spec_words, spec_fields);

static const char *find(const struct pairs *p, const char *key)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].key, key) == 0)
			return p->v[i].value;
	return NULL;
}

static int put(int dir, const char *name, const struct buf *text, struct err *err)
{
	if (buf_failed(text))
		return err_set(err, ENOMEM, "out of memory");
	return file_replace(dir, name, text->s, text->len, 0600) < 0
		       ? err_sys(err, "write \"%s\"", name)
		       : 0;
}

/* checkpointctl asks this annotation who made it, and believes podman's to be complete. */
static int write_spec(const struct buf *config, const struct spec_words *w, int dir,
		      struct arena *arena, struct err *err)
{
	AUTO_BUF text;

	buf_init_max(&text, ARCHIVE_CONFIG_MAX);
	if (find(&w->annotations, MANAGER))
		return put(dir, MEMBER_SPEC, config, err);
	if (json_merge(config->s, "{\"annotations\":{\"" MANAGER "\":\"libpod\"}}", arena, &text,
		       err) < 0)
		return -1;
	return put(dir, MEMBER_SPEC, &text, err);
}

/* "NAME@sha256:ID" */
static void write_image(struct json_out *o, const char *image)
{
	const char *at = strstr(image, "@sha256:");
	char name[512], id[80] = "";

	if (str_format(name, sizeof(name), "%.*s", (int)(at ? (size_t)(at - image) : strlen(image)),
		       image) < 0)
		return;
	if (at)
		(void)str_copy(id, sizeof(id), at + strlen("@sha256:"));
	json_kv_string(o, "rootfsImageName", name);
	json_kv_string(o, "rawImageName", name);
	json_kv_string(o, "rootfsImage", name);
	json_kv_string(o, "rootfsImageRef", id[0] ? id : name);
	if (id[0])
		json_kv_string(o, "rootfsImageID", id);
}

/* By the user, by an engine's annotation, by our store. */
static const char *image_of(const struct request *r, const struct spec_words *w,
			    const struct upper *u)
{
	static const char *const keys[] = { "io.kubernetes.cri.image-name",
					    "io.kubernetes.cri-o.ImageName",
					    "org.opencontainers.image.base.name" };

	if (r->image && r->image[0])
		return r->image;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *v = find(&w->annotations, keys[i]);

		if (v && v[0])
			return v;
	}
	return u->image;
}

static int write_config(const struct request *r, const char *image, int dir, struct err *err)
{
	struct json_out o;
	char now[40];
	AUTO_BUF text;

	buf_init(&text);
	timestamp_now(now, sizeof(now));
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	json_kv_string(&o, "id", r->id);
	json_kv_string(&o, "name", r->id);
	if (image[0])
		write_image(&o, image);
	/* podman restores with the runtime of this name only, and runc reads our images as we do its. */
	json_kv_string(&o, "runtime", "runc");
	json_kv_string(&o, "createdTime", r->created && r->created[0] ? r->created : now);
	json_kv_string(&o, "checkpointedTime", now);
	json_kv_bool(&o, "restored", false);
	json_end_object(&o);
	return put(dir, MEMBER_CONFIG, &text, err);
}

static int write_own(const struct request *r, const struct upper *u, int dir, struct err *err)
{
	struct json_out o;
	struct utsname host;
	char now[40];
	AUTO_BUF text;

	buf_init(&text);
	timestamp_now(now, sizeof(now));
	if (uname(&host) < 0)
		return err_sys(err, "this host's name");
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	json_kv_uint(&o, "format", 1);
	json_kv_string(&o, "id", r->id);
	json_kv_string(&o, "runtime", "skerry");
	json_kv_string(&o, "kernel", host.release);
	json_kv_string(&o, "arch", host.machine);
	json_kv_string(&o, "criu", r->criu ? r->criu : "");
	json_kv_string(&o, "time", now);
	/* All files are in rootfs-diff.tar, whatever there was below. */
	json_kv_bool(&o, "whole", !r->ignore_rootfs && (!u->found || u->partial));
	json_end_object(&o);
	return put(dir, MEMBER_OWN, &text, err);
}

static int write_network(const struct request *r, int dir, struct err *err)
{
	struct stat own, its;
	char path[64];
	AUTO_BUF text;

	buf_init_max(&text, DOCUMENT_MAX);
	/* The host's network isn't the container's. */
	if (str_format(path, sizeof(path), "/proc/%u/ns/net", r->pid) < 0 || stat(path, &its) < 0 ||
	    stat("/proc/self/ns/net", &own) < 0 || own.st_ino == its.st_ino)
		buf_puts(&text, "{}");
	else if (network_status(r, &text, err) < 0)
		return -1;
	return put(dir, MEMBER_NETWORK, &text, err);
}

int documents_write(const struct request *r, int dir, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	CLEANUP(upper_release) struct upper u = { .dir = -1, .lower = -1 };
	struct spec_words words;
	AUTO_BUF config;

	arena_init(&arena, ARCHIVE_ARENA_MAX);
	buf_init_max(&config, ARCHIVE_CONFIG_MAX);
	if (file_read(AT_FDCWD, r->config, &config, ARCHIVE_CONFIG_MAX, true) < 0)
		return err_sys(err, "read \"%s\"", r->config);
	if (json_decode("config.json", config.s, config.len, &spec_table, &words, &arena, err) < 0)
		return -1;
	if (upper_find(r->rootfs, &u, err) < 0)
		return -1;
	if (write_spec(&config, &words, dir, &arena, err) < 0 ||
	    write_config(r, image_of(r, &words, &u), dir, err) < 0 ||
	    write_own(r, &u, dir, err) < 0)
		return -1;
	return write_network(r, dir, err);
}
