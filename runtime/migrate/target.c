/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - the end that gets the container
 *
 * Frames come, one function each; RESTORE begins the restore, which is held
 * before its processes run until COMMIT came and is on record.  Whatever was
 * made is removed when it doesn't come to that.
 */
#include "runtime/migrate/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

#define BUNDLES	     "/var/lib/skerry/migrated"
#define IMAGES	     "images"
#define ERRORS	     "errors"
#define KEEP_MIN     ((uint64_t)64 << 20) /* below, reading it takes less than another program */
#define DONE_WAIT_MS 60000
#define VERDICT_MS   20000

/* --- what is made ----------------------------------------------------------------------------- */

static int make_dir_at(const char *path, struct err *err)
{
	int fd;

	if (file_make_dirs(path, 0755) < 0)
		return err_sys(err, "make \"%s\"", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open \"%s\"", path) : fd;
}

static int write_config(struct target *t, struct err *err)
{
	char self[PATH_MAX];
	const char *const unbundle[] = { t->image.program, "--store",	t->image.store,	 "unbundle",
					 "--hook",	   t->offer.id, t->image.marker, NULL };
	struct config_change change = { .rootfs = t->rootfs_path,
					.netns = t->offer.netns,
					.hook = self,
					.bundle = t->bundle,
					.unbundle = t->offer.image ? unbundle : NULL };
	AUTO_BUF out;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	buf_init(&out);
	if (n < 0)
		return err_sys(err, "this program's own path");
	self[n] = '\0';
	if (config_change(t->offer.config.v, t->offer.config.n, &change, &out, err) < 0)
		return -1;
	if (file_replace(t->bundle_fd, "config.json", out.s, out.len, 0600) < 0)
		return err_sys(err, "write \"%s/config.json\"", t->bundle);
	return 0;
}

/* The folder that it is, or that a file is in. */
static int make_volume(struct target *t, size_t i, struct err *err)
{
	const struct volume *v = &t->offer.volumes.v[i];
	const char *slash = strrchr(v->path, '/');
	char dir[PATH_MAX];

	if (v->shared)
		return 0;
	t->volumes[i].made = true;
	t->volumes[i].only = v->is_file ? slash + 1 : NULL;
	if (str_format(dir, sizeof(dir), "%.*s", v->is_file ? (int)(slash - v->path) : PATH_MAX - 1,
		       v->path) < 0)
		return err_sys(err, "volume \"%.200s\"", v->path);
	t->volumes[i].fd = make_dir_at(dir[0] ? dir : "/", err);
	return t->volumes[i].fd < 0 ? -1 : 0;
}

static int make_rootfs(struct target *t, struct err *err)
{
	if (t->offer.image)
		return target_image_is_whole(t) ? target_image_finish(t, err) : 1;
	if (str_format(t->rootfs_path, sizeof(t->rootfs_path), "%s/rootfs", t->bundle) < 0 ||
	    mkdirat(t->bundle_fd, "rootfs", 0755) < 0)
		return err_sys(err, "make a folder in \"%s\"", t->bundle);
	t->rootfs = openat(t->bundle_fd, "rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->rootfs < 0 ? err_sys(err, "open a folder of \"%s\"", t->bundle) : 0;
}

/* What is to be there once the root file system is: of an image when its layers came. */
static int make_config(struct target *t, struct err *err)
{
	const int rc = make_rootfs(t, err);

	return rc == 0 ? write_config(t, err) : rc < 0 ? -1 : 0;
}

static int make_places(struct target *t, struct err *err)
{
	t->bundle_made = true;
	t->bundle_fd = make_dir_at(t->bundle, err);
	if (t->bundle_fd < 0)
		return -1;
	if (mkdirat(t->journal.work, IMAGES, 0700) < 0)
		return err_sys(err, "make a folder in \"%s\"", t->journal.folder);
	t->images = openat(t->journal.work, IMAGES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->images < 0)
		return err_sys(err, "open a folder of \"%s\"", t->journal.folder);
	store_init(&t->store, t->images);
	for (size_t i = 0; i < t->offer.volumes.n; i++)
		if (make_volume(t, i, err) < 0)
			return -1;
	return make_config(t, err) < 0 ? -1 : target_networks_prepare(t, err);
}

