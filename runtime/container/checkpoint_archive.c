/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_archive.c - checkpoint --export and restore --import
 *
 * skerry-archive does it (runtime/archive/archive.h): nothing here knows tar or
 * compression.  When the container is to end, the archive is made while it stands
 * still, and what goes wrong lets it run on; one that is left running is stopped
 * only until its changed files are read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/libexec.h"
#include "runtime/container/checkpoint.h"

#define HELPER	   "skerry-archive"
#define IMAGES	   "checkpoint" /* in the temporary directory, and in the archive */
#define DUMP_LOG   "dump.log"
#define ANSWER_MAX ((size_t)64 << 10)
#define SPOOL	   "/var/tmp"

/* The directory of a file, or of the bundle, with a new one in it. */
static int make_temporary(const char *parent, const char *name, char path[PATH_MAX],
			  struct err *err)
{
	if (str_format(path, PATH_MAX, "%s/.%s.XXXXXX", parent, name) < 0 || !mkdtemp(path))
		return err_sys(err, "make a directory in \"%s\"", parent);
	return 0;
}

static void remove_temporary(const char *path)
{
	(void)file_remove_tree(AT_FDCWD, path);
}

/* Asks the helper; `file` "-" is our standard output. */
static int ask(const char *verb, const struct buf *request, const char *file, struct buf *answer,
	       struct err *err)
{
	const struct libexec l = { .name = HELPER,
				   .word = verb,
				   .input = request->s,
				   .stdout_fd = file && strcmp(file, "-") == 0 ? STDOUT_FILENO : -1,
				   .output = answer };

	if (buf_failed(request))
		return err_set(err, ENOMEM, "out of memory");
	return libexec_run(&l, err);
}

static void put(struct json_out *o, const char *key, const char *value)
{
	if (value && value[0])
		json_kv_string(o, key, value);
}

/* --- out ------------------------------------------------------------------------------ */

struct exporting {
	struct runtime *rt;
	const struct skerry_checkpoint_options *o;
	const char *id;
	char dir[PATH_MAX], images[PATH_MAX], state[PATH_MAX];
	char file[PATH_MAX];
	int criu; /* its version */
	struct buf request;
};

static int write_request(struct exporting *e, const struct store_entry *entry, struct err *err)
{
	char config[PATH_MAX], networks[PATH_MAX], version[32];
	struct json_out o;

	if (str_format(config, sizeof(config), "%s/%s", e->state, STORE_CONFIG) < 0 ||
	    str_format(networks, sizeof(networks), "%s/" CHECKPOINT_NETWORK, e->state) < 0 ||
	    str_format(version, sizeof(version), "%d.%d.%d", e->criu / 10000, e->criu / 100 % 100,
		       e->criu % 100) < 0)
		return err_sys(err, "container \"%s\"", e->id);
	json_out_init(&o, &e->request, 0);
	json_begin_object(&o);
	json_kv_string(&o, "id", e->id);
	json_kv_string(&o, "dir", e->dir);
	json_kv_string(&o, "file", e->file);
	put(&o, "compress", e->o->compress);
	json_kv_string(&o, "rootfs", entry->rec.rootfs);
	json_kv_string(&o, "config", config);
	if (entry->rec.has_networks)
		json_kv_string(&o, "networks", networks);
	put(&o, "image", e->o->rootfs_image);
	put(&o, "name", e->o->create_image);
	put(&o, "store", getenv("SKERRY_STORE")); /* NOLINT(concurrency-mt-unsafe) */
	put(&o, "created", entry->rec.created);
	json_kv_string(&o, "criu", version);
	json_kv_uint(&o, "pid", (uint64_t)entry->rec.pid);
	json_kv_bool(&o, "ignoreRootfs", e->o->ignore_rootfs);
	json_end_object(&o);
	return 0;
}

static int pack(struct exporting *e, struct err *err)
{
	AUTO_BUF said;

	buf_init(&said);
	if (e->o->export_path && ask("pack", &e->request, e->file, &said, err) < 0)
		return -1;
	buf_clear(&said);
	return e->o->create_image ? ask("image", &e->request, NULL, &said, err) : 0;
}

