/* SPDX-License-Identifier: Apache-2.0 */
/* files.c - the files of a group: small texts by descriptor
 *
 * A group's directory may have been delegated to a container, so nothing in it
 * is reached by a path string: openat2(2) below the descriptor, no links, no
 * other mounts.  cgroups(7); Documentation/admin-guide/cgroup-v2.rst
 * "Interface Files" has the formats.
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/units.h"

static int open_below(int dir, const char *path, int flags)
{
	return beneath_open(dir, path, flags | O_CLOEXEC | O_NOCTTY, 0,
			    RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

int group_open(int root, const char *path)
{
	while (*path == '/')
		path++;
	return open_below(root, *path ? path : ".", O_RDONLY | O_DIRECTORY);
}

ssize_t group_read(int dir, const char *file, char *dst, size_t size)
{
	AUTO_FD fd = open_below(dir, file, O_RDONLY);
	ssize_t len;

	if (fd < 0)
		return -1;
	/* one read(2): the kernel gives a short file whole */
	do
		len = read(fd, dst, size - 1);
	while (len < 0 && errno == EINTR);
	if (len >= 0)
		dst[len] = '\0';
	return len;
}

int group_read_buf(int dir, const char *file, struct buf *out)
{
	AUTO_FD fd = open_below(dir, file, O_RDONLY);
	char chunk[GROUP_LINE_SIZE];
	ssize_t len;
	size_t total = 0;

	if (fd < 0)
		return -1;
	while ((len = fd_read_full(fd, chunk, sizeof(chunk))) > 0) {
		total += (size_t)len;
		if (total > GROUP_FILE_MAX) {
			errno = EFBIG;
			return -1;
		}
		buf_add(out, chunk, (size_t)len);
		if ((size_t)len < sizeof(chunk))
			break;
	}
	if (len < 0)
		return -1;
	if (buf_failed(out)) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

int group_write(int dir, const char *file, const char *text)
{
	AUTO_FD fd = open_below(dir, file, O_WRONLY);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -1;
	/* a value is one write(2): the kernel parses each by itself */
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	if ((size_t)n != len) {
		errno = EIO;
		return -1;
	}
	return 0;
}

int group_parse_number(const char *text, uint64_t *ret)
{
	char word[24];
	size_t len = strcspn(text, " \n");

	if (len == 3 && memcmp(text, "max", 3) == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	if (len == 0 || len >= sizeof(word)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(word, text, len);
	word[len] = '\0';
	return units_u64(word, UINT64_MAX, ret);
}

size_t group_parse_line(const char *text, const char *word, const char **ret_line)
{
	size_t len = strlen(word);

	while (*text) {
		size_t line = strcspn(text, "\n");

		if (line > len && memcmp(text, word, len) == 0 && text[len] == ' ') {
			*ret_line = text;
			return line;
		}
		text += line;
		if (*text)
			text++;
	}
	return 0;
}

int group_parse_key(const char *text, const char *key, uint64_t *ret)
{
	const char *line = NULL;

	if (group_parse_line(text, key, &line) == 0) {
		errno = ENOENT;
		return -1;
	}
	return group_parse_number(line + strlen(key) + 1, ret);
}

bool group_parse_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	while (*text) {
		size_t n = strcspn(text, " \n");

		if (n == len && memcmp(text, word, n) == 0)
			return true;
		text += n;
		if (*text)
			text++;
	}
	return false;
}

int group_read_number(int dir, const char *file, uint64_t *ret)
{
	char text[64];

	if (group_read(dir, file, text, sizeof(text)) < 0)
		return -1;
	return group_parse_number(text, ret);
}

int group_read_key(int dir, const char *file, const char *key, uint64_t *ret)
{
	char text[GROUP_LINE_SIZE];

	if (group_read(dir, file, text, sizeof(text)) < 0)
		return -1;
	return group_parse_key(text, key, ret);
}
