#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# checkpoint-rootless.sh - an ordinary user's container: criu is for root, who takes it and puts it back
#
# shellcheck disable=SC2016,SC2046,SC2119
# shellcheck source=tests/integration/vm/checkpoint-lib.sh
. "$(dirname "$0")/checkpoint-lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/guest.sh"

user_id=$(id -u user)
theirs=/run/user/$user_id/skerry
U() { as user timeout -k 5 60 "$SKERRY" "$@" </dev/null; }
count() { cat "$B/rootfs/tmp/count"; }
counts_on() {
	local before
	before=$(count)
	eventually eval '[ "$(count)" -gt '"${before:-0}"' ]'
}

B=$T/b-user
mk . "$B"
rm "$B/config.json"
chown -R user: "$B"
chmod 755 "$B"
as user sh -c "cd '$B' && '$SKERRY' spec --rootless"
# /sys of a network namespace of its own: criu makes it anew
jq '.process.terminal = false | .root.readonly = false | .linux.namespaces += [{type: "network"}] |
	(.mounts[] | select(.destination == "/sys")) = {destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]} |
	.process.args = ["sh", "-c", "n=0; while :; do n=$((n + 1)); echo $n >/tmp/new; mv /tmp/new /tmp/count; sleep 0.05; done"]' \
	"$B/config.json" >"$T/config" && cp "$T/config" "$B/config.json"
U run -d -b "$B" r1 >/dev/null
eventually test -s "$B/rootfs/tmp/count"
check 'the user is told that it is for root' refuses 'for root only' U checkpoint --image-path "/run/user/$user_id/images" r1
check 'and the container runs on' counts_on
check 'nothing was begun' fails test -e "/run/user/$user_id/images/dump.log"
check 'root takes it' detached --root "$theirs" checkpoint --image-path "$I" r1
check 'it is gone' refuses 'does not exist' U state r1
at=$(count)
check 'and puts it back' detached restore -d -b "$B" --image-path "$I" r1
check 'it counts on' counts_on
check 'from where it was' test "$(count)" -gt "$at"
check 'as the user' is "$user_id" "$(stat -c %u "/proc/$(pid_of r1)")"
check 'in a user namespace' fails test "/proc/$(pid_of r1)/ns/user" -ef /proc/self/ns/user
check 'of the same ids' is "0 $user_id 1" "$(echo $(cat "/proc/$(pid_of r1)/uid_map"))"
RD r1
check 'no record is left' fails test -e "$theirs/r1"
done_testing
