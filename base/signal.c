/* SPDX-License-Identifier: Apache-2.0 */
/* signal.c - signals by name (declared in proc.h)
 *
 * Names are for the architecture we run on; real-time signals count from the
 * libc's SIGRTMIN (34), as in kill(1).  signal(7).
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/proc.h"
#include "base/units.h"

#define SIGNAL_MAX 64

/* The first name of a number is the one it is called by. */
static const struct {
	const char *name;
	int sig;
} signals[] = {
	{ "SIGHUP", SIGHUP },	    { "SIGINT", SIGINT },   { "SIGQUIT", SIGQUIT },
	{ "SIGILL", SIGILL },	    { "SIGTRAP", SIGTRAP }, { "SIGABRT", SIGABRT },
	{ "SIGBUS", SIGBUS },	    { "SIGFPE", SIGFPE },   { "SIGKILL", SIGKILL },
	{ "SIGUSR1", SIGUSR1 },	    { "SIGSEGV", SIGSEGV }, { "SIGUSR2", SIGUSR2 },
	{ "SIGPIPE", SIGPIPE },	    { "SIGALRM", SIGALRM }, { "SIGTERM", SIGTERM },
	{ "SIGCHLD", SIGCHLD },	    { "SIGCONT", SIGCONT }, { "SIGSTOP", SIGSTOP },
	{ "SIGTSTP", SIGTSTP },	    { "SIGTTIN", SIGTTIN }, { "SIGTTOU", SIGTTOU },
	{ "SIGURG", SIGURG },	    { "SIGXCPU", SIGXCPU }, { "SIGXFSZ", SIGXFSZ },
	{ "SIGVTALRM", SIGVTALRM }, { "SIGPROF", SIGPROF }, { "SIGWINCH", SIGWINCH },
	{ "SIGIO", SIGIO },	    { "SIGPWR", SIGPWR },   { "SIGSYS", SIGSYS },
#ifdef SIGSTKFLT
	{ "SIGSTKFLT", SIGSTKFLT },
#endif
	{ "SIGIOT", SIGABRT },	    { "SIGCLD", SIGCHLD },  { "SIGPOLL", SIGIO },
	{ "SIGUNUSED", SIGSYS },
};

/* "RTMIN", "RTMIN+3", "RTMAX-1". */
static int parse_realtime(const char *name)
{
	int base;
	int sign;
	uint64_t offset = 0;

	if (strncasecmp(name, "RTMIN", 5) == 0) {
		base = SIGRTMIN;
		sign = '+';
	} else if (strncasecmp(name, "RTMAX", 5) == 0) {
		base = SIGRTMAX;
		sign = '-';
	} else {
		return -1;
	}
	if (name[5] == '\0')
		return base;
	if (name[5] != sign || units_u64(name + 6, (uint64_t)(SIGRTMAX - SIGRTMIN), &offset) < 0)
		return -1;
	return sign == '+' ? base + (int)offset : base - (int)offset;
}

int signal_parse(const char *name)
{
	uint64_t number;

	if (units_u64(name, SIGNAL_MAX, &number) == 0)
		return (int)number;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (strcasecmp(name, signals[i].name + 3) == 0)
			return signals[i].sig;
	}
	return parse_realtime(name);
}

const char *signal_name(int sig)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (signals[i].sig == sig)
			return signals[i].name;
	}
	return NULL;
}
