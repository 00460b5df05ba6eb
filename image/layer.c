/* SPDX-License-Identifier: Apache-2.0 */
/* layer.c - a layer's stream in: the side that trusts itself
 *
 * Makes the unfinished layer in tmp/, starts the process that fills it
 * (unpack.c in jail.c), feeds that through a socket and, when it says that all
 * is well, renames the layer into place under the transaction's lease.  What it
 * says comes through shared memory and is looked at as any other untrusted
 * bytes; a layer it made can only ever be wrong about itself.
 */
#include "image/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "image/jail.h"
#include "image/store_internal.h"
#include "image/unpack.h"

#define SOCKET_BUFFER (1 << 20)
#define IMPORT_CHUNK  ((size_t)256 << 10)

struct layer_sink {
	struct txn *t;
	struct unpack_job job;
	struct unpack_shared *shared;
	char tmp[NAME_MAX + 1], tmp_blob[NAME_MAX + 1]; /* "": not there */
	uint64_t offset; /* where the stream is to begin */
	int sock; /* our end of the stream */
	int child_sock;
	int tree; /* directory form: the folder that holds tree/ and split */
	pid_t pid;
	int pidfd;
};

/* --- begin ------------------------------------------------------------------------- */

static int make_directory_layer(struct layer_sink *sink, struct err *err)
{
	const struct store *s = txn_store(sink->t);
	char random[17];

	store_random(random);
	if (str_format(sink->tmp, sizeof(sink->tmp), "%s-%s", txn_lease(sink->t), random) < 0 ||
	    mkdirat(s->folder[STORE_TMP], sink->tmp, 0711) < 0)
		return err_sys(err, "make a layer's folder");
	sink->tree = openat(s->folder[STORE_TMP], sink->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sink->tree < 0 || mkdirat(sink->tree, "tree", 0700) < 0)
		return err_sys(err, "make a layer's folder");
	sink->job.out = openat(sink->tree, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sink->job.split = openat(sink->tree, "split", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (sink->job.out < 0 || sink->job.split < 0)
		return err_sys(err, "make a layer's folder");
	return 0;
}

/* The file in which a broken attempt at this blob is taken up, or could be: 1, or 0 when there is
 * none to be had (somebody else is at it; it is no stream that can be taken up), or -1. */
static int open_partial(struct layer_sink *sink, struct err *err)
{
	const struct store *s = txn_store(sink->t);
	const struct layer_options *o = &sink->job.options;
	char name[NAME_MAX + 1];
	AUTO_FD fd = -1;
	struct stat st;

	if (!o->resume || !digest_is_set(&o->blob) || o->blob_size == 0 || o->keep_blob)
		return 0;
	(void)snprintf(name, sizeof(name), "partial-%.200s", digest_hex(&o->blob));
	fd = openat(s->folder[STORE_TMP], name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, "create \"%s/tmp/%s\"", s->path, name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 || st.st_nlink == 0)
		return 0;
	sink->offset = unpack_offset(fd, o);
	if (sink->offset == 0 && ftruncate(fd, 0) < 0)
		return err_sys(err, "empty \"%s/tmp/%s\"", s->path, name);
	(void)str_copy(sink->tmp, sizeof(sink->tmp), name); /* of the same size */
	sink->job.out = fd_take(&fd);
	sink->job.is_partial = true;
	return 1;
}

static int make_files(struct layer_sink *sink, struct err *err)
{
	struct store *s = txn_store(sink->t);

	sink->job.form = store_form(s);
	sink->job.userxattr = proc_is_mapped();
	if (sink->job.form == STORE_FORM_DIRECTORY) {
		if (make_directory_layer(sink, err) < 0)
			return -1;
	} else {
		int partial = open_partial(sink, err);

		if (partial == 0)
			sink->job.out = store_tmp_file(s, txn_lease(sink->t), sink->tmp, err);
		if (sink->job.out < 0)
			return -1;
	}
	if (sink->job.options.keep_blob) {
		sink->job.blob = store_tmp_file(s, txn_lease(sink->t), sink->tmp_blob, err);
		if (sink->job.blob < 0)
			return -1;
	}
	return 0;
}

static int make_channels(struct layer_sink *sink, struct err *err)
{
	int size = SOCKET_BUFFER, pair[2];
	void *shared = mmap(NULL, sizeof(*sink->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return err_sys(err, "memory of a layer");
	sink->shared = shared;
	if (sink->job.options.source)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "channel of a layer");
	sink->sock = pair[0];
	sink->child_sock = pair[1];
	/* larger only saves wake-ups */
	if (setsockopt(sink->sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(sink->sock, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

static void run_unpack(void *arg)
{
	struct layer_sink *sink = arg;

	sink->job.in = sink->job.options.source ? sink->job.options.source->fd : sink->child_sock;
	unpack_run(&sink->job, sink->shared);
}

static void refuse_unpack(void *arg, const struct err *err)
{
	struct layer_sink *sink = arg;

	sink->shared->err = *err;
}

static int start(struct layer_sink *sink, struct err *err)
{
	int fds[4];
	struct jail jail = { .title = "layer",
			     .root = -1,
			     .outlives = sink->job.is_partial,
			     .fds = fds,
			     .run = run_unpack,
			     .refuse = refuse_unpack,
			     .arg = sink };

	fds[jail.n_fds++] =
		sink->job.options.source ? sink->job.options.source->fd : sink->child_sock;
	fds[jail.n_fds++] = sink->job.out;
	if (sink->job.split >= 0)
		fds[jail.n_fds++] = sink->job.split;
	if (sink->job.blob >= 0)
		fds[jail.n_fds++] = sink->job.blob;
	jail.kind = sink->job.form == STORE_FORM_EROFS ? JAIL_STREAM : JAIL_TREE;
	if (jail.kind == JAIL_TREE)
		jail.root = sink->job.out;
	if (jail_start(&jail, &sink->pid, &sink->pidfd, err) < 0)
		return -1;
	sink->child_sock = fd_close(sink->child_sock);
	sink->job.options.source = NULL; /* the process has its own copy */
	return 0;
}

int layer_begin(struct txn *t, const struct layer_options *options, struct layer_sink **ret,
		struct err *err)
{
	struct layer_sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return err_sys(err, "layer");
	sink->t = t;
	sink->job = (struct unpack_job){
		.options = *options, .in = -1, .out = -1, .split = -1, .blob = -1
	};
	sink->sock = sink->child_sock = sink->tree = sink->pidfd = -1;
	sink->pid = -1;
	if (make_files(sink, err) < 0 || make_channels(sink, err) < 0 || start(sink, err) < 0) {
		layer_abort(sink, false);
		return -1;
	}
	*ret = sink;
	return 0;
}

/* --- the stream --------------------------------------------------------------------- */

uint64_t layer_offset(const struct layer_sink *sink)
{
	return sink->offset;
}

int layer_fd(const struct layer_sink *sink)
{
	return sink->sock >= 0 ? sink->sock : sink->pidfd;
}

uint64_t layer_progress(const struct layer_sink *sink)
{
	return atomic_load_explicit(&sink->shared->size, memory_order_relaxed);
}

/* The process has ended, or is about to: why it did not finish. */
static int reap(struct layer_sink *sink, struct err *err)
{
	struct err *said = &sink->shared->err;
	pid_t pid = sink->pid;
	int status = 0;

	sink->pid = -1;
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "wait for a layer's process");
	if (WIFSIGNALED(status)) {
		const char *name = signal_name(WTERMSIG(status));

		return err_set(err, EIO, "the layer's process was killed by %s",
			       name ? name : "a signal");
	}
	if (atomic_load(&sink->shared->done))
		return 0;
	said->msg[sizeof(said->msg) - 1] = '\0';
	if (said->msg[0] == '\0')
		return err_set(err, EIO, "the layer's process ended without a word");
	return err_set(err, said->code, "%s", said->msg);
}

ssize_t layer_write(struct layer_sink *sink, const void *data, size_t size, struct err *err)
{
	ssize_t n;

	do
		n = send(sink->sock, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN)
		return 0;
	if (errno != EPIPE && errno != ECONNRESET)
		return err_sys(err, "give bytes to a layer");
	if (reap(sink, err) < 0)
		return -1;
	return err_set(err, EIO, "the layer ended before its stream");
}

int layer_write_full(struct layer_sink *sink, const void *data, size_t size, struct err *err)
{
	const unsigned char *p = data;

	while (size > 0) {
		struct pollfd room = { .fd = sink->sock, .events = POLLOUT };
		ssize_t n = layer_write(sink, p, size, err);

		if (n < 0)
			return -1;
		p += n;
		size -= (size_t)n;
		if (n == 0 && poll(&room, 1, -1) < 0 && errno != EINTR)
			return err_sys(err, "give bytes to a layer");
	}
	return 0;
}

void layer_end(struct layer_sink *sink)
{
	sink->sock = fd_close(sink->sock);
}

/* --- the end ------------------------------------------------------------------------ */

static void free_sink(struct layer_sink *sink)
{
	(void)fd_close(sink->sock);
	(void)fd_close(sink->child_sock);
	(void)fd_close(sink->job.out);
	(void)fd_close(sink->job.split);
	(void)fd_close(sink->job.blob);
	(void)fd_close(sink->tree);
	(void)fd_close(sink->pidfd);
	if (sink->shared)
		(void)munmap(sink->shared, sizeof(*sink->shared));
	free(sink);
}

void layer_abort(struct layer_sink *sink, bool keep)
{
	const struct store *s;

	if (!sink)
		return;
	s = txn_store(sink->t);
	if (keep && sink->job.is_partial && sink->pid > 0) {
		/* it sees the end and leaves what it has */
		layer_end(sink);
		(void)reap(sink, NULL);
		sink->tmp[0] = '\0';
	}
	if (sink->pid > 0) {
		(void)proc_kill(sink->pid, SIGKILL);
		(void)reap(sink, NULL);
	}
	if (sink->tmp[0])
		(void)store_discard(s, STORE_TMP, sink->tmp, NULL);
	if (sink->tmp_blob[0])
		(void)store_discard(s, STORE_TMP, sink->tmp_blob, NULL);
	free_sink(sink);
}

/* What the process claims, as far as it can be claimed. */
static int take_result(const struct layer_sink *sink, struct layer_result *ret, struct err *err)
{
	struct layer_result said = sink->shared->result;
	const struct layer_options *o = &sink->job.options;

	said.blob.text[DIGEST_TEXT_MAX - 1] = said.diff_id.text[DIGEST_TEXT_MAX - 1] = '\0';
	*ret = said;
	if (digest_parse(said.blob.text, &ret->blob, err) < 0 ||
	    digest_parse(said.diff_id.text, &ret->diff_id, err) < 0)
		return err_wrap(err, "a layer's process said nonsense");
	if ((digest_is_set(&o->blob) && !digest_is_equal(&o->blob, &ret->blob)) ||
	    (digest_is_set(&o->diff_id) && !digest_is_equal(&o->diff_id, &ret->diff_id)))
		return err_set(err, EBADMSG, "a layer's process said nonsense");
	return 0;
}

static int publish(struct layer_sink *sink, struct layer_result *result, struct err *err)
{
	char name[STORE_LAYER_NAME_MAX];
	struct txn_publish layer = { .tmp = sink->tmp,
				     .final = name,
				     .kind = "layer",
				     .folder = STORE_LAYERS,
				     .digest = &result->diff_id };
	struct txn_publish blob = { .tmp = sink->tmp_blob,
				    .final = digest_hex(&result->blob),
				    .kind = "blob",
				    .folder = store_blob_folder(&result->blob),
				    .digest = &result->blob };
	int ret;

	if (sink->tmp_blob[0]) {
		if (txn_publish(sink->t, &blob, err) < 0)
			return -1;
		sink->tmp_blob[0] = '\0';
	}
	store_layer_name(&result->diff_id, sink->job.form, name);
	ret = txn_publish(sink->t, &layer, err);
	if (ret < 0)
		return -1;
	result->existed = ret == 1;
	sink->tmp[0] = '\0';
	txn_drop_claim(sink->t, &result->diff_id);
	return 0;
}

int layer_finish(struct layer_sink *sink, struct layer_result *ret, struct err *err)
{
	struct layer_result result;

	layer_end(sink);
	if (reap(sink, err) < 0 || take_result(sink, &result, err) < 0 ||
	    publish(sink, &result, err) < 0) {
		layer_abort(sink, false);
		return -1;
	}
	free_sink(sink);
	if (ret)
		*ret = result;
	return 0;
}

/* --- from a descriptor -------------------------------------------------------------- */

/* The rest of a plain file is read by the layer's process itself. */
static bool is_source(int fd, struct layer_source *ret)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (at < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= at)
		return false;
	*ret = (struct layer_source){ fd, (uint64_t)at, (uint64_t)(st.st_size - at) };
	return true;
}

static int copy_all(struct layer_sink *sink, int fd, struct err *err)
{
	AUTO_FREE unsigned char *chunk = malloc(IMPORT_CHUNK);
	uint64_t skip = sink->offset; /* it has these already */

	if (!chunk)
		return err_sys(err, "read a layer");
	for (;;) {
		ssize_t n = read(fd, chunk, IMPORT_CHUNK);
		size_t known;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read a layer");
		if (n == 0)
			return 0;
		known = skip < (uint64_t)n ? (size_t)skip : (size_t)n;
		skip -= known;
		if (layer_write_full(sink, chunk + known, (size_t)n - known, err) < 0)
			return -1;
	}
}

int layer_import(struct txn *t, const struct layer_options *options, int fd,
		 struct layer_result *ret, struct err *err)
{
	struct layer_options o = *options;
	struct layer_source source;
	struct layer_sink *sink;
	bool itself = !o.resume && is_source(fd, &source);

	if (itself)
		o.source = &source;
	if (layer_begin(t, &o, &sink, err) < 0)
		return -1;
	if (!itself && copy_all(sink, fd, err) < 0) {
		layer_abort(sink, false);
		return -1;
	}
	return layer_finish(sink, ret, err);
}
