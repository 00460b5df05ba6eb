/* SPDX-License-Identifier: Apache-2.0 */
/* source.c - the end that has the container
 *
 * The steps are a table; each may fail up to COMMIT, after which give_up() tells
 * the target, lets criu put the processes back, and says what runs where.
 */
#include "runtime/migrate/source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"

#define CONFIG_MAX    ((size_t)16 << 20)
#define PIDS_MAX      ((size_t)1 << 20)
#define DOUBT_WAIT_MS 1000
#define DOUBT_TRIES   15

static const struct bytes none = { NULL, 0 };

int lib_fail(const struct skerry_error *from, struct err *err)
{
	return err_set(err, from->code ? from->code : EIO, "%s", from->message);
}

/* --- what it is ------------------------------------------------------------------------------- */

int source_file(const struct source *s, const char *name, struct buf *out, struct err *err)
{
	char path[PATH_MAX];

	if (str_format(path, sizeof(path), "%s/%s/%s", s->root, s->id, name) < 0)
		return err_sys(err, "container \"%s\"", s->id);
	if (file_read(AT_FDCWD, path, out, CONFIG_MAX, true) < 0)
		return errno == ENOENT ? 1 : err_sys(err, "read \"%s\"", path);
	return 0;
}

static int find_container(struct source *s, struct err *err)
{
	struct skerry_options options = { .size = sizeof(options),
					  .root = s->o->root,
					  .rootless = -1 };
	struct skerry_error failed = { 0 };

	if (geteuid() != 0)
		return err_set(err, EPERM,
			       "criu dumps and restores for root only: an ordinary user's "
			       "container can't be migrated");
	s->skerry = skerry_open(&options, &failed);
	if (!s->skerry || skerry_state(s->skerry, s->id, &s->state, &failed) < 0)
		return lib_fail(&failed, err);
	if (s->state.status != SKERRY_RUNNING)
		return err_set(err, EINVAL,
			       "container \"%s\" is %s: only a running one can be migrated", s->id,
			       skerry_status_name(s->state.status));
	if (source_file(s, "config.json", &s->config_text, err) != 0)
		return err_set(err, ENOENT, "container \"%s\" has no configuration", s->id);
	if (config_parse(s->config_text.s, s->config_text.len, &s->arena, &s->config, err) < 0 ||
	    source_file(s, "network.json", &s->networks_text, err) < 0)
		return -1;
	if (!s->config.has_pidns)
		return err_set(
			err, ENOTSUP,
			"container \"%s\" has no process ids of its own (a namespace of type "
			"\"pid\"), which may be taken on the target",
			s->id);
	if (s->networks_text.len)
		return config_networks(s->networks_text.s, s->networks_text.len, &s->arena,
				       &s->networks, err);
	return 0;
}

static bool is_shared(const struct options *o, const char *path)
{
	for (size_t i = 0; i < o->shared.n; i++)
		if (strcmp(o->shared.v[i], path) == 0)
			return true;
	return false;
}

