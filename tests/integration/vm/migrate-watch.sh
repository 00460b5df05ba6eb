#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-watch.sh - a container that is to be started again whenever it ends: a move and a checkpoint are no such end
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

tar -C "$T/rootfs" -cf "$T/one.tar" . || exit 1
# watched ID: of the image, on a
watched() {
	detached_on a run -d --restart always --health-cmd true --image base --net none "$1" sh -c 'echo up >/up; exec sleep 1000' &&
		eventually on a "$SKERRY" --root "$ROOT/a" exec "$1" test -e /up
}
# stays_gone ID: nobody starts it again on a
stays_gone() {
	sleep 4
	gone_on a "$1"
}
check 'an image is made' on a "$SKERRY" import "$T/one.tar" base
check 'a container that is to be started again runs' watched c1
check 'it moves' moved a b c1
check 'it runs there' runs_on b c1
check 'and is not started again here' stays_gone c1
check 'who watches it has ended' fails pgrep -f 'skerry: watch c1'
check 'when it ends there it has ended' eval 'RB kill c1 KILL; sleep 4; ! runs_on b c1'
RB delete --force c1
check 'another one runs' watched c2
check 'a checkpoint ends it' RA checkpoint --image-path "$T/images" c2
check 'for good' stays_gone c2
check 'a third one runs' watched c3
check 'a checkpoint leaves it running' RA checkpoint --leave-running --image-path "$T/images-3" c3
check 'then it is started again when it ends' eval 'pid=$(pid_on a c3); kill -KILL "$pid"; eventually eval "runs_on a c3 && [ \"\$(pid_on a c3)\" != $pid ]"'
RA delete --force c3
done_testing
