/* SPDX-License-Identifier: Apache-2.0 */
/* true.c - the least that a container can run: ends at once
 *
 * --pause waits for a signal; --nap gives another process 60 ms to end.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAP_NS 60000000

int main(int argc, char **argv)
{
	struct timespec nap = { .tv_nsec = NAP_NS };

	if (argc > 1 && strcmp(argv[1], "--pause") == 0)
		(void)pause();
	if (argc > 1 && strcmp(argv[1], "--nap") == 0)
		(void)nanosleep(&nap, NULL);
	return 0;
}
