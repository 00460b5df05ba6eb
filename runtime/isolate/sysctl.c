/* SPDX-License-Identifier: Apache-2.0 */
/* sysctl.c - kernel parameters of the container's namespaces
 *
 * Only what belongs to a namespace that the container has of its own may be
 * set; anything else would change the host.  Keys are turned into paths by the
 * rule of sysctl(8): if a slash comes before the first dot, slashes separate
 * and dots are letters; else the other way round.
 * runtime-spec config-linux.md "Sysctl"; proc(5) /proc/sys; namespaces(7).
 */
#include "runtime/isolate/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define SYSCTL_KEY_MAX	 256
#define SYSCTL_VALUE_MAX 4096

/* A name that ends in '/' stands for all below it.  ipc/ipc_sysctl.c, kernel/utsname_sysctl.c. */
static const struct {
	const char *path;
	enum ns ns;
} sysctl_allowed[] = {
	{ "fs/mqueue/", NS_IPC },
	{ "kernel/auto_msgmni", NS_IPC },
	{ "kernel/domainname", NS_UTS },
	{ "kernel/msg_next_id", NS_IPC },
	{ "kernel/msgmax", NS_IPC },
	{ "kernel/msgmnb", NS_IPC },
	{ "kernel/msgmni", NS_IPC },
	{ "kernel/sem", NS_IPC },
	{ "kernel/sem_next_id", NS_IPC },
	{ "kernel/shm_next_id", NS_IPC },
	{ "kernel/shm_rmid_forced", NS_IPC },
	{ "kernel/shmall", NS_IPC },
	{ "kernel/shmmax", NS_IPC },
	{ "kernel/shmmni", NS_IPC },
	{ "net/", NS_NETWORK },
	{ "user/", NS_USER },
};

static int sysctl_bad(const char *key, const char *why, struct err *err)
{
	char field[ERR_FIELD_MAX];

	if (str_format(field, sizeof(field), "/linux/sysctl/%s", key) < 0)
		field[0] = '\0';
	return err_field(err, EINVAL, field, "sysctl \"%.200s\" %s", key, why);
}

static bool sysctl_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '@' || c == '.' || c == '/';
}

/* The path of a key, in place; false if it isn't one. */
static bool sysctl_path(char *key)
{
	size_t first = strcspn(key, "./");
	bool dots = key[first] == '.';
	char last = '/';

	if (key[first] == '\0' || strlen(key) >= SYSCTL_KEY_MAX)
		return false;
	for (char *c = key; *c != '\0'; c++) {
		if (!sysctl_is_letter(*c))
			return false;
		if (dots && *c == '.')
			*c = '/';
		else if (dots && *c == '/')
			*c = '.';
		/* no empty component and none that begins with a dot: no "." and "..", whichever
		 * way they were spelled */
		if (last == '/' && (*c == '/' || *c == '.'))
			return false;
		last = *c;
	}
	return last != '/';
}

static int sysctl_check(const char *key, const char *path, const bool own[NS_COUNT],
			struct err *err)
{
	if (strcmp(path, "kernel/hostname") == 0)
		return sysctl_bad(key, "is set by \"hostname\"", err);
	for (size_t i = 0; i < ARRAY_SIZE(sysctl_allowed); i++) {
		const char *allowed = sysctl_allowed[i].path;
		bool below = allowed[strlen(allowed) - 1] == '/';

		if (below ? !str_starts(path, allowed) : strcmp(path, allowed) != 0)
			continue;
		if (own[sysctl_allowed[i].ns])
			return 0;
		return sysctl_bad(key, "needs a namespace of the container's own", err);
	}
	return sysctl_bad(key, "is not of a namespace, it would change the host", err);
}

int sysctl_make(const struct spec *spec, const bool own[NS_COUNT], struct arena *arena,
		struct sysctls *ret, struct err *err)
{
	const struct pairs *pairs = &spec->linux_->sysctl;
	struct sysctls s = { .n = pairs->n };

	if (pairs->n > SYSCTL_MAX)
		return err_field(err, E2BIG, "/linux/sysctl", "more than %d entries", SYSCTL_MAX);
	s.v = arena_array(arena, pairs->n + 1, sizeof(*s.v));
	if (s.v == NULL)
		return err_sys(err, "list sysctls");
	for (size_t i = 0; i < pairs->n; i++) {
		const struct pair *p = &pairs->v[i];
		char *path = arena_strdup(arena, p->key);

		if (path == NULL)
			return err_sys(err, "list sysctls");
		if (!sysctl_path(path))
			return sysctl_bad(p->key, "is not a valid name", err);
		if (sysctl_check(p->key, path, own, err) < 0)
			return -1;
		if (strcmp(path, "kernel/domainname") == 0 && spec->domainname != NULL)
			return sysctl_bad(p->key, "is set by \"domainname\" too", err);
		if (strpbrk(p->value, "\n\r") != NULL || strlen(p->value) >= SYSCTL_VALUE_MAX)
			return sysctl_bad(p->key, "has a value with a newline or too long", err);
		s.v[i] = (struct sysctl){ path, p->value };
	}
	*ret = s;
	return 0;
}

int sysctl_apply(const struct sysctls *s, int proc_sys_fd, struct err *err)
{
	struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_SYMLINKS,
	};
	struct statfs fs;

	if (s->n == 0)
		return 0;
	if (fstatfs(proc_sys_fd, &fs) < 0)
		return err_sys(err, "stat /proc/sys");
	if ((long)fs.f_type != (long)PROC_SUPER_MAGIC)
		return err_set(err, EXDEV, "/proc/sys is not of a procfs");
	for (size_t i = 0; i < s->n; i++) {
		const struct sysctl *c = &s->v[i];
		size_t len = strlen(c->value);
		AUTO_FD fd = (int)syscall(SYS_openat2, proc_sys_fd, c->path, &how, sizeof(how));
		ssize_t n;

		if (fd < 0)
			return err_sys(err, "open sysctl \"%s\"", c->path);
		n = write(fd, c->value, len);
		if (n < 0)
			return err_sys(err, "set sysctl \"%s\" to \"%s\"", c->path, c->value);
		if ((size_t)n != len)
			return err_set(err, EIO, "set sysctl \"%s\" to \"%s\": short write",
				       c->path, c->value);
	}
	return 0;
}
