#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# sandbox.sh - the Sandbox service as containerd 2.x uses it: pods without a pause image, by the protocol.
. "$(dirname "$0")/lib.sh"
python_tests sandbox.py "$@"
