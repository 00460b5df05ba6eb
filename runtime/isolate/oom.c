/* SPDX-License-Identifier: Apache-2.0 */
/* oom.c - how soon the process is killed when memory runs out
 *
 * runtime-spec config.md "oomScoreAdj"; proc(5) oom_score_adj.
 */
#include "runtime/isolate/oom.h"

#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/file.h"

#define OOM_SCORE_MIN (-1000)
#define OOM_SCORE_MAX 1000

int oom_apply(pid_t pid, int value, struct err *err)
{
	char path[64], text[16];

	if (value < OOM_SCORE_MIN || value > OOM_SCORE_MAX)
		return err_field(err, ERANGE, "/process/oomScoreAdj",
				 "out-of-memory score %d is not within -1000 and 1000", value);
	if ((pid == 0 ? str_copy(path, sizeof(path), "/proc/self/oom_score_adj")
		      : str_format(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid)) < 0 ||
	    str_format(text, sizeof(text), "%d", value) < 0)
		return err_sys(err, "format the out-of-memory score");
	if (file_write_text(AT_FDCWD, path, text) < 0)
		return err_sys(err, "write %s to \"%s\"", text, path);
	return 0;
}
