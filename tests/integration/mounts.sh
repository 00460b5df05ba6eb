#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# mounts.sh - config.json "Mounts": every option, recursive ones, propagation,
# tmpcopyup, id-mapped mounts, destinations to be made and links on the way.
. "$(dirname "$0")/lib.sh"

# info DEST: mountinfo fields of the mount on DEST inside: options, optional fields, -, type, source, super options
info() {
	R run c1 >"$T/info" || return 1
	awk -v d="$1" '$5 == d { $1 = $2 = $3 = $4 = ""; print }' "$T/info" | tail -n 1
}

tmpfs() {
	mk "$(args cat /proc/self/mountinfo) | .mounts += [{destination: \"/mnt\", type: \"tmpfs\", source: \"tmpfs\", options: $1}] | ${2:-.}"
}

bind() {
	mk "$(args "${@:2}") | .mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$T/src\", options: $1}]"
}

rm -rf "$T/src"
mkdir -p "$T/src/sub" && echo data >"$T/src/file"
mount -t tmpfs -o mode=755 inner "$T/src/sub"
echo deep >"$T/src/sub/deep"
inv_save

# --- flags --------------------------------------------------------------------------
for pair in ro:ro nosuid:nosuid nodev:nodev noexec:noexec noatime:noatime nodiratime:nodiratime relatime:relatime nosymfollow:nosymfollow; do
	tmpfs "[\"${pair%:*}\"]"
	check "${pair%:*}" eval "matches \"\$(info /mnt)\" '(^|[ ,])${pair#*:}([ ,]|\$)'"
done
for option in rw suid dev exec atime diratime; do
	tmpfs "[\"no$option\", \"$option\"]"
	[ $option = rw ] && tmpfs '["ro", "rw"]'
	check "$option takes the opposite back" eval "! matches \"\$(info /mnt)\" '[ ,](no$option|ro)[ ,]'"
done
tmpfs '["sync"]'
check 'sync' eval 'matches "$(info /mnt)" "[ ,]sync"'
tmpfs '["dirsync"]'
check 'dirsync' eval 'matches "$(info /mnt)" "[ ,]dirsync"'
tmpfs '["strictatime"]'
check 'strictatime' eval 'lacks "$(info /mnt)" atime'
for option in lazytime iversion silent loud defaults async nolazytime noiversion symfollow norelatime nostrictatime; do
	tmpfs "[\"$option\"]"
	except crun 'does not know all of them' check "$option is taken" eval 'info /mnt'
done
tmpfs '["size=1m", "mode=0700", "uid=5", "gid=6", "nr_inodes=100"]'
check 'data options reach the file system' eval 'o=$(info /mnt) && has "$o" size=1024k && has "$o" mode=700 && has "$o" uid=5 && has "$o" gid=6'
tmpfs '["nosuchoption=5"]'
check 'an option that nobody knows is refused' fails R run c1
tmpfs '["ro", "size=1m", "nosuid"]'
check 'flags and data mixed' eval 'o=$(info /mnt) && has "$o" ro && has "$o" nosuid && has "$o" size=1024k'

# --- bind ---------------------------------------------------------------------------
bind '["bind"]' sh -c 'cat /mnt/file; ls /mnt/sub'
check 'bind shows the source but not what is mounted below' prints data R run c1
bind '["rbind"]' cat /mnt/file /mnt/sub/deep
check 'rbind shows what is mounted below as well' prints $'data\ndeep' R run c1
bind '["bind", "ro"]' touch /mnt/x
check 'bind ro refuses writes' fails R run c1
check 'and the source stays writable' touch "$T/src/y"
bind '["rbind", "ro"]' touch /mnt/sub/x
check 'rbind ro leaves what is below writable' R run c1
bind '["rbind", "rro"]' touch /mnt/sub/x
check 'rbind rro makes what is below read-only' fails R run c1
bind '["bind"]' touch /mnt/z
check 'bind is writable unless asked' eval 'R run c1 && [ -e "$T/src/z" ]'
mount -t tmpfs -o mode=755,nosuid,nodev,noexec inner2 "$T/src/sub"
echo deep >"$T/src/sub/deep"
for pair in rnosuid:nosuid rnodev:nodev rnoexec:noexec rro:ro rnoatime:noatime rnodiratime:nodiratime; do
	bind "[\"rbind\", \"${pair%:*}\"]" cat /proc/self/mountinfo
	check "${pair%:*} reaches what is below" eval "matches \"\$(info /mnt/sub)\" '(^|[ ,])${pair#*:}[ ,]'"
	check "${pair%:*} sets the top" eval "matches \"\$(info /mnt)\" '(^|[ ,])${pair#*:}[ ,]'"