/* Where the container was, nothing is left. */
static void undo(struct target *t)
{
	const char *words[] = { "delete", "--force", t->offer.id, NULL };

	/* A restore that was killed could not take its own back. */
	if (t->restoring)
		(void)run_skerry(t->o, words, NULL, NULL);
	target_networks(t, "abort");
	target_image_end(t);
	t->rootfs = fd_close(t->rootfs);
	t->upper = fd_close(t->upper);
	for (size_t i = 0; i < t->offer.volumes.n && i < TARGET_VOLUMES_MAX; i++) {
		t->volumes[i].fd = fd_close(t->volumes[i].fd);
		if (!t->volumes[i].made)
			continue;
		(void)file_remove_tree(AT_FDCWD, t->offer.volumes.v[i].path);
		if (t->volumes[i].was)
			(void)mkdir(t->offer.volumes.v[i].path, 0755);
	}
	if (t->bundle_made) {
		target_image_undo(t, t->bundle, t->offer.id);
		(void)file_remove_tree(AT_FDCWD, t->bundle);
	}
}

/* Of one that was killed before its copy counted. */
static void undo_dead(const struct journal *j, void *arg)
{
	struct target *t = arg;
	struct skerry_state state;
	char id[sizeof(j->id)];

	if (j->is_source || !j->bundle[0])
		return;
	if (skerry_state(t->skerry, j->id, &state, NULL) == 0) {
		const bool ours = str_eq(state.bundle, j->bundle);
		const char *words[] = { "delete", "--force", j->id, NULL };

		skerry_state_release(&state);
		if (!ours)
			return;
		(void)run_skerry(t->o, words, NULL, NULL);
	}
	if (str_copy(id, sizeof(id), j->id) == 0)
		target_networks_of(t, j->bundle, id, "abort");
	target_image_undo(t, j->bundle, j->id);
	(void)file_remove_tree(AT_FDCWD, j->bundle);
}

static int take_offer(struct target *t, const struct frame *f, struct err *err)
{
	char *body = arena_strndup(&t->arena, (const char *)f->body, f->size);
	const struct frame copy = { f->type, (unsigned char *)body, f->size };
	int rc;

	/* The frame's bytes don't last; the offer does. */
	if (!body)
		return err_set(err, ENOMEM, "out of memory");
	if (frame_decode(&copy, &t->offer, &t->arena, err) < 0)
		return -1;
	if (t->offer.volumes.n > TARGET_VOLUMES_MAX)
		return err_set(err, E2BIG, "more than %d volumes", TARGET_VOLUMES_MAX);
	for (size_t i = 0; i < t->offer.volumes.n; i++)
		t->volumes[i].fd = -1;
	rc = t->offer.bundle ? str_copy(t->bundle, sizeof(t->bundle), t->offer.bundle)
			     : str_format(t->bundle, sizeof(t->bundle), "%s/%s",
					  t->o->bundles ? t->o->bundles : BUNDLES, t->offer.id);
	if (rc < 0)
		return err_sys(err, "bundle");
	journal_sweep(t->root, undo_dead, t);
	t->answer.problems.v = arena_array(&t->arena, TARGET_PROBLEMS_MAX, sizeof(char *));
	if (!t->answer.problems.v)
		return err_set(err, ENOMEM, "out of memory");
	if (target_check(t, err) < 0)
		return -1;
	if (!t->answer.problems.n && !t->offer.dry_run) {
		if (str_copy(t->journal.uuid, sizeof(t->journal.uuid), t->offer.uuid) < 0 ||
		    str_copy(t->journal.id, sizeof(t->journal.id), t->offer.id) < 0 ||
		    str_copy(t->journal.bundle, sizeof(t->journal.bundle), t->bundle) < 0)
			return err_sys(err, "migration \"%s\"", t->offer.uuid);
		if (journal_begin(&t->journal, t->root, err) < 0 || make_places(t, err) < 0)
			return -1;
	}
	return channel_send_message(t->channel, FRAME_ANSWER, &t->answer, err);
}

/* --- files ------------------------------------------------------------------------------------ */

