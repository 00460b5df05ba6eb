/* SPDX-License-Identifier: Apache-2.0 */
/* track_test.c - pages written to by another process are found, and it notices nothing */
#include "runtime/migrate/track.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "runtime/migrate/frame.h"
#include "runtime/migrate/inject.h"
#include "tests/unit/test.h"

#define PAGES 512

enum order { IDLE, WRITE, READ_INTO, MAP, MOVE, FORK, QUIT };

/* Shared with the process that is looked at. */
struct desk {
	_Atomic enum order order;
	_Atomic size_t first, count; /* pages */
	_Atomic uint64_t place, other; /* of its memory; of what an order has made */
	_Atomic uint64_t beats; /* it lives */
	_Atomic int child;
	_Atomic bool slept; /* nanosleep(2) came back too early */
};
struct subject {
	struct desk *desk;
	pid_t pid;
	struct track track;
	struct memory_regions runs;
};

static unsigned char *pages_of(size_t n)
{
	unsigned char *p = mmap(NULL, n * FRAME_PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	(void)madvise(p, n * FRAME_PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < n * FRAME_PAGE; i += FRAME_PAGE)
		p[i] = 1;
	return p;
}

static void fork_writer(struct desk *d, unsigned char *memory)
{
	const pid_t pid = fork();

	if (pid == 0) {
		memory[0]++;
		for (;;)
			(void)pause();
	}
	d->child = pid;
}

static void obey(struct desk *d, unsigned char **memory)
{
	const size_t first = d->first, count = d->count;
	unsigned char *more;
	AUTO_FD zero = -1;

	switch ((enum order)d->order) {
	case IDLE:
		return;
	case WRITE:
		for (size_t i = first; i < first + count; i++)
			(*memory)[i * FRAME_PAGE]++;
		break;
	case READ_INTO: /* by the kernel */
		zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
		if (read(zero, *memory + first * FRAME_PAGE, count * FRAME_PAGE) < 0)
			_exit(1);
		break;
	case MAP:
		d->other = (uintptr_t)pages_of(count);
		break;
	case MOVE:
		more = mmap(NULL, PAGES * FRAME_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
		more = mremap(*memory, PAGES * FRAME_PAGE, PAGES * FRAME_PAGE,
			      MREMAP_MAYMOVE | MREMAP_FIXED, more);
		*memory = more;
		d->other = (uintptr_t)more;
		break;
	case FORK:
		fork_writer(d, *memory);
		break;
	case QUIT:
		_exit(0);
	}
	d->order = IDLE;
}

static void live(struct desk *d)
{
	unsigned char *memory = pages_of(PAGES);
	const struct timespec nap = { .tv_nsec = 2000000 };
	struct timespec left;

	/* The child that looks is no ancestor. */
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	d->place = (uintptr_t)memory;
	for (;;) {
		obey(d, &memory);
		d->beats++;
		if (nanosleep(&nap, &left) < 0)
			d->slept = true;
	}
}

static void order(struct subject *s, enum order what, size_t first, size_t count)
{
	s->desk->first = first;
	s->desk->count = count;
	s->desk->order = what;
	while (s->desk->order != IDLE)
		(void)usleep(500);
}

static bool lives_on(const struct subject *s)
{
	const uint64_t before = s->desk->beats;

	for (int i = 0; i < 5000 && s->desk->beats < before + 3; i++)
		(void)usleep(1000);
	return s->desk->beats >= before + 3 && !s->desk->slept;
}

/* Pages at `place` that were written to since the last look. */
static size_t written(struct subject *s, uint64_t place, size_t pages)
{
	const struct memory_region all = { .start = place, .end = place + pages * FRAME_PAGE };
	size_t n = 0;

	s->runs.n = 0;
	CHECK_INT(track_look(&s->track, NULL), 1);
	CHECK_INT(track_region(&s->track, &all, &s->runs, NULL), 0);
	track_looked(&s->track);
	for (size_t i = 0; i < s->runs.n; i++) {
		CHECK(s->runs.v[i].start >= all.start && s->runs.v[i].end <= all.end);
		n += (s->runs.v[i].end - s->runs.v[i].start) / FRAME_PAGE;
	}
	return n;
}

static void begin(struct subject *s, enum track_how how)
{
	const struct track_best best = { how, TRACK_NOTHING };

	*s = (struct subject){ .track = TRACK_INIT };
	s->desk = mmap(NULL, sizeof(*s->desk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	REQUIRE(s->desk != MAP_FAILED);
	s->pid = fork();
	REQUIRE(s->pid >= 0);
	if (s->pid == 0)
		live(s->desk);
	while (!s->desk->place)
		(void)usleep(500);
	track_begin(&s->track, s->pid, &best);
}

static void end(struct subject *s)
{
	track_end(&s->track);
	free(s->runs.v);
	(void)kill(s->pid, SIGKILL);
	if (s->desk->child > 0)
		(void)kill(s->desk->child, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	(void)munmap(s->desk, sizeof(*s->desk));
}

static const struct track_best nothing = { TRACK_NOTHING, TRACK_NOTHING };
static const struct track_best protect = { TRACK_WRITE_PROTECT, TRACK_NOTHING };

/* Not before Linux 6.7, nor where a sandbox denies it. */
static bool begin_protected(struct subject *s)
{
	struct track_best best;

	track_ask(&best);
	if (best.how != TRACK_WRITE_PROTECT)
		return false;
	begin(s, TRACK_WRITE_PROTECT);
	if (s->track.how == TRACK_WRITE_PROTECT)
		return true;
	end(s);
	return false;
}
#define NO_PROTECTION "this kernel has no asynchronous write protection, or denies it"

TEST(a_page_that_is_written_to_is_found_and_no_other)
{
	struct subject s;

	if (!begin_protected(&s))
		SKIP(NO_PROTECTION);
	CHECK_INT(written(&s, s.desk->place, PAGES), PAGES);
	CHECK_INT(written(&s, s.desk->place, PAGES), 0);
	order(&s, WRITE, 7, 100);
	CHECK_INT(written(&s, s.desk->place, PAGES), 100);
	CHECK_INT(s.runs.n, 1);
	CHECK(s.runs.v[0].start == s.desk->place + (uint64_t)7 * FRAME_PAGE);
	order(&s, WRITE, 0, 1);
	order(&s, WRITE, PAGES - 1, 1);
	CHECK_INT(written(&s, s.desk->place, PAGES), 2);
	CHECK_INT(written(&s, s.desk->place, PAGES), 0);
	CHECK(lives_on(&s));
	end(&s);
}

TEST(what_the_kernel_writes_for_it_is_found)
{
	struct subject s;

	if (!begin_protected(&s))
		SKIP(NO_PROTECTION);
	(void)written(&s, s.desk->place, PAGES);
	order(&s, READ_INTO, 20, 3);
	CHECK_INT(written(&s, s.desk->place, PAGES), 3);
	end(&s);
}

TEST(what_is_mapped_or_moved_later_counts_as_written_to)
{
	struct subject s;
	uint64_t more;

	if (!begin_protected(&s))
		SKIP(NO_PROTECTION);
	(void)written(&s, s.desk->place, PAGES);
	order(&s, MAP, 0, 16);
	more = s.desk->other;
	CHECK_INT(written(&s, more, 16), 16);
	CHECK_INT(written(&s, more, 16), 0);
	order(&s, MOVE, 0, 0);
	order(&s, WRITE, 5, 2);
	CHECK(written(&s, s.desk->other, PAGES) >= 2);
	order(&s, WRITE, 5, 2);
	CHECK_INT(written(&s, s.desk->other, PAGES), 2);
	end(&s);
}

TEST(a_child_is_a_process_of_its_own)
{
	struct subject s;
	struct track child;

	if (!begin_protected(&s))
		SKIP(NO_PROTECTION);
	(void)written(&s, s.desk->place, PAGES);
	order(&s, FORK, 0, 0);
	/* Its memory is another's copy: nothing is known of it. */
	child = s.track;
	track_begin(&s.track, s.desk->child, &nothing);
	CHECK_INT(written(&s, s.desk->place, PAGES), PAGES);
	track_end(&s.track);
	s.track = child;
	order(&s, WRITE, 1, 4);
	CHECK_INT(written(&s, s.desk->place, PAGES), 4);
	CHECK(lives_on(&s));
	end(&s);
}

TEST(afterwards_nothing_is_left_in_the_process)
{
	char path[64], line[512], protected_at[32];
	bool inside = false, left = false, there = false;
	struct subject s;
	FILE *f;

	if (!begin_protected(&s))
		SKIP(NO_PROTECTION);
	(void)written(&s, s.desk->place, PAGES);
	track_end(&s.track);
	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)s.pid);
	(void)snprintf(protected_at, sizeof(protected_at), "%llx-",
		       (unsigned long long)s.desk->place);
	f = fopen(path, "re");
	REQUIRE(f != NULL);
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "-") && strchr(line, '-') < strchr(line, ' '))
			inside = strncmp(line, protected_at, strlen(protected_at)) == 0;
		if (strncmp(line, "VmFlags:", 8) != 0)
			continue;
		there = there || inside;
		left = left || strstr(line, " uw");
	}
	(void)fclose(f);
	CHECK(!left);
	/* Of the descriptor that it had for a moment too. */
	for (int fd = 0; fd < 64; fd++) {
		ssize_t n;

		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)s.pid, fd);
		n = readlink(path, line, sizeof(line) - 1);
		line[n > 0 ? n : 0] = '\0';
		CHECK(!strstr(line, "userfaultfd"));
	}
	order(&s, WRITE, 0, PAGES);
	CHECK(lives_on(&s));
	end(&s);
}

