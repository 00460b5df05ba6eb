/* SPDX-License-Identifier: Apache-2.0 */
/* passwd_fuzz.c - any bytes as a container's passwd and group file, and as --user
 *
 * The input is the user's text, a newline, and the file that stands for both.
 * Oracle: no crash, no sanitizer report; no id that comes out is the -1 of
 * setresuid(2); text that is all digits gives that number or nothing; a home is
 * an absolute path.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "runtime/isolate/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

/* A root with /etc/passwd and /etc/group being one file, made once; the file's descriptor. */
static int root_fd = -1, file_fd = -1;
static char dir[] = "/dev/shm/skerry-passwd-XXXXXX"; /* a disk's journal takes longer than a run */

static void drop_root(void)
{
	static const char *const parts[] = { "/etc/passwd", "/etc/group", "/etc", "" };
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (str_format(path, sizeof(path), "%s%s", dir, parts[i]) == 0)
			(void)remove(path);
}

static void make_root(void)
{
	char path[128];

	if (mkdtemp(dir) == NULL) {
		(void)str_copy(dir, sizeof(dir), "/tmp/skerry-passwd-XXXXXX");
		must(mkdtemp(dir) != NULL);
	}
	must(atexit(drop_root) == 0);
	must(str_format(path, sizeof(path), "%s/etc", dir) == 0 && mkdir(path, 0755) == 0);
	root_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(root_fd >= 0);
	file_fd = openat(root_fd, "etc/passwd", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	must(file_fd >= 0);
	must(linkat(root_fd, "etc/passwd", root_fd, "etc/group", 0) == 0);
}

static void check_number(const char *text, uint32_t uid)
{
	char again[16];

	if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
		return;
	text += strspn(text, "0");
	must(str_format(again, sizeof(again), "%u", uid) == 0);
	must(strcmp(again, text[0] != '\0' ? text : "0") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t uid = 7, gid = 7;
	char home[512];
	const uint8_t *end = memchr(data, '\n', size);
	size_t len = end != NULL ? (size_t)(end - data) : size;
	AUTO_BUF text;

	if (root_fd < 0)
		make_root();
	buf_init(&text);
	buf_add(&text, data, len);
	data += len;
	size -= len;
	must(pwrite(file_fd, data, size, 0) == (ssize_t)size &&
	     ftruncate(file_fd, (off_t)size) == 0);
	if (user_find(root_fd, text.s, &uid, &gid, NULL) == 0) {
		must(uid != UINT32_MAX && gid != UINT32_MAX);
		check_number(text.s, uid);
	}
	if (user_home(root_fd, uid, home, sizeof(home), NULL) == 0)
		must(home[0] == '/');
	return 0;
}
