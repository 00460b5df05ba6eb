/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.c - look-ups of names that libnl could make and a static program can't
 *
 * nl_addr_parse() and the printers of libnl know names of hosts and protocols;
 * the C library would load its modules for that at run time, from the host's
 * own version or not at all (ld warns of it).  Nothing here calls them: with
 * ld --wrap these answers are linked instead, and half a megabyte isn't.
 */
#include <netdb.h>
#include <stddef.h>

#include "base/compiler.h"

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **ret);
void __wrap_freeaddrinfo(struct addrinfo *list);
struct protoent *__wrap_getprotobyname(const char *name);
struct protoent *__wrap_getprotobynumber(int number);

int __wrap_getaddrinfo(const char *node UNUSED, const char *service UNUSED,
		       const struct addrinfo *hints UNUSED, struct addrinfo **ret UNUSED)
{
	return EAI_FAIL;
}

void __wrap_freeaddrinfo(struct addrinfo *list UNUSED)
{
}

struct protoent *__wrap_getprotobyname(const char *name UNUSED)
{
	return NULL;
}

struct protoent *__wrap_getprotobynumber(int number UNUSED)
{
	return NULL;
}
