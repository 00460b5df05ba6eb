#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# start.sh - start, delete, -info and the frames: handshakes, socket, daemon, faults of the protocol.
. "$(dirname "$0")/lib.sh"
python_tests start.py "$@"
