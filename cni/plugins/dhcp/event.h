/* SPDX-License-Identifier: Apache-2.0 */
/* event.h - the program as the script of a DHCP client */
#ifndef SKERRY_CNI_PLUGINS_DHCP_EVENT_H
#define SKERRY_CNI_PLUGINS_DHCP_EVENT_H

#define DHCP_EVENT_ENV	"SKERRY_DHCP_LEASE" /* where the lease is to be kept */
#define DHCP_EVENT_NONE (-1)

/* For the main() of every program that the plugins are linked into: the exit status when a client of
 * ours runs it, DHCP_EVENT_NONE when it doesn't. */
int dhcp_event(int argc, char **argv);

#endif
