#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# systemd-pid1.sh - systemd as process 1 of a container: it reaches its target, makes groups, stops when told.
#
# Its root file system is the guest's own below an overlay.  systemd.io CONTAINER_INTERFACE: a cgroup2 that it
# may write, tmpfs on /run and /tmp, $container, SIGRTMIN+3 to stop.
# shellcheck disable=SC2016,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/guest.sh"

S() {
	timeout -k 5 120 "$SKERRY" --root "$ROOT" "${GLOBAL[@]}" "$@"
}

# The guest's root without what a container would only fail at.
mkdir -p "$T/upper" "$T/work" "$T/b/rootfs"
mkdir -p "$T/upper/etc/systemd/system/multi-user.target.wants"
for unit in vm-agent.service bird.service systemd-modules-load.service systemd-logind.service proc-sys-fs-binfmt_misc.automount \
	systemd-binfmt.service dev-mqueue.mount dev-hugepages.mount sys-fs-fuse-connections.mount kmod-static-nodes.service; do
	ln -s /dev/null "$T/upper/etc/systemd/system/$unit"
done
printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c "echo started >/marker"\nExecStop=/bin/sh -c "echo stopped >/marker"\n[Install]\nWantedBy=multi-user.target\n' \
	>"$T/upper/etc/systemd/system/marker.service"
ln -s ../marker.service "$T/upper/etc/systemd/system/multi-user.target.wants/marker.service"
: >"$T/upper/etc/fstab"
mkdir -p "$T/upper/var/lib/systemd/linger.none"

root_up() {
	B=$T/b
	cd "$B" || return
	mount -t overlay overlay -o "lowerdir=/,upperdir=$T/upper,workdir=$T/work" "$B/rootfs"
	rm -f "$B/rootfs/var/lib/systemd/linger/"* "$B/rootfs/marker"
}

root_down() {
	cd /
	umount "$T/b/rootfs"
}

caps='["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_DAC_READ_SEARCH","CAP_FOWNER","CAP_FSETID","CAP_KILL","CAP_SETGID","CAP_SETUID","CAP_SETPCAP","CAP_SYS_ADMIN","CAP_SYS_CHROOT","CAP_SYS_PTRACE","CAP_NET_BIND_SERVICE","CAP_NET_ADMIN","CAP_SYS_RESOURCE","CAP_MKNOD","CAP_AUDIT_WRITE","CAP_SETFCAP","CAP_SYS_NICE","CAP_SYS_BOOT"]'
configure() { # CGROUPSPATH
	jq --arg path "$1" --argjson caps "$caps" '.process.args = ["/lib/systemd/systemd", "--show-status=no"]
		| .process.env += ["container=oci"] | .process.user = {uid: 0, gid: 0}
		| .process.capabilities = {bounding: $caps, effective: $caps, permitted: $caps}
		| .process.noNewPrivileges = false | .process.rlimits = []
		| .hostname = "inner" | .linux.cgroupsPath = $path
		| .linux.namespaces = [{type: "pid"}, {type: "mount"}, {type: "ipc"}, {type: "uts"}, {type: "network"}, {type: "cgroup"}]
		| .linux.readonlyPaths = [] | .linux.seccomp = null | del(.linux.seccomp)
		| .mounts |= (map(select(.destination != "/sys/fs/cgroup")) + [
			{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["rw", "nosuid", "noexec", "nodev"]},
			{destination: "/run", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=755"]},
			{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev"]}])' \
		"$T/base.json" >"$T/b/config.json"
}

reached() {
	is running "$(S exec s1 systemctl is-system-running 2>&1)"
}

boots() { # NAME CGROUPSPATH
	check "$1: its root" root_up
	configure "$2"
	check "$1: run -d" S run -d -b "$T/b" s1
	check "$1: it is process 1" prints systemd S exec s1 cat /proc/1/comm
	check "$1: it reaches its target" within 120 reached
	check "$1: no unit has failed" prints "" S exec s1 systemctl list-units --failed --plain --no-legend
	check "$1: the service of the target ran" prints started S exec s1 cat /marker
	check "$1: the journal takes" shows marker S exec s1 journalctl --no-pager -q -u marker
	check "$1: it makes groups of its own" S exec s1 systemd-run --wait --quiet --pipe -p MemoryMax=32M sh -c \
		'grep -q "system.slice/run-" /proc/self/cgroup && [ "$(cat /sys/fs/cgroup$(sed s/0::// /proc/self/cgroup)/memory.max)" = 33554432 ]'
	check "$1: its bus answers" shows org.freedesktop.systemd1 S exec s1 busctl --no-pager list
	check "$1: exec sees no group of the host" hides limits S exec s1 cat /proc/self/cgroup
	check "$1: pause" eval 'S pause s1 && is_status paused s1 && S resume s1'
	check "$1: it still answers" reached
	check "$1: SIGRTMIN+3 ends it" S kill s1 37
	check "$1: in order" within 120 is_status stopped s1
	check "$1: the service was stopped" prints stopped cat "$T/b/rootfs/marker"
	check "$1: delete" S delete s1
	check "$1: no group is left" eval '! find /sys/fs/cgroup -type d -path "*inner[-/]s1*" | grep .'
	check "$1: nothing holds its root" root_down
}

GLOBAL=()
boots cgroupfs /inner/s1
rmdir /sys/fs/cgroup/inner 2>/dev/null
GLOBAL=(--systemd-cgroup)
boots systemd test.slice:inner:s1
systemctl stop test.slice 2>/dev/null
done_testing
