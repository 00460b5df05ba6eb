/* SPDX-License-Identifier: Apache-2.0 */
/* lazy_target.c - criu's lazy pages, out of the channel and out of what the rounds brought
 *
 * criu-lazy-pages: userfaultfd(2) handler of all processes; its page server's
 * protocol is that of page_server.c, with GET answered by ADD and the pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/migrate/lazy.h"

#define QUEUE_MAX 65536
#define FDS_MAX	  2
#define UFFD_SEEN "/proc/sys/vm/unprivileged_userfaultfd" /* with CONFIG_USERFAULTFD only */
#define LOG_FILE  "lazy.log"

const char *lazy_obstacle(void)
{
	AUTO_FD fd = -1;

	if (access(UFFD_SEEN, F_OK) < 0)
		return "its kernel has no userfaultfd(2)";
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? "userfaultfd(2) is not allowed there" : NULL;
}

/* --- criu's part ------------------------------------------------------------------------- */

/* One byte on its --status-fd, when it listens for the restore. */
static int wait_ready(struct lazy *l, struct err *err)
{
	struct pollfd p = { .fd = l->daemon.notify, .events = POLLIN };
	char byte;
	ssize_t n;

	do {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return err_sys(err, "poll");
		n = recv(l->daemon.notify, &byte, 1, 0);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n == 1)
		return 0;
	if (child_wait(&l->daemon, err) == 0)
		return err_set(err, EIO, "criu lazy-pages ended too early");
	return err_wrap(err, "criu lazy-pages");
}

int lazy_start(struct lazy *l, const struct options *o, const char *images, uint32_t criu,
	       struct err *err)
{
	char program[PATH_MAX], path[PATH_MAX], number[16];
	char name[] = "criu", verb[] = "lazy-pages", dir[] = "--images-dir", work[] = "--work-dir",
	     server[] = "--page-server", sock[] = "--ps-socket", status[] = "--status-fd",
	     three[] = "3", log[] = "-o", log_name[] = LOG_FILE, level[] = "-v4";
	AUTO_FD theirs = -1;
	char *argv[] = { name,	 verb, dir,	 path,	work,	path,  server, sock,
			 number, log,  log_name, level, status, three, NULL };
	struct child_start start = {
		.program = program, .argv = argv, .in = -1, .out = -1, .notify = true
	};

	l->head = page_server_head(criu);
	if (str_copy(path, sizeof(path), images) < 0 ||
	    str_copy(program, sizeof(program), criu_program(o)) < 0)
		return err_sys(err, "images \"%.200s\"", images);
	if (page_server_pair(&l->sock, &theirs, err) < 0)
		return -1;
	if (str_format(number, sizeof(number), "%d", theirs) < 0)
		return err_sys(err, "descriptor %d", theirs);
	start.keep = theirs;
	if (child_start(&l->daemon, &start, err) < 0)
		return -1;
	theirs = fd_close(theirs);
	return wait_ready(l, err);
}

void lazy_release(struct lazy *l)
{
	(void)fd_write_full(l->guard, "", 1);
}

void lazy_end(struct lazy *l)
{
	l->guard = fd_close(l->guard);
	while (l->guardian > 0 && waitpid(l->guardian, NULL, 0) < 0 && errno == EINTR)
		;
	/* It is of no use any more: all is there, or nothing is left that could miss it. */
	if (l->daemon.pid > 0)
		(void)proc_kill(l->daemon.pid, SIGKILL);
	l->sock = fd_close(l->sock);
	child_end(&l->daemon);
	free(l->queue);
	l->queue = NULL;
	l->n = l->cap = 0;
}

/* --- requests ------------------------------------------------------------------------------ */

static int put_request(struct lazy *l, const struct fetch *f, struct err *err)
{
	if (l->n == QUEUE_MAX)
		return err_set(err, EBADMSG, "criu asks for too much at once");
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		struct fetch *v = realloc(l->queue, cap * sizeof(*v));

		if (!v)
			return err_set(err, ENOMEM, "out of memory");
		l->queue = v;
		l->cap = cap;
	}
	l->queue[l->n++] = *f;
	return 0;
}

static int give(const struct lazy *l, const void *data, size_t size, struct err *err)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = send(l->sock, (const char *)data + done, size - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "hand pages to criu");
		done += (size_t)n;
	}
	return 0;
}

/* Those that came in a round. */
static int give_kept(const struct lazy *l, struct store *store, const struct page_run *run,
		     struct err *err)
{
	unsigned char chunk[STORE_PAGES * FRAME_PAGE];

	for (uint64_t i = 0, n; i < run->count; i += n) {
		const struct store_where where = { run->task, run->address + i * FRAME_PAGE,
						   run->count - i };

		if (store_get(store, &where, chunk, &n, err) < 0 ||
		    give(l, chunk, n * FRAME_PAGE, err) < 0)
			return -1;
	}
	return 0;
}

