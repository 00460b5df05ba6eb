#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what check evaluates
# conflists.sh - configurations as the projects of Kubernetes ship them, on our plugins and on theirs.
. "$(dirname "$0")/lib.sh"
needs "the reference plugins (package containernetworking-plugins) are not in $PEERS" test -x $PEERS/bridge
mkdir "$T/ours" "$T/theirs"
for type in $("$BUILD/skerry-cni" --list); do
	cp -l "$BUILD/skerry-cni" "$T/ours/$type" 2>/dev/null || cp "$BUILD/skerry-cni" "$T/ours/$type"
done
ln -s $PEERS/* "$T/theirs/"
# what flannel's plugin makes of its configuration and /run/flannel/subnet.env: a delegate
for dir in ours theirs; do
	cat >"$T/$dir/flannel" <<-'END'
		#!/bin/bash
		IFS= read -rd '' config
		. /run/flannel/subnet.env
		jq -c --arg net "$FLANNEL_NETWORK" --arg subnet "${FLANNEL_SUBNET/.1\//.0\/}" --argjson mtu "$FLANNEL_MTU" \
			'. as $c | {cniVersion, name} + (.delegate // {}) | .type //= "bridge" | .ipMasq //= false | .mtu //= $mtu |
			.isGateway //= true | .ipam = {type: "host-local", ranges: [[{subnet: $subnet}]], routes: [{dst: $net}]} |
			if $c.prevResult then .prevResult = $c.prevResult else . end' <<<"$config" |
			"${CNI_PATH%%:*}/bridge"
	END
	chmod +x "$T/$dir/flannel"
done
mkdir -p /run/flannel
printf '%s\n' FLANNEL_NETWORK=10.244.0.0/16 FLANNEL_SUBNET=10.244.3.1/24 FLANNEL_MTU=1450 >/run/flannel/subnet.env

list() { # list NAME: standard input is the file
	cat >"$CONF/$1.conflist"
}
list cbr0 <<'END'
{ "name": "cbr0", "cniVersion": "0.3.1", "plugins": [
  { "type": "flannel", "delegate": { "hairpinMode": true, "isDefaultGateway": true } },
  { "type": "portmap", "capabilities": { "portMappings": true } } ] }
END
list kindnet <<'END'
{
	"cniVersion": "0.3.1",
	"name": "kindnet",
	"plugins": [
	{
		"type": "ptp",
		"ipMasq": false,
		"ipam": {
			"type": "host-local",
			"dataDir": "/run/cni-ipam-state",
			"routes": [ { "dst": "0.0.0.0/0" }, { "dst": "::/0" } ],
			"ranges": [ [ { "subnet": "10.245.0.0/24" } ], [ { "subnet": "fd00:10:245::/64" } ] ]
		},
		"mtu": 1500
	},
	{
		"type": "portmap",
		"capabilities": { "portMappings": true }
	}
	]
}
END
# calico's own first plugin makes a routed pair, as ptp does
list k8s-pod-network <<'END'
{ "name": "k8s-pod-network", "cniVersion": "0.3.1", "plugins": [
  { "type": "ptp", "mtu": 1440, "ipam": { "type": "host-local", "subnet": "10.246.0.0/24", "routes": [{ "dst": "0.0.0.0/0" }] } },
  { "type": "portmap", "snat": true, "capabilities": { "portMappings": true } },
  { "type": "bandwidth", "capabilities": { "bandwidth": true } } ] }
END
list podman <<'END'
{ "cniVersion": "0.4.0", "name": "podman", "plugins": [
  { "type": "bridge", "bridge": "cni-podman0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
    "ipam": { "type": "host-local", "routes": [{ "dst": "0.0.0.0/0" }],
      "ranges": [ [ { "subnet": "10.88.0.0/16", "gateway": "10.88.0.1" } ] ] } },
  { "type": "portmap", "capabilities": { "portMappings": true } },
  { "type": "firewall" },
  { "type": "tuning" } ] }
END
list crio <<'END'
{ "cniVersion": "1.0.0", "name": "crio", "plugins": [
  { "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
    "ipam": { "type": "host-local", "routes": [ { "dst": "0.0.0.0/0" }, { "dst": "::/0" } ],
      "ranges": [ [{ "subnet": "10.85.0.0/16" }], [{ "subnet": "1100:200::/24" }] ] } } ] }
END
list containerd-net <<'END'
{ "cniVersion": "1.0.0", "name": "containerd-net", "plugins": [
  { "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "promiscMode": true,
    "ipam": { "type": "host-local", "ranges": [ [{ "subnet": "10.88.0.0/16" }], [{ "subnet": "2001:4860:4860::/64" }] ],
      "routes": [ { "dst": "0.0.0.0/0" }, { "dst": "::/0" } ] } },
  { "type": "portmap", "capabilities": {"portMappings": true} } ] }
END
list bridge <<'END'
{ "cniVersion": "1.0.0", "name": "bridge", "nerdctlID": "17f29b073143d8cd97b5bbe492bdeffec1c5fee55cc1fe2112c8b9335f8b6121",
  "nerdctlLabels": { "nerdctl/default-network": "true" }, "plugins": [
  { "type": "bridge", "bridge": "nerdctl0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
    "ipam": { "ranges": [ [ { "gateway": "10.4.0.1", "subnet": "10.4.0.0/24" } ] ], "routes": [ { "dst": "0.0.0.0/0" } ], "type": "host-local" } },
  { "type": "portmap", "capabilities": { "portMappings": true } },
  { "type": "firewall", "ingressPolicy": "same-bridge" },
  { "type": "tuning" } ] }
END

# what a result says, without names and numbers that are anybody's choice
shape() {
	jq -Se '{cniVersion, ips: [.ips[] | {address, gateway, interface, version}], routes: ((.routes // []) | map(del(.gw)) | sort),
		interfaces: [.interfaces[] | {sandbox}], container: .interfaces[-1].name}' "$1"
}
# what there is of it in the container
state() {
	ip -n a -o addr show eth0 scope global | awk '{ print $3, $4 }' | sort
	ip -n a route | sed 's/ proto [a-z]*//; s/  *$//' | sort
	ip -n a -6 route | grep -v '^fe80' | sed 's/ proto [a-z]*//; s/ metric [0-9]*//; s/ pref [a-z]*//; s/  *$//' | sort
	ip -n a -j link show eth0 | jq '.[0].mtu'
}
pairs() {
	ip -br link show type veth
	ip -br link show type ifb
}
clear_host() {
	ip -br link | awk '$1 ~ /^(cni|nerdctl)/ { sub("@.*", "", $1); print $1 }' | xargs -rn1 ip link del
	rm -rf /var/lib/cni/networks /run/cni-ipam-state
}
PORTS='portMappings=[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]'
netns a
ip netns exec a busybox httpd -p 80 -h /etc/cni </dev/null >/dev/null 2>&1
for network in cbr0 kindnet k8s-pod-network podman crio containerd-net bridge; do
	check "$network: theirs ADD" eval 'CNI_PATH=$T/theirs N add $network c1 /run/netns/a >"$T/theirs.json"'
	state >"$T/theirs.state"
	CNI_PATH=$T/theirs N del "$network" c1 >/dev/null
	clear_host
	check "$network: ours ADD" eval 'CNI_PATH=$T/ours N add $network c1 /run/netns/a >"$T/ours.json"'
	state >"$T/ours.state"
	check "$network: the same result" eval 'shape "$T/theirs.json" >"$T/1" && shape "$T/ours.json" >"$T/2" && diff "$T/1" "$T/2"'
	check "$network: the same addresses, routes and MTU" diff "$T/theirs.state" "$T/ours.state"
	check "$network: DEL leaves nothing" eval 'CNI_PATH=$T/ours N del $network c1 && is "" "$(pairs)" && is "" "$(leases $network)" && is "" "$(cached)"'
	if grep -q portmap "$CONF/$network.conflist"; then
		check "$network: a published port is served" eval \
			'CNI_PATH=$T/ours N add $network c1 /run/netns/a --capability "$PORTS" >"$T/ours.json" &&
			eventually fetch "$(jq -r ".ips[0].gateway" "$T/ours.json")" 8080 && CNI_PATH=$T/ours N del $network c1 && is "" "$(pairs)"'
	fi
	clear_host
done
check 'k8s-pod-network: with limits' eval 'CNI_PATH=$T/ours N add k8s-pod-network c1 /run/netns/a --capability "$PORTS" \
	--capability "bandwidth={\"IngressRate\":8000000,\"IngressBurst\":4294967295,\"EgressRate\":8000000,\"EgressBurst\":4294967295}" >"$T/ours.json" &&
	has "$(tc qdisc show)" "tbf 1:" && CNI_PATH=$T/ours N del k8s-pod-network c1 && is "" "$(pairs)"'

for pid in $(ip netns pids a); do
	safe_kill KILL "$pid"
done
rm -rf /run/flannel
netns_gone a
nft flush ruleset
net_end
done_testing
