/* SPDX-License-Identifier: Apache-2.0 */
/* io_test.c - pipes, fifos and files between a process and its readers */
#include "runtime/shim/io.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

static struct loop loop;
static struct io io;
static char dir[64], in[96], out[96];
static bool drained;

static void stop_loop(struct timer *t)
{
	(void)t;
	loop.stop = true;
}

static void run_for(int64_t ms)
{
	struct timer t = { .fired = stop_loop };

	loop.stop = false;
	timer_start(&loop, &t, loop_now() + ms * 1000000);
	CHECK_INT(loop_run(&loop, NULL), 0);
}

static void on_drained(struct io *i)
{
	(void)i;
	drained = true;
}

static void prepare(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/shim-test.XXXXXX");
	REQUIRE(mkdtemp(dir));
	(void)snprintf(in, sizeof(in), "%s/in", dir);
	(void)snprintf(out, sizeof(out), "%s/out", dir);
	REQUIRE(mkfifo(in, 0600) == 0 && mkfifo(out, 0600) == 0);
	REQUIRE(loop_init(&loop, NULL) == 0);
	io_init(&io, &loop);
	io.drained = on_drained;
	drained = false;
	(void)signal(SIGPIPE, SIG_IGN);
}

static void finish(void)
{
	io_close(&io);
	(void)fd_close(loop.epoll);
	CHECK_INT(file_remove_tree(AT_FDCWD, dir), 0);
}

static ssize_t got(int fd, char *text, size_t size)
{
	ssize_t n;

	run_for(5);
	n = read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	return n;
}

TEST(output_goes_to_the_fifo_and_ends_with_the_process)
{
	struct err err = { 0 };
	char text[64];
	int reader, process;

	prepare();
	reader = open(out, O_RDONLY | O_NONBLOCK);
	CHECK_INT(io_open(&io, &(struct io_options){ .out = out }, &err), 0);
	CHECK(io.child[0] < 0 && io.child[2] < 0);
	process = dup(io.child[1]);
	io_start(&io, -1);
	CHECK_INT(io.child[1], -1);
	CHECK_INT(write(process, "hello", 5), 5);
	CHECK_INT(got(reader, text, sizeof(text)), 5);
	CHECK_STR(text, "hello");
	CHECK_INT(got(reader, text, sizeof(text)), -1); /* nothing, but no end */
	(void)fd_close(process);
	CHECK_INT(got(reader, text, sizeof(text)), 0);
	CHECK(!io.out.open);
	(void)fd_close(reader);
	finish();
}

TEST(a_full_fifo_holds_the_process_up_and_loses_nothing)
{
	static char much[200000];
	size_t written = 0, total = 0;
	char text[4096];
	int reader, process;
	ssize_t n;

	prepare();
	reader = open(out, O_RDONLY | O_NONBLOCK);
	CHECK_INT(io_open(&io, &(struct io_options){ .out = out }, NULL), 0);
	process = fcntl(io.child[1], F_DUPFD_CLOEXEC, 3);
	CHECK_INT(fd_set_nonblock(process, true), 0);
	io_start(&io, -1);
	while ((n = write(process, much, sizeof(much) - written)) > 0) {
		written += (size_t)n;
		run_for(2);
	}
	CHECK(written >= 65536 * 2 - 4096 && written < sizeof(much));
	CHECK(!io_is_drained(&io));
	io_wait(&io);
	run_for(5);
	CHECK(!drained);
	for (int i = 0; i < 100 && total < written; i++) {
		while ((n = read(reader, text, sizeof(text))) > 0)
			total += (size_t)n;
		run_for(1);
	}
	CHECK_INT(total, written);
	CHECK(drained && io_is_drained(&io));
	(void)fd_close(process);
	(void)fd_close(reader);
	finish();
}

