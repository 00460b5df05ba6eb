#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# kill-bridge-del.sh - bridge with host-local: DEL killed at each of its system calls; GC after a killed ADD.
. "$(dirname "$0")/kill-lib.sh"
bridge_begin
kills_del 6
kills_gc 6
bridge_end
done_testing
