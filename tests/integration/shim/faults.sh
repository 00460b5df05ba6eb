#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# faults.sh - what goes wrong around a shim: kills at every stage, containerd away, readers gone, storms of execs.
. "$(dirname "$0")/lib.sh"
# A soak: STORM=10000 CYCLES=500.  The virtual machine takes a fifth of a second for each.
[ "$SKERRY_LANE" != vm ] || export STORM=96 CYCLES=30 ROUNDS=4
python_tests faults.py "$@"
