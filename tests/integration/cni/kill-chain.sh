#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what the library evaluates
# kill-chain.sh - portmap, firewall and bandwidth behind a bridge, killed at each of their system calls.
. "$(dirname "$0")/kill-lib.sh"
check 'two containers on a bridge' chain_begin
TYPE=portmap
chain a '"type":"portmap","snat":true,"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"},
	{"hostPort":53,"containerPort":53,"protocol":"udp"}]}'
kills 6
TYPE=firewall
chain a '"type":"firewall","ingressPolicy":"same-bridge"'
kills 6
TYPE=bandwidth
chain a '"type":"bandwidth","egressRate":8000000,"egressBurst":8000000'
kills 6
chain_end
done_testing
