# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# cri-lib.sh - pods by containerd's CRI service: calls, pods, containers and streams as shell functions.
#
# shellcheck disable=SC2016,SC2034
ENGINES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
IMAGE=skerry.local/bb:1
LOGS=$T/logs
export CONTAINERD_ADDRESS=/run/lab/c.sock

# cri_config SNAPSHOTTER CNI-FOLDER [LINE]: a containerd of our own, its runtime the shim under test
cri_config() {
	mkdir -p /run/lab/cni "$T/bin" "$T/root" "$LOGS"
	cp "$SHIM" "$T/bin/"
	export PATH=$T/bin:$PATH
	cat >"$T/config.toml" <<TOML
version = 2
root = "$T/root"
state = "/run/lab/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/lab/c.sock"
[ttrpc]
  address = "/run/lab/c.sock.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$IMAGE"
  disable_apparmor = true
  restrict_oom_score_adj = true
  disable_tcp_service = true
  stream_server_port = "0"
  ${3-}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$2"
    conf_dir = "/run/lab/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$1"
    default_runtime_name = "skerry"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.skerry]
      runtime_type = "io.containerd.skerry.v2"
TOML
}
import_image() {
	"$ENGINES/image" "$T/rootfs" $IMAGE "$T/image.tar" sleep 1000000 &&
		ctr -n k8s.io image import --snapshotter "$(sed -n 's/^ *snapshotter = "\(.*\)"/\1/p' "$T/config.toml")" "$T/image.tar"
}
containerd_down() { # SIGNAL
	safe_kill "$1" "$CONTAINERD"
	wait "$CONTAINERD" 2>/dev/null
	return 0
}
cri() {
	timeout -k 5 100 /usr/bin/python3 -B "$ENGINES/cri" -a unix:///run/lab/c.sock "$@"
}
containerd_up() {
	containerd --config "$T/config.toml" >>"$T/containerd.log" 2>&1 </dev/null &
	CONTAINERD=$!
	eventually ctr version
	eventually cri Status
}
call() { # CALL JQ-FILTER [JQ-ARGUMENT...]
	local name=$1 filter=$2
	shift 2
	cri "$name" "$(jq -cn "$filter" "$@")"
}
pod() { # NAME [FILTER]
	POD_JSON=$(jq -cn --arg n "$1" --arg logs "$LOGS" '{metadata: {name: $n, uid: $n, namespace: "test"}, hostname: $n,
		log_directory: $logs, linux: {security_context: {namespace_options: {pid: 1}}}} | '"${2:-.}")
	POD=$(call RunPodSandbox '{config: $c, runtime_handler: "skerry"}' --argjson c "$POD_JSON" | jq -r .pod_sandbox_id)
	[ -n "$POD" ]
}
container() { # NAME FILTER COMMAND...
	local name=$1 filter=$2 config
	shift 2
	config=$(jq -cn --arg n "$name" --arg i "$IMAGE" '{metadata: {name: $n}, image: {image: $i}, command: $ARGS.positional, log_path: ($n + ".log"),
		linux: {security_context: {namespace_options: {pid: 1}}}} | '"$filter" --args -- "$@")
	CONTAINER=$(call CreateContainer '{pod_sandbox_id: $p, config: $c, sandbox_config: $s}' \
		--arg p "$POD" --argjson c "$config" --argjson s "$POD_JSON" | jq -r .container_id)
	[ -n "$CONTAINER" ] && call StartContainer '{container_id: $c}' --arg c "$CONTAINER"
}
field() { # FILTER
	call ContainerStatus '{container_id: $c, verbose: true}' --arg c "$CONTAINER" | jq -r "$1"
}
container_is() { # 1 running, 2 exited
	is "$1" "$(field .status.state)"
}
in_container() { # COMMAND...
	local reply
	reply=$(call ExecSync '{container_id: $c, cmd: $ARGS.positional, timeout: 30}' --arg c "$CONTAINER" --args -- "$@") || return
	jq -jr .stdout <<<"$reply"
	return "$(jq -r .exit_code <<<"$reply")"
}
pod_call() { # CALL
	call "$1" '{pod_sandbox_id: $p}' --arg p "$POD"
}
container_call() { # CALL [MORE]
	call "$1" '{container_id: $c} + '"${2:-{\}}" --arg c "$CONTAINER"
}
now() { # NAME COMMAND...: as check, in this shell, for what sets variables
	local name=$1
	shift
	if "$@" >"$T/now.out" 2>&1; then
		ok "$name"
	else
		not_ok "$name"
		head -c 3000 "$T/now.out" | diag
	fi
}

# stream "FLAGS" CALL MORE: the stream that the call's answer names, with cri-stream's flags
stream() {
	local flags=$1 url
	url=$(container_call "$2" "$3" | jq -r .url)
	[ -n "$url" ] || return 125
	# shellcheck disable=SC2086
	timeout -k 5 100 /usr/bin/python3 -B "$ENGINES/cri-stream" $flags "$url"
}
# our_network: pods on a bridge by our own plugins; before cri_config, which is to have $T/cnibin
our_network() {
	local type
	mkdir -p "$T/cnibin" /run/lab/cni
	for type in bridge host-local portmap loopback; do
		ln -s "$BUILD/skerry-cni" "$T/cnibin/$type"
	done
	cat >/run/lab/cni/10-pods.conflist <<JSON
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
 {"type": "bridge", "bridge": "cni-lab", "isGateway": true, "ipMasq": true, "ipam": {"type": "host-local",
  "dataDir": "/run/lab/leases", "ranges": [[{"subnet": "10.199.80.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
 {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
}
pid() { # of the container
	field '.info.info | fromjson | .pid'
}
pod_ip() {
	pod_call PodSandboxStatus | jq -r .status.network.ip
}
shim_of_pod() {
	pgrep -f "^[^ ]*containerd-shim-skerry-v2 .*-id $POD "
}
end_pod() {
	pod_call StopPodSandbox && pod_call RemovePodSandbox
}
# nothing_is_left: checks at the end, when all pods have been removed
nothing_is_left() {
	check "no pod is left" is 0 "$(call ListPodSandbox '{}' | jq '.items | length')"
	check "no shim is left" eventually eval '! pgrep -f "^[^ ]*containerd-shim-"'
	check "no socket is left" prints "" ls /run/containerd/s
	check "no state is left" prints "" ls /run/containerd/skerry/k8s.io
	check "no network is left" eventually eval 'is "" "$(ip -o link | grep -o veth)" && [ -z "$(ls /run/netns 2>/dev/null)" ] && [ -z "$(find /run/lab/leases -name "10.*")" ]'
	containerd_down TERM
	umount -R /run/lab/state "$T/root" 2>/dev/null
	return 0
}