/* While it stands still. */
static int dumped(void *arg, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry entry = STORE_ENTRY_INIT;
	struct exporting *e = arg;
	AUTO_BUF said;

	buf_init(&said);
	if (store_load(&e->rt->store, e->id, STORE_NO_LOCK, &entry, err) < 0 ||
	    write_request(e, &entry, err) < 0)
		return -1;
	if (!e->o->ignore_rootfs && ask("changes", &e->request, NULL, &said, err) < 0)
		return -1;
	return e->o->leave_running ? 0 : pack(e, err);
}

static int check_options(const struct skerry_checkpoint_options *o, struct err *err)
{
	static const char why[] = "an archive is of one whole checkpoint";

	if (o->image_path && o->image_path[0])
		return err_set(err, EINVAL, "either an archive or --image-path");
	if (o->pre_dump || o->lazy_pages || (o->parent_path && o->parent_path[0]) ||
	    (o->page_server && o->page_server[0]))
		return err_set(err, EINVAL,
			       "%s: not with --pre-dump, --parent-path, --lazy-pages or "
			       "--page-server",
			       why);
	return 0;
}

/* The archive's own place has room for it, and renaming works there. */
static int choose_places(struct exporting *e, struct err *err)
{
	const char *file = e->o->export_path;
	char parent[PATH_MAX] = ".", real[PATH_MAX];
	const char *slash = file ? strrchr(file, '/') : NULL, *name = slash ? slash + 1 : file;

	if (!realpath(e->rt->store.path, real) ||
	    str_format(e->state, sizeof(e->state), "%s/%s", real, e->id) < 0)
		return err_sys(err, "state directory \"%s\"", e->rt->store.path);
	if (!file || strcmp(file, "-") == 0) {
		(void)str_copy(e->file, sizeof(e->file), "-");
		return make_temporary(SPOOL, e->id, e->dir, err);
	}
	if (slash && str_format(parent, sizeof(parent), "%.*s/", (int)(slash - file), file) < 0)
		return err_sys(err, "\"%s\"", file);
	if (!realpath(parent, real) || !name[0] ||
	    str_format(e->file, sizeof(e->file), "%s/%s", real, name) < 0)
		return err_sys(err, "\"%s\"", file);
	/* A device or a pipe is no place for files. */
	return make_temporary(str_starts(real, "/dev") || str_starts(real, "/proc") ? SPOOL : real,
			      name, e->dir, err);
}

/* criu's log goes where it is found when the rest is taken away. */
static void save_log(const struct exporting *e, struct err *err)
{
	char from[PATH_MAX], to[PATH_MAX], *mark = err ? strstr(err->msg, "\nlog file: ") : NULL;
	AUTO_BUF text;

	buf_init(&text);
	if (!mark || str_format(from, sizeof(from), "%s/" DUMP_LOG, e->dir) < 0 ||
	    str_format(to, sizeof(to), "%s/" DUMP_LOG, e->state) < 0 ||
	    file_read(AT_FDCWD, from, &text, BUF_MAX_DEFAULT, true) < 0 ||
	    file_replace(AT_FDCWD, to, text.s, text.len, 0600) < 0)
		return;
	*mark = '\0';
	struct err was = *err;
	(void)err_set(err, was.code, "%.300s\nlog file: %.180s", was.msg, to);
}

int container_export(struct runtime *rt, const char *id, const struct skerry_checkpoint_options *o,
		     struct err *err)
{
	struct exporting e = { .rt = rt, .o = o, .id = id };
	struct skerry_checkpoint_options with = *o;
	const struct checkpoint_call call = {
		.o = &with, .dumped = dumped, .arg = &e, .ret_criu = &e.criu
	};
	int rc;

	if (check_options(o, err) < 0 || runtime_open_store(rt, false, err) < 0)
		return -1;
	if (rt->store.root < 0)
		return err_set(err, ENOENT, "container \"%s\" does not exist", id);
	if (choose_places(&e, err) < 0)
		return -1;
	buf_init(&e.request);
	rc = str_format(e.images, sizeof(e.images), "%s/" IMAGES, e.dir) < 0
		     ? err_sys(err, "\"%s\"", e.dir)
		     : 0;
	with.image_path = e.images;
	with.work_path = o->work_path && o->work_path[0] ? o->work_path : e.dir;
	if (rc == 0)
		rc = container_checkpoint_with(rt, id, &call, err);
	if (rc == 0 && o->leave_running)
		rc = pack(&e, err);
	if (rc < 0)
		save_log(&e, err);
	remove_temporary(e.dir);
	buf_release(&e.request);
	return rc;
}

/* --- in -------------------------------------------------------------------------------- */