static int begin_tree(struct target *t, const struct frame *f, struct err *err)
{
	struct tree_head head;
	int top = t->rootfs;

	if (t->in_tree || t->stdio >= 0)
		return err_set(err, EBADMSG, "a tree within a tree");
	if (frame_decode(f, &head, &t->arena, err) < 0)
		return -1;
	if (head.kind == TREE_STDIO)
		return target_stdio_begin(t, head.index, err);
	if (head.kind == TREE_IMAGES)
		top = t->images;
	if (head.kind == TREE_VOLUME)
		top = head.index < t->offer.volumes.n ? t->volumes[head.index].fd : -1;
	if (top < 0)
		return err_set(err, EBADMSG, "a tree that was not offered");
	tree_receive_begin(&t->tree, top);
	if (head.kind == TREE_ROOTFS && t->upper >= 0)
		tree_receive_over(&t->tree, t->upper);
	if (head.kind == TREE_VOLUME)
		t->tree.only = t->volumes[head.index].only;
	t->in_tree = true;
	return 0;
}

static int acknowledge(struct target *t, struct err *err)
{
	const struct ack ack = { .bytes = t->channel->received };

	return channel_send_message(t->channel, FRAME_ACK, &ack, err);
}

static int take_layer(struct target *t, const struct frame *f, struct err *err)
{
	if (!t->image.store[0] || t->upper >= 0)
		return err_set(err, EBADMSG, "frame %s out of turn", frame_name(f->type));
	if (target_image_take(t, f, err) < 0)
		return -1;
	if (f->type != FRAME_LAYER_END || !target_image_is_whole(t))
		return 0;
	return make_config(t, err) < 0 ? -1 : acknowledge(t, err);
}

static int take_file(struct target *t, const struct frame *f, struct err *err)
{
	if (t->image.in_layer)
		return take_layer(t, f, err);
	if (t->stdio >= 0)
		return target_stdio_take(t, f, err);
	int rc = t->in_tree ? tree_receive(&t->tree, f, err)
			    : err_set(err, EBADMSG, "frame %s without a tree", frame_name(f->type));

	if (rc > 0) {
		tree_receive_end(&t->tree);
		t->in_tree = false;
	}
	return rc < 0 ? -1 : 0;
}

/* --- memory ----------------------------------------------------------------------------------- */

static int take_pages(struct target *t, const struct frame *f, struct err *err)
{
	struct page_run run;

	if (frame_decode_run(f, &run, err) < 0)
		return -1;
	return f->type == FRAME_RUN ? store_run(&t->store, &run, err)
				    : store_put(&t->store, &run, err);
}

/* The source learns how fast it goes, and that there was room. */
static int take_round(struct target *t, const struct frame *f, struct err *err)
{
	struct round_end r;

	return frame_decode(f, &r, &t->arena, err) < 0 ? -1 : acknowledge(t, err);
}

/* --- the processes ---------------------------------------------------------------------------- */

static int start_restore(struct target *t, const struct restore_order *order, struct err *err)
{
	char *images = arena_printf(&t->arena, "%s/" IMAGES, t->journal.folder);
	char *errors = arena_printf(&t->arena, "%s/" ERRORS, t->journal.folder);
	const char *words[18] = { "--log",   errors,	"--log-format=json",
				  "restore", "-d",	"--notify-fd=3",
				  "-b",	     t->bundle, "--image-path",
				  images };
	AUTO_FD in = target_stdio_open(t, 0, err);
	AUTO_FD out = target_stdio_open(t, 1, err);
	AUTO_FD errs = target_stdio_open(t, 2, err);
	struct child_start start = {
		.program = t->o->runtime,
		.in = in,
		.out = out,
		.err = errs,
		.notify = true,
		.keep = t->journal.lock,
	};
	size_t n = 10;

	if (in < 0 || out < 0 || errs < 0)
		return -1;
	if (order->tcp_established)
		words[n++] = "--tcp-established";
	if (order->lazy || t->keeps)
		words[n++] = "--lazy-pages";
	words[n++] = t->offer.id;
	start.argv = images && errors ? skerry_words(t->o, words, &t->arena) : NULL;
	if (!start.argv)
		return err_set(err, ENOMEM, "out of memory");
	t->restoring = true;
	return child_start(&t->restore, &start, err);
}

/* The one line of a JSON log (base/log.h). */
struct log_line {
	char *msg;
};
static const struct json_field log_fields[] = {
	JSON_FIELD(struct log_line, msg, JSON_STRING),
};
static const struct json_table log_table = JSON_TABLE(struct log_line, log_fields);

