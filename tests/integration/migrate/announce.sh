#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# announce.sh - who else is on the network finds the container where it runs, also when the move failed late
#
# Three hosts with one VXLAN; the third one is told of the target when the decision is made.  The container says
# nothing by itself, nor does its kernel look for routers.  With the stand-in for criu (standin.py).
# shellcheck disable=SC2016,SC2317,SC2034
HOSTS='a b c'
# shellcheck source=tests/integration/migrate/lib.sh
. "$(dirname "$0")/lib.sh"

needs 'this kernel has no vxlan' sh -c 'ip link add sknone type vxlan id 4000000 dstport 0 && ip link del sknone'
red_make a b c
start_net() {
	on a "$SKERRY" --root "$ROOT/a" delete --force c1 >/dev/null 2>&1
	on b "$SKERRY" --root "$ROOT/b" delete --force c1 >/dev/null 2>&1
	mk "$(args sh -c 'echo up >/tmp/up; exec sleep 1000') | .linux.sysctl = {\"net.ipv6.conf.all.disable_ipv6\": \"1\", \"net.ipv6.conf.default.disable_ipv6\": \"1\"}"
	on a "$SKERRY" --root "$ROOT/a" run -d --net red -b "$B" c1 </dev/null >"$T/start.out" 2>&1 || { cat "$T/start.out"; return 1; }
	ip4=$(address_on a)
	mac=$(on a nsenter -t "$(pid_on a c1)" -n ip -o link show eth0 | sed "s|.* link/ether \([0-9a-f:]*\) .*|\1|")
	[ -n "$ip4" ] && [ -n "$mac" ]
}
# Where host c sends what is for it: an address of a host.
led_to() { on c bridge fdb show | sed -n "s/^$mac .* dst \\([0-9.]*\\) .*/\\1/p" | sort -u; }
leads_to() { is "$1" "$(led_to)"; }
asks() { on c ip netns exec cli ping -c 1 -W 5 "$ip4"; }

check 'a container on a network of three hosts' start_net
on c ip netns add cli
check 'and somebody on the third' on c "${SKERRY%/*}/skerry-net" add red cli /run/netns/cli
check 'who reaches it' eventually asks
check 'on the first' leads_to 10.99.0.1
# By then its kernel has made sure of who asked, and asks no more: delay_first_probe_time of arp(7).
settled() { sleep 7; }
settled

export STANDIN_FAIL=late
check 'a move that fails behind the decision' status 75 move --target-address 10.99.0.2
unset STANDIN_FAIL
check 'leaves it here' only a
check 'where the third host finds it without a word of its own' eventually leads_to 10.99.0.1
check 'so it is reached at once' asks
check 'with the same address' is "$ip4" "$(address_on a)"

check 'a move' move --target-address 10.99.0.2
check 'takes it there' only b
check 'where the third host finds it' eventually leads_to 10.99.0.2
check 'so it is reached at once' asks
on b "$SKERRY" --root "$ROOT/b" delete --force c1

check 'once more' start_net
check 'it is reached' eventually asks
settled
SKERRY_MIGRATE_FAULT=t-committed:kill move --target-address 10.99.0.2 --timeout 10 >/dev/null
check 'the target killed behind the decision: it is here' only a
check 'where the third host finds it' eventually leads_to 10.99.0.1
check 'so it is reached at once' asks
done_testing
