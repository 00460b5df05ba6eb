/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - offsets of the clocks in a time namespace
 *
 * runtime-spec config-linux.md "Offset for Time Namespace"; time_namespaces(7).
 */
#include "runtime/isolate/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#ifndef CLONE_NEWTIME
# define CLONE_NEWTIME 0x00000080
#endif
#define NSEC_PER_SEC 1000000000U

static int clock_bad(const char *key, const char *why, struct err *err)
{
	char field[ERR_FIELD_MAX];

	if (str_format(field, sizeof(field), "/linux/timeOffsets/%s", key) < 0)
		field[0] = '\0';
	return err_field(err, EINVAL, field, "time offset of \"%.64s\" %s", key, why);
}

int clock_make(const struct spec *spec, bool has_namespace, struct arena *arena,
	       struct clock_offsets *ret, struct err *err)
{
	const struct spec_linux *l = spec->linux_;
	const char *text = "";

	ret->text = NULL;
	if (l->timeOffsets.n == 0)
		return 0;
	if (!has_namespace)
		return err_field(err, EINVAL, "/linux/timeOffsets",
				 "time offsets without a new time namespace");
	for (size_t i = 0; i < l->timeOffsets.n; i++) {
		const struct spec_time_offset *o = &l->timeOffsets.v[i];

		if (strcmp(o->key, "boottime") != 0 && strcmp(o->key, "monotonic") != 0)
			return clock_bad(o->key, "is unknown", err);
		if (o->nanosecs >= NSEC_PER_SEC)
			return clock_bad(o->key, "has a second or more of nanoseconds", err);
		text = arena_printf(arena, "%s%s %lld %u\n", text, o->key, (long long)o->secs,
				    o->nanosecs);
		if (text == NULL)
			return err_sys(err, "list time offsets");
	}
	ret->text = text;
	return 0;
}

/* /proc/SELF/NAME by number, as "self" is a link; the last component may be a magic link. */
static int proc_self_open(int procfd, const char *name, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC), .resolve = resolve };
	char path[64], self[16];
	ssize_t n = readlinkat(procfd, "self", self, sizeof(self) - 1);

	if (n <= 0)
		return -1;
	self[n] = '\0';
	if (str_format(path, sizeof(path), "%s/%s", self, name) < 0)
		return -1;
	return (int)syscall(SYS_openat2, procfd, path, &how, sizeof(how));
}

int clock_apply(const struct clock_offsets *c, int procfd, struct err *err)
{
	AUTO_FD offsets = -1;
	AUTO_FD ns = -1;

	if (c->text == NULL)
		return 0;
	if (unshare(CLONE_NEWTIME) < 0)
		return err_sys(err, "make a time namespace");
	offsets = proc_self_open(procfd, "timens_offsets", O_WRONLY,
				 RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
	if (offsets < 0)
		return err_sys(err, "open /proc/self/timens_offsets");
	/* all clocks in one write: the kernel takes them together or not at all */
	if (write(offsets, c->text, strlen(c->text)) != (ssize_t)strlen(c->text))
		return err_sys(err, "set time offsets");
	ns = proc_self_open(procfd, "ns/time_for_children", O_RDONLY, 0);
	if (ns < 0)
		return err_sys(err, "open /proc/self/ns/time_for_children");
	if (setns(ns, CLONE_NEWTIME) < 0)
		return err_sys(err, "enter the time namespace");
	return 0;
}