/* A folder, or a file by the folder that it is in. */
static int add_tree(struct source *s, struct tree_head head, const char *path, bool is_file,
		    struct err *err)
{
	struct source_tree *t = &s->trees[s->n_trees];
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	*t = (struct source_tree){ .head = head, .path = path, .top = -1 };
	tree_memory_init(&t->memory);
	s->n_trees++;
	if (is_file && slash)
		t->only = slash + 1;
	if (str_format(dir, sizeof(dir), "%.*s", t->only ? (int)(slash - path) : PATH_MAX - 1,
		       path) < 0)
		return err_sys(err, "\"%.200s\"", path);
	t->top = open(dir[0] ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->top < 0 ? err_sys(err, "open \"%s\"", dir) : 0;
}

/* Files of the runtime's own in the state directory are made anew. */
static bool is_state(const struct source *s, const char *path)
{
	return str_starts(path, s->root) && path[strlen(s->root)] == '/';
}

static int find_trees(struct source *s, struct err *err)
{
	struct volume *v = arena_array(&s->arena, s->config.volumes.n + 1, sizeof(*v));

	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	if (s->config.volumes.n > VOLUMES_MAX)
		return err_set(err, E2BIG, "more than %d volumes", VOLUMES_MAX);
	if (source_image_find(s, err) < 0 ||
	    add_tree(s, (struct tree_head){ TREE_ROOTFS, 0 },
		     s->offer.image ? s->image.upper : s->state.rootfs, false, err) < 0)
		return -1;
	s->offer.volumes.v = v;
	for (size_t i = 0; i < s->config.volumes.n; i++) {
		char *path = s->config.volumes.v[i];
		const size_t at = s->offer.volumes.n;
		struct stat st;

		if (is_state(s, path))
			continue;
		if (stat(path, &st) < 0)
			return err_sys(err, "volume \"%s\"", path);
		v[at] = (struct volume){ .path = path,
					 .shared = is_shared(s->o, path),
					 .is_file = !S_ISDIR(st.st_mode) };
		s->offer.volumes.n++;
		if (v[at].is_file && !v[at].shared && !S_ISREG(st.st_mode))
			return err_set(err, ENOTSUP,
				       "volume \"%s\" is neither a directory nor a plain file: "
				       "--shared=%s says that the target has it",
				       path, path);
		if (!v[at].shared && add_tree(s, (struct tree_head){ TREE_VOLUME, (uint32_t)at },
					      path, v[at].is_file, err) < 0)
			return -1;
	}
	return 0;
}

/* --- the two agree ---------------------------------------------------------------------------- */

static int connect_target(struct source *s, struct err *err)
{
	sigset_t signals;

	progress(s, "connect", "to %s", s->host);
	if (connect_to(s->o, s->host, &s->channel, &s->ssh, err) < 0)
		return -1;
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	s->channel.interrupt = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	s->channel.silence_ms = (int)s->o->timeout * 1000;
	if (hello_make(s->o, &s->arena, &s->ours, err) < 0 ||
	    channel_send_message(&s->channel, FRAME_HELLO, &s->ours, err) < 0)
		return -1;
	if (channel_expect(&s->channel, FRAME_HELLO, &s->theirs, &s->arena, err) == 0)
		return hello_check(&s->ours, &s->theirs, err);
	/* ssh's own words say more than the end of the connection. */
	if (s->ssh.pid > 0 && s->channel.ended) {
		struct err said = { 0 };

		channel_close(&s->channel);
		if (child_wait(&s->ssh, &said) < 0 && said.msg[0])
			return err_set(err, EHOSTUNREACH, "\"%s\": %s", s->host, said.msg);
	}
	return -1;
}

/* What its processes have in memory, each one's by itself: proc(5), "statm". */
static uint64_t memory_resident(int group)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char path[64], line[128], *save = NULL;
	uint64_t pages = 0;
	AUTO_BUF pids;

	buf_init_max(&pids, PIDS_MAX);
	if (file_read(group, "cgroup.procs", &pids, PIDS_MAX, false) < 0)
		return 0;
	for (char *pid = strtok_r(pids.s, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save)) {
		const char *resident;

		if (str_format(path, sizeof(path), "/proc/%s/statm", pid) < 0 ||
		    file_read_line(AT_FDCWD, path, line, sizeof(line)) < 0)
			continue;
		resident = strchr(line, ' ');
		pages += resident ? strtoull(resident, NULL, 10) : 0;
	}
	return pages * page;
}

/* Memory of the group; where nobody counts that, of the processes right in it. */
static uint64_t memory_used(struct source *s)
{
	char text[64];
	AUTO_FD group = skerry_cgroup_open(s->skerry, s->id, NULL);

	if (group < 0)
		return 0;
	if (file_read_line(group, "memory.current", text, sizeof(text)) < 0)
		return memory_resident(group);
	return strtoull(text, NULL, 10);
}