done
for pair in rsuid:nosuid rdev:nodev rexec:noexec; do
	bind "[\"rbind\", \"${pair%:*}\"]" cat /proc/self/mountinfo
	check "${pair%:*} takes it away below" eval "! matches \"\$(info /mnt/sub)\" '[ ,]${pair#*:}[ ,]'"
done
for option in rrw rrelatime rstrictatime ratime rdiratime rnorelatime rnosymfollow rsymfollow; do
	bind "[\"rbind\", \"$option\"]" cat /proc/self/mountinfo
	except 'crun runc' 'does not know all of them' check "$option is taken" eval 'info /mnt'
done
umount "$T/src/sub"
for option in nosuid nodev noexec noatime; do
	bind "[\"bind\", \"$option\"]" cat /proc/self/mountinfo
	check "bind with $option" eval "matches \"\$(info /mnt)\" '[ ,]${option}[ ,]'"
done
echo '#!/bin/busybox sh
echo ran' >"$T/src/script" && chmod 755 "$T/src/script"
bind '["bind", "noexec"]' /mnt/script
check 'noexec holds' fails R run c1
mount -t tmpfs -o mode=755,nosuid,nodev,noexec locked "$T/src/sub"
mk "$(args cat /proc/self/mountinfo) | .linux.namespaces += [{type: \"user\"}, {type: \"network\"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings |
	.mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$T/src/sub\", options: [\"bind\", \"ro\"]}]"
check 'a user namespace: locked flags of the source are kept, not a failure' eval 'o=$(info /mnt) && has "$o" ro && has "$o" nosuid && has "$o" nodev && has "$o" noexec'
umount "$T/src/sub"
mk "$(args cat /etc/one) | .mounts += [{destination: \"/etc/one\", type: \"bind\", source: \"$T/src/file\", options: [\"bind\"]}]"
check 'a file is bound onto a file that is made' prints data R run c1
mk "$(args cat /deep/er/one) | .mounts += [{destination: \"/deep/er/one\", type: \"bind\", source: \"$T/src/file\", options: [\"bind\"]}]"
check 'folders on the way are made' prints data R run c1
mk "$(args cat /mnt/file) | .mounts += [{destination: \"/mnt\", type: \"none\", source: \"$T/src\", options: [\"bind\"]}]"
check 'type none with bind' prints data R run c1
mk "$(args cat /mnt/file) | .mounts += [{destination: \"/mnt\", source: \"$T/src\", options: [\"bind\"]}]"
check 'no type with bind' prints data R run c1
mkdir -p "$T/b"
mk "$(args cat /mnt/file) | .mounts += [{destination: \"/mnt\", type: \"bind\", source: \"rel\", options: [\"bind\"]}]"
mkdir rel && echo relative >rel/file
check 'a relative source is below the bundle' prints relative R run c1
ln -s "$T/src" "$T/srclink"
mk "$(args cat /mnt/file) | .mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$T/srclink\", options: [\"bind\"]}]"
check 'a source that is a link is followed' prints data R run c1
mk "$(args true) | .mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$T/none\", options: [\"bind\"]}]"
check 'a missing source is refused and named' refuses "$T/none" R run c1
mk "$(args true) | .mounts += [{destination: \"/mnt\", type: \"nosuchfs\", source: \"x\"}]"
except 'crun runc' 'name the source' check 'an unknown file system is refused and named' refuses nosuchfs R run c1
mk "$(args cat /proc/self/mountinfo) | .mounts += [{destination: \"/etc/passwd\", type: \"bind\", source: \"$T/src\", options: [\"bind\"]}]"
check 'a folder onto a file is refused' fails R run c1

