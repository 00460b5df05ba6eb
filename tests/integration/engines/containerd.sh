#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# vm: --mem 3072
# containerd.sh - containers of containerd, by ctr, its runc shim with the runtime under test.
#
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/../vm/guest.sh"

IMAGE=docker.io/library/bb:1
C() {
	timeout -k 5 120 ctr "$@"
}

# C_run OPTIONS... IMAGE ID COMMAND...
C_run() {
	C run --runtime io.containerd.runc.v2 --runc-binary "$SKERRY" "$@"
}

# in_terminal COMMAND...: with a terminal of its own
in_terminal() {
	script -qefc "$(printf '%q ' "$@")" /dev/null
}

is_task() { # STATE ID
	is "$1" "$(C task ls | awk -v id="$2" '$1 == id { print $3 }')"
}

end() { # ID...
	local id
	for id; do
		C task kill -s KILL "$id"
		within 10 is_task STOPPED "$id"
		C task delete "$id"
		C container rm "$id"
	done >/dev/null 2>&1
	return 0
}

check "containerd starts" eval 'systemctl start containerd && within 30 C version'
check "import an image" eval '"$(dirname "$0")/image" "$T/rootfs" $IMAGE "$T/image.tar" && C image import "$T/image.tar"'

check "run prints" prints hello C_run --rm $IMAGE r1 echo hello
check "run again with the same name" prints hello C_run --rm $IMAGE r1 echo hello
check "run of a directory" prints hello C_run --rm --rootfs "$T/rootfs" r2 /bin/echo hello
check "status 0" status 0 C_run --rm $IMAGE r3 true
check "status 7" status 7 C_run --rm $IMAGE r3 sh -c 'exit 7'
check "a missing program is named" refuses nosuchprogram C_run --rm $IMAGE r4 nosuchprogram
check "what cannot be executed is refused" refuses denied C_run --rm $IMAGE r4 /etc/passwd
check "nothing is left of failed runs" prints "" eval 'C container rm r4 2>/dev/null; C task ls -q; C container ls -q'
check "standard input" prints abc eval 'echo abc | C_run --rm $IMAGE r5 head -n 1' # ctr forgets an end of input that comes early
check "output and errors apart" prints out eval 'C_run --rm $IMAGE r5 sh -c "echo out; echo err >&2" 2>/dev/null'
check "environment and folder" prints "v /tmp" C_run --rm --env K=v --cwd /tmp $IMAGE r5 sh -c 'echo $K $(pwd)'
check "read-only" fails C_run --rm --read-only $IMAGE r6 touch /x
echo data >"$T/f"
check "a bind mount" prints data C_run --rm --mount "type=bind,src=$T,dst=/v,options=rbind:ro" $IMAGE r6 cat /v/f
check "a read-only one" fails C_run --rm --mount "type=bind,src=$T,dst=/v,options=rbind:ro" $IMAGE r6 touch /v/g
check "seccomp" prints 2 C_run --rm --seccomp $IMAGE r6 awk '/^Seccomp:/ { print $2 }' /proc/self/status
check "a capability more" prints 0000000000200000 eval 'a=$(C_run --rm $IMAGE r6 awk "/CapEff/ { print \$2 }" /proc/self/status)
	b=$(C_run --rm --cap-add CAP_SYS_ADMIN $IMAGE r6 awk "/CapEff/ { print \$2 }" /proc/self/status)
	printf "%016x" $((0x$a ^ 0x$b))'
check "a device" prints "1 3" C_run --rm --device /dev/null $IMAGE r6 stat -c "%t %T" /dev/null
check "privileged" prints b C_run --rm --privileged --device /dev/vda $IMAGE r6 sh -c 'test -b /dev/vda && head -c 1 /dev/vda >/dev/null && echo b'
check "the host's network" prints "$(readlink /proc/self/ns/net)" C_run --rm --net-host $IMAGE r6 readlink /proc/self/ns/net
check "a network namespace by path" eval 'ip netns add n1 && prints "$(ip netns exec n1 readlink /proc/self/ns/net)" C_run --rm --with-ns network:/run/netns/n1 $IMAGE r6 readlink /proc/self/ns/net; s=$?; ip netns del n1; [ $s = 0 ]'
limited() { # ID OPTION...: such a container has 64 MiB and half a processor
	local id=$1 at pid
	shift
	C_run -d --pid-file "$T/$id.pid" --memory-limit 67108864 "$@" "$IMAGE" "$id" sleep 1000 || return
	pid=$(<"$T/$id.pid")
	at=$(cgroup_of "$pid")
	[ -n "$at" ] && [ -e "$at/memory.max" ] || at=$(dirname "$at")
	grep -qx max "$at/memory.max" && at=$(dirname "$at") # the limits are on the scope
	is "67108864 50000 100000" "$(<"$at/memory.max") $(<"$at/cpu.max")"
}
check "limits" limited l1 --cpu-period 100000 --cpu-quota 50000
check "limits by systemd" limited l2 --runc-systemd-cgroup --cgroup system.slice:ctr:l2 --cpus 0.5
end l1 l2
check "a terminal" shows /dev/pts/0 in_terminal ctr run -t --rm --runc-binary "$SKERRY" $IMAGE t1 tty
check "the terminal's status" status 9 in_terminal ctr run -t --rm --runc-binary "$SKERRY" $IMAGE t1 sh -c 'exit 9'
check "the terminal's size" eval 'in_terminal sh -c "stty rows 33 cols 99; exec ctr run -t --rm --runc-binary $SKERRY $IMAGE t1 sh -c \"n=0; until stty size | grep -q 33.99 || [ \\\$((n += 1)) -gt 150 ]; do sleep 0.2; done; stty size\"" | grep "33 99"'

