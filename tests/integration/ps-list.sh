#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# ps-list.sh - ps and list: table, json, quiet, empty and broken state.
. "$(dirname "$0")/lib.sh"

except crun 'prints []' check 'list --format json without containers: null or []' eval 'o=$(R list --format json) && { is null "$o" || is "[]" "$o"; }'
check 'list of an empty root prints only the header' eval 'is 1 "$(R list | wc -l)"'
check 'list --quiet of an empty root prints nothing' prints '' R list --quiet
except crun 'an empty list' check 'list of a missing --root is an error' fails timeout 60 "$SKERRY" --root "$T/none" list

mk "$(args sh -c 'sleep 1000 & sleep 1000') | .annotations = {x: \"y\"}"
R create c1 </dev/null >/dev/null 2>&1
R run -d c2 </dev/null >/dev/null 2>&1
eventually eval '[ "$(R ps -f json c2 | jq length)" = 2 ]'
check 'list: columns' matches "$(R list | head -n 1 | tr -s ' ')" \
	"$([ "$KIND" = crun ] && echo '^NAME PID STATUS BUNDLE PATH CREATED OWNER' || echo '^ID PID STATUS BUNDLE CREATED OWNER')"
check 'list: one row each' is 'c1 c2' "$(R list | tail -n +2 | cut -d' ' -f1 | sort | xargs)"
check 'list -q' is 'c1 c2' "$(R list -q | sort | xargs)"
check 'list --quiet' is 'c1 c2' "$(R list --quiet | sort | xargs)"
R list --format json >"$T/list.json"
check 'list --format json is an array of states' is 'c1 created c2 running' \
	"$(jq -r 'sort_by(.id)[] | .id, .status' "$T/list.json" | xargs)"
check 'list --format json: pid and bundle' jq -e --arg b "$B" 'all(.[]; .pid > 1 and .bundle == $b)' "$T/list.json"
check 'list --format json: created' jq -e 'all(.[]; .created | test("^20"))' "$T/list.json"
except crun 'left out' check 'list --format json: owner, rootfs, ociVersion, annotations' jq -e --arg r "$B/rootfs" \
	'all(.[]; .owner == "root" and .rootfs == $r and .ociVersion and .annotations.x == "y")' "$T/list.json"
except crun 'indented' check 'list --format json is one line' is 1 "$(wc -l <"$T/list.json" | sed 's/^0$/1/')"
check 'list --format=json and -f json agree' is "$(R list --format=json | jq -c .)" "$(R list -f json | jq -c .)"
check 'list --format table' is "$(R list)" "$(R list --format table)"
check 'list --format nonsense is refused' fails R list --format nonsense
mkdir "$ROOT/broken"
R list --format json >"$T/list.json" 2>"$T/list.err"
check 'a broken state folder does not hide the others' eval 'jq -e "map(.id) | contains([\"c1\", \"c2\"])" "$T/list.json"'
rm -rf "$ROOT/broken"

check 'ps --format json: integers' eval 'R ps --format json c2 | jq -e "length == 2 and all(.[]; type == \"number\")"'
check 'ps --format json holds the init pid' eval 'R ps --format json c2 | jq -e "index($(pid_of c2)) != null"'
check 'ps -f json of a created container' eval 'R ps -f json c1 | jq -e "length >= 1"'
check 'ps prints a table with a PID column' eval 'R ps c2 | head -n 1 | grep -qw PID'
check 'ps lists the processes' eval 'R ps c2 | grep -qw "$(pid_of c2)"'
except crun 'pids only' check 'ps passes options to ps(1)' eval 'o=$(R ps c2 -o pid,comm) && has "$o" COMMAND && has "$o" sleep && lacks "$o" bash'
except crun 'pids only' check 'ps lists no other processes' eval 'is 3 "$(R ps c2 | wc -l)"'
check 'ps --format nonsense is refused' fails R ps --format nonsense c2
check 'ps includes exec processes' eval 'R exec -d c2 sleep 999; eventually pgrep -f "^sleep 999"; R ps -f json c2 | jq -e "length == 3"'
group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(pid_of c2)/cgroup")
mkdir "$group/sub" && echo "$(pgrep -f '^sleep 999')" >"$group/sub/cgroup.procs"
check 'ps includes sub-cgroups' eval 'R ps -f json c2 | jq -e "length == 3"'
R kill c2 KILL
eventually is_status stopped c2
check 'ps of a stopped container is refused' fails R ps c2
check 'list shows it as stopped with pid 0' eval 'R list -f json | jq -e ".[] | select(.id == \"c2\") | .pid == 0 and .status == \"stopped\""'
check 'ps --format json prints nothing on standard error' eval 'R ps --format json c1 2>&1 >/dev/null | wc -c | grep -qx 0'
RD c1 c2
clean_or_fail
done_testing
