/* SPDX-License-Identifier: Apache-2.0 */
/* root_mode.c - the mode that the images want of the root directory
 *
 * podman's archives have changed files, but not the root itself, which criu then
 * finds to be another's ("bad mode"). A process whose root or directory it is
 * has it as an open file: files.img says its mode.
 *
 * criu images/fdinfo.proto, regfile.proto: two magic numbers, then messages with their length.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/wire.h"
#include "runtime/archive/archive.h"

#define FILES_IMG   MEMBER_CHECKPOINT "/files.img"
#define FILES_MAX   ((size_t)64 << 20)
#define MAGICS_SIZE 8
#define MESSAGE_MAX ((uint32_t)1 << 20)

struct reg_file {
	char *name;
	uint32_t mode;
};
static const struct wire_field reg_fields[] = {
	WIRE_FIELD(6, struct reg_file, name, WIRE_STRING),
	WIRE_FIELD(10, struct reg_file, mode, WIRE_U32),
};
static const struct wire_table reg_table = WIRE_TABLE(struct reg_file, reg_fields);

struct file_entry {
	struct reg_file *reg;
};
static const struct wire_field entry_fields[] = {
	WIRE_FIELD(3, struct file_entry, reg, WIRE_MESSAGE, .sub = &reg_table),
};
static const struct wire_table entry_table = WIRE_TABLE(struct file_entry, entry_fields);

static uint32_t number(const char *at)
{
	const unsigned char *p = (const unsigned char *)at;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool is_root(const struct reg_file *f)
{
	return f && f->name && S_ISDIR(f->mode) &&
	       (strcmp(f->name, "/") == 0 || strcmp(f->name, ".") == 0);
}

/* The mode, or -1 where no process has it. */
int root_mode_parse(const char *text, size_t len)
{
	size_t at = MAGICS_SIZE;

	while (len >= at + 4) {
		CLEANUP(arena_release) struct arena arena;
		uint32_t size = number(text + at);
		struct file_entry e;

		arena_init(&arena, ARCHIVE_ARENA_MAX);
		at += 4;
		if (size > MESSAGE_MAX || size > len - at)
			return -1;
		if (wire_decode(&entry_table, text + at, size, &e, &arena, NULL) < 0)
			return -1;
		if (is_root(e.reg))
			return (int)(e.reg->mode & 07777);
		at += size;
	}
	return -1;
}

int root_mode_apply(int dir, int rootfs, struct err *err)
{
	struct stat st;
	AUTO_BUF text;
	int mode;

	buf_init_max(&text, FILES_MAX);
	if (file_read(dir, FILES_IMG, &text, FILES_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read \"" FILES_IMG "\"");
	mode = root_mode_parse(text.s, text.len);
	if (mode < 0 || fstat(rootfs, &st) < 0 || (int)(st.st_mode & 07777) == mode)
		return 0;
	return fchmod(rootfs, (mode_t)mode) < 0 ? err_sys(err, "mode of the root file system") : 0;
}