/* It failed; what it wrote into its log says why. */
static int restore_failed(struct target *t, struct err *err)
{
	struct log_line line = { NULL };
	AUTO_BUF text;

	buf_init(&text);
	if (child_wait(&t->restore, err) == 0)
		(void)err_set(err, EIO, "the restore ended too early");
	if (file_read(t->journal.work, ERRORS, &text, BUF_MAX_DEFAULT, true) < 0 ||
	    json_decode(ERRORS, text.s, text.len, &log_table, &line, &t->arena, NULL) < 0 ||
	    !line.msg)
		return -1;
	line.msg[strcspn(line.msg, "\n")] = '\0';
	return err_set(err, EIO, "%.450s", line.msg);
}

static int next_step(struct target *t, struct child_step *ret, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = t->restore.notify, .events = POLLIN };
		const struct lazy_wait w = { t->channel, &t->store, &p, 1 };
		int rc = child_step(&t->restore, ret);
		struct frame f;

		if (rc > 0)
			return 0;
		if (rc < 0)
			return restore_failed(t, err);
		rc = lazy_wait(&t->lazy, &w, &f, err);
		if (rc != 0)
			return rc < 0 ? -1 : err_set(err, EBADMSG, "the source spoke out of turn");
	}
}

/* `skerry restore` ends; until then criu may want pages. */
static int restored(struct target *t, struct err *err)
{
	struct pollfd p = { .fd = t->restore.pidfd, .events = POLLIN };
	const struct lazy_wait w = { t->channel, &t->store, &p, 1 };
	struct frame f;
	int rc = t->is_lazy ? lazy_wait(&t->lazy, &w, &f, err) : 0;

	if (rc != 0)
		return rc < 0 ? -1 : err_set(err, EBADMSG, "the source spoke out of turn");
	return child_wait(&t->restore, err);
}

/* The source's decision. */
static int wait_for_commit(struct target *t, struct err *err)
{
	const struct lazy_wait w = { t->channel, &t->store, NULL, 0 };
	struct frame f;
	int rc = t->is_lazy ? lazy_wait(&t->lazy, &w, &f, err)
			    : channel_receive(t->channel, &f, err);

	if (rc < 0)
		return -1;
	/* criu may have got all it wanted already. */
	if (t->is_lazy && rc == 0 && channel_receive(t->channel, &f, err) < 0)
		return -1;
	return f.type == FRAME_COMMIT
		       ? 0
		       : err_set(err, EBADMSG, "frame %s in place of COMMIT", frame_name(f.type));
}

static int say_running(struct target *t, struct err *err)
{
	const struct outcome running = { 0 };

	t->running = true;
	fault_point("t-running");
	if (channel_send_message(t->channel, FRAME_RUNNING, &running, err) < 0)
		return -1;
	return channel_flush(t->channel, err);
}

/* It runs, and its memory follows; it counts once all of it is there. */
static int pull(struct target *t, struct err *err)
{
	const struct lazy_wait w = { t->channel, &t->store, NULL, 0 };
	const struct bytes none = { NULL, 0 };

	if (say_running(t, err) < 0)
		return -1;
	t->running = false;
	fault_point("t-pulling");
	if (lazy_finish(&t->lazy, &w, err) < 0 ||
	    journal_advance(&t->journal, JOURNAL_PULLING, JOURNAL_RUNNING, err) < 0)
		return -1;
	t->running = t->committed = true;
	lazy_release(&t->lazy);
	fault_point("t-pulled");
	if (channel_send(t->channel, FRAME_FETCHED, none, none, err) < 0)
		return -1;
	return channel_flush(t->channel, err);
}

/* The point after which there is no way back. */
static int commit(struct target *t, pid_t init, struct err *err)
{
	const enum journal_state next = t->is_lazy ? JOURNAL_PULLING : JOURNAL_COMMITTED;

	fault_point("t-ready");
	if (wait_for_commit(t, err) < 0 ||
	    journal_advance(&t->journal, JOURNAL_READY, next, err) < 0)
		return -1;
	/* As long as memory is missing here, the source's copy is the one that can go on. */
	t->committed = !t->is_lazy;
	fault_point("t-committed");
	if (t->keeps && keeper_let_go(&t->keeper, init, err) < 0)
		return -1;
	target_networks(t, "cutover");
	if (child_answer(&t->restore, "go", err) < 0 || restored(t, err) < 0)
		return -1;
	if (t->is_lazy)
		return pull(t, err);
	if (journal_advance(&t->journal, JOURNAL_COMMITTED, JOURNAL_RUNNING, err) < 0)
		return -1;
	return say_running(t, err);
}

