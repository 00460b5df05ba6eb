#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# security.sh - the escapes and mistakes of other runtimes, one check each, named
# by its CVE or by its class: R1 descriptors and working folder, R2 the set-up
# process, R3 /proc/self/exe, R4 fake procfs, R5 masks, R6 terminals, R7 mount
# races, R8 writes into the root, R9 credentials, R10 numeric users, R11 ids as
# paths, R12 hooks and helpers, R13 cgroups and sysctls, R14 system calls, R15
# namespaces and keyrings, R16 files of the image, R17 memory safety.
#
# RACE_SECONDS (default 3) is how long each race runs.
. "$(dirname "$0")/lib.sh"

RACE_SECONDS=${RACE_SECONDS:-3}
MARK=$T/HOSTMARK
echo HOSTMARK-content >"$MARK"
outside=$T/outside
unmark() {
	lacks "$1" HOSTMARK-content
}
# picture FOLDER: everything that a write could change
picture() {
	(cd "$1" && find . -printf '%p %y %m %U %G %s %l\n' | sort && find . -type f -exec sha256sum {} + | sort)
}
binary_before=$(sha256sum <"$SKERRY")
userns='.linux.namespaces += [{type: "user"}, {type: "network"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'

# === R1 ============================================================================
r1_cwd() {
	local n text=
	for n in $(seq 3 40); do
		mk "$(args cat "../../../../../..$MARK") | .process.cwd = \"/proc/self/fd/$n\""
		text+=$(TMO=30 R run r1 2>&1 </dev/null)
	done
	unmark "$text"
}
exec 9</ 17</etc
check 'CVE-2024-21626 process.cwd = /proc/self/fd/N never leaves the root' r1_cwd
mk "$(args sleep 1000)"
for n in $(seq 3 40); do
	ln -s "/proc/self/fd/$n" "rootfs/l$n"
