#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-lazy.sh - a container whose memory follows once it runs on the other host
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

check 'a container runs' started tmp/memory hp memory 16
check 'it moves, and its memory follows' eval 'moved a b c1 --lazy --mode stop'
check 'it runs there' runs_on b c1
check 'and is gone here' gone_on a c1
check 'its memory is whole' whole_on b
check 'no record is left here' clean_on a
check 'none there' clean_on b
check 'nor a process of criu' eval '! pgrep -x criu'
check 'it goes back, with rounds before' eval 'moved b a c1 --lazy --json'
diag <"$T/moved.out"
check 'its memory is whole again' whole_on a
check 'and was not sent twice' test "$(of_done lastMemory)" -lt $((8 << 20))
RA delete --force c1
done_testing
