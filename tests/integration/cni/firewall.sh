#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what check evaluates
# firewall.sh - plugin firewall: ingress policies between networks, a host that drops by policy.
. "$(dirname "$0")/chain-lib.sh"
check 'two containers on a bridge' chain_begin
OTHER='"name":"net2","bridge":"cni2","ipam":{"type":"host-local","dataDir":"'$DATA'","ranges":[[{"subnet":"10.2.0.0/24"}]]}'
netns c
netns d
check 'two more on another' eval 'attach c "$OTHER" && attach d "$OTHER"'
address_of() {
	jq -r '.ips[0].address | sub("/.*"; "")' "$T/$1.result"
}
A=$(address_of a) B=$(address_of b) C=$(address_of c) D=$(address_of d)
ip -n world route add 10.1.0.0/16 via 192.0.2.1
firewall() { # firewall NETNS NAME [KEYS]
	chain "$1" "\"type\":\"firewall\"${3:+,$3}"
	CONFIG=$(jq -c --arg n "$2" '.name = $n' <<<"$CONFIG")
}
sums() { # of the rules, without counters
	nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*/counter/' | md5sum
}

# --- open --------------------------------------------------------------------------------
check 'without a policy all reach each other' eval 'reaches a $C && reaches c $A && reaches a $B && reaches c $D'
firewall a net1
check 'open: ADD' add firewall
check '  changes nothing' eval 'reaches a $C && reaches c $A && lacks "$(nft list ruleset)" skerry_firewall'
check '  the result is that of the plugin before' is "$(jq -S . "$T/a.result")" "$(jq -S . "$T/result")"
check '  CHECK and DEL' eval 'passes CHECK firewall && passes DEL firewall'

# --- same-bridge ----------------------------------------------------------------------------
for ns in a b; do
	firewall $ns net1 '"ingressPolicy":"same-bridge"'
	check "same-bridge: ADD for $ns" add firewall
done
check '  one network with it is not kept from others without' eval 'reaches a $C && reaches c $A'
firewall c net2 '"ingressPolicy":"same-bridge"'
check '  ADD for a container of the other network' add firewall
check '  now neither reaches the other' eval 'blocked a $C && blocked c $A'
check '  within a network they do' eval 'reaches a $B && reaches c $D'
check '  the world does, and is reached' eval 'reaches world $A && reaches a 192.0.2.2'
check '  the host does, and is reached' eval 'eventually busybox ping -q -c1 -W2 $A && reaches a 10.1.0.1'
before=$(sums)
firewall d net2 '"ingressPolicy":"same-bridge"'
check '  a further container costs no rule and no element' eval 'add firewall && is "$before" "$(sums)"'
check '  CHECK agrees' passes CHECK firewall
check '  another policy for the same bridge by another network: code 7' eval \
	'firewall a net3 "\"ingressPolicy\":\"isolated\"" && refused 7 "another ingress policy" ADD firewall'
firewall d net2 '"ingressPolicy":"same-bridge"'
check '  CHECK sees that an element is gone' eval \
	'nft delete element inet skerry_firewall bridges "{ cni2 }" && refused 999 gone CHECK firewall && add firewall && blocked a $C'
check '  CHECK sees that all is gone' eval 'nft delete table inet skerry_firewall && refused 999 gone CHECK firewall && add firewall'
firewall a net1 '"ingressPolicy":"same-bridge"'
add firewall
check '  DEL of one leaves the others' eval 'passes DEL firewall && blocked b $C'

# --- the administrator's chain ---------------------------------------------------------------------
check 'rules of the administrator in CNI-ADMIN come first' closing 'nft flush chain inet skerry_firewall CNI-ADMIN' \
	'nft add rule inet skerry_firewall CNI-ADMIN iifname cni0 ip daddr $C accept && nft add rule inet skerry_firewall CNI-ADMIN ct state established accept && reaches a $C && blocked c $A'
