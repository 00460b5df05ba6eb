/* SPDX-License-Identifier: Apache-2.0 */
/* source_net.c - the container's networks on their way: `skerry net move` (cni/net/move.h) */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "runtime/migrate/source.h"

/* Once for each attachment; what it said into said. */
static int move(struct source *s, const char *verb, size_t i, struct buf *said, struct err *err)
{
	const struct ticket *t = &s->offer.tickets.v[i];
	const char *host = strrchr(s->host, '@'), *to = s->o->target_address;
	char ifname[64], other[1100], local[1100];
	const char *words[] = { "net", "move", verb, ifname, t->network, s->id, NULL, NULL, NULL };
	size_t n = 6;

	if (!to)
		to = host ? host + 1 : s->host;
	if (str_format(ifname, sizeof(ifname), "--ifname=%s", t->ifname) < 0 ||
	    str_format(other, sizeof(other), "--to=%s", to) < 0 ||
	    str_format(local, sizeof(local), "--local=%s", s->o->address ? s->o->address : "") < 0)
		return err_sys(err, "network \"%s\"", t->network);
	if (strcmp(verb, "prepare") == 0) {
		words[n++] = other;
		if (s->o->address)
			words[n++] = local;
	}
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
		v[i].network = s->networks.v[i];
		v[i].ifname = arena_printf(&s->arena, "eth%zu", i);
		if (!v[i].ifname)
			return err_set(err, ENOMEM, "out of memory");
		s->offer.tickets.n = i + 1;
		if (move(s, "prepare", i, &said, err) < 0)
			return -1;
		v[i].text.v = arena_strndup(&s->arena, said.s, said.len);
		v[i].text.n = said.len;
		if (!v[i].text.v)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

int networks_find(struct source *s, struct err *err)
{
	struct ticket *v;
	AUTO_BUF text;

	buf_init(&text);
	if (source_file(s, "network.json", &text, err) != 0)
		return 0;
	if (config_networks(text.s, text.len, &s->arena, &s->networks, err) < 0)
		return -1;
	v = arena_array(&s->arena, s->networks.n + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < s->networks.n; i++) {
		v[i].network = s->networks.v[i];
		v[i].ifname = arena_printf(&s->arena, "eth%zu", i);
		if (!v[i].ifname)
			return err_set(err, ENOMEM, "out of memory");
	}
	s->offer.tickets.v = v;
	s->offer.tickets.n = s->networks.n;
	s->prepared = s->networks.n > 0;
	return 0;
}

/* The target has them: what still comes here goes there. */
void networks_cut(struct source *s)
{
	struct err err = { 0 };

	for (size_t i = 0; i < s->offer.tickets.n; i++)
		if (move(s, "cutover", i, NULL, &err) < 0)
			log_warning("network \"%s\": %s", s->offer.tickets.v[i].network, err.msg);
}

void networks_finish(struct source *s, bool moved)
{
	for (size_t i = 0; s->prepared && i < s->offer.tickets.n; i++)
		(void)move(s, moved ? "finish" : "abort", i, NULL, NULL);
	s->prepared = false;
}
