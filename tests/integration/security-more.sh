#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# security-more.sh - classes of security.sh that take other tools: a waiting init
# seen from its pid namespace, sealing without what it needs, files that are never
# written, capability tables, a frozen group under a killed delete.
. "$(dirname "$0")/lib.sh"

needs "$KIND differs by age in most of them" test "$KIND" = skerry
MARK=$T/HOSTMARK
echo HOSTMARK-content >"$MARK"
picture() {
	(cd "$1" && find . -printf '%p %y %m %U %G %s %l %T@\n' | sort && find . -type f -exec sha256sum {} + | sort)
}

# === R2 the set-up process, seen by a container that shares its pid namespace ==========
watch_waiting() {
	mk "$(args hp watch 4 "$MARK" TOPSECRET) | .process.capabilities[] += [\"CAP_DAC_READ_SEARCH\"]" "$T/watcher"
	R create watcher </dev/null >"$T/watch.out" 2>&1 || cat "$T/watch.out"
	mk "$(args sleep 1000) | .linux.namespaces |= map(if .type == \"pid\" then .path = \"/proc/$(pid_of watcher)/ns/pid\" else . end)" "$T/a"
	R start watcher
	TOPSECRET=TOPSECRET R create waits </dev/null >"$T/o" 2>&1 || cat "$T/o"
	sleep 1
	R start waits
	eventually is_status stopped watcher
	RD watcher waits
	cat "$T/watch.out" >>"$T/watched"
	grep -q 'seen [1-9]' "$T/watch.out"
}
: >"$T/watched"
tries 4 watch_waiting # on a loaded machine it may have looked when there was nobody
watched=$(<"$T/watched")
check 'CVE-2016-8659 R2.b the watcher saw the waiting init' matches "$watched" 'seen [1-9]'
check 'CVE-2016-8659 R2.b a waiting init is not reachable through its descriptors' lacks "$watched" ESCAPE
check 'CVE-2016-8659 R2.b a waiting init holds no folder that can be listed' lacks "$watched" FD-DIR
check 'CVE-2016-8659 R2.b a waiting init cannot be traced' lacks "$watched" PTRACE-OK
check 'CVE-2016-8659 R2.b its program cannot be opened for writing' lacks "$watched" EXE-WRITABLE
check 'CVE-2016-8659 R2.b the environment of the runtime cannot be read' lacks "$watched" SECRET
if [ -r "/proc/$$/status" ]; then
	mk "$(args sleep 1000)"
	R create waits </dev/null >/dev/null 2>&1
	check 'a waiting init is not dumpable: its files in /proc belong to root' is '0 0' "$(stat -c '%u %g' "/proc/$(pid_of waits)/environ")"
	RD waits
fi

# === R3 sealing without what it needs ====================================================
mk "$(args true)"
if command -v strace >/dev/null; then
	# shellcheck disable=SC2034 # for the eval below
	sealing='execveat([0-9]*, "".*= 0\|PR_SET_MM, PR_SET_MM_MAP,.*= 0'
	for call in memfd_create fsopen execveat fcntl open_tree prctl mmap; do
		strace -f -qq -o "$T/trace" -e trace=execve,execveat,prctl -e inject=$call:error=EPERM \
			timeout 60 "$SKERRY" --root "$ROOT" run r3 </dev/null >"$T/o" 2>&1
		got=$?
		# what runs the container was executed from a descriptor, or its file replaced; or nothing was run at all
		check "CVE-2019-5736 R3.e $call is refused: the runtime seals itself otherwise or says no" eval \
			'[ $got != 0 ] || grep -q "$sealing" "$T/trace"'
		RD r3
	done
	check 'CVE-2019-12439 no file with a name to guess is made in /tmp' eval \
		'strace -f -qq -o "$T/trace" -e trace=%file timeout 60 "$SKERRY" --root "$ROOT" run r3 </dev/null; ! grep -v "$T\|ENOENT" "$T/trace" | grep "\"/tmp\|\"/var/tmp"'
else
	skip 'R3.e' 'strace is missing'
fi
if [ -e /proc/sys/vm/memfd_noexec ]; then
	sealed() {
		unshare -p -f --kill-child sh -c 'mount -t proc proc /proc && echo 2 >/proc/sys/vm/memfd_noexec && exec "$@"' sh \
			timeout 60 "$SKERRY" --root "$ROOT" run r3 </dev/null
	}
	check 'CVE-2019-5736 R3.e vm.memfd_noexec is 2: the container runs or is refused, never unsealed' eval \
		'unshare -m --propagation private bash -c "$(declare -f sealed); SKERRY=$SKERRY ROOT=$ROOT; sealed" >"$T/o" 2>&1 || grep -qi "seal\|memfd\|copy" "$T/o"'
	RD r3
fi

# === R8 the root is not written to ===============================================================
complete_root() {
	rm -rf rootfs/dev && mkdir -p rootfs/dev rootfs/sys rootfs/proc
	echo host >rootfs/etc/hosts
	ln -s "$T/outside" rootfs/.krun_config.json
	ln -s "$T/outside" rootfs/etc/resolv.conf
}
mk "$(args true)"
complete_root
echo outside >"$T/outside"
picture rootfs >"$T/p1"
R run r8 </dev/null >"$T/o" 2>&1
check 'CVE-2025-24965 CVE-2026-48749 nothing is written into a root that has all mount points' eval 'picture rootfs | diff "$T/p1" - && is outside "$(cat "$T/outside")"'

