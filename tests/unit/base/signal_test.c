/* SPDX-License-Identifier: Apache-2.0 */
/* signal_test.c - signals by name */
#include <signal.h>

#include "base/compiler.h"
#include "base/proc.h"
#include "tests/unit/test.h"

TEST(every_spelling_is_understood)
{
	CHECK_INT(signal_parse("TERM"), SIGTERM);
	CHECK_INT(signal_parse("SIGTERM"), SIGTERM);
	CHECK_INT(signal_parse("sigterm"), SIGTERM);
	CHECK_INT(signal_parse("Kill"), SIGKILL);
	CHECK_INT(signal_parse("15"), 15);
	CHECK_INT(signal_parse("64"), 64);
	CHECK_INT(signal_parse("0"), 0);
	CHECK_INT(signal_parse("RTMIN"), SIGRTMIN);
	CHECK_INT(signal_parse("SIGRTMIN+3"), SIGRTMIN + 3);
	CHECK_INT(signal_parse("rtmax-1"), SIGRTMAX - 1);
	CHECK_INT(signal_parse("POLL"), SIGIO);
	CHECK_INT(signal_parse("CLD"), SIGCHLD);
}

TEST(other_words_are_not_signals)
{
	static const char *const bad[] = { "",	       "65",	 "-1",	    "TER",     "TERMS",
					   "SIG",      "SIGSIG", "RTMIN-1", "RTMAX+1", "RTMIN+",
					   "RTMIN+99", "RTMAX-", "9x" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(signal_parse(bad[i]), -1);
}

TEST(names_and_numbers_agree)
{
	for (int sig = 1; sig < 32; sig++) {
		const char *name = signal_name(sig);

		REQUIRE(name);
		CHECK_INT(signal_parse(name), sig);
	}
	CHECK_STR(signal_name(SIGABRT), "SIGABRT");
	CHECK(!signal_name(0));
	CHECK(!signal_name(99));
}
