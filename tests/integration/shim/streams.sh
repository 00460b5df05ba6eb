#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# streams.sh - what kubectl exec, attach, logs and port-forward need, by containerd's streaming server.
#
# Standard input is kept open where there is a terminal or it is an attach: containerd takes its end for
# the end of the whole stream there.  The programs in single quotes are for the shell of a
# container.
# shellcheck disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"
needs "no containerd" command -v containerd ctr
needs "no plugins for networks (containernetworking-plugins)" test -x /usr/lib/cni/ptp
needs "no gRPC for Python (python3-grpcio)" /usr/bin/python3 -c 'import grpc'
# shellcheck source=tests/integration/engines/cri-lib.sh
. "$HERE/engines/cri-lib.sh"
cri_config native /usr/lib/cni "disable_cgroup = true"
cat >/run/lab/cni/10-x.conflist <<JSON
{"cniVersion": "0.4.0", "name": "x", "plugins": [{"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local",
 "dataDir": "/run/lab/leases", "ranges": [[{"subnet": "10.199.78.0/24"}]]}}, {"type": "loopback"}]}
JSON

EXEC='stdout: true, stderr: true'
# the size of a terminal comes some time after its program began
SIZED='sized() { n=0; until stty size | grep -q "$1" || [ $((n += 1)) -gt 150 ]; do sleep 0.2; done; }; sized'
# exec_stream "FLAGS" "MORE" COMMAND...
exec_stream() {
	local flags=$1 more=$2 words
	shift 2
	words=$(jq -nc '$ARGS.positional' --args -- "$@")
	stream "$flags" Exec "{cmd: $words, $more}"
}
port_forward() { # "FLAGS" PORT
	local url
	url=$(call PortForward '{pod_sandbox_id: $p, port: [$n]}' --arg p "$POD" --argjson n "$2" | jq -r .url) || return 125
	# shellcheck disable=SC2086
	timeout -k 5 100 /usr/bin/python3 -B "$ENGINES/cri-stream" $1 -p "$2" "$url"
}

now "containerd starts with its CRI service" containerd_up
check "import an image" import_image
now "a pod" pod p1
now "a container" container c1 . sleep 100000

for protocol in "" -w; do
	name=SPDY
	[ -z "$protocol" ] || name=websocket
	check "$name: output" prints "out" eval "exec_stream '$protocol' '$EXEC' sh -c 'echo out; echo err >&2' 2>/dev/null"
	check "$name: errors apart" prints "err" eval "exec_stream '$protocol' '$EXEC' sh -c 'echo out; echo err >&2' 2>&1 >/dev/null"
	check "$name: the status" status 7 exec_stream "$protocol" "$EXEC" sh -c 'exit 7'
	check "$name: a signal's status" status 137 exec_stream "$protocol" "$EXEC" sh -c 'kill -9 $$'
	check "$name: a missing program is named" refuses nosuchprogram exec_stream "$protocol" "$EXEC" nosuchprogram
	check "$name: standard input" prints "got word" eval "echo word | exec_stream '$protocol -i' '$EXEC, stdin: true' sh -c 'read x; echo got \$x'"
	check "$name: much output arrives whole" prints 3000000 eval "exec_stream '$protocol' '$EXEC' sh -c 'yes 0123456789 | head -c 3000000' | wc -c"
	check "$name: a terminal, its size" shows "33 101" eval "exec_stream '$protocol -i -k -t -s 101x33' 'stdout: true, stdin: true, tty: true' sh -c '$SIZED 33.101; stty size; tty'"
	check "$name: keys to a terminal" shows "got word" eval "echo word | exec_stream '$protocol -t -i -k' 'stdout: true, stdin: true, tty: true' sh -c 'read x; echo got \$x'"
done
check "SPDY: the end of standard input" prints 1000000 eval 'head -c 1000000 /dev/zero | exec_stream -i "$EXEC, stdin: true" wc -c'
check "a client that leaves: its process loses its output, the container lives" eval '
	exec_stream "-e 20" "$EXEC" sh -c "i=0; while :; do echo \$((i += 1)); sleep 0.05; done" && in_container true'
check "many at once" prints "1 2 3 4 5 6" eval 'for i in 1 2 3 4 5 6; do exec_stream "" "$EXEC" echo $i >$T/s$i.out & done
	wait $(jobs -rp | grep -vx "$CONTAINERD"); echo $(cat $T/s?.out)'

now "a container that reads" container a1 '.stdin = true' sh -c 'while read x; do echo "read $x"; done; echo ended'
check "attach" shows "read one" eval 'echo one | stream "-i -k -e read" Attach "{stdin: true, stdout: true, stderr: true}"'
check "attach again: input stays open between" shows "read two" eval 'echo two | stream "-w -i -k -e two" Attach "{stdin: true, stdout: true, stderr: true}"'
check "both are in the log" eval 'eventually grep -q "stdout F read two" "$LOGS/a1.log" && grep -q "stdout F read one" "$LOGS/a1.log"'
check "it still runs" container_is 1
now "one that reads once" container a2 '.stdin = true | .stdin_once = true' sh -c 'while read x; do echo "read $x"; done; echo ended'
check "the end of the only attach is the end of its input" eval 'echo x | stream "-i -e ended" Attach "{stdin: true, stdout: true, stderr: true}" && eventually container_is 2'
now "one with a terminal" container a3 '.stdin = true | .tty = true' sh -c 'while read x; do echo "read $x"; stty size; done'
check "attach to a terminal, its size" shows "44 120" eval 'for i in {1..100}; do echo x; sleep 0.3; done 2>/dev/null | stream "-t -i -k -s 120x44 -e 120" Attach "{stdin: true, stdout: true, tty: true}"'

now "a container that writes" container l1 . sh -c 'echo line; printf partial; sleep 0.5; echo " whole"; echo err >&2; yes x | head -c 80000 | tr -d "\n"; echo; sleep 1000'
check "log: lines of both streams with their marks" eval 'eventually grep -q "stderr F err$" "$LOGS/l1.log" && grep -q "stdout F line$" "$LOGS/l1.log"'
check "log: what was written in two parts" eval 'eventually grep -q "whole$" "$LOGS/l1.log"'
check "log: a long line is cut and marked" eval 'eventually eval "[ \$(grep -c \"stdout P x\" \"$LOGS/l1.log\") -ge 2 ]"'
mv "$LOGS/l1.log" "$LOGS/l1.old"
check "log: reopened after it was rotated" eval 'container_call ReopenContainerLog && [ -e "$LOGS/l1.log" ]'

now "a server" container w1 . sh -c 'mkdir -p /tmp/w && echo page >/tmp/w/index.html && exec httpd -f -p 127.0.0.1:8080 -h /tmp/w'
for protocol in "" -w; do
	check "port-forward${protocol:+ by websocket}" eval 'eventually eval "printf \"GET / HTTP/1.0\r\n\r\n\" | port_forward \"$protocol\" 8080 | grep -q page"'
done
check "a port where nobody listens" refuses "refused" port_forward "" 8081

check "stop the pod" pod_call StopPodSandbox
check "remove the pod" pod_call RemovePodSandbox
check "no shim is left" eventually eval '! pgrep -f "^[^ ]*containerd-shim-skerry"'
check "no socket is left" prints "" ls /run/containerd/s
containerd_down TERM
umount -R /run/lab/state "$T/root" 2>/dev/null
done_testing
