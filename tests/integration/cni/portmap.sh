#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what check evaluates
# portmap.sh - plugin portmap: who reaches what through a host port, keys, undo, cost.
. "$(dirname "$0")/chain-lib.sh"
check 'two containers on a bridge' chain_begin

few=0 some=0 many=0
ports() { # ports NETNS MAPPINGS [KEYS]
	chain "$1" "\"type\":\"portmap\",\"runtimeConfig\":{\"portMappings\":[$2]}${3:+,$3}"
}
WEB='{"hostPort":8080,"containerPort":80,"protocol":"tcp"}'
DNS='{"hostPort":5353,"containerPort":53,"protocol":"udp"}'
ONE='{"HostPort":9090,"ContainerPort":90,"Protocol":"tcp","HostIP":"192.0.2.1"}'
listen a TCP 80 web-a
listen a TCP 90 one-a
listen a UDP 53 dns-a
listen b TCP 80 web-b
listen b UDP 53 dns-b
listen world TCP 8080 foreign

# --- who reaches it -------------------------------------------------------------------------
ports a "$WEB,$DNS,$ONE"
check 'nothing answers before' silent world TCP 192.0.2.1 8080
check 'ADD' add portmap
check '  the result is that of the plugin before' is "$(jq -S . "$T/a.result")" "$(jq -S . "$T/result")"
for br_netfilter in 0 1; do
	if [ $br_netfilter = 1 ]; then
		[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || {
			skip 'with bridge-nf-call-iptables' 'this kernel has no br_netfilter'
			continue
		}
		echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
		echo 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables
	fi
	with="bridge-nf $br_netfilter:"
	check "$with another host, IPv4" says web-a world TCP 192.0.2.1 8080
	check "$with another host, IPv6" says web-a world TCP fd00:99::1 8080
	check "$with another host, UDP" says dns-a world UDP 192.0.2.1 5353
	check "$with another host, UDP over IPv6" says dns-a world UDP fd00:99::1 5353
	check "$with another host to the one address" says one-a world TCP 192.0.2.1 9090
	check "$with the host by its address" says web-a host TCP 192.0.2.1 8080
	check "$with the host by its IPv6 address" says web-a host TCP fd00:99::1 8080
	check "$with the host by 127.0.0.1" says web-a host TCP 127.0.0.1 8080
	check "$with a mapping of one address doesn't answer on another" silent host TCP 127.0.0.1 9090
	check "$with a neighbour" says web-a b TCP 192.0.2.1 8080
	check "$with a neighbour by the gateway" says web-a b TCP 10.1.0.1 8080
	check "$with a neighbour, IPv6" says web-a b TCP fd00:99::1 8080
	check "$with the container itself (hairpin)" says web-a a TCP 192.0.2.1 8080
	check "$with the container itself, IPv6" says web-a a TCP fd00:99::1 8080
	check "$with the same port of a foreign host is not intercepted (CVE-2025-67499)" says foreign b TCP 192.0.2.2 8080
done
check 'what claims to come from 127.0.0.1 is dropped' eval \
	'has "$(nft list chain ip skerry_portmap guard)" "iifname != \"lo\" ip saddr 127.0.0.0/8 drop"'
check 'CHECK agrees' passes CHECK portmap
check 'CHECK sees a mapping that is gone' eval \
	'nft delete element ip skerry_portmap ports "{ tcp . 8080 }" && refused 999 gone CHECK portmap'
check 'the same again puts it back' eval 'plugin ADD portmap && passes CHECK portmap'
check 'CHECK sees one that leads elsewhere' eval 'nft delete element ip skerry_portmap ports "{ tcp . 8080 }" &&
	nft add element ip skerry_portmap ports "{ tcp . 8080 comment \"net1 a eth0\" : 10.1.0.99 . 80 }" && refused 999 changed CHECK portmap'
chain=$(nft -j list table ip skerry_portmap | jq -r '[.nftables[].rule // empty | .chain][0]')
check 'CHECK sees a rule that is gone' eval 'nft list chain ip skerry_portmap $chain >"$T/chain" && nft flush chain ip skerry_portmap $chain &&
	refused 999 "rule of chain" CHECK portmap'
check 'CHECK sees that all is gone' eval 'nft flush ruleset && refused 999 gone CHECK portmap'
check 'and the next ADD makes all again' eval 'plugin ADD portmap && says web-a world TCP 192.0.2.1 8080'

# --- whose port it is --------------------------------------------------------------------------
first=$CONFIG
ports b "$WEB"
second=$CONFIG
check "another's port: code 11, which says whose" refused 11 'host port 8080 is already mapped for "net1 a eth0"' ADD portmap "$second"
check '  and it still leads to the first' says web-a world TCP 192.0.2.1 8080
check "DEL of the other doesn't take it away" eval 'passes DEL portmap "$second" && says web-a world TCP 192.0.2.1 8080'
ID=a NETNS=/run/netns/a
check 'DEL' passes DEL portmap "$first"
check '  leaves no element' eval 'is 0 "$(nft -j list table ip skerry_portmap | jq "[.nftables[].map.elem // [] | length] | add")"'
check '  twice is no error' passes DEL portmap "$first"
check '  nothing answers any more' silent world TCP 192.0.2.1 8080
check 'DEL without prevResult' eval 'plugin ADD portmap "$first" && passes DEL portmap "$(jq -c "del(.prevResult)" <<<"$first")" &&
	lacks "$(nft list ruleset)" "tcp . 8080"'

# --- stale UDP flows -----------------------------------------------------------------------------
ports a "$DNS"
plugin ADD portmap
exec 9<> >(ip netns exec world socat -T60 - UDP:192.0.2.1:5353,sourceport=4444 >"$T/udp")
echo one >&9
check 'a UDP client that goes on' eventually grep -q dns-a "$T/udp"
passes DEL portmap
ports b "$DNS"
goes_on() { # a datagram every 100 ms, until the other answers
	eventually eval 'echo two >&9; sleep 0.1; grep -q dns-b "$T/udp"' || {
		cat "$T/udp"
		return 1
	}
}
check '  is led to the next owner of the port' eval 'ID=b NETNS=/run/netns/b plugin ADD portmap && goes_on'
exec 9>&-
ID=b NETNS=/run/netns/b passes DEL portmap

elements() { # elements map|set: how many there are
	nft -j list ruleset | jq "[.nftables[].$1 // empty | select(.table == \"skerry_portmap\") | .elem // [] | length] | add"
}

# --- keys ----------------------------------------------------------------------------------------
ID=a NETNS=/run/netns/a
ports a "$WEB" '"snat":false'
check 'snat false: no way back for the container itself' closing 'passes DEL portmap' 'plugin ADD portmap && says web-a world TCP 192.0.2.1 8080 &&
	is 0 "$(elements set)"'
ports a "$WEB" '"masqAll":true'
check 'masqAll: the container sees the gateway as the client' closing 'passes DEL portmap' 'plugin ADD portmap && says web-a world TCP 192.0.2.1 8080 &&
	has "$(nft list set ip skerry_portmap masq_all)" "10.1.0.2 . tcp . 80 . 8080"'
for words in '"!","-s","192.0.2.2/32"' '"ip","saddr","!=","192.0.2.2"'; do
	ports a "$WEB" "\"conditionsV4\":[$words]"
	check "conditionsV4 $words" closing 'passes DEL portmap' 'plugin ADD portmap && silent world TCP 192.0.2.1 8080 && says web-a host TCP 192.0.2.1 8080 &&
		says web-a world TCP fd00:99::1 8080 && passes CHECK portmap'
done
check '  leave no element' eval 'is 0 "$(elements map)" && is 0 "$(elements set)"'
ports a "$WEB" '"conditionsV4":["-m","time"]'
check 'a condition that can not be met: code 7' refused 7 'time' ADD portmap
ports a "$WEB" '"externalSetMarkChain":"KUBE-MARK-MASQ"'
check 'externalSetMarkChain: masqueraded all the same' closing 'passes DEL portmap' 'plugin ADD portmap && says web-a b TCP 192.0.2.1 8080'
ports a "$WEB" '"externalSetMarkChain":"KUBE-MARK-MASQ","markMasqBit":5'
check '  with markMasqBit: code 7' refused 7 externalSetMarkChain ADD portmap
ports a "$WEB" '"markMasqBit":32'
check 'markMasqBit 32: code 7' refused 7 'between 0 and 31' ADD portmap
ports a "$WEB" '"backend":"pf"'
check 'an unknown backend: code 7' refused 7 pf ADD portmap
for bad in '{"hostPort":0,"containerPort":80}' '{"hostPort":80,"containerPort":0}' '{"hostPort":80,"containerPort":80,"protocol":"icmp"}' \
	'{"hostPort":80,"containerPort":80,"hostIP":"1.2.3"}' '{"hostPort":80,"containerPort":80},{"hostPort":80,"containerPort":81}'; do
	ports a "$bad"
	check "$bad: code 7" refused 7 '' ADD portmap
done
ports a "$WEB,$WEB"
check 'the same mapping twice is one' closing 'passes DEL portmap' 'plugin ADD portmap && says web-a world TCP 192.0.2.1 8080'
ports a ''
check 'no mapping: nothing to do' eval 'before=$(elements); plugin ADD portmap && is "$before" "$(elements)" && passes DEL portmap'

# --- GC, STATUS ------------------------------------------------------------------------------------
ports a "$WEB" && plugin ADD portmap
check 'GC keeps what is valid' eval 'gc a b && says web-a world TCP 192.0.2.1 8080'
check 'GC removes what is not' eval 'gc b && silent world TCP 192.0.2.1 8080 && lacks "$(nft list ruleset)" "tcp . 8080"'
check 'STATUS' passes STATUS portmap "$(jq -c 'del(.prevResult)' <<<"$CONFIG")"

# --- at once -------------------------------------------------------------------------------------------
crowd() { # crowd VERB PORTS: 24 containers' calls at the same time, the ports counted up from $2 when $3 is 1
	local i calls=()
	for i in $(seq 24); do
		(chain a "\"type\":\"portmap\",\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":$(($2 + i * $3)),\"containerPort\":80}]}"
			ID=crowd$i plugin "$1" portmap && echo good) &
		calls+=($!)
	done
	wait "${calls[@]}"
}
for try in 1 2 3; do
	nft flush ruleset
	check "24 at once, the tables not there yet ($try)" is 24 "$(crowd ADD 9000 1 | grep -c good)"
	check '  the rules are made once' is 2 "$(nft list table ip skerry_portmap | grep -c 'jump dn')"
	check '  24 go at once' eval 'is 24 "$(crowd DEL 9000 1 | grep -c good)" && lacks "$(nft list map ip skerry_portmap ports)" tcp'
done
check '24 want the same port: one gets it' is 1 "$(crowd ADD 9000 0 | grep -c good)"
chain b '"type":"portmap"'
gc a b

# --- cost: the same with 1, 1,000 and 10,000 mappings --------------------------------------------------
fill() { # fill FROM TO: mappings of another container, 1,000 a call
	local from=$1
	while [ "$from" -le "$2" ]; do
		chain b "\"type\":\"portmap\",\"runtimeConfig\":{\"portMappings\":$(jq -nc "[range($from; [$from + 1000, $2 + 1] | min) |
			{hostPort: ., containerPort: 80, protocol: \"tcp\"}]")}"
		plugin ADD portmap || return 1
		from=$((from + 1000))
	done
}
rules() {
	nft -j list ruleset | jq '[.nftables[].rule // empty] | length'
}
cost() { # calls and kilobytes to and from the kernel, of an ADD and a DEL; what make bench takes is time
	local verb
	ports a "$WEB,$DNS"
	for verb in ADD DEL; do
		CNI_COMMAND=$verb CNI_CONTAINERID=$ID CNI_NETNS=$NETNS CNI_IFNAME=eth0 CNI_PATH=$PLUGINS timeout 60 \
			strace -f -qq -e trace=network -o "$T/strace" "$PLUGINS/portmap" <<<"$CONFIG" >/dev/null || return 1
		cat "$T/strace"
	done | awk '{ n++; if ($NF > 0) bytes += $NF } END { print n " " int(bytes / 1024 + 0.5) }'
}
check 'with one mapping' eval 'fill 20001 20001 && few=$(cost) && r=$(rules)'
check 'with 1,000' eval 'fill 20002 21000 && some=$(cost) && is "$r" "$(rules)"'
check 'with 10,000' eval 'fill 21001 30000 && many=$(cost) && is "$r" "$(rules)"'
echo "# calls and kB of ADD and DEL: $few with 1, $some with 1,000, $many with 10,000 mappings"
check '  there are 10,000, and no more rules than with one' is 10000 \
	"$(nft -j list map ip skerry_portmap ports | jq '.nftables[].map // empty | .elem | length')"
check '  the cost is the same, but for a few calls' eval '[ "${many% *}" -le $((${few% *} + 20)) ] && [ "${many#* }" -le $((${few#* } + 2)) ]'
check '  the last one leads to its container' says web-b world TCP 192.0.2.1 30000
chain b '"type":"portmap"'
check '  GC removes all of them, and the empty tables' eval 'gc a && is "" "$(nft list tables | grep skerry_portmap)"'

chain_end
done_testing
