#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# rootless-native.sh - as uid 1000 without subordinate ids and without a cgroup
# of its own: a user namespace with one mapped id.  Subordinate ids, delegated
# cgroups and the user's service manager are checked in the virtual machine.
. "$(dirname "$0")/lib.sh"

U=$T/user
mkdir -p "$U/b" "$U/state"
cp -a "$T/rootfs" "$U/b/rootfs"
chown -R 1000:1000 "$U"
needs 'user namespaces are not open to users here' setpriv --reuid 1000 --regid 1000 --clear-groups unshare -Ur true

# as_user COMMAND...
as_user() {
	(cd "$U/b" && exec setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all \
		env -u SKERRY_LANE HOME="$U" XDG_RUNTIME_DIR="$U/run" "$@")
}
U_() {
	as_user timeout -k 5 60 "$SKERRY" --root "$U/state" "$@"
}
conf_user() {
	as_user "$SKERRY" spec --rootless -b "$U/spec" >/dev/null
	jq "(.process.terminal = false) | (.root.readonly = false) | ${1:-.}" "$U/spec/config.json" >"$U/b/config.json"
	chown 1000:1000 "$U/b/config.json"
}
mkdir -p "$U/run" "$U/spec"
chown -R 1000:1000 "$U/run" "$U/spec"
as_user "$SKERRY" spec --rootless -b "$U/spec"
check 'spec --rootless maps the own id' jq -e '.linux.uidMappings == [{containerID: 0, hostID: 1000, size: 1}]' "$U/spec/config.json"
rm -f "$U/spec/config.json"

conf_user "$(args hp self)"
rm -f "$U/spec/config.json"
check 'run as uid 1000: root inside' shows 'uid 0 0' U_ run c1
check 'setgroups is denied' eval 'conf_user "$(args cat /proc/self/setgroups)"; rm -f "$U/spec/config.json"; prints deny U_ run c1'
conf_again() {
	rm -f "$U/spec/config.json"
	conf_user "$1"
}
conf_again "$(args cat /proc/self/uid_map)"
check 'one mapped id' eval 'is "0 1000 1" "$(U_ run c1 | xargs)"'
conf_again "$(args sh -c 'exit 42')"
check 'exit status' status 42 U_ run c1
conf_again "$(args sh -c 'echo x >/dev/null && touch /tmp/f && ls /proc/1 >/dev/null && echo fine')"
check '/dev, /proc and the root work' prints fine U_ run c1
check 'files made inside belong to the user' is 1000 "$(stat -c %u "$U/b/rootfs/tmp/f")"
conf_again "$(args sh -c 'echo 1 >/sys/fs/cgroup/cgroup.procs || find /sys/fs/cgroup -maxdepth 2 -name "cgroup.*" -writable | grep -q . && echo WRITABLE; true')"
check 'CVE-2023-25809 no cgroup file of the host is writable' hides WRITABLE U_ run c1
conf_again "$(args true) | .process.user.additionalGids = [5]"
check 'groups that are not mapped are refused' fails U_ run c1
conf_again "$(args true) | .process.user.uid = 5"
check 'a user that is not mapped is refused' fails U_ run c1
conf_again "$(args true) | .linux.uidMappings[0].size = 65536"
check 'a map of ids that are not ours is refused' fails U_ run c1
conf_again "$(args true) | .linux.uidMappings[0].hostID = 0"
check 'mapping root of the host is refused' fails U_ run c1
conf_again "$(args true) | .linux.namespaces |= map(select(.type != \"user\"))"
except crun 'makes one itself' check 'without a user namespace: refused' fails U_ run c1
conf_again "$(args true) | .linux.sysctl = {\"kernel.core_pattern\": \"x\"}"
check 'a sysctl of the host is refused' fails U_ run c1
conf_again "$(args true) | .linux.resources.pids.limit = 5"
check 'a limit that cannot be set is refused, or the container runs with --rootless' eval 'U_ run c1 >"$T/o" 2>&1; s=$?; [ $s = 0 ] || [ -s "$T/o" ]'
conf_again "$(args sleep 1000)"
check 'create' eval 'U_ create c2 </dev/null >"$T/o" 2>&1 || { cat "$T/o"; false; }'
check 'state' eval 'U_ state c2 | jq -e ".status == \"created\""'
check 'start' U_ start c2
check 'exec' shows 'uid 0 0' U_ exec c2 hp self
check 'list' eval 'U_ list -q | grep -qx c2'
check 'kill' U_ kill c2 KILL
check 'delete' eventually U_ delete c2
conf_again "$(args sleep 1000)"
check 'run -d and delete --force' eval 'U_ run -d c3 </dev/null >/dev/null 2>&1; U_ delete -f c3'
check 'the state folder belongs to the user and is closed to others' eval 'is 1000 "$(stat -c %u "$U/state")"; [ -z "$(find "$U/state" -perm /022 -type d)" ]'
check 'the default root is below XDG_RUNTIME_DIR' eval 'as_user timeout 60 "$SKERRY" run -d c4 </dev/null >/dev/null 2>&1; find "$U/run" -name c4 | grep -q .; s=$?; as_user timeout 60 "$SKERRY" delete -f c4; [ $s = 0 ]'
# root of a namespace that a user made, where the kernel denies setgroups(2) from the first to the last
conf_again "$(args hp self) | .linux.uidMappings[0].hostID = 0 | .linux.gidMappings[0].hostID = 0"
except 'crun runc' 'need a group or a session bus' check 'run as root of the user namespace of a user' shows 'uid 0 0' \
	as_user unshare -Ur timeout 60 "$SKERRY" --root "$U/state2" --cgroup-manager disabled run -b "$U/b" c5
conf_again "$(args true) | .linux.uidMappings[0].hostID = 0 | .linux.gidMappings[0].hostID = 0 | .process.user.additionalGids = [0]"
except 'crun runc' 'other words' check 'which cannot set groups' refuses 'additional groups need' \
	as_user unshare -Ur timeout 60 "$SKERRY" --root "$U/state2" --cgroup-manager disabled run -b "$U/b" c5
if [ "$KIND" = skerry ] && as_user test -r "$TOP/runtime/demo/run" -a -x "$SKERRY"; then
	check 'the demonstration works for an ordinary user' shows skerry-demo \
		as_user env TMPDIR="$U" timeout 60 "$TOP/runtime/demo/run" "$SKERRY"
else
	skip 'the demonstration works for an ordinary user' 'the checkout is closed to other users'
fi
R_as_root_sees=$(R list -q 2>/dev/null)
check 'root sees none of it' is '' "$R_as_root_sees"
clean_or_fail
done_testing