/* What the restore reads before the images are there. */
static int put_networks(struct target *t, struct err *err)
{
	const struct wire_bytes *n = &t->offer.networks;

	if (n->n && file_replace(t->images, "network.json", n->v, n->n, 0600) < 0)
		return err_sys(err, "write \"network.json\"");
	return 0;
}

/* The restore starts, up to where it needs the images. */
static int take_prepare(struct target *t, const struct frame *f, struct err *err)
{
	struct restore_order order;

	if (t->in_tree || t->restoring || t->rootfs < 0 ||
	    frame_decode(f, &order, &t->arena, err) < 0)
		return err_set(err, EBADMSG, "PREPARE out of turn");
	t->keeps = !order.lazy && t->offer.memory >= KEEP_MIN && !lazy_obstacle();
	t->store.lazy = t->keeps;
	return put_networks(t, err) < 0 ? -1 : start_restore(t, &order, err);
}

static int start_lazy(struct target *t, struct err *err)
{
	const char *images = arena_printf(&t->arena, "%s/" IMAGES, t->journal.folder);

	if (!images)
		return err_set(err, ENOMEM, "out of memory");
	t->is_lazy = true;
	if (lazy_start(&t->lazy, t->o, images, t->hello.criu, err) < 0)
		return -1;
	return lazy_guard(&t->lazy, t->o, t->offer.id, err);
}

/* All of its memory is here. */
static int start_keeper(struct target *t, struct err *err)
{
	const struct keeper_order order = {
		.options = t->o,
		.id = t->offer.id,
		.images = arena_printf(&t->arena, "%s/" IMAGES, t->journal.folder),
		.criu = t->hello.criu,
		.store = &t->store,
	};

	if (!order.images)
		return err_set(err, ENOMEM, "out of memory");
	return keeper_start(&t->keeper, &order, err);
}

static int take_restore(struct target *t, const struct frame *f, struct err *err)
{
	const int64_t began = clock_ms();
	struct child_step step = { .name = "" };
	struct outcome ready = { 0 };
	struct restore_order order;
	AUTO_BUF took;

	buf_init(&took);
	if (t->in_tree || !t->restoring || frame_decode(f, &order, &t->arena, err) < 0)
		return err_set(err, EBADMSG, "RESTORE out of turn");
	if (order.pages != t->store.pages)
		return err_set(err, EBADMSG, "%llu pages came in place of %llu",
			       (unsigned long long)t->store.pages, (unsigned long long)order.pages);
	/* With --lazy criu's images are whole, and what the rounds brought is asked for later. */
	if (!order.lazy && store_finish(&t->store, err) < 0)
		return -1;
	fault_point("t-restore");
	if ((order.lazy && start_lazy(t, err) < 0) || (t->keeps && start_keeper(t, err) < 0))
		return -1;
	do {
		if (step.name[0] && child_answer(&t->restore, "go", err) < 0)
			return -1;
		if (next_step(t, &step, err) < 0)
			return -1;
		buf_printf(&took, "%s%s at %lld ms", took.len ? ", " : "", step.name,
			   (long long)(clock_ms() - began));
	} while (strcmp(step.name, "post-restore") != 0);
	if (t->keeps)
		buf_printf(&took, "; memory is put in while it runs");
	if (!buf_failed(&took))
		ready.text = took.s;
	ready.pid = step.pid;
	if (journal_advance(&t->journal, JOURNAL_OPEN, JOURNAL_READY, err) < 0 ||
	    channel_send_message(t->channel, FRAME_READY, &ready, err) < 0)
		return -1;
	return commit(t, step.pid, err);
}

/* The source's thanks: it knows, and the record has no reader any more. */
static void wait_for_done(struct target *t)
{
	struct frame f;
	const bool heard = channel_wait(t->channel, NULL, 0, DONE_WAIT_MS, NULL) == 1 &&
			   channel_take(t->channel, &f, NULL) == 0 && f.type == FRAME_DONE;

	target_networks(t, "finish");
	journal_clean(&t->journal, heard);
}

