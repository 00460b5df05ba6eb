#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# tls.sh - a migration over TLS: both sides prove who they are
#
# With the stand-in for criu (standin.py).
# shellcheck disable=SC2016,SC2046,SC2317
# shellcheck source=tests/integration/migrate/lib.sh
. "$(dirname "$0")/lib.sh"
needs 'no openssl' command -v openssl

check 'certificates' eval 'authority ours && authority others && certificate ours a 10.99.0.1 &&
	certificate ours b 10.99.0.2 && certificate ours elsewhere 10.99.0.9 && certificate others stranger 10.99.0.1'

# move_to PORT OPTION...
move_to() {
	local port=$1
	shift
	on a timeout -k 5 120 "$STANDIN" --root "$ROOT/a" migrate "$@" c1 "tls://10.99.0.2:$port" </dev/null 2>&1
}
start_one() { start_with 'echo up >/tmp/up; while :; do sleep 0.1; done'; }

check 'a container runs' start_one
check 'the target listens' listen b 7001
check 'without a certificate nothing is begun' refuses 'needs --tls-cert' move_to 7001
check 'a stranger is refused' eval '! move_to 7001 $(tls_files stranger)'
check 'who does not know its authority refuses' refuses 'certificate' move_to 7001 $(tls_files a others)
check 'another host with that name listens' listen elsewhere 7002
check 'and is refused' refuses 'certificate' move_to 7002 $(tls_files a)
check 'it still runs here' runs_on a c1
check 'it moves' move_to 7001 $(tls_files a)
check 'it runs there' runs_on b c1
check 'and is gone here' gone_on a c1
check 'no record is left' clean_on a
check 'on neither side' eventually clean_on b
on b "$SKERRY" --root "$ROOT/b" delete --force c1
start_one
on b "$STANDIN" --root "$ROOT/b" migrate --once --listen 10.99.0.2:7003 $(tls_files b) </dev/null >"$T/once.out" 2>&1 &
once=$!
check 'one that serves once' eval 'eventually on b sh -c "grep -qi :1B5B /proc/net/tcp" && move_to 7003 $(tls_files a)'
check '--once ends after the first' wait $once
on b "$SKERRY" --root "$ROOT/b" delete --force c1
done_testing
