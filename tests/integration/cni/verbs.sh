#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# verbs.sh - the protocol: parameters, codes, versions, shapes, and DEL that may always be repeated.
. "$(dirname "$0")/plugin-lib.sh"
netns a

# --- parameters -------------------------------------------------------------------
N11='{"cniVersion":"1.1.0","name":"net1","type":"loopback"}'
bare() { # bare VARIABLE=VALUE...: a call with these parameters only
	out=$(env -i "$@" "$PLUGINS/loopback" 2>"$T/plugin.err" <<<"$N11")
	status=$?
	return $status
}
bare_refused() {
	local code=$1 part=$2
	shift 2
	! bare "$@" && is "$code" "$(jq -r .code <<<"$out")" && has "$(jq -r .msg <<<"$out")" "$part"
}
check 'without a command it says what it is, on standard error' eval \
	'bare && is "" "$out" && grep -q "supported: 0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0" "$T/plugin.err"'
check 'all missing parameters are named: code 4' bare_refused 4 \
	'required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME] missing' CNI_COMMAND=ADD
check 'DEL does not need CNI_NETNS' bare CNI_COMMAND=DEL CNI_CONTAINERID=c1 CNI_IFNAME=lo
check 'CHECK does' bare_refused 4 '[CNI_NETNS]' CNI_COMMAND=CHECK CNI_CONTAINERID=c1 CNI_IFNAME=lo
check 'GC and STATUS need none' eval 'bare CNI_COMMAND=GC && bare CNI_COMMAND=STATUS'
check 'an unknown command: code 4' bare_refused 4 'unknown CNI_COMMAND: UPDATE' CNI_COMMAND=UPDATE
check 'a container id with a slash: code 4' eval 'ID=../x refused 4 containerID ADD loopback "$N11"'
check 'an interface name of 16 bytes: code 4' eval \
	'IFNAME=abcdefghijklmnop refused 4 "invalid interface name" ADD loopback "$N11"'
check 'an interface name with a colon: code 4' eval 'IFNAME=eth0:1 refused 4 interface ADD loopback "$N11"'

# --- configurations -----------------------------------------------------------------
check 'no JSON: code 6' refused 6 '' ADD loopback '{"cniVersion":'
check 'nothing at all: code 6' refused 6 '' ADD loopback ''
check 'no name: code 7' refused 7 'missing network name' ADD loopback '{"cniVersion":"1.1.0"}'
check 'a bad name: code 7' refused 7 'invalid characters' ADD loopback '{"cniVersion":"1.1.0","name":"a b"}'
check 'an unknown version: code 1 with both sides' refused 1 'config is "9.9.9", plugin supports ["0.1.0"' \
	ADD loopback '{"cniVersion":"9.9.9","name":"n"}'
check 'CHECK before 0.4.0: code 1' refused 1 0.4.0 CHECK loopback '{"cniVersion":"0.3.1","name":"n"}'
check 'GC before 1.1.0: code 1' refused 1 1.1.0 GC loopback '{"cniVersion":"1.0.0","name":"n"}'
check 'STATUS before 1.1.0: code 1' refused 1 1.1.0 STATUS loopback '{"cniVersion":"1.0.0","name":"n"}'
check 'no such namespace: code 8' eval 'NETNS=/run/netns/none refused 8 /run/netns/none ADD loopback "$N11"'
check 'a file that is no namespace: code 8' eval 'NETNS=/etc/passwd refused 8 "no network namespace" ADD loopback "$N11"'
check "the plugin's own namespace: code 8" eval \
	'NETNS=/proc/self/ns/net refused 8 "should not be the same" ADD loopback "$N11"'
check 'a chained plugin without prevResult: code 7' refused 7 prevResult ADD portmap \
	'{"cniVersion":"1.0.0","name":"n","runtimeConfig":{"portMappings":[{"hostPort":1,"containerPort":1}]}}'
check 'an IPAM plugin that is not there: code 7' refused 7 'failed to find plugin "nope"' ADD bridge \
	'{"cniVersion":"1.0.0","name":"n","ipam":{"type":"nope"}}'
check 'an IPAM plugin by path: code 7 (CVE-2021-20206)' refused 7 '../x' ADD bridge \
	'{"cniVersion":"1.0.0","name":"n","ipam":{"type":"../x"}}'
check 'the error object has the version of the configuration' is 1.0.0 "$(jq -r .cniVersion <<<"$out")"

# --- every plugin -------------------------------------------------------------------
for type in "$PLUGINS"/*; do
	type=${type##*/}
	check "$type: VERSION lists versions up to 1.1.0" eval \
		'plugin VERSION $type "{}" && jq -e ".cniVersion == \"1.1.0\" and
		(.supportedVersions | index(\"0.4.0\") and .[-1] == \"1.1.0\")" <<<"$out"'
done
for type in bridge ptp loopback macvlan ipvlan vlan dummy host-local static portmap firewall tuning bandwidth; do
	[ -e "$PLUGINS/$type" ] || continue
	network "\"type\":\"$type\",\"master\":\"lo\",\"vlanId\":1"
	check "$type: DEL of what never was, twice" eval 'passes DEL $type && passes DEL $type'
	check "$type: DEL with a namespace that is gone" eval 'NETNS=/run/netns/gone passes DEL $type'
	check "$type: DEL without a namespace" eval 'NETNS= passes DEL $type'
	check "$type: GC with nothing valid" passes GC $type
done
check 'nothing was made by that' eval 'is "" "$(leased)" && is "" "$(links)"'

# --- shapes -------------------------------------------------------------------------
for version in 0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0; do
	network '"type":"bridge","bridge":"cni0","isGateway":true' $version
	check "bridge answers in version $version" eval \
		'add bridge && is '$version' "$(result .cniVersion)"'
	case $version in
	0.[12]*) check "  with ip4" matches "$(result '.ip4.ip + " " + .ip4.gateway + " " + .ip4.routes[0].dst')" \
		'^10\.1\.0\.[0-9]+/24 10.1.0.1 0.0.0.0/0$' ;;
	0.*) check "  with ips of version 4" is "4 10.1.0.1 2" \
		"$(result '.ips[0] | .version + " " + .gateway + " " + (.interface | tostring)')" ;;
	*) check "  with ips without version" is "null 10.1.0.1 2" \
		"$(result '.ips[0] | (.version | tostring) + " " + .gateway + " " + (.interface | tostring)')" ;;
	esac
	check "  and undoes it" passes DEL bridge
done
check 'mtu is told since 1.1.0' closing 'passes DEL bridge' 'add bridge && is 1500 "$(result ".interfaces[2].mtu")"'

# --- loopback -----------------------------------------------------------------------
ip -n a link set lo down
CONFIG='{"cniVersion":"0.3.1","name":"cni-loopback","type":"loopback"}'
IFNAME=lo
check 'loopback sets lo up and tells its addresses' eval \
	'add loopback && is "lo /run/netns/a 127.0.0.1/8 ::1/128" \
	"$(result "[.interfaces[0].name, .interfaces[0].sandbox, .ips[].address] | join(\" \")")"'
check 'lo is up' has "$(ip -n a link show lo)" 'LOOPBACK,UP'
CONFIG=${CONFIG/0.3.1/1.0.0}
check 'CHECK agrees' eval 'plugin ADD loopback; add loopback && passes CHECK loopback'
check 'DEL sets it down' eval 'passes DEL loopback && lacks "$(ip -n a link show lo)" "LOOPBACK,UP"'
check 'which CHECK sees' refused 999 down CHECK loopback
IFNAME=eth0

plugin_end
done_testing
