/* SPDX-License-Identifier: Apache-2.0 */
/* target_net.c - the container's networks on their way here: `skerry net move` (cni/net/move.h) */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
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

static int move(struct target *t, const struct ticket *k, char *id, const char *verb,
		const char *from, int in, struct err *err)
{
	char ifname[300];
	const char *words[] = { "net", "move", verb, ifname, k->network, id, from, NULL };

	if (str_format(ifname, sizeof(ifname), "--ifname=%s", k->ifname) < 0)
		return err_sys(err, "network \"%s\"", k->network);
	return run_skerry_with(t->o, words, in, err);
}

#define NETWORKS     "networks"
#define NETWORKS_MAX ((size_t)64 << 10)

/* Which they are, in the bundle from before anything is done: a line "INTERFACE NETWORK" each. */
static int note_networks(struct target *t, struct err *err)
{
	AUTO_BUF text;

	buf_init(&text);
	for (size_t i = 0; i < t->offer.tickets.n; i++)
		buf_printf(&text, "%s %s\n", t->offer.tickets.v[i].ifname,
			   t->offer.tickets.v[i].network);
	if (!text.len)
		return 0;
	if (buf_failed(&text) || file_replace(t->bundle_fd, NETWORKS, text.s, text.len, 0600) < 0)
		return err_sys(err, "write \"%s/" NETWORKS "\"", t->bundle);
	return 0;
}

void target_networks_of(struct target *t, const char *bundle, char *id, const char *verb)
{
	char path[PATH_MAX], *line, *next = NULL;
	AUTO_BUF text;

	buf_init_max(&text, NETWORKS_MAX);
	if (str_format(path, sizeof(path), "%s/" NETWORKS, bundle) < 0 ||
	    file_read(AT_FDCWD, path, &text, NETWORKS_MAX, true) < 0)
		return;
	for (line = strtok_r(text.s, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		struct ticket k = { .ifname = line };
		char *blank = strchr(line, ' ');

		if (!blank)
			continue;
		*blank = '\0';
		k.network = blank + 1;
		(void)move(t, &k, id, verb, NULL, -1, NULL);
	}
}

int target_networks_prepare(struct target *t, struct err *err)
{
	if (note_networks(t, err) < 0)
		return -1;
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
		if (move(t, k, t->offer.id, "prepare", from, file, err) < 0)
			return -1;
	}
	return 0;
}

void target_networks(struct target *t, const char *verb)
{
	for (size_t i = 0; t->prepared && i < t->offer.tickets.n; i++)
		(void)move(t, &t->offer.tickets.v[i], t->offer.id, verb, NULL, -1, NULL);
}
