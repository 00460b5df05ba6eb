#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# events.sh - events: one JSON object a line, statistics now or at an interval,
# the end of the container ends it.
. "$(dirname "$0")/lib.sh"

[ "$KIND" != crun ] || needs 'crun has no events command' false

mk "$(args sleep 1000)"
up c1
R events --stats c1 >"$T/stats" 2>"$T/err" </dev/null
check 'events --stats prints one line' is 1 "$(wc -l <"$T/stats")"
check 'and nothing on standard error' test ! -s "$T/err"
check 'type, id, data' jq -e '.type == "stats" and .id == "c1" and (.data | type == "object")' "$T/stats"
check 'data: the objects of runc' jq -e '.data | has("cpu") and has("memory") and has("pids") and has("blkio")' "$T/stats"
check 'cpu.usage' jq -e '.data.cpu.usage | (.kernel | type == "number") and (.user | type == "number")' "$T/stats"
check 'cpu usage is counted' jq -e '.data.cpu.usage.total > 0' "$T/stats"
check 'memory: four counters' jq -e '.data.memory | [.usage, .swap, .kernel, .kernelTCP] | all(has("failcnt") and has("limit"))' "$T/stats"
check 'hugetlb is an object or absent' jq -e '.data.hugetlb | type | IN("object", "null")' "$T/stats"
check 'network_interfaces is there' jq -e '.data | has("network_interfaces")' "$T/stats"
if [ -e "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(pid_of c1)/cgroup")/cpu.pressure" ]; then
	except runc 'older than PSI' check 'cpu.psi: some and full, four numbers' jq -e \
		'.data.cpu.psi | [.some, .full] | all(has("avg10") and has("avg60") and has("avg300") and has("total"))' "$T/stats"
fi
lines() {
	[ "$(wc -l <"$T/stream")" -ge "$1" ]
}
# lines_at FLAG LINES LEAST: that many come, and take that many milliseconds at least
lines_at() {
	local job began status
	: >"$T/stream"
	began=$(date +%s%3N)
	"$SKERRY" --root "$ROOT" events "$1" c1 >"$T/stream" 2>/dev/null &
	job=$!
	eventually lines "$2" && [ $(($(date +%s%3N) - began)) -ge "$3" ]
	status=$?
	kill $job
	wait $job
	return $status
}
check 'events --interval 200ms prints a line each interval' lines_at --interval=200ms 5 750
check 'all lines are objects of type stats' jq -es 'all(.[]; .type == "stats")' "$T/stream"
check 'events --interval=1s' lines_at --interval=1s 2 950
check 'a bad interval is refused' fails R events --interval nonsense c1
check 'an interval of zero is refused' fails R events --interval 0s c1
: >"$T/stream"
R events --interval 300ms c1 >"$T/stream" 2>/dev/null &
job=$!
eventually test -s "$T/stream"
R kill c1 KILL
R delete -f c1 2>/dev/null
check 'events ends with the container' eventually eval "! kill -0 $job"
kill $job 2>/dev/null
wait $job 2>/dev/null
up c1
R kill c1 KILL
eventually is_status stopped c1
check 'events of a stopped container is refused' refuses 'is not running' R events --stats c1
except runc 'other words' check 'exact words' refuses 'container with id c1 is not running' R events --stats c1
check 'events of an unknown container is refused' refuses 'does not exist' R events --stats none
RD c1
clean_or_fail
done_testing