static int make_offer(struct source *s, struct err *err)
{
	static char empty[] = "";
	struct offer *o = &s->offer;

	o->uuid = s->journal.uuid;
	o->id = arena_strdup(&s->arena, s->id);
	o->bundle = s->o->bundle ? arena_strdup(&s->arena, s->o->bundle) : NULL;
	o->netns = s->o->netns ? arena_strdup(&s->arena, s->o->netns) : NULL;
	o->config = (struct wire_bytes){ s->config_text.s, s->config_text.len };
	o->networks = (struct wire_bytes){ s->networks_text.s, s->networks_text.len };
	o->address = s->o->address ? arena_strdup(&s->arena, s->o->address) : empty;
	o->memory = memory_used(s);
	o->dry_run = s->o->dry_run;
	o->lazy = s->o->lazy;
	for (size_t i = 0; i < s->n_trees; i++)
		if (!s->trees[i].only)
			o->disk += tree_size(s->trees[i].top);
	if (source_stdio_find(s, err) < 0)
		return -1;
	return o->id ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int agree(struct source *s, struct err *err)
{
	struct answer *a = &s->answer;
	AUTO_BUF text;

	buf_init(&text);
	if (make_offer(s, err) < 0 || (!s->o->dry_run && networks_prepare(s, err) < 0) ||
	    channel_send_message(&s->channel, FRAME_OFFER, &s->offer, err) < 0 ||
	    channel_expect(&s->channel, FRAME_ANSWER, a, &s->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < a->problems.n; i++)
		buf_printf(&text, "%s%s", i ? "; " : "", a->problems.v[i]);
	if (a->problems.n)
		return err_set(err, EINVAL, "%s can't take it: %.400s", s->host, text.s);
	progress(s, "agree", "the target can take %llu MiB of files and %llu MiB of memory",
		 (unsigned long long)(s->offer.disk >> 20),
		 (unsigned long long)(s->offer.memory >> 20));
	return 0;
}

/* --- while it runs ---------------------------------------------------------------------------- */

static int begin_journal(struct source *s, struct err *err)
{
	if (str_copy(s->journal.id, sizeof(s->journal.id), s->id) < 0 ||
	    str_copy(s->journal.host, sizeof(s->journal.host), s->host) < 0)
		return err_set(err, EINVAL, "container \"%.100s\": a name too long", s->id);
	s->journal.is_source = true;
	journal_sweep(s->root, NULL, NULL);
	return journal_begin(&s->journal, s->root, err);
}

static int send_trees(struct source *s, const struct inodes *changed, struct err *err)
{
	for (size_t i = 0; i < s->n_trees; i++) {
		struct source_tree *t = &s->trees[i];
		const struct tree_order order = { t->head, t->top, &t->memory, changed, t->only };

		if (tree_send(&s->channel, &order, &s->sent, err) < 0)
			return err_wrap(err, "\"%s\"", t->path);
	}
	return 0;
}

static int send_files(struct source *s, struct err *err)
{
	int64_t rate;

	if (s->o->bandwidth) {
		if (units_bytes(s->o->bandwidth, &rate) < 0 || rate <= 0)
			return err_set(err, EINVAL, "--bwlimit: \"%s\" is no number of bytes",
				       s->o->bandwidth);
		s->channel.rate = (uint64_t)rate;
	}
	fault_point("files");
	if (source_image_send(s, err) < 0 || send_trees(s, NULL, err) < 0 ||
	    source_stdio_send(s, err) < 0)
		return -1;
	progress(s, "files", "%llu files, %llu MiB", (unsigned long long)s->sent.files,
		 (unsigned long long)(s->sent.bytes >> 20));
	return 0;
}

/* --- while it stands still -------------------------------------------------------------------- */

/* Waits for the next step of criu's and takes its pages; what the target says meanwhile can only
 * be the end. */
static int next_step(struct source *s, struct child_step *ret, struct err *err)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = s->dump.notify, .events = POLLIN },
				       { .fd = s->pages.sock, .events = POLLIN } };
		int rc = child_step(&s->dump, ret);

		if (rc > 0)
			return page_server_serve(&s->pages, err);
		if (rc < 0)
			return child_wait(&s->dump, err) < 0
				       ? -1
				       : err_set(err, EIO, "the checkpoint ended too early");
		rc = channel_wait(&s->channel, p, 2, -1, err);
		if (rc != 0)
			return rc < 0 ? -1 : err_set(err, EBADMSG, "the target spoke out of turn");
		if (p[1].revents && page_server_serve(&s->pages, err) < 0)
			return -1;
	}
}