# === R9 credentials ===============================================================================
mk "$(args hp self) | .process.user = {uid: 1000, gid: 1000, additionalGids: [5, 6]}"
check 'CVE-2023-25173 CVE-2022-2990 R9.b groups are exactly those asked for' eval \
	'o=$(setpriv --groups 27,44 timeout 60 "$SKERRY" --root "$ROOT" run r9) && grep -qx "groups 5 6" <<<"$o"'
if command -v setcap >/dev/null; then
	mk "$(args /capped/grep CapEff /proc/self/status) | .process.user = {uid: 1000, gid: 1000} | .process.noNewPrivileges = false"
	mkdir rootfs/capped && cp "$(command -v busybox)" rootfs/capped/grep
	if setcap cap_net_raw+i rootfs/capped/grep 2>/dev/null; then
		check 'CVE-2022-29162 R9.c a file with an inheritable capability gives none' shows 0000000000000000 R run r9
	else
		skip 'CVE-2022-29162 R9.c' 'this file system has no room for file capabilities'
	fi
else
	skip 'CVE-2022-29162 R9.c' 'setcap is missing'
fi
mk "$(args sh -c 'grep -h NoNewPrivs /proc/self/status; /suid/id -u') | .process.user = {uid: 1000, gid: 1000} | .process.noNewPrivileges = true"
mkdir rootfs/suid && cp "$(command -v busybox)" rootfs/suid/id && chmod 4755 rootfs/suid/id
check 'R9.d with no_new_privs a setuid program stays the user' prints $'NoNewPrivs:\t1\n1000' R run r9

# === R12 a hook that outlives its time =============================================================
mk "$(args true) | .hooks.createContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"sleep 97 & sleep 98\"], timeout: 1}]"
check 'R12.b a hook over its time: create fails' fails R run r12
check 'R12.b it is dead' eval '! pgrep -f "^sleep 98"'
[ -z "$(pgrep -f '^sleep 97')" ] || safe_kill KILL "$(pgrep -f '^sleep 97')"
RD r12

# === R13 a frozen group under a delete that dies =====================================================
frozen_delete() {
	local n status
	for n in $(seq 5 12 400); do
		mk "$(args sleep 1000)" "$T/frozen"
		up r13 || return 1
		R pause r13 || return 1
		NTH_OUT=$T/nth timeout 60 "$TOOLS/nth" "$n" killtree -- "$SKERRY" --root "$ROOT" delete -f r13 >/dev/null 2>&1 </dev/null
		R delete -f r13 || { echo "after call $n: delete -f fails"; return 1; }
		[ ! -e "$ROOT/r13" ] || { echo "after call $n: state is left"; return 1; }
		grep -q 'hit=1' "$T/nth" || break
	done
	status=0
	grep -rs 'frozen 1' /sys/fs/cgroup --include=cgroup.events && status=1
	echo "last call: $n"
	return $status
}
check 'R13.f delete --force of a paused container killed at its calls: never left frozen' frozen_delete
denied_open_under_update() {
	local i
	mk "$(args sh -c 'while :; do hp dev c 10 229; done') | .process.capabilities[] += [\"CAP_MKNOD\"]"
	R run r13 >"$T/opens" 2>&1 </dev/null &
	eventually is_status running r13
	for i in $(seq 30); do
		echo "{\"devices\": [{\"allow\": true, \"type\": \"c\", \"major\": 10, \"minor\": $((100 + i)), \"access\": \"rwm\"}]}" >"$T/r.json"
		R update -r "$T/r.json" r13 || break
	done
	RD r13
	wait $!
	echo "updates: $i, opens: $(grep -c open "$T/opens")"
	[ "$i" -gt 3 ] && grep -q 'open EPERM' "$T/opens" && ! grep -q 'open ok' "$T/opens"
}
check 'R13.g a denied device stays denied while rules are replaced' denied_open_under_update

# === R15 a user namespace that cannot be set up =======================================================
mk "$(args id -u) | .linux.namespaces += [{type: \"user\"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1}] | .linux.gidMappings = .linux.uidMappings | .process.user = {uid: 5, gid: 0}"
check 'CVE-2020-5291 a user that the namespace lacks: refused, never run with more' fails R run r15
mk "$(args true)"
for bad in "$T/fifo" "$MARK" "$T/none" /proc/self/ns/net; do
	[ "$bad" != "$T/fifo" ] || mkfifo "$T/fifo"
	conf ".linux.namespaces |= map(if .type == \"uts\" then .path = \"$bad\" else . end) | del(.hostname)"
	check "R15.b a uts namespace at ${bad##*/} is refused at once" eval 'TMO=30 fails R run r15'
	RD r15
done

# === R16 users by name ====================================================================================
mk "$(args sleep 1000)"
up r16
for kind in fifo zero link dir; do
	for file in passwd group; do
		rm -rf "rootfs/etc/$file"
		case $kind in
		fifo) mkfifo "rootfs/etc/$file" ;;
		zero) mknod "rootfs/etc/$file" c 1 5 ;;
		link) ln -s /proc/kmsg "rootfs/etc/$file" ;;
		dir) mkdir "rootfs/etc/$file" ;;
		esac
		check "CVE-2024-9676 exec -u bob:staff, /etc/$file is a $kind: refused at once" eval 'TMO=30 fails R exec -u bob:staff r16 true'
		rm -rf "rootfs/etc/$file"
		cp "$T/rootfs/etc/$file" "rootfs/etc/$file"
	done
done
RD r16
clean_or_fail
done_testing
