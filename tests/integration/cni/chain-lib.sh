# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# chain-lib.sh - what the tests of chained plugins add to plugin-lib.sh: containers with addresses, servers
#
# Containers a and b on bridge cni0 with 10.1.0.0/24 and fd01::/64, masqueraded;
# the world is another host at 192.0.2.2 and fd00:99::2 that knows no way back.
# shellcheck source=tests/integration/cni/plugin-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/plugin-lib.sh"

SERVERS=()

# attach NETNS [KEYS]: bridge ADD for a container of that name; its result goes to $T/NETNS.result.
attach() {
	local ID=$1 NETNS=/run/netns/$1
	plugin ADD bridge "$(bridge_config "${2-}")" || {
		echo "$out"
		return 1
	}
	echo "$out" >"$T/$1.result"
}
bridge_config() { # KEYS override
	jq -c ". + {${1-}}" <<<"{\"cniVersion\":\"1.1.0\",\"name\":\"net1\",\"type\":\"bridge\",\"isDefaultGateway\":true,
		\"ipMasq\":true,\"hairpinMode\":true,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$DATA\",
		\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"fd01::/64\"}]]}}"
}
# detach NETNS [KEYS]
detach() {
	local ID=$1 NETNS=/run/netns/$1
	plugin DEL bridge "$(bridge_config "${2-}")"
}

# chain NETNS KEYS: makes $CONFIG a chained plugin's behind that container's bridge, and the calls its.
chain() {
	ID=$1
	NETNS=/run/netns/$1
	CONFIG=$(jq -c --slurpfile r "$T/$1.result" '.prevResult = $r[0]' <<<"{\"cniVersion\":\"1.1.0\",\"name\":\"net1\",$2}")
}

# gc [ID...]: GC of $CONFIG with these attachments valid.
gc() {
	local valid
	valid=$(printf '%s\n' "$@" | jq -Rnc '[inputs | select(. != "") | { containerID: ., ifname: "eth0" }]')
	passes GC "$(jq -r .type <<<"$CONFIG")" \
		"$(jq -c --argjson v "$valid" 'del(.prevResult) | ."cni.dev/valid-attachments" = $v' <<<"$CONFIG")"
}

# inside NETNS COMMAND...: NETNS may be "host".
inside() {
	local ns=$1
	shift
	[ "$ns" = host ] || set -- ip netns exec "$ns" "$@"
	timeout 20 "$@"
}

# listen NETNS KIND PORT TEXT: a server that says TEXT; KIND is TCP or UDP, for both families.
listen() {
	local here=()
	[ "$1" = host ] || here=(ip netns exec "$1")
	# what isn't read makes the kernel reset a connection, so TCP is asked nothing, UDP's question is read
	[ "$2" = TCP ] || set -- "$1" "$2" "$3" "$4" 'read -r x;'
	"${here[@]}" socat "$2"6-LISTEN:"$3",fork,reuseaddr,ipv6only=0 SYSTEM:"${5-} echo $4" </dev/null >/dev/null 2>&1 &
	SERVERS+=($!)
	listens "$1" "$3" "$([ "$2" = TCP ] && echo -t || echo -u)"
}
listen_end() {
	local pid
	for pid in "${SERVERS[@]}"; do
		safe_kill TERM "$pid"
	done
	wait
	SERVERS=()
}

# says TEXT NETNS KIND ADDRESS PORT: what a server there answers.
says() {
	eventually said_now "$@"
}
said_now() {
	is "$1" "$(question "$2" "$3" "$4" "$5")"
}
silent() { # NETNS KIND ADDRESS PORT
	is "" "$(question "$@")"
}
question() {
	if [ "$2" = TCP ]; then
		inside "$1" socat -u "TCP:$(bracket "$3"):$4,connect-timeout=2" -
	else
		inside "$1" socat -t2 - "UDP:$(bracket "$3"):$4" <<<ping | head -n 1
	fi 2>"$T/socat.err"
}
bracket() {
	[[ $1 == *:* ]] && echo "[$1]" || echo "$1"
}

# reaches NETNS ADDRESS, blocked NETNS ADDRESS
reaches() {
	pings "$1" "$2"
}
blocked() {
	unanswered "$1" "$2"
}

# elements: how many there are in all our tables
elements() {
	nft -j list ruleset | jq '[.nftables[] | (.map // .set // empty).elem // [] | length] | add // 0'
}

chain_begin() {
	netns a
	netns b
	world
	ip -n world -6 addr add fd00:99::2/64 dev eth0 nodad
	ip -6 addr add fd00:99::1/64 dev up0 nodad
	attach a && attach b
}
chain_end() {
	listen_end
	detach a
	detach b
	world_end
	ip link del cni0
	plugin_end
}
