#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# console.sh - terminals: the console socket, a terminal in the foreground,
# size, owner, controlling terminal, and input pushed back to the operator.
. "$(dirname "$0")/lib.sh"

needs 'python3 is missing, which receives the terminal' python3 -c 'import socket, array'

cat >"$T/receive.py" <<'END'
# receive.py SOCKET OUT COUNT [SEND]: accept COUNT terminals, write what comes out of each
import array, fcntl, os, socket, struct, sys, termios, time
path, out, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(path)
server.listen(5)
server.settimeout(120)
for n in range(count):
    conn, _ = server.accept()
    data, anc, flags, _ = conn.recvmsg(4096, socket.CMSG_SPACE(16))
    fds = array.array('i')
    for level, kind, value in anc:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(value)
    rest = conn.recv(10)
    with open(out + '.info', 'a') as f:
        rows, cols = struct.unpack('HHHH', fcntl.ioctl(fds[0], termios.TIOCGWINSZ, b'\0' * 8))[:2]
        print('fds', len(fds), 'bytes', len(data), 'rest', len(rest), 'tty', os.isatty(fds[0]), 'size', rows, cols, file=f)
    if len(sys.argv) > 4:
        os.write(fds[0], sys.argv[4].encode().decode('unicode_escape').encode())
    end = time.time() + 60
    got = b''
    while time.time() < end:
        try:
            piece = os.read(fds[0], 4096)
        except OSError:
            break
        if not piece:
            break
        got += piece
        open(out, 'wb').write(got)
END

receive() {
	rm -f "$T/sock" "$T/got" "$T/got.info"
	python3 "$T/receive.py" "${SOCK:-$T/sock}" "$T/got" "$@" >"$T/receive.log" 2>&1 &
	receiver=$!
	eventually test -S "${SOCK:-$T/sock}"
}

received() {
	tr -d '\r' <"$T/got"
}

terminal='.process.terminal = true'

# --- console socket ----------------------------------------------------------------
mk "$(args hp tty) | $terminal | .process.consoleSize = {height: 33, width: 77}"
receive 1
check 'create with a console socket' R create --console-socket "$T/sock" c1
eventually test -s "$T/got.info"
check 'one message with one descriptor, at least one byte, then the end' eval \
	'has "$(cat "$T/got.info")" "fds 1 bytes" && lacks "$(cat "$T/got.info")" "bytes 0" && has "$(cat "$T/got.info")" "rest 0 tty True"'
check 'the window has the size of consoleSize' grep -q 'size 33 77' "$T/got.info"
R start c1
wait $receiver
check 'standard input is the terminal' matches "$(received)" '^tty /dev/(pts/[0-9]+|console)'
check 'its size inside' has "$(received)" 'size 33 77'
check 'it is the controlling terminal' has "$(received)" 'controlling yes'
check 'the program leads its session' has "$(received)" 'leader yes'
check 'it belongs to the user' has "$(received)" 'owner 0'
RD c1
mk "$(args hp tty) | $terminal | .process.user = {uid: 1000, gid: 1000}"
receive 1
R create --console-socket "$T/sock" c1 </dev/null >/dev/null 2>&1 && R start c1
wait $receiver
check 'it belongs to another user as well' has "$(received)" 'owner 1000'
RD c1
mk "$(args sh -c 'echo out; echo err >&2; read x; echo "got $x"; ls -l /dev/console') | $terminal"
receive 1 'hello\n'
check 'run -d with a console socket' R run -d --console-socket "$T/sock" c1
wait $receiver
check 'output, errors and input go through it' eval 'o=$(received); has "$o" out && has "$o" err && has "$o" "got hello"'
check '/dev/console is there' has "$(received)" '/dev/console'
RD c1
mk "$(args sh -c 'echo to-console >/dev/console; sleep 0.1') | $terminal"
receive 1
R run -d --console-socket "$T/sock" c1
wait $receiver
check '/dev/console is the same terminal' has "$(received)" to-console
RD c1
deep=$T/$(printf 'd%.0s' $(seq 60))/$(printf 'e%.0s' $(seq 60))
mkdir -p "$deep"
rm -f "$T/sock"
(cd "$deep" && exec python3 "$T/receive.py" sock "$T/got" 1 >/dev/null 2>&1) &
receiver=$!
eventually test -S "$deep/sock"
except 'crun runc' 'too long for them' check 'a socket path over 108 bytes works' R run -d --console-socket "$deep/sock" c1
kill $receiver 2>/dev/null
wait $receiver
RD c1

# --- refusals -------------------------------------------------------------------------
mk "$(args true) | $terminal"
check 'create with a terminal needs a console socket' fails R create c1
check 'and leaves nothing' gone c1
check 'run --detach with a terminal needs a console socket' fails R run -d c1
check 'a console socket that is not there is refused' fails R create --console-socket "$T/none" c1
check 'and leaves nothing (no socket)' gone c1
: >"$T/file"
check 'a console socket that is a file is refused' fails R create --console-socket "$T/file" c1
mk "$(args true)"
rm -f "$T/sock"
receive 1
except crun 'ignores it' check 'a console socket without a terminal is refused' fails R create --console-socket "$T/sock" c1
kill $receiver
wait $receiver 2>/dev/null
RD c1

