#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# caller.sh - networks and attachments: create, ls, inspect, add, check, del, gc, rm; the result cache.
. "$(dirname "$0")/lib.sh"

# --- networks are files -------------------------------------------------------------
check 'the network "default" is there without a file' shows default N ls -q
check 'create writes a conflist and names it' prints "$CONF/blue.conflist" N create blue
check 'which is JSON with that name' is blue "$(jq -r .name "$CONF/blue.conflist")"
check 'a second one of that name is refused' refuses 'there already' N create blue
check 'create chooses a subnet that no network has' eval \
	'N create green >/dev/null && [ "$(jq -r ".plugins[0].ipam.ranges[0][0].subnet" "$CONF/blue.conflist")" != \
		"$(jq -r ".plugins[0].ipam.ranges[0][0].subnet" "$CONF/green.conflist")" ]'
check 'an overlapping subnet is refused with the network it overlaps' refuses 'of network "default"' \
	N create red --subnet 10.131.7.0/24
ip link add dm0 type bridge && ip addr add 172.30.1.1/16 dev dm0 && ip link set dm0 up
check 'so is one that the host has a route to' refuses 'the host has a route' \
	N create red --subnet 172.30.9.0/24
ip link del dm0
check 'a subnet without room for a container is refused' refuses 'no room' \
	N create red --subnet 10.7.0.0/31
check 'a gateway outside of the subnet is refused' refuses 'not in the subnet' \
	N create red --subnet 10.7.0.0/24 --gateway 10.8.0.1
check 'a name that is a path is refused' refuses "can't be the name" N create ../red
check 'and nothing was written' test ! -e "$CONF/red.conflist"
check 'create --internal has no route out and no masquerade' eval \
	'N create inner --internal >/dev/null && jq -e ".plugins[0].ipMasq == false and
		.plugins[0].ipam.routes == null" "$CONF/inner.conflist"'
check 'create with two families' eval \
	'N create dual --subnet 10.7.0.0/24 --subnet fd07::/64 >/dev/null &&
	jq -e "[.plugins[0].ipam.ranges[][].subnet] == [\"10.7.0.0/24\",\"fd07::/64\"]" "$CONF/dual.conflist"'
echo '{"name":"broken"' >"$CONF/broken.conflist"
check 'a file that is no JSON does not hide the others' shows blue N ls -q
check 'and is told of' shows broken.conflist N ls -q
rm "$CONF/broken.conflist"
check 'ls --json is JSON' eval 'N ls --json | jq -e "length == 5"'
check 'rm removes networks' eval 'N rm green inner dual && ! N ls -q | grep -qE "green|inner|dual"'
netns d
N add default c1 /run/netns/d >/dev/null
check 'rm of the network that is built in takes its bridge' eval \
	'N del default c1 && ip link show skerry0 >/dev/null && N rm default && ! ip link show skerry0 2>/dev/null'
check 'and its tables' is '' "$(nft list tables)"
check 'and it is still there' shows default N ls -q
netns_gone d
check 'an unknown network is refused' refuses 'no network "nope"' N inspect nope
check 'status tells that a plugin is missing' eval \
	'conflist none "\"plugins\":[{\"type\":\"no-such-plugin\"}]"; refuses no-such-plugin N status none'
rm "$CONF/none.conflist"

# --- one attachment -----------------------------------------------------------------
bridge_list one 10.9.0.0/24 1.1.0
check 'status of a good network' N status one
netns a
check 'add prints the result in the version of the list' eval \
	'N add one c1 /run/netns/a >"$T/result" && jq -e ".cniVersion == \"1.1.0\"" "$T/result"'
check 'the interface has the address of the result' is \
	"$(jq -r '.ips[0].address' "$T/result" | cut -d/ -f1)" "$(address a)"
check 'the result names the interface in its sandbox' jq -e \
	'.interfaces[.ips[0].interface] | .name == "eth0" and .sandbox == "/run/netns/a"' "$T/result"
F=/var/lib/cni/results/one-c1-eth0
check 'the cache is where libcni looks' test -f $F
check 'with the kind and the fields of libcni' jq -e \
	'.kind == "cniCacheV1" and .containerId == "c1" and .ifName == "eth0" and .networkName == "one" and
	.netns == "/run/netns/a"' $F
