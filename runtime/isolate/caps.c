/* SPDX-License-Identifier: Apache-2.0 */
/* caps.c - the five capability sets of a process
 *
 * Masks are made in the parent; init only calls prctl(2) and capset(2).  The
 * two bare system calls are used and not libcap, whose functions allocate.
 * To save calls: only what is in the bounding set is dropped, the securebits
 * are reset by the same call that keeps capabilities, and the ambient set is
 * cleared only if the kernel has not done so already (capset(2) takes out of
 * it what is not both permitted and inheritable).
 * runtime-spec config.md "Linux Process"; capabilities(7).
 */
#include "runtime/isolate/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "runtime/spec/names.h"

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

static int caps_last(struct err *err)
{
	int last = CAP_LAST_CAP;

	if (prctl(PR_CAPBSET_READ, last, 0, 0, 0) >= 0) {
		while (last < 63 && prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0)
			last++;
		return last;
	}
	while (last > 0 && prctl(PR_CAPBSET_READ, last, 0, 0, 0) < 0)
		last--;
	if (last == 0)
		return err_sys(err, "find the last capability");
	return last;
}

static uint64_t caps_up_to(int last)
{
	return last >= 63 ? UINT64_MAX : CAP_BIT(last + 1) - 1;
}

/* One prctl(2) for each capability, where proc(5) does not tell. */
static uint64_t caps_ask(int last)
{
	uint64_t mask = 0;

	for (int cap = 0; cap <= last; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			mask |= CAP_BIT(cap);
	}
	return mask;
}

int caps_host_find(bool new_userns, const char *status, struct caps_host *ret, struct err *err)
{
	const char *line = strstr(status, "\nCapBnd:\t");
	const uint64_t told = line ? strtoull(line + strlen("\nCapBnd:\t"), NULL, 16) : 0;

	/* The last that has a name and none behind it: if there are others, they are dropped. */
	ret->last = told >> CAP_LAST_CAP == 1 ? CAP_LAST_CAP : caps_last(err);
	if (ret->last < 0)
		return -1;
	if (new_userns)
		ret->bounding = caps_up_to(ret->last);
	else
		ret->bounding = line ? told & caps_up_to(ret->last) : caps_ask(ret->last);
	return 0;
}

static uint64_t caps_mask(const struct strings *names, const char **unknown)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < names->n; i++) {
		int cap = cap_parse(names->v[i]);

		if (cap < 0 || cap > 63)
			*unknown = names->v[i];
		else
			mask |= CAP_BIT(cap);
	}
	return mask;
}

/* Lowest capability of a mask that is not empty. */
static const char *caps_first(uint64_t mask)
{
	const char *name = cap_name(__builtin_ctzll(mask));

	return name != NULL ? name : "?";
}

static int caps_check(struct caps *c, const char *pointer, struct err *err)
{
	uint64_t bad = c->effective & ~c->permitted;

	if (bad != 0)
		return err_field(
			err, EINVAL, pointer,
			"capability \"%s\" is in the effective but not in the permitted set",
			caps_first(bad));
	/* The defaults of crun and of older runc ask for such; the kernel has never given it. */
	c->not_ambient = c->ambient & ~(c->permitted & c->inheritable);
	c->ambient &= ~c->not_ambient;
	return 0;
}

int caps_make(const struct spec_caps *s, const char *pointer, struct caps *ret, struct err *err)
{
	struct caps c = { 0 };

	if (s != NULL) {
		c.bounding = caps_mask(&s->bounding, &c.unknown);
		c.effective = caps_mask(&s->effective, &c.unknown);
		c.permitted = caps_mask(&s->permitted, &c.unknown);
		c.inheritable = caps_mask(&s->inheritable, &c.unknown);
		c.ambient = caps_mask(&s->ambient, &c.unknown);
		if (caps_check(&c, pointer, err) < 0)
			return -1;
	}
	*ret = c;
	return 0;
}

void caps_limit(struct caps *c, const struct caps_host *host)
{
	uint64_t asked = c->bounding | c->effective | c->permitted | c->inheritable | c->ambient;

	c->unavailable = asked & ~host->bounding;
	c->bounding &= host->bounding;
	c->effective &= host->bounding;
	c->permitted &= host->bounding;
	c->inheritable &= host->bounding;
	c->ambient &= host->bounding;
	c->drop = host->bounding & ~c->bounding;
}

void caps_left_out(const struct caps *c, struct buf *ret)
{
	for (uint64_t left = c->unavailable; left != 0; left &= left - 1)
		buf_printf(ret, "%s%s", ret->len ? ", " : "", caps_first(left));
	for (uint64_t left = c->not_ambient & ~c->unavailable; left != 0; left &= left - 1)
		buf_printf(ret, "%s%s as ambient", ret->len ? ", " : "", caps_first(left));
	if (c->unknown)
		buf_printf(ret, "%s\"%s\"", ret->len ? ", " : "", c->unknown);
}

int caps_drop_bounding(const struct caps *c, struct err *err)
{
	for (uint64_t left = c->drop; left != 0; left &= left - 1) {
		if (prctl(PR_CAPBSET_DROP, __builtin_ctzll(left), 0, 0, 0) < 0)
			return err_sys(err, "drop \"%s\" from the bounding set", caps_first(left));
	}
	return 0;
}

int caps_keep(bool on, struct err *err)
{
	if (prctl(PR_SET_SECUREBITS, on ? 1UL << SECURE_KEEP_CAPS : 0UL, 0, 0, 0) == 0)
		return 0;
	/* no CAP_SETPCAP, or locked bits */
	if (on && prctl(PR_SET_KEEPCAPS, 1UL, 0, 0, 0) < 0)
		return err_sys(err, "set keep-capabilities");
	return 0;
}

static int caps_apply_ambient(const struct caps *c, struct err *err)
{
	if ((c->permitted & c->inheritable & ~c->ambient) != 0 &&
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(err, "clear the ambient capabilities");
	for (uint64_t left = c->ambient; left != 0; left &= left - 1) {
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, __builtin_ctzll(left), 0, 0) < 0)
			return err_sys(err, "raise ambient capability \"%s\"", caps_first(left));
	}
	return 0;
}

int caps_apply(const struct caps *c, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3], now[_LINUX_CAPABILITY_U32S_3];

	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective = (uint32_t)(c->effective >> (32 * i));
		data[i].permitted = (uint32_t)(c->permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(c->inheritable >> (32 * i));
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(err, "set capabilities");
	if (caps_apply_ambient(c, err) < 0)
		return -1;
	memset(now, 0, sizeof(now));
	if (syscall(SYS_capget, &head, now) < 0)
		return err_sys(err, "read capabilities back");
	if (memcmp(data, now, sizeof(now)) != 0)
		return err_set(err, EPERM, "capabilities are not those asked for");
	return 0;
}
