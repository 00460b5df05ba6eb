#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# wait-check-doctor.sh - what skerry adds: wait, check, doctor, and live changes
# of mounts and devices.
. "$(dirname "$0")/lib.sh"

[ "$KIND" = skerry ] || needs "$KIND has none of these commands" false

# --- wait ------------------------------------------------------------------------
mk "$(args sh -c 'sleep 0.5; exit 42')"
up w1
check 'wait ends with the exit status' status 42 R wait w1
check 'wait of a stopped container ends with it again' status 42 R wait w1
check 'wait --print prints it and ends with 0' prints 42 R wait --print w1
RD w1
mk "$(args sleep 1000)"
up w1
check 'wait --timeout gives up with 124' eval 'timeout 60 "$SKERRY" --root "$ROOT" wait --timeout 300ms w1; [ $? = 124 ]'
R wait --print w1 >"$T/waited" 2>&1 &
job=$!
sleep 0.3
check 'wait waits' kill -0 $job
R kill w1 KILL
check 'wait ends with the container' eventually eval "! kill -0 $job"
wait $job
check 'a signal gives 128+n' is 137 "$(<"$T/waited")"
RD w1
check 'wait of an unknown container is refused' refuses 'does not exist' R wait none

# --- check -------------------------------------------------------------------------
mk "$(args true)"
check 'check of a good bundle' R check -b "$B"
check 'check of a good file' R check "$B/config.json"
mk "$(args true) | .process.cwd = \"relative\""
check 'check finds a bad value and names its place' refuses cwd R check "$B/config.json"
mk "$(args true) | .linux.sysctl = {\"kernel.core_pattern\": \"x\"}"
check 'check finds what would be refused later' refuses core_pattern R check "$B/config.json"
mk "$(args true) | .linux.namespaces += [{type: \"nosuch\"}]"
check 'check finds an unknown namespace' refuses nosuch R check "$B/config.json"
echo '{' >config.json
check 'check of broken JSON' fails R check "$B/config.json"
check 'check of a missing file' fails R check "$T/none.json"
check 'check makes nothing' eval '[ -z "$(ls "$ROOT")" ]'

# --- doctor ---------------------------------------------------------------------------
check 'doctor prints something' eval 'timeout 60 "$SKERRY" doctor >"$T/o"; [ -s "$T/o" ]'
timeout 60 "$SKERRY" doctor --json >"$T/doctor.json" 2>"$T/e"
check 'doctor --json is JSON' jq -e . "$T/doctor.json"
check 'doctor --json says nothing on standard error' test ! -s "$T/e"
check 'doctor names cgroups and namespaces' eval 'grep -qi cgroup "$T/doctor.json" && grep -qi namespace "$T/doctor.json"'
check 'doctor makes nothing' eval '[ -z "$(ls "$ROOT")" ]'

# --- mounts add, remove -------------------------------------------------------------------
mkdir -p "$T/share" && echo shared >"$T/share/f"
mk "$(args sleep 1000)"
up m1
cat >"$T/mounts.json" <<END
[{"destination": "/live", "type": "bind", "source": "$T/share", "options": ["bind", "ro"]}]
END
check 'mounts add' R mounts add m1 "$T/mounts.json"
check 'the mount is there' prints shared R exec m1 cat /live/f
check 'with its options' fails R exec m1 touch /live/g
check 'not on the host' eval '! grep -q " /live " /proc/self/mountinfo'
check 'mounts remove' R mounts remove m1 "$T/mounts.json"
check 'the mount is gone' fails R exec m1 cat /live/f
echo '[{"destination": "/live", "type": "bind", "source": "/no/such", "options": ["bind"]}]' >"$T/bad.json"
check 'mounts add with a missing source is refused' refuses /no/such R mounts add m1 "$T/bad.json"
echo '[{"destination": "/proc/self", "type": "tmpfs", "source": "t"}]' >"$T/bad.json"
for path in / // /. /..; do
	echo "[{\"destination\": \"$path\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}]" >"$T/root.json"
	check "mounts add at $path is refused" fails R mounts add m1 "$T/root.json"
	check "mounts remove of $path is refused" fails R mounts remove m1 "$T/root.json"
done
check 'mounts add at / says why' refuses 'root of a running container' R mounts add m1 "$T/root.json"
R exec m1 ln -s / /rootlink
for path in /rootlink /rootlink/. /rootlink/rootlink; do
	echo "[{\"destination\": \"$path\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}]" >"$T/root.json"
	check "mounts add at a link to the root, $path, is refused" refuses 'root of a running container' R mounts add m1 "$T/root.json"
done
check 'no mount came of it' prints 1 R exec m1 grep -c '^[0-9]* [0-9]* [^ ]* [^ ]* / ' /proc/self/mountinfo
check 'mounts add over /proc is refused' fails R mounts add m1 "$T/bad.json"
jq -n --arg s "$T/share" '[{destination: "/one", type: "bind", source: $s, options: ["bind"]}, {destination: "/two", type: "bind", source: "/no/such", options: ["bind"]}]' >"$T/bad.json"
R mounts add m1 "$T/bad.json" >/dev/null 2>&1
check 'a failure takes the first ones back' fails R exec m1 cat /one/f
R exec m1 ln -s /etc /esc
jq -n --arg s "$T/share" '[{destination: "/esc/../../../../mnt/x", type: "bind", source: $s, options: ["bind"]}]' >"$T/l.json"
R mounts add m1 "$T/l.json" >/dev/null 2>&1
check 'links inside never lead outside' eval '! grep -q "/mnt/x" /proc/self/mountinfo'

# --- device add, remove ----------------------------------------------------------------------
check 'a device is not there at first' fails R exec m1 stat /dev/fuse
device() {
	echo "$1" >"$T/device.json"
}
device '{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "access": "rwm"}'
check 'device add' R device add m1 "$T/device.json"
check 'the node is there' shows 'character special file' R exec m1 stat -c %F /dev/fuse
check 'and can be opened' prints ok R exec m1 hp open /dev/fuse rw
check 'device remove' R device remove m1 "$T/device.json"
check 'the node is gone' fails R exec m1 stat /dev/fuse
check 'and a copy of it cannot be opened' shows 'open EPERM' R exec --cap CAP_MKNOD m1 hp dev c 10 229
check 'device add from standard input' eval 'R device add m1 - <"$T/device.json" && R device remove m1 - <"$T/device.json"'
device '{"path": "/dev/x", "type": "z", "major": 1, "minor": 3}'
check 'device add of an unknown type is refused' fails R device add m1 "$T/device.json"
device '{"type": "c", "major": 1, "minor": 3}'
check 'device add without a path is refused' fails R device add m1 "$T/device.json"
check 'device with another action is refused' fails R device change m1 "$T/device.json"
check 'device with a missing file is refused' fails R device add m1 "$T/none.json"
device '{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "access": "rwm"}'
R kill m1 KILL
eventually is_status stopped m1
check 'mounts add to a stopped container is refused' fails R mounts add m1 "$T/mounts.json"
check 'device add to a stopped container is refused' fails R device add m1 "$T/device.json"
RD m1
clean_or_fail
done_testing