struct answer {
	bool external_network, made_config, made_rootfs;
};
static const struct json_field answer_fields[] = {
	JSON_FIELD_AS("externalNetwork", struct answer, external_network, JSON_BOOL),
	JSON_FIELD_AS("madeConfig", struct answer, made_config, JSON_BOOL),
	JSON_FIELD_AS("madeRootfs", struct answer, made_rootfs, JSON_BOOL),
};
static const struct json_table answer_table = JSON_TABLE(struct answer, answer_fields);

struct importing {
	struct skerry_checkpoint_options o;
	struct skerry_create_options create;
	char bundle[PATH_MAX], dir[PATH_MAX], images[PATH_MAX];
	struct answer answer;
};

static int unpack(struct importing *i, const char *id, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	char input[64];
	struct json_out o;
	AUTO_BUF request;
	AUTO_BUF said;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	buf_init(&request);
	buf_init_max(&said, ANSWER_MAX);
	/* The helper's own standard input is the request. */
	if (str_format(input, sizeof(input), "/proc/%d/fd/0", (int)getpid()) < 0)
		return err_sys(err, "standard input");
	json_out_init(&o, &request, 0);
	json_begin_object(&o);
	json_kv_string(&o, "id", id);
	json_kv_string(&o, "dir", i->dir);
	json_kv_string(&o, "file", strcmp(i->o.import_path, "-") == 0 ? input : i->o.import_path);
	json_kv_string(&o, "bundle", i->bundle);
	json_kv_bool(&o, "ignoreRootfs", i->o.ignore_rootfs);
	put(&o, "store", getenv("SKERRY_STORE")); /* NOLINT(concurrency-mt-unsafe) */
	json_end_object(&o);
	if (ask("unpack", &request, NULL, &said, err) < 0)
		return -1;
	return json_decode(HELPER, said.s, said.len, &answer_table, &i->answer, &arena, err);
}

/* The images have done their work. */
static void restored(void *arg)
{
	const struct importing *i = arg;

	if (!i->o.lazy_pages)
		remove_temporary(i->dir);
}

static int find_bundle(struct importing *i, struct err *err)
{
	const char *bundle = i->create.bundle ? i->create.bundle : ".";

	if (mkdir(bundle, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "make the bundle \"%s\"", bundle);
	if (!realpath(bundle, i->bundle))
		return err_sys(err, "bundle \"%s\"", bundle);
	if (make_temporary(i->bundle, "import", i->dir, err) < 0)
		return -1;
	if (str_format(i->images, sizeof(i->images), "%s/" IMAGES, i->dir) < 0)
		return err_sys(err, "\"%s\"", i->dir);
	i->create.bundle = i->bundle;
	i->o.image_path = i->images;
	if (!i->o.work_path || !i->o.work_path[0])
		i->o.work_path = i->bundle;
	return 0;
}

/* What the archive brought about in the bundle; what is of the user stays. */
static void undo(const struct importing *i)
{
	char path[PATH_MAX];

	if (i->answer.made_config &&
	    str_format(path, sizeof(path), "%s/" STORE_CONFIG, i->bundle) == 0)
		(void)unlink(path);
	if (i->answer.made_rootfs && str_format(path, sizeof(path), "%s/rootfs", i->bundle) == 0)
		(void)file_remove_tree(AT_FDCWD, path);
}

int container_import(struct runtime *rt, const char *id, const struct skerry_create_options *create,
		     const struct skerry_checkpoint_options *o, struct err *err)
{
	struct importing i = { .o = *o, .create = *create };
	/* What the archive came from is nothing that the container could read. */
	AUTO_FD null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int stdio[3] = { strcmp(o->import_path, "-") == 0 ? null : STDIN_FILENO,
			       STDOUT_FILENO, STDERR_FILENO };
	struct clone_request request = { .twin = id,
					 .create = &i.create,
					 .o = &i.o,
					 .stdio = stdio,
					 .restored = restored,
					 .arg = &i };
	int rc;

	if (o->image_path && o->image_path[0])
		return err_set(err, EINVAL, "either an archive or --image-path");
	if (find_bundle(&i, err) < 0)
		return -1;
	rc = unpack(&i, id, err);
	if (rc == 0) {
		request.outer_network = i.answer.external_network;
		rc = container_restore_with(rt, &request, err);
		if (rc < 0)
			undo(&i);
	}
	remove_temporary(i.dir);
	return rc;
}
