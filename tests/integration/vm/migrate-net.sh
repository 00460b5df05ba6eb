#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-net.sh - a server with clients connected goes to another host: no reset, no byte lost
#
# Three hosts with one VXLAN; on the third a client streams numbered lines to a server that echoes them and
# compares what comes back, all through the move.
# shellcheck disable=SC2016,SC2317
HOSTS='a b c'
TMO=200
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

red_make a b c

cat >"$T/client.py" <<'PY'
import socket, sys, time
address, seconds = sys.argv[1], float(sys.argv[2])
s = socket.create_connection((address, 5000), timeout=60)
s.settimeout(60)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
f = s.makefile("rb")
n, gap, end = 0, 0.0, time.monotonic() + seconds
while time.monotonic() < end:
    n += 1
    began = time.monotonic()
    line = b"%d %s\n" % (n, b"x" * (n % 500))
    s.sendall(line)
    got = f.readline()
    gap = max(gap, time.monotonic() - began)
    if got != line:
        print("wrong at", n, got[:40])
        sys.exit(1)
    time.sleep(0.01)
print("ok", n, "lines, longest", int(gap * 1000), "ms")
PY

mac_on() { on "$1" nsenter -t "$(pid_on "$1" c1)" -n ip -o link show eth0 | grep -o 'link/ether [0-9a-f:]*'; }
mk "$(args sh -c 'echo up >/tmp/up; exec nc -ll -p 5000 -e cat')"
on a "$SKERRY" --root "$ROOT/a" run -d --net red -b "$B" c1 </dev/null >"$T/start.out" 2>&1
check 'a server runs' test -s "$T/start.out" -o -n "$(pid_on a c1)"
diag <"$T/start.out"
ip4=$(address_on a)
mac=$(mac_on a)
on c sh -c 'ip netns add cli && '"${SKERRY%/*}"'/skerry-net add red cli /run/netns/cli' >"$T/cli.out" 2>&1 || diag <"$T/cli.out"
check 'it is reached' eventually on c ip netns exec cli ping -c 1 -W 3 "$ip4"
on c ip netns exec cli python3 "$T/client.py" "$ip4" 40 >"$T/client.out" 2>&1 &
client=$!
sleep 4
check 'it moves' eval 'migrate a b c1 --target-address 10.99.0.2 >"$T/moved.out" 2>&1 || { cat "$T/moved.out"; false; }'
grep -v '^files' "$T/moved.out" | diag
check 'it runs there' runs_on b c1
check 'and is gone here' gone_on a c1
check 'with its address' has "$(on b nsenter -t "$(pid_on b c1)" -n ip -o -4 addr show eth0)" "$ip4"
check 'and its hardware address' is "$mac" "$(mac_on b)"
wait $client
check 'the client saw every line, and no reset' is 0 $?
diag <"$T/client.out"
check 'a new one is served' eventually on c ip netns exec cli python3 "$T/client.py" "$ip4" 0.5
check 'no move is open' eval '! on a find /run/skerry-net -path "*move/*" -type f | grep . && ! on b find /run/skerry-net -path "*move/*" -type f | grep .'
RB delete --force c1
done_testing
