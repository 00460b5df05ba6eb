#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # what checks evaluate
# bridge.sh - plugin bridge: every key but those of VLANs (vlan.sh), what CHECK sees, undo, many at once.
. "$(dirname "$0")/plugin-lib.sh"
netns a
netns b

port() { # the host's end of the pair
	result '.interfaces[1].name'
}
brport() { # brport SETTING: of that port
	cat "/sys/class/net/$(port)/brport/$1"
}
in_b() { # in_b FUNCTION ARGUMENTS...: for another container
	local ID=c2 NETNS=/run/netns/b
	"$@"
}
mount -t sysfs sysfs /sys || exit 1 # of this network namespace

# --- a gateway --------------------------------------------------------------------------
network '"type":"bridge","isGateway":true'
check 'ADD' add bridge
check 'the bridge is cni0' is "cni0 $(port) eth0" "$(result '[.interfaces[].name] | join(" ")')"
check 'it has the gateway address' has "$(ip -o addr show cni0)" ' 10.1.0.1/24 brd 10.1.0.255 '
check 'and takes no router advertisements' is 0 "$(cat /proc/sys/net/ipv6/conf/cni0/accept_ra)"
check 'the host forwards' is 1 "$(cat /proc/sys/net/ipv4/ip_forward)"
check 'the pair is named as the result says' is "$(result '.interfaces[2].mac')" "$(in_a cat /sys/class/net/eth0/address 2>/dev/null ||
	ip -n a -j link show eth0 | jq -r '.[0].address')"
check 'the address is inside' is "$(result '.ips[0].address')" \
	"$(ip -n a -j addr show eth0 | jq -r '.[0].addr_info[] | select(.family == "inet") | .local + "/" + (.prefixlen | tostring)')"
check 'the route leads through the gateway' has "$(ip -n a route)" 'default via 10.1.0.1 dev eth0'
check 'the gateway answers' pings a 10.1.0.1
check 'CHECK agrees' passes CHECK bridge
check 'another container' in_b plugin ADD bridge
check 'reaches the first' pings b 10.1.0.2
check 'the same again is refused' eval 'refused 7 duplicate ADD bridge && pings a 10.1.0.1'

# --- what CHECK sees: change, look, change back ------------------------------------------
sees() { # sees PART CHANGE REPAIR
	local part=$1
	eval "$2" || {
		echo "could not: $2"
		return 1
	}
	refused 999 "$part" CHECK bridge
	local status=$?
	eval "$3" && passes CHECK bridge && return $status
}
check 'CHECK sees an address that is gone' sees 'does not have address 10.1.0.2/24' \
	'ip -n a addr del 10.1.0.2/24 dev eth0' \
	'ip -n a addr add 10.1.0.2/24 brd + dev eth0 && ip -n a route add default via 10.1.0.1'
check 'a route that is gone' sees 'route to 0.0.0.0/0 via 10.1.0.1' 'ip -n a route del default' \
	'ip -n a route add default via 10.1.0.1'
check 'an interface that is down' sees 'is down' 'ip -n a link set eth0 down' \
	'ip -n a link set eth0 up && ip -n a route add default via 10.1.0.1'
check 'another hardware address' sees 'has the hardware address' 'ip -n a link set eth0 address 02:00:00:00:00:99' \
	'ip -n a link set eth0 address $(result .interfaces[2].mac)'
check 'another name' sees 'no interface' 'ip -n a link set eth0 name eth9' \
	'ip -n a link set eth9 name eth0; ip -n a link set eth0 up; ip -n a route replace default via 10.1.0.1'
check 'a port that left the bridge' sees 'no port of' 'ip link set $(port) nomaster' 'ip link set $(port) master cni0'
check "the host's end down" sees 'is down' 'ip link set $(port) down' 'ip link set $(port) up; sleep 0.2'
check 'hairpin that was not asked for' sees 'hairpin' 'bridge link set dev $(port) hairpin on' \
	'bridge link set dev $(port) hairpin off'
check 'a bridge that is down' sees 'is down' 'ip link set cni0 down' 'ip link set cni0 up'
check 'a gateway address that is gone' sees 'gateway address 10.1.0.1/24' 'ip addr del 10.1.0.1/24 dev cni0' \
	'ip addr add 10.1.0.1/24 brd + dev cni0'