/* --- a question ------------------------------------------------------------------------------- */

static bool does_run(struct target *t, const char *id)
{
	struct skerry_state state;
	bool runs;

	if (skerry_state(t->skerry, id, &state, NULL) < 0)
		return false;
	runs = state.status == SKERRY_RUNNING || state.status == SKERRY_PAUSED;
	skerry_state_release(&state);
	return runs;
}

/* 1: its copy counts; 0: it never will; -1. */
static int verdict(struct target *t, struct journal *j, struct err *err)
{
	int rc = journal_find(j, t->root, err);

	if (rc <= 0)
		return rc;
	if (j->state == JOURNAL_OPEN || j->state == JOURNAL_READY) {
		if (journal_advance(j, j->state, JOURNAL_ABORTED, err) == 0)
			return 0;
		err_clear(err);
	}
	/* Whoever works on it either gets it to run or takes it back. */
	if (j->state != JOURNAL_ABORTED && journal_wait(j, VERDICT_MS, err) < 0)
		return -1;
	if (j->state == JOURNAL_RUNNING)
		return 1;
	if (j->state == JOURNAL_PULLING) {
		/* It may run still, without all of its memory. */
		undo_dead(j, t);
		return journal_advance(j, JOURNAL_PULLING, JOURNAL_ABORTED, err) < 0 ? -1 : 0;
	}
	if (j->state != JOURNAL_COMMITTED)
		return 0;
	if (does_run(t, j->id))
		return journal_advance(j, JOURNAL_COMMITTED, JOURNAL_RUNNING, err) < 0 ? -1 : 1;
	return journal_advance(j, JOURNAL_COMMITTED, JOURNAL_ABORTED, err) < 0 ? -1 : 0;
}

/* The record has done its work once the source knows; what was killed before its copy counted is
 * removed. */
static void forget(struct target *t, struct journal *j, bool runs)
{
	struct frame f;
	const bool heard = channel_flush(t->channel, NULL) == 0 &&
			   channel_wait(t->channel, NULL, 0, VERDICT_MS, NULL) == 1 &&
			   channel_take(t->channel, &f, NULL) == 0 && f.type == FRAME_DONE;

	if (!runs && journal_wait(j, VERDICT_MS, NULL) == 0)
		undo_dead(j, t);
	/* What it may not have come to any more. */
	if (runs && journal_wait(j, VERDICT_MS, NULL) == 0) {
		target_networks_of(t, j->bundle, j->id, "cutover");
		target_networks_of(t, j->bundle, j->id, "finish");
	}
	if (heard)
		journal_clean(j, true);
}

