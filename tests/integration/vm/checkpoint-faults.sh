#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# checkpoint-faults.sh - groups and name spaces that are checkpointed; a criu that can't, or is killed at a step
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/vm/checkpoint-lib.sh
. "$(dirname "$0")/checkpoint-lib.sh"

counter='n=0; while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.05; done'
counts_on() {
	local before
	before=$(cat "$B/rootfs/tmp/count")
	eventually eval '[ "$(cat "$B/rootfs/tmp/count")" -gt '"${before:-0}"' ]'
}
started() { # ID: a detached one, counting
	rm -rf "$I"
	: >"$B/rootfs/tmp/count"
	detached run -d "$1"
	eventually test -s "$B/rootfs/tmp/count"
}
# --- control groups ---------------------------------------------------------------------------
mk "$(args sh -c "$counter") | .linux.resources.pids.limit = 50"
for mode in soft full strict props none ignore; do
	started "g$mode"
	check "--manage-cgroups-mode $mode" detached checkpoint --manage-cgroups-mode $mode --image-path "$I" "g$mode"
	# which wants to find no group, and ours is there by then
	if [ $mode = strict ]; then
		check 'strict says why not' refuses 'existing cgroups' R restore -d --manage-cgroups-mode strict --image-path "$I" gstrict
		continue
	fi
	check "restores: $mode" detached restore -d --manage-cgroups-mode $mode --image-path "$I" "g$mode"
	check "counts: $mode" counts_on
	check "in its group: $mode" has "$(cat "/proc/$(pid_of "g$mode")/cgroup")" "g$mode"
	check "with its limit: $mode" is 50 "$(cat "/sys/fs/cgroup$(sed 's/^0:://' "/proc/$(pid_of "g$mode")/cgroup")/pids.max")"
	RD "g$mode"
done
if systemctl is-system-running >/dev/null 2>&1 || [ -d /run/systemd/system ]; then
	rm -rf "$I"
	: >"$B/rootfs/tmp/count"
	conf '.linux.cgroupsPath = "system.slice:skerry:s1"'
	detached --systemd-cgroup run -d s1
	eventually test -s "$B/rootfs/tmp/count"
	check 'a unit of systemd' detached --systemd-cgroup checkpoint --image-path "$I" s1
	check 'is restored' detached --systemd-cgroup restore -d --image-path "$I" s1
	check 'into a unit' has "$(cat "/proc/$(pid_of s1)/cgroup")" skerry-s1.scope
	check 'and counts' counts_on
	RD s1
fi

# --- name spaces, security modules ------------------------------------------------------------------
mk "$(args sh -c "$counter") | .linux.namespaces += [{\"type\": \"network\"}]"
started e1
check '--empty-ns network' detached checkpoint --empty-ns network --image-path "$I" e1
check 'restores' detached restore -d --empty-ns network --image-path "$I" e1
check 'with a network of its own' isnt "$(readlink /proc/self/ns/net)" "$(readlink "/proc/$(pid_of e1)/ns/net")"
check 'another name is refused' refuses 'only "network"' R checkpoint --empty-ns mount --image-path "$I" e1
RD e1
started m1
detached checkpoint --image-path "$I" m1
if [ -d /sys/kernel/security/apparmor ] && aa-status --enabled 2>/dev/null; then
	check '--lsm-profile' detached restore -d --lsm-profile apparmor:unconfined --image-path "$I" m1
else
	check '--lsm-profile without the module says so' refuses 'LSM' R restore -d --lsm-profile apparmor:other --image-path "$I" m1
	detached restore -d --image-path "$I" m1
fi
check 'and it counts' counts_on
RD m1

