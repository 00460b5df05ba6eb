#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# shellcheck disable=SC2034 # what checks evaluate
# vlan.sh - plugin bridge: VLANs of its ports.
. "$(dirname "$0")/plugin-lib.sh"
for ns in a b c; do
	netns $ns
done

lan() { # lan KEYS: all in one subnet, whatever their VLAN
	network "\"type\":\"bridge\",$1"
	CONFIG=$(jq -c 'del(.ipam.routes)' <<<"$CONFIG")
}
as() { # as NETNS COMMAND...
	local ID=$1 NETNS=/run/netns/$1
	shift
	"$@"
}
port() { # the host's end of the pair
	result '.interfaces[1].name'
}
vlans() { # vlans PORT: "1 untagged, 7 PVID untagged"
	bridge -j vlan show dev "$1" |
		jq -r '[.[0].vlans[] | ([.vlan, .vlanEnd // empty] | map(tostring) | join("-")) + ([.flags[]? // empty] | map(" " + .) | join(""))] | join(", ")'
}
sees() { # sees PART CHANGE REPAIR
	eval "$2" && refused 999 "$1" CHECK bridge && eval "$3" && passes CHECK bridge
}
done_with() {
	for ns in a b c; do
		as $ns plugin DEL bridge
	done
	ip -br link | awk '$1 ~ /^cni/ { sub("@.*", "", $1); print $1 }' | xargs -rn1 ip link del
}

# --- one number ----------------------------------------------------------------------------
lan '"vlan":7'
check 'vlan: ADD' as a add bridge
check 'the bridge tells VLANs apart' has "$(ip -d link show cni0)" 'vlan_filtering 1'
check 'the port is in VLAN 7, and what it sends' is '1 Egress Untagged, 7 PVID Egress Untagged' "$(vlans "$(port)")"
check 'CHECK agrees' as a passes CHECK bridge
check 'CHECK sees that the port left it' as a sees 'is not in VLAN 7' 'bridge vlan del dev $(port) vid 7' \
	'bridge vlan add dev $(port) vid 7 pvid untagged'
check 'CHECK sees a VLAN too much' as a sees 'is in VLAN 9' 'bridge vlan add dev $(port) vid 9' 'bridge vlan del dev $(port) vid 9'
check 'CHECK sees that it is tagged' as a sees 'treats VLAN 7' 'bridge vlan add dev $(port) vid 7' \
	'bridge vlan add dev $(port) vid 7 pvid untagged'
check 'CHECK sees that VLANs are all one' as a sees 'tell VLANs apart' 'ip link set cni0 type bridge vlan_filtering 0' \
	'ip link set cni0 type bridge vlan_filtering 1'
first=$CONFIG
lan '"vlan":7'
check 'another one in VLAN 7 reaches it' eval 'as b plugin ADD bridge && pings b "$(address a)"'
lan '"vlan":8'
check 'one in VLAN 8 does not' eval 'as c plugin ADD bridge && unanswered c "$(address a)"'
CONFIG=$first
check 'DEL' as a passes DEL bridge
check 'DEL twice is no error' as a passes DEL bridge
done_with

# --- with a gateway ------------------------------------------------------------------------
network '"type":"bridge","isGateway":true,"vlan":7'
check 'isGateway: the gateway is a port of VLAN 7' eval 'as a add bridge && has "$(ip -o addr show cni0.7)" 10.1.0.1/24 && pings a 10.1.0.1'
check 'the bridge itself has no address' lacks "$(ip -o -4 addr show cni0)" 10.1.0.1
check 'CHECK agrees' as a passes CHECK bridge
check 'CHECK sees the gateway without its address' as a sees 'gateway address 10.1.0.1/24' \
	'ip addr del 10.1.0.1/24 dev cni0.7' 'ip addr add 10.1.0.1/24 brd + dev cni0.7'
check 'a second one takes the same gateway' eval 'as b plugin ADD bridge && pings b 10.1.0.1 && pings b "$(address a)"'
check 'CHECK does not make a gateway that is gone, it says so' eval \
	'ip link del cni0.7 && as a refused 999 "\"cni0.7\" is gone" CHECK bridge && ! ip link show cni0.7'
check 'the next ADD makes it again' eval 'as b plugin DEL bridge && as b plugin ADD bridge && pings b 10.1.0.1'
done_with
lan '"isGateway":true,"vlan":7,"bridge":"bridge-name-13","mtu":1400'
check 'a name too long for BRIDGE.VLAN: code 7' as a refused 7 'too long' ADD bridge
ip link del bridge-name-13

# --- more than one ---------------------------------------------------------------------------
lan '"vlanTrunk":[{"id":7},{"minID":20,"maxID":22}]'
check 'vlanTrunk: ADD' as a add bridge
check 'the port is in all of them, tagged' is '1 PVID Egress Untagged, 7, 20, 21, 22' "$(vlans "$(port)")"
check 'CHECK agrees' as a passes CHECK bridge
check 'CHECK sees one that is gone' as a sees 'is not in VLAN 21' 'bridge vlan del dev $(port) vid 21' 'bridge vlan add dev $(port) vid 21'
lan '"vlan":7'
as b plugin ADD bridge
ip -n a link add link eth0 name eth0.7 type vlan id 7
own=$(address a)
ip -n a addr flush dev eth0 && ip -n a addr add "$own/24" dev eth0.7 && ip -n a link set eth0.7 up
check 'the one in VLAN 7 is reached with that tag' pings a "$(address b)"
lan '"vlan":20'
as c plugin ADD bridge
check 'and the one in VLAN 20 not' eval 'unanswered a "$(address c)"'
ip -n a link del eth0.7
done_with
lan '"vlan":7,"vlanTrunk":[{"id":8}]'
check 'vlan and vlanTrunk' eval 'as a add bridge && is "1 Egress Untagged, 7 PVID Egress Untagged, 8" "$(vlans "$(port)")" && as a passes CHECK bridge'
done_with

# --- the default one ----------------------------------------------------------------------------
lan '"vlan":7,"preserveDefaultVlan":false'
check 'preserveDefaultVlan false: only VLAN 7' eval 'as a add bridge && is "7 PVID Egress Untagged" "$(vlans "$(port)")" && as a passes CHECK bridge'
check 'CHECK sees the default one come back' as a sees 'is in VLAN 1' 'bridge vlan add dev $(port) vid 1 untagged' 'bridge vlan del dev $(port) vid 1'
done_with
lan '"vlan":7,"preserveDefaultVlan":true'
check 'preserveDefaultVlan true: both' eval 'as a add bridge && is "1 Egress Untagged, 7 PVID Egress Untagged" "$(vlans "$(port)")"'
done_with

# --- a bridge that is there ------------------------------------------------------------------------
lan '"mtu":1500'
as b plugin ADD bridge && as c plugin ADD bridge
lan '"vlan":7'
check 'a bridge without VLANs begins to tell them apart' eval 'as a add bridge && has "$(ip -d link show cni0)" "vlan_filtering 1" && as a passes CHECK bridge'
check 'those who were there still reach each other' pings b "$(address c)"
check 'and not the new one' eval 'unanswered b "$(address a)"'
done_with
ip link add cni0 type bridge vlan_default_pvid 0
check 'one without a default VLAN is left as it is' eval 'as a add bridge; has "$(ip -d link show cni0)" "vlan_filtering 0"'
done_with

plugin_end
done_testing