check "run -d" C_run -d --pid-file "$T/d1.pid" $IMAGE d1 sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
check "running" is_task RUNNING d1
check "its pid" is "$(<"$T/d1.pid")" "$(C task ls | awk '$1 == "d1" { print $2 }')"
check "exec" prints in C task exec --exec-id e1 d1 echo in
check "exec's status" status 5 C task exec --exec-id e2 d1 sh -c 'exit 5'
check "exec of a missing program" refuses nosuchprogram C task exec --exec-id e3 d1 nosuchprogram
check "exec with input" prints abc eval ': >"$T/e4.out"; { echo abc; eventually grep -q abc "$T/e4.out"; } | C task exec --exec-id e4 d1 cat >"$T/e4.out"; cat "$T/e4.out"'
check "exec with a terminal" shows /dev/pts/ in_terminal ctr task exec -t --exec-id e5 d1 tty
check "exec as a user elsewhere" prints "1000 /tmp" C task exec --exec-id e6 --user 1000 --cwd /tmp d1 sh -c 'echo $(id -u) $(pwd)'
check "exec -d" C task exec -d --exec-id e7 d1 sleep 1000
check "ps" shows "$(<"$T/d1.pid")" C task ps d1
check "ps counts exec's process" eval '[ "$(C task ps d1 | tail -n +2 | wc -l)" -ge 3 ]'
check "kill of the exec" C task kill -s KILL --exec-id e7 d1
check "metrics" shows memory.usage_in_bytes eval 'C task metrics d1 | sed s/memory.usage\ /memory.usage_in_bytes/'
check "pause" C task pause d1
check "paused" is_task PAUSED d1
check "frozen" eval 'file_has "$(cgroup_of "$(<"$T/d1.pid")")/cgroup.events" "frozen 1"'
check "exec in a paused container fails" fails timeout 60 ctr task exec --exec-id e8 d1 true
check "resume" C task resume d1
check "running again" is_task RUNNING d1
check "the task cannot be deleted while it runs" fails C task delete d1
check "kill with TERM" C task kill -s TERM d1
check "stopped" within 10 is_task STOPPED d1
check "delete gives the status" shows "exit code 3" C task delete d1
check "start again" C task start -d d1
check "it runs" is_task RUNNING d1
check "kill with KILL" C task kill -s KILL d1
check "stopped again" within 10 is_task STOPPED d1
check "the status is that of the signal" shows "exit code 137" C task delete d1
check "container rm" C container rm d1

check "kill --all without a pid namespace" eval 'C_run -d --with-ns pid:/proc/1/ns/pid $IMAGE d2 sh -c "sleep 1111 & sleep 1111" && C task kill -a -s KILL d2 && within 10 is_task STOPPED d2'
check "kills the children as well" eval '! pgrep -f "^sleep 1111"'
end d2
check "many at once" prints "1 2 3 4 5 6" eval 'for i in 1 2 3 4 5 6; do C_run --rm $IMAGE m$i echo $i >$T/m$i & done; wait; echo $(cat $T/m?)'
check "a shim that is killed leaves nothing that cannot be removed" eval 'C_run -d $IMAGE k1 sleep 1000 && pid=$(pgrep -f "containerd-shim-runc-v2.*-id k1") && safe_kill KILL "$pid" && sleep 2; C task delete -f k1; C container rm k1; [ -z "$(C container ls -q)" ]'
check "the runtime's states are gone" eval 'within 10 [ -z "$(ls /run/containerd/runc/default)" ]'
if "$SKERRY" checkpoint --help >/dev/null 2>&1 && [ "$KIND" != crun ]; then
	check "something to checkpoint" C_run -d $IMAGE c1 sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/i; sleep 0.1; done'
	check "checkpoint" C task checkpoint --exit --image-path "$T/checkpoint" c1
	check "its images" test -e "$T/checkpoint/inventory.img"
	end c1
else
	skip "checkpoint" "this $KIND cannot"
fi
done_testing