static int start_dump(struct source *s, struct err *err)
{
	char *images = arena_printf(&s->arena, "%s/" SOURCE_IMAGES, s->journal.folder);
	const char *words[] = { "checkpoint",
				"--notify-fd=3",
				"--tcp-established",
				"--tcp-skip-in-flight",
				"--image-path",
				images,
				"--page-server",
				NULL,
				s->id,
				NULL,
				NULL };
	struct child_start start = {
		.program = s->o->runtime, .in = -1, .out = -1, .notify = true
	};
	AUTO_FD theirs = -1;

	if (page_server_open(&s->pages, &s->memory, s->ours.criu, &theirs, err) < 0)
		return -1;
	words[7] = arena_printf(&s->arena, "fd:%d", theirs);
	start.keep = theirs;
	if (s->o->lazy || s->leaves_pages) {
		/* The pages are read here, and criu is asked for none: its page server ends with
		 * the socket. */
		words[8] = "--lazy-pages";
		words[9] = s->id;
		s->pages.sock = fd_close(s->pages.sock);
	}
	start.argv = images && words[7] ? skerry_words(s->o, words, &s->arena) : NULL;
	if (!start.argv)
		return err_set(err, ENOMEM, "out of memory");
	return child_start(&s->dump, &start, err);
}

static int freeze(struct source *s, struct err *err)
{
	const struct restore_order order = { .tcp_established = 1, .lazy = s->o->lazy };
	struct child_step step = { .name = "" };

	s->channel.rate = 0;
	if (channel_send_message(&s->channel, FRAME_PREPARE, &order, err) < 0 ||
	    channel_flush(&s->channel, err) < 0 || start_dump(s, err) < 0)
		return -1;
	while (strcmp(step.name, "post-dump") != 0) {
		if (next_step(s, &step, err) < 0)
			return -1;
		if (strcmp(step.name, "pre-dump") == 0) {
			progress(s, "stop", "the container stands still");
			s->frozen = clock_ms();
		}
		if (s->o->json)
			progress(s, "step", "%s", step.name);
		fault_point(step.name);
		/* From here on none of it runs, and criu hasn't looked at it yet. */
		if (strcmp(step.name, "network-lock") == 0 && source_pages_look(s, err) < 0)
			return -1;
		if (strcmp(step.name, "post-dump") != 0 && child_answer(&s->dump, "go", err) < 0)
			return -1;
	}
	s->dumped = clock_ms();
	/* criu closes its end before it says so. */
	if (s->pages.left || s->pages.len)
		return err_set(err, EPIPE, "criu's pages broke off");
	if (s->o->lazy)
		return source_feed_open(s, &s->feed, err);
	if (s->leaves_pages && source_pages_send(s, err) < 0)
		return -1;
	s->memory_bytes = s->memory.sent;
	s->last_bytes = s->pages.changed * FRAME_PAGE;
	progress(s, "memory", "%llu MiB: %llu KiB were looked at, and %llu MiB are sent",
		 (unsigned long long)(s->pages.pages * FRAME_PAGE >> 20),
		 (unsigned long long)(s->pages.read * FRAME_PAGE >> 10),
		 (unsigned long long)(s->last_bytes >> 20));
	return 0;
}

