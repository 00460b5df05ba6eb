#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# parallel.sh - a hundred ADD and DEL side by side: no address twice, nothing lost, GC in between.
. "$(dirname "$0")/lib.sh"
COUNT=100
bridge_list many 10.9.0.0/24 1.1.0
for i in $(seq $COUNT); do
	netns "p$i"
done

# side_by_side WORDS...: N WORDS with NR as the number, for all; the number of failures.
side_by_side() {
	seq $COUNT | timeout 120 xargs -P 16 -I NR sh -c '"$0" "$@" >"$T/out.NR" 2>&1 || echo NR' "$NET" "$@" | wc -l
}
export T
check "$COUNT ADD, sixteen at a time: none fails" is 0 "$(side_by_side add many cNR /run/netns/pNR)"
addresses=$(for i in $(seq $COUNT); do address "p$i"; done | sort)
check 'each has an address' is $COUNT "$(wc -w <<<"$addresses")"
check 'no address twice' is '' "$(uniq -d <<<"$addresses")"
check 'as many leases, as many cache files' eval '[ "$(leases many | wc -l)" = $COUNT ] && [ "$(cached | wc -l)" = $COUNT ]'
check 'the kernel has what each result says' N check many
check 'first and last reach each other' pings p1 "$(address p$COUNT)"
check "$COUNT DEL, sixteen at a time: none fails" is 0 "$(side_by_side del many cNR)"
check 'nothing is left' nothing_left many

# the same with a collector that runs all the time
(while [ ! -e "$T/stop" ]; do N gc many; done) >"$T/gc.out" 2>&1 &
collector=$!
check 'with GC in between none fails' is 0 "$(side_by_side add many cNR /run/netns/pNR)"
touch "$T/stop"
wait $collector
check 'GC found nothing wrong' is '' "$(cat "$T/gc.out")"
check 'and took nothing that lives' eval '[ "$(leases many | wc -l)" = $COUNT ] && N check many'
for i in $(seq $COUNT); do
	netns_gone "p$i"
done
check 'GC after all network namespaces are gone' prints "many: $COUNT stale" N gc many
check 'leaves nothing' nothing_left many

# one container asked for many times
netns a
good=$(seq 30 | timeout 60 xargs -P 16 -I NR sh -c '"$0" add many same /run/netns/a >"$T/out.NR" 2>&1 && echo NR' "$NET" | wc -l)
check 'the same ADD thirty times: one succeeds' is 1 "$good"
check 'and it has one address' eval '[ "$(leases many | wc -l)" = 1 ] && N check many same'
N del many same
netns_gone a

# the runtime's side
mk "$(args ip -4 -o addr show dev eth0)"
seq 40 | timeout 120 xargs -P 16 -I NR sh -c '"$0" --root "$1" run --net many rNR </dev/null' "$SKERRY" "$ROOT" >"$T/runs" 2>&1
check 'forty containers started sixteen at a time: no address twice' is 40 \
	"$(grep -o 'inet 10[0-9.]*' "$T/runs" | wc -l)"
check 'nothing of them is left' nothing_left many
net_end
done_testing
