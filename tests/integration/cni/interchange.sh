#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# interchange.sh - reference plugins called by skerry, and each on the other's leases and cache.
. "$(dirname "$0")/lib.sh"
needs "the reference plugins (package containernetworking-plugins) are not in $PEERS" test -x $PEERS/bridge
mkdir "$T/ours"
for type in bridge host-local portmap loopback; do
	cp "$BUILD/skerry-cni" "$T/ours/$type"
done

theirs() {
	CNI_PATH=$PEERS N "$@"
}
# executed, as another caller would
ours() {
	CNI_PATH=$T/ours N "$@"
}
bridge_list one 10.9.0.0/24
conflist full '"cniVersion":"0.4.0","plugins":[{"type":"bridge","bridge":"br-full","isGateway":true,
	"ipam":{"type":"host-local","ranges":[[{"subnet":"10.10.0.0/24"}],[{"subnet":"fd10::/64"}]]}},
	{"type":"tuning","sysctl":{"net.ipv4.conf.all.log_martians":"1"}},
	{"type":"bandwidth","capabilities":{"bandwidth":true}}]'
netns a

mkdir "$T/links"
ln -s "$BUILD/skerry-cni" "$T/links/bridge"
check 'a link to our own program is not executed' shows 'bridge (linked in)' eval 'CNI_PATH=$T/links N status one --debug'
check 'a copy of it is' shows "bridge ($T/ours/bridge)" ours status one --debug

# --- their plugins, our caller -------------------------------------------------------------
check 'skerry finds them by CNI_PATH' shows "bridge ($PEERS/bridge)" theirs status one --debug
check 'ADD' eval 'theirs add one c1 /run/netns/a >"$T/their.json"'
check 'CHECK' theirs check one c1
check 'DEL' eval 'theirs del one c1 && nothing_left one'
check 'a chain of bridge, tuning and bandwidth, two families' eval \
	'theirs add full c1 /run/netns/a --capability "bandwidth={\"ingressRate\":1000000,\"ingressBurst\":100000}" >"$T/full.json" &&
	jq -e ".ips | length == 2" "$T/full.json" && theirs check full c1'
check 'and its DEL' eval 'theirs del full c1 && nothing_left full'
for version in 0.3.1 0.4.0 1.0.0; do
	bridge_list "v$version" 10.11.0.0/24 $version
	check "version $version" eval "theirs add v$version c1 /run/netns/a >\"\$T/v\" && jq -e '.cniVersion == \"$version\"' \"\$T/v\" && theirs del v$version c1 && nothing_left v$version"
	check "version $version of ours has the same shape" eval \
		"ours add v$version c1 /run/netns/a >\"\$T/w\" && ours del v$version c1 &&
		is \"\$(jq -c '[paths | map(if type == \"number\" then 0 else . end)] | unique - [[\"interfaces\",0,\"mtu\"], [\"dns\"]]' \"\$T/v\")\" \
		\"\$(jq -c '[paths | map(if type == \"number\" then 0 else . end)] | unique - [[\"interfaces\",0,\"mtu\"], [\"dns\"]]' \"\$T/w\")\""
	rm "$CONF/v$version.conflist"
	ip link del "br-v$version"
done

# --- each on what the other left --------------------------------------------------------------
ip link del br-one
for pair in 'theirs ours' 'ours theirs' 'theirs N' 'N theirs'; do
	read -r make take <<<"$pair"
	check "$make ADD, $take CHECK" eval "$make add one c1 /run/netns/a >/dev/null && $take check one c1"
	check "$make ADD, $take DEL" eval "$take del one c1 && nothing_left one"
	ip link del br-one
done
for i in 1 2 3 4 5 6; do
	netns "m$i"
done
check 'in turn they never give one address twice' eval \
	'for i in 1 3 5; do theirs add one m$i /run/netns/m$i && N add one m$((i + 1)) /run/netns/m$((i + 1)) || exit 1; done >/dev/null;
	[ "$(for i in 1 2 3 4 5 6; do address m$i; done | sort -u | wc -l)" = 6 ]'
check 'our gc frees what theirs reserved' eval \
	'for i in 1 2 3 4 5 6; do netns_gone m$i; done; [ "$(N gc one)" = "one: 6 stale" ] && nothing_left one'

# --- a cache file as libcni 1.1 writes it ------------------------------------------------------
N add one c9 /run/netns/a >/dev/null
F=/var/lib/cni/results/one-c9-eth0
jq -c '{kind, containerId, config, ifName, networkName, netns, cniArgs: [["IgnoreUnknown","1"],["K8S_POD_NAME","p"]],
	capabilityArgs: {portMappings: [{HostPort: 8080, ContainerPort: 80, Protocol: "tcp", HostIP: ""}]}, result}' \
	"$F" >"$T/libcni" && cp "$T/libcni" "$F"
check 'DEL by a cache with the capitals of containerd' eval 'N del one c9 && nothing_left one'
check 'a bare result, as before libcni 0.8' eval \
	'N add one c9 /run/netns/a >"$T/bare" && cp "$T/bare" "$F" && N del one c9 && nothing_left one'

# --- our plugins and runtime under Debian's podman, which calls them through libcni ---------------
if podman --version 2>/dev/null | grep -q 'version 4' && command -v conmon >/dev/null; then
	cat >"$T/containers.conf" <<-TOML
		[network]
		network_backend = "cni"
		cni_plugin_dirs = ["$T/ours"]
		network_config_dir = "$CONF"
		default_network = "old"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "none"
		runtime_supports_nocgroup = ["skerry"]
		[engine.runtimes]
		skerry = ["$SKERRY"]
	TOML
	P() {
		CONTAINERS_CONF=$T/containers.conf timeout 60 podman --root "$T/pr" --runroot "$T/prr" --tmpdir "$T/ptmp" \
			--storage-driver vfs --runtime skerry "$@" </dev/null
	}
	bridge_list old 10.12.0.0/24 0.4.0
	mk "$(args true)"
	check 'podman run: the container has an address of ours' shows 'inet 10.12.0.' \
		P run --rm --cgroups=disabled --network old --rootfs "$B/rootfs" ip -4 addr show dev eth0
	check 'nothing is left of it' nothing_left old
	check 'podman run -d -p' eval 'P run -d --name p1 --cgroups=disabled --network old -p 8090:80 --rootfs "$B/rootfs" \
		httpd -f -p 80 -h /etc >/dev/null 2>&1'
	check 'its cache is ours to read' eval 'N inspect old | jq -e ".[0].attachments[0] | .alive and .complete"'
	check 'and to check' N check old
	check 'our gc leaves what lives' eval 'N gc old && [ "$(leases old | wc -l)" = 1 ] && N check old'
	check 'the published port is served' eventually fetch "$(ip -4 -o addr show br-old | awk '{sub("/.*","",$4);print $4}')" 8090
	check 'podman rm takes everything' eval 'P rm -f -t0 p1 >/dev/null; nothing_left old'
	rm "$CONF/old.conflist"
	umount -R "$T/pr" 2>/dev/null
else
	skip 'podman run: the container has an address of ours' 'podman 4 with conmon is not installed'
fi
rm -f "$CONF/full.conflist"
netns_gone a
net_end
done_testing