# --- destinations ---------------------------------------------------------------------
dest() {
	mk "$(args ls "$2") | .mounts += [{destination: \"$1\", type: \"bind\", source: \"$T/src\", options: [\"bind\"]}]"
}
dest //mnt//a/ /mnt/a
check 'slashes too many' shows file R run c1
dest mnt/rel /mnt/rel
except crun 'takes it' check 'a relative destination is taken as below / or refused' eval 'R run c1 >"$T/o" 2>&1; s=$?; [ $s != 0 ] && [ -s "$T/o" ] || has "$(cat "$T/o")" file'
dest /mnt/../etc/dots /etc/dots
check '.. inside the path stays below the root' shows file R run c1
dest /../../../mnt/up /mnt/up
check '.. above the root stays in the root' eval 'R run c1 >"$T/o" 2>&1; [ ! -e /mnt/up ]'
dest /link/x /target/x
mkdir rootfs/target && ln -s /target rootfs/link
check 'an absolute link is resolved inside' shows file R run c1
dest /link2/x /target/x
mkdir rootfs/target && ln -s ../../../../target rootfs/link2
check 'a relative link with .. is resolved inside' shows file R run c1
dest /dang /made/here
ln -s /made/here rootfs/dang
check 'a dangling link is made inside the root' eval 'R run c1 >"$T/o" 2>&1; s=$?; [ ! -e /made ] && { [ $s = 0 ] || [ -s "$T/o" ]; }'
dest /loop/x /
ln -s loop rootfs/loop
check 'a loop of links is refused' fails R run c1
dest "/$(printf 'n%.0s' $(seq 255))/x" /
check 'a name of 255 characters works' R run c1
dest "/$(printf 'n%.0s' $(seq 256))/x" /
check 'a name of 256 characters is refused' fails R run c1
dest /proc/self/fd/3 /
check 'a magic link as destination is refused' fails R run c1
dest / /
check 'a mount on / is refused or shows the source' eval 'R run c1 >"$T/o" 2>&1; s=$?; [ $s != 0 ] || has "$(cat "$T/o")" file'
for p in /proc/cpuinfo /proc/uptime /proc/stat /proc/meminfo /proc/loadavg /proc/diskstats /proc/swaps; do
	mk "$(args cat $p) | .mounts += [{destination: \"$p\", type: \"bind\", source: \"$T/src/file\", options: [\"bind\"]}]"
	check "a bind on $p is allowed" prints data R run c1
done
for p in /proc/self /proc/sys /proc/1 /proc/version; do
	mk "$(args true) | .mounts += [{destination: \"$p\", type: \"tmpfs\", source: \"tmpfs\"}]"
	except crun 'allows it' check "a mount on $p is refused" fails R run c1
done
mk "$(args true) | .mounts[0] = {destination: \"/proc\", type: \"tmpfs\", source: \"tmpfs\"}"
except crun 'allows it' check 'a tmpfs on /proc is refused' fails R run c1

# --- propagation -----------------------------------------------------------------------
tmpfs '["private"]'
check 'private' eval 'lacks "$(info /mnt)" shared:'
tmpfs '["shared"]' '.linux.rootfsPropagation = "shared"'
check 'shared' eval 'has "$(info /mnt)" shared:'
tmpfs '["unbindable"]'
check 'unbindable' eval 'has "$(info /mnt)" unbindable'
for option in rprivate slave rslave rshared runbindable; do
	tmpfs "[\"$option\"]"
	check "$option is taken" eval 'info /mnt'
done
mount --bind "$T/src" "$T/src" && mount --make-shared "$T/src"
bind '["rbind", "rslave"]' cat /proc/self/mountinfo
check 'rslave of a shared source is a slave' eval 'has "$(info /mnt)" master:'
bind '["rbind", "rprivate"]' cat /proc/self/mountinfo
check 'rprivate of a shared source is neither' eval 'o=$(info /mnt) && lacks "$o" master: && lacks "$o" shared:'
bind '["rbind", "rshared"]' sh -c 'mkdir -p /mnt/new && mount -t tmpfs inside /mnt/new'
conf '.process.capabilities[] += ["CAP_SYS_ADMIN"] | .linux.rootfsPropagation = "shared"'
check 'rshared lets a mount out' eval 'R run c1 && grep -q "src/new" /proc/self/mountinfo; s=$?; umount "$T/src/new" 2>/dev/null; [ $s = 0 ]'
bind '["rbind"]' sh -c 'mkdir -p /mnt/new && mount -t tmpfs inside /mnt/new'
conf '.process.capabilities[] += ["CAP_SYS_ADMIN"]'
check 'without it nothing gets out' eval 'R run c1; ! grep -q "src/new" /proc/self/mountinfo'
umount "$T/src"
for value in private slave shared unbindable rprivate; do
	mk "$(args cat /proc/self/mountinfo) | .linux.rootfsPropagation = \"$value\""
	case $value in
	shared) want=shared: ;;
	*) want='' ;;
	esac
	if [ -n "$want" ]; then
		check "rootfsPropagation $value" eval "has \"\$(info /)\" $want"
	else
		check "rootfsPropagation $value is not shared" eval 'lacks "$(info /)" shared:'
	fi
done
mk "$(args true) | .linux.rootfsPropagation = \"nonsense\""
check 'an unknown rootfsPropagation is refused' fails R run c1