TEST(the_end_waits_for_a_reader_that_comes_late)
{
	char text[64];
	int reader, process;

	prepare();
	CHECK_INT(io_open(&io, &(struct io_options){ .out = out }, NULL), 0);
	process = dup(io.child[1]);
	io_start(&io, -1);
	CHECK_INT(write(process, "bye", 3), 3);
	(void)fd_close(process);
	io_process_ended(&io);
	run_for(30);
	CHECK(io.out.open && !io_is_drained(&io));
	io_wait(&io);
	/* Would block for ever if nobody wrote any more. */
	reader = open(out, O_RDONLY);
	run_for(30);
	CHECK(!io.out.open && drained);
	CHECK_INT(got(reader, text, sizeof(text)), 3);
	CHECK_INT(got(reader, text, sizeof(text)), 0);
	(void)fd_close(reader);
	finish();
}

TEST(the_end_is_not_given_while_a_worker_s_copy_looks_like_a_reader)
{
	char text[64];
	int reader, process, copy;

	prepare();
	CHECK_INT(io_open(&io, &(struct io_options){ .out = out }, NULL), 0);
	copy = open(out, O_RDONLY | O_NONBLOCK); /* as a worker has one, after the fork */
	loop.copies = 1;
	process = dup(io.child[1]);
	io_start(&io, -1);
	CHECK_INT(write(process, "bye", 3), 3);
	(void)fd_close(process);
	io_process_ended(&io);
	run_for(30);
	CHECK(io.out.open);
	(void)fd_close(copy);
	loop.copies = 0;
	run_for(30);
	CHECK(io.out.open);
	reader = open(out, O_RDONLY);
	run_for(30);
	CHECK(!io.out.open);
	CHECK_INT(got(reader, text, sizeof(text)), 3);
	(void)fd_close(reader);
	finish();
}

TEST(the_end_does_not_wait_for_one_that_has_read_all_and_gone)
{
	char text[64];
	int reader, process;

	prepare();
	reader = open(out, O_RDONLY | O_NONBLOCK);
	CHECK_INT(io_open(&io, &(struct io_options){ .out = out }, NULL), 0);
	process = dup(io.child[1]);
	io_start(&io, -1);
	CHECK_INT(write(process, "bye", 3), 3);
	CHECK_INT(got(reader, text, sizeof(text)), 3);
	(void)fd_close(reader);
	(void)fd_close(process);
	run_for(10);
	CHECK(!io.out.open);
	finish();
}

TEST(input_stays_open_until_it_is_closed_on_both_sides)
{
	char text[64];
	int writer, process;

	prepare();
	CHECK_INT(io_open(&io, &(struct io_options){ .in = in, .out = out }, NULL), 0);
	process = dup(io.child[0]);
	CHECK_INT(fd_set_nonblock(process, true), 0);
	io_start(&io, -1);
	writer = open(in, O_WRONLY | O_NONBLOCK);
	CHECK_INT(write(writer, "one", 3), 3);
	CHECK_INT(got(process, text, sizeof(text)), 3);
	(void)fd_close(writer);
	CHECK_INT(got(process, text, sizeof(text)), -1);
	writer = open(in, O_WRONLY | O_NONBLOCK);
	io_close_stdin(&io);
	CHECK_INT(write(writer, "two", 3), 3);
	CHECK_INT(got(process, text, sizeof(text)), 3);
	(void)fd_close(writer);
	CHECK_INT(got(process, text, sizeof(text)), 0);
	(void)fd_close(process);
	finish();
}

TEST(a_process_that_reads_no_more_ends_its_input)
{
	int writer, process;

	prepare();
	CHECK_INT(io_open(&io, &(struct io_options){ .in = in, .out = out }, NULL), 0);
	process = dup(io.child[0]);
	io_start(&io, -1);
	(void)fd_close(process);
	writer = open(in, O_WRONLY | O_NONBLOCK);
	CHECK_INT(write(writer, "x", 1), 1);
	run_for(5);
	CHECK(!io.in.open);
	(void)fd_close(writer);
	finish();
}

