# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh - what the tests of the shim add to ../lib.sh: a /run of their own, the program, Python's way to it
# shellcheck source=tests/integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

export SHIM=$BUILD/containerd-shim-skerry-v2
needs "no protobuf for Python (protobuf-compiler, python3-protobuf)" \
	eval 'command -v protoc && /usr/bin/python3 -c "import google.protobuf"'
# In the virtual machine nothing of containerd's is there yet, and process 1 needs its /run.
[ "$SKERRY_LANE" = vm ] || mount -t tmpfs tmpfs /run || exit 1
mkdir -p /run/containerd || exit 1
export T BASE=$T/base.json

# tests of a Python program beside this file; they print TAP themselves
python_tests() { # FILE [NAME...]
	# bytecode would be left in the sources
	/usr/bin/python3 -B "$HERE/shim/$1" "${@:2}" # no exec: somebody has to reap orphans
	exit
}
