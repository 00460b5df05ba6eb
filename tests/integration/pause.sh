#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# pause.sh - pause and resume: the freezer, the states, the refusals.
. "$(dirname "$0")/lib.sh"

ticks() {
	wc -c <"$B/rootfs/tmp/ticks"
}

mk "$(args sh -c 'while :; do printf . >>/tmp/ticks; sleep 0.02; done')"
up c1
eventually test -s "$B/rootfs/tmp/ticks"
check 'pause prints nothing' prints '' R pause c1
check 'a paused container is "paused"' is_status paused c1
group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(pid_of c1)/cgroup")
check 'its cgroup is frozen when pause returns' grep -qx 'frozen 1' "$group/cgroup.events"
before=$(ticks)
sleep 0.3
check 'nothing runs in it' is "$before" "$(ticks)"
except crun 'no error' check 'pause of a paused container: container not running' refuses 'container not running' R pause c1
check 'list shows it as paused' eval 'R list -f json | jq -e ".[0].status == \"paused\""'
check 'ps works on a paused container' eval 'R ps -f json c1 | jq -e "length >= 1"'
check 'delete of a paused container is refused' fails R delete c1
check 'start of a paused container is refused' fails R start c1
check 'resume prints nothing' prints '' R resume c1
check 'a resumed container is "running"' is_status running c1
check 'it goes on' eventually eval '[ "$(ticks)" -gt "$before" ]'
except crun 'no error' check 'resume of a running container: container not paused' refuses 'container not paused' R resume c1
check 'still running' is_status running c1
for _ in 1 2 3 4 5; do
	R pause c1 && R resume c1
done
check 'five times in a row' is_status running c1
R pause c1
check 'a signal to a paused container waits' eval 'R kill c1 USR1; is_status paused c1'
R resume c1
RD c1
up c2
R pause c2
check 'delete --force of a paused container' R delete --force c2
R create c3 </dev/null >/dev/null 2>&1
check 'a created container can be paused and resumed, or it is refused' eval 'if R pause c3; then is_status paused c3 && R resume c3; fi; is_status created c3'
RD c3
check 'pause without an id is refused' fails R pause
check 'resume of a missing container is refused' fails R resume none
clean_or_fail
done_testing