TEST(a_process_is_asked_often_and_never_harmed)
{
	struct subject s;

	if (!begin_protected(&s))
		SKIP(NO_PROTECTION);
	for (int i = 0; i < 200; i++) {
		AUTO_FD fd = inject_userfaultfd(s.pid);

		CHECK(fd >= 0);
	}
	CHECK(lives_on(&s));
	end(&s);
}

/* Ours end at any moment of it: what is left is a process that goes on. */
TEST(the_end_of_who_tracks_is_not_noticed)
{
	struct subject s;

	if (!begin_protected(&s))
		SKIP(NO_PROTECTION);
	track_end(&s.track);
	for (int i = 0; i < 100; i++) {
		const pid_t pid = fork();

		REQUIRE(pid >= 0);
		if (pid == 0) {
			struct subject other = { .desk = s.desk,
						 .pid = s.pid,
						 .track = TRACK_INIT };

			for (;;) {
				track_begin(&other.track, s.pid, &protect);
				if (other.track.how == TRACK_WRITE_PROTECT)
					(void)written(&other, s.desk->place, PAGES);
				track_end(&other.track);
			}
		}
		(void)usleep((useconds_t)(i * 97 % 4000));
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		order(&s, WRITE, 0, 10);
	}
	CHECK(lives_on(&s));
	end(&s);
}