done
up r1
r1_exec_cwd() {
	local n text=
	for n in $(seq 3 40); do
		text+=$(R exec --cwd "/l$n" r1 cat "../../../../../..$MARK" 2>&1 </dev/null)
		text+=$(R exec --cwd "/proc/self/fd/$n" r1 cat "../../../../../..$MARK" 2>&1 </dev/null)
	done
	unmark "$text"
}
check 'CVE-2024-21626 exec --cwd through a link never leaves the root' r1_exec_cwd
check 'CVE-2024-21626 exec: only 0 1 2' eval 'is "0 1 2" "$(R exec r1 hp fds </dev/null | cut -d" " -f1 | xargs)"'
RD r1
mk "$(args hp fds)"
check 'CVE-2024-21626 run: only 0 1 2' eval 'is "0 1 2" "$(R run r1 </dev/null | cut -d" " -f1 | xargs)"'
mk "$(args true) | .process.cwd = \"/proc/self/fd/9\""
check 'CVE-2024-21626 a descriptor of the caller is no working folder' fails R run r1
exec 9<&- 17<&-
# folders_held PID: the folders it has open, but for its own root
folders_held() {
	local f
	for f in "/proc/$1/fd"/*; do
		[ -d "$f" ] && [ "$(stat -Lc %d:%i "$f")" != "$(stat -Lc %d:%i "/proc/$1/root")" ] && readlink "$f"
	done
}
mk "$(args sleep 1000)"
R create r1 </dev/null >/dev/null 2>&1 9</etc
except crun 'keeps folders open' check 'CVE-2016-8649 class R1.d a waiting init holds no folder of the host' eval \
	'held=$(folders_held "$(pid_of r1)"); is "" "$held"'
RD r1
mk "$(args hp handle)"
check 'CVE-2014-3519 open_by_handle_at is refused' shows EPERM R run r1

# === R2 ============================================================================
watch_variant() {
	local filter=$1 i
	mk "$(args hp watch 6 "$MARK" TOPSECRET) | $filter"
	R create w </dev/null >"$T/watch.out" 2>&1 || {
		cat "$T/watch.out"
		return 1
	}
	R start w
	for i in $(seq 25); do
		TOPSECRET=TOPSECRET R exec w true </dev/null >/dev/null 2>&1
	done
	eventually is_status stopped w
	RD w
	cat "$T/watch.out" >>"$T/watched"
	grep -q 'seen [1-9]' "$T/watch.out"
}
for variant in 'default|.' "SYS_PTRACE|.process.capabilities[] += [\"CAP_SYS_PTRACE\"]" \
	"user namespace|$userns | .process.capabilities[] += [\"CAP_SYS_PTRACE\", \"CAP_SYS_ADMIN\", \"CAP_DAC_OVERRIDE\", \"CAP_DAC_READ_SEARCH\"]"; do
	name=${variant%%|*}
	: >"$T/watched"
	tries 4 watch_variant "${variant#*|}" # on a loaded machine it may have looked when there was nobody
	cp "$T/watched" "$T/watch.$name"
	check "CVE-2016-9962 the watcher saw the runtime ($name)" matches "$(<"$T/watch.$name")" 'seen [1-9]'
	check "CVE-2016-9962 exec is not reachable through its descriptors ($name)" lacks "$(<"$T/watch.$name")" ESCAPE
	check "CVE-2016-9962 exec holds no folder that can be listed ($name)" lacks "$(<"$T/watch.$name")" FD-DIR
	[ "$name" = SYS_PTRACE ] ||
		check "CVE-2016-9962 CVE-2016-8659 exec cannot be traced before it is the program ($name)" lacks "$(<"$T/watch.$name")" PTRACE-OK
	check "CVE-2019-5736 the program of the runtime cannot be opened for writing ($name)" lacks "$(<"$T/watch.$name")" EXE-WRITABLE
	check "R2.c the environment of the runtime cannot be read ($name)" lacks "$(<"$T/watch.$name")" SECRET
done

# === R3 ============================================================================
mk "$(args /entry)"
printf '#!/proc/self/exe\n' >rootfs/entry && chmod 755 rootfs/entry
R run r3 >"$T/o" 2>&1 </dev/null
check 'CVE-2019-5736 CVE-2020-14298 #!/proc/self/exe: the binary is unchanged' is "$binary_before" "$(sha256sum <"$SKERRY")"
mk "$(args /proc/self/exe --version)"
R run r3 >"$T/o" 2>&1 </dev/null
check 'CVE-2019-5736 args /proc/self/exe: the binary is unchanged' is "$binary_before" "$(sha256sum <"$SKERRY")"
mk "$(args sh -c 'for i in 1 2 3 4 5 6 7 8; do (echo evil >/proc/self/exe); done 2>/dev/null; sleep 1000')"
up r3
R exec r3 /proc/self/exe --version >/dev/null 2>&1 </dev/null
R exec r3 sh -c 'for p in /proc/[0-9]*; do echo evil >$p/exe; done' >/dev/null 2>&1 </dev/null
check 'CVE-2019-5736 exec of /proc/self/exe: the binary is unchanged' is "$binary_before" "$(sha256sum <"$SKERRY")"
RD r3
if command -v strace >/dev/null && [ "$KIND" = skerry ]; then
	mk "$(args true)"
	timeout 60 strace -f -qq -e trace=execve,execveat,prctl -o "$T/trace" "$SKERRY" --root "$ROOT" run r3 </dev/null >/dev/null 2>&1
	check 'R3 the runtime runs from a read-only mount of its file before it enters a container' \
		grep -q 'execveat(.*= 0\|PR_SET_MM, PR_SET_MM_MAP,.*= 0' "$T/trace"
	mk "$(args hp watch 3 "$MARK" TOPSECRET) | .process.capabilities[] += [\"CAP_SYS_PTRACE\"]"
	R create w </dev/null >"$T/watch.out" 2>&1
	R start w
	TOPSECRET=TOPSECRET strace -f -qq -o /dev/null -e trace=capset -e inject=capset:delay_enter=500000 \
		timeout 60 "$SKERRY" --root "$ROOT" exec w true </dev/null >/dev/null 2>&1
	eventually is_status stopped w
	RD w
	check 'R2.c who may trace saw the runtime while it waited' matches "$(<"$T/watch.out")" 'seen [1-9]'
	check 'R2.c its environment is gone by then' lacks "$(<"$T/watch.out")" SECRET
fi

# === R4 ============================================================================
for link in proc sys; do
	mk "$(args true)"
	rmdir "rootfs/$link" && mkdir rootfs/evil && ln -s /evil "rootfs/$link"
	except crun 'mounts there' check "CVE-2019-19921 CVE-2023-28642 CVE-2025-54867 CVE-2025-62596 /$link of the root is a link: refused" fails R run r4
	RD r4
	mk "$(args true)"
	rmdir "rootfs/$link" && ln -s ../../../../../../../tmp "rootfs/$link"
	check "CVE-2023-27561 /$link leads out of the root: no mount on the host" eval 'R run r4 >/dev/null 2>&1; ! grep -q " /tmp proc\| /tmp sysfs" /proc/self/mountinfo'
	RD r4
done
mk "$(args cat /proc/sys/net/ipv4/ip_default_ttl) | .linux.namespaces += [{type: \"network\"}] | .linux.sysctl = {\"net.ipv4.ip_default_ttl\": \"99\"} |
	.mounts |= map(select(.destination != \"/proc\")) + [{destination: \"/proc\", type: \"bind\", source: \"$T/fakeproc\", options: [\"bind\"]}]"
mkdir -p "$T/fakeproc/sys/net/ipv4" "$T/fakeproc/self/attr"
echo fake >"$T/fakeproc/sys/net/ipv4/ip_default_ttl"
echo fake >"$T/fakeproc/self/attr/exec"
except crun 'writes it' check 'CVE-2019-16884 CVE-2025-52881 a fake /proc takes no sysctl' eval 'R run r4 >"$T/o" 2>&1; is fake "$(cat "$T/fakeproc/sys/net/ipv4/ip_default_ttl")"'
RD r4
for over in /proc/self/attr /proc/self /proc/sys /proc/sys/kernel /proc/1; do
	mk "$(args true) | .mounts += [{destination: \"$over\", type: \"tmpfs\", source: \"tmpfs\"}]"
	except 'crun runc' 'some are allowed' check "CVE-2019-16884 CVE-2019-18837 CVE-2015-1334 CVE-2015-3631 CVE-2025-52881 a mount over $over is refused" fails R run r4
	RD r4
done
mk "$(args true) | .mounts += [{destination: \"/x\", type: \"tmpfs\", source: \"t\"}, {destination: \"/x/../proc/self\", type: \"tmpfs\", source: \"t\"}]"
except 'crun runc' 'allow it' check 'CVE-2025-52881 nor by way of ..' fails R run r4
RD r4
mk "$(args true) | .mounts += [{destination: \"/link/self\", type: \"tmpfs\", source: \"t\"}]"
ln -s proc rootfs/link
except 'crun' 'allows it' check 'CVE-2025-52881 nor by way of a link' fails R run r4
RD r4

# === R5 ============================================================================
null_trick() {
	mk "$(args cat /proc/keys /proc/sys/kernel/hostname) | .linux.maskedPaths = [\"/proc/keys\"] | .hostname = \"tricky\" |
		.mounts |= map(select(.destination | startswith(\"/dev\") | not)) + [{destination: \"/dev\", type: \"bind\", source: \"$T/fakedev\", options: [\"bind\"]}]"
	rm -rf "$T/fakedev" && mkdir -p "$T/fakedev"
	if [ "$1" = link ]; then
		ln -s /proc/sys/kernel/hostname "$T/fakedev/null"
	else
		echo secretfile >"$T/fakedev/null"
	fi
	R run r5 >"$T/o" 2>/dev/null </dev/null
	RD r5
}
except 'crun runc' 'this version is open to it' check 'CVE-2025-31133 CVE-2025-62161 /dev/null is a link: the mask does not expose its target' eval 'null_trick link; [ "$(grep -c tricky "$T/o")" -le 1 ]'
except 'crun runc' 'this version is open to it' check 'CVE-2025-31133 /dev/null is a plain file: the mask does not expose it' eval 'null_trick file; ! grep -q secretfile "$T/o"'
mk "$(args true)"
check 'CVE-2018-10892 CVE-2017-16539 the default masks hold /proc/acpi and /proc/scsi' jq -e '.linux.maskedPaths | contains(["/proc/acpi", "/proc/scsi"])' config.json
except 'crun runc' 'older than the list' check 'CVE-2020-8694 the default masks hold powercap and interrupts' jq -e '.linux.maskedPaths | map(select(test("powercap|interrupts"))) | length >= 1' config.json

# === R6 ============================================================================
for target in /proc/sysrq-trigger "$T/outside-file" dir fifo; do
	mk "$(args true) | .process.terminal = true | .mounts |= map(select(.destination | startswith(\"/dev\") | not))"
	echo keep >"$T/outside-file"
	case $target in
	dir) mkdir rootfs/dev/console ;;
	fifo) mkfifo rootfs/dev/console ;;
	*) ln -s "$target" rootfs/dev/console ;;
	esac
	check "CVE-2025-52565 /dev/console of the root is ${target##*/}: nothing outside is touched" eval \
		'timeout -k 5 60 script -qec "timeout 60 $SKERRY --root $ROOT run r6" /dev/null </dev/null >/dev/null 2>&1; is keep "$(cat "$T/outside-file")" && ! grep -q outside-file /proc/self/mountinfo'
	RD r6
