#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# containerd.sh - the shim under Debian's containerd: ctr's commands, restarts, kills, and under runc's name.
#
# A containerd of its own in the lane's namespaces.  Specifications without resources, so that a host
# whose controllers are on v1 does as well.
. "$(dirname "$0")/containerd-lib.sh"

RUNTIME=io.containerd.skerry.v2
containerd_down() { # SIGNAL
	safe_kill "$1" "$CONTAINERD"
	wait "$CONTAINERD" 2>/dev/null
	return 0
}

containerd_up
C oci spec | jq --arg root "$T/rootfs" '.root.path = $root | del(.linux.resources, .linux.cgroupsPath) |
	.linux.namespaces |= map(select(.type != "network"))' >"$T/ctr.json"

# spec FILE FILTER WORD...: a specification, changed by a jq filter, that runs the words
spec() {
	local to=$1 filter=$2
	shift 2
	jq "$filter | .process.args = \$words" "$T/ctr.json" \
		--argjson words "$(jq -nc '$ARGS.positional' --args -- "$@")" >"$to"
}
# run ID "FLAGS" WORD...
run() {
	local id=$1 flags=$2
	shift 2
	spec "$T/$id.json" "${FILTER:-.}" "$@"
	# shellcheck disable=SC2086
	C run --runtime "$RUNTIME" $flags --config "$T/$id.json" "$id"
}
end() { # ID...
	local id
	for id; do
		C task kill -s KILL "$id"
		eventually is_task STOPPED "$id"
		C task delete "$id"
		C container rm "$id"
	done >/dev/null 2>&1
	return 0
}
shim_of() { # ID
	pgrep -f "^[^ ]*containerd-shim-(skerry|runc)-v2 -namespace default -id $1 "
}
# typist FILE: types a word, and ends its input when the word has come back to $T/FILE: ctr says that input
# has ended to whatever is there by then
typist() {
	: >"$T/$1"
	echo abc
	eventually grep -q abc "$T/$1"
}
# in_terminal COMMAND...
in_terminal() {
	script -qefc "$(printf '%q ' "$@")" /dev/null
}

check "run prints" prints hello run r1 --rm echo hello
check "run again with the same name" prints hello run r1 --rm echo hello
check "status 7" status 7 run r2 --rm sh -c 'exit 7'
check "output and errors apart" prints out eval 'run r3 --rm sh -c "echo out; echo err >&2" 2>/dev/null'
check "standard input" prints abc eval 'typist r3.out | run r3 --rm head -n 1 >"$T/r3.out"; cat "$T/r3.out"'
check "a missing program is named" refuses nosuchprogram run r4 --rm nosuchprogram
check "what cannot be executed is refused" refuses denied run r4 --rm /etc/passwd
check "nothing is left of failed runs" prints "" eval 'C container rm r4 2>/dev/null; C task ls -q; C container ls -q'
check "log to a file" eval 'run l1 "--rm -d --log-uri file://$T/log.txt" echo logged && eventually grep -qx logged "$T/log.txt"; end l1'

check "run -d" run d1 "-d --pid-file $T/d1.pid" sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
check "running, by its pid" is "$(<"$T/d1.pid") RUNNING" "$(C task ls | awk '$1 == "d1" { print $2, $3 }')"
check "exec" prints in C task exec --exec-id e1 d1 echo in
check "exec's status" status 5 C task exec --exec-id e2 d1 sh -c 'exit 5'
check "exec of a missing program" refuses nosuchprogram C task exec --exec-id e3 d1 nosuchprogram
check "exec with input" prints abc eval 'typist e4.out | C task exec --exec-id e4 d1 cat >"$T/e4.out"; cat "$T/e4.out"'
if command -v script >/dev/null; then
	check "exec with a terminal" shows /dev/pts/ in_terminal ctr task exec -t --exec-id e5 d1 tty
	FILTER=".process.terminal = true" check "run with a terminal" shows /dev/pts/ eval \
		'spec "$T/t1.json" ".process.terminal = true" tty; in_terminal ctr run -t --rm --runtime $RUNTIME --config "$T/t1.json" t1'
