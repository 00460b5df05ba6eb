/* SPDX-License-Identifier: Apache-2.0 */
/* page_server.c - criu's page server as far as a dump uses it
 *
 * A request is { u32 command | flags << 16, pages, u64 address, u64 task }, with
 * pages a u32 before criu 4.2 and a u64 since; ADD with the flag "present" is
 * followed by that many pages.  OPEN is answered by a byte (no parent), PARENT
 * and CLOSE by an int.  (criu/page-xfer.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/migrate/memory.h"

#define INPUT	  ((size_t)1 << 20)
#define HEAD_OLD  24
#define HEAD_WIDE PAGE_HEAD_MAX
#define RUN_MAX	  (FRAME_BULK / FRAME_PAGE)
#define PAGES_MAX ((uint64_t)1 << 40)

static uint32_t get_u32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

size_t page_server_head(uint32_t criu)
{
	return criu < PAGE_SERVER_WIDE ? HEAD_OLD : HEAD_WIDE;
}

static void put_u32(unsigned char *dst, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		dst[i] = (unsigned char)(v >> (8 * i));
}

void page_answer_format(const struct page_request *r, size_t head, unsigned char *dst)
{
	memset(dst, 0, head);
	put_u32(dst, PAGE_ADD | PAGE_FLAG_PRESENT << 16);
	if (head == HEAD_OLD) {
		put_u32(dst + 4, (uint32_t)r->pages);
		frame_put_u64(dst + 8, r->address);
		frame_put_u64(dst + 16, r->task);
	} else {
		frame_put_u64(dst + 8, r->pages);
		frame_put_u64(dst + 16, r->address);
		frame_put_u64(dst + 24, r->task);
	}
}

int page_request_parse(const unsigned char *data, size_t head, struct page_request *ret,
		       struct err *err)
{
	const uint32_t word = get_u32(data);
	struct page_request r = { .command = word & 0xffff, .flags = word >> 16 };

	if (head == HEAD_OLD) {
		r.pages = get_u32(data + 4);
		r.address = frame_get_u64(data + 8);
		r.task = frame_get_u64(data + 16);
	} else {
		r.pages = frame_get_u64(data + 8);
		r.address = frame_get_u64(data + 16);
		r.task = frame_get_u64(data + 24);
	}
	switch (r.command) {
	case PAGE_OPEN:
	case PAGE_PARENT:
	case PAGE_CLOSE:
	case PAGE_FORCE_CLOSE:
		break;
	case PAGE_ADD:
	case PAGE_GET:
		if (r.pages == 0 || r.pages > PAGES_MAX || r.address % FRAME_PAGE ||
		    r.address > UINT64_MAX - r.pages * FRAME_PAGE)
			return err_set(err, EBADMSG, "criu sends %llu pages at %llx",
				       (unsigned long long)r.pages, (unsigned long long)r.address);
		break;
	default:
		return err_set(err, EBADMSG, "criu asks its page server for %u", r.command);
	}
	*ret = r;
	return 0;
}

/* TCP over the loopback: before 4.0 criu sets options that only TCP has.  The listening socket
 * is open for this one connection, which is checked to be ours.  An answer is a head and pages:
 * without TCP_NODELAY they wait 40 ms for the head's receipt. */
