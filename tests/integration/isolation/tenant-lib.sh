# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# tenant-lib.sh - what the tests of plugin tenant add to cni/plugin-lib.sh: servers, clients that stay
# shellcheck source=tests/integration/cni/plugin-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cni/plugin-lib.sh"

SERVERS=()
HELD=()
port() { # HOST-PORT
	echo "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":$1,\"containerPort\":80,\"protocol\":\"tcp\"}]}"
}
serve() { # NETNS PORT COMMAND [6]: says what COMMAND says
	ip netns exec "$1" socat "TCP${4-}-LISTEN:$2,fork,reuseaddr${4:+,ipv6only}" SYSTEM:"$3" </dev/null >/dev/null 2>&1 &
	SERVERS+=($!)
	listens "$1" "$2"
}
say() { # TEXT: what a server says, which holds the connection from port 41000 until its client ends
	echo "echo $1; test \\\$SOCAT_PEERPORT != 41000 || exec cat >/dev/null"
}
from() { # NETNS HOST PORT: what the server says
	ip netns exec "$1" timeout 60 socat -u "TCP:$2:$3,connect-timeout=15" - 2>"$T/socat.err"
}
# hold NETNS FROM TO FILE: a client that stays, what it hears goes to $T/FILE
hold() {
	ip netns exec "$1" timeout 60 socat -u "TCP:$3,bind=$2,reuseaddr" - >"$T/$4" 2>&1 &
	HELD+=($!)
}
hold_end() {
	local pid
	for pid in "${HELD[@]}"; do
		safe_kill TERM "$pid"
	done
	wait "${HELD[@]}"
	HELD=()
} 2>/dev/null
# held COUNT PORTS: that many connections of the world's on PORTS, a filter of ss
held() {
	is "$1" "$(ip netns exec world ss -Htn state established "$2" | wc -l)"
}
# both_heard PORTS FILE WORD FILE WORD: two clients that stay are connected at the same time, and each heard
# its word; ends them
both_heard() {
	local status
	eventually eval "held 2 '$1' && is $3 \"\$(cat '$T/$2')\" && is $5 \"\$(cat '$T/$4')\""
	status=$?
	hold_end
	return $status
}
# both_hold: connections of both tenants at the same time, from the same address and port
both_hold() {
	hold a 10.9.0.2:40000 192.0.2.2:9001 hold.a
	hold b 10.9.0.2:40000 192.0.2.2:9001 hold.b
	both_heard 'sport = :9001' hold.a held hold.b held
}
servers_end() {
	local pid
	for pid in "${SERVERS[@]}"; do
		safe_kill TERM "$pid"
	done
	wait
}
