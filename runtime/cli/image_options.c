/* SPDX-License-Identifier: Apache-2.0 */
/* image_options.c - the options of run and create that make a bundle of an image
 *
 * Names and letters are those of docker and podman.
 */
#include "runtime/cli/image_options.h"

#include <errno.h>

#include "runtime/cli/cmd.h"

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct create_words, image.member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("image", 0, OPTION_STRING, image, "IMAGE",
	      "make the bundle of this image, pulled where it isn't there; \"host\" is this "
	      "machine's own root file system") },
	{ ROW("env", 'e', OPTION_STRINGS, env, "NAME[=VALUE]",
	      "set an environment variable, or pass one on (may be repeated)") },
	{ ROW("env-file", 0, OPTION_STRINGS, env_file, "FILE", "read such lines from FILE") },
	{ ROW("volume", 'v', OPTION_STRINGS, volumes, "[FROM:]DIR[:OPTIONS]",
	      "show a directory of the host, or the volume of that name, at DIR (may be "
	      "repeated)") },
	{ ROW("mount", 0, OPTION_STRINGS, mounts, "type=T,src=FROM,dst=DIR,...",
	      "the same in other words; T is bind, volume or tmpfs") },
	{ ROW("tmpfs", 0, OPTION_STRINGS, tmpfs, "DIR[:OPTIONS]", "mount a tmpfs at DIR") },
	{ ROW("device", 0, OPTION_STRINGS, devices, "HOST[:PATH][:rwm]",
	      "give the container a device of the host") },
	{ ROW("workdir", 'w', OPTION_STRING, workdir, "DIR", "working directory") },
	{ ROW("user", 'u', OPTION_STRING, user, "USER[:GROUP]", "user to run as, name or number") },
	{ ROW("group-add", 0, OPTION_STRINGS, groups, "GROUP", "another group of the user") },
	{ ROW("hostname", 0, OPTION_STRING, hostname, "NAME", "host name (default: the ID)") },
	{ ROW("entrypoint", 0, OPTION_STRING, entrypoint, "COMMAND",
	      "instead of the image's; a JSON array, a word, or \"\" for none") },
	{ ROW("interactive", 'i', OPTION_FLAG, interactive, NULL,
	      "keep standard input open, otherwise it is empty") },
	{ ROW("tty", 't', OPTION_FLAG, tty, NULL, "give the container a terminal") },
	{ ROW("rm", 0, OPTION_FLAG, rm, NULL,
	      "with --detach: remove the container when it has ended, as is done without") },
	{ ROW("restart", 0, OPTION_STRING, restart, "WHEN",
	      "with --detach: start it again when it has ended: no, on-failure[:N], always or "
	      "unless-stopped (default: no)") },
	{ ROW("health-cmd", 0, OPTION_STRING, health_cmd, "COMMAND",
	      "with --detach: a shell command that tells whether the container is well, instead "
	      "of the image's; \"none\" for none") },
	{ ROW("health-interval", 0, OPTION_STRING, health_interval, "TIME",
	      "from one such check to the next (30s)") },
	{ ROW("health-timeout", 0, OPTION_STRING, health_timeout, "TIME",
	      "a check that takes longer has failed (30s)") },
	{ ROW("health-retries", 0, OPTION_STRING, health_retries, "N",
	      "so many failures in a row make it unhealthy (3)") },
	{ ROW("health-start-period", 0, OPTION_STRING, health_start_period, "TIME",
	      "failures so soon after the start don't count (0s)") },
	{ ROW("health-start-interval", 0, OPTION_STRING, health_start_interval, "TIME",
	      "from one check to the next in that time (5s)") },
	{ ROW("no-healthcheck", 0, OPTION_FLAG, no_healthcheck, NULL,
	      "no health check, whatever the image says") },
	{ ROW("read-only", 0, OPTION_FLAG, read_only, NULL,
	      "the root file system can't be written") },
	{ ROW("memory", 'm', OPTION_STRING, memory, "BYTES", "limit of memory (512m, 2g)") },
	{ ROW("memory-swap", 0, OPTION_STRING, memory_swap, "BYTES",
	      "limit of memory and swap together; -1: no limit") },
	{ ROW("cpus", 0, OPTION_STRING, cpus, "N", "as much as N processors, as in 1.5") },
	{ ROW("cpu-shares", 'c', OPTION_STRING, cpu_shares, "N", "weight among others (1024)") },
	{ ROW("cpuset-cpus", 0, OPTION_STRING, cpuset_cpus, "LIST",
	      "on these processors, as in 0-2,4") },
	{ ROW("pids", 0, OPTION_STRING, pids, "N",
	      "limit of processes; -1: none (default: 2048)") },
	{ ROW("pids-limit", 0, OPTION_STRING, pids, "N", NULL) },
	{ ROW("shm-size", 0, OPTION_STRING, shm_size, "BYTES", "size of /dev/shm (default: 64m)") },
	{ ROW("ulimit", 0, OPTION_STRINGS, ulimits, "NAME=SOFT[:HARD]",
	      "a limit of setrlimit(2)") },
	{ ROW("cap-add", 0, OPTION_STRINGS, cap_add, "CAP", "add a capability; ALL: every one") },
	{ ROW("cap-drop", 0, OPTION_STRINGS, cap_drop, "CAP",
	      "drop a capability; ALL: every one") },
	{ ROW("security-opt", 0, OPTION_STRINGS, security, "OPTION",
	      "no-new-privileges, seccomp=unconfined, unmask=all, apparmor=PROFILE") },
	{ ROW("privileged", 0, OPTION_FLAG, privileged, NULL,
	      "all capabilities and devices, nothing masked, no filter") },
	{ ROW("sysctl", 0, OPTION_STRINGS, sysctl, "NAME=VALUE", "set a kernel parameter") },
	{ ROW("label", 'l', OPTION_STRINGS, labels, "NAME=VALUE",
	      "an annotation (may be repeated)") },
	{ ROW("stop-signal", 0, OPTION_STRING, stop_signal, "SIGNAL",
	      "signal that ends the program") },
	{ ROW("pull", 0, OPTION_STRING, pull, "WHEN",
	      "missing, always or never (default: missing)") },
	{ ROW("platform", 0, OPTION_STRING, platform, "OS/ARCH[/VARIANT]",
	      "image for another machine than this one") },
	{ ROW("store", 0, OPTION_STRING, store, "DIR", "where images are kept") },
};
const struct option_table image_option_table = { rows, ARRAY_SIZE(rows), NULL };