/* What was asked for is in the store. */
static int give_at_once(const struct lazy *l, const struct page_request *r, struct err *err)
{
	const struct page_run run = { .task = PAGE_TASK(PAGE_TASK_PROCESS, r->task),
				      .address = r->address,
				      .count = r->pages };
	unsigned char head[PAGE_HEAD_MAX];

	page_answer_format(r, l->head, head);
	return give(l, head, l->head, err) < 0 ? -1 : give_kept(l, l->store, &run, err);
}

static int take_request(struct lazy *l, struct channel *c, struct err *err)
{
	const int32_t zero = 0;
	struct page_request r;
	struct fetch f;

	if (page_request_parse(l->input, l->head, &r, err) < 0)
		return -1;
	if (r.command == PAGE_CLOSE || r.command == PAGE_FORCE_CLOSE)
		return fd_send(l->sock, &zero, sizeof(zero), NULL, 0) < 0
			       ? err_sys(err, "answer criu about its pages")
			       : 0;
	if (r.command != PAGE_GET || r.pages > FRAME_FETCH_MAX)
		return err_set(err, EBADMSG, "criu lazy-pages asks for %u", r.command);
	if (l->store)
		return give_at_once(l, &r, err);
	/* The number of the process, as it is. */
	f = (struct fetch){ r.task, r.address, r.pages };
	if (put_request(l, &f, err) < 0)
		return -1;
	f.task = PAGE_TASK(PAGE_TASK_PROCESS, r.task);
	return channel_send_message(c, FRAME_FETCH, &f, err);
}

int lazy_serve(struct lazy *l, struct channel *c, struct err *err)
{
	for (;;) {
		ssize_t n = recv(l->sock, l->input + l->len, l->head - l->len, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return err_sys(err, "criu's requests");
		if (n < 0)
			return c ? channel_flush(c, err) : 0;
		if (n == 0) {
			l->sock = fd_close(l->sock);
			return 0;
		}
		l->len += (size_t)n;
		if (l->len < l->head)
			continue;
		l->len = 0;
		if (take_request(l, c, err) < 0)
			return -1;
	}
}

/* --- answers --------------------------------------------------------------------------------- */

static int take_answer(struct lazy *l, struct store *store, const struct frame *f, struct err *err)
{
	struct fetch *want = l->queue;
	unsigned char head[PAGE_HEAD_MAX];
	struct page_run run;

	if (frame_decode_run(f, &run, err) < 0)
		return -1;
	if (!l->n || run.task != PAGE_TASK(PAGE_TASK_PROCESS, want->task) ||
	    run.address != want->address || run.count > want->count)
		return err_set(err, EBADMSG, "pages that were not asked for");
	if (!l->partial) {
		const struct page_request r = { .pages = want->count,
						.address = want->address,
						.task = want->task };

		page_answer_format(&r, l->head, head);
		if (give(l, head, l->head, err) < 0)
			return -1;
	}
	if (run.data ? give(l, run.data, run.count * FRAME_PAGE, err) < 0
		     : give_kept(l, store, &run, err) < 0)
		return -1;
	l->pages += run.count;
	want->address += run.count * FRAME_PAGE;
	want->count -= run.count;
	l->partial = want->count > 0;
	if (!l->partial)
		memmove(l->queue, l->queue + 1, --l->n * sizeof(*l->queue));
	return 0;
}

/* One wait: 1 a frame for the caller, 2 something for it among its own, 0 neither. */
static int wait_once(struct lazy *l, const struct lazy_wait *w, struct frame *ret, struct err *err)
{
	struct pollfd p[FDS_MAX + 1];
	int rc;

	for (size_t i = 0; i < w->n; i++)
		p[i] = w->fds[i];
	p[w->n] = (struct pollfd){ .fd = l->sock, .events = POLLIN };
	rc = channel_wait(w->channel, p, w->n + 1, -1, err);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		if (channel_take(w->channel, ret, err) < 0)
			return -1;
		return l->sock < 0 || ret->type != FRAME_RUN ? 1
							     : take_answer(l, w->store, ret, err);
	}
	if (l->sock >= 0 && p[w->n].revents && lazy_serve(l, w->channel, err) < 0)
		return -1;
	for (size_t i = 0; i < w->n; i++) {
		w->fds[i].revents = p[i].revents;
		if (p[i].revents)
			rc = 2;
	}
	return rc;
}

int lazy_wait(struct lazy *l, const struct lazy_wait *w, struct frame *ret, struct err *err)
{
	int rc = 0;

	if (w->n > FDS_MAX)
		return err_set(err, EINVAL, "too many descriptors to wait for");
	/* criu's end is an event as well, of who waits for nothing else. */
	do
		rc = wait_once(l, w, ret, err);
	while (rc == 0 && (l->sock >= 0 || w->n));
	return rc == 2 ? 0 : rc;
}

int lazy_finish(struct lazy *l, const struct lazy_wait *w, struct err *err)
{
	struct frame f;

	while (l->sock >= 0) {
		int rc = lazy_wait(l, w, &f, err);

		if (rc < 0)
			return -1;
		if (rc > 0)
			return err_set(err, EBADMSG, "frame %s in place of pages",
				       frame_name(f.type));
	}
	return child_wait(&l->daemon, err) < 0 ? err_wrap(err, "criu lazy-pages") : 0;
}
