/* SPDX-License-Identifier: Apache-2.0 */
/* criu_log_test.c - what a log of criu says, in words */
#include "runtime/container/criu.h"
#include "tests/unit/test.h"

static const char *explain(const char *log)
{
	static char text[400];

	criu_log_explain(log, strlen(log), text, sizeof(text));
	return text;
}

TEST(a_log_without_errors_says_nothing)
{
	CHECK_STR(explain(""), "");
	CHECK_STR(explain("(00.000012) Version: 3.17\n(00.1) Dumping finished successfully\n"), "");
}

TEST(what_is_always_there_is_passed_over)
{
	CHECK_STR(explain("(00.01) Error (criu/util.c:1): Can't setup RLIMIT_NOFILE for self\n"
			  "(00.02) Error (criu/files.c:2): cause it is\n"
			  "(00.03) Error (criu/cr-dump.c:3): Dumping FAILED.\n"),
		  "cause it is");
}

TEST(a_known_error_wins_over_the_first)
{
	CHECK_STR(explain("(00.01) Error (criu/a.c:1): some\n"
			  "(00.02)     12: Error (criu/sk-inet.c:2): inet: Connected TCP socket, "
			  "consider using --tcp-established option.\n"),
		  "it has TCP connections: --tcp-established keeps them (inet: Connected TCP "
		  "socket, consider using --tcp-established option.)");
}

TEST(control_bytes_of_a_file_name_are_not_passed_on)
{
	CHECK_STR(explain("(0) Error (a.c:1): x\033[2Jy\n"), "x?[2Jy");
}

TEST(a_long_line_is_cut)
{
	char log[2000] = "(0) Error (a.c:1): ", out[16];

	memset(log + strlen(log), 'x', 1500);
	criu_log_explain(log, strlen(log), out, sizeof(out));
	CHECK(strlen(out) < sizeof(out));
	CHECK(strlen(out) > 4);
}

TEST(new_kernels_need_a_new_criu_on_x86)
{
	CHECK_INT(criu_least_for("6.12.9-amd64", true), 0);
	CHECK_INT(criu_least_for("6.13.0", true), CRIU_VERSION(4, 1, 0));
	CHECK_INT(criu_least_for("7.0", true), CRIU_VERSION(4, 1, 0));
	CHECK_INT(criu_least_for("6.18.1", false), 0);
	CHECK_INT(criu_least_for("odd", true), 0);
}

TEST(the_options_of_the_cgroup_file_system_are_found)
{
	static const char table[] =
		"24 1 0:5 / /dev rw - devtmpfs dev rw,size=1k\n"
		"30 1 0:26 / /sys/fs/cgroup rw,nosuid shared:8 - cgroup2 cgroup2 rw,nsdelegate\n"
		"31 1 0:27 / /x rw - tmpfs t rw\n";
	char text[64];

	REQUIRE(criu_cgroup_flags_parse(table, text, sizeof(text)));
	CHECK_STR(text, "rw,nsdelegate");
	CHECK(!criu_cgroup_flags_parse("24 1 0:5 / / rw - tmpfs t rw\n", text, sizeof(text)));
	CHECK(!criu_cgroup_flags_parse("24 1 0:5 / / rw - cgroup2 x", text, sizeof(text)));
	CHECK(!criu_cgroup_flags_parse(table, text, 4));
}
