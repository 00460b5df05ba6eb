#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# checkpoint-options.sh - lazy pages, page servers, chains, live connections, locks, sockets of outside
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/vm/checkpoint-lib.sh
. "$(dirname "$0")/checkpoint-lib.sh"

job=
job_ends() {
	wait "$job" || { cat "$T/job.out"; grep -hn Error "$I"/*.log | tail -n 5; return 1; }
}

# --- memory over a socket ----------------------------------------------------------------
mk "$(args hp memory 8)"
detached run -d p1
eventually test -s "$B/rootfs/tmp/memory"
mkdir -p "$I"
criu page-server --images-dir "$I" --address 127.0.0.1 --port 7001 -o "$I/server.log" -v4 >/dev/null 2>&1 &
server=$!
eventually eval 'ss -ltn | grep -q :7001'
check '--page-server' detached checkpoint --image-path "$I" --page-server 127.0.0.1:7001 p1
wait $server
check 'the pages came over the socket' test "$(cat "$I"/pages-*.img | wc -c)" -gt 8388608
rm -f "$B/rootfs/tmp/memory"
check 'what the page server wrote is restored' detached restore -d --image-path "$I" p1
check 'with its memory' eventually eval '[ "$(cut -d" " -f2 "$B/rootfs/tmp/memory")" = 0 ]'
check 'an address that is none' refuses 'ADDRESS:PORT' R checkpoint --image-path "$I" --page-server nowhere p1
RD p1

if criu check --feature uffd-noncoop >/dev/null 2>&1; then
	rm -rf "$I"
	mkdir -p "$I"
	detached run -d l1
	rm -f "$B/rootfs/tmp/memory"
	eventually test -s "$B/rootfs/tmp/memory"
	mkfifo "$T/status"
	exec 8<>"$T/status"
	"$SKERRY" --root "$ROOT" checkpoint --image-path "$I" --lazy-pages --page-server 127.0.0.1:7002 --status-fd 9 l1 \
		9>"$T/status" </dev/null >"$T/job.out" 2>&1 &
	job=$!
	check '--status-fd says when pages can be fetched' eval '[ "$(timeout 60 head -c 1 /dev/fd/8 | wc -c)" = 1 ]'
	check 'most of the memory is not in the images' test "$(cat "$I"/pages-*.img | wc -c)" -lt 4194304
	criu lazy-pages --images-dir "$I" --work-dir "$I" --page-server --address 127.0.0.1 --port 7002 -o lazy.log -v4 \
		>/dev/null 2>&1 &
	lazy=$!
	eventually test -S "$I/lazy-pages.socket"
	rm -f "$B/rootfs/tmp/memory"
	check '--lazy-pages restores without its memory' detached restore -d --image-path "$I" --lazy-pages l2
	check 'which follows' eventually eval '[ "$(cut -d" " -f2 "$B/rootfs/tmp/memory")" = 0 ]'
	check 'then the first one has ended' job_ends
	wait $lazy
	check 'and is gone' gone l1
	RD l2
	exec 8<&-
else
	skip '--lazy-pages' 'this kernel has no userfaultfd that criu can use'
fi

# --- a live connection --------------------------------------------------------------------
touch "$T/netns"
unshare --net="$T/netns" true
in_netns() { nsenter --net="$T/netns" "$@"; }
ip link add skeckh type veth peer name eth0 netns "$T/netns"
ip addr add 10.213.0.1/24 dev skeckh
ip link set skeckh up
up_in_netns() {
	in_netns ip addr add 10.213.0.2/24 dev eth0
	in_netns ip link set eth0 up
	in_netns ip link set lo up
}
up_in_netns
# An engine restores into a namespace of its own making.
new_netns() {
	touch "$T/netns.new"
	unshare --net="$T/netns.new" true
	in_netns ip link set eth0 netns "$T/netns.new"
	umount "$T/netns" && mount --bind "$T/netns.new" "$T/netns" && umount "$T/netns.new" && up_in_netns
}
mk "$(args hp echo 5000) | .linux.namespaces += [{\"type\": \"network\", \"path\": \"$T/netns\"}]"
cat >"$T/client.py" <<'PY'
import socket, sys, time
s = socket.create_connection(("10.213.0.2", 5000), 20)
s.settimeout(60)
n, longest = 0, 0
end = time.time() + float(sys.argv[1])
while time.time() < end:
    line = b"%08d" % n
    t = time.time()
    s.sendall(line)
    got = b""
    while len(got) < len(line):
        more = s.recv(len(line) - len(got))
        if not more:
            sys.exit("closed")
        got += more
    if got != line:
        sys.exit("wrong byte")
    longest = max(longest, time.time() - t)
    n += 1
    open(sys.argv[2], "w").write(str(n))
    time.sleep(0.02)
print("%d answers, the longest took %.2f s" % (n, longest))
PY
rm -rf "$I"
detached run -d t1
eventually eval 'in_netns ss -ltn | grep -q :5000'
python3 "$T/client.py" 600 "$T/answers" >"$T/client.out" 2>&1 &
client=$!
eventually test -s "$T/answers"
check 'a connection without --tcp-established' refuses '--tcp-established keeps them' R checkpoint --image-path "$I" t1
check 'leaves the container running' is_status running t1
answers_go_on() {
	local before PATIENCE=100
	before=$(cat "$T/answers")
	# TCP waits the longer the longer nobody answered
	eventually eval '[ "$(cat "$T/answers")" -gt '"${before:-0}"' ]'
}
check 'and the client served' answers_go_on
rm -rf "$I"
locks() { echo "$(in_netns nft list tables | grep -c CRIU) $(in_netns iptables-save | grep -c CRIU)"; }
for lock in nftables iptables; do
	check "a connection goes into images, held back by $lock" detached checkpoint --tcp-established --network-lock $lock --image-path "$I" t1
	check 'which stays, lest the client hears that nobody is there' fails is "0 0" "$(locks)"
	check 'back in the same namespace' detached restore -d --tcp-established --image-path "$I" t1
	check 'the client is served' answers_go_on
	check 'and nothing is left of the lock' is "0 0" "$(locks)"
	rm -rf "$I"
done
check '--tcp-established' detached checkpoint --tcp-established --image-path "$I" t1
new_netns
# its hook says how packets are held back while connections are put back
cp "$B/config.json" "$T/config.plain"
jq --arg tell "nsenter --net=$T/netns $(command -v nft) list ruleset >$T/rules" \
	'.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", $tell]}]' "$T/config.plain" >"$B/config.json"
check 'restores the connection' detached restore -d --tcp-established --image-path "$I" t1
cp "$T/config.plain" "$B/config.json"
check 'meanwhile nothing comes in or goes out' is 2 "$(grep -c 'policy drop' "$T/rules")"
check 'by a lock that ends with the restore' grep -q 'flags owner' "$T/rules"
check 'of which nothing is left' is "0 0" "$(locks)"
check 'the client gets its answers' answers_go_on
check 'and had no reset' kill -0 $client
kill $client
wait $client 2>/dev/null
rm -rf "$I"
python3 "$T/client.py" 600 "$T/answers" >"$T/client.out" 2>&1 &
client=$!
: >"$T/answers"
eventually test -s "$T/answers"
check 'once more' detached checkpoint --tcp-established --image-path "$I" t1
new_netns
check '--tcp-close restores without it' detached restore -d --tcp-close --image-path "$I" t1
wait $client
told=$?
sed 's/^/# /' "$T/client.out"
check 'the client is told' test $told != 0
RD t1
ip link del skeckh
umount "$T/netns"

# --- locks, sockets of outside -----------------------------------------------------------------
mk "$(args hp lock /tmp/lock)"
rm -rf "$I"
detached run -d f1
eventually test -e "$B/rootfs/tmp/lock"
check 'a container with file locks' detached checkpoint --file-locks --image-path "$I" f1
check 'is restored' detached restore -d --file-locks --image-path "$I" f1
check 'and holds them' prints $'flock EAGAIN\nposix EAGAIN' R exec f1 hp try-lock /tmp/lock
RD f1

mkdir -p "$T/outside"
cat >"$T/listen.py" <<'PY'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    n = s.recv(64).decode()
    open(sys.argv[2] + ".new", "w").write(n)
    os.rename(sys.argv[2] + ".new", sys.argv[2])
PY
python3 "$T/listen.py" "$T/outside/sock" "$T/heard" &
listener=$!
eventually test -S "$T/outside/sock"
# criu connects to the name that the other end was bound to
mk "$(args hp datagrams "$T/outside/sock") | .mounts += [{\"destination\": \"$T/outside\", \"type\": \"bind\", \"source\": \"$T/outside\", \"options\": [\"rbind\", \"rw\"]}]"
rm -rf "$I"
detached run -d u1
eventually test -s "$T/heard"
check 'a socket of outside without --ext-unix-sk' refuses '--ext-unix-sk' R checkpoint --image-path "$I" u1
check 'leaves it running' is_status running u1
rm -rf "$I"
check '--ext-unix-sk' detached checkpoint --ext-unix-sk --image-path "$I" u1
check 'restores it' detached restore -d --ext-unix-sk --image-path "$I" u1
at=$(cat "$T/heard")
check 'which is heard again' eventually eval '[ "$(cat "$T/heard")" -gt '"$at"' ]'
RD u1
kill $listener

# --- a chain of pre-dumps --------------------------------------------------------------------------------
if ! criu check --feature mem_dirty_track >/dev/null 2>&1; then
	skip 'a chain with --auto-dedup' 'this kernel does not track changed memory'
	done_testing
fi
mk "$(args hp memory 4)"
rm -rf "$I"
detached run -d d1
eventually test -s "$B/rootfs/tmp/memory"
detached checkpoint --pre-dump --image-path "$I/1" d1
detached checkpoint --pre-dump --parent-path ../1 --auto-dedup --image-path "$I/2" d1
check 'a chain with --auto-dedup' detached checkpoint --parent-path ../2 --auto-dedup --image-path "$I/3" d1
rm -f "$B/rootfs/tmp/memory"
check 'is restored' detached restore -d --auto-dedup --image-path "$I/3" d1
check 'with its memory' eventually eval '[ "$(cut -d" " -f2 "$B/rootfs/tmp/memory")" = 0 ]'
RD d1

# What was written again since isn't wanted any more of the older images: it is cut out of them, on the way
# (--auto-dedup) or afterwards (criu dedup).
disk_of() { du -ck "$I/$1"/pages-*.img | tail -n 1 | cut -f1; }
ticks() {
	rm -f "$B/rootfs/tmp/gap"
	eventually test -s "$B/rootfs/tmp/gap"
}
rm -rf "$I"
mk "$(args hp tick 4 1024)"
detached run -d d2
ticks
check 'a first image is whole' eval 'detached checkpoint --pre-dump --image-path "$I/1" d2 && [ "$(disk_of 1)" -ge 4096 ]'
ticks
check 'a second one with --auto-dedup' detached checkpoint --pre-dump --parent-path ../1 --auto-dedup --image-path "$I/2" d2
check 'leaves little of the first' test "$(disk_of 1)" -lt 1024
ticks
check 'a third one without' detached checkpoint --parent-path ../2 --image-path "$I/3" d2
check 'leaves the second as it is' test "$(disk_of 2)" -ge 4096
check 'criu dedup cuts it' eval 'criu dedup --images-dir "$I/3" >"$T/dedup.out" 2>&1 && [ "$(disk_of 2)" -lt 1024 ]'
diag <"$T/dedup.out"
rm -f "$B/rootfs/tmp/gap"
check 'and the chain is restored' detached restore -d --image-path "$I/3" d2
check 'and goes on' ticks
RD d2
done_testing