mk "$(args sh -c "$counter") | .linux.namespaces += [{\"type\": \"user\"}, {\"type\": \"network\"}] |
	.linux.uidMappings = [{\"containerID\": 0, \"hostID\": 100000, \"size\": 65536}] |
	.linux.gidMappings = .linux.uidMappings"
chown -R 100000:100000 "$B/rootfs"
# its root could not open a file of the host's again
rm -rf "$I"
R run -d n1 </dev/null >/dev/null 2>&1
eventually test -s "$B/rootfs/tmp/count"
check 'a container with a user namespace' detached checkpoint --image-path "$I" n1
check 'is restored' eval 'R restore -d --image-path "$I" n1 </dev/null >/dev/null 2>&1 || { tail -n 5 "$I/restore.log"; false; }'
check 'the images are closed to others still' is 700 "$(stat -c %a "$I")"
check 'with its ids' is 100000 "$(stat -c %u "/proc/$(pid_of n1)")"
check 'and counts' counts_on
RD n1

# --- the program ----------------------------------------------------------------------------------
mk "$(args sh -c "$counter")"
started w1
check '--criu names the program' refuses '/no/criu' R --criu /no/criu checkpoint --image-path "$I" w1
check 'a name without a slash is looked for' detached --criu criu checkpoint --leave-running --image-path "$I" w1
mkdir "$T/path"
for tool in sh cat timeout; do ln -sf "$(command -v $tool)" "$T/path/"; done
cat >"$T/old" <<'PY'
#!/usr/bin/python3
import socket, sys
s = socket.socket(fileno=int(sys.argv[2]))
s.recv(65536)
# VERSION, success, {major 3, minor 10}
s.send(bytes([0x08, 10, 0x10, 1, 0x52, 4, 0x08, 3, 0x10, 10]))
s.recv(65536)
PY
chmod +x "$T/old"
check 'one that is too old' refuses 'or newer is needed' R --criu "$T/old" checkpoint --image-path "$I" w1
printf '#!/bin/sh\nkill -9 $$\n' >"$T/dies"
chmod +x "$T/dies"
check 'one that dies' refuses 'signal 9' R --criu "$T/dies" checkpoint --image-path "$I" w1
check 'the container runs on after all of that' counts_on

# --- criu killed at each step -------------------------------------------------------------------------
# at STEP COMMAND...: kills criu there, without an answer
cat >"$T/at.py" <<'PY'
import os, signal, socket, subprocess, sys
ours, theirs = socket.socketpair()
p = subprocess.Popen([w.replace("{}", str(theirs.fileno())) for w in sys.argv[2:]], pass_fds=[theirs.fileno()],
                     stdin=subprocess.DEVNULL)
theirs.close()
f = ours.makefile("rw")
killed = False
for line in f:
    if line.split()[0] == sys.argv[1]:
        for pid in open("/proc/%d/task/%d/children" % (p.pid, p.pid)).read().split():
            os.kill(int(pid), signal.SIGKILL)
            killed = True
    try:
        f.write("go\n")
        f.flush()
    except OSError:
        pass
status = p.wait()
print("killed" if killed else "not there")
sys.exit(0 if killed and status else 1)
PY
at() { python3 "$T/at.py" "$1" "$SKERRY" --root "$ROOT" "${@:2}"; }
conf '.linux.namespaces += [{"type": "network"}]'
RD w1
started k1
for step in pre-dump network-lock post-dump; do
	rm -rf "$I"
	check "criu killed at $step" at $step checkpoint --notify-fd {} --image-path "$I" k1
	check "leaves it running: $step" is_status running k1
	check "and counting: $step" counts_on
done
rm -rf "$I"
mkdir "$T/small"
mount -t tmpfs -o size=64k tmpfs "$T/small"
check 'a full disk while dumping' fails R checkpoint --image-path "$T/small/i" k1
umount "$T/small"
check 'leaves it running' counts_on
check 'a checkpoint after all of that' detached checkpoint --image-path "$I" k1
before=$(inv)
for step in pre-restore setup-namespaces post-restore; do
	check "criu killed at $step" at $step restore -d --notify-fd {} --image-path "$I" k1
	check "leaves no container: $step" gone k1
	check "and nothing else: $step" is "$before" "$(inv)"
done
check 'a restore after all of that' detached restore -d --image-path "$I" k1
check 'counts' counts_on
RD k1
done_testing
