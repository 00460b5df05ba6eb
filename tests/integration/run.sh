#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# run.sh - run: exit codes, signals, detach, keep, pid file, clean-up.
. "$(dirname "$0")/lib.sh"

no_pid_ns='.linux.namespaces |= map(select(.type != "pid"))'

for n in 0 1 2 42 126 127 255; do
	mk "$(args sh -c "exit $n")"
	check "run ends with the program's status $n" status $n R run c1
done
mk "$(args echo hello)"
check 'run prints what the program prints, nothing else' prints hello R run c1
mk "$(args sh -c 'echo oops >&2')"
check 'standard error stays standard error' eval '[ "$(R run c1 2>&1 >/dev/null)" = oops ]'
mk "$(args cat)"
check 'standard input reaches the program' eval '[ "$(echo hi | R run c1)" = hi ]'
check 'end of input reaches the program' eval 'R run c1 </dev/null'
for pair in HUP:129 KILL:137 TERM:143 ABRT:134 USR1:138; do
	mk "$(args sh -c "kill -${pair%:*} \$\$") | $no_pid_ns"
	check "a program killed by ${pair%:*} gives ${pair#*:}" status "${pair#*:}" R run c1
done
mk "$(args sh -c "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done")"
R run c1 >"$T/out" 2>&1 </dev/null &
job=$!
eventually grep -q up "$T/out"
safe_kill TERM "$(pgrep -P $job -f -- "run c1" | head -n 1 || echo $job)"
wait $job
check 'a foreground run passes SIGTERM on' is 7 $?
check 'run deletes the container at its end' gone c1

mk "$(args sleep 1000)"
R run c1 >/dev/null 2>&1 </dev/null &
job=$!
eventually is_status running c1
R kill c1 KILL
wait $job
check 'run of a container killed from outside gives 137' is 137 $?
check 'and it is deleted' gone c1

mk "$(args sleep 1000)"
R run c1 >/dev/null 2>&1 </dev/null &
job=$!
eventually is_status running c1
check 'a foreground run is in nobody'"'"'s way: pause' eval 'TMO=30 R pause c1 && is_status paused c1'
check 'resume' eval 'TMO=30 R resume c1'
except crun 'has no stdin there' check 'update' eval 'echo "{}" | TMO=30 R update -r - c1'
check 'delete --force' eval 'TMO=30 R delete --force c1'
wait $job
check 'and the run ends as its program did' is 137 $?
check 'with nothing left' gone c1
R run c1 >/dev/null 2>&1 </dev/null &
job=$!
eventually is_status running c1
R delete --force c1
R create c1 >/dev/null 2>&1 </dev/null
wait $job
check 'a run whose container was deleted leaves alone the next one of that name' is_status created c1
RD c1

# --- detach ----------------------------------------------------------------------
mk "$(args sleep 1000)"
check 'run --detach returns at once' eval 'TMO=30 R run --detach --pid-file "$T/pid" c1 </dev/null >/dev/null 2>&1'
check 'the container runs' is_status running c1
check 'pid file of run has no newline' is "$(pid_of c1)" "$(od -An -c "$T/pid" | tr -d ' \n')"
RD c1
check 'run -d' R run -d c1
RD c1
: >"$T/pid"
check 'an existing empty pid file is replaced' eval 'R run -d --pid-file "$T/pid" c1 && [ -s "$T/pid" ]'
RD c1
echo 99999999 >"$T/victim"
ln -sf "$T/victim" "$T/pidlink"
except crun 'writes through it' check 'a pid file that is a symbolic link is replaced, not followed' eval \
	'R run -d --pid-file "$T/pidlink" c1; [ "$(cat "$T/victim")" = 99999999 ]'
RD c1
check 'a pid file in a missing folder is an error' fails R run -d --pid-file "$T/none/pid" c1
check 'and leaves no container' eval 'RD c1; [ ! -e "$ROOT/c1" ]'
mk "$(args true)"
rm -f "$T/pid"
R run --pid-file "$T/pid" c1
check 'foreground run writes the pid file too' grep -Eq '^[0-9]+$' "$T/pid"
mk "$(args /no/such)"
rm -f "$T/pid"
check 'run of a missing program fails' fails R run --pid-file "$T/pid" c1
check 'and writes no pid file' test ! -e "$T/pid"
check 'and deletes the container' gone c1
except crun 'always 1' check 'a missing program gives a status over 0' fails R run c1

# --- keep ------------------------------------------------------------------------
mk "$(args sh -c 'exit 3')"
except crun 'no --keep yet' check 'run --keep gives the status' status 3 R run --keep k1
except crun 'no --keep yet' check 'run --keep leaves a stopped container' is_status stopped k1
except crun 'no --keep yet' check 'which delete removes' R delete k1
check 'run --no-new-keyring' status 3 R run --no-new-keyring k1
check 'run --no-subreaper' status 3 R run --no-subreaper k1
check 'run --no-pivot' status 3 R run --no-pivot k1
mk "$(args ls /)"
check 'run --no-pivot still shows only the container' hides usr_of_host R run --no-pivot k1
check 'run --no-pivot: / is the rootfs' eval 'R run --no-pivot k1 | grep -qx proc && ! R run --no-pivot k1 | grep -qx lib64'
mk "$(args sh -c 'sleep 0.2; exit 5') | $no_pid_ns"
check 'children of the program do not confuse the status' status 5 R run k1

# --- the rootfs is private ----------------------------------------------------------
mk "$(args sh -c 'ls /proc/1/root/ >/dev/null && readlink /proc/self/exe')"
check 'the program runs inside the rootfs' prints /bin/busybox R run c1
mk "$(args touch /new) | .root.readonly = true"
check 'a read-only root refuses writes' fails R run c1
mk "$(args touch /new)"
check 'a writable root takes them' eval 'R run c1 && [ -e "$B/rootfs/new" ]'
mk ".root.path = \"$T/rootfs\" | $(args true)"
check 'root.path may be absolute' R run c1
mk "$(args true) | .root.path = \"link\""
ln -s rootfs link
except runc 'refuses it' check 'root.path may be a symbolic link' R run c1
mk "$(args cat /proc/self/mountinfo)"
check 'nothing of the host remains mounted' hides "$T/b" R run c1

# --- ten at once -------------------------------------------------------------------
mk "$(args sh -c 'exit 9')"
for i in $(seq 10); do
	R run "p$i" </dev/null >/dev/null 2>&1 &
	pids[i]=$!
done
good=0
for i in $(seq 10); do
	wait "${pids[i]}"
	[ $? = 9 ] && good=$((good + 1))
done
check 'ten at once all give their status' is 10 $good
clean_or_fail
done_testing
