/* SPDX-License-Identifier: Apache-2.0 */
/* inspect_container.c - what a container of an image is: its root, who watches it, its health
 *
 * Whether it runs is the runtime's to tell (skerry state).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/units.h"
#include "image/cli/common.h"
#include "image/rootfs.h"

#define DOCUMENT_MAX ((size_t)1 << 20)
#define TIME_TEXT    40

/* A document of the bundle as it is, null where there is none. */
static int write_document(struct json_out *o, const char *key, int dir, const char *name,
			  struct arena *arena, struct err *err)
{
	static const struct json_field no_fields[] = { { .key = "" } };
	static const struct json_table any = { .fields = no_fields,
					       .n = 1,
					       .size = sizeof(void *) };
	void *nothing = NULL;
	AUTO_BUF text;
	buf_init(&text);
	json_key(o, key);
	if (file_read(dir, name, &text, DOCUMENT_MAX, true) < 0) {
		json_null(o);
		return errno == ENOENT ? 0 : err_sys(err, "read \"%s\"", name);
	}
	if (json_decode(name, text.s, text.len, &any, &nothing, arena, err) < 0)
		return -1;
	json_raw(o, text.s);
	return 0;
}

int inspect_container(struct json_out *o, struct store *s, const char *id, struct arena *arena,
		      struct err *err)
{
	struct rootfs_info info;
	char path[PATH_MAX], created[TIME_TEXT];
	if (rootfs_info(s, id, &info, arena, err) < 0)
		return -1;
	if (str_format(path, sizeof(path), "%s/containers/%s", store_path(s), id) < 0)
		return err_set(err, ENAMETOOLONG, "the store's path is too long");
	AUTO_FD dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "open \"%s\"", path);
	units_time(&(struct timespec){ .tv_sec = info.created }, created, sizeof(created));
	json_begin_object(o);
	json_kv_string(o, "id", id);
	json_kv_string(o, "bundle", path);
	json_kv_string(o, "image", info.host ? "host" : info.image.text);
	json_kv_string(o, "created", created);
	json_kv_bool(o, "ephemeral", info.ephemeral);
	json_key(o, "layers");
	json_begin_array(o);
	for (size_t i = 0; i < info.layers.n; i++)
		json_string(o, info.layers.v[i].text);
	json_end_array(o);
	if (write_document(o, "watch", dir, "watch.json", arena, err) < 0 ||
	    write_document(o, "watched", dir, "watched.json", arena, err) < 0 ||
	    write_document(o, "health", dir, "health.json", arena, err) < 0)
		return -1;
	json_end_object(o);
	return 0;
}
