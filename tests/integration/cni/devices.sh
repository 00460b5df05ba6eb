#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# shellcheck disable=SC2034 # variables are used in what check evaluates
# devices.sh - plugins host-device and tap.
. "$(dirname "$0")/plugin-lib.sh"
netns a
netns world
ip link add nic0 type veth peer name eth0 netns world
ip link set nic0 up && ip -n world addr add 10.5.0.1/24 dev eth0 && ip -n world link set eth0 up
MAC=$(ip -j link show nic0 | jq -r '.[0].address')
IPAM="\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$DATA\",\"ranges\":[[{\"subnet\":\"10.5.0.0/24\",\"rangeStart\":\"10.5.0.2\"}]],\"routes\":[{\"dst\":\"10.6.0.0/16\"}]}"
config() { # config KEYS
	CONFIG="{\"cniVersion\":\"1.1.0\",\"name\":\"net1\",$1}"
}
on_host() {
	ip link show nic0 >/dev/null 2>&1
}
inside() {
	ip -n a link show eth0 >/dev/null 2>&1
}

# --- host-device -----------------------------------------------------------------------------
for by in '"device":"nic0"' "\"hwaddr\":\"$MAC\""; do
	config "\"type\":\"host-device\",$by,$IPAM"
	check "by ${by%%:*}: ADD" add host-device
	check '  it is in the container, under its name' eval 'inside && ! on_host'
	check '  with its address' is "$MAC" "$(result '.interfaces[0].mac')"
	check '  and reaches what it is connected to' pings a 10.5.0.1
	check '  its route is there' has "$(ip -n a route)" '10.6.0.0/16 via 10.5.0.1'
	check '  CHECK agrees' passes CHECK host-device
	check '  CHECK sees that it is down' eval 'ip -n a link set eth0 down && refused 999 down CHECK host-device'
	check '  DEL gives it back under its own name' eval 'passes DEL host-device && on_host && ! inside && is "" "$(leased)"'
	check '  without a trace' is null "$(ip -j link show nic0 | jq '.[0].ifalias')"
	check '  twice is no error' passes DEL host-device
done
config "\"type\":\"host-device\",\"device\":\"nic0\",$IPAM"
plugin ADD host-device
check 'DEL without prevResult' eval 'passes DEL host-device && on_host'
plugin ADD host-device
check 'DEL without the namespace gives the address back' eval 'NETNS= passes DEL host-device && is "" "$(leased)"'
passes DEL host-device
ip -n a link add eth0 type bridge
check 'an interface of that name inside: an error' refused 999 'exists already' ADD host-device
check '  and nothing has moved' eval 'on_host && is "" "$(leased)"'
check '  DEL does not give away what was not lent' eval 'passes DEL host-device && inside'
ip -n a link del eth0
check 'a half-made ADD is undone' eval \
	'refused 999 "203.0.113.1" ADD host-device "$(jq -c ".ipam.routes = [{dst:\"192.0.2.0/24\",gw:\"203.0.113.1\"}]" <<<"$CONFIG")" && on_host && is "" "$(leased)"'
config "\"type\":\"host-device\",\"device\":\"nic9\",$IPAM"
check 'a device that is not there: an error, and no lease' eval 'refused 999 nic9 ADD host-device && is "" "$(leased)"'
config "\"type\":\"host-device\",$IPAM"
check 'none named: code 7' refused 7 'specify either' ADD host-device
config "\"type\":\"host-device\",\"pciBusID\":\"../../x\""
check 'no PCI address: code 7' refused 7 'PCI' ADD host-device
config "\"type\":\"host-device\",\"kernelpath\":\"/etc\""
check 'a path outside /sys/devices: code 7' refused 7 '/sys/devices' ADD host-device
config '"type":"host-device","device":"nic0"'
check 'without IPAM it is lent without an address' eval 'add host-device && inside && is null "$(result .ips)" && passes CHECK host-device && passes DEL host-device'

# --- tap -----------------------------------------------------------------------------------------
if [ -c /dev/net/tun ]; then
	config "\"type\":\"tap\",\"owner\":4711,\"group\":4712,\"multiQueue\":true,\"mtu\":1400,\"mac\":\"02:00:00:00:00:09\",$IPAM"
	tap() {
		ip -n a -d -j link show eth0 | jq -r ".[0]$1"
	}
	check 'tap: ADD' add tap
	check '  it is one, of several queues' is 'tap true' "$(tap '.linkinfo.info_data | .type + " " + (.multi_queue | tostring)')"
	check '  for its user and group' has "$(ip -n a -d link show eth0 | grep -o 'user [^ ]* group [^ ]*')" 'user 4711 group 4712'
	check '  address, MTU' is '02:00:00:00:00:09 1400' "$(tap '.address') $(tap .mtu)"
	check '  CHECK agrees' passes CHECK tap
	check '  the same again: an error, and the first stays' eval 'refused 7 duplicate ADD tap && inside'
	check '  DEL' eval 'passes DEL tap && ! inside && is "" "$(leased)" && passes DEL tap'
	ip -n a link add br9 type bridge
	config '"type":"tap","bridge":"br9"'
	check '  as the port of a bridge inside' eval 'add tap && is br9 "$(tap .master)" && passes DEL tap'
	if [ ! -d /sys/fs/selinux ]; then
		config "\"type\":\"tap\",\"selinuxContext\":\"system_u:object_r:tun_t:s0\",$IPAM"
		check '  a label where the host has none to give: an error, and nothing left' eval \
			'refused 999 label ADD tap && ! inside && is "" "$(leased)"'
	fi
	config "\"type\":\"tap\",\"bridge\":\"br8\",$IPAM"
	check '  of a bridge that is not there: undone' eval 'refused 999 br8 ADD tap && ! inside && is "" "$(leased)"'
else
	skip 'tap' 'no /dev/net/tun here'
fi

ip link del nic0
plugin_end
done_testing
