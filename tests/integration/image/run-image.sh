#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# run-image.sh - run and create --image: what the image says, what the command line changes, logs.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

layout_make || { echo 'Bail out! no image'; exit 1; }
I load -q -i "$LAYOUT"
gone_bundle() {
	[ -z "$(ls "$STORE/containers")" ] && [ -z "$(ls -A "$ROOT/.images" 2>/dev/null)" ] &&
		! grep -q "$STORE" /proc/self/mountinfo
}
inside() { # inside [OPTION...] COMMAND: a shell command in a container of bb
	local command=${*: -1}
	R run "${@:1:$#-1}" --entrypoint '' --image bb r1 sh -c "$command"
}

# --- what the image says --------------------------------------------------------------------------
check 'entry point and command are the image'"'"'s' prints hello R run --image bb r1
check 'words behind the ID replace the command' prints 'a b' R run --image bb r1 a b
check '--entrypoint replaces the entry point and drops the command' prints /data R run --image bb --entrypoint /bin/pwd r1
check '--entrypoint as JSON' prints 'x y' R run --image bb --entrypoint '["/bin/echo", "x"]' r1 y
check 'the status is the program'"'"'s' status 7 inside 'exit 7'
check 'the working directory is the image'"'"'s' prints /data inside pwd
check 'the user, with groups of the image' prints 'uid=1000(app) gid=1000(app) groups=2000(extra)' inside id
check 'the environment' prints b inside 'echo $A'
check 'the volumes of the image are there' inside 'test -d /vol'
check 'HOME is that of passwd' prints /home/app inside 'echo $HOME'
check 'the host name is the ID' prints r1 inside hostname
check 'what is removed at its end is not written down for a crash' shows volatile inside 'grep -F " - overlay " /proc/self/mountinfo'
check 'what is kept is' eval 'R run --keep --image bb --entrypoint "" r1 grep -q " / / .* - overlay " /proc/self/mountinfo && ! R run --keep --image bb --entrypoint "" r2 grep -q volatile /proc/self/mountinfo; rc=$?; R delete r1; R delete r2; [ $rc = 0 ]'
check 'run --store' eval 'I --store "$T/store2" load -q -i "$LAYOUT" && prints hello R run --store "$T/store2" --image bb r1'
check 'nothing is left' gone_bundle

