# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# containerd-lib.sh - a containerd of its own for the tests of the shim, with the shim in front of its path.
#
# C ...            ctr
# containerd_up    starts it; $CONTAINERD is its process
# is_task STATE ID
# shellcheck source=tests/integration/shim/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs "no containerd" command -v containerd ctr

export CONTAINERD_ADDRESS=/run/lab/c.sock
mkdir -p /run/lab "$T/bin" "$T/root"
cp "$SHIM" "$T/bin/"
export PATH=$T/bin:$PATH
cat >"$T/config.toml" <<TOML
version = 2
root = "$T/root"
state = "/run/lab/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/lab/c.sock"
[ttrpc]
  address = "/run/lab/c.sock.ttrpc"
TOML
C() {
	timeout -k 5 "${TMO:-60}" ctr "$@"
}
containerd_up() {
	containerd --config "$T/config.toml" --log-level debug >>"$T/containerd.log" 2>&1 </dev/null &
	# shellcheck disable=SC2034 # for those who end it
	CONTAINERD=$!
	eventually C version
}
is_task() { # STATE ID
	is "$1" "$(C task ls | awk -v id="$2" '$1 == id { print $3 }')"
}