firewall a net1 '"ingressPolicy":"same-bridge","iptablesAdminChainName":"MINE"'
check '  under another name' eval 'nft flush table inet skerry_firewall; nft delete table inet skerry_firewall; add firewall &&
	has "$(nft list chain inet skerry_firewall admin)" "jump MINE"'

# --- GC -----------------------------------------------------------------------------------------------
firewall c net2 '"ingressPolicy":"same-bridge"' && add firewall
check 'GC with attachments keeps the policy' eval 'gc c && blocked a $C'
check 'GC without any removes it' eval 'gc && reaches a $C'
firewall a net1 '"ingressPolicy":"same-bridge"'
gc

# --- isolated -----------------------------------------------------------------------------------------
for ns in a b; do
	firewall $ns net1 '"ingressPolicy":"isolated"'
	check "isolated: ADD for $ns" add firewall
done
check '  containers of the network do not reach each other' eval 'blocked a $B && blocked b $A'
check '  the gateway and the world are reached' eval 'reaches a 10.1.0.1 && reaches b 192.0.2.2'
check '  CHECK agrees' passes CHECK firewall
port=$(jq -r '.interfaces[1].name' "$T/b.result")
check '  CHECK sees a port that is not isolated any more' eval \
	'bridge link set dev $port isolated off && refused 999 "isolated any more" CHECK firewall'
gc
for ns in a b; do
	bridge link set dev "$(jq -r '.interfaces[1].name' "$T/$ns.result")" isolated off
done

# --- a host whose FORWARD chain drops --------------------------------------------------------------------
if command -v iptables-nft >/dev/null; then
	iptables-nft -P FORWARD DROP && ip6tables-nft -P FORWARD DROP
	check 'FORWARD drops: the world is not reached' blocked a 192.0.2.2
	firewall a net1
	check '  after ADD it is' eval 'add firewall && reaches a 192.0.2.2 && reaches a fd00:99::2'
	check '  by rules that iptables can list' has "$(iptables-nft -S FORWARD)" '-A FORWARD -j SKERRY-FORWARD'
	check '    and their states' has "$(iptables-nft -S SKERRY-cni0)" '--ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT'
	check '  what the world begins is dropped' blocked world "$A"
	before=$(iptables-nft -S)
	firewall b net1
	check '  a further container costs no rule' eval 'add firewall && is "$before" "$(iptables-nft -S)"'
	check '  CHECK agrees' passes CHECK firewall
	check '  CHECK sees that they are gone' eval \
		'iptables-nft -F SKERRY-FORWARD && iptables-nft -F SKERRY-cni0 && iptables-nft -X SKERRY-cni0 && refused 999 SKERRY-cni0 CHECK firewall'
	iptables-nft -P FORWARD ACCEPT
	ip6tables-nft -P FORWARD ACCEPT
else
	skip 'a host whose FORWARD chain drops' 'no iptables-nft here'
fi

# --- what is refused ------------------------------------------------------------------------------------------
firewall a net1 '"ingressPolicy":"closed"'
check 'an unknown policy: code 7' refused 7 'unknown ingress policy "closed"' ADD firewall
firewall a net1 '"backend":"pf"'
check 'an unknown backend: code 7' refused 7 pf ADD firewall
firewall a net1 '"ingressPolicy":"same-bridge"'
check 'a policy without a bridge: code 7' refused 7 'needs a bridge' ADD firewall \
	"$(jq -c '.prevResult.interfaces[0].name = "up0"' <<<"$CONFIG")"
check 'without prevResult: code 7' refused 7 'chained' ADD firewall "$(jq -c 'del(.prevResult)' <<<"$CONFIG")"
check 'STATUS' passes STATUS firewall "$(jq -c 'del(.prevResult)' <<<"$CONFIG")"

detach c "$OTHER"
detach d "$OTHER"
ip link del cni2
chain_end
done_testing