# --- what the command line changes ----------------------------------------------------------------
check '--user by number' prints 'uid=5 gid=0(root)' inside -u 5 id
check '--user by name and group' prints 'uid=0(root) gid=1000(app)' inside -u root:app id
check 'a user that is not there' refuses 'no user' inside -u nobody id
check '--group-add' shows 2000 inside -u 5 --group-add extra id
check '--workdir' prints /etc inside -w /etc pwd
check '--workdir that is not there is made' prints /new/dir inside -u 0 -w /new/dir pwd
check '--env' prints 'c d' inside -e A=c -e B=d 'echo $A $B'
check '--env of the caller' eval 'MINE=yes prints yes inside -e MINE "echo \$MINE"'
printf '# comment\nF=1\n' >"$T/env"
check '--env-file' prints 1 inside --env-file "$T/env" 'echo $F'
check '--hostname' prints other inside --hostname other hostname
check '--read-only' refuses 'Read-only' inside -u 0 --read-only 'touch /x'
check 'without it the root can be written' inside -u 0 'touch /x'
check '--tmpfs' shows tmpfs inside -u 0 --tmpfs /t 'cat /proc/mounts | head -n 99; touch /t/x'
mkdir "$T/host" && echo from-host >"$T/host/f" && chmod 777 "$T/host"
check '--volume' prints from-host inside -v "$T/host:/mnt/h" 'cat /mnt/h/f'
check '--volume, to be written' eval 'inside -v "$T/host:/h" "echo w >/h/w" && is w "$(cat "$T/host/w")"'
check '--volume :ro' refuses 'Read-only' inside -v "$T/host:/h:ro" 'touch /h/x'
check 'a directory of the host that is not there' refuses 'No such file' inside -v "$T/none:/h" true
check '--mount type=bind' prints from-host inside --mount "type=bind,src=$T/host,dst=/h,ro" 'cat /h/f'
check 'a named volume begins with what the image has there' prints base inside -v vol:/data 'cat /data/file'
check 'and outlives the container' eval 'inside -u 0 -v vol:/data "echo kept >/data/file" && prints kept inside -v vol:/data "cat /data/file"'
check 'default capabilities are the eleven of podman' shows 'CapEff:	00000000800405fb' inside -u 0 'grep CapEff: /proc/self/status'
check '--cap-drop ALL' shows 'CapEff:	0000000000000000' inside -u 0 --cap-drop ALL 'grep CapEff: /proc/self/status'
check '--cap-drop ALL --cap-add' shows 'CapEff:	0000000000000001' inside -u 0 --cap-drop ALL --cap-add chown 'grep CapEff: /proc/self/status'
check 'a capability that is not known' refuses 'unknown capability' inside --cap-add NOSUCH true
check 'the system calls are filtered' shows 'Seccomp:	2' inside 'grep Seccomp: /proc/self/status'
check '--security-opt seccomp=unconfined' shows 'Seccomp:	0' inside --security-opt seccomp=unconfined 'grep Seccomp: /proc/self/status'
check '--security-opt no-new-privileges' shows 'NoNewPrivs:	1' inside --security-opt no-new-privileges 'grep NoNewPrivs: /proc/self/status'
check '/sys/firmware is masked' prints '' inside -u 0 'ls /sys/firmware'
check '/proc/sys is read-only' fails inside -u 0 'echo 1 >/proc/sys/kernel/ctrl-alt-del'
check '--ulimit' shows '77                   99' inside --ulimit nofile=77:99 'cat /proc/self/limits'
check '--sysctl' prints 40000 inside --sysctl net.ipv4.tcp_fin_timeout=40000 'cat /proc/sys/net/ipv4/tcp_fin_timeout'
check '--shm-size' shows size=4096k inside --shm-size 4m 'cat /proc/mounts'
check '--device' prints '1,7' inside --device /dev/full:/dev/mine 'stat -c %t,%T /dev/mine'
check '--label becomes an annotation' eval 'R create --image bb --label my=label r2 && R state r2 | jq -e ".annotations.my == \"label\" and .annotations.k == \"v\"" && R delete --force r2'
check '--net host: no sysctl of the host is touched' eval 'before=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start); R run --net host --image bb r1 && is "$before" "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)"'
check 'standard input is empty' prints '' eval 'echo x | inside cat'
check '--interactive leaves it open' prints x eval 'echo x | inside -i cat'
check '-it: a terminal' eval 'script -qec "stty rows 33 cols 77; $SKERRY --root $ROOT run -it --image bb --entrypoint \"\" r1 sh -c \"test -t 0 && test -t 2 && cat /proc/mounts | grep -q devpts && echo on a terminal\"" /dev/null </dev/null | grep "on a terminal"'
check 'nothing is left' gone_bundle

# --- what is refused ------------------------------------------------------------------------------
check 'an image that is not there, and no registry' refuses 'pull' R run --image 127.0.0.1:1/x r1
check '--pull never' refuses 'no such image' R run --pull never --image nosuch r1
check 'options of an image without one' refuses 'needs --image' R run --read-only r1
check 'a program that is not there' status 127 R run --image bb --entrypoint /nosuch r1
check 'nothing is left' gone_bundle