check 'a lease that is gone' sees 'not reserved' 'mv $DATA/net1/10.1.0.2 $T/' 'mv $T/10.1.0.2 $DATA/net1/'
check 'an interface that is somebody else'"'"'s' eval \
	'ip -n a link set eth0 name eth1 && ip -n a link add eth0 type bridge && refused 999 "is no veth" CHECK bridge
	ip -n a link del eth0; ip -n a link set eth1 name eth0'

# --- DEL ----------------------------------------------------------------------------------
check 'DEL' passes DEL bridge
check 'the pair is gone at once' eval '! ip link show $(port) 2>/dev/null && ! ip -n a link show eth0 2>/dev/null'
check 'so is the lease' is 10.1.0.3 "$(leased)"
check 'the name is free at once' eval 'add bridge && passes DEL bridge && add bridge && passes DEL bridge'
check 'DEL without prevResult' eval 'plugin ADD bridge && CONFIG=$(jq -c "del(.prevResult)" <<<"$CONFIG") && passes DEL bridge &&
	is 10.1.0.3 "$(leased)"'
check 'DEL when the path of the namespace is gone, by the end on the host' closing 'kill %1' \
	'ip netns exec b sleep 30 & add bridge; NETNS= passes DEL bridge && ! ip link show $(port) 2>/dev/null'
in_b plugin DEL bridge

# --- keys ---------------------------------------------------------------------------------
key() { # key KEYS...: ADD with these
	network "\"type\":\"bridge\",$1"
	add bridge
}
done_with() {
	passes DEL bridge && { ! ip link show cni0 >/dev/null 2>&1 || ip link del cni0; }
}
ip link del cni0
check 'bridge: its name' closing 'done_with; ip link del cni7' "key '\"bridge\":\"cni7\"' && ip link show cni7"
check 'without isGateway the bridge has no address' closing done_with \
	"key '\"isGateway\":false' && lacks \"\$(ip addr show cni0)\" 10.1.0.1"
check 'isDefaultGateway is a gateway with a route' closing done_with \
	'network "\"type\":\"bridge\",\"isDefaultGateway\":true" && CONFIG=$(jq -c "del(.ipam.routes)" <<<"$CONFIG") && add bridge &&
	has "$(ip -n a route)" "default via 10.1.0.1" && is "0.0.0.0/0 10.1.0.1" "$(result ".routes[0] | .dst + \" \" + .gw")"'
check 'mtu' closing done_with "key '\"mtu\":1400' && has \"\$(ip -n a link show eth0)\" 'mtu 1400' && has \"\$(ip link show cni0)\" 'mtu 1400'"
check 'hairpinMode' closing done_with "key '\"hairpinMode\":true' && is 1 \"\$(brport hairpin_mode)\" && passes CHECK bridge"
check 'portIsolation' closing done_with "key '\"portIsolation\":true' && is 1 \"\$(brport isolated)\" && passes CHECK bridge"
check 'promiscMode' closing done_with "key '\"promiscMode\":true' && has \"\$(ip -d link show cni0)\" 'promiscuity 1'"
check 'promiscMode and hairpinMode: code 7' eval \
	"network '\"type\":\"bridge\",\"promiscMode\":true,\"hairpinMode\":true'; refused 7 'at the same time' ADD bridge"
check 'a name that is no bridge: code 7' closing 'ip link del up0' \
	"ip link add up0 type veth peer name up1; network '\"type\":\"bridge\",\"bridge\":\"up0\"'; refused 7 'not a bridge' ADD bridge"
check 'vlan out of range: code 7' eval "network '\"type\":\"bridge\",\"vlan\":4095'; refused 7 VLAN ADD bridge"
check 'a trunk with one end: code 7' eval "network '\"type\":\"bridge\",\"vlanTrunk\":[{\"minID\":5}]'; refused 7 simultaneously ADD bridge"
check 'disableContainerInterface with IPAM: code 7' eval \
	"network '\"type\":\"bridge\",\"disableContainerInterface\":true'; refused 7 IPAM ADD bridge"
CONFIG='{"cniVersion":"1.0.0","name":"net1","type":"bridge"}'
check 'without IPAM it is up and has no address' closing done_with \
	'add bridge && has "$(ip -n a link show eth0)" "UP" && is null "$(result .ips)" && passes CHECK bridge'
CONFIG='{"cniVersion":"1.0.0","name":"net1","type":"bridge","disableContainerInterface":true}'
check 'disableContainerInterface leaves it down' closing done_with \
	'add bridge && lacks "$(ip -n a link show eth0)" ",UP" && passes CHECK bridge'