# --- exec -------------------------------------------------------------------------------
mk "$(args sleep 1000)"
up c1
receive 1
check 'exec -t -d with a console socket' R exec -t -d --console-socket "$T/sock" c1 hp tty
wait $receiver
check 'exec: the terminal inside' eval 'o=$(received); has "$o" "tty /dev/pts/" && has "$o" "controlling yes" && has "$o" "leader yes"'
jq -n '{terminal: true, consoleSize: {height: 20, width: 40}, cwd: "/", args: ["hp", "tty"], env: ["PATH=/bin"], user: {uid: 1000, gid: 1000}}' >"$T/p.json"
receive 1
check 'exec --process with a terminal' R exec -d --process "$T/p.json" --console-socket "$T/sock" c1
wait $receiver
check 'exec --process: size and owner' eval 'o=$(received); has "$o" "size 20 40" && has "$o" "owner 1000"'
RD c1

# --- foreground ---------------------------------------------------------------------------
# script(1) may have its end of input echoed, as ^@
on_tty() {
	timeout -k 5 90 script -qec "stty rows 21 cols 43; timeout --foreground 60 $SKERRY --root $ROOT $*" /dev/null | tr -d '\r' | sed 's/\^@//g'
}
mk "$(args hp tty) | $terminal"
check 'run on a terminal' eval 'o=$(on_tty run c1 </dev/null); has "$o" "tty /dev/" && has "$o" "controlling yes"'
check 'it takes the size of the outer terminal' eval 'has "$(on_tty run c1 </dev/null)" "size 21 43"'
# COMMAND...: what 20 programs that look at once see
sizes() {
	local _ all
	for _ in $(seq 20); do
		all=$(on_tty "$@" </dev/null)
		grep -o 'size [0-9 ]*$' <<<"$all" || echo "none in: $all"
	done | sort | uniq -c | awk '{ $1 = $1 } 1'
}
check 'it has that size before the program looks' is '20 size 21 43' "$(sizes run c1)"
mk "$(args sleep 1000)"
up c1
check 'exec -t: it has that size before the program looks' is '20 size 21 43' "$(sizes exec -t c1 hp tty)"
RD c1
check 'run on a terminal gives the status' eval 'mk "$(args sh -c "exit 44") | $terminal"; status 44 timeout -k 5 90 script -qec "$SKERRY --root $ROOT run c1" /dev/null'
mk "$(args sh -c 'echo ready; read x; echo "got $x"') | $terminal"
typist() { # types when the program reads, and stays until it has answered
	eventually grep -q ready "$T/typed" && echo typed && eventually grep -q 'got typed' "$T/typed"
}
: >"$T/typed"
check 'input on the terminal reaches the program' eval 'typist | timeout -k 5 90 script -qec "timeout --foreground 60 $SKERRY --root $ROOT run c1" /dev/null >"$T/typed"; has "$(cat "$T/typed")" "got typed"'
mk "$(args seq 1 20000) | $terminal"
check 'no output is lost at the end' eval 'is 20000 "$(on_tty run c1 </dev/null | tail -n 1)"'
mk "$(args true) | $terminal"
check 'the outer terminal is restored' eval \
	'o=$(timeout -k 5 90 script -qec "stty -g; timeout --foreground 60 $SKERRY --root $ROOT run c1; stty -g" /dev/null </dev/null | tr -d "\r" | sed "s/\^@//g" | grep -v "^$"); is "$(head -n 1 <<<"$o")" "$(tail -n 1 <<<"$o")"'
mk "$(args hp tty)"
check 'without terminal the outer terminal does not become the controlling one' eval 'has "$(on_tty run c1 </dev/null)" "controlling no"'
mk "$(args hp tiocsti)"
check 'without terminal TIOCSTI reaches nothing of the operator' eval 'o=$(on_tty run c1 </dev/null); has "$o" "tiocsti 0" && lacks "$o" INJECTED'
mk "$(args sleep 1000)"
up c1
check 'exec without -t: TIOCSTI reaches nothing of the operator' eval 'o=$(on_tty exec c1 hp tiocsti </dev/null); has "$o" "tiocsti 0" && lacks "$o" INJECTED'
RD c1

# --- the size follows ------------------------------------------------------------------------
cat >"$T/winch.py" <<'END'
# winch.py COMMAND...: run it on a pty, change the size after "ready", print its output
import fcntl, os, pty, struct, sys, termios, time, select
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
got = b''
changed = False
end = time.time() + 60
while time.time() < end:
    r, _, _ = select.select([fd], [], [], 0.2)
    if r:
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        if not piece:
            break
        got += piece
    if not changed and b'ready' in got:
        changed = True
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 12, 34, 0, 0))
sys.stdout.write(got.decode(errors='replace').replace('\r', ''))
os.waitpid(pid, 0)
END
mk "$(args sh -c 'trap "hp tty | grep size; exit" WINCH; echo ready; while :; do sleep 0.1; done') | $terminal"
check 'a new size of the outer terminal reaches the inner one' eval \
	'has "$(timeout 60 python3 "$T/winch.py" "$SKERRY" --root "$ROOT" run c1)" "size 12 34"'
RD c1
clean_or_fail
done_testing
