/* SPDX-License-Identifier: Apache-2.0 */
/* source_image.c - layers of the container's image, out of this host's store
 *
 * A container of `run --image` has its root file system at containers/ID/merged of
 * the store that the marker of its id names, and what it changed in upper/ beside
 * it.  `skerry-image offer` tells of the image, `skerry-image layer` gives the layers;
 * what they say is passed on and only the digests are read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/libexec.h"
#include "base/log.h"
#include "runtime/migrate/source.h"

#define PROGRAM	  "skerry-image"
#define MARKERS	  ".images"
#define OFFER_MAX ((size_t)768 << 10) /* one frame has to hold it */

struct layer {
	char *diff_id;
};
static const struct json_field layer_fields[] = {
	JSON_FIELD_AS("diffID", struct layer, diff_id, JSON_STRING, .required = true),
};
static const struct json_table layer_table = JSON_TABLE(struct layer, layer_fields);
struct record {
	struct {
		struct layer *v;
		size_t n;
	} layers;
};
static const struct json_field record_fields[] = {
	JSON_FIELD(struct record, layers, JSON_OBJECTS, .sub = &layer_table),
};
static const struct json_table record_table = JSON_TABLE(struct record, record_fields);
struct document {
	struct record *record;
};
static const struct json_field document_fields[] = {
	JSON_FIELD(struct document, record, JSON_OBJECT, .sub = &record_table, .required = true),
};
static const struct json_table document_table = JSON_TABLE(struct document, document_fields);

/* 1: its root file system is one of a store's. */
static int find_store(struct source *s, struct err *err)
{
	struct source_image *i = &s->image;
	char path[PATH_MAX];
	AUTO_BUF text;

	buf_init(&text);
	if (str_format(path, sizeof(path), "%s/" MARKERS "/%s", s->root, s->id) < 0)
		return err_sys(err, "container \"%s\"", s->id);
	if (file_read(AT_FDCWD, path, &text, PATH_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read \"%s\"", path);
	if (str_copy(i->store, sizeof(i->store), text.s) < 0 ||
	    str_format(i->upper, sizeof(i->upper), "%s/containers/%s/upper", i->store, s->id) < 0 ||
	    str_format(path, sizeof(path), "%s/containers/%s/merged", i->store, s->id) < 0)
		return err_sys(err, "store of container \"%s\"", s->id);
	return strcmp(path, s->state.rootfs) == 0;
}

static int run_image(struct source *s, const char *verb, const char *argument,
		     struct child_start *start, struct err *err)
{
	char **argv = arena_array(&s->arena, 6, sizeof(*argv)), path[PATH_MAX];

	if (libexec_need("images need", PROGRAM, path, err) < 0)
		return -1;
	if (!argv)
		return err_set(err, ENOMEM, "out of memory");
	argv[0] = arena_strdup(&s->arena, path);
	argv[1] = arena_strdup(&s->arena, "--store");
	argv[2] = s->image.store;
	argv[3] = arena_strdup(&s->arena, verb);
	argv[4] = arena_strdup(&s->arena, argument);
	if (!argv[0] || !argv[1] || !argv[3] || !argv[4])
		return err_set(err, ENOMEM, "out of memory");
	*start = (struct child_start){ .program = argv[0], .argv = argv, .in = -1, .out = -1 };
	return 0;
}

static int take_layers(struct source *s, struct err *err)
{
	struct strings *layers = &s->image.layers;
	struct document d;

	if (json_decode("offer", s->offer.image, strlen(s->offer.image), &document_table, &d,
			&s->arena, err) < 0)
		return -1;
	layers->v = arena_array(&s->arena, d.record->layers.n + 1, sizeof(*layers->v));
	if (!layers->v)
		return err_set(err, ENOMEM, "out of memory");
	layers->n = d.record->layers.n;
	for (size_t i = 0; i < layers->n; i++)
		layers->v[i] = d.record->layers.v[i].diff_id;
	return 0;
}

int source_image_find(struct source *s, struct err *err)
{
	struct child_start start;
	struct err why = { 0 };
	AUTO_BUF said;
	int rc = s->o->flat ? 0 : find_store(s, err);

	buf_init_max(&said, OFFER_MAX);
	if (rc <= 0)
		return rc;
	if (run_image(s, "offer", s->id, &start, err) < 0)
		return -1;
	/* What has no layers goes as a whole. */
	if (child_run(&start, &said, &why) < 0 || buf_failed(&said)) {
		log_debug("the image of \"%s\": %s", s->id, why.msg);
		return 0;
	}
	while (said.len && said.s[said.len - 1] == '\n')
		said.len--;
	s->offer.image = arena_strndup(&s->arena, said.s, said.len);
	if (!s->offer.image)
		return err_set(err, ENOMEM, "out of memory");
	return take_layers(s, err);
}

/* --- what the target lacks -------------------------------------------------------------------- */

static int send_tar(struct source *s, int from, uint64_t *bytes, struct err *err)
{
	AUTO_FREE char *chunk = malloc(FRAME_BULK);
	unsigned char head[FRAME_DATA_HEAD];
	uint64_t offset = 0;

	if (!chunk)
		return err_set(err, ENOMEM, "out of memory");
	for (;;) {
		ssize_t n = fd_read_full(from, chunk, FRAME_BULK);

		if (n <= 0) {
			*bytes += offset;
			return n < 0 ? err_sys(err, "read a layer") : 0;
		}
		frame_put_u64(head, offset);
		if (channel_send(&s->channel, FRAME_DATA, (struct bytes){ head, sizeof(head) },
				 (struct bytes){ chunk, (size_t)n }, err) < 0)
			return -1;
		offset += (uint64_t)n;
	}
}

static int send_layer(struct source *s, uint64_t index, uint64_t *bytes, struct err *err)
{
	const struct layer_head head = { .index = (uint32_t)index };
	struct child_start start;
	struct child child = CHILD_INIT;
	int ends[2], rc;

	if (index >= s->image.layers.n)
		return err_set(err, EBADMSG, "the target wants layer %llu of %zu",
			       (unsigned long long)index, s->image.layers.n);
	if (run_image(s, "layer", s->image.layers.v[index], &start, err) < 0 ||
	    channel_send_message(&s->channel, FRAME_LAYER, &head, err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	start.out = ends[1];
	rc = child_start(&child, &start, err);
	(void)fd_close(ends[1]);
	if (rc == 0)
		rc = send_tar(s, ends[0], bytes, err);
	(void)fd_close(ends[0]);
	if (rc == 0)
		rc = child_wait(&child, err);
	child_end(&child);
	if (rc < 0)
		return err_wrap(err, "layer \"%s\"", s->image.layers.v[index]);
	return channel_send(&s->channel, FRAME_LAYER_END, (struct bytes){ NULL, 0 },
			    (struct bytes){ NULL, 0 }, err);
}

int source_image_send(struct source *s, struct err *err)
{
	const struct wire_u64s *needs = &s->answer.needs;
	uint64_t bytes = 0;
	struct ack ack;

	if (!s->offer.image)
		return 0;
	for (size_t i = 0; i < needs->n; i++) {
		fault_point("layer");
		if (send_layer(s, needs->v[i], &bytes, err) < 0)
			return -1;
	}
	/* By then they are in the store. */
	if (needs->n && channel_expect(&s->channel, FRAME_ACK, &ack, &s->arena, err) < 0)
		return -1;
	progress(s, "layers", "%zu of %zu, %llu KiB; the target has the others", needs->n,
		 s->image.layers.n, (unsigned long long)(bytes >> 10));
	return 0;
}
