#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# checkpoint-podman.sh - podman's checkpoint archives restored here, ours restored by podman
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"

needs 'no criu' command -v criu
needs 'no podman' command -v podman

TMO=200
rootfs_template
config_template
NEW=$T/new
detached() {
	R "$@" </dev/null >"$T/detached.out" 2>&1 && return
	cat "$T/detached.out"
	grep -hnE 'Error|Warn' "$NEW"/*.log "$ROOT"/*/*.log 2>/dev/null | tail -n 15
	return 1
}
counts_in() {
	local before
	before=$(cat "$1/rootfs/tmp/count")
	eventually eval '[ "$(cat "'"$1"'/rootfs/tmp/count")" -gt '"${before:-0}"' ]'
}
if ! podman --runtime runc info >"$T/podman.info" 2>&1; then
	skip "podman's archives" 'podman does not work here'
	done_testing
fi
podman() { command podman --runtime runc --root "$T/podman" --runroot "$T/podman-run" --cgroup-manager cgroupfs --events-backend file "$@"; }
tar -C "$T/rootfs" -c . | podman import - localhost/base:1 >"$T/out" 2>&1 || diag <"$T/out"
loop='n=0; echo changed >/changed; while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.05; done'
for network in none bridge; do
	check "podman runs one: $network" podman run -d --network $network --name "p$network" localhost/base:1 sh -c "$loop"
	check "podman's checkpoint: $network" eventually podman container checkpoint --export "$T/p$network.tar.zst" "p$network"
	podman rm -f "p$network" >/dev/null 2>&1
	rm -rf "$NEW"
	mkdir -p "$NEW"
	cp -a "$T/rootfs" "$NEW/rootfs"
	check "is restored here: $network" detached restore -d --import "$T/p$network.tar.zst" --bundle "$NEW" "p$network"
	check "and goes on: $network" counts_in "$NEW"
	check "with its changed file: $network" is changed "$(cat "$NEW/rootfs/changed")"
	RD "p$network"
done
mk "$(args sh -c "$loop")"
# as podman's own roots are; /dev/null is the container's own, which any runtime finds again
chmod 555 "$B/rootfs"
R run -d q1 </dev/null >/dev/null 2>&1
eventually test -s "$B/rootfs/tmp/count"
id=$(podman image inspect --format '{{.Id}}' localhost/base:1)
check 'an archive for podman' detached checkpoint --export "$T/q1.tar.zst" --rootfs-image "localhost/base:1@sha256:$id" q1
check 'podman restores it' podman container restore --import "$T/q1.tar.zst" --name q2
check 'and it runs' eventually podman exec q2 sh -c 'a=$(cat /tmp/count); sleep 0.5; [ "$(cat /tmp/count)" -gt "$a" ]'
podman rm -f q2 >/dev/null 2>&1
done_testing
