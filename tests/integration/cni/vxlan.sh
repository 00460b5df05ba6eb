#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what check evaluates
# vxlan.sh - plugin vxlan: a network over three hosts, two networks that do not see each other.
. "$(dirname "$0")/plugin-lib.sh"

# three hosts on a switch, a container of each of two networks on every one
ip link add switch type bridge && ip link set switch up
for h in 1 2 3; do
	netns host$h
	ip link add port$h type veth peer name up0 netns host$h
	ip link set port$h master switch up
	ip -n host$h addr add 192.0.2.$h/24 dev up0 && ip -n host$h link set up0 up
	netns red$h
	netns blue$h
done
peers() { # peers HOST: the others, as JSON
	jq -nc "[range(1; 4) | select(. != $1) | \"192.0.2.\\(.)\"]"
}
on() { # on HOST VERB TYPE [CONFIG]: a call on that host
	local host=$1
	shift
	out=$(CNI_COMMAND=$1 CNI_CONTAINERID=$ID CNI_NETNS=$NETNS CNI_IFNAME=$IFNAME CNI_PATH=$PLUGINS timeout -k 5 60 \
		ip netns exec "host$host" "$PLUGINS/$2" 2>"$T/plugin.err" <<<"${3-$CONFIG}")
	status=$?
	[ $status = 0 ] || echo "$out"
	return $status
}
# join NETWORK HOST ID: bridge, then vxlan, for that network's container on that host; both have the same addresses
join() {
	ID=$1$2 NETNS=/run/netns/$1$2
	on "$2" ADD bridge "{\"cniVersion\":\"1.1.0\",\"name\":\"$1\",\"type\":\"bridge\",\"bridge\":\"$1\",
		\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.7.0.$2/24\"}]}}" || return 1
	CONFIG=$(jq -c --argjson p "$(peers "$2")" --argjson r "$out" '.peers = $p | .prevResult = $r' \
		<<<"{\"cniVersion\":\"1.1.0\",\"name\":\"$1\",\"type\":\"vxlan\",\"id\":$3}")
	echo "$CONFIG" >"$T/$ID.config"
	on "$2" ADD vxlan
}
leave() { # leave NETWORK HOST
	ID=$1$2 NETNS=/run/netns/$1$2
	on "$2" DEL vxlan "$(cat "$T/$ID.config")" &&
		on "$2" DEL bridge "{\"cniVersion\":\"1.1.0\",\"name\":\"$1\",\"type\":\"bridge\",\"bridge\":\"$1\",\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.7.0.$2/24\"}]}}"
}
tunnel() { # tunnel HOST NETWORK: its device there
	ip -n "host$1" -br link show type vxlan master "$2" | awk '{ print $1 }'
}
for h in 1 2 3; do
	check "red on host $h" join red $h 100
	check "blue on host $h, with the same addresses" join blue $h 200
done
for from in 1 2 3; do
	for to in 1 2 3; do
		[ $from = $to ] || check "red $from reaches red $to" pings red$from 10.7.0.$to
	done
done
check 'blue reaches blue' eval 'pings blue1 10.7.0.2 && pings blue2 10.7.0.3'
check 'what the names say is who answers' eval '
	ip netns exec red2 busybox httpd -p 80 -h "$T" & mkdir -p "$T/r"; ip netns exec blue2 busybox httpd -p 81 -h "$T"
	listens red2 80 && listens blue2 81 && timeout 20 ip netns exec red1 bash -c "exec 3<>/dev/tcp/10.7.0.2/80" && ! timeout 3 ip netns exec red1 bash -c "exec 3<>/dev/tcp/10.7.0.2/81" 2>/dev/null
	s=$?; for p in $(ip netns pids red2) $(ip netns pids blue2); do safe_kill TERM $p; done; wait; return $s'