network '"type":"bridge","isGateway":true'
ip link add cni0 type bridge && ip addr add 10.99.0.1/24 dev cni0
check 'a bridge with another address: code 7' refused 7 'already has an IP address different from 10.1.0.1/24' ADD bridge
check '  which leaves nothing' eval 'is "" "$(leased)" && is "" "$(pairs)"'
check 'forceAddress replaces it' closing done_with "key '\"isGateway\":true,\"forceAddress\":true' && has \"\$(ip addr show cni0)\" 10.1.0.1/24 &&
	lacks \"\$(ip addr show cni0)\" 10.99.0.1"
for way in '"runtimeConfig":{"mac":"02:11:22:33:44:55"}' '"args":{"cni":{"mac":"02:11:22:33:44:55"}}'; do
	check "a hardware address by ${way%%:*}" closing done_with \
	"key '$way' && has \"\$(ip -n a link show eth0)\" 02:11:22:33:44:55"
done
check 'a hardware address by CNI_ARGS' closing done_with "network '\"type\":\"bridge\"'; ARGS=MAC=02:11:22:33:44:55 plugin ADD bridge &&
	has \"\$(ip -n a link show eth0)\" 02:11:22:33:44:55"
check 'the dns of the configuration wins' closing done_with "key '\"dns\":{\"nameservers\":[\"192.0.2.1\"]}' && is 192.0.2.1 \"\$(result '.dns.nameservers[0]')\""
# --- IPv6 ---------------------------------------------------------------------------------
both() {
	CONFIG="{\"cniVersion\":\"1.0.0\",\"name\":\"net6\",\"type\":\"bridge\",\"isDefaultGateway\":true,\"ipMasq\":true${1-},
		\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$DATA\",
		\"ranges\":[[{\"subnet\":\"10.6.0.0/24\"}],[{\"subnet\":\"fd06::/64\"}]]}}"
}
both
check 'two families' add bridge
check 'the IPv6 address waits for no detection' lacks "$(ip -n a addr show eth0 scope global)" tentative
check 'the gateway answers on both' eval 'pings a 10.6.0.1 && pings a fd06::1'
check 'both default routes' eval 'has "$(ip -n a route)" "default via 10.6.0.1" && has "$(ip -n a -6 route)" "default via fd06::1"'
check 'the host forwards IPv6' is 1 "$(cat /proc/sys/net/ipv6/conf/all/forwarding)"
world
ip -n world -6 addr add fd00:99::2/64 dev eth0 nodad && ip -6 addr add fd00:99::1/64 dev up0 nodad
check 'ipMasq: the world answers, which knows no way back' eval 'pings a 192.0.2.2 && pings a fd00:99::2'
check 'CHECK agrees' passes CHECK bridge
check 'CHECK sees that the masquerade is gone' eval 'nft flush ruleset && refused 999 "" CHECK bridge'
check 'DEL' passes DEL bridge
ip link del cni0
both ',"enabledad":true'
check 'enabledad waits until the address is found unique' closing 'passes DEL bridge' \
	'add bridge && lacks "$(ip -n a addr show eth0)" tentative && lacks "$(ip -n a addr show eth0)" nodad'
world_end
ip link del cni0

# --- hardware addresses that aren't one's own -------------------------------------------------
network '"type":"bridge","isGateway":true,"macspoofchk":true'
check 'macspoofchk' eval 'add bridge && pings a 10.1.0.1 && passes CHECK bridge'
ip -n a link set eth0 address 02:00:00:00:00:99
ip neigh flush dev cni0
check '  another hardware address gets no answer' eval 'unanswered a 10.1.0.1'
check '  DEL removes its elements' eval 'passes DEL bridge && lacks "$(nft list ruleset)" "\"net1 c1 eth0\""'
ip link del cni0

# --- two networks in one container ----------------------------------------------------------------
network '"type":"bridge","isGateway":true'
first=$CONFIG
second=$(jq -c '.name = "net2" | .bridge = "cni2" | .ipam.ranges = [[{"subnet":"10.2.0.0/24"}]] | del(.ipam.routes)' <<<"$CONFIG")
check 'two networks' eval 'plugin ADD bridge "$first" && IFNAME=eth1 plugin ADD bridge "$second" && pings a 10.1.0.1 && pings a 10.2.0.1'
check 'one goes, one stays' closing 'IFNAME=eth1 plugin DEL bridge "$second"' 'plugin DEL bridge "$first" && pings a 10.2.0.1'
ip link del cni2

