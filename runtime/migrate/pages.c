/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c - which contents of which pages the target has */
#include "runtime/migrate/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LANES	    ((size_t)4)
#define BLOCK	    (2 * LANES)
#define SLOTS_FIRST 256
#define GOLDEN	    0x9e3779b97f4a7c15U

void page_key_make(struct page_key *k)
{
	size_t done = 0;

	while (done < sizeof(k->word)) {
		ssize_t n = getrandom((char *)k->word + done, sizeof(k->word) - done, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* not since Linux 3.17 (getrandom(2)) */
		if (n > 0)
			done += (size_t)n;
	}
}

/* Two sums over the same words, the key of the second four words further (RFC 4418, 5.2.1); in
 * lanes that the compiler makes vectors of. */
struct page_digest page_digest(const struct page_key *k, const void *page)
{
	const uint32_t *m = page;
	uint64_t a[LANES] = { 0 }, b[LANES] = { 0 };

	for (size_t i = 0; i < PAGE_WORDS; i += BLOCK) {
		for (size_t j = 0; j < LANES; j++) {
			a[j] += (uint64_t)(m[i + j] + k->word[i + j]) *
				(m[i + j + LANES] + k->word[i + j + LANES]);
			b[j] += (uint64_t)(m[i + j] + k->word[i + j + LANES]) *
				(m[i + j + LANES] + k->word[i + j + BLOCK]);
		}
	}
	return (struct page_digest){ a[0] + a[1] + a[2] + a[3], b[0] + b[1] + b[2] + b[3] };
}

const struct page_digest page_digest_unknown = { UINT64_MAX, UINT64_MAX };

bool page_digest_equal(struct page_digest a, struct page_digest b)
{
	return a.a == b.a && a.b == b.b;
}

bool page_is_zero(const void *page)
{
	const uint64_t *m = page;
	uint64_t any = 0;

	for (size_t i = 0; i < FRAME_PAGE / sizeof(*m); i++)
		any |= m[i];
	return !any;
}

void page_map_release(struct page_map *m)
{
	free(m->slots);
	*m = (struct page_map){ 0 };
}

/* Its slot, or the free one where it would be. */
static struct page_slot *slot_of(const struct page_map *m, uint64_t page)
{
	size_t at = (size_t)((page * GOLDEN) >> 20) & (m->size - 1);

	while (m->slots[at].page && m->slots[at].page != page)
		at = (at + 1) & (m->size - 1);
	return &m->slots[at];
}

struct page_slot *page_map_find(const struct page_map *m, uint64_t address)
{
	struct page_slot *s = m->size ? slot_of(m, address / FRAME_PAGE + 1) : NULL;

	return s && s->page ? s : NULL;
}

static int grow(struct page_map *m)
{
	struct page_map bigger = { .n = m->n, .size = m->size ? m->size * 2 : SLOTS_FIRST };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -1;
	for (size_t i = 0; i < m->size; i++)
		if (m->slots[i].page)
			*slot_of(&bigger, m->slots[i].page) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

struct page_slot *page_map_put(struct page_map *m, uint64_t address, bool *ret_new)
{
	struct page_slot *s;

	if (m->n * 2 >= m->size && grow(m) < 0)
		return NULL;
	s = slot_of(m, address / FRAME_PAGE + 1);
	*ret_new = s->page == 0;
	if (*ret_new) {
		s->page = address / FRAME_PAGE + 1;
		m->n++;
	}
	return s;
}

struct page_task *page_tasks_get(struct page_tasks *t, uint64_t task)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].task == task)
			return &t->v[i];
	if (t->n == PAGE_TASKS_MAX)
		return NULL;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		struct page_task *v = realloc(t->v, cap * sizeof(*v));

		if (!v)
			return NULL;
		t->v = v;
		t->cap = cap;
	}
	t->v[t->n] = (struct page_task){ .task = task };
	return &t->v[t->n++];
}

void page_tasks_release(struct page_tasks *t)
{
	for (size_t i = 0; i < t->n; i++)
		page_map_release(&t->v[i].map);
	free(t->v);
	*t = (struct page_tasks){ 0 };
}
