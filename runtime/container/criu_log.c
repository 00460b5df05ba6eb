/* SPDX-License-Identifier: Apache-2.0 */
/* criu_log.c - what a criu log says, in words
 *
 * criu's answer holds the first error of its log, which often is harmless
 * (a limit that can't be raised); the cause is among the last ones before
 * "FAILED".  Lines look like "(00.012345) Error (criu/files.c:12): text" or
 * "(00.012345)    12: Error (...): text".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "runtime/container/criu.h"

#define LINE_MAX_ 400

/* Lines that are there with every failure, or without one. */
static const char *const noise[] = {
	"Can't setup RLIMIT_NOFILE", "Dumping FAILED",	      "Restoring FAILED",
	"Pre-dumping FAILED",	     "Killing TASK",	      "exited, status=",
	"killed by signal",	     "Can't wait or bad",     "Can't open dir cgroup",
	"Unlock network failed",     "Unable to kill ",	      "Dump files (pid",
	"Error setting new mark",    "Failed to restore oom", "Can't set oom_score_adj",
};

/* The first that a line holds says it. */
static const struct {
	const char *part, *words;
} known[] = {
	{ "Unexpected rt vDSO", "this criu doesn't know this kernel's vDSO: criu 4.1 or newer is "
				"needed from Linux 6.13 on" },
	{ "Connected TCP socket", "it has TCP connections: --tcp-established keeps them" },
	{ "In-flight connection",
	  "a TCP connection is being made: --tcp-skip-in-flight leaves it out" },
	{ "External socket is used", "it is connected to a unix socket of outside: --ext-unix-sk" },
	{ "half of stream unix", "it is connected to a unix socket of outside: --ext-unix-sk" },
	{ "Can't lookup mount=", "it has a file open that is not of the container" },
	{ "outside of its pid namespace", "it is of a session of outside: --shell-job" },
	{ "hold by file locks", "it holds file locks: --file-locks" },
	{ "file locks are hold", "it holds file locks: --file-locks" },
	{ "Some file locks", "it holds file locks: --file-locks" },
	{ "io_uring", "it uses io_uring, which criu can't save" },
	{ "Tracking memory is not available",
	  "this kernel doesn't track changed memory (soft-dirty)" },
	{ "Can't dump that handle", "it watches a file that criu can't find again (fsnotify)" },
	{ "has bad size", "a file of the root file system isn't as it was" },
	{ "bad mode", "a file of the root file system isn't as it was" },
	{ "Can't fork for", "a process id that it had is taken" },
	{ "Can't bind inet socket", "an address or port that it had isn't free here" },
	{ "iptables", "criu's network lock needs iptables-restore(8): --network-lock nftables" },
	{ "Unable to freeze", "its control group can't be frozen" },
	{ "FPU feature", "this processor lacks what the program used" },
	{ "No space left", "there is no space left for the images" },
	{ "No such image", "the images aren't whole" },
	{ "Can't open file inventory", "there are no images in that directory" },
	{ "No such file or directory", NULL },
};

static bool holds(const char *line, size_t len, const char *part)
{
	return memmem(line, len, part, strlen(part)) != NULL;
}

static bool is_noise(const char *line, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(noise); i++)
		if (holds(line, len, noise[i]))
			return true;
	return false;
}

/* After "Error (file.c:12): "; NULL when the line is none. */
static const char *error_text(const char *line, size_t len, size_t *ret_len)
{
	const char *at = memmem(line, len, "Error (", strlen("Error ("));
	const char *text;

	if (!at)
		return NULL;
	text = memmem(at, len - (size_t)(at - line), "): ", strlen("): "));
	if (!text)
		return NULL;
	text += strlen("): ");
	*ret_len = len - (size_t)(text - line);
	return text;
}

/* One line of messages: no control bytes of what a container called its files. */
static void put(char *dst, size_t size, const char *words, const char *text, size_t len)
{
	size_t n;

	dst[0] = '\0';
	if (words)
		(void)snprintf(dst, size, "%s (", words);
	n = strlen(dst);
	for (size_t i = 0; i < len && n + 3 < size; i++)
		dst[n++] = (char)((unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i]);
	if (words && n + 1 < size)
		dst[n++] = ')';
	dst[n] = '\0';
}

static const char *words_of(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].words && holds(text, len, known[i].part))
			return known[i].words;
	return NULL;
}

void criu_log_explain(const char *log, size_t len, char *dst, size_t size)
{
	const char *best = NULL, *end = log + len, *words = NULL;
	size_t best_len = 0;

	if (size)
		dst[0] = '\0';
	for (const char *line = log; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((stop ? stop : end) - line), text_len = 0;
		const char *text = error_text(line, n, &text_len), *said;

		line += n + 1;
		if (!text || is_noise(text, text_len))
			continue;
		said = words_of(text, text_len);
		/* What is known wins over what came of it; else the first is the cause. */
		if (best && (words || !said))
			continue;
		best = text;
		best_len = text_len;
		words = said;
	}
	if (best && size > 8)
		put(dst, size < LINE_MAX_ ? size : LINE_MAX_, words, best, best_len);
}

/* The vDSO of x86 was split in Linux 6.13. */
int criu_least_for(const char *kernel_release, bool x86)
{
	char *rest;
	long major = strtol(kernel_release, &rest, 10), minor = 0;

	if (*rest == '.')
		minor = strtol(rest + 1, NULL, 10);
	if (x86 && (major > 6 || (major == 6 && minor >= 13)))
		return CRIU_VERSION(4, 1, 0);
	return 0;
}
