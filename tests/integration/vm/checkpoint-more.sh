#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# checkpoint-more.sh - terminals, TCP connections, clones, archives' ground: what takes a container apart and together
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/vm/checkpoint-lib.sh
. "$(dirname "$0")/checkpoint-lib.sh"

# --- a twin with a root file system of its own ------------------------------------------
mk "$(args sh -c 'n=0; while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.05; done')"
one=$B
detached run -d one
eventually test -s "$one/rootfs/tmp/count"
cp -a "$one" "$T/two"
: >"$T/two/rootfs/tmp/count"
check 'a twin with another root file system' detached clone --bundle "$T/two" --pid-file "$T/pid" one two
check 'writes there' eventually test -s "$T/two/rootfs/tmp/count"
check 'the pid file of a twin has its process' is "$(pid_of two)" "$(cat "$T/pid")"
check 'its first lives on' is_status running one
RD one two

# --- a terminal -----------------------------------------------------------------------------
cat >"$T/receive.py" <<'PY'
import array, os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
print("listening", flush=True)
conn, _ = s.accept()
data, anc, flags, _ = conn.recvmsg(4096, socket.CMSG_SPACE(16))
master = array.array("i", anc[0][2][:4])[0]
os.write(master, b"word\n")
end = time.time() + float(sys.argv[2])
out = b""
while time.time() < end and b"got word" not in out:
    try:
        out += os.read(master, 4096)
    except OSError:
        break
sys.stdout.write(out.decode())
sys.stdout.flush()
time.sleep(float(sys.argv[2]))
PY
# the master stays open as long as its reader lives
reader() {
	rm -f "$T/sock"
	python3 "$T/receive.py" "$T/sock" "$1" >"$T/terminal.$2" 2>&1 &
	eventually grep -q listening "$T/terminal.$2"
}
mk "$(args sh -c 'while read -r x; do echo "got $x"; echo "$x" >>/tmp/words; done; sleep 1000') | .process.terminal = true"
reader 60 1
detached run -d --console-socket "$T/sock" c1
eventually test -s "$B/rootfs/tmp/words"
check 'a container with a terminal' detached checkpoint --image-path "$I" c1
reader 60 2
check 'a terminal goes to the console socket' detached restore -d --console-socket "$T/sock" --image-path "$I" c1
check 'and its program reads from it' eventually grep -q 'got word' "$T/terminal.2"
RD c1

# --- several processes, an external network namespace ------------------------------------
rm -rf "$I"
ip netns add skck
mk "$(args sh -c '(while :; do date +%N >/tmp/a; sleep 0.05; done) & (while :; do date +%N >/tmp/b; sleep 0.05; done) & wait') |
	.linux.namespaces += [{\"type\": \"network\", \"path\": \"/run/netns/skck\"}]"
detached run -d c2
eventually test -s "$B/rootfs/tmp/b"
check 'a tree of processes in a namespace of outside' detached checkpoint --image-path "$I" c2
check 'is restored' detached restore -d --image-path "$I" c2
check 'into that namespace' is "$(stat -Lc %i /run/netns/skck)" "$(stat -Lc %i "/proc/$(pid_of c2)/ns/net")"
rm -f "$B/rootfs/tmp/a" "$B/rootfs/tmp/b"
check 'with all its processes' eventually test -s "$B/rootfs/tmp/a" -a -s "$B/rootfs/tmp/b"
RD c2
ip netns del skck

# --- an image of runc ---------------------------------------------------------------------
rm -rf "$I"
mk "$(args sh -c 'n=0; while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.05; done')"
runc --root "$T/runc" run -d c3 </dev/null >/dev/null 2>&1
eventually test -s "$B/rootfs/tmp/count"
check "runc's checkpoint" runc --root "$T/runc" checkpoint --image-path "$I" c3
at=$(cat "$B/rootfs/tmp/count")
check 'is restored here' detached restore -d --image-path "$I" c3
check 'and goes on' eventually eval '[ "$(cat "$B/rootfs/tmp/count")" -gt '"$at"' ]'
RD c3
# its root was a slave of the mount below, which on another host may be private
mount --make-private "$T"
check 'also above a private mount' detached restore -d --image-path "$I" c3
mount --make-shared "$T"
RD c3

done_testing
