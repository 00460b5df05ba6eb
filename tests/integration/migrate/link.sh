#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# link.sh - over a link that loses packets, that is away for a while, that is cut
#
# TLS between two hosts; with the stand-in for criu (standin.py).
# shellcheck disable=SC2016,SC2317,SC2046
# shellcheck source=tests/integration/migrate/lib.sh
. "$(dirname "$0")/lib.sh"
needs 'no openssl' command -v openssl
needs 'no tc' command -v tc

start_one() {
	start_with 'x=$(head -c 200000 /dev/urandom | od -An -tx1 | tr -d "\n "); echo $$ >/tmp/up; n=0
		while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.02; done'
}
move() {
	on a timeout -k 5 200 "$STANDIN" --root "$ROOT/a" migrate $(tls_files a) "$@" c1 tls://10.99.0.2:7001 </dev/null >"$T/move.out" 2>&1
	local status=$?
	cat "$T/move.out"
	return $status
}
# bad WORD...: what netem(8) does to both directions; without a word: nothing
bad() {
	local h
	for h in a b; do
		on $h tc qdisc del dev up0 root 2>/dev/null
		[ $# = 0 ] || on $h tc qdisc add dev up0 root netem "$@" || return
	done
}
cut() { ip link set port-a down; }
# away: for three seconds
away() { cut && sleep 3 && ip link set port-a up; }

check 'certificates' eval 'authority ours && certificate ours a 10.99.0.1 && certificate ours b 10.99.0.2'
check 'the target listens' listen b 7001
if bad loss 5% 2>"$T/netem.out"; then
	for loss in 5 10; do
		bad loss $loss% delay 1ms
		start_one
		check "every $((100 / loss))th packet is lost: it moves" move --timeout 60
		check "$loss %: it runs there alone" only b
		check "$loss %: no record is left here" clean_on a
	done
	bad delay 20ms reorder 25% 50% duplicate 5% corrupt 1%
	start_one
	check 'packets come twice, late and broken: it moves' move --timeout 60
	check 'and runs there alone' only b
	bad
else
	skip 'a link that loses packets' "the kernel has no netem: $(head -n 1 "$T/netem.out")"
fi

start_one
SILENCE=30 AFTER='^round' paused_at post-dump away
check 'a link that is away for a while: it moves' is 0 $?
check 'and runs there' only b
start_one
SILENCE=6 AFTER='^round' paused_at post-dump cut
check 'a link that is cut while it stands still: the command gives up' is 75 $?
check 'and it goes on here' only a
ip link set port-a up
check 'nothing is left there' eventually no_bundle
# COMMIT is on its way and nobody can be asked
SILENCE=6 AFTER='^restore' paused_at committing cut
check 'cut in the moment of the decision: nobody knows' is 76 $?
check 'no two run' eval '! { runs_on a c1 && runs_on b c1; }'
ip link set port-a up
check '--resolve asks' eval 'on a timeout 60 "$STANDIN" --root "$ROOT/a" migrate $(tls_files a) --resolve c1 </dev/null >"$T/move.out" 2>&1 || { cat "$T/move.out"; false; }'
check 'it runs in one place' eval 'only a || only b'
check 'no record here' clean_on a
done_testing
