#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what check evaluates
# tuning.sh - plugin tuning: sysctls and attributes of an interface, their way back.
. "$(dirname "$0")/chain-lib.sh"
check 'two containers on a bridge' chain_begin
BACKUPS=$T/tuning
tune() { # tune KEYS
	chain a "\"type\":\"tuning\",\"dataDir\":\"$BACKUPS\",$1"
}
show() { # show FILTER: of the interface
	ip -n a -d -j link show eth0 | jq -r ".[0]$1"
}
flags() {
	show '.flags | join(" ")'
}
value() { # value PATH: below /proc/sys in the container
	ip netns exec a cat "/proc/sys/$1"
}
mac=$(show .address)

tune '"mac":"02:00:00:00:00:77","mtu":1400,"promisc":true,"allmulti":true,"txQLen":77'
check 'ADD' add tuning
check '  hardware address' is 02:00:00:00:00:77 "$(show .address)"
check '  and the result says so' is 02:00:00:00:00:77 "$(result '.interfaces[] | select(.name == "eth0").mac')"
check '  MTU' is 1400 "$(show .mtu)"
check '  queue' is 77 "$(show .txqlen)"
check '  promiscuous, all-multicast' eval 'has "$(flags)" PROMISC && has "$(flags)" ALLMULTI'
check '  the gateway still answers' pings a 10.1.0.1
check '  CHECK agrees' passes CHECK tuning
sees() { # sees PART COMMAND: CHECK after a change of the interface, which is then tuned again
	ip -n a link set eth0 $2 && refused 999 "$1" CHECK tuning && plugin ADD tuning >/dev/null && passes CHECK tuning
}
cp -r "$BACKUPS" "$T/backups"
check '  CHECK sees another MTU' sees 'MTU 1300' 'mtu 1300'
check '  another address' sees 'another hardware address' 'address 02:00:00:00:00:78'
check '  another queue' sees 'queue of 78' 'txqueuelen 78'
check '  that it is not promiscuous' sees promiscuous 'promisc off'
check '  that it is not all-multicast' sees all-multicast 'allmulticast off'
rm -rf "$BACKUPS" && cp -r "$T/backups" "$BACKUPS"
check 'DEL puts all of it back' eval 'passes DEL tuning && is "$mac 1500 1000" "$(show .address) $(show .mtu) $(show .txqlen)" &&
	lacks "$(flags)" PROMISC && lacks "$(flags)" ALLMULTI'
check '  and keeps no file' is "" "$(ls "$BACKUPS")"
check '  twice is no error' passes DEL tuning
check '  without a namespace as well' eval 'plugin ADD tuning && NETNS= passes DEL tuning && is "" "$(ls "$BACKUPS")"'
ip -n a link set eth0 address "$mac" mtu 1500 promisc off allmulticast off txqueuelen 1000

tune '"sysctl":{"net.ipv4.conf.IFNAME.arp_filter":"1","net.core.somaxconn":"500"}'
check 'sysctls' eval 'add tuning && is "1 500" "$(value net/ipv4/conf/eth0/arp_filter) $(value net/core/somaxconn)" && passes CHECK tuning'
check '  the host keeps its own' isnt 500 "$(cat /proc/sys/net/core/somaxconn)"
check '  CHECK sees another value' eval 'ip netns exec a sh -c "echo 400 >/proc/sys/net/core/somaxconn" && refused 999 "net.core.somaxconn" CHECK tuning'
for bad in kernel.hostname net/../kernel/hostname net.ipv4.conf.eth9.arp_filter; do
	tune "\"sysctl\":{\"$bad\":\"1\"}"
	check "  $bad is refused" refused "$([[ $bad == *eth9* ]] && echo 999 || echo 7)" '' ADD tuning
done
mkdir -p /etc/cni/tuning
printf '^net\\.core\\.\n' >/etc/cni/tuning/allowlist.conf
tune '"sysctl":{"net.core.somaxconn":"501"}'
check 'an allow list: what it names' eval 'add tuning && is 501 "$(value net/core/somaxconn)"'
tune '"sysctl":{"net.ipv4.ip_forward":"1"}'
in_a sysctl -qw net.ipv4.ip_forward=0
check '  and what not: code 7' eval 'refused 7 "not allowed" ADD tuning && is 0 "$(value net/ipv4/ip_forward)"'
rm -r /etc/cni/tuning

for way in '"runtimeConfig":{"mac":"02:11:22:33:44:55"}' '"args":{"cni":{"mac":"02:11:22:33:44:55"}}'; do
	tune "$way"
	check "a hardware address by ${way%%:*}" closing 'passes DEL tuning' 'add tuning && is 02:11:22:33:44:55 "$(show .address)"'
done
tune '"mtu":1400'
check 'a hardware address by CNI_ARGS' eval 'ARGS=MAC=02:11:22:33:44:55 plugin ADD tuning && is 02:11:22:33:44:55 "$(show .address)"'
ARGS=MAC=02:11:22:33:44:55 passes DEL tuning
tune '"mtu":1400,"args":{"cni":{"mtu":1380}}'
check 'args.cni wins' closing 'passes DEL tuning' 'plugin ADD tuning && is 1380 "$(show .mtu)"'
check '  and the first MTU is back' is 1500 "$(show .mtu)"
tune '"mtu":0'
check 'MTU 0 is none' eval 'plugin ADD tuning && is 1500 "$(show .mtu)" && passes DEL tuning'
tune '"mac":"02:00:00:00:00:77","mtu":99999999'
check 'a half-made ADD is undone' eval 'refused 999 "" ADD tuning && is "$mac 1500" "$(show .address) $(show .mtu)" && is "" "$(ls "$BACKUPS")"'
tune '"mac":"no"'
check 'no hardware address: code 7' refused 7 'no hardware address' ADD tuning

chain_end
done_testing