TEST(signals_meanwhile_are_delivered)
{
	struct subject s;
	siginfo_t info;

	if (!begin_protected(&s))
		SKIP(NO_PROTECTION);
	for (int i = 0; i < 50; i++) {
		(void)kill(s.pid, SIGWINCH); /* ignored by default */
		AUTO_FD fd = inject_userfaultfd(s.pid);

		CHECK(fd >= 0 || errno == EINTR);
	}
	(void)kill(s.pid, SIGSTOP);
	REQUIRE(waitid(P_PID, (id_t)s.pid, &info, WSTOPPED | WNOWAIT) == 0);
	CHECK_INT(inject_userfaultfd(s.pid), -1);
	CHECK_INT(errno, EBUSY);
	(void)kill(s.pid, SIGCONT);
	CHECK(lives_on(&s) || s.desk->slept);
	end(&s);
}

TEST(without_help_of_the_kernel_every_page_counts)
{
	struct subject s;

	begin(&s, TRACK_NOTHING);
	CHECK_INT(written(&s, s.desk->place, PAGES), PAGES);
	CHECK_INT(written(&s, s.desk->place, PAGES), PAGES);
	end(&s);
}

TEST(what_a_look_can_miss_is_known)
{
	struct track t = { .pid = getpid(), .how = TRACK_SOFT_DIRTY };
	int ends[2];

	CHECK(track_lossy(&t, false));
	CHECK(!track_lossy(&t, true));
	t.how = TRACK_NOTHING;
	CHECK(!track_lossy(&t, false));
	t.how = TRACK_WRITE_PROTECT;
	CHECK(!track_lossy(&t, false));
	/* a descriptor past the cache, of whatever kind */
	REQUIRE(pipe2(ends, O_CLOEXEC | O_DIRECT) == 0);
	CHECK(track_lossy(&t, true));
	(void)fd_close(ends[0]);
	(void)fd_close(ends[1]);
}