done
mk "$(args hp tiocsti)"
check 'CVE-2017-5226 CVE-2016-2568 CVE-2016-2779 no input reaches the terminal of the operator' eval \
	'o=$(timeout -k 5 60 script -qec "$SKERRY --root $ROOT run r6" /dev/null </dev/null); lacks "$o" INJECTED && has "$o" "tiocsti 0"'
mk "$(args sleep 1000)"
up r6
check 'CVE-2016-10124 nor by exec' eval \
	'o=$(timeout -k 5 60 script -qec "$SKERRY --root $ROOT exec r6 hp tiocsti" /dev/null </dev/null); lacks "$o" INJECTED && has "$o" "tiocsti 0"'
RD r6

# === R7 ============================================================================
race_mounts() {
	local end hostdir=$T/racehost vol=$T/racevol swapper runs=0
	rm -rf "$hostdir" "$vol"
	mkdir -p "$hostdir" "$vol/a"
	ln -s "../../../../../../../../../../..$hostdir" "$vol/b"
	mk "$(args ls -A /vol/a/sub) | .mounts += [{destination: \"/vol\", type: \"bind\", source: \"$vol\", options: [\"rbind\", \"rprivate\"]},
		{destination: \"/vol/a/sub\", type: \"tmpfs\", source: \"t\"},
		{destination: \"/vol/a/file1\", type: \"bind\", source: \"$MARK\", options: [\"bind\"]},
		{destination: \"/vol/a/d1/d2\", type: \"bind\", source: \"$T/share\", options: [\"bind\"]}]"
	mkdir -p "$T/share"
	"$TOOLS/hp" swap "$vol/a" "$vol/b" $((RACE_SECONDS + 20)) &
	swapper=$!
	end=$((SECONDS + RACE_SECONDS))
	: >"$T/race.out"
	while [ $SECONDS -lt $end ]; do
		R run r7 >>"$T/race.out" 2>/dev/null </dev/null
		RD r7
		runs=$((runs + 1))
	done
	safe_kill KILL $swapper
	wait $swapper 2>/dev/null
	echo "runs: $runs"
	[ $runs -gt 5 ] || return 1
	[ -z "$(ls -A "$hostdir")" ] || { ls -lA "$hostdir"; return 1; }
	! grep "$hostdir" /proc/self/mountinfo
}
except 'crun runc' 'this version is open to it' check 'CVE-2024-45310 CVE-2021-30465 CVE-2015-3627 CVE-2017-1002101 CVE-2021-25741 CVE-2024-0132 CVE-2025-23359 nothing is made or mounted outside while the destination is swapped' race_mounts
check 'CVE-2021-30465 nothing of the host is seen inside' eval '! grep -qx "boot\|usr\|lib64" "$T/race.out"'
mk "$(args true)"
cp /proc/self/mountinfo "$T/m1"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	R run r7 </dev/null >/dev/null 2>&1
done
check 'R7.e the mounts of the host are the same after ten runs' eval 'diff <(cut -d" " -f3- "$T/m1") <(cut -d" " -f3- /proc/self/mountinfo)'
mk "$(args sh -c 'mount -t tmpfs x /mnt && cat /proc/self/mountinfo') | .process.capabilities[] += [\"CAP_SYS_ADMIN\"]"
check 'R7.e a mount inside does not come out' eval 'R run r7 >"$T/o" 2>&1; [ "$(wc -l </proc/self/mountinfo)" = "$(wc -l <"$T/m1")" ]'

# === R8 ============================================================================
dev_link() {
	rm -rf "$outside" && mkdir -p "$outside" && echo plain >"$outside/ptmx"
	picture "$outside" >"$T/p1"
	mk "$(args true) | $1"
	rmdir rootfs/dev && ln -s "../../../../../../../../..$outside" rootfs/dev
	R run r8 >/dev/null 2>&1 </dev/null
	RD r8
	picture "$outside" | diff "$T/p1" -
}
check 'CVE-2026-41579 CVE-2026-47766 /dev of the root is a link, with a mount on /dev' dev_link .
except 'crun runc' 'this version is open to it' check 'CVE-2026-41579 CVE-2026-47766 /dev of the root is a link, without one' dev_link \
	'.mounts |= map(select(.destination | startswith("/dev") | not))'
names_swept() {
	local name form bad=0
	for name in dev/null dev/zero dev/fd dev/stdin dev/ptmx dev/console dev/shm dev/pts dev/mqueue etc etc/hosts run tmp proc sys sys/fs work; do
		for form in "$outside" "../../../../../../../../../..$outside" self; do
			rm -rf "$outside" && mkdir -p "$outside/d" && echo keep >"$outside/f" && ln -s x "$outside/l"
			picture "$outside" >"$T/p1"
			mk "$(args true) | .process.cwd = \"/work\" | .mounts += [{destination: \"/etc/hosts\", type: \"bind\", source: \"$MARK\", options: [\"bind\"]},
				{destination: \"/run\", type: \"tmpfs\", source: \"t\"}] | $1"
			rm -rf "rootfs/$name"
			mkdir -p "$(dirname "rootfs/$name")"
			[ "$form" = self ] && ln -s "/$name" "rootfs/$name" || ln -s "$form" "rootfs/$name"
			TMO=30 R run r8 >/dev/null 2>&1 </dev/null
			[ $? -lt 124 ] || { echo "$name -> $form: status over 124"; bad=1; }
			RD r8
			picture "$outside" | diff "$T/p1" - || { echo "$name -> $form: changed"; bad=1; }
		done
	done
	return $bad
}
check 'CVE-2015-1335 CVE-2025-9566 CVE-2026-55686 CVE-2024-9341 CVE-2024-5154 every name the runtime writes to, replaced by a link: nothing outside changes' names_swept .
except 'crun runc' 'this version is open to it' check 'the same without a mount on /dev' names_swept '.mounts |= map(select(.destination | startswith("/dev") | not))'
mk "$(args true) | .mounts += [{destination: \"/etc/hosts\", type: \"bind\", source: \"$MARK\", options: [\"bind\"]}]"
echo precious >"$T/precious" && ln "$T/precious" rootfs/etc/hosts
R run r8 >/dev/null 2>&1 </dev/null
check 'R8.d a hard link at a mount point is not emptied' is precious "$(<"$T/precious")"

# === R9 ============================================================================
mk "$(args grep CapInh /proc/self/status)"
check 'CVE-2022-29162 CVE-2022-27649 CVE-2022-27650 CVE-2022-27651 CVE-2022-24769 CVE-2025-27612 run: nothing inheritable' shows 0000000000000000 R run r9
mk "$(args sleep 1000)"
up r9
check 'CVE-2022-29162 exec --cap: nothing inheritable' shows 0000000000000000 R exec --cap CAP_NET_RAW r9 grep CapInh /proc/self/status
check 'CVE-2016-8867 exec as a user: no ambient capabilities' shows 0000000000000000 R exec -u 1000 --cap CAP_NET_RAW r9 grep CapAmb /proc/self/status
check 'CVE-2022-36109 CVE-2022-2995 exec: groups of the caller are dropped' eval \
	'o=$(setpriv --groups 27,44 timeout 60 "$SKERRY" --root "$ROOT" exec -u 1000:1000 r9 hp self) && grep -qx groups <<<"$o"'
RD r9
mk "$(args hp self) | .process.user = {uid: 1000, gid: 1000}"
check 'CVE-2022-36109 CVE-2022-2989 CVE-2022-2995 run: groups of the caller are dropped' eval \
	'o=$(setpriv --groups 27,44 timeout 60 "$SKERRY" --root "$ROOT" run r9) && grep -qx groups <<<"$o"'

# === R10 ===========================================================================
mk "$(args sleep 1000)"
printf 'root:x:0:0::/:/bin/sh\n1001:x:0:0::/:/bin/sh\n4294967296:x:0:0::/:/bin/sh\nevil:x:4294967296:4294967296::/:/bin/sh\nminus:x:-1:-1::/:/bin/sh\n' >rootfs/etc/passwd
up r10
r10() {
	local value=$1 got
	got=$(R exec -u "$value" r10 id -u 2>/dev/null) || return 0
	is "${value%%:*}" "$got"
}
for value in 1 1:1 0 1001 4294967294 4294967295 4294967296 -1 65536:-1 +0 0x0 ' 0' 1a '' : 1: :1 1:2:3 99999999999999999999 2147483648 18446744073709551616 evil minus; do
	except 'crun runc' 'some pass' check "CVE-2024-40635 CVE-2026-30892 CVE-2016-3697 CVE-2026-46680 exec -u \"$value\": that number or refused" r10 "$value"
done
RD r10

# === R11 ===========================================================================
mkdir -p "$T/parent/keep" "$T/parent/root" && echo f >"$T/parent/keep/f"
mk "$(args true)"
ids=(.. . ../x ../keep a/b '' -x 'a b' $'a\nb' /abs "$(printf 'i%.0s' $(seq 1100))" $'\001' 'á' '..\x00' '...' '.hidden')
r11() {
	local id command
	picture "$T/parent" >"$T/p1"
	for id in "${ids[@]}"; do
		timeout 60 "$SKERRY" --root "$T/parent/root" $1 "$id" ${2:-} >/dev/null 2>&1 </dev/null
		case $?/$1/$id in
		0/delete\ -f/* | 0/delete\ --force/*) ;; # unknown ids are no error there
		0/create/*... | 0/run/*... | 0/*/...) timeout 60 "$SKERRY" --root "$T/parent/root" delete -f "$id" >/dev/null 2>&1 ;;
		0/*) echo "$1 \"$id\" succeeded"; return 1 ;;
		124/*) echo "$1 \"$id\" hangs"; return 1 ;;
		esac
	done
	picture "$T/parent" | grep -v '^\./root' | diff <(grep -v '^\./root' "$T/p1") -
}
for command in create run start kill delete 'delete -f' state exec pause resume ps events update checkpoint restore; do
	rest=
	[ "$command" = exec ] && rest=true
	except 'crun runc' 'allow more ids' check "CVE-2025-0750 class R11 $command: hostile ids touch nothing and are refused" r11 "$command" $rest
done
for path in /../../../esc ../esc a/../../esc /a/./../../esc; do
	mk "$(args true) | .linux.cgroupsPath = \"$path\""
	check "R11.b cgroupsPath $path makes nothing outside" eval 'R run r11 >/dev/null 2>&1; [ ! -e /sys/fs/esc ] && [ ! -e /sys/esc ] && [ ! -e /esc ] && [ ! -e "$T/esc" ]'
	RD r11
	find /sys/fs/cgroup -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null
	[ ! -d /esc ] || rmdir /esc # where the peers made it
done

# === R12 ===========================================================================
hook_env() {
	jq -cn --arg c "env >>$T/hookenv" '[{path: "/bin/sh", args: ["sh", "-c", $c]}]'
}
mk "$(args true) | .process.env += [\"LD_PRELOAD=/evil.so\", \"EVIL=1\"] | .hooks.prestart = $(hook_env) | .hooks.createRuntime = $(hook_env) |
	.hooks.createContainer = $(hook_env) | .hooks.poststart = $(hook_env) | .hooks.poststop = $(hook_env)"
R run r12 >/dev/null 2>&1 </dev/null
except runc 'this version is open to it' check 'CVE-2025-23266 no hook of the host gets the environment of the container' eval '[ -s "$T/hookenv" ] && ! grep -q "EVIL\|LD_PRELOAD" "$T/hookenv"'
mk "$(args sleep 1000)"
for f in usr/bin/nsenter usr/bin/criu usr/bin/ps usr/bin/xz etc/ld.so.preload lib64/libnss_files.so.2; do
	mkdir -p "rootfs/$(dirname $f)"
	printf '#!/bin/sh\ntouch %s/canary-ran\n' "$T" >"rootfs/$f" && chmod 755 "rootfs/$f"
done
up r12
R ps r12 >/dev/null 2>&1
R exec r12 true
R exec -u root r12 true >/dev/null 2>&1
R exec r12 id >/dev/null 2>&1
RD r12
check 'CVE-2019-14271 CVE-2022-1227 no program of the root is run by the runtime' test ! -e "$T/canary-ran"

# === R13 ===========================================================================
mk "$(args sh -c 'find /sys/fs/cgroup -type f | while read f; do [ -w $f ] && (: >>$f) 2>/dev/null && echo WRITABLE $f; done; mount | grep cgroup; find / -xdev -name release_agent 2>/dev/null; true')"
check 'CVE-2022-0492 CVE-2021-4154 no cgroup file is writable, no release_agent' eval 'o=$(R run r13) && lacks "$o" WRITABLE && lacks "$o" release_agent'
for key in '../../cgroup.procs' 'memory.max/../x' '/cgroup.procs' 'cgroup.procs' '' '.' '..'; do
	mk "$(args true) | .linux.resources.unified = {\"$key\": \"1\"}"
	except 'crun runc' 'some pass' check "CVE-2023-6476 unified key \"$key\" is refused" fails R run r13
	RD r13
done
core=$(cat /proc/sys/kernel/core_pattern)
for pair in 'kernel.core_pattern|x' 'net/../kernel/core_pattern|x' 'kernel.shm_rmid_forced|1\n+kernel.core_pattern=|x'; do
	mk "$(args true) | .linux.sysctl = {\"${pair%%|*}\": \"${pair#*|}\"}"
	except 'crun runc' 'some write the value as it is' check "CVE-2022-0811 CVE-2024-3154 sysctl ${pair%%|*} is refused" fails R run r13
	RD r13
done
check 'CVE-2022-0811 core_pattern of the host is as it was' is "$core" "$(cat /proc/sys/kernel/core_pattern)"
bombs() {
	local i
	mk "$(args sh -c 'b() { b & b & wait; }; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (while :; do sleep 0.01 & sleep 0.01; done) & done; sleep 1000') | .linux.namespaces |= map(select(.type != \"pid\"))"
	for i in 1 2 3; do
		up r13 || return 1
		sleep 0.3
		R delete -f r13 || return 1
		eventually eval '! pgrep -f "sleep 0.01"' || return 1
	done
}
check 'R13.e delete --force ends a container that forks all the time' bombs

# === R14 ===========================================================================
mk "$(args hp abi) | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", architectures: [\"SCMP_ARCH_X86_64\"], syscalls: [{names: [\"mkdir\", \"mkdirat\"], action: \"SCMP_ACT_ERRNO\"}]}"
R run r14 >"$T/o" 2>&1
check 'R14.a a denied call is not reached through another table' eval '[ ! -d rootfs/tmp/x32 ] && [ ! -d rootfs/tmp/i386 ] && [ ! -d rootfs/tmp/native ] && [ ! -d rootfs/tmp/mkdirat ]'
mk "$(args true) | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"execve\", \"execveat\"], action: \"SCMP_ACT_ERRNO\"}]}"
check 'R14.f a filter that denies what the runtime still needs: an error, no hang' eval 'TMO=30 fails R run r14'
RD r14

# === R15 ===========================================================================
mk "$(args hp keyring)"
"$TOOLS/hp" keyring >"$T/k0"
R run r15a >"$T/k1" 2>&1
R run r15b >"$T/k2" 2>&1
check 'R15.a each container has a session keyring of its own' eval 'isnt "$(cat "$T/k0")" "$(cat "$T/k1")" && isnt "$(cat "$T/k1")" "$(cat "$T/k2")" && matches "$(cat "$T/k1")" "^[0-9]+$"'
mk "$(args cat /proc/self/setgroups) | $userns"
check 'CVE-2014-8989 setgroups of a user namespace made by root is as the kernel gives it' shows allow R run r15
mk "$(args true) | .linux.namespaces |= map(select(.type != \"mount\"))"
check 'R15.d without a mount namespace: refused, or the mounts of the host do not change' eval \
	'cut -d" " -f3- /proc/self/mountinfo >"$T/m1"; R run r15 >/dev/null 2>&1 </dev/null; RD r15; cut -d" " -f3- /proc/self/mountinfo | diff "$T/m1" -'
while grep -q " $B/rootfs" /proc/self/mountinfo; do
	umount -l "$(awk -v b="$B/rootfs" 'index($5, b) == 1 { p = $5 } END { print p }' /proc/self/mountinfo)" || break
done

# === R16 ===========================================================================
passwd_is() {
	mk "$(args true) | .process.user.uid = 1000"
	rm rootfs/etc/passwd
	case $1 in
	fifo) mkfifo rootfs/etc/passwd ;;
	zero) mknod rootfs/etc/passwd c 1 5 ;;
	dir) mkdir rootfs/etc/passwd ;;
	link) ln -s /proc/kmsg rootfs/etc/passwd ;;
	out) ln -s "../../../../../../..$MARK" rootfs/etc/passwd ;;
	loop) ln -s passwd rootfs/etc/passwd ;;
	line) head -c 50000000 /dev/zero | tr '\0' x >rootfs/etc/passwd ;;
	lines) yes 'u:x:5:5::/:/bin/sh' | head -n 1000000 >rootfs/etc/passwd ;;
	socket) python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind("rootfs/etc/passwd")' ;;
	esac
	(ulimit -v 262144 2>/dev/null; TMO=30 R run r16 >"$T/o" 2>&1 </dev/null)
	case $? in 124 | 137 | 139 | 134) cat "$T/o"; RD r16; return 1 ;; esac
	RD r16
}
for kind in fifo zero dir link out loop line lines socket; do
	except 'crun runc' 'some hang or grow' check "CVE-2024-9676 CVE-2025-4437 CVE-2026-47262 /etc/passwd is a $kind: no hang, no growth" passwd_is $kind
done
mk "$(args cat /etc/passwd) | .process.env += [\"HOME=/x\nroot2::0:0::/:/bin/sh\"]"
check 'CVE-2022-4318 CVE-2026-15809 CVE-2026-23953 a newline in HOME injects nothing' eval 'R run r16 >"$T/o" 2>&1; ! grep -q "^root2:" "$T/o"'
RD r16
mk "$(args true)"
for f in skerry.json .skerry config.nspawn .krun_config.json; do
	echo '{"process": {"args": ["false"]}}' | tee "rootfs/$f" >"$f"
done
check 'CVE-2026-40226 no other file of the bundle or the root is read as configuration' R run r16

# === R17 ===========================================================================
long_links() {
	local i part
	part=$(printf 'p%.0s' $(seq 200))
	mk "$1"
	for i in $(seq 0 38); do
		ln -s "l$((i + 1))/$part" "rootfs/l$i"
	done
	mkdir rootfs/l39
	TMO=30 R run r17 >"$T/o" 2>&1 </dev/null
	case $? in 124 | 13[0-9]) cat "$T/o"; RD r17; return 1 ;; esac
	RD r17
}
check 'R17.a a chain of long links as mount destination' long_links "$(args true) | .mounts += [{destination: \"/l0/x\", type: \"tmpfs\", source: \"t\"}]"
check 'R17.a as working folder' long_links "$(args true) | .process.cwd = \"/l0/x\""
check 'R17.a as masked path' long_links "$(args true) | .linux.maskedPaths = [\"/l0/x\"]"
check 'R17.a as device path' long_links "$(args true) | .linux.devices = [{path: \"/l0/x\", type: \"c\", major: 1, minor: 3}]"
check 'R17.a as root' eval 'mk "$(args true) | .root.path = \"$(printf "d/%.0s" $(seq 3000))\""; TMO=30 fails R run r17'
mk "$(args true) | .linux.namespaces += [{type: \"user\"}, {type: \"network\"}] |
	.linux.uidMappings = [range(0; 3000) | {containerID: ., hostID: (100000 + . * 2), size: 1}] | .linux.gidMappings = .linux.uidMappings"
check 'CVE-2021-43784 id maps over 64 KiB are refused, not cut' fails R run r17
RD r17

check 'the binary of the runtime is the same at the end' is "$binary_before" "$(sha256sum <"$SKERRY")"
check 'the mark of the host is the same at the end' is HOSTMARK-content "$(<"$MARK")"
clean_or_fail
done_testing
