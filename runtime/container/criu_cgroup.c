/* SPDX-License-Identifier: Apache-2.0 */
/* criu_cgroup.c - the flags of the cgroup file system, which criu loses
 *
 * criu mounts it once more, without options, and for that file system these
 * are the options of all its mounts: nsdelegate and memory_recursiveprot, which
 * systemd sets, are gone afterwards on the whole host.  So they are remembered
 * and given back.
 *
 * cgroups(7), fspick(2), proc(5) "mountinfo".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/container/criu.h"

#define MOUNTINFO_MAX ((size_t)16 << 20)

/* "... - cgroup2 cgroup2 rw,nsdelegate" */
bool criu_cgroup_flags_parse(const char *text, char *dst, size_t size)
{
	static const char mark[] = " - cgroup2 ";
	const char *at = strstr(text, mark);
	size_t n;

	if (!at)
		return false;
	at += strlen(mark);
	at += strcspn(at, " \n");
	if (*at != ' ')
		return false;
	n = strcspn(++at, "\n");
	return str_format(dst, size, "%.*s", (int)n, at) == 0;
}

static bool read_flags(char *dst, size_t size)
{
	AUTO_BUF text;

	buf_init_max(&text, MOUNTINFO_MAX);
	return file_read(AT_FDCWD, "/proc/self/mountinfo", &text, MOUNTINFO_MAX, false) == 0 &&
	       criu_cgroup_flags_parse(text.s, dst, size);
}

void criu_cgroup_flags_save(struct criu_cgroup_flags *f)
{
	if (!read_flags(f->text, sizeof(f->text)))
		f->text[0] = '\0';
}

/* Each word but the mount's own "rw" and "ro". */
static int set_flags(int fs, char *text)
{
	char *save = NULL;

	for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (strcmp(word, "rw") == 0 || strcmp(word, "ro") == 0)
			continue;
		if (fsconfig(fs, FSCONFIG_SET_FLAG, word, NULL, 0) < 0)
			return -1;
	}
	return fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
}

int criu_cgroup_flags_restore(const struct criu_cgroup_flags *f, const char *mount_point,
			      struct err *err)
{
	struct criu_cgroup_flags now, wanted = *f;
	AUTO_FD fs = -1;

	if (!f->text[0] || !read_flags(now.text, sizeof(now.text)) ||
	    strcmp(now.text, f->text) == 0)
		return 0;
	fs = fspick(AT_FDCWD, mount_point, FSPICK_CLOEXEC);
	if (fs < 0 || set_flags(fs, wanted.text) < 0)
		return err_sys(err, "give \"%s\" its options back (%s)", mount_point, f->text);
	return 0;
}
