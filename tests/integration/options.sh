#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# options.sh - what an option does, where no other test shows it: pidfd sockets,
# keyring, subreaper, plans, labels of modules that are not there, global options.
. "$(dirname "$0")/lib.sh"

needs "$KIND lacks most of them" test "$KIND" = skerry

# --- pidfd sockets -------------------------------------------------------------------
cat >"$T/pidfd.py" <<'END'
# pidfd.py SOCKET: accept one message and say of which process its descriptor is
import array, os, re, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
server.listen(1)
server.settimeout(120)
conn, _ = server.accept()
data, anc, _, _ = conn.recvmsg(4096, socket.CMSG_SPACE(16))
fds = array.array('i')
fds.frombytes(anc[0][2])
text = open('/proc/self/fdinfo/%d' % fds[0]).read()
print(len(fds), len(data) > 0, re.search(r'^Pid:\s*(\d+)', text, re.M).group(1))
END
receive() {
	rm -f "$T/sock"
	python3 "$T/pidfd.py" "$T/sock" >"$T/pidfd" 2>&1 &
	receiver=$!
	eventually test -S "$T/sock"
}
if python3 -c 'import socket, array' 2>/dev/null; then
	mk "$(args sleep 1000)"
	receive
	R create --pidfd-socket "$T/sock" c1 </dev/null >"$T/o" 2>&1 || cat "$T/o"
	wait $receiver
	check 'create --pidfd-socket sends a pidfd of the program' is "1 True $(pid_of c1)" "$(cat "$T/pidfd")"
	R start c1
	receive
	R exec -d --pid-file "$T/pid" --pidfd-socket "$T/sock" c1 sleep 999
	wait $receiver
	check 'exec --pidfd-socket sends a pidfd of the command' is "1 True $(cat "$T/pid")" "$(cat "$T/pidfd")"
	RD c1
	receive
	R run -d --pidfd-socket "$T/sock" c1 </dev/null >"$T/o" 2>&1 || cat "$T/o"
	wait $receiver
	check 'run --pidfd-socket sends a pidfd of the program' is "1 True $(pid_of c1)" "$(cat "$T/pidfd")"
	RD c1
else
	skip 'pidfd sockets' 'python3 is missing, which receives the descriptor'
fi
mk "$(args true)"
check 'a pidfd socket that is not there is refused' refuses "$T/none" R run --pidfd-socket "$T/none" c1
check 'and leaves nothing' gone c1

# --- keyring -------------------------------------------------------------------------
mk "$(args hp keyring)"
mine=$("$TOOLS/hp" keyring)
check 'run without an option makes a session keyring' isnt "$mine" "$(R run c1)"
check 'run --no-new-keyring keeps the session keyring' prints "$mine" R run --no-new-keyring c1
R create --no-new-keyring c1 >"$T/o" 2>&1 </dev/null
R start c1
check 'create --no-new-keyring keeps the session keyring' eventually eval 'is "$mine" "$(cat "$T/o")"'
RD c1

# --- who adopts what the container leaves behind -----------------------------------------
mk "$(args sh -c '(sleep 77 & echo $! >/tmp/left); sleep 60; kill $(cat /tmp/left)') |
	.linux.namespaces |= map(select(.type != \"pid\")) | del(.process.oomScoreAdj)"
mkdir -p rootfs/tmp
adopted() { # by whoever: the shell between is gone, and its parent the program
	local pid
	pid=$(awk '/^PPid/ { print $2 }' "/proc/$(cat rootfs/tmp/left)/status") && ! grep -aq '^sh' "/proc/$pid/cmdline"
}
parent_of_left() { # FLAGS...: "runtime" or "other": who is the parent of what the program left
	local pid
	rm -f rootfs/tmp/left
	"$SKERRY" --root "$ROOT" run "$@" c1 >"$T/o" 2>&1 </dev/null &
	job=$!
	eventually adopted
	pid=$(awk '/^PPid/ { print $2 }' "/proc/$(cat rootfs/tmp/left)/status")
	case $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) in
	*" run "*c1*) echo runtime ;;
	*) echo other ;;
	esac
	R kill c1 KILL
	wait $job
}
check 'run adopts orphans' is runtime "$(parent_of_left)"
check 'run --no-subreaper leaves orphans alone' is other "$(parent_of_left --no-subreaper)"
mk "$(args true)"
check 'create --no-subreaper' R create --no-subreaper c1
RD c1

# --- create as run has it ------------------------------------------------------------------
mk "$(args ls /)"
R create --no-pivot c1 >"$T/o" 2>&1 </dev/null
R start c1
check 'create --no-pivot' eventually eval 'grep -qx proc "$T/o" && ! grep -qx lib64 "$T/o"'
RD c1
mv config.json other.json
check 'create --config FILE' R create --config other.json c1
RD c1
check 'check --config FILE' R check --config other.json
mv other.json config.json

