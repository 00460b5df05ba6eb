/* SPDX-License-Identifier: Apache-2.0 */
/* source_net.c - the container's networks on their way: `skerry net move` (cni/net/move.h has the order) */
#include <errno.h>
#include <string.h>

#include "runtime/migrate/source.h"

/* Once for each attachment; what it said into said. */
static int move(struct source *s, const char *verb, const char *network, struct buf *said,
		struct err *err)
{
	const char *words[] = { "net", "move", verb, NULL, NULL, NULL, NULL };
	char to[1100];
	size_t n = 3;

	if (strcmp(verb, "prepare") == 0) {
		const char *at = strrchr(s->host, '@');

		if (str_format(to, sizeof(to), "--to=%s",
			       s->o->address ? s->o->address
			       : at	     ? at + 1
					     : s->host) < 0)
			return err_sys(err, "address of \"%.100s\"", s->host);
		words[n++] = to;
	}
	words[n++] = network;
	words[n++] = s->id;
	return run_skerry(s->o, words, said, err);
}

int networks_prepare(struct source *s, struct err *err)
{
	struct ticket *v = arena_array(&s->arena, s->networks.n + 1, sizeof(*v));

	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	s->offer.tickets.v = v;
	for (size_t i = 0; i < s->networks.n; i++) {
		AUTO_BUF said;

		buf_init(&said);
		s->prepared = true;
		if (move(s, "prepare", s->networks.v[i], &said, err) < 0)
			return -1;
		v[i].network = s->networks.v[i];
		v[i].ifname = arena_printf(&s->arena, "eth%zu", i);
		v[i].text.v = arena_strndup(&s->arena, said.s, said.len);
		v[i].text.n = said.len;
		if (!v[i].ifname || !v[i].text.v)
			return err_set(err, ENOMEM, "out of memory");
		s->offer.tickets.n++;
	}
	return 0;
}

int networks_cut(struct source *s, struct err *err)
{
	for (size_t i = 0; i < s->networks.n; i++) {
		s->cut = true;
		if (move(s, "cutover", s->networks.v[i], NULL, err) < 0)
			return -1;
	}
	return 0;
}

void networks_finish(struct source *s, bool moved)
{
	for (size_t i = 0; s->prepared && i < s->networks.n; i++)
		(void)move(s, moved ? "finish" : "abort", s->networks.v[i], NULL, NULL);
	s->prepared = false;
}
