#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# devices.sh - the default nodes and links, linux.devices, the device filter of
# the cgroup.
. "$(dirname "$0")/lib.sh"

D() {
	R run c1
}

mk "$(args sh -c 'for d in null zero full random urandom tty; do stat -c "%n %t:%T %a %u:%g %F" /dev/$d; done')"
check 'the six default nodes' prints '/dev/null 1:3 666 0:0 character special file
/dev/zero 1:5 666 0:0 character special file
/dev/full 1:7 666 0:0 character special file
/dev/random 1:8 666 0:0 character special file
/dev/urandom 1:9 666 0:0 character special file
/dev/tty 5:0 666 0:0 character special file' D
for pair in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2 ptmx:pts/ptmx; do
	mk "$(args readlink "/dev/${pair%%:*}")"
	check "/dev/${pair%%:*} is a link to ${pair#*:}" eval "o=\$(D) && [ \"\${o#/dev/}\" = ${pair#*:} ]"
done
mk "$(args sh -c 'echo x >/dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c')"
check 'they work' eval 'o=$(D) && is "4 4" "$(echo $o)"'
mk "$(args ls /dev)"
check 'nothing of the host is in /dev' hides loop D
mk "$(args sh -c 'stat -c "%t:%T %a %u:%g" /dev/mine') | .linux.devices = [{path: \"/dev/mine\", type: \"c\", major: 1, minor: 3, fileMode: 432, uid: 5, gid: 6}]"
check 'linux.devices: numbers, mode and owner' prints '1:3 660 5:6' D
mk "$(args sh -c 'stat -c "%F %t:%T" /dev/sub/dir/blk') | .linux.devices = [{path: \"/dev/sub/dir/blk\", type: \"b\", major: 7, minor: 3}]"
check 'linux.devices: a block device in a folder to be made' prints 'block special file 7:3' D
mk "$(args stat -c %F /dev/fifo) | .linux.devices = [{path: \"/dev/fifo\", type: \"p\"}]"
check 'linux.devices: a fifo' prints fifo D
mk "$(args stat -c '%F %t:%T' /dev/u) | .linux.devices = [{path: \"/dev/u\", type: \"u\", major: 1, minor: 3}]"
check 'linux.devices: type u is a character device' prints 'character special file 1:3' D
mk "$(args stat -c %t:%T /dev/null) | .linux.devices = [{path: \"/dev/null\", type: \"c\", major: 1, minor: 3, fileMode: 438}]"
check 'linux.devices may repeat a default' prints 1:3 D
mk "$(args true) | .linux.devices = [{path: \"/dev/x\", type: \"q\", major: 1, minor: 3}]"
check 'an unknown type is refused' fails D
mk "$(args true) | .linux.devices = [{path: \"\", type: \"c\", major: 1, minor: 3}]"
except crun 'takes it' check 'an empty path is refused' fails D
mk "$(args stat -c '%F %t:%T' /opt/dev) | .linux.devices = [{path: \"/opt/dev\", type: \"c\", major: 1, minor: 3}]"
check 'a device outside /dev' prints 'character special file 1:3' D
userns='.linux.namespaces += [{"type": "user"}, {"type": "network"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
mk "$(args sh -c 'stat -c %t:%T /dev/null && echo x >/dev/null && echo fine') | $userns"
check 'default nodes work in a user namespace' prints $'1:3\nfine' D
mk "$(args stat -c %t:%T /dev/mine) | $userns | .linux.devices = [{path: \"/dev/mine\", type: \"c\", major: 1, minor: 9}]"
check 'linux.devices in a user namespace needs the node on the host, or binds it' eval 'D >"$T/o" 2>&1; [ -s "$T/o" ]'
mk "$(args ls /dev) | .mounts |= map(select(.destination | startswith(\"/dev\") | not))"
check 'without a mount on /dev the nodes go into the rootfs' shows null D
check 'and are seen there' test -c "$B/rootfs/dev/null"

# --- the filter -------------------------------------------------------------------------
mknod_cap='.process.capabilities[] += ["CAP_MKNOD"]'
rule() {
	echo ".linux.resources.devices += [$1]"
}
probe() {
	mk "$(args hp dev "$1" "$2" "$3" "$4") | $mknod_cap | ${5:-.}"
	D
}
for kind in 'c 1 3' 'c 1 5' 'c 1 7' 'c 1 8' 'c 1 9' 'c 5 0'; do
	# shellcheck disable=SC2086
	except crun 'no device rules here' check "always allowed: $kind" eval "o=\$(probe $kind rw) && lacks \"\$o\" EPERM"
done
for kind in 'c 10 229' 'b 7 0' 'c 10 237'; do
	except crun 'no device rules here' check "denied by default: open of $kind" eval "has \"\$(probe $kind r)\" 'open EPERM'"