# --- GC ----------------------------------------------------------------------------------------------
network '"type":"bridge","isGateway":true,"ipMasq":true,"macspoofchk":true'
rm -rf "$DATA"
plugin ADD bridge
in_b plugin ADD bridge
valid() { # valid ID...: $CONFIG with these attachments
	jq -c '."cni.dev/valid-attachments" = [$ARGS.positional[] | {containerID: ., ifname: "eth0"}]' \
		--args "$@" <<<"$CONFIG"
}
check "the end on the host says whose it is" has "$(ip link)" 'alias net1 c1 eth0'
check 'GC with all valid removes nothing' eval \
	'passes GC bridge "$(valid c1 c2)" && is "10.1.0.2 10.1.0.3" "$(leased)" && pings a 10.1.0.1'
check 'GC of another network removes nothing' eval 'passes GC bridge "$(valid | jq -c ".name = \"other\"")" && pings a 10.1.0.1'
check 'GC removes lease, pair and elements of what is not valid' eval \
	'passes GC bridge "$(valid c2)" && is 10.1.0.3 "$(leased)" && ! ip -n a link show eth0 2>/dev/null &&
	lacks "$(nft list ruleset)" "net1 c1 eth0" && pings b 10.1.0.1'
check 'GC with nothing valid leaves nothing' eval \
	'passes GC bridge "$(valid)" && is "" "$(leased)" && is "" "$(pairs)" && ! nft list ruleset | grep -q elements'
check 'and no table' is '' "$(nft list tables)"
plugin ADD bridge
nft add rule ip skerry_masq post counter
check 'a table with a rule of somebody else stays' eval \
	'passes GC bridge "$(valid)" && has "$(nft list tables)" "ip skerry_masq" && lacks "$(nft list tables)" macspoof'
nft delete table ip skerry_masq

# --- a half-made ADD --------------------------------------------------------------------------------
network '"type":"bridge","isGateway":true'
before=$(nft list ruleset; ip -br link | awk '{ print $1 }' | grep -v cni0)
ip -n a link add eth0 type bridge
check 'an interface of that name inside: an error' refused 999 'already taken' ADD bridge
check '  and the lease is back' is "" "$(leased)"
ip -n a link del eth0
CONFIG=$(jq -c '.ipam.routes = [{dst:"192.0.2.0/24",gw:"203.0.113.1"}]' <<<"$CONFIG")
check 'a route that can not be: an error that names it' refused 999 'route to 192.0.2.0/24 via 203.0.113.1' ADD bridge
check '  and the pair and the lease are gone' eval \
	'is "" "$(leased)" && ! ip -n a link show eth0 2>/dev/null && is "$before" "$(nft list ruleset; ip -br link | awk "{ print \$1 }" | grep -v cni0)"'

# The bridge goes away while ADD waits to say its Nth message to the kernel, as when the ADD fails that
# had made it; its addresses are asked about in the first one, its port made by the second.
lost_bridge() {
	network '"type":"bridge","isGateway":true'
	plugin ADD bridge && plugin DEL bridge || return
	rm -f "$T/lost"
	CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=$NETNS CNI_IFNAME=eth0 CNI_PATH=$PLUGINS \
		timeout 20 strace -f -o "$T/lost" -e trace=ioctl,sendto -e "inject=sendto:delay_enter=700000:when=$1" \
		"$PLUGINS/bridge" <<<"$CONFIG" >"$T/lost.out" &
	pid=$!
	for _ in {1..100}; do
		[ -e "$T/lost" ] && [ "$(grep -c 'sendto(' "$T/lost")" -ge "$1" ] && break
		sleep .02
	done
	ip link del cni0
	wait $pid || {
		cat "$T/lost.out" "$T/lost"
		return 1
	}
	pings a 10.1.0.1
}
check 'a bridge that is taken away before it is looked at is made again' closing 'passes DEL bridge' 'lost_bridge 1'
check 'a bridge that is taken away before it has the port is made again' closing 'passes DEL bridge' 'lost_bridge 2'

# --- addresses of another's program -----------------------------------------------------------------
ip link del cni0
cat >"$PLUGINS/foreign" <<'END'
#!/bin/sh
# it asks for the interface, as a DHCP client does
cat >/dev/null
[ "$CNI_COMMAND" != ADD ] || ip netns exec "${CNI_NETNS##*/}" ip link show "$CNI_IFNAME" >/dev/null || exit 1
[ "$CNI_COMMAND" != ADD ] || echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.9/24","gateway":"10.1.0.1"}]}'
END
chmod +x "$PLUGINS/foreign"
network '"type":"bridge","isGateway":true'
CONFIG=$(jq -c '.cniVersion = "1.0.0" | .ipam = {type:"foreign"}' <<<"$CONFIG")
check 'IPAM that wants the interface: the gateway answers' closing 'passes DEL bridge' \
	'plugin ADD bridge && has "$(ip addr show cni0)" 10.1.0.1/24 && pings a 10.1.0.1'
