/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_mounts.c - what the container sees besides its root: binds, volumes, tmpfs, devices
 *
 * A volume is a folder of the store: volumes/NAME.  One that is empty gets the
 * image's content of that place at its first use.  Volumes that the image asks
 * for and nobody named live in the container's own upper layer.
 *
 * podman-run(1) --volume, --mount, --tmpfs, --device
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/units.h"
#include "image/cli/bundle.h"
#include "image/volume.h"

#define SHM_SIZE_DEFAULT "67108864"
#define OPTIONS_MAX	 8

struct fixed_mount {
	const char *destination, *type, *source, *options[OPTIONS_MAX];
};
static const struct fixed_mount fixed[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts",
	  "devpts",
	  "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" } },
};

/* A later mount on the same place takes the earlier one's. */
static struct bundle_mount *add_mount(struct bundle *b, const char *destination, const char *type,
				      const char *source, struct err *err)
{
	struct bundle_mount *m = NULL;
	for (size_t i = 0; i < b->mounts.n; i++) {
		if (strcmp(b->mounts.v[i].destination, destination) == 0)
			m = &b->mounts.v[i];
	}
	if (!m) {
		m = arena_grow(b->arena, b->mounts.v, b->mounts.n, &b->mounts.cap, sizeof(*m));
		if (!m) {
			err_set_(err, ENOMEM, "out of memory");
			return NULL;
		}
		b->mounts.v = m;
		m = &b->mounts.v[b->mounts.n++];
	}
	*m = (struct bundle_mount){ .destination = arena_strdup(b->arena, destination),
				    .type = type,
				    .source = arena_strdup(b->arena, source) };
	if (!m->destination || !m->source) {
		err_set_(err, ENOMEM, "out of memory");
		return NULL;
	}
	return m;
}

static int add_fixed(struct bundle *b, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		const struct fixed_mount *f = &fixed[i];
		struct bundle_mount *m = add_mount(b, f->destination, f->type, f->source, err);
		if (!m)
			return -1;
		for (size_t k = 0; k < OPTIONS_MAX && f->options[k]; k++) {
			/* whoever may do everything may also write there */
			bool writable = b->o->privileged && str_eq(f->options[k], "ro");
			if (bundle_add(b->arena, &m->options, writable ? "rw" : f->options[k],
				       err) < 0)
				return -1;
		}
	}
	int64_t size;
	const char *text = b->o->shm_size ? b->o->shm_size : SHM_SIZE_DEFAULT;
	if (units_bytes(text, &size) < 0 || size <= 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for --shm-size", text);
	struct bundle_mount *m = add_mount(b, "/dev/shm", "tmpfs", "shm", err);
	const char *option = arena_printf(b->arena, "size=%lld", (long long)size);
	if (!m || bundle_add(b->arena, &m->options, "nosuid", err) < 0 ||
	    bundle_add(b->arena, &m->options, "noexec", err) < 0 ||
	    bundle_add(b->arena, &m->options, "nodev", err) < 0 ||
	    bundle_add(b->arena, &m->options, "mode=1777", err) < 0)
		return -1;
	return bundle_add(b->arena, &m->options, option, err);
}

/* --- binds and volumes ------------------------------------------------------------ */

static int add_options(struct bundle *b, struct bundle_mount *m, const char *text, struct err *err)
{
	while (text && *text) {
		size_t len = strcspn(text, ",");
		const char *one = arena_strndup(b->arena, text, len);
		if (!one)
			return err_set(err, ENOMEM, "out of memory");
		/* labels for SELinux, ownership and copying: nothing to do here */
		bool ignored = !one[0] || str_eq(one, "z") || str_eq(one, "Z") ||
			       str_eq(one, "U") || str_eq(one, "copy") || str_eq(one, "nocopy");
		if (!ignored && bundle_add(b->arena, &m->options, one, err) < 0)
			return -1;
		text += len + (text[len] == ',');
	}
	return 0;
}

static int check_destination(const char *where, struct err *err)
{
	if (where[0] != '/' || str_eq(where, "/"))
		return err_set(err, EINVAL,
			       "\"%s\" is no place for a volume: an absolute path, not \"/\"",
			       where);
	return 0;
}

static int add_bind(struct bundle *b, const char *from, const char *to, const char *options,
		    struct err *err)
{
	char path[PATH_MAX];
	if (check_destination(to, err) < 0)
		return -1;
	/* docker makes a missing folder; podman says so instead, and a typing mistake is seen */
	if (!realpath(from, path))
		return err_sys(err, "volume \"%s\"", from);
	struct bundle_mount *m = add_mount(b, to, "bind", path, err);
	if (!m || bundle_add(b->arena, &m->options, "rbind", err) < 0)
		return -1;
	if (add_options(b, m, options, err) < 0)
		return -1;
	/* what is mounted there later on the host stays the host's */
	bool said = options && (strstr(options, "shared") || strstr(options, "slave") ||
				strstr(options, "private"));
	return said ? 0 : bundle_add(b->arena, &m->options, "rprivate", err);
}

static int add_volume(struct bundle *b, const char *name, const char *to, const char *options,
		      struct err *err)
{
	char path[PATH_MAX];
	bool copy = !options || !strstr(options, "nocopy");
	if (check_destination(to, err) < 0 ||
	    volume_open(b->store, name, copy ? b->root : -1, to, path, err) < 0)
		return -1;
	return add_bind(b, path, to, options, err);
}

static bool is_path(const char *text)
{
	return text[0] == '/' || text[0] == '.' || text[0] == '~';
}