int page_server_pair(int *ret_ours, int *ret_theirs, struct err *err)
{
	AUTO_FD listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_FD theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_FD ours = -1;
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
			   name = { 0 }, peer = { 0 };
	const int on = 1;
	socklen_t len = sizeof(at), name_len = sizeof(name), peer_len = sizeof(peer);

	if (listener < 0 || theirs < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&at, &len) < 0 ||
	    connect(theirs, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    getsockname(theirs, (struct sockaddr *)&name, &name_len) < 0)
		return err_sys(err, "connection for criu's pages");
	ours = accept4(listener, (struct sockaddr *)&peer, &peer_len, SOCK_CLOEXEC);
	if (ours < 0 || setsockopt(ours, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return err_sys(err, "connection for criu's pages");
	if (peer.sin_port != name.sin_port || peer.sin_addr.s_addr != name.sin_addr.s_addr)
		return err_set(err, EPERM, "someone else has connected in place of criu");
	*ret_ours = fd_take(&ours);
	*ret_theirs = fd_take(&theirs);
	return 0;
}

int page_server_open(struct page_server *s, struct memory *m, uint32_t criu, int *ret_theirs,
		     struct err *err)
{
	*s = (struct page_server){ .memory = m, .sock = -1, .head = page_server_head(criu) };
	s->input = malloc(INPUT);
	if (!s->input)
		return err_set(err, ENOMEM, "out of memory");
	if (page_server_pair(&s->sock, ret_theirs, err) < 0)
		return -1;
	return fd_set_nonblock(s->sock, true) < 0 ? err_sys(err, "connection for criu's pages") : 0;
}

void page_server_close(struct page_server *s)
{
	s->sock = fd_close(s->sock);
	free(s->input);
	s->input = NULL;
}

/* --- pages to runs ------------------------------------------------------------------------- */

static int flush_run(struct page_server *s, struct err *err)
{
	unsigned char head[FRAME_RUN_HEAD];
	struct bytes data = { s->memory->buffer, s->run_changed ? s->run_count * FRAME_PAGE : 0 };

	if (!s->run_count)
		return 0;
	frame_put_u64(head, s->task);
	frame_put_u64(head + 8, s->run_address);
	frame_put_u64(head + 16, s->run_count | (uint64_t)s->flags << 48);
	s->pages += s->run_count;
	if (s->run_changed) {
		s->changed += s->run_count;
		s->memory->sent += data.n;
	}
	s->run_count = 0;
	return channel_send(s->memory->channel, FRAME_RUN, (struct bytes){ head, sizeof(head) },
			    data, err);
}

static int take_page(struct page_server *s, const unsigned char *page, struct err *err)
{
	struct page_task *task = page_tasks_get(&s->memory->tasks, s->task);
	struct page_slot *slot = task ? page_map_find(&task->map, s->address) : NULL;
	bool changed = true;

	if (!task)
		return err_set(err, ENOMEM, "out of memory");
	if (slot) {
		s->read++;
		changed = !page_digest_equal(slot->digest, page_digest(&s->memory->key, page));
	}
	if (s->run_count && (s->run_changed != changed || (changed && s->run_count == RUN_MAX)) &&
	    flush_run(s, err) < 0)
		return -1;
	if (!s->run_count) {
		s->run_address = s->address;
		s->run_changed = changed;
	}
	if (changed)
		memcpy(s->memory->buffer + s->run_count * FRAME_PAGE, page, FRAME_PAGE);
	s->run_count++;
	s->address += FRAME_PAGE;
	s->left--;
	return s->left ? 0 : flush_run(s, err);
}

static int answer(const struct page_server *s, const void *data, size_t size, struct err *err)
{
	return send(s->sock, data, size, MSG_NOSIGNAL) == (ssize_t)size
		       ? 0
		       : err_sys(err, "answer criu about its pages");
}

static int take_request(struct page_server *s, const struct page_request *r, struct err *err)
{
	const int32_t zero = 0;

	switch (r->command) {
	case PAGE_OPEN:
		return answer(s, &zero, 1, err);
	case PAGE_CLOSE:
	case PAGE_FORCE_CLOSE:
		s->closed = true;
		return answer(s, &zero, sizeof(zero), err);
	case PAGE_PARENT:
		return answer(s, &zero, sizeof(zero), err);
	case PAGE_GET:
		return err_set(err, EBADMSG, "criu asks for pages in place of sending them");
	default:
		break;
	}
	s->task = r->task;
	s->address = r->address;
	s->flags = r->flags;
	if (r->flags & PAGE_FLAG_PRESENT) {
		s->left = r->pages;
		return 0;
	}
	return err_set(err, EBADMSG, "criu refers to pages of an earlier dump");
}

/* What is whole of what has come. */
static int take_input(struct page_server *s, struct err *err)
{
	size_t at = 0;

	for (;;) {
		const size_t need = s->left ? FRAME_PAGE : s->head;
		struct page_request r;

		if (s->len - at < need)
			break;
		if (s->left) {
			if (take_page(s, s->input + at, err) < 0)
				return -1;
		} else if (page_request_parse(s->input + at, s->head, &r, err) < 0 ||
			   take_request(s, &r, err) < 0) {
			return -1;
		}
		at += need;
	}
	memmove(s->input, s->input + at, s->len - at);
	s->len -= at;
	return 0;
}

int page_server_serve(struct page_server *s, struct err *err)
{
	while (s->sock >= 0) {
		ssize_t n = recv(s->sock, s->input + s->len, INPUT - s->len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : err_sys(err, "criu's pages");
		if (n == 0) {
			s->sock = fd_close(s->sock);
			return s->len || s->left ? err_set(err, EPIPE, "criu's pages broke off")
						 : 0;
		}
		s->len += (size_t)n;
		if (take_input(s, err) < 0)
			return -1;
	}
	return 0;
}