rm "$PLUGINS/foreign"

# --- at once ---------------------------------------------------------------------------------------
ip link del cni0
network '"type":"bridge","isGateway":true,"ipMasq":true'
for i in $(seq 24); do ip netns add "n$i"; done
crowd() { # crowd VERB: 24 containers at the same time
	for i in $(seq 24); do
		(ID=n$i NETNS=/run/netns/n$i plugin "$1" bridge && echo "good $(jq -r '.ips[0].address // empty' <<<"${out:-{\}}")") &
	done
	wait
}
crowd ADD >"$T/crowd"
check '24 at once, the bridge not there yet' is 24 "$(grep -c good "$T/crowd")"
check 'all with addresses of their own' is 24 "$(grep -o '10\.1\.0\.[0-9]*' "$T/crowd" | sort -u | wc -l)"
check 'all answer' eval 'for i in $(seq 24); do pings n$i 10.1.0.1 || return 1; done'
check '24 go at once' eval 'is 24 "$(crowd DEL | grep -c good)" && is "" "$(leased)" && is "" "$(pairs)"'
check 'and leave no element' eval '! nft list ruleset | grep -q elements'
# GC of a network without attachments takes the empty tables away, again and again
nothing=$(jq -c '.name = "other" | ."cni.dev/valid-attachments" = []' <<<"$CONFIG")
(
	touch "$T/going"
	while [ -e "$T/going" ]; do
		plugin GC bridge "$nothing" || echo "$out" >>"$T/gc.failed"
	done
) &
collector=$!
held() { # each container comes, agrees and goes, five times
	for i in $(seq 8); do
		(
			ID=n$i NETNS=/run/netns/n$i
			for _ in 1 2 3 4 5; do
				add_as "$i" && plugin CHECK bridge && plugin DEL bridge && echo good || echo "$out"
			done
		) &
	done
	for job in $(jobs -p); do
		[ "$job" = $collector ] || wait "$job"
	done
}
add_as() { # the same for a result of one's own
	plugin ADD bridge && echo "$out" >"$T/result.$1" &&
		CONFIG=$(jq -c --slurpfile r "$T/result.$1" '.prevResult = $r[0]' <<<"$CONFIG")
}
held >"$T/held"
rm -f "$T/going"
wait $collector
check 'those who come while GC takes empty tables lose nothing' eval 'is "$(yes good | head -n 40)" "$(cat "$T/held")" && ! cat "$T/gc.failed" 2>/dev/null'

# --- cost ------------------------------------------------------------------------------------------
network '"type":"bridge","isGateway":true'
plugin ADD bridge && plugin DEL bridge
CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=$NETNS CNI_IFNAME=eth0 CNI_PATH=$PLUGINS \
	strace -f -o "$T/strace" "$PLUGINS/bridge" <<<"$CONFIG" >/dev/null
check 'one process for bridge and host-local' is 1 "$(grep -c 'execve(' "$T/strace")"
# a question, two changes, and "is it up" as often as it took
check 'four messages to the kernel' eval \
	'is $((4 + $(grep -c nanosleep "$T/strace"))) $(grep -c "sendto(" "$T/strace")'
check 'at most 140 system calls' eval 'n=$(grep -vc nanosleep "$T/strace"); [ $n -le 140 ] || { echo $n; false; }'
rss() {
	CNI_COMMAND=$1 CNI_CONTAINERID=c1 CNI_NETNS=$NETNS CNI_IFNAME=eth0 CNI_PATH=$PLUGINS \
		busybox time -v "$PLUGINS/bridge" <<<"$CONFIG" 2>&1 >/dev/null |
		awk '/Maximum resident/ { print $NF / 4 }' # busybox takes the kernel's kilobytes for pages
}
check 'at most 3 MB of memory' eval 'n=$(rss DEL) && m=$(rss ADD) && echo "$n $m kB" && [ $n -le 3072 ] && [ $m -le 3072 ]'
plugin DEL bridge

umount /sys
plugin_end
done_testing