/* [FROM:]TO[:OPTIONS] */
static int add_word(struct bundle *b, const char *word, struct err *err)
{
	char *copy = arena_strdup(b->arena, word);
	char *first = copy ? strchr(copy, ':') : NULL;
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	if (!first) {
		const char *name = arena_printf(b->arena, "%s-%zu", b->id, b->mounts.n);
		return name ? add_volume(b, name, copy, NULL, err)
			    : err_set(err, ENOMEM, "out of memory");
	}
	*first++ = 0;
	char *options = strchr(first, ':');
	if (options)
		*options++ = 0;
	return is_path(copy) ? add_bind(b, copy, first, options, err)
			     : add_volume(b, copy, first, options, err);
}

static int add_tmpfs(struct bundle *b, const char *where, const char *options, struct err *err)
{
	if (check_destination(where, err) < 0)
		return -1;
	struct bundle_mount *m = add_mount(b, where, "tmpfs", "tmpfs", err);
	if (!m)
		return -1;
	/* what the image has there is seen in it */
	if (bundle_add(b->arena, &m->options, "nosuid", err) < 0 ||
	    bundle_add(b->arena, &m->options, "nodev", err) < 0 ||
	    bundle_add(b->arena, &m->options, "tmpcopyup", err) < 0)
		return -1;
	return add_options(b, m, options, err);
}

struct long_mount {
	const char *type, *from, *to, *rest;
};

/* One KEY=VALUE of --mount. */
static int add_member(struct bundle *b, struct long_mount *m, char *word, struct err *err)
{
	static const struct {
		const char *key;
		size_t offset;
	} keys[] = {
		{ "type", offsetof(struct long_mount, type) },
		{ "source", offsetof(struct long_mount, from) },
		{ "src", offsetof(struct long_mount, from) },
		{ "destination", offsetof(struct long_mount, to) },
		{ "dst", offsetof(struct long_mount, to) },
		{ "target", offsetof(struct long_mount, to) },
	};
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : "";
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strlen(keys[i].key) == len && strncmp(word, keys[i].key, len) == 0) {
			memcpy((char *)m + keys[i].offset, &value, sizeof(value));
			return 0;
		}
	}
	if (str_eq(word, "readonly") || str_eq(word, "readonly=true"))
		m->rest = arena_printf(b->arena, "%s,ro", m->rest);
	else if (str_starts(word, "tmpfs-size="))
		m->rest = arena_printf(b->arena, "%s,size=%s", m->rest, value);
	else
		m->rest = arena_printf(b->arena, "%s,%s", m->rest, word);
	return m->rest ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* type=bind,src=X,dst=Y,ro,... */
static int add_long(struct bundle *b, const char *word, struct err *err)
{
	struct long_mount m = { .type = "volume", .rest = "" };
	for (const char *at = word; *at;) {
		size_t len = strcspn(at, ",");
		char *one = arena_strndup(b->arena, at, len);
		if (!one)
			return err_set(err, ENOMEM, "out of memory");
		if (add_member(b, &m, one, err) < 0)
			return -1;
		at += len + (at[len] == ',');
	}
	if (!m.to || (!m.from && !str_eq(m.type, "tmpfs")))
		return err_set(err, EINVAL, "--mount \"%s\": source or destination is missing",
			       word);
	if (str_eq(m.type, "tmpfs"))
		return add_tmpfs(b, m.to, m.rest, err);
	if (str_eq(m.type, "bind"))
		return add_bind(b, m.from, m.to, m.rest, err);
	if (str_eq(m.type, "volume"))
		return add_volume(b, m.from, m.to, m.rest, err);
	return err_set(err, EINVAL, "--mount: unknown type \"%s\"", m.type);
}

/* --- devices ---------------------------------------------------------------------- */

static int add_device(struct bundle *b, const char *word, struct err *err)
{
	char *from = arena_strdup(b->arena, word);
	struct stat st;
	if (!from)
		return err_set(err, ENOMEM, "out of memory");
	char *to = from, *access = NULL, *colon = strchr(from, ':');
	if (colon) {
		*colon++ = 0;
		char *second = strchr(colon, ':');
		if (second)
			*second++ = 0;
		if (colon[0] == '/')
			to = colon;
		access = colon[0] == '/' ? second : colon;
	}
	if (access && (!access[0] || access[strspn(access, "rwm")]))
		return err_set(err, EINVAL, "--device \"%s\": access is made of r, w and m", word);
	if (stat(from, &st) < 0)
		return err_sys(err, "device \"%s\"", from);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, EINVAL, "\"%s\" is no device", from);
	struct bundle_device *v =
		arena_grow(b->arena, b->devices.v, b->devices.n, &b->devices.cap, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	b->devices.v = v;
	v[b->devices.n++] = (struct bundle_device){
		.path = to,
		.type = S_ISCHR(st.st_mode) ? "c" : "b",
		.access = access ? access : "rwm",
		.major = major(st.st_rdev),
		.minor = minor(st.st_rdev),
		.mode = st.st_mode & 0777,
		.uid = st.st_uid,
		.gid = st.st_gid,
	};
	return 0;
}

int bundle_mounts(struct bundle *b, struct err *err)
{
	const struct image_options *o = b->o;
	if (add_fixed(b, err) < 0)
		return -1;
	for (size_t i = 0; i < o->volumes.n; i++) {
		if (add_word(b, o->volumes.v[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < o->mounts.n; i++) {
		if (add_long(b, o->mounts.v[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < o->tmpfs.n; i++) {
		char *where = arena_strdup(b->arena, o->tmpfs.v[i]);
		char *options = where ? strchr(where, ':') : NULL;
		if (options)
			*options++ = 0;
		if (!where || add_tmpfs(b, where, options, err) < 0)
			return where ? -1 : err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < o->devices.n; i++) {
		if (add_device(b, o->devices.v[i], err) < 0)
			return -1;
	}
	return 0;
}
