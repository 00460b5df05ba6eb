# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh - two hosts, a and b, and a stand-in for criu: what the tests of migration without criu share
# shellcheck source=tests/integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=tests/integration/vm/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/../vm/hosts.sh"

needs 'no python3' command -v python3

export SKERRY
STANDIN=$HERE/migrate/standin.py
# shellcheck disable=SC2086
hosts_make ${HOSTS:-a b} || {
	cat "$T"/host-*.out
	echo 'Bail out! no hosts'
	exit 1
}
trap hosts_end EXIT
printf '#!/bin/sh\necho Version: 3.17.1\n' >"$T/criu"
chmod 755 "$T/criu"
export SKERRY_CRIU=$T/criu

# start_with PROGRAM [FILTER]: container c1 on host a, and on no other; its program, for sh, makes /tmp/up
start_with() {
	on a "$SKERRY" --root "$ROOT/a" delete --force c1 >/dev/null 2>&1
	on b "$SKERRY" --root "$ROOT/b" delete --force c1 >/dev/null 2>&1
	mk "$(args sh -c "$1") ${2:+| $2}"
	on a "$SKERRY" --root "$ROOT/a" run -d -b "$B" c1 </dev/null >"$T/start.out" 2>&1 &&
		eventually test -e "$B/rootfs/tmp/up"
}
# move [OPTION...]: by the stand-in on both sides; what it says is in $T/move.out too
move() {
	on a timeout -k 5 120 "$STANDIN" --root "$ROOT/a" migrate --ssh "$T/ssh" \
		--remote "$STANDIN --root $ROOT/b" "$@" c1 b </dev/null >"$T/move.out" 2>&1
	local status=$?
	cat "$T/move.out"
	return $status
}
# only HOST: it runs there and is nowhere else
only() {
	local other=a
	[ "$1" = a ] && other=b
	runs_on "$1" c1 >/dev/null && on $other test ! -e "$ROOT/$other/c1/state.json" && return
	echo "a: $(on a "$SKERRY" --root "$ROOT/a" state c1 2>&1 | tr -d '\n')"
	echo "b: $(on b "$SKERRY" --root "$ROOT/b" state c1 2>&1 | tr -d '\n')"
	cat "$T/move.out"
	return 1
}
no_bundle() { eventually fails on b ls /var/lib/skerry/migrated/c1; }
# paused_at POINT COMMAND...: a move waits there while the command is run; then its end; its status is the result
paused_at() {
	local point=$1 status
	shift
	: >"$T/move.out"
	SKERRY_MIGRATE_FAULT=$point:3s move --timeout "${SILENCE:-10}" >/dev/null &
	local mover=$!
	# the last line that it tells before
	eventually grep -q "${AFTER:-^files}" "$T/move.out"
	sleep 1
	"$@" || echo "# at $point: $* failed"
	wait $mover
	status=$?
	diag <"$T/move.out"
	return $status
}

# authority NAME; certificate AUTHORITY NAME ADDRESS
authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-keyout "$T/$1.key" -out "$T/$1.pem"
}
certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
		-keyout "$T/$2.key" -out "$T/$2.csr" &&
		openssl x509 -req -in "$T/$2.csr" -CA "$T/$1.pem" -CAkey "$T/$1.key" -CAcreateserial -days 2 \
			-extfile <(echo "subjectAltName=IP:$3") -out "$T/$2.pem"
}
# tls_files CERTIFICATE [AUTHORITY]: the three options
tls_files() { echo --tls-cert "$T/$1.pem" --tls-key "$T/$1.key" --tls-ca "$T/${2:-ours}.pem"; }
# listen CERTIFICATE PORT
listen() {
	# shellcheck disable=SC2046
	on b "$STANDIN" --root "$ROOT/b" migrate --listen "10.99.0.2:$2" $(tls_files "$1") </dev/null >"$T/listen-$1.out" 2>&1 &
	eventually on b sh -c "ss -ltn 2>/dev/null | grep -q :$2 || grep -qi ':$(printf %04X "$2") ' /proc/net/tcp"
}