TEST(a_file_is_made_with_its_folders_and_appended_to)
{
	char url[128], path[96];
	struct buf text;
	int process;

	prepare();
	(void)snprintf(path, sizeof(path), "%s/a/b/log", dir);
	(void)snprintf(url, sizeof(url), "file://%s", path);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(io_open(&io, &(struct io_options){ .out = url }, NULL), 0);
		process = dup(io.child[2]);
		io_start(&io, -1);
		CHECK_INT(write(process, "line\n", 5), 5);
		(void)fd_close(process);
		run_for(5);
		io_close(&io);
		io_init(&io, &loop);
	}
	buf_init(&text);
	CHECK_INT(file_read(AT_FDCWD, path, &text, 100, true), 0);
	CHECK_STR(text.s, "line\nline\n");
	buf_release(&text);
	finish();
}

TEST(a_file_takes_more_than_one_turn_s_worth)
{
	static char much[1 << 20];
	char url[128], path[96];
	struct stat st;
	int process;

	prepare();
	(void)snprintf(path, sizeof(path), "%s/log", dir);
	(void)snprintf(url, sizeof(url), "file://%s", path);
	CHECK_INT(io_open(&io, &(struct io_options){ .out = url }, NULL), 0);
	process = fcntl(io.child[1], F_DUPFD_CLOEXEC, 3);
	(void)fcntl(process, F_SETPIPE_SZ,
		    sizeof(much)); /* EPERM for an ordinary user: less then */
	CHECK_INT(fd_set_nonblock(process, true), 0);
	io_start(&io, -1);
	CHECK(write(process, much, sizeof(much)) >= 65536);
	run_for(20);
	CHECK(stat(path, &st) == 0 && st.st_size >= 65536);
	CHECK(io_is_drained(&io));
	CHECK_INT(write(process, "x", 1), 1);
	(void)fd_close(process);
	run_for(20);
	CHECK(!io.out.open);
	finish();
}

TEST(a_terminal_is_copied_both_ways)
{
	int master, slave, reader, writer;
	char text[64];

	prepare();
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || unlockpt(master) < 0) {
		finish();
		return;
	}
	slave = open(ptsname(master),
		     O_RDWR | O_NOCTTY | O_NONBLOCK); /* NOLINT(concurrency-mt-unsafe) */
	reader = open(out, O_RDONLY | O_NONBLOCK);
	CHECK_INT(
		io_open(&io, &(struct io_options){ .in = in, .out = out, .terminal = true }, NULL),
		0);
	CHECK(io.child[0] < 0 && io.child[1] < 0);
	io_start(&io, master);
	writer = open(in, O_WRONLY | O_NONBLOCK);
	CHECK_INT(write(slave, "hi", 2), 2);
	CHECK_INT(got(reader, text, sizeof(text)), 2);
	CHECK_INT(write(writer, "x\n", 2), 2);
	CHECK_INT(got(slave, text, sizeof(text)), 2);
	CHECK_INT(io_resize(&io, 99, 11, NULL), 0);
	(void)fd_close(slave);
	run_for(10);
	CHECK(io.out.open); /* somebody may open it again */
	io_process_ended(&io);
	run_for(10);
	CHECK(!io.out.open && !io.in.open);
	(void)fd_close(writer);
	(void)fd_close(reader);
	finish();
}

TEST(what_cannot_be_opened_leaves_nothing_open)
{
	struct err err = { 0 };
	int before, after;

	prepare();
	before = dup(0);
	(void)fd_close(before);
	CHECK_INT(io_open(&io, &(struct io_options){ .in = in, .out = "/no/such" }, &err), -1);
	CHECK(strstr(err.msg, "/no/such"));
	CHECK_INT(io_open(&io, &(struct io_options){ .out = "tcp://host:1" }, &err), -1);
	CHECK_STR(err.msg, "unknown STDIO scheme tcp");
	after = dup(0);
	CHECK_INT(before, after);
	(void)fd_close(after);
	finish();
}