# --- tmpcopyup ----------------------------------------------------------------------------
mk "$(args sh -c 'cat /data/a /data/d/b; stat -c "%a %u" /data/a; readlink /data/l; touch /data/new') |
	.mounts += [{destination: \"/data\", type: \"tmpfs\", source: \"tmpfs\", options: [\"tmpcopyup\"]}]"
mkdir -p rootfs/data/d && echo A >rootfs/data/a && echo B >rootfs/data/d/b && chmod 604 rootfs/data/a && chown 3:4 rootfs/data/a && ln -s a rootfs/data/l
check 'tmpcopyup copies the content' prints $'A\nB\n604 3\na' R run c1
check 'and the root stays as it was' test ! -e rootfs/data/new

# --- types ----------------------------------------------------------------------------------
mk "$(args cat /proc/self/mountinfo)"
for pair in /proc:proc /dev:tmpfs /dev/pts:devpts /dev/shm:tmpfs /dev/mqueue:mqueue /sys:sysfs /sys/fs/cgroup:cgroup2; do
	check "${pair%:*} is ${pair#*:}" eval "has \"\$(info ${pair%:*})\" ' - ${pair#*:} '"
done
check '/sys is read-only' eval 'matches "$(info /sys)" "(^|[ ,])ro[ ,]"'
check 'nothing of the old root is mounted' eval 'R run c1 >"$T/info"; ! grep -q "$T/src\|/tmp/skerry" "$T/info"'
mk "$(args sh -c 'echo x >/sys/fs/cgroup/cgroup.procs')"
check '/sys/fs/cgroup is read-only' fails R run c1
mk "$(args sh -c 'mkdir /sys/fs/cgroup/below') | .mounts += [{destination: \"/sys/fs/cgroup\", type: \"cgroup\", source: \"cgroup\", options: [\"rw\"]}]"
check '  and writable by a second mount over it' R run c1
mkdir -p "$T/ovl/l" "$T/ovl/u" "$T/ovl/w" && echo low >"$T/ovl/l/f"
mk "$(args sh -c 'cat /mnt/f; echo up >/mnt/g') | .mounts += [{destination: \"/mnt\", type: \"overlay\", source: \"overlay\", options: [\"lowerdir=$T/ovl/l\", \"upperdir=$T/ovl/u\", \"workdir=$T/ovl/w\"]}]"
check 'an overlay mount' eval 'prints low R run c1 && [ -e "$T/ovl/u/g" ]'
mk "$(args cat /mnt/a /mnt/b) | .mounts += [{destination: \"/mnt\", type: \"tmpfs\", source: \"t\"}, {destination: \"/mnt/a\", type: \"bind\", source: \"$T/src/file\", options: [\"bind\"]}, {destination: \"/mnt/b\", type: \"bind\", source: \"$T/src/file\", options: [\"bind\"]}]"
check 'mounts are made in order' prints $'data\ndata' R run c1
mk "$(args sh -c 'mount | wc -l') | .mounts += [range(0; 200) | {destination: \"/many/m\\(.)\", type: \"tmpfs\", source: \"t\"}]"
check 'two hundred mounts' eval '[ "$(R run c1)" -gt 200 ]'

# --- id-mapped ---------------------------------------------------------------------------------
userns='.linux.namespaces += [{type: "user"}, {type: "network"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
mkdir -p "$T/owned" && echo o >"$T/owned/f" && chown 1000:1001 "$T/owned/f"
idmapped() {
	mk "$(args stat -c %u:%g /mnt/f) | $1 | .mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$T/owned\"} + $2]"
}
idmapped "$userns" '{options: ["bind", "idmap"]}'
except runc 'older than the option' check 'idmap uses the maps of the container' prints 1000:1001 R run c1
idmapped . '{options: ["bind"], uidMappings: [{containerID: 1000, hostID: 5, size: 1}], gidMappings: [{containerID: 1001, hostID: 6, size: 1}]}'
except runc 'older than the field' check 'uidMappings and gidMappings of a mount' prints 5:6 R run c1
idmapped "$userns" '{options: ["rbind", "ridmap"]}'
except 'crun runc' 'older than the option' check 'ridmap' prints 1000:1001 R run c1
idmapped "$userns" '{options: ["bind"]}'
check 'without idmap the owner is nobody' prints 65534:65534 R run c1
idmapped . '{options: ["bind"], uidMappings: [{containerID: 1000, hostID: 5, size: 1}]}'
except runc 'ignores it' check 'uidMappings without gidMappings is refused or works' eval 'R run c1 >"$T/o" 2>&1; s=$?; [ $s != 0 ] && [ -s "$T/o" ] || has "$(cat "$T/o")" 5:'
clean_or_fail
done_testing
