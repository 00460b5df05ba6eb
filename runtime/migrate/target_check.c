/* SPDX-License-Identifier: Apache-2.0 */
/* target_check.c - can this host take the container?  All that speaks against it, at once. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/migrate/target.h"

#define SPARE ((uint64_t)64 << 20)

void complain(struct target *t, const char *format, ...)
{
	va_list ap;
	char text[ERR_MSG_MAX];
	AUTO_BUF b;

	buf_init_max(&b, sizeof(text) - 1);
	va_start(ap, format);
	buf_vprintf(&b, format, ap);
	va_end(ap);
	if (t->answer.problems.n < TARGET_PROBLEMS_MAX)
		t->answer.problems.v[t->answer.problems.n++] = arena_strdup(&t->arena, b.s);
}

/* 1: there is nothing, or an empty folder (*ret_was then); 0: it is in use. */
static int is_free(const char *path, bool *ret_was)
{
	DIR *list = opendir(path);
	int n = 0;

	*ret_was = list;
	if (!list)
		return errno == ENOENT;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	while (n < 3 && readdir(list))
		n++;
	(void)closedir(list);
	return n == 2;
}

static void check_volumes(struct target *t)
{
	for (size_t i = 0; i < t->offer.volumes.n; i++) {
		const struct volume *v = &t->offer.volumes.v[i];

		if (v->shared) {
			if (access(v->path, F_OK) < 0)
				complain(t, "shared volume \"%s\" is not there", v->path);
		} else if (!is_free(v->path, &t->volumes[i].was)) {
			complain(t, "volume \"%s\" is there already (--shared=%s uses it as it is)",
				 v->path, v->path);
		} else if (v->is_file && t->volumes[i].was) {
			complain(t, "volume \"%s\" is a directory there", v->path);
		}
	}
}

int target_space(const char *path, uint64_t *ret_bytes)
{
	char at[PATH_MAX], *slash;
	struct statvfs fs;

	if (str_copy(at, sizeof(at), path) < 0)
		return -1;
	while (statvfs(at, &fs) < 0) {
		slash = strrchr(at, '/');
		if (!slash)
			return -1;
		slash[slash == at ? 1 : 0] = '\0';
	}
	*ret_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

static void check_space(struct target *t, const char *what, uint64_t bytes, const char *path)
{
	uint64_t room;

	if (target_space(path, &room) == 0 && room < bytes + bytes / 16)
		complain(t, "its %s take %llu MiB, of which \"%s\" has %llu free", what,
			 (unsigned long long)(bytes >> 20), path, (unsigned long long)(room >> 20));
}

static void check_resources(struct target *t)
{
	const struct offer *o = &t->offer;

	if (t->image.store[0])
		check_space(t, "layers and files", o->disk + t->image.bytes, t->image.store);
	else
		check_space(t, "files", o->disk, t->bundle);
	/* The images are in memory until the processes are. */
	if (t->hello.memory && t->hello.memory < 2 * o->memory + SPARE)
		complain(
			t,
			"its memory of %llu MiB takes twice as much while it is restored, and %llu MiB are free",
			(unsigned long long)(o->memory >> 20),
			(unsigned long long)(t->hello.memory >> 20));
}

int target_check(struct target *t, struct err *err)
{
	struct config c;
	struct skerry_state state;
	struct skerry_error failed = { 0 };
	bool was;

	if (config_parse(t->offer.config.v, t->offer.config.n, &t->arena, &c, err) < 0)
		return -1;
	if (skerry_state(t->skerry, t->offer.id, &state, &failed) == 0) {
		skerry_state_release(&state);
		complain(t, "a container \"%s\" is there already", t->offer.id);
	}
	if (!is_free(t->bundle, &was) || was)
		complain(t, "the bundle \"%s\" is there already", t->bundle);
	if (t->offer.image && target_image_ask(t, err) < 0)
		return -1;
	if (target_netns(t, err) < 0)
		return -1;
	if (c.netns && !t->offer.netns && access(c.netns, F_OK) < 0)
		complain(t, "network namespace \"%s\" is not there (--netns)", c.netns);
	if (t->offer.lazy && lazy_obstacle())
		complain(t, "%s, which --lazy needs", lazy_obstacle());
	check_volumes(t);
	check_resources(t);
	target_networks_check(t);
	return 0;
}
