/* SPDX-License-Identifier: Apache-2.0 */
/* events.h - what happens to tasks, told to containerd in order
 *
 * One queue, one event on its way at a time: containerd serves requests side
 * by side, so the next one waits for the answer.  While containerd is away
 * they wait (EVENTS_MAX of them; of more the oldest that is no exit goes).
 */
#ifndef SKERRY_SHIM_EVENTS_H
#define SKERRY_SHIM_EVENTS_H

#include "runtime/shim/loop.h"
#include "runtime/shim/messages.h"
#include "runtime/shim/worker.h"

#define EVENTS_MAX 4096

struct event;
struct events {
	struct loop *loop;
	struct workers *workers;
	const char *address; /* containerd's ttrpc socket, or "" */
	const char *binary, *grpc_address; /* `containerd publish`, where there is no such socket */
	const char *namespace;
	struct source source;
	struct timer timer; /* the answer is late, or it is time to try again */
	struct event *first, **last;
	unsigned int n, dropped, refused;
	bool sending; /* first is on its way */
	bool publishing; /* by the binary */
	unsigned int failures; /* in a row */
	uint32_t stream;
	struct buf out, in;
	size_t sent;
};

void events_init(struct events *e, struct loop *loop, struct workers *workers);
/* topic, for instance "/tasks/start", its type "TaskStart"; the message is encoded now. */
void events_publish(struct events *e, const char *topic, const char *type,
		    const struct wire_table *table, const void *message);
/* Those that wait are lost. */
void events_release(struct events *e);
bool events_are_out(const struct events *e);
struct timestamp timestamp_now(void);

#endif