check 'with the configuration as it was' eval 'jq -r .config $F | base64 -d | cmp - "$CONF/one.conflist"'
check 'with the result' eval '[ "$(jq -S .result $F)" = "$(jq -S . "$T/result")" ]'
check 'is one line, for root alone' eval '[ "$(wc -l <$F)" = 0 ] && [ "$(stat -c %a $F)" = 600 ]'
check 'a second add of the same is refused' refuses 'already' N add one c1 /run/netns/a
check 'and changes nothing' is "$(jq -r '.ips[0].address' "$T/result" | cut -d/ -f1)" "$(address a)"
check 'the gateway answers from inside' pings a 10.9.0.1
check 'check agrees' N check one c1
check 'check of everything agrees' N check
ip -n a addr flush dev eth0
check 'check sees that the address is gone' fails N check one c1
check 'check of what was never attached fails' refuses 'not in network' N check one nobody
check 'rm of a network in use is refused' refuses 'has 1 containers' N rm one
check 'inspect lists the attachment' eval \
	'N inspect one | jq -e ".[0].attachments[0] | .container == \"c1\" and .alive and .complete"'
check 'del undoes it' eval 'N del one c1 && nothing_left one'
check 'del again is no error' N del one c1
check 'del of what never was is no error' N del one never
netns_gone a

# --- settings -----------------------------------------------------------------------
netns a
check 'capabilities reach the plugin' eval \
	'N add one c1 /run/netns/a --capability "ips=[\"10.9.0.77\"]" --capability "mac=\"02:11:22:33:44:55\"" >/dev/null &&
	[ "$(address a)" = 10.9.0.77 ]'
check 'also the hardware address' eval 'ip -n a link show eth0 | grep -q 02:11:22:33:44:55'
check 'and are remembered' jq -e '.capabilityArgs.ips == ["10.9.0.77"]' /var/lib/cni/results/one-c1-eth0
check 'two interfaces of one container' eval 'N add one c1 /run/netns/a --ifname net1 --arg IgnoreUnknown=1 >/dev/null &&
	[ -n "$(address a net1)" ]'
check 'arguments are remembered' jq -e '.cniArgs == [["IgnoreUnknown","1"]]' /var/lib/cni/results/one-c1-net1
check 'a capability that is no JSON is refused' fails N add one c2 /run/netns/a --capability 'ips=['
rm "$CONF/one.conflist"
check 'del works when the file of the network is gone' eval 'N del one c1 && N del one c1 --ifname net1 && nothing_left one'
netns_gone a

# --- what others leave ----------------------------------------------------------------
bridge_list one 10.9.0.0/24 1.1.0
netns a
netns b
N add one live /run/netns/a >/dev/null
N add one dead /run/netns/b >/dev/null
netns_gone b
check 'gc takes what has no network namespace any more' prints 'one: 1 stale' N gc one
check 'and leaves the one that lives' eval '[ "$(cached)" = one-live-eth0 ] && [ "$(leases one | wc -l)" = 1 ] && N check one live'
: >/var/lib/cni/results/one-live-eth0
check 'an emptied cache file is no obstacle to del' N del one live
check 'gc frees what nothing remembers' eval 'N gc one && ip -n a link del eth0; [ -z "$(leases one)" ]'
N add one live /run/netns/a >/dev/null
check 'rm --force detaches' eval 'N rm --force one && [ -z "$(cached)" ] && [ ! -e "$CONF/one.conflist" ]'
netns_gone a

# --- several files and folders ----------------------------------------------------------
conflist aa '"cniVersion":"1.0.0","plugins":[{"type":"loopback"}]'
printf '{"cniVersion":"0.3.1","name":"bb","type":"loopback"}' >"$CONF/10-bb.conf"
printf '{"cniVersion":"1.0.0","name":"aa","type":"loopback"}' >"$CONF/zz.conf"
check 'a single plugin of old is a network' shows bb N ls -q
check 'of two files with one name the first counts' is 1 "$(N ls -q | grep -c '^aa$')"
mkdir -p "$CONF/dd"
printf '{"cniVersion":"1.0.0","name":"dd"}' >"$CONF/dd.conflist"
printf '{"type":"loopback"}' >"$CONF/dd/10-lo.conf"
netns a
check 'plugins in a folder beside the list belong to it' eval 'N add dd c1 /run/netns/a --ifname lo | jq -e .cniVersion'
check 'and are found again' N del dd c1 --ifname lo
netns_gone a
net_end
done_testing
