/* SPDX-License-Identifier: Apache-2.0 */
/* net_options.h - the network options that create and run share */
#ifndef SKERRY_CLI_NET_OPTIONS_H
#define SKERRY_CLI_NET_OPTIONS_H

#include "runtime/cli/options.h"
#include "runtime/include/skerry/skerry.h"

struct net_words {
	struct option_list networks, ports, dns, dns_search, dns_options, hosts;
	const char *ip, *mac, *pod;
};

/* Into the library's options; the lists are borrowed. */
void net_words_give(const struct net_words *words, struct skerry_create_options *to);

#endif
