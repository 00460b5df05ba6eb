# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# checkpoint-lib.sh - what the tests of checkpoints begin with: the images' place, and why criu couldn't
# shellcheck source=tests/integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

needs 'no criu' command -v criu

TMO=200
I=$T/images
rootfs_template
config_template

detached() {
	R "$@" </dev/null >"$T/detached.out" 2>&1 && return
	cat "$T/detached.out"
	grep -hnE 'Error|Warn' "$I"/*.log "$I"/*/*.log 2>/dev/null | tail -n 15
	return 1
}
