#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# kill-bridge.sh - bridge with host-local, killed at each of its system calls.
. "$(dirname "$0")/kill-lib.sh"
netns a
netns keep
CONFIG="{\"cniVersion\":\"1.1.0\",\"name\":\"net1\",\"type\":\"bridge\",\"isGateway\":true,\"ipMasq\":true,\"macspoofchk\":true,
	\"hairpinMode\":true,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$DATA\",\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],
	[{\"subnet\":\"fd01::/64\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}"
CONFIG=$(jq -c . <<<"$CONFIG")
TYPE=bridge
# another container of another network holds the tables
check 'a neighbour' eval 'ID=keep NETNS=/run/netns/keep plugin ADD bridge "$(jq -c ".name = \"net2\"" <<<"$CONFIG")"'
kills 6
ID=keep NETNS=/run/netns/keep plugin DEL bridge "$(jq -c '.name = "net2"' <<<"$CONFIG")"
ip link del cni0
plugin_end
done_testing
