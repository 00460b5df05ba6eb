/* SPDX-License-Identifier: Apache-2.0 */
/* target_image.c - layers of the container's image, into this host's store
 *
 * `skerry-image receive` says which it lacks, takes them, verifies each by its
 * digest and in the end makes the root file system.  Only layers are passed on:
 * what a store is, that program knows.  The bundle's file `store` says from before
 * the root file system is made that there is one to be taken away.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/libexec.h"
#include "runtime/migrate/target.h"

#define PROGRAM "skerry-image"
#define MARKERS ".images"
#define STORE	"store"
#define MAKE_IT UINT32_MAX

struct reply {
	char *store, *rootfs;
	struct u32s needs;
	uint64_t bytes;
};
static const struct json_field reply_fields[] = {
	JSON_FIELD(struct reply, store, JSON_STRING),
	JSON_FIELD(struct reply, rootfs, JSON_STRING),
	JSON_FIELD(struct reply, needs, JSON_U32S),
	JSON_FIELD(struct reply, bytes, JSON_U64),
};
static const struct json_table reply_table = JSON_TABLE(struct reply, reply_fields);

static int failed(struct target_image *i, struct err *err)
{
	i->in = fd_close(i->in);
	i->out = fd_close(i->out);
	if (child_wait(&i->child, err) < 0)
		return -1;
	return err_set(err, EPIPE, "\"" PROGRAM "\" ended too early");
}

/* Its next line; meanwhile the source hears that we live. */
static int read_reply(struct target *t, struct reply *ret, struct err *err)
{
	struct target_image *i = &t->image;

	for (;;) {
		struct pollfd p = { .fd = i->out, .events = POLLIN };
		char *end = memchr(i->said.s, '\n', i->said.len), chunk[4096];
		ssize_t n;
		int rc;

		if (end) {
			rc = json_decode(PROGRAM, i->said.s, (size_t)(end - i->said.s),
					 &reply_table, ret, &t->arena, err);
			buf_clear(&i->said);
			return rc;
		}
		rc = channel_wait(t->channel, &p, 1, -1, err);
		if (rc != 0)
			return rc < 0 ? -1 : err_set(err, EBADMSG, "the source spoke out of turn");
		n = read(i->out, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(i, err);
		buf_add(&i->said, chunk, (size_t)n);
		if (buf_failed(&i->said))
			return err_set(err, E2BIG, "\"" PROGRAM "\" says too much");
	}
}

static int tell(struct target_image *i, const void *data, size_t size, struct err *err)
{
	return fd_write_full(i->in, data, size) < 0 ? failed(i, err) : 0;
}

static int start_program(struct target *t, struct err *err)
{
	struct target_image *i = &t->image;
	static char verb[] = "receive", option[] = "--marker";
	char *argv[] = { i->program, verb, option, i->marker, t->offer.id, NULL };
	struct child_start begin = { .program = i->program, .argv = argv };
	int in[2], out[2], rc;

	if (libexec_need("images need", PROGRAM, i->program, err) < 0)
		return -1;
	if (str_format(i->marker, sizeof(i->marker), "%s/" MARKERS "/%s", t->root, t->offer.id) < 0)
		return err_sys(err, "state directory \"%s\"", t->root);
	if (pipe2(in, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	i->in = in[1];
	begin.in = in[0];
	if (pipe2(out, O_CLOEXEC) < 0) {
		(void)fd_close(in[0]);
		return err_sys(err, "pipe");
	}
	i->out = out[0];
	begin.out = out[1];
	rc = child_start(&i->child, &begin, err);
	(void)fd_close(in[0]);
	(void)fd_close(out[1]);
	return rc;
}

static int ask(struct target *t, struct reply *ret, struct err *err)
{
	if (start_program(t, err) < 0 ||
	    tell(&t->image, t->offer.image, strlen(t->offer.image), err) < 0 ||
	    tell(&t->image, "\n", 1, err) < 0 || read_reply(t, ret, err) < 0)
		return -1;
	if (!ret->store || str_copy(t->image.store, sizeof(t->image.store), ret->store) < 0)
		return err_set(err, EBADMSG, "\"" PROGRAM "\" names no store");
	return 0;
}

int target_image_ask(struct target *t, struct err *err)
{
	struct wire_u64s *needs = &t->answer.needs;
	struct reply reply;
	struct err why = { 0 };

	if (ask(t, &reply, &why) < 0) {
		if (t->channel->ended)
			return err_set(err, why.code, "%s", why.msg);
		complain(t, "its image's layers can't be taken: %s", why.msg);
		return 0;
	}
	needs->v = arena_array(&t->arena, reply.needs.n + 1, sizeof(*needs->v));
	if (!needs->v)
		return err_set(err, ENOMEM, "out of memory");
	needs->n = reply.needs.n;
	for (size_t i = 0; i < reply.needs.n; i++)
		needs->v[i] = reply.needs.v[i];
	t->image.bytes = reply.bytes;
	return 0;
}

/* --- layers ---------------------------------------------------------------------------------- */

static int piece(struct target_image *i, const void *data, uint32_t size, struct err *err)
{
	const unsigned char word[] = { (unsigned char)size, (unsigned char)(size >> 8),
				       (unsigned char)(size >> 16), (unsigned char)(size >> 24) };

	if (tell(i, word, sizeof(word), err) < 0)
		return -1;
	return size && size != MAKE_IT ? tell(i, data, size, err) : 0;
}

static int begin_layer(struct target *t, const struct frame *f, struct err *err)
{
	const struct wire_u64s *needs = &t->answer.needs;
	struct layer_head head;

	if (frame_decode(f, &head, &t->arena, err) < 0)
		return -1;
	if (t->image.in_layer || t->image.got >= needs->n || head.index != needs->v[t->image.got])
		return err_set(err, EBADMSG, "layer %u is not the next", head.index);
	t->image.in_layer = true;
	return 0;
}

int target_image_take(struct target *t, const struct frame *f, struct err *err)
{
	struct target_image *i = &t->image;
	const unsigned char *data;
	uint64_t offset;
	size_t size;

	if (f->type == FRAME_LAYER)
		return begin_layer(t, f, err);
	if (!i->in_layer)
		return err_set(err, EBADMSG, "frame %s without a layer", frame_name(f->type));
	if (f->type == FRAME_LAYER_END) {
		i->in_layer = false;
		i->got++;
		return piece(i, NULL, 0, err);
	}
	if (frame_decode_data(f, &offset, &data, &size, err) < 0)
		return -1;
	return size ? piece(i, data, (uint32_t)size, err) : 0;
}

bool target_image_is_whole(const struct target *t)
{
	return t->image.store[0] && t->image.got == t->answer.needs.n;
}

static int open_rootfs(struct target *t, const struct reply *reply, struct err *err)
{
	char upper[PATH_MAX];
	const char *slash = strrchr(reply->rootfs, '/');

	if (!slash || str_copy(t->rootfs_path, sizeof(t->rootfs_path), reply->rootfs) < 0 ||
	    str_format(upper, sizeof(upper), "%.*s/upper", (int)(slash - reply->rootfs),
		       reply->rootfs) < 0)
		return err_set(err, EBADMSG, "root file system \"%.200s\"", reply->rootfs);
	t->rootfs = open(t->rootfs_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->rootfs < 0)
		return err_sys(err, "open \"%s\"", t->rootfs_path);
	t->upper = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->upper < 0 ? err_sys(err, "open \"%s\"", upper) : 0;
}

int target_image_finish(struct target *t, struct err *err)
{
	struct target_image *i = &t->image;
	struct reply reply = { .store = NULL };

	if (file_replace(t->bundle_fd, STORE, i->store, strlen(i->store), 0600) < 0)
		return err_sys(err, "write \"%s/" STORE "\"", t->bundle);
	if (piece(i, NULL, MAKE_IT, err) < 0 || read_reply(t, &reply, err) < 0) {
		/* It has ended: nothing of ours is in the store. */
		if (i->in < 0)
			(void)unlinkat(t->bundle_fd, STORE, 0);
		return -1;
	}
	i->in = fd_close(i->in);
	if (child_wait(&i->child, err) < 0)
		return -1;
	if (!reply.rootfs)
		return err_set(err, EBADMSG, "\"" PROGRAM "\" names no root file system");
	return open_rootfs(t, &reply, err);
}

void target_image_end(struct target *t)
{
	struct target_image *i = &t->image;

	i->in = fd_close(i->in);
	i->out = fd_close(i->out);
	child_end(&i->child);
}

void target_image_undo(const struct target *t, const char *bundle, const char *id)
{
	char path[PATH_MAX], program[PATH_MAX], marker[PATH_MAX];
	static char option[] = "--store", verb[] = "unbundle";
	char *argv[] = { program, option, NULL, verb, NULL, marker, NULL };
	const struct child_start start = { .program = program, .argv = argv, .in = -1, .out = -1 };
	CLEANUP(arena_release) struct arena arena;
	AUTO_BUF store;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	buf_init(&store);
	if (str_format(path, sizeof(path), "%s/" STORE, bundle) < 0 ||
	    str_format(marker, sizeof(marker), "%s/" MARKERS "/%s", t->root, id) < 0 ||
	    file_read(AT_FDCWD, path, &store, PATH_MAX, true) < 0 ||
	    libexec_find(PROGRAM, program) < 0)
		return;
	argv[2] = store.s;
	argv[4] = arena_strdup(&arena, id);
	if (argv[4])
		(void)child_run(&start, NULL, NULL);
}
