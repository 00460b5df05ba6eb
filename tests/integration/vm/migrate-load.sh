#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-load.sh - a redis under load goes to another host: every request is answered, once
#
# Its files are the guest's own, which both hosts have (--shared); its clients are on a third.
# shellcheck disable=SC2016,SC2317
HOSTS='a b c'
TMO=200
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

needs 'no redis-server' command -v redis-server
red_make a b c

# Connections that each count up a key of their own and add to a text, and compare every answer; in the
# end what is stored is compared with what was sent.
cat >"$T/client.py" <<'PY'
import hashlib, selectors, socket, sys, time
address, seconds, clients = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])


def words(*list):
    out = b"*%d\r\n" % len(list)
    for word in list:
        word = word if isinstance(word, bytes) else str(word).encode()
        out += b"$%d\r\n%s\r\n" % (len(word), word)
    return out


class Client:
    def __init__(self, number):
        self.sock = socket.create_connection((address, 6379), timeout=60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.number, self.n, self.size, self.digest = number, 0, 0, hashlib.sha256()

    def send(self):
        self.n += 1
        self.part = b"%d.%d " % (self.number, self.n) + b"x" * (self.n % 700)
        self.sock.sendall(words("INCR", "n%d" % self.number) + words("APPEND", "t%d" % self.number, self.part))

    def receive(self):
        self.size += len(self.part)
        self.digest.update(self.part)
        for want in self.n, self.size:
            got = self.file.readline()
            if got != b":%d\r\n" % want:
                sys.exit("client %d: %r in place of %d" % (self.number, got, want))

    def compare(self):
        self.sock.sendall(words("GET", "t%d" % self.number))
        text = self.file.read(int(self.file.readline()[1:]) + 2)[:-2]
        if hashlib.sha256(text).digest() != self.digest.digest():
            sys.exit("client %d: what is stored is not what was sent" % self.number)


clients = [Client(i) for i in range(clients)]
end, gap = time.monotonic() + seconds, 0.0
while time.monotonic() < end:
    began = time.monotonic()
    for client in clients:
        client.send()
    for client in clients:
        client.receive()
    gap = max(gap, time.monotonic() - began)
    time.sleep(0.005)
for client in clients:
    client.compare()
print("ok %d requests, longest %d ms" % (2 * sum(c.n for c in clients), gap * 1000))
PY

shared=(--shared /usr)
mk "$(args /usr/bin/redis-server --bind 0.0.0.0 --protected-mode no --save '' --dir /tmp --maxmemory 64mb) |
	.mounts += [{\"destination\": \"/usr\", \"type\": \"bind\", \"source\": \"/usr\", \"options\": [\"rbind\", \"ro\"]}]"
mkdir "$B/rootfs/usr" && ln -s usr/lib "$B/rootfs/lib" && ln -s usr/lib64 "$B/rootfs/lib64"
check 'redis runs' eval 'on a "$SKERRY" --root "$ROOT/a" run -d --net red -b "$B" c1 </dev/null >/dev/null 2>&1'
ip4=$(address_on a)
on c sh -c 'ip netns add cli && '"${SKERRY%/*}"'/skerry-net add red cli /run/netns/cli' >"$T/cli.out" 2>&1 || diag <"$T/cli.out"
check 'it answers' eventually on c ip netns exec cli python3 "$T/client.py" "$ip4" 0.2 1
ask() { on "$1" nsenter -t "$(pid_on "$1" c1)" -n timeout 10 redis-cli -h "$ip4" "${@:2}"; }
check 'it is emptied' prints OK ask a FLUSHALL
on c ip netns exec cli python3 "$T/client.py" "$ip4" 45 8 >"$T/client.out" 2>&1 &
client=$!
sleep 4
check 'it moves while eight clients ask' moved a b c1 --target-address 10.99.0.2 "${shared[@]}"
grep -v '^files' "$T/moved.out" | diag
check 'it runs there' runs_on b c1
check 'and is gone here' gone_on a c1
check 'the clients were still asking' kill -0 $client
wait $client
check 'each request was answered, once, and all of it is stored' is 0 $?
diag <"$T/client.out"
check 'it goes back' moved b a c1 --target-address 10.99.0.1 "${shared[@]}"
check 'and has its memory still' prints 16 ask a DBSIZE
RA delete --force c1
done_testing
