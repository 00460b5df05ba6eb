#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# checkpoint.sh - checkpoints of containerd's tasks and containers, and back, by ctr and the shim.
#
# Under runc's name: containerd 1.6 restores for no other.  The programs in single quotes are for the shell
# of a container.
# shellcheck disable=SC2016
. "$(dirname "$0")/containerd-lib.sh"
needs "no criu that can do it on this kernel" criu check

IMAGE=docker.io/library/bb:1
RUNTIME=io.containerd.runc.v2
TMO=100
ln -s containerd-shim-skerry-v2 "$T/bin/containerd-shim-runc-v2"
inside() { # ID COMMAND...
	local id=$1
	shift
	C task exec --exec-id "x$RANDOM" "$id" "$@"
}
counts() { # ID: its number, which is to grow
	local a b
	a=$(inside "$1" cat /n) || return
	eventually eval 'b=$(inside '"$1"' cat /n) && [ "$b" -gt '"$a"' ]' && echo "$b"
}

check "containerd starts" containerd_up
check "import an image" eval '"$HERE/engines/image" "$T/rootfs" $IMAGE "$T/image.tar" && C image import "$T/image.tar"'
check "a container that counts" C run -d --runtime $RUNTIME $IMAGE c1 sh -c 'i=0; while :; do echo $((i += 1)) >/n.new; mv /n.new /n; sleep 0.1; done'
check "it does" counts c1
check "checkpoint of the task" C task checkpoint --image-path "$T/one" c1
check "its images" test -e "$T/one/inventory.img"
check "it goes on" counts c1
check "nothing is left in the bundle" prints "" find /run/lab/state/io.containerd.runtime.v2.task/default/c1 -name 'criu*'
check "checkpoint of the container into containerd's store" C container checkpoint --task --rw c1 lab/checkpoint:1
check "it is running again" is_task RUNNING c1
reached=$(counts c1)
check "a checkpoint that ends it" eval 'C task checkpoint --exit --image-path "$T/two" c1 && eventually is_task STOPPED c1'
check "its status is that of a kill" shows "exit code 137" C task delete c1
check "container rm" C container rm c1
check "restore from the store" eval 'C container restore --live --rw c1 lab/checkpoint:1 >"$T/restore.out" 2>&1; cat "$T/restore.out"; is_task RUNNING c1'
check "it counts on from where it was" eval 'n=$(counts c1) && [ "$n" -gt 0 ] && [ "$n" -le '"$((${reached:-0} + 100))"' ]'
check "exec" prints in inside c1 echo in
check "pause and resume" eval 'C task pause c1 && is_task PAUSED c1 && C task resume c1 && counts c1'
check "kill and delete" eval 'C task kill -s KILL c1 && eventually is_task STOPPED c1 && C task delete c1; C container rm c1; [ -z "$(C container ls -q)" ]'
check "images that are none: a reason" eval 'C run -d --runtime $RUNTIME $IMAGE c3 sleep 1000 && mkdir "$T/ro" && mount -t tmpfs -o size=16k none "$T/ro" &&
	refuses "checkpoint failed" C task checkpoint --image-path "$T/ro/x" c3 && is_task RUNNING c3'
check "and criu's log in the bundle" test -s /run/lab/state/io.containerd.runtime.v2.task/default/c3/criu-dump.log
check "that one ends" eval 'C task kill -s KILL c3; eventually is_task STOPPED c3 && C task delete c3; C container rm c3'
check "no shim is left" eventually eval '! pgrep -f "^[^ ]*containerd-shim-"'
check "no state is left" prints "" ls /run/containerd/skerry/default
safe_kill TERM "$CONTAINERD"
wait "$CONTAINERD" 2>/dev/null
umount "$T/ro" 2>/dev/null
umount -R /run/lab/state "$T/root" 2>/dev/null
done_testing
