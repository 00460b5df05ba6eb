# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# plugin-lib.sh - what the tests of single plugins add to lib.sh: a runtime's side of one call
#
# The configuration of the test is in $CONFIG; of the last call: the status in
# $status, standard output in $out.  ID, NETNS and IFNAME are its parameters.
# shellcheck source=tests/integration/cni/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PLUGINS=$T/plugins
mkdir -p "$PLUGINS"
for type in $("$BUILD/skerry-cni" --list); do
	ln -s "$BUILD/skerry-cni" "$PLUGINS/$type"
done
DATA=$T/leases
ID=c1
NETNS=/run/netns/a
IFNAME=eth0
CONFIG=
out=
status=0

# plugin VERB TYPE [CONFIG]: one call.
plugin() {
	out=$(CNI_COMMAND=$1 CNI_CONTAINERID=$ID CNI_NETNS=$NETNS CNI_IFNAME=$IFNAME CNI_PATH=$PLUGINS \
		CNI_ARGS=${ARGS-} timeout -k 5 60 "$PLUGINS/$2" 2>"$T/plugin.err" <<<"${3-$CONFIG}")
	status=$?
	return $status
}

# add TYPE: ADD, whose result goes to $T/result and, for later calls, into $CONFIG.
add() {
	plugin ADD "$1" || {
		echo "$out"
		return 1
	}
	echo "$out" >"$T/result"
	CONFIG=$(jq -c --slurpfile r "$T/result" '.prevResult = $r[0]' <<<"$CONFIG")
}

# result FILTER: of the last ADD.
result() {
	jq -r "$1" "$T/result"
}

# passes VERB TYPE: success without output.
passes() {
	plugin "$@" || {
		echo "$out"
		return 1
	}
	is "" "$out"
}

# refused CODE PART VERB TYPE [CONFIG]: an error object of that code with that text, and nothing else.
refused() {
	local code=$1 part=$2
	shift 2
	! plugin "$@" || {
		echo "accepted: $out"
		return 1
	}
	is "$code" "$(jq -r .code <<<"$out")" && has "$(jq -r '.msg + " " + (.details // "")' <<<"$out")" "$part"
}

# leased: the addresses that are taken in the network of $CONFIG.
leased() {
	find "$DATA/$(jq -r .name <<<"$CONFIG")" -maxdepth 1 -name '[0-9a-f]*[.:]*' -printf '%f\n' 2>/dev/null |
		sort -V | paste -sd' '
}

# network KEYS [VERSION]: a configuration with one range of host-local.
network() {
	CONFIG="{\"cniVersion\":\"${2:-1.1.0}\",\"name\":\"net1\",$1,\"ipam\":{\"type\":\"host-local\",
		\"dataDir\":\"$DATA\",\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}]],
		\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}"
}

# pairs: ends of veth pairs on the host
pairs() {
	ip -br link show type veth
}

# in_a COMMAND...
in_a() {
	ip netns exec a "$@"
}

# kernel_has KIND: can an interface of that kind be made?
kernel_has() {
	unshare -n bash -c "ip link add up0 type veth peer name up1 && ip link add link up0 name x0 type $1" \
		>/dev/null 2>&1
}

plugin_end() {
	ip -br link | awk '$1 ~ /^cni/ { sub("@.*", "", $1); print $1 }' | xargs -rn1 ip link del
	for ns in $(ip netns list | awk '{ print $1 }'); do
		ip netns del "$ns"
	done
	nft flush ruleset 2>/dev/null
	rm -rf "$DATA"
	net_end
}
