#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# notify.sh - sd_notify: NOTIFY_SOCKET of the caller is reachable inside, READY=1
# arrives at the caller's socket with the pid of the container.
. "$(dirname "$0")/lib.sh"

needs 'python3 is missing, which receives the messages' python3 -c 'import socket'
cat >"$T/receive.py" <<'END'
# receive.py SOCKET OUT: write every datagram, one a line; close descriptors that come along (the barrier)
import array, os, socket, sys
path = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\0' + path[1:] if path[0] == '@' else path)
open(sys.argv[2] + '.up', 'w')
s.settimeout(200)
while True:
    data, anc, _, _ = s.recvmsg(65536, socket.CMSG_SPACE(64))
    for _, _, value in anc:
        fds = array.array('i')
        fds.frombytes(value[:len(value) // 4 * 4])
        for fd in fds:
            os.close(fd)
    with open(sys.argv[2], 'ab') as f:
        f.write(data.replace(b'\n', b'|') + b'\n')
END
receive() {
	rm -f "$T/got" "$T/got.up" "$T/nsock"
	python3 "$T/receive.py" "$1" "$T/got" >"$T/receive.log" 2>&1 &
	receiver=$!
	eventually test -e "$T/got.up"
}
receive_end() {
	RD c1
	kill $receiver 2>/dev/null
	wait $receiver 2>/dev/null
}

mk "$(args hp env)"
receive "$T/nsock"
check 'NOTIFY_SOCKET inside is not that of the host' eval 'o=$(NOTIFY_SOCKET="$T/nsock" R run c1) && has "$o" NOTIFY_SOCKET=/run/notify/notify.sock'
receive_end
check 'without it there is none inside' hides NOTIFY_SOCKET R run c1
mk "$(args sh -c 'hp notify READY=1; sleep 1')"
receive "$T/nsock"
NOTIFY_SOCKET=$T/nsock R run c1 >"$T/o" 2>&1 </dev/null
check 'run: READY=1 arrives' eval 'cat "$T/o"; eventually grep -q READY=1 "$T/got"'
receive_end
mk "$(args sh -c 'hp notify READY=1; sleep 1000')"
receive "$T/nsock"
NOTIFY_SOCKET=$T/nsock R create c1 >"$T/o" 2>&1 </dev/null
pid=$(pid_of c1)
check 'start waits for READY=1 and passes it on' eval 'TMO=30 NOTIFY_SOCKET="$T/nsock" R start c1 && eventually grep -q READY=1 "$T/got"'
except crun 'only READY=1' check 'MAINPID is the pid of the container' eventually grep -q "MAINPID=$pid" "$T/got"
check 'the socket inside belongs to the container' eval 'R exec c1 test -S /run/notify/notify.sock'
check 'its folder inside is read-only' fails R exec c1 touch /run/notify/x
RD c1
receive_end
receive "@skerry-notify-$$"
mk "$(args sh -c 'hp notify READY=1; sleep 1')"
except crun 'not tried there' check 'an abstract socket of the host' eval 'NOTIFY_SOCKET="@skerry-notify-$$" R run c1 >/dev/null 2>&1 </dev/null; eventually grep -q READY=1 "$T/got"'
receive_end
if [ "$KIND" = skerry ]; then
	mk "$(args sh -c 'hp notify READY=1; sleep 0.2; hp notify STATUS=working WATCHDOG=1; sleep 1')"
	receive "$T/nsock"
	NOTIFY_SOCKET=$T/nsock R run c1 >/dev/null 2>&1 </dev/null
	check 'foreground: STATUS= is relayed' eventually grep -q STATUS=working "$T/got"
	check 'foreground: WATCHDOG=1 is relayed' eventually grep -q WATCHDOG=1 "$T/got"
	receive_end
fi
mk "$(args true)"
NOTIFY_SOCKET=$T/none R create c2 >/dev/null 2>&1 </dev/null
check 'start of a container that ends without READY=1 returns' eval 'TMO=30 R start c2; [ $? = 0 ]'
RD c2
mk "$(args hp notify MAINPID=1)"
receive "$T/nsock"
NOTIFY_SOCKET=$T/nsock TMO=30 R run c1 >/dev/null 2>&1 </dev/null
check 'a MAINPID that the container claims is not relayed' eval '! grep -qx "MAINPID=1" "$T/got" 2>/dev/null'
receive_end
mk "$(args true)"
check 'a container that ends without READY=1 does not hang run' eval 'receive "$T/nsock"; NOTIFY_SOCKET="$T/nsock" TMO=30 R run c1 </dev/null; s=$?; receive_end; [ $s = 0 ]'
check 'a NOTIFY_SOCKET that is not there does not hang run' eval 'NOTIFY_SOCKET="$T/none" TMO=30 R run c1 </dev/null >/dev/null 2>&1; [ $? != 124 ]'
RD c1
clean_or_fail
done_testing
