#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# faults.sh - what goes wrong around a shim: kills at every stage, containerd away, readers gone, storms of execs.
. "$(dirname "$0")/lib.sh"
python_tests faults.py "$@"
