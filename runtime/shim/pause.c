/* SPDX-License-Identifier: Apache-2.0 */
/* pause.c - the process that holds a pod's namespaces when there is no pause image
 *
 * This program again, executed by the descriptor that it was lent
 * (sandbox.c).  With a process namespace for the whole pod it is process 1:
 * it reaps.  signal(7), pid_namespaces(7)
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "runtime/shim/shim.h"

int pause_main(void)
{
	sigset_t set;

	(void)prctl(PR_SET_NAME, "pause", 0, 0, 0);
	if (fd_close_from(0) < 0 || sigemptyset(&set) < 0 || sigaddset(&set, SIGCHLD) < 0 ||
	    sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return 1;
	for (;;) {
		int sig = sigwaitinfo(&set, NULL);

		if (sig == SIGTERM || sig == SIGINT)
			return 0;
		if (sig < 0 && errno != EINTR)
			return 1;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
