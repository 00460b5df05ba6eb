#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# watch.sh - who stays beside a detached container: terminals, restarts, health checks, --rm.
. "$(dirname "$0")/../lib.sh"

IMAGE=$BUILD/skerry-image
needs "no $IMAGE" test -x "$IMAGE"
STORE=$T/images
export SKERRY_STORE=$STORE HOME=$T/home XDG_RUNTIME_DIR=
mkdir -p "$HOME"
I() {
	timeout -k 5 "${TMO:-60}" "$IMAGE" "$@"
}
tar -C "$T/rootfs" -cf "$T/root.tar" .
I import "$T/root.tar" i >/dev/null || { echo 'Bail out! no image'; exit 1; }
D() { # D ID [OPTION...] COMMAND: detached
	local id=$1 command=${*: -1}
	shift
	R run -d --image i "${@:1:$#-1}" "$id" sh -c "$command"
}
gone_bundle() {
	[ -z "$(ls "$STORE/containers")" ] && [ -z "$(ls -A "$ROOT/.images" 2>/dev/null)" ] &&
		! grep -q "$STORE" /proc/self/mountinfo
}
nobody_watches() { ! pgrep -f "^skerry: watch $1\$"; }
watcher() { pgrep -f "^skerry: watch $1\$"; }
file() { cat "$STORE/containers/$1"; } # of a bundle

# --- a terminal -----------------------------------------------------------------------------------
check 'run -d -t' D t1 -t 'tty; stty size; while read -r x; do echo "got $x"; [ "$x" = end ] && exit 9; done'
check 'the program has one' eventually eval 'R logs t1 | grep -q /dev/'
cat >"$T/attach.py" <<'PY'
# usage: attach.py TEXT WANTED AFTER COMMAND...: types TEXT into COMMAND on a terminal, waits for
# WANTED, types AFTER
import fcntl, os, pty, select, struct, sys, termios, time
text, wanted, after = (a.encode().decode("unicode_escape").encode() for a in sys.argv[1:4])
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    os.execv(sys.argv[4], sys.argv[4:])
out, end, typed, again = b"", time.time() + 60, False, 0
while time.time() < end:
    # what is typed before attach has the terminal may be lost
    if wanted not in out and time.time() > again:
        again = time.time() + 3
        try:
            os.write(master, text)
        except OSError:
            break
    if wanted in out and not typed:
        typed = True
        os.write(master, after)
    try:
        if select.select([master], [], [], 0.1)[0]:
            out += os.read(master, 4096)
    except OSError:
        break
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(out)
sys.stdout.flush()
if wanted not in out:
    sys.exit(99)
sys.exit(os.waitstatus_to_exitcode(status))
PY
check 'attach shows and takes, Ctrl-P Ctrl-Q lets go' shows 'got one' python3 "$T/attach.py" 'one\n' 'got one' '\x10\x11' "$SKERRY" --root "$ROOT" attach t1
check 'the size is the terminal'"'"'s' eval 'python3 "$T/attach.py" "x\n" "got x" "\x10\x11" "$SKERRY" --root "$ROOT" attach t1; R exec t1 sh -c "stty size </dev/console" | grep -q "33 77"'
only_shown() {
	local job status
	: >"$T/shown"
	echo two | "$SKERRY" --root "$ROOT" attach --no-stdin t1 >"$T/shown" &
	job=$!
	eventually eval 'R exec t1 sh -c "echo shown >/dev/console"; grep -q shown "$T/shown"'
	status=$?
	kill $job
	wait $job
	[ $status = 0 ] && ! R logs t1 | grep -q 'got two'
}
check 'attach --no-stdin only shows' only_shown
check 'it still runs' is_status running t1
check 'attach ends with the container, by its status' status 9 python3 "$T/attach.py" 'end\n' 'got end' '' "$SKERRY" --root "$ROOT" attach t1
check 'all is in the log' eval 'R logs t1 | grep -q "got one" && R logs t1 | grep -q "got end"'
check 'the status is remembered' status 9 R wait t1
check 'nobody stays' eventually nobody_watches t1
check 'attach to one that has ended' refuses 'no terminal' R attach t1
check 'delete' eval 'R delete t1 && gone_bundle'
check 'attach without a terminal' closing 'R delete --force t2' 'D t2 "sleep 100" && refuses "no terminal" R attach t2'
check 'a terminal whose watcher is killed' eval 'D t3 -t "trap : HUP; sleep 100" && safe_kill KILL "$(watcher t3)" && is_status running t3 && R delete --force t3 && gone_bundle'
check '-d -t of what can not be started' refuses nosuch R run -d -t --image i t4 /nosuch
check 'nothing is left' eventually gone_bundle