# --- what would be done ---------------------------------------------------------------------
mk "$(args echo hi) | .mounts += [{destination: \"/planned\", type: \"tmpfs\", options: [\"ro\"]}]"
R run --plan p1 >"$T/plan" 2>"$T/plan.err"
check 'run --plan prints what would be done' jq -e \
	'[.. | strings] | index("/planned") and index("echo")' "$T/plan"
check 'run --plan says nothing else' test ! -s "$T/plan.err"
check 'run --plan runs nothing' lacks "$(cat "$T/plan")" $'\nhi'
check 'run --plan makes nothing' eval '[ ! -e "$ROOT/p1" ] && [ ! -e rootfs/planned ] && fails R state p1'
conf '.process.cwd = 5'
check 'run --plan of what is refused fails and names it' refuses /process/cwd R run --plan p1
mk "$(args true) | .mounts += [{destination: \"/x\", type: \"bind\", source: \"/nothing/here\", options: [\"bind\"]}]"
check 'run --plan of a bundle that cannot be opened fails' fails R run --plan -b "$T/none" p1

# --- labels of security modules -----------------------------------------------------------------
mk "$(args sleep 1000)"
up c1
if [ -d /sys/kernel/security/apparmor ]; then
	skip 'exec --apparmor without AppArmor is refused by name' 'this host has AppArmor'
else
	check 'exec --apparmor without AppArmor is refused by name' refuses AppArmor R exec --apparmor none c1 true
fi
if [ -d /sys/fs/selinux/booleans ]; then
	skip 'exec --process-label without SELinux is refused by name' 'this host has SELinux'
else
	check 'exec --process-label without SELinux is refused by name' refuses SELinux R exec --process-label a:b:c:d c1 true
fi

# --- update -------------------------------------------------------------------------------------
# shellcheck disable=SC2034 # for eval
group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(pid_of c1)/cgroup")
check 'update --unified sets a file that is there' eval 'R update --unified cgroup.max.depth=9 c1 && is 9 "$(cat "$group/cgroup.max.depth")"'
check 'update --kernel-memory changes nothing' R update --kernel-memory 1 --kernel-memory-tcp 1 c1
if [ -d /sys/fs/resctrl/info ]; then
	skip 'update of schemata without resctrl is refused by name' 'this host has resctrl'
else
	check 'update of schemata without resctrl is refused by name' eval \
		'refuses resctrl R update --l3-cache-schema "L3:0=f" c1 && refuses resctrl R update --mem-bw-schema "MB:0=50" c1'
fi
RD c1

# --- check, doctor ----------------------------------------------------------------------------------
mk '.process.cwd = "relative" | .hostname = 5'
R check --json >"$T/check.json" 2>"$T/o"
check 'check --json is an array of field and reason' jq -e 'length > 0 and all(.field and .reason)' "$T/check.json"
mk "$(args true)"
check 'check --json of a good bundle is empty' eval 'R check --json >"$T/check.json" && jq -e ". == []" "$T/check.json"'
# shellcheck disable=SC2034 # for eval
lacking=$(R doctor --json | jq 'map(select(.ok == false)) | length')
check 'doctor alone ends with 0' R doctor
check 'doctor --strict ends with 1 when something is lacking' eval \
	'R doctor --strict >/dev/null; is "$((lacking > 0))" $?'

# --- global options -----------------------------------------------------------------------------------
mk "$(args true)"
check '--log-level debug logs steps' eval 'R --log "$T/l1" --log-level debug run c1 && grep -q "create: " "$T/l1"'
check '--debug logs steps' eval 'R --log "$T/l2" --debug run c1 && grep -q "create: " "$T/l2"'
check '--log-level error does not' eval 'R --log "$T/l3" --log-level error run c1 && is "" "$(cat "$T/l3")"'
check 'an unknown level is refused' fails R --log-level loud run c1
check '--criu is accepted' R --criu /usr/sbin/criu run c1
mk "$(args sleep 1000)"
R --cgroup-manager disabled run -d c1 </dev/null >"$T/o" 2>&1
check '--cgroup-manager disabled makes no group' is "$(cat /proc/self/cgroup)" "$(cat "/proc/$(pid_of c1)/cgroup")"
RD c1
check 'an unknown manager is refused' fails R --cgroup-manager none run -d c1
if [ -d /run/systemd/system ]; then
	conf '.linux.cgroupsPath = "system.slice:skerry-test:options"'
	R --systemd-cgroup run -d c1 </dev/null >"$T/o" 2>&1
	check '--systemd-cgroup asks systemd' has "$(cat "/proc/$(pid_of c1)/cgroup")" skerry-test-options.scope
else
	check '--systemd-cgroup asks systemd' refuses systemd R --systemd-cgroup run -d c1
fi
RD c1
clean_or_fail
done_testing
