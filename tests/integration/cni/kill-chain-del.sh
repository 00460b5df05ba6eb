#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# kill-chain-del.sh - portmap, firewall and bandwidth: DEL killed at each of their system calls.
. "$(dirname "$0")/kill-lib.sh"
check 'two containers on a bridge' chain_begin
for as in as_portmap as_firewall as_bandwidth; do
	$as
	kills_del 6
done
chain_end
done_testing
