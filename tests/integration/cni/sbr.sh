#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what check evaluates
# sbr.sh - plugins sbr and vrf (with a kernel that has it: vrf.sh): routing that depends on the interface.
. "$(dirname "$0")/chain-lib.sh"
check 'two containers on a bridge' chain_begin

# a second network of the same container, whose default route would lose
SECOND='"name":"net2","bridge":"cni2","isDefaultGateway":false,"isGateway":true,"ipam":{"type":"host-local","dataDir":"'$DATA'","ranges":[[{"subnet":"10.2.0.0/24"}]]}'
second() { # second VERB
	local IFNAME=eth1
	plugin "$1" bridge "$(bridge_config "$SECOND")"
}
check 'a second interface' eval 'ID=a && second ADD && echo "$out" >"$T/second.result"'
sbr() { # sbr [KEYS]
	ID=a NETNS=/run/netns/a IFNAME=eth1
	CONFIG=$(jq -c --slurpfile r "$T/second.result" '.prevResult = $r[0]' <<<"{\"cniVersion\":\"1.1.0\",\"name\":\"net2\",\"type\":\"sbr\"${1:+,$1}}")
}
through() { # through ADDRESS: the interface by which packets from there go to the world
	ip -n a -j route get 192.0.2.2 from "$1" | jq -r '.[0].dev'
}
own=$(jq -r '.ips[0].address | sub("/.*"; "")' "$T/second.result")
first=$(jq -r '.ips[0].address | sub("/.*"; "")' "$T/a.result")
rules() {
	ip -n a -j rule list | jq -r '.[] | select(.src != "all") | .src + " " + .table'
}
sbr
check 'before, all leaves by the first' is eth0 "$(through "$own")"
check 'ADD' add sbr
check '  a rule for the address' is "$own 100" "$(rules)"
check '  packets from it leave by its interface' is eth1 "$(through "$own")"
check '  those from the other address as before' is eth0 "$(through "$first")"
check '  its gateway is the default in its table' has "$(ip -n a route show table 100)" 'default via 10.2.0.1 dev eth1'
check "  its network is in its table only" eval 'has "$(ip -n a route show table 100)" 10.2.0.0/24 && lacks "$(ip -n a route)" 10.2.0.0/24'
check '  CHECK agrees' passes CHECK sbr
check '  CHECK sees that the rule is gone' eval 'ip -n a rule del from $own table 100 && refused 999 "no rule for packets from $own" CHECK sbr &&
	ip -n a rule add from $own table 100'
check '  CHECK sees that its gateway is gone' eval 'ip -n a route del default table 100 && refused 999 "no default route" CHECK sbr'
check 'DEL' passes DEL sbr
check '  removes the rule' is '' "$(rules)"
check '  twice is no error' passes DEL sbr
check '  without the namespace as well' eval 'NETNS= passes DEL sbr'
second DEL
second ADD && echo "$out" >"$T/second.result"
own=$(jq -r '.ips[0].address | sub("/.*"; "")' "$T/second.result")
ip -n a rule add from 203.0.113.9 table 100
sbr '"addSourceHints":true'
check 'a table that is in use is left alone; source hints' eval 'add sbr && has "$(rules)" "$own 101" &&
	has "$(ip -n a route show table 101)" "src $own"'
passes DEL sbr
ip -n a rule del from 203.0.113.9 table 100
second DEL
second ADD && echo "$out" >"$T/second.result"
own=$(jq -r '.ips[0].address | sub("/.*"; "")' "$T/second.result")
sbr '"table":777'
check 'a table by number' eval 'add sbr && is "$own 777" "$(rules)"'
passes DEL sbr
second DEL
IFNAME=eth9
check 'an interface that is not there: an error' refused 999 'no interface "eth9"' ADD sbr
IFNAME=eth0
ip link del cni2

# --- vrf ---------------------------------------------------------------------------------------
vrf() { # vrf KEYS
	chain a "\"type\":\"vrf\",$1"
}
vrf '"vrfname":"blue"'
if ! kernel_has 'vrf table 10'; then
	check 'vrf: a kernel without says so' refused 999 'vrf interface "blue"' ADD vrf
	check '  and DEL is no error' passes DEL vrf
fi
vrf '"vrfname":"a/b"'
check 'a name that can not be: code 7' refused 7 'invalid vrfname' ADD vrf
vrf '"table":10'
check 'no name: code 7' refused 7 'invalid vrfname' ADD vrf
vrf '"vrfname":"eth0"'
check 'a name that is no VRF: code 7' refused 7 'is no VRF' ADD vrf

chain_end
done_testing
