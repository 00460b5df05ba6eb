#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# restart.sh - containerd is killed and comes back under twenty pods.
#
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"
needs "no containerd" command -v containerd ctr
needs "no gRPC for Python (python3-grpcio)" /usr/bin/python3 -c 'import grpc'
# shellcheck source=tests/integration/engines/cri-lib.sh
. "$HERE/engines/cri-lib.sh"

our_network
cri_config native "$T/cnibin" "disable_cgroup = true"

now "containerd starts with its CRI service" containerd_up
check "import an image" import_image
check "twenty pods" eval 'for i in $(seq 20); do pod t$i && container t$i . sh -c "sleep 100000" && echo "$POD $CONTAINER" >>"$T/twenty" || exit 1; done'
check "a shim for each" is 20 "$(pgrep -fc '^[^ ]*containerd-shim-skerry-v2')"
containerd_down KILL
safe_kill KILL "$(read -r _ c <"$T/twenty"; cat "/run/lab/state/io.containerd.runtime.v2.task/k8s.io/$c/init.pid")"
now "containerd starts again" containerd_up
check "nineteen containers run" eventually eval '[ "$(call ListContainers "{}" | jq "[.containers[] | select(.state == 1 and (.metadata.name | startswith(\"t\")))] | length")" = 19 ]'
check "the one that ended meanwhile is known" eval 'read -r _ CONTAINER <"$T/twenty"; eventually container_is 2'
check "each can be used" eval 'tail -n +2 "$T/twenty" | while read -r _ CONTAINER; do in_container true || exit 1; done'
check "all pods are ready" is 20 "$(call ListPodSandbox '{}' | jq '[.items[] | select(.state == 0)] | length')"
check "all end" eval 'while read -r POD _; do end_pod >/dev/null || exit 1; done <"$T/twenty"'
nothing_is_left
done_testing
