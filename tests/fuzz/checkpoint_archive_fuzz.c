/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_archive_fuzz.c - any bytes as a checkpoint archive, and as its documents
 *
 * The first byte chooses: an archive that is unpacked below a directory, one
 * whose changed files are laid over one, spec.dump made fit for this host, a
 * mountinfo that names an overlay.  Oracles: no crash, no sanitizer report; nothing
 * appears beside the directory; what adapt_spec() wrote can be read.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "runtime/archive/archive.h"

#define ROOM ((uint64_t)8 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static size_t count(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	must(d != NULL);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

/* In DIR/in; DIR has nothing else. */
static void below_directory(const uint8_t *data, size_t size, bool changes)
{
	char top[] = "/tmp/archive-fuzz.XXXXXX", in[64];
	AUTO_FD file = memfd_create("archive", MFD_CLOEXEC);
	AUTO_FD dir = -1;

	must(mkdtemp(top) != NULL && str_format(in, sizeof(in), "%s/in", top) == 0);
	must(mkdir(in, 0700) == 0);
	dir = open(in, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(file >= 0 && dir >= 0 && fd_write_full(file, data, size) == 0 &&
	     lseek(file, 0, SEEK_SET) == 0);
	if (changes)
		(void)apply_here(file, (const char *)data, size, dir, NULL);
	else
		(void)unpack_here(file, dir, ROOM, NULL);
	must(count(top) == 3);
	must(file_remove_tree(AT_FDCWD, top) == 0);
}

static void adapt(const uint8_t *data, size_t size)
{
	CLEANUP(arena_release) struct arena arena;
	struct adapted a, again;
	AUTO_BUF out;
	AUTO_BUF twice;

	arena_init(&arena, ARCHIVE_ARENA_MAX);
	buf_init(&out);
	buf_init(&twice);
	if (adapt_spec((const char *)data, size, "/bundle", &out, &a, &arena, NULL) == 0)
		(void)adapt_spec(out.s, out.len, "/bundle", &twice, &again, &arena, NULL);
}

static void overlay(const uint8_t *data, size_t size)
{
	CLEANUP(arena_release) struct arena arena;
	struct overlay_options o;

	arena_init(&arena, ARCHIVE_ARENA_MAX);
	if (upper_parse((const char *)data, size, "/m", &arena, &o))
		must(o.upper != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	switch (data[0] % 4) {
	case 0:
		below_directory(data + 1, size - 1, false);
		break;
	case 1:
		below_directory(data + 1, size - 1, true);
		break;
	case 2:
		adapt(data + 1, size - 1);
		break;
	case 3:
		overlay(data + 1, size - 1);
		break;
	}
	return 0;
}
