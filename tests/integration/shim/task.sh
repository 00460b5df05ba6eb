#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# task.sh - the Task service, call by call, on the shim's socket: answers, events, stdio.
. "$(dirname "$0")/lib.sh"
python_tests task.py "$@"
