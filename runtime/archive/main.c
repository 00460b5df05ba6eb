/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - skerry-archive: what the runtime has done about checkpoint archives
 *
 * A program of its own, so that what starts containers links no compression.
 * One word says what to do, standard input has the request.
 *
 *   changes   dir gets rootfs-diff.tar and deleted.files
 *   pack      dir gets the documents, then becomes the file
 *   image     dir gets the documents, then becomes an image in the store
 *   unpack    the file becomes a bundle
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "runtime/archive/archive.h"

#define REQUEST_MAX ((size_t)1 << 20)

static int open_dir(const struct request *r, struct err *err)
{
	int fd;

	if (!r->dir || !r->file || !r->rootfs || !r->config)
		return err_set(err, EINVAL, "request: dir, file, rootfs and config are wanted");
	fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open \"%s\"", r->dir) : fd;
}

static int run_changes(const struct request *r, struct err *err)
{
	AUTO_FD dir = open_dir(r, err);

	return dir < 0 ? -1 : changes_write(r, dir, err);
}

static int run_pack(const struct request *r, struct err *err)
{
	AUTO_FD dir = open_dir(r, err);

	if (dir < 0 || documents_write(r, dir, err) < 0)
		return -1;
	return pack_write(r, dir, err);
}

static int run_image(const struct request *r, struct err *err)
{
	AUTO_FD dir = open_dir(r, err);

	if (dir < 0 || documents_write(r, dir, err) < 0)
		return -1;
	return pack_image(r, dir, err);
}

static int run_unpack(const struct request *r, struct err *err)
{
	AUTO_BUF out;

	buf_init(&out);
	if (!r->dir || !r->file || !r->bundle)
		return err_set(err, EINVAL, "request: dir, file and bundle are wanted");
	if (import_bundle(r, &out, err) < 0)
		return -1;
	return fd_write_full(STDOUT_FILENO, out.s, out.len) < 0 ? err_sys(err, "answer") : 0;
}

static const struct {
	const char *name;
	int (*run)(const struct request *r, struct err *err);
} verbs[] = {
	{ "changes", run_changes },
	{ "pack", run_pack },
	{ "image", run_image },
	{ "unpack", run_unpack },
};

static int run(const char *verb, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct request r;
	ssize_t n;
	AUTO_BUF text;

	arena_init(&arena, ARCHIVE_ARENA_MAX);
	buf_init_max(&text, REQUEST_MAX);
	if (buf_reserve(&text, REQUEST_MAX - 1) < 0)
		return err_sys(err, "read the request");
	n = fd_read_full(STDIN_FILENO, text.s, REQUEST_MAX - 1);
	if (n < 0)
		return err_sys(err, "read the request");
	text.len = (size_t)n;
	text.s[n] = '\0';
	if (request_parse(text.s, text.len, &r, &arena, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].name, verb) == 0)
			return verbs[i].run(&r, err);
	return err_set(err, EINVAL, "no such verb \"%s\"", verb);
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	if (fd_ensure_stdio() < 0)
		return 1;
	proc_title_init(argc, argv);
	if (log_open(NULL, LOG_TEXT, LOG_WARNING, &err) == 0 && argc == 2 &&
	    run(argv[1], &err) == 0)
		return 0;
	if (!err.code)
		(void)err_set(&err, EINVAL, "usage: skerry-archive VERB, as the runtime calls it");
	log_error(&err);
	return 1;
}
