/* SPDX-License-Identifier: Apache-2.0 */
/* lsm.c - AppArmor profile and SELinux label of the process
 *
 * The attribute is written below a procfs that the caller has checked, through
 * the number that "self" links to: the link itself would have to be followed,
 * and a mount on top of any component is refused (CVE-2019-16884,
 * CVE-2025-31133 and their relatives wrote the label into a fake file).
 * Asked for and not possible is always an error.
 * runtime-spec config.md "apparmorProfile", "selinuxLabel"; the kernel's
 * Documentation/admin-guide/LSM.
 */
#include "runtime/isolate/lsm.h"

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
#include "base/file.h"

#define LSM_TEXT_MAX 4096 /* the kernel takes at most a page */

int lsm_make(const struct spec_process *p, struct lsm *ret, struct err *err)
{
	struct lsm l = { .apparmor = p->apparmorProfile, .selinux = p->selinuxLabel };

	if (l.apparmor != NULL && l.apparmor[0] == '\0')
		l.apparmor = NULL;
	if (l.selinux != NULL && l.selinux[0] == '\0')
		l.selinux = NULL;
	if (l.apparmor != NULL && strlen(l.apparmor) > LSM_TEXT_MAX - 16)
		return err_field(err, E2BIG, "/process/apparmorProfile",
				 "profile name is too long");
	if (l.selinux != NULL && strlen(l.selinux) > LSM_TEXT_MAX - 16)
		return err_field(err, E2BIG, "/process/selinuxLabel", "label is too long");
	*ret = l;
	return 0;
}

bool lsm_has_apparmor(void)
{
	char text[8];

	return file_read_line(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", text,
			      sizeof(text)) > 0 &&
	       text[0] == 'Y';
}

bool lsm_has_selinux(void)
{
	struct statfs fs;

	return statfs("/sys/fs/selinux", &fs) == 0 && (long)fs.f_type == (long)SELINUX_MAGIC;
}

int lsm_check_host(const struct lsm *l, const char *mount_label, struct err *err)
{
	bool has_mount_label = mount_label != NULL && mount_label[0] != '\0';

	/* without AppArmor everything is unconfined */
	if (l->apparmor != NULL && strcmp(l->apparmor, "unconfined") != 0 && !lsm_has_apparmor())
		return err_field(err, EOPNOTSUPP, "/process/apparmorProfile",
				 "apparmor profile \"%s\": AppArmor is not enabled on this host",
				 l->apparmor);
	if ((l->selinux != NULL || has_mount_label) && !lsm_has_selinux())
		return err_field(err, EOPNOTSUPP,
				 l->selinux != NULL ? "/process/selinuxLabel" : "/linux/mountLabel",
				 "selinux label \"%s\": SELinux is not enabled on this host",
				 l->selinux != NULL ? l->selinux : mount_label);
	return 0;
}

/* Opens attr/NAME of the caller for writing; -1 and errno. */
static int attr_open(int procfd, const char *name)
{
	struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_SYMLINKS,
	};
	struct statfs fs;
	char path[64], self[16];
	ssize_t n;
	AUTO_FD fd = -1;

	n = readlinkat(procfd, "self", self, sizeof(self) - 1);
	if (n <= 0)
		return -1;
	self[n] = '\0';
	if (str_format(path, sizeof(path), "%s/attr/%s", self, name) < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, procfd, path, &how, sizeof(how));
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return -1;
	if ((long)fs.f_type != (long)PROC_SUPER_MAGIC) {
		errno = EXDEV;
		return -1;
	}
	return fd_take(&fd);
}

static int attr_write(int fd, const char *text, const char *what, struct err *err)
{
	/* a zero byte clears the attribute; an empty write would do nothing */
	size_t len = text[0] != '\0' ? strlen(text) : 1;
	ssize_t n = write(fd, text, len);

	if (n < 0)
		return err_sys(err, "write %s \"%s\" to /proc/self/attr", what, text);
	if ((size_t)n != len)
		return err_set(err, EIO, "write %s \"%s\" to /proc/self/attr: short write", what,
			       text);
	return 0;
}

static int apply_apparmor(const char *profile, int procfd, struct err *err)
{
	char text[LSM_TEXT_MAX];
	AUTO_FD fd = attr_open(procfd, "apparmor/exec");

	/* before Linux 5.1, and there only if AppArmor is the main module */
	if (fd < 0 && errno == ENOENT)
		fd = attr_open(procfd, "exec");
	if (fd < 0 && strcmp(profile, "unconfined") == 0 && !lsm_has_apparmor())
		return 0;
	if (fd < 0)
		return err_sys(err, "open /proc/self/attr/apparmor/exec");
	if (str_format(text, sizeof(text), "exec %s", profile) < 0)
		return err_sys(err, "apparmor profile \"%s\"", profile);
	return attr_write(fd, text, "apparmor profile", err);
}

int lsm_apply_exec(const struct lsm *l, int procfd, struct err *err)
{
	if (l->apparmor != NULL && apply_apparmor(l->apparmor, procfd, err) < 0)
		return -1;
	if (l->selinux != NULL) {
		AUTO_FD fd = attr_open(procfd, "exec");

		if (fd < 0)
			return err_sys(err, "open /proc/self/attr/exec");
		return attr_write(fd, l->selinux, "selinux label", err);
	}
	return 0;
}

int lsm_apply_keycreate(const struct lsm *l, int procfd, bool on, struct err *err)
{
	AUTO_FD fd = -1;

	if (l->selinux == NULL)
		return 0;
	fd = attr_open(procfd, "keycreate");
	if (fd < 0)
		return err_sys(err, "open /proc/self/attr/keycreate");
	return attr_write(fd, on ? l->selinux : "", "selinux key label", err);
}
