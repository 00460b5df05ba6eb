#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# masks.sh - maskedPaths and readonlyPaths: files, folders, links, repeats, and
# that a container can't take them away.
. "$(dirname "$0")/lib.sh"

setup='.linux.maskedPaths = ["/m/file", "/m/dir", "/m/dir", "/m/missing", "/m/dir2/"] | .linux.readonlyPaths = ["/r/file", "/r/dir", "/r/missing", "/r/dir"]'
tree() {
	mkdir -p rootfs/m/dir rootfs/m/dir2 rootfs/r/dir
	for f in m/file m/dir/inner m/dir2/inner r/file r/dir/inner; do
		echo secret >"rootfs/$f"
	done
}
try() {
	mk "$setup | $(args sh -c "$1") | ${2:-.}"
	tree
	R run c1
}

check 'a masked file reads as nothing' prints '' try 'cat /m/file'
check 'a masked folder is empty' prints '' try 'ls -A /m/dir'
check 'a masked folder with a trailing slash is empty' prints '' try 'ls -A /m/dir2'
check 'a masked folder takes no files' fails try 'touch /m/dir/new 2>/dev/null'
check 'a masked file takes no data that stays' eval 'try "echo x >/m/file; cat /m/file" 2>/dev/null; is secret "$(cat "$B/rootfs/m/file")"'
check 'a missing path is no error' prints fine try 'echo fine'
check 'a read-only file can be read' prints secret try 'cat /r/file'
check 'a read-only file refuses writes' fails try 'echo x >/r/file'
check 'a read-only folder refuses new files' fails try 'touch /r/dir/new'
check 'a read-only folder refuses writes to old ones' fails try 'echo x >/r/dir/inner'
check 'a read-only folder can be read' prints secret try 'cat /r/dir/inner'
for command in 'umount /m/file' 'umount /m/dir' 'rm /m/file' 'rmdir /m/dir' 'mount -o remount,rw /r/dir' 'umount /r/dir' \
	'mv /m/dir /m/x'; do
	check "a container cannot \"$command\"" fails try "$command"
	check "... not even with every capability but SYS_ADMIN: $command" fails try "$command" \
		'.process.capabilities[] = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SYS_CHROOT", "CAP_SETUID", "CAP_MKNOD"]'
done
check 'masks hold with a read-only root' prints '' try 'cat /m/file; ls -A /m/dir' '.root.readonly = true'
mk "$setup | $(args sleep 1000)"
tree
up c1
check 'exec sees the masks' prints '' R exec c1 sh -c 'cat /m/file; ls -A /m/dir'
check 'exec sees the read-only paths' fails R exec c1 touch /r/dir/x
RD c1
mk "$(args true) | .linux.maskedPaths = [\"/link/inner\"]"
mkdir -p rootfs/real && echo secret >rootfs/real/inner && ln -s /real rootfs/link
conf "$(args cat /real/inner)"
check 'a mask through a link inside the root hits its target' prints '' R run c1
mk "$(args true) | .linux.maskedPaths = [\"/link\"]"
echo host >"$T/hostfile"
ln -s "../../../../../../../..$T/hostfile" rootfs/link
check 'a mask through a link never leaves the root' eval 'R run c1 >/dev/null 2>&1; is host "$(cat "$T/hostfile")"'
mk "$(args stat -c '%t:%T' /proc/keys)"
check 'a masked file is the null device' prints 1:3 R run c1
for p in /proc/kcore /proc/keys /proc/timer_list; do
	[ -e $p ] || continue
	mk "$(args head -c 10 $p)"
	check "default: $p reads as nothing" prints '' R run c1
done
mk "$(args ls /sys/firmware)"
check 'default: /sys/firmware is empty' prints '' R run c1
mk "$(args sh -c 'echo 1 >/proc/sys/kernel/panic')"
check 'default: /proc/sys is read-only' fails R run c1
mk "$(args sh -c 'echo b >/proc/sysrq-trigger')"
check 'default: /proc/sysrq-trigger is read-only' fails R run c1
mk "$(args true) | .linux.maskedPaths = [\"relative\"]"
except 'crun runc' 'takes it' check 'a relative masked path is refused' fails R run c1
mk "$(args cat /proc/self/mountinfo) | .linux.maskedPaths = [range(0; 40) | \"/m\\(.)\"]"
for i in $(seq 0 39); do
	mkdir -p "rootfs/m$i"
done
check 'many masked folders work' R run c1
except 'crun runc' 'one each' check 'they share one file system' eval 'is 1 "$(R run c1 | awk "\$5 ~ /^\\/m[0-9]/ { print \$3 }" | sort -u | wc -l)"'
clean_or_fail
done_testing