# --- restarts -------------------------------------------------------------------------------------
check '--restart on-failure:2' D r1 --restart on-failure:2 'echo run; exit 3'
check 'runs three times' eventually eval '[ "$(R logs r1 | grep -c run)" = 3 ]'
check 'and then no more' eval 'eventually nobody_watches r1 && is run,run,run "$(R logs r1 | paste -sd,)" && is_status stopped r1 && status 3 R wait r1'
check 'how often is known' prints 2 eval 'file r1/watched.json | jq .restarts'
check 'delete' eval 'R delete r1 && gone_bundle'
check '--restart on-failure and no failure' eval 'D r2 --restart on-failure "echo run" && eventually nobody_watches r2 && is run "$(R logs r2)" && R delete r2'
check '--restart always' D r3 --restart always 'echo run >>/count; exit 0'
check 'begins anew without a failure' eventually eval '[ "$(R logs r3 2>/dev/null; wc -l <"$STORE/containers/r3/upper/count")" -ge 3 ]'
check 'what it wrote stays' test -s "$STORE/containers/r3/upper/count"
check 'delete --force ends it, whatever happens just now' eval 'R delete --force r3; eventually nobody_watches r3 && eventually gone r3 && gone_bundle'
check 'kill is an end on purpose' eval 'D r4 --restart always "sleep 100" && R kill r4 KILL && eventually nobody_watches r4 && is_status stopped r4 && R delete r4'
check 'another signal is none' eval 'D r5 --restart always "trap \"exit 1\" USR1; echo run; while :; do sleep 0.1; done" && eventually eval "R logs r5 | grep -q run" && R kill r5 USR1 && eventually eval "[ \$(R logs r5 | grep -c run) = 2 ]" && R delete --force r5 && eventually gone_bundle'
check 'a watcher that is killed leaves it as it is' eval 'D r6 --restart always "sleep 100" && safe_kill KILL "$(watcher r6)" && is_status running r6 && R delete --force r6 && gone_bundle'
check '--rm with it: gone after the last' eval 'D r7 --rm --restart on-failure:1 "exit 1" && eventually gone r7 && eventually gone_bundle'
check 'with a terminal' eval 'D r8 -t --restart on-failure:1 "echo run; exit 1" && eventually nobody_watches r8 && is 2 "$(R logs r8 | grep -c run)" && R delete r8'
check '--restart without --detach' refuses 'detach' R run --restart always --image i r9 true
check '--restart of what is no policy' refuses 'invalid value' R run -d --restart sometimes --image i r9 true
check 'nothing is left' eventually gone_bundle

# --- health ---------------------------------------------------------------------------------------
health() { file "$1/health.json" | jq -r "${2:-.Status}"; }
check '--health-cmd' D h1 --health-cmd 'echo looked; test -e /well' --health-interval 200ms --health-retries 2 'while :; do sleep 0.1; done'
check 'starting' prints starting health h1
check 'unhealthy after failures' eventually eval '[ "$(health h1)" = unhealthy ]'
check 'which are counted' eval '[ "$(health h1 .FailingStreak)" -ge 2 ]'
check 'the output is kept' shows looked health h1 '.Log[-1].Output'
check 'and the status' prints 1 health h1 '.Log[-1].ExitCode'
check 'inspect shows it' prints unhealthy eval 'I inspect h1 | jq -r ".[0].health.Status"'
R exec h1 touch /well
check 'healthy' eventually eval '[ "$(health h1)" = healthy ]'
check 'five results are kept' eventually eval '[ "$(health h1 ".Log | length")" = 5 ]'
check 'paused: nothing is said' eval 'R pause h1 && sleep 1 && is healthy "$(health h1)" && R resume h1'
R delete --force h1
check 'a check that hangs has failed' eval 'D h2 --health-cmd "sleep 50" --health-interval 100ms --health-timeout 200ms --health-retries 1 "sleep 100" && eventually eval "[ \$(health h2) = unhealthy ]" && is -1 "$(health h2 ".Log[0].ExitCode")"'
check 'and is ended' eventually eval '[ "$(R ps h2 | grep -c "sleep 50")" -le 1 ]'
R delete --force h2
check 'failures of the start period do not count' eval 'D h3 --health-cmd false --health-interval 100ms --health-start-interval 100ms --health-start-period 30s --health-retries 1 "sleep 100" && eventually eval "[ \$(health h3 \".Log | length\") -ge 3 ]" && is starting "$(health h3)"'
R delete --force h3
printf 'FROM i\nHEALTHCHECK --interval=200ms CMD ["test", "-e", "/bin"]\nCMD sleep 100\n' >"$T/Dockerfile"
mkdir -p "$T/c"
check 'HEALTHCHECK of an image' eval 'I build -q -f "$T/Dockerfile" -t well "$T/c" && R run -d --image well h4 && eventually eval "[ \$(health h4) = healthy ]"'
R delete --force h4
check '--no-healthcheck' eval 'R run -d --no-healthcheck --image well h5 && ! [ -e "$STORE/containers/h5/health.json" ] && nobody_watches h5'
R delete --force h5
check 'inspect of a container without any' closing 'R delete --force h6' 'D h6 "sleep 100" && I inspect h6 | jq -e ".[0].id == \"h6\" and .[0].health == null"'
check 'nothing is left' eventually gone_bundle
clean_or_fail
done_testing
