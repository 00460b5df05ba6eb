#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# ssh.sh - by ssh to a sshd of the target's own; and either of them gone in the middle
#
# With the stand-in for criu (standin.py).
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/migrate/lib.sh
. "$(dirname "$0")/lib.sh"
SSHD=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd)
needs 'no sshd' test -n "$SSHD"
needs 'no ssh' command -v ssh

for key in host user stranger; do ssh-keygen -q -t ed25519 -N '' -f "$T/key-$key" || exit 1; done
cp "$T/key-user.pub" "$T/authorized"
echo "10.99.0.2 $(cut -d' ' -f1-2 "$T/key-host.pub")" >"$T/known"
echo "10.99.0.2 $(cut -d' ' -f1-2 "$T/key-stranger.pub")" >"$T/known-other"
cat >"$T/sshd.conf" <<-CONF
	ListenAddress 10.99.0.2:22
	HostKey $T/key-host
	AuthorizedKeysFile $T/authorized
	StrictModes no
	UsePAM no
	PermitRootLogin prohibit-password
	PidFile none
CONF
cat >"$T/remote" <<-REMOTE
	#!/bin/sh
	export SKERRY=$SKERRY SKERRY_CRIU=$SKERRY_CRIU
	exec $STANDIN --root $ROOT/b "\$@"
REMOTE
chmod 755 "$T/remote"
on b sh -c 'mkdir -p /run/sshd'
on b "$SSHD" -D -e -f "$T/sshd.conf" </dev/null >"$T/sshd.out" 2>&1 &
eventually on b sh -c 'grep -qi ":0016 " /proc/net/tcp' || diag <"$T/sshd.out"

SSH="ssh -F none -i $T/key-user -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile=$T/known -o StrictHostKeyChecking=yes"
move() {
	on a timeout -k 5 120 "$STANDIN" --root "$ROOT/a" migrate --ssh "$SSH" --remote "$T/remote" "$@" c1 root@10.99.0.2 </dev/null >"$T/move.out" 2>&1
	local status=$?
	cat "$T/move.out"
	return $status
}
start_one() {
	start_with 'x=$(head -c 2000000 /dev/urandom | od -An -tx1 | tr -d "\n "); echo $$ >/tmp/up; n=0
		while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.02; done'
}
# of HOST NAME: its processes of that name
of() { on "$1" sh -c 'for p in $(cat /sys/fs/cgroup/init/cgroup.procs); do [ "$(cat /proc/$p/comm 2>/dev/null)" = '"$2"' ] && echo $p; done'; }
kill_ssh() { of a ssh | xargs -r kill -KILL; }
# the session, not who listens
kill_session() { of b sshd | tail -n +2 | xargs -r kill -KILL; }

start_one
check 'it moves by ssh' move
check 'and runs there alone' only b
check 'no record is left here' clean_on a
check 'none there' eventually clean_on b
start_one
check 'a key that is not let in' refuses 'Permission denied' move --ssh "${SSH/key-user/key-stranger}"
check 'a host that is another' refuses 'Host key verification failed' move --ssh "${SSH/$T\/known/$T\/known-other}"
check 'a program that is not there' refuses 'No such file or directory' move --remote /nowhere/skerry
check 'it runs on here' only a
for who in ssh session; do
	AFTER='^round' paused_at post-dump kill_$who
	check "$who killed while it stands still: it does not move" is 75 $?
	check "$who: it goes on here" only a
	check "$who: nothing is left there" eventually no_bundle
	check "$who: nor here" clean_on a
done
AFTER='^restore' paused_at committing kill_ssh
check 'ssh killed before COMMIT is sent: the target is asked, which has none' is 75 $?
check 'so it runs here' only a
AFTER='^restore' paused_at committed kill_ssh
check 'ssh killed once it is sent: the target is asked, which has it' is 0 $?
check 'so it runs there' only b
check 'no record is left' clean_on a
on b "$SKERRY" --root "$ROOT/b" delete --force c1
done_testing