static int send_images(struct source *s, struct err *err)
{
	AUTO_FD images = openat(s->journal.work, SOURCE_IMAGES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct tree_order order = { { TREE_IMAGES, 0 }, images, NULL, NULL, NULL };
	struct tree_sent sent = { 0 };

	if (images < 0)
		return err_sys(err, "open the images");
	return tree_send(&s->channel, &order, &sent, err);
}

static int send_rest(struct source *s, struct err *err)
{
	if (send_trees(s, NULL, err) < 0 || source_stdio_send(s, err) < 0)
		return -1;
	fault_point("images");
	if (send_images(s, err) < 0)
		return -1;
	s->sent_all = clock_ms();
	return 0;
}

static int restore_there(struct source *s, struct err *err)
{
	const struct restore_order order = { .tcp_established = 1,
					     .pages = s->pages.pages,
					     .lazy = s->o->lazy };
	struct outcome ready;
	const struct feed_expect expect = { FRAME_READY, &ready, &s->arena };

	if (channel_send_message(&s->channel, FRAME_RESTORE, &order, err) < 0 ||
	    feed_expect(&s->feed, &s->channel, &expect, err) < 0)
		return -1;
	s->ready = clock_ms();
	if (ready.text)
		progress(s, "restore", "%s", ready.text);
	fault_point("ready");
	return 0;
}

/* --- the decision ----------------------------------------------------------------------------- */

/* Asks a new process on the target: 1 it runs there, 0 it never will, -1 no answer. */
static int ask_verdict(const struct options *o, const struct journal *j, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct hello ours, theirs;
	struct outcome verdict = { 0 }, question = { 0 };
	struct channel channel;
	struct child ssh;
	int rc = -1;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	question.text = arena_strdup(&arena, j->uuid);
	if (connect_to(o, j->host, &channel, &ssh, err) == 0 &&
	    hello_make(o, &arena, &ours, err) == 0 &&
	    channel_send_message(&channel, FRAME_HELLO, &ours, err) == 0 &&
	    channel_expect(&channel, FRAME_HELLO, &theirs, &arena, err) == 0 &&
	    channel_send_message(&channel, FRAME_STATUS, &question, err) == 0 &&
	    channel_expect(&channel, FRAME_VERDICT, &verdict, &arena, err) == 0)
		rc = verdict.code == 0 ? 1 : 0;
	if (rc >= 0 && channel_send(&channel, FRAME_DONE, none, none, NULL) == 0)
		(void)channel_flush(&channel, NULL);
	channel_close(&channel);
	child_end(&ssh);
	return rc;
}

/* COMMIT may have arrived or not. */
static int settle_doubt(struct source *s, struct err *err)
{
	struct err why = *err;

	channel_close(&s->channel);
	child_end(&s->ssh);
	progress(s, "doubt", "%s: asking the target again", why.msg);
	for (int i = 0; i < DOUBT_TRIES; i++) {
		int rc = ask_verdict(s->o, &s->journal, err);

		if (rc == 1) {
			s->running = true;
			return 0;
		}
		if (rc == 0) {
			s->committed = false;
			*err = why;
			return -1;
		}
		(void)usleep(DOUBT_WAIT_MS * 1000);
	}
	return -1;
}

static int commit(struct source *s, struct err *err)
{
	struct outcome running;
	const struct feed_expect expect = { FRAME_RUNNING, &running, &s->arena };

	if (journal_advance(&s->journal, JOURNAL_OPEN, JOURNAL_COMMITTING, err) < 0 ||
	    child_answer(&s->dump, "held", err) < 0)
		return -1;
	/* From here on only the target's word counts. */
	s->channel.interrupt = fd_close(s->channel.interrupt);
	s->committed = true;
	fault_point("committing");
	if (channel_send(&s->channel, FRAME_COMMIT, none, none, err) < 0 ||
	    channel_flush(&s->channel, err) < 0)
		return settle_doubt(s, err);
	fault_point("committed");
	if (feed_expect(&s->feed, &s->channel, &expect, err) < 0)
		return settle_doubt(s, err);
	s->running = true;
	return 0;
}

/* It runs there: packets that still come here are handed on. */
static int hand_over(struct source *s, struct err *err)
{
	(void)err; /* what fails is only told */
	s->thawed = clock_ms();
	fault_point("running");
	networks_cut(s);
	return 0;
}

/* With --lazy its memory follows.  Until all of it is there the end of either side takes it back
 * to here, to the moment at which it was stopped. */
static int feed_target(struct source *s, struct err *err)
{
	const struct feed_expect fetched = { FRAME_FETCHED, NULL, &s->arena };

	if (!s->feed.v || s->channel.ended)
		return 0;
	progress(s, "lazy", "it runs there, and its memory follows");
	fault_point("feeding");
	if (feed_expect(&s->feed, &s->channel, &fetched, err) < 0 && settle_doubt(s, err) < 0)
		return -1;
	s->memory_bytes = s->memory.sent;
	s->last_bytes = s->feed.changed * FRAME_PAGE;
	progress(s, "memory", "%llu MiB, of which %llu MiB were sent afterwards",
		 (unsigned long long)(s->feed.pages * FRAME_PAGE >> 20),
		 (unsigned long long)(s->feed.changed * FRAME_PAGE >> 20));
	return 0;
}

/* The copy here goes without a word to its peers: criu ends the processes with their sockets set
 * so. */
static int release(struct source *s, struct err *err)
{
	if (child_answer(&s->dump, "go", err) < 0 || child_wait(&s->dump, err) < 0) {
		/* It runs there: whatever is left here must not. */
		const char *words[] = { "delete", "--force", s->id, NULL };

		log_warning("the copy on this host: %s", err->msg);
		if (run_skerry(s->o, words, NULL, err) < 0)
			log_warning("delete container \"%s\": %s", s->id, err->msg);
	}
	networks_finish(s, true);
	if (!s->channel.ended && channel_send(&s->channel, FRAME_DONE, none, none, NULL) == 0)
		(void)channel_flush(&s->channel, NULL);
	journal_clean(&s->journal, true);
	progress_result(s);
	return 0;
}

/* --- in order --------------------------------------------------------------------------------- */

static const struct {
	const char *what;
	bool when_dry;
	int (*run)(struct source *s, struct err *err);
} steps[] = {
	{ "find the container", true, find_container },
	{ "find its files", true, find_trees },
	{ "connect", true, connect_target },
	{ "record", false, begin_journal },
	{ "agree", true, agree },
	{ "send files", false, send_files },
	{ "memory", false, memory_rounds },
	{ "freeze", false, freeze },
	{ "send the rest", false, send_rest },
	{ "restore there", false, restore_there },
	{ "commit", false, commit },
	{ "hand over", false, hand_over },
	{ "feed", false, feed_target },
	{ "release", false, release },
};

/* It was only paused when the checkpoint itself was killed. */
static const char *what_runs(struct source *s)
{
	const char *words[] = { "resume", s->id, NULL };
	enum skerry_status status;
	struct skerry_state state;

	if (skerry_state(s->skerry, s->id, &state, NULL) < 0)
		return "is gone";
	status = state.status;
	skerry_state_release(&state);
	if (status == SKERRY_PAUSED && run_skerry(s->o, words, NULL, NULL) == 0)
		status = SKERRY_RUNNING;
	return status == SKERRY_RUNNING ? "runs on here" : skerry_status_name(status);
}

static int give_up(struct source *s, struct err *err)
{
	const struct err why = *err;

	if (s->committed) {
		/* "held" without an answer: frozen. */
		s->dump.notify = fd_close(s->dump.notify);
		(void)child_wait(&s->dump, NULL);
		(void)err_set(err, why.code,
			      "nobody knows whether \"%s\" runs on %s (%.200s): it is paused here "
			      "until \"skerry migrate --resolve %s\" finds out",
			      s->id, s->host, why.msg, s->id);
		err->exit_code = MIGRATE_DOUBT;
		return -1;
	}
	if (!s->channel.ended)
		channel_abort(&s->channel, &why);
	if (s->dump.pid > 0) {
		(void)child_answer(&s->dump, "no", NULL);
		(void)child_wait(&s->dump, NULL);
	}
	networks_finish(s, false);
	journal_clean(&s->journal, true);
	if (s->skerry && s->state.id) {
		(void)err_set(err, why.code, "%.400s; \"%s\" %s", why.msg, s->id, what_runs(s));
		err->exit_code = MIGRATE_STAYED;
	}
	return -1;
}

int source_run(const struct options *o, const char *id, const char *host, struct err *err)
{
	struct source s = {
		.o = o,
		.id = id,
		.host = host,
		.channel = { .stream = { -1, -1, NULL }, .ended = true, .interrupt = -1 },
		.ssh = CHILD_INIT,
		.dump = CHILD_INIT,
		.stdio = { { .file = -1 }, { .file = -1 }, { .file = -1 } },
		.journal = JOURNAL_INIT,
		.hold = { .sock = -1 },
		.began = clock_ms()
	};
	int rc = 0;

	arena_init(&s.arena, ARENA_MAX_DEFAULT);
	buf_init_max(&s.config_text, CONFIG_MAX);
	buf_init_max(&s.networks_text, CONFIG_MAX);
	s.root = state_root(o, &s.arena);
	journal_new_uuid(s.journal.uuid);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(steps); i++)
		if (!o->dry_run || steps[i].when_dry)
			rc = steps[i].run(&s, err);
	if (rc < 0)
		rc = give_up(&s, err);
	for (size_t i = 0; i < s.n_trees; i++) {
		(void)fd_close(s.trees[i].top);
		tree_memory_release(&s.trees[i].memory);
	}
	source_stdio_close(&s);
	hold_close(&s.hold);
	channel_close(&s.channel);
	child_end(&s.ssh);
	child_end(&s.dump);
	page_server_close(&s.pages);
	feed_close(&s.feed);
	memory_release(&s.memory);
	journal_close(&s.journal);
	if (s.skerry) {
		skerry_state_release(&s.state);
		skerry_close(s.skerry);
	}
	buf_release(&s.config_text);
	buf_release(&s.networks_text);
	arena_release(&s.arena);
	return rc;
}