static int answer_status(struct target *t, const struct frame *f, struct err *err)
{
	static char runs[] = "it runs here", never[] = "it does not run here and will not";
	struct journal j = JOURNAL_INIT;
	struct outcome o;
	int rc;

	if (frame_decode(f, &o, &t->arena, err) < 0 || str_copy(j.uuid, sizeof(j.uuid), o.text) < 0)
		return -1;
	rc = verdict(t, &j, err);
	if (rc >= 0) {
		const bool there = rc > 0;

		o = (struct outcome){ .text = there ? runs : never, .code = there ? 0 : ECANCELED };
		rc = channel_send_message(t->channel, FRAME_VERDICT, &o, err);
		if (rc == 0 && j.dir >= 0)
			forget(t, &j, there);
	}
	journal_close(&j);
	return rc < 0 ? -1 : 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static const struct {
	enum frame_type type;
	bool when_open; /* only once an offer was taken */
	int (*run)(struct target *t, const struct frame *f, struct err *err);
} takers[] = {
	{ FRAME_OFFER, false, take_offer },    { FRAME_STATUS, false, answer_status },
	{ FRAME_TREE, true, begin_tree },      { FRAME_ENTRY, true, take_file },
	{ FRAME_DATA, true, take_file },       { FRAME_REMOVE, true, take_file },
	{ FRAME_TREE_END, true, take_file },   { FRAME_PAGES, true, take_pages },
	{ FRAME_RUN, true, take_pages },       { FRAME_ROUND, true, take_round },
	{ FRAME_LAYER, true, take_layer },     { FRAME_LAYER_END, true, take_layer },
	{ FRAME_PREPARE, true, take_prepare }, { FRAME_RESTORE, true, take_restore },
};

static int take_frame(struct target *t, const struct frame *f, struct err *err)
{
	const bool open = t->journal.work >= 0;

	for (size_t i = 0; i < ARRAY_SIZE(takers); i++)
		if (takers[i].type == f->type && takers[i].when_open == open)
			return takers[i].run(t, f, err);
	return err_set(err, EBADMSG, "frame %s out of turn", frame_name(f->type));
}

static int greet(struct target *t, struct err *err)
{
	struct hello theirs;
	struct skerry_options options = { .size = sizeof(options),
					  .root = t->o->root,
					  .rootless = -1 };
	struct skerry_error failed = { 0 };

	if (channel_expect(t->channel, FRAME_HELLO, &theirs, &t->arena, err) < 0 ||
	    hello_make(t->o, &t->arena, &t->hello, err) < 0)
		return -1;
	t->skerry = skerry_open(&options, &failed);
	if (!t->skerry)
		return err_set(err, failed.code, "%s", failed.message);
	return channel_send_message(t->channel, FRAME_HELLO, &t->hello, err);
}

static void give_up(struct target *t, const struct err *why)
{
	if (t->restore.pid > 0) {
		(void)child_answer(&t->restore, "no", NULL);
		(void)child_wait(&t->restore, NULL);
	}
	if (!t->channel->ended)
		channel_abort(t->channel, why);
	if (t->journal.work < 0)
		return;
	if (t->committed && does_run(t, t->offer.id))
		return; /* the record has it */
	(void)journal_advance(&t->journal, t->journal.state, JOURNAL_ABORTED, NULL);
	undo(t);
	journal_clean(&t->journal, !t->committed);
}

int target_run(const struct options *o, struct channel *channel, struct err *err)
{
	struct target t = { .o = o,
			    .channel = channel,
			    .restore = CHILD_INIT,
			    .lazy = LAZY_INIT,
			    .keeper = KEEPER_INIT,
			    .journal = JOURNAL_INIT,
			    .bundle_fd = -1,
			    .rootfs = -1,
			    .upper = -1,
			    .stdio = -1,
			    .image = { .child = CHILD_INIT, .in = -1, .out = -1 },
			    .images = -1 };
	struct frame f;
	int rc;

	arena_init(&t.arena, ARENA_MAX_DEFAULT);
	buf_init_max(&t.image.said, TARGET_SAID_MAX);
	t.root = state_root(o, &t.arena);
	channel->silence_ms = (int)o->timeout * 1000;
	rc = greet(&t, err);
	while (rc == 0 && !t.running) {
		rc = channel_receive(channel, &f, err);
		/* Between requests the end of the connection is just that. */
		if (rc < 0 && channel->ended && t.journal.work < 0) {
			err_clear(err);
			break;
		}
		if (rc == 0)
			rc = take_frame(&t, &f, err);
	}
	if (rc == 0 && t.running)
		wait_for_done(&t);
	if (rc < 0)
		give_up(&t, err);
	if (t.in_tree)
		tree_receive_end(&t.tree);
	store_release(&t.store);
	lazy_end(&t.lazy);
	keeper_end(&t.keeper);
	child_end(&t.restore);
	for (size_t i = 0; i < t.offer.volumes.n && i < TARGET_VOLUMES_MAX; i++)
		(void)fd_close(t.volumes[i].fd);
	target_image_end(&t);
	buf_release(&t.image.said);
	(void)fd_close(t.rootfs);
	(void)fd_close(t.stdio);
	(void)fd_close(t.upper);
	(void)fd_close(t.images);
	(void)fd_close(t.bundle_fd);
	journal_close(&t.journal);
	if (t.skerry)
		skerry_close(t.skerry);
	arena_release(&t.arena);
	return rc;
}

/* The poststop hook of a container that was moved here. */
int target_remove_bundle(const char *path, struct err *err)
{
	if (path[0] != '/' || !path[1])
		return err_set(err, EINVAL, "\"%s\" is no bundle", path);
	return file_remove_tree(AT_FDCWD, path) < 0 ? err_sys(err, "remove \"%s\"", path) : 0;
}
