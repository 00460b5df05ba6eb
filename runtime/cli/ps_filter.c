/* SPDX-License-Identifier: Apache-2.0 */
/* ps_filter.c - the lines of ps(1) that belong to some processes
 *
 * Columns are counted in words, as runc does it: ps aligns them, but how wide
 * they are depends on their contents.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/units.h"
#include "runtime/cli/ps_filter.h"

#define BLANKS " \t"

/* The n-th word of line and its length, or NULL. */
static const char *word_at(const char *line, size_t n, size_t *ret_len)
{
	for (;; n--) {
		line += strspn(line, BLANKS);
		*ret_len = strcspn(line, BLANKS);
		if (*ret_len == 0)
			return NULL;
		if (n == 0)
			return line;
		line += *ret_len;
	}
}

static int find_column(const char *header, size_t *ret, struct err *err)
{
	const char *word;
	size_t len;
	for (size_t i = 0; (word = word_at(header, i, &len)); i++) {
		if (len == 3 && memcmp(word, "PID", len) == 0) {
			*ret = i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "couldn't find PID field in ps output");
}

static bool is_wanted(const char *line, size_t column, const pid_t *pids, size_t n)
{
	char text[24];
	size_t len;
	uint64_t pid;
	const char *word = word_at(line, column, &len);
	if (!word || len >= sizeof(text))
		return false;
	memcpy(text, word, len);
	text[len] = 0;
	if (units_u64(text, INT_MAX, &pid) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == (pid_t)pid)
			return true;
	}
	return false;
}

int ps_filter(char *table, const pid_t *pids, size_t n, struct buf *out, struct err *err)
{
	char *rest = table;
	const char *line = strsep(&rest, "\n");
	size_t column;
	if (find_column(line, &column, err) < 0)
		return -1;
	buf_printf(out, "%s\n", line);
	while ((line = strsep(&rest, "\n"))) {
		if (is_wanted(line, column, pids, n))
			buf_printf(out, "%s\n", line);
	}
	return 0;
}
