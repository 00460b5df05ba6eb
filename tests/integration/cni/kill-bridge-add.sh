#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# kill-bridge-add.sh - bridge with host-local: ADD killed at each of its system calls.
. "$(dirname "$0")/kill-lib.sh"
bridge_begin
kills_add 6
bridge_end
done_testing