done
except crun 'no device rules here' check 'mknod of a denied device is allowed (as runc)' eval 'has "$(probe c 10 229 r)" "mknod ok"'
for access in r w rw; do
	except crun 'no device rules here' check "a rule allows $access and only that" eval "
		o=\$(probe c 10 229 r \"$(rule "{allow: true, type: \\\"c\\\", major: 10, minor: 229, access: \\\"$access\\\"}")\")
		p=\$(probe c 10 229 w \"$(rule "{allow: true, type: \\\"c\\\", major: 10, minor: 229, access: \\\"$access\\\"}")\")
		case $access in
		r) lacks \"\$o\" 'open EPERM' && has \"\$p\" 'open EPERM' ;;
		w) has \"\$o\" 'open EPERM' && lacks \"\$p\" 'open EPERM' ;;
		rw) lacks \"\$o\$p\" 'open EPERM' ;;
		esac"
done
except crun 'no device rules here' check 'a wildcard minor' eval \
	'lacks "$(probe c 10 229 r "$(rule "{allow: true, type: \"c\", major: 10, access: \"r\"}")")" "open EPERM"'
except crun 'no device rules here' check 'a wildcard major' eval \
	'lacks "$(probe c 10 229 r "$(rule "{allow: true, type: \"c\", access: \"r\"}")")" "open EPERM"'
except crun 'no device rules here' check 'a rule for block devices does not allow character devices' eval \
	'has "$(probe c 10 229 r "$(rule "{allow: true, type: \"b\", major: 10, minor: 229, access: \"rwm\"}")")" "open EPERM"'
except crun 'no device rules here' check 'type a allows all' eval \
	'lacks "$(probe c 10 229 r "$(rule "{allow: true, type: \"a\", access: \"rwm\"}")")" "open EPERM"'
except crun 'no device rules here' check 'a later denial wins' eval \
	'has "$(probe c 10 229 r "$(rule "{allow: true, type: \"c\", major: 10, minor: 229, access: \"rwm\"}, {allow: false, type: \"c\", major: 10, minor: 229, access: \"r\"}")")" "open EPERM"'
check 'a rule with a bad access is refused' eval 'mk "$(args true) | $(rule "{allow: true, type: \"c\", major: 1, minor: 1, access: \"z\"}")"; fails D'
mk "$(args sleep 1000) | $mknod_cap"
up c1
except crun 'no device rules here' check 'the filter holds for exec' shows 'open EPERM' R exec --cap CAP_MKNOD c1 hp dev c 10 229
RD c1

# --- one program for the same rules ---------------------------------------------------
if [ "$KIND" = skerry ]; then
	# noted: id and time of the program that was loaded last; note HEX: say so
	noted() { python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "trusted.skerry.devices").hex())' "$ROOT"; }
	note() { python3 -c 'import os, sys; os.setxattr(sys.argv[1], "trusted.skerry.devices", bytes.fromhex(sys.argv[2]))' "$ROOT" "$1"; }
	open_fuse() { R exec --cap CAP_MKNOD "$1" hp dev c 10 229; }
	fuse=$(rule "{allow: true, type: \"c\", major: 10, minor: 229, access: \"rwm\"}")
	mk "$(args sleep 1000) | $mknod_cap"
	up c1
	first=$(noted)
	up c2
	check 'containers with the same rules have the same program' is "$first" "$(noted)"
	mk "$(args sleep 1000) | $mknod_cap | $fuse" "$T/b3"
	up c3
	check 'other rules are another program' eval 'other=$(noted) && [ -n "$other" ] && [ "$other" != "$first" ]'
	check 'which allows more' shows 'open ok' open_fuse c3
	check 'and the shared one holds' eval 'shows "open EPERM" open_fuse c1 && shows "open EPERM" open_fuse c2'
	echo '{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}' >"$T/d.json"
	R device add c1 "$T/d.json"
	check 'device add changes one of those that share' eval \
		'shows "open ok" open_fuse c1 && shows "open EPERM" open_fuse c2'
	RD c1
	check 'the filter stays when the container it was made for goes' shows 'open EPERM' open_fuse c2
	# who could write the attribute may load programs too; what is spoilt there must do no harm
	mk "$(args sleep 1000) | $mknod_cap" "$T/b4"
	other=$(noted)
	for spoilt in "${first:0:-2}" "${other:0:8}${first:8}" "ffffffff${first:8}"; do
		note "$spoilt"
		up c4
		check "with a spoilt note (${#spoilt} digits, ${spoilt:0:8}) the rules are those of the config" shows 'open EPERM' open_fuse c4
		check 'and it is written anew' eval '[ "$(noted)" != "$spoilt" ] && is "${first:48}" "$(t=$(noted) && echo "${t:48}")"'
		RD c4
	done
	RD c2
	RD c3
fi
clean_or_fail
done_testing