check 'the MTU leaves room for the headers' is 1450 "$(ip -n host1 -j link show "$(tunnel 1 red)" | jq '.[0].mtu')"
check 'the device is shared: a second container makes none' eval 'before=$(ip -n host1 -br link show type vxlan | wc -l)
	on 1 ADD vxlan "$(cat "$T/red1.config")" && is "$before" "$(ip -n host1 -br link show type vxlan | wc -l)"'
ID=red1 NETNS=/run/netns/red1 CONFIG=$(cat "$T/red1.config")
check 'CHECK agrees' on 1 CHECK vxlan
check 'CHECK sees a device that is no port' eval 'ip -n host1 link set $(tunnel 1 red) nomaster; ! on 1 CHECK vxlan; s=$?
	on 1 ADD vxlan >/dev/null; return $s'
check 'a frame to the world is no business of it' eval 'lacks "$(ip netns exec host1 bridge fdb show)" "192.0.2.1 self"'
check 'DEL leaves the network' eval 'on 1 DEL vxlan && pings red1 10.7.0.2'
gc_on() { # gc_on HOST NETWORK VALID
	on "$1" GC vxlan "$(jq -c --argjson v "$3" 'del(.prevResult) | ."cni.dev/valid-attachments" = $v' "$T/$2$1.config")"
}
check 'GC with attachments keeps it' eval 'gc_on 1 red "[{\"containerID\":\"red1\",\"ifname\":\"eth0\"}]" && pings red1 10.7.0.2'
check 'GC without any removes it' eval 'gc_on 1 red "[]" && is "" "$(tunnel 1 red)" && unanswered red1 10.7.0.2'
check '  and not the other network' pings blue1 10.7.0.2

# --- the container's own interface --------------------------------------------------------------------
own() { # own HOST
	ID=red$1 NETNS=/run/netns/red$1 IFNAME=ov0
	CONFIG=$(jq -c --argjson p "$(peers "$1")" '.peers = $p' <<<"{\"cniVersion\":\"1.1.0\",\"name\":\"own\",\"type\":\"vxlan\",\"id\":300,
		\"dev\":\"up0\",\"local\":\"192.0.2.$1\",\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.9.0.$1/24\"}]}}")
}
for h in 2 3; do
	own $h
	check "an interface of the container on host $h" eval 'on $h ADD vxlan && CONFIG=$(jq -c --argjson r "$out" ".prevResult = \$r" <<<"$CONFIG") && on $h CHECK vxlan'
done
check 'they reach each other' pings red2 10.9.0.3
own 3
check 'DEL removes it' eval 'on 3 DEL vxlan && ! ip -n red3 link show ov0 2>/dev/null && on 3 DEL vxlan'
own 2
on 2 DEL vxlan
IFNAME=eth0

# --- what is refused --------------------------------------------------------------------------------------
bad() { # bad CODE PART CHANGE: the configuration of blue on host 1, changed by jq
	ID=blue1 NETNS=/run/netns/blue1
	! on 1 ADD vxlan "$(jq -c "$3" "$T/blue1.config")" >/dev/null && is "$1" "$(jq -r .code <<<"$out")" && has "$out" "$2"
}
check 'an id that is too large: code 6' bad 6 '/id' '.id = 16777216'
check 'no id: code 6' bad 6 'id' 'del(.id)'
check 'a peer that is no address: code 7' bad 7 'no address' '.peers = ["here"]'
check 'peers of two families: code 7' bad 7 'two families' '.peers = ["192.0.2.2","fd00::2"]'
check 'group and peers: code 7' bad 7 'exclude' '.group = "239.1.1.1"'
check 'neither device nor peers: code 7' bad 7 'must be given' '.peers = [] | .name = "other"'
check 'an MTU that does not fit: code 7' bad 7 "doesn't fit" '.mtu = 1500 | .name = "other"'
check 'no bridge before: code 7' bad 7 'no bridge' '.prevResult.interfaces[0].name = "up0"'

for h in 1 2 3; do
	leave red $h
	leave blue $h
done
ip link del switch
plugin_end
done_testing
