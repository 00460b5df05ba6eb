#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-lazy-faults.sh - either side killed while memory follows a container to where it runs
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

check 'a container runs' started tmp/memory hp memory 8
for point in feeding t-pulling; do
	check "killed at $point: it doesn't move" eval '! SKERRY_MIGRATE_FAULT=$point:kill moved a b c1 --lazy --mode stop --timeout 60'
	if [ $point = feeding ]; then
		check 'then the copy there goes' eventually gone_on b c1
		check '--resolve settles it' resolved a b
	fi
	check 'it runs on here' runs_on a c1
	check 'it is not there' gone_on b c1
	check 'with all of its memory' whole_on a
done
SKERRY_MIGRATE_FAULT=t-pulled:kill moved a b c1 --lazy --mode stop --timeout 60 >"$T/out"
check 'killed once all of it is there: it runs there' runs_on b c1
check 'and is gone here' gone_on a c1
check 'with all of its memory' whole_on b
check 'no record is left here' clean_on a
RB delete --force c1
done_testing