# --- create, start, detach, logs ------------------------------------------------------------------
check 'create --image' R create --image bb --entrypoint '' r3 sleep 100
check 'the bundle is an ordinary one' eval 'cd "$STORE/containers/r3" && "$SKERRY" check config.json'
check 'start' R start r3
check 'a second container of this ID is refused' fails R run --image bb r3
check 'it still runs' is_status running r3
check 'exec' prints base R exec r3 cat /data/file
check 'delete --force takes everything away' eval 'R delete --force r3 && gone_bundle'
check 'run --detach' R run -d --image bb --entrypoint '' r4 sh -c 'echo out; echo err >&2; echo more; sleep 100'
check 'logs' eval 'eventually eval "[ \$(R logs r4 | wc -l) = 3 ]"; is "$(printf "out\nerr\nmore")" "$(R logs r4)"'
check 'logs --tail' prints more R logs --tail 1 r4
check 'logs of a container without a log' refuses 'does not exist' R logs nosuch
R logs -f r4 >"$T/followed" 2>&1 &
# shellcheck disable=SC2034 # in the check below
follower=$!
R kill r4 KILL
check 'logs --follow ends with the container' eval 'wait $follower; is "$(printf "out\nerr\nmore")" "$(cat "$T/followed")"'
check 'delete' eval 'R delete r4 && gone_bundle'

check 'run --detach --rm' R run -d --rm --image bb --entrypoint '' r4 sh -c 'echo out; sleep 0.3'
check 'goes by itself' eventually eval 'gone r4 && gone_bundle'
check 'run --detach --rm of what can not be started' fails R run -d --rm --image bb --entrypoint /nosuch r4

# --- commit, diff, cp, export ---------------------------------------------------------------------
R create --image bb --entrypoint '' -u 0 r5 -- sh -c 'echo added >/added; rm /data/file; echo x >>/etc/group; sleep 100' && R start r5
eventually R exec r5 test -e /added
check 'diff' shows 'A /added' I diff r5
check 'diff tells what was deleted' shows 'D /data/file' I diff r5
check 'cp into the container' eval 'echo copied >"$T/copied"; I cp "$T/copied" r5:/etc/; prints copied R exec r5 cat /etc/copied'
check 'cp out of it' eval 'I cp r5:/added "$T/out" && is added "$(cat "$T/out")"'
check 'cp of a directory' eval 'I cp r5:/data "$T/data" && is new "$(cat "$T/data/old/new")"'
check 'commit' I commit -m 'a comment' r5 committed
check 'the new image has one more layer' prints 3 eval 'I inspect committed | jq ".[0].layers | length"'
check 'and what the container wrote' prints added R run --image committed --entrypoint '' r6 cat /added
check 'and not what it deleted' fails R run --image committed --entrypoint '' r6 cat /data/file
check 'history shows it' shows 'a comment' I history committed
status_of() { R state "$1" | jq -r .status; }
check 'the container goes on after it' prints running status_of r5
# commit waits for the store's lock, and holds the container still
hold() { # hold COMMIT...: sets $commit; until it waits there
	flock -o "$STORE/locks/gc" sleep 60 &
	locker=$!
	eventually grep -q " $locker " /proc/locks
	"$SKERRY" --root "$ROOT" commit "$@" >/dev/null 2>&1 &
	commit=$!
	eventually grep -q -- "-> FLOCK.* $commit " /proc/locks
}
release() {
	pkill -P "$locker"
	wait "$locker"
}
hold r5 held
check 'while it is read it is paused' prints paused status_of r5
release
check 'and then goes on' eval 'wait $commit && prints running status_of r5'
hold r5 held
check 'it is paused again' prints paused status_of r5
kill -9 $commit
wait $commit 2>/dev/null
check 'a commit that is killed lets it go on' eventually eval '[ "$(status_of r5)" = running ]'
release
hold --pause=false r5 held
check 'commit --pause=false lets it run' prints running status_of r5
release
wait $commit
R pause r5
check 'commit --pause of one that is paused' R commit --pause r5 held
check 'leaves it so' prints paused status_of r5
R resume r5
check 'export' eval 'I export -o "$T/export.tar" r5 && tar tf "$T/export.tar" | grep -q added'
R delete --force r5
check 'rmi of an image' eval 'I rmi held && I rmi committed'

# --- after a crash --------------------------------------------------------------------------------
I bundle --image bb --marker "$ROOT/.images/r8" r8 >/dev/null
check 'a bundle without a container is there' test -e "$STORE/containers/r8/config.json"
check 'delete --force takes it away' eval 'R delete --force r8 && gone_bundle'
clean_or_fail
done_testing
