#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# vm: --mem 3072
# podman-rootless.sh - containers of podman, as a user, run by the runtime under test.
#
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/../vm/guest.sh"
# shellcheck source=tests/integration/engines/podman-basics.sh
. "$(dirname "$0")/podman-basics.sh"

PODMAN_USER=user
basics user
check "user: its own ids" prints "0 1000 1" P run --rm localhost/bb sh -c 'read -r a b c </proc/self/uid_map; echo $a $b $c'
check "user: ids kept" prints 1000 P run --rm --userns keep-id localhost/bb id -u
check "user: in the user's slice" shows user.slice P run --rm --cgroupns host localhost/bb cat /proc/self/cgroup
check "user: network through slirp4netns" shows tap0 P run --rm --network slirp4netns localhost/bb ip -o link


check "no process of a container is left" eval '! pgrep -x busybox && ! pgrep -x conmon'
check "no group of a container is left" prints "" find /sys/fs/cgroup -type d -name "*libpod-*"
done_testing