/* --- afterwards ------------------------------------------------------------------------------- */

/* It runs there: here it goes, and what its networks had here. */
static int settle_there(struct source *s, const char *host, struct err *err)
{
	const char *words[] = { "delete", "--force", s->id, NULL };
	int rc;

	log_warning("\"%s\" runs on %s: the copy here is removed", s->id, host);
	networks_cut(s);
	rc = run_skerry(s->o, words, NULL, err);
	networks_finish(s, true);
	return rc;
}

static void settle_here(struct source *s, const char *host)
{
	const char *words[] = { "resume", s->id, NULL };

	(void)run_skerry(s->o, words, NULL, NULL);
	networks_finish(s, false);
	log_warning("\"%s\" does not run on %s: it goes on here", s->id, host);
}

int source_resolve(const struct options *o, const char *id, struct err *err)
{
	struct source s = { .o = o, .id = id };
	struct journal j = JOURNAL_INIT;
	int rc;

	if (str_copy(j.id, sizeof(j.id), id) < 0)
		return err_set(err, EINVAL, "container \"%.100s\": a name too long", id);
	arena_init(&s.arena, ARENA_MAX_DEFAULT);
	s.root = state_root(o, &s.arena);
	rc = journal_find(&j, s.root, err);
	if (rc == 0)
		rc = err_set(err, ENOENT, "no migration of container \"%s\" is unsettled", id);
	if (rc > 0 && (journal_wait(&j, 0, err) < 0 || networks_find(&s, err) < 0))
		rc = -1;
	s.host = j.host;
	if (rc > 0)
		rc = j.state == JOURNAL_COMMITTING ? ask_verdict(o, &j, err) : 0;
	if (rc == 1)
		rc = settle_there(&s, j.host, err);
	else if (rc == 0)
		settle_here(&s, j.host);
	if (rc == 0)
		journal_clean(&j, true);
	journal_close(&j);
	arena_release(&s.arena);
	return rc;
}