static int add(struct arena *arena, struct option_list *list, char *word, struct err *err)
{
	/* room for the word, then for the NULL behind it */
	for (size_t i = 0; i < 2; i++) {
		char **v = arena_grow(arena, list->v, list->n + i, &list->cap, sizeof(*v));
		if (!v || !word)
			return err_set(err, ENOMEM, "out of memory");
		list->v = v;
		v[list->n + i] = i ? NULL : word;
	}
	list->n++;
	return 0;
}

static int add_value(struct arena *arena, struct option_list *list, const struct option *o,
		     const char *value, struct err *err)
{
	return add(arena, list, arena_printf(arena, "--%s=%s", o->name, value), err);
}

int image_options_words(const struct create_words *words, struct arena *arena,
			struct option_list *list, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct option *o = &rows[i];
		const void *at = (const char *)words + o->offset;
		int rc = 0;
		if (!o->help)
			continue; /* another name of the row before */
		if (o->kind == OPTION_FLAG && *(const bool *)at)
			rc = add_value(arena, list, o, "true", err);
		if (o->kind == OPTION_STRING && *(const char *const *)at)
			rc = add_value(arena, list, o, *(const char *const *)at, err);
		const struct option_list *values = at;
		for (size_t n = 0; rc == 0 && o->kind == OPTION_STRINGS && n < values->n; n++)
			rc = add_value(arena, list, o, values->v[n], err);
		if (rc < 0)
			return -1;
	}
	return 0;
}