fi
check "exec -d" C task exec -d --exec-id e7 d1 sleep 1000
check "ps" shows "$(<"$T/d1.pid")" C task ps d1
check "ps names the exec" shows e7 C task ps d1
check "kill of the exec" C task kill -s KILL --exec-id e7 d1
check "metrics" shows cpu.usage_usec C task metrics d1
check "pause" C task pause d1
check "paused" is_task PAUSED d1
check "exec in a paused container fails" fails timeout 60 ctr task exec --exec-id e8 d1 true
check "resume" C task resume d1
check "running again" is_task RUNNING d1
check "not deleted while it runs" fails C task delete d1
check "kill with TERM" C task kill -s TERM d1
check "stopped" eventually is_task STOPPED d1
check "delete gives the status" shows "exit code 3" C task delete d1
check "its shim is gone" eventually eval '! shim_of d1'
check "start again" C task start -d d1
check "it runs" is_task RUNNING d1
check "ctr shim talks to it" shows '"id"' C shim --id d1 state
end d1

# --- containerd goes, the containers stay ----------------------------------------------------
check "twenty containers" eval 'for i in $(seq 20); do run m$i -d sh -c "sleep 1000" || break; done; [ "$(C task ls | grep -c RUNNING)" = 20 ]'
containerd_down KILL
check "they outlive containerd" is 20 "$(pgrep -fc '^[^ ]*containerd-shim-skerry-v2 .*-id m')"
safe_kill KILL "$(pgrep -f 'containerd-shim-skerry-v2 .*-id m7 ')"
safe_kill KILL "$(pgrep -P "$(shim_of m9)")"
containerd_up
check "a new containerd finds those that live" eventually eval '[ "$(C task ls | grep -c RUNNING)" = 18 ]'
check "and that one has ended meanwhile" eventually is_task STOPPED m9
check "the one whose shim was killed is no task any more" eventually is_task "" m7
check "they can be used" prints still C task exec --exec-id x1 m3 echo still
end m1 m2 m3 m4 m5 m6 m8 m9 m10 m11 m12 m13 m14 m15 m16 m17 m18 m19 m20
C container rm m7 >/dev/null
check "all are gone" prints "" eval 'C task ls -q; C container ls -q'
check "a shim that is killed takes its container along" eval '
	run k1 -d sh -c "sleep 1000" && pid=$(pgrep -P "$(shim_of k1)") && safe_kill KILL "$(shim_of k1)" &&
	eventually eval "! [ -e /proc/$pid ]" && C task delete -f k1; C container rm k1; [ -z "$(C container ls -q)" ]'
check "many at once" prints "1 2 3 4 5 6" eval 'for i in 1 2 3 4 5 6; do run n$i --rm echo $i >$T/n$i.out & done
	wait $(jobs -rp | grep -vx "$CONTAINERD"); echo $(cat $T/n?.out)'

# --- events ----------------------------------------------------------------------------------
ctr events >"$T/events" 2>&1 &
EVENTS=$!
eventually eval 'C namespaces create seen; C namespaces rm seen; grep -q /namespaces/ "$T/events"'
run v1 --rm true
check "events in their order" eventually eval 'is "create start exit delete" "$(grep -o "/tasks/[a-z]*" "$T/events" | cut -d/ -f3 | xargs)"'
safe_kill TERM $EVENTS
wait $EVENTS 2>/dev/null

# --- in runc's place -------------------------------------------------------------------------
ln -s containerd-shim-skerry-v2 "$T/bin/containerd-shim-runc-v2"
RUNTIME=io.containerd.runc.v2
check "under runc's name" prints hello run u1 --rm echo hello
check "with runc's options" prints hello run u2 "--rm --runc-root /run/other" echo hello
check "which are followed" eval 'run u3 "-d --runc-root /run/other" sleep 1000 && [ -e /run/other/default/u3/state.json ]; s=$?; end u3; [ $s = 0 ]'
RUNTIME=$T/bin/containerd-shim-skerry-v2
check "by its path" prints hello run u4 --rm echo hello

check "no shim is left" eventually eval '! pgrep -f "^[^ ]*containerd-shim-"'
check "no socket is left" prints "" ls /run/containerd/s
check "no state is left" prints "" ls /run/containerd/skerry/default
check "containerd has nothing to complain about" eval '! grep -E "level=(error|fatal)" "$T/containerd.log" |
	grep -vE "copy shim log|failed to (delete|load) task|no such file or directory|nosuchprogram|denied" | grep .'
containerd_down TERM
umount -R /run/lab/state "$T/root" 2>/dev/null
done_testing
