/* SPDX-License-Identifier: Apache-2.0 */
/* track.c - which pages of a running process were written to since they were looked at
 *
 * userfaultfd(2); ioctl_userfaultfd(2); proc(5) pagemap, clear_refs; the kernel's
 * Documentation/admin-guide/mm/pagemap.rst.
 */
#include "runtime/migrate/track.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/migrate/frame.h"
#include "runtime/migrate/inject.h"

#define MAP_CHUNK	 4096 /* entries of pagemap at a time */
#define RUNS_MAX	 1024 /* answers of one scan */
#define PM_PRESENT	 ((uint64_t)1 << 63)
#define PM_SWAP		 ((uint64_t)1 << 62)
#define PM_FILE		 ((uint64_t)1 << 61)
#define PM_EXCLUSIVE	 ((uint64_t)1 << 56)
#define PM_SOFT_DIRTY	 ((uint64_t)1 << 55)
#define CLEAR_SOFT_DIRTY "4"

/* linux/userfaultfd.h and linux/fs.h of Linux 6.7 */
#ifndef UFFD_FEATURE_WP_UNPOPULATED
# define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
# define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#ifndef PAGEMAP_SCAN
struct page_region {
	__u64 start, end, categories;
};
struct pm_scan_arg {
	__u64 size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted,
		category_mask, category_anyof_mask, return_mask;
};
# define PAGEMAP_SCAN	       _IOWR('f', 16, struct pm_scan_arg)
# define PM_SCAN_WP_MATCHING   (1 << 0)
# define PM_SCAN_CHECK_WPASYNC (1 << 1)
# define PAGE_IS_WRITTEN       (1 << 1)
# define PAGE_IS_FILE	       (1 << 2)
# define PAGE_IS_PRESENT       (1 << 3)
# define PAGE_IS_SWAPPED       (1 << 4)
# define PAGE_IS_PFNZERO       (1 << 5)
#endif

/* --- what there is ---------------------------------------------------------------------------- */

static int agree_on_features(int uffd)
{
	struct uffdio_api api = { .api = UFFD_API,
				  .features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED };

	return ioctl(uffd, UFFDIO_API, &api);
}

static bool has_write_protection(void)
{
	AUTO_FD uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

	return uffd >= 0 && agree_on_features(uffd) == 0;
}

/* A page that was just written to says so. */
static bool has_soft_dirty(void)
{
	static unsigned char page[2 * FRAME_PAGE];
	volatile unsigned char *at = page;
	uint64_t entry = 0;
	AUTO_FD pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	*at = 1;
	return pagemap >= 0 &&
	       pread(pagemap, &entry, sizeof(entry),
		     (off_t)((uintptr_t)page / FRAME_PAGE * sizeof(entry))) == sizeof(entry) &&
	       entry & PM_SOFT_DIRTY;
}

void track_ask(struct track_best *ret)
{
	ret->next = has_soft_dirty() ? TRACK_SOFT_DIRTY : TRACK_NOTHING;
	ret->how = has_write_protection() ? TRACK_WRITE_PROTECT : ret->next;
}

const char *track_name(enum track_how how)
{
	switch (how) {
	case TRACK_NOTHING:
		break;
	case TRACK_SOFT_DIRTY:
		return "soft-dirty";
	case TRACK_WRITE_PROTECT:
		return "write-protect";
	}
	return "contents";
}

/* --- one process ------------------------------------------------------------------------------ */

/* Filters, a debugger or the limit of its descriptors may keep it from having one. */
static void protect(struct track *t)
{
	t->uffd = inject_userfaultfd(t->pid);
	if (t->uffd < 0 || agree_on_features(t->uffd) < 0) {
		t->uffd = fd_close(t->uffd);
		t->how = t->next;
	}
}

void track_begin(struct track *t, pid_t pid, const struct track_best *best)
{
	*t = (struct track){
		.pid = pid, .how = best->how, .next = best->next, .uffd = -1, .pagemap = -1
	};
	if (t->how == TRACK_WRITE_PROTECT)
		protect(t);
}

int track_look(struct track *t, struct err *err)
{
	char path[64];

	/* Anew each time: after an execve(2) it would show what was there before. */
	t->pagemap = fd_close(t->pagemap);
	if (str_format(path, sizeof(path), "/proc/%d/pagemap", (int)t->pid) < 0)
		return err_sys(err, "process %d", (int)t->pid);
	t->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (t->pagemap >= 0)
		return 1;
	return errno == ENOENT || errno == ESRCH ? 0 : err_sys(err, "open \"%s\"", path);
}

static int add_runs(const struct page_region *v, size_t n, struct memory_regions *ret,
		    struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (memory_regions_extend(ret, v[i].start, v[i].end, err) < 0)
			return -1;
	return 0;
}

/* 1 all of it; 0 (part of) it isn't protected by us, errno says why; -1. */
static int scan(const struct track *t, const struct memory_region *r, struct memory_regions *ret,
		struct err *err)
{
	struct page_region runs[RUNS_MAX];
	struct pm_scan_arg a = {
		.size = sizeof(a),
		.flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
		.start = r->start,
		.end = r->end,
		.vec = (uintptr_t)runs,
		.vec_len = RUNS_MAX,
		/* Of files: unchanged, or criu's under another number.  The page of zeros is
		 * none. */
		.category_inverted = PAGE_IS_FILE | PAGE_IS_PFNZERO,
		.category_mask = PAGE_IS_WRITTEN | PAGE_IS_FILE | PAGE_IS_PFNZERO,
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		.return_mask = PAGE_IS_WRITTEN,
	};

