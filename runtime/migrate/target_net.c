/* SPDX-License-Identifier: Apache-2.0 */
/* target_net.c - the container's networks on their way to here: `skerry net move` (cni/net/move.h has the order) */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "runtime/migrate/target.h"

void target_networks_check(struct target *t)
{
	for (size_t i = 0; i < t->offer.tickets.n; i++) {
		const char *words[] = { "net", "inspect", t->offer.tickets.v[i].network, NULL };

		if (run_skerry(t->o, words, NULL, NULL) < 0)
			complain(t, "network \"%s\" is not there (\"skerry net create\")",
				 t->offer.tickets.v[i].network);
	}
	if (t->offer.netns && access(t->offer.netns, F_OK) < 0)
		complain(t, "network namespace \"%s\" is not there", t->offer.netns);
}

#define OF_CONTAINER "container:"

int target_netns(struct target *t, struct err *err)
{
	const char *name = t->offer.netns;
	struct skerry_state state;

	if (!name || !str_starts(name, OF_CONTAINER))
		return 0;
	name += strlen(OF_CONTAINER);
	if (skerry_state(t->skerry, name, &state, NULL) < 0) {
		complain(t, "container \"%s\", whose network namespace it is to have, is not there",
			 name);
		t->offer.netns = NULL;
		return 0;
	}
	t->offer.netns = arena_printf(&t->arena, "/proc/%d/ns/net", (int)state.pid);
	skerry_state_release(&state);
	return t->offer.netns ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* A ticket names the source as the tunnel's other end. */
struct ticket_text {
	char *source;
};
static const struct json_field ticket_fields[] = {
	JSON_FIELD(struct ticket_text, source, JSON_STRING, .required = true),
};
static const struct json_table ticket_table = JSON_TABLE(struct ticket_text, ticket_fields);

static int move(struct target *t, const struct ticket *k, const char *verb, const char *from,
		int in, struct err *err)
{
	char ifname[300];
	const char *words[] = { "net", "move", verb, ifname, k->network, t->offer.id, from, NULL };

	if (str_format(ifname, sizeof(ifname), "--ifname=%s", k->ifname) < 0)
		return err_sys(err, "network \"%s\"", k->network);
	return run_skerry_with(t->o, words, in, err);
}

int target_networks_prepare(struct target *t, struct err *err)
{
	for (size_t i = 0; i < t->offer.tickets.n; i++) {
		const struct ticket *k = &t->offer.tickets.v[i];
		struct ticket_text text;
		char from[1100];
		AUTO_FD file = memfd_create("ticket", MFD_CLOEXEC);

		if (json_decode("ticket", k->text.v, k->text.n, &ticket_table, &text, &t->arena,
				err) < 0)
			return -1;
		if (str_format(from, sizeof(from), "--from=%s", text.source) < 0)
			return err_sys(err, "address \"%.100s\"", text.source);
		if (file < 0 || fd_write_full(file, k->text.v, k->text.n) < 0 ||
		    lseek(file, 0, SEEK_SET) < 0)
			return err_sys(err, "ticket of network \"%s\"", k->network);
		t->prepared = true;
		if (move(t, k, "prepare", from, file, err) < 0)
			return -1;
	}
	return 0;
}

void target_networks(struct target *t, const char *verb)
{
	for (size_t i = 0; t->prepared && i < t->offer.tickets.n; i++)
		(void)move(t, &t->offer.tickets.v[i], verb, NULL, -1, NULL);
}
