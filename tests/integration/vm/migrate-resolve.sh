#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# migrate-resolve.sh - a move whose program died: --resolve leaves networks as a whole move does
#
# shellcheck disable=SC2016,SC2317
TMO=200
# shellcheck source=tests/integration/vm/migrate-lib.sh
. "$(dirname "$0")/migrate-lib.sh"

red_make a b
# leases NAME: addresses that are given out there; moves NAME: what is open; attached NAME: what is remembered
leases() { on "$1" sh -c 'cd /var/lib/cni/networks/red 2>/dev/null && ls | grep "^10[.]" || true'; }
moves() { on "$1" sh -c 'find /run/skerry-net -path "*move/*" -type f 2>/dev/null'; }
attached() { on "$1" sh -c 'find /run/skerry-net /var/lib/cni -type f 2>/dev/null | grep -c "c1" || true'; }
reached() { eventually on "$1" ping -c 1 -W 3 "$ip4"; }
gateway() { on "$1" sh -c 'ip addr show dev red0 | grep -q "inet 10.7.0" || ip addr add 10.7.0.20'"$2"'/24 dev red0'; }
killed_at() { SKERRY_MIGRATE_FAULT=$1:kill moved a b c1 --target-address 10.99.0.2 >"$T/killed.out"; sleep 2; }

mk "$(args sh -c "$COUNTER")"
check 'a container with a network' eval 'detached_on a run -d --net red -b "$B" c1 && eventually test -s "$B/rootfs/tmp/count"'
ip4=$(address_on a)
gateway a 1
check 'it is reached' reached a
leases_before=$(leases a)

# --- as a whole move leaves it ------------------------------------------------------------------
check 'it moves' moved a b c1 --target-address 10.99.0.2
leases_there=$(leases b)
attached_there=$(attached b)
RB delete --force c1
check 'its lease goes with it' is '' "$(leases b)"
check 'and all that is remembered' is 0 "$(attached b)"
mk "$(args sh -c "$COUNTER")"
check 'it begins anew' eval 'detached_on a run -d --net red -b "$B" c1 && eventually test -s "$B/rootfs/tmp/count"'
ip4=$(address_on a)
leases_before=$(leases a)

# --- it does not run there ------------------------------------------------------------------------
killed_at committing
check 'a move is open' test -n "$(moves a)"
check '--resolve finds that it runs nowhere else' resolved a b
check 'it goes on here' patiently only a
check 'its address is leased here' is "$leases_before" "$(leases a)"
check 'no move is open here' is '' "$(moves a)"
check 'nor there' is '' "$(moves b)"
check 'nothing is leased there' is '' "$(leases b)"
check 'nor remembered' is 0 "$(attached b)"
check 'it is reached again' reached a

# --- it runs there --------------------------------------------------------------------------------
killed_at committed
check '--resolve finds it there' resolved a b
check 'it runs there alone' patiently only b
check 'with its address' is "$ip4" "$(address_on b)"
check 'leased as after a whole move' is "$leases_there" "$(leases b)"
check 'and here no more' is '' "$(leases a)"
check 'no move is open here either' is '' "$(moves a)"
check 'nor there any more' eventually eval '[ -z "$(moves b)" ]'
check 'nothing of it is remembered here' is 0 "$(attached a)"
check 'all of it there' is "$attached_there" "$(attached b)"
gateway b 2
check 'it is reached there' reached b
check 'its lease goes with it' eval 'RB delete --force c1 && is "" "$(leases b)"'
done_testing