	while (a.start < r->end) {
		const int n = ioctl(t->pagemap, PAGEMAP_SCAN, &a);

		if (n < 0)
			return 0;
		if (add_runs(runs, (size_t)n, ret, err) < 0)
			return -1;
		if (a.walk_end <= a.start)
			break;
		a.start = a.walk_end;
	}
	return 1;
}

static int protect_region(const struct track *t, const struct memory_region *r)
{
	struct uffdio_register u = {
		.range = { r->start, r->end - r->start },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	return ioctl(t->uffd, UFFDIO_REGISTER, &u);
}

static bool is_wanted(const struct track *t, uint64_t entry)
{
	if (!(entry & (PM_PRESENT | PM_SWAP)) || entry & PM_FILE)
		return false;
	/* What isn't this process's alone may be the large page of zeros, which nobody has written to
	 * but which isn't what was there before. */
	return !t->begun || t->how != TRACK_SOFT_DIRTY || entry & PM_SOFT_DIRTY ||
	       !(entry & (PM_EXCLUSIVE | PM_SWAP));
}

static int read_entries(const struct track *t, const struct memory_region *r,
			struct memory_regions *ret, struct err *err)
{
	uint64_t entries[MAP_CHUNK];

	for (uint64_t at = r->start; at < r->end;) {
		uint64_t want = (r->end - at) / FRAME_PAGE;
		ssize_t n;

		if (want > MAP_CHUNK)
			want = MAP_CHUNK;
		n = pread(t->pagemap, entries, want * sizeof(*entries),
			  (off_t)(at / FRAME_PAGE * sizeof(*entries)));
		if (n <= 0)
			return 0; /* it has ended */
		for (size_t i = 0; i < (size_t)n / sizeof(*entries); i++, at += FRAME_PAGE)
			if (is_wanted(t, entries[i]) &&
			    memory_regions_extend(ret, at, at + FRAME_PAGE, err) < 0)
				return -1;
	}
	return 0;
}

int track_region(struct track *t, const struct memory_region *r, struct memory_regions *ret,
		 struct err *err)
{
	const size_t before = ret->n;
	const uint64_t end = before ? ret->v[before - 1].end : 0;

	/* What is new, or was moved, isn't protected yet: then all of it counts as written to. */
	for (int tries = 0; t->how == TRACK_WRITE_PROTECT && tries < 2; tries++) {
		int rc = scan(t, r, ret, err);

		if (rc < 0)
			return -1;
		/* The scan that failed may have reset what it didn't come to tell. */
		if (rc > 0 && (tries == 0 || !t->begun))
			return 0;
		ret->n = before;
		if (before)
			ret->v[before - 1].end = end;
		if (rc > 0)
			break;
		if (protect_region(t, r) == 0)
			continue;
		/* After an execve(2) it is another memory. */
		if (errno == ENOMEM || errno == ESRCH) {
			t->uffd = fd_close(t->uffd);
			protect(t);
			t->begun = false;
		} else {
			break;
		}
	}
	return read_entries(t, r, ret, err);
}

void track_looked(struct track *t)
{
	char path[64];

	/* A write between the look and this is lost, unless the process stands still. */
	if (t->how == TRACK_SOFT_DIRTY &&
	    str_format(path, sizeof(path), "/proc/%d/clear_refs", (int)t->pid) == 0)
		(void)file_write_text(AT_FDCWD, path, CLEAR_SOFT_DIRTY);
	t->begun = true;
	t->pagemap = fd_close(t->pagemap);
}

void track_end(struct track *t)
{
	t->pagemap = fd_close(t->pagemap);
	t->uffd = fd_close(t->uffd);
}

/* --- what it can't see ------------------------------------------------------------------------ */

static bool is_direct(int dir, const char *name)
{
	char text[256], *flags;
	AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : fd_read_full(fd, text, sizeof(text) - 1);

	if (n < 0)
		return false;
	text[n] = '\0';
	flags = strstr(text, "flags:");
	return flags && strtoul(flags + strlen("flags:"), NULL, 8) & O_DIRECT;
}

/* A read into memory that was protected after the kernel had found its pages shows nowhere.  (With
 * soft-dirty bits the kernel leaves such pages as they are.) */
static bool has_direct(pid_t pid)
{
	char path[64];
	bool found = false;
	DIR *list;

	if (str_format(path, sizeof(path), "/proc/%d/fdinfo", (int)pid) < 0)
		return true;
	list = opendir(path);
	if (!list)
		return true;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	for (struct dirent *e = readdir(list); e && !found; e = readdir(list))
		found = e->d_name[0] != '.' && is_direct(dirfd(list), e->d_name);
	(void)closedir(list);
	return found;
}

bool track_lossy(const struct track *t, bool still)
{
	switch (t->how) {
	case TRACK_NOTHING:
		break;
	case TRACK_SOFT_DIRTY:
		return !still;
	case TRACK_WRITE_PROTECT:
		return has_direct(t->pid);
	}
	return false;
}
