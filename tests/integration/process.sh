#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# process.sh - config.json "Process": user, groups, umask, capabilities, limits,
# no_new_privs, oom score, scheduler, I/O priority, personality, folder, words.
. "$(dirname "$0")/lib.sh"

self() {
	mk "$(args hp self) | ${1:-.}"
	R run c1
}
line() {
	grep "^$1 " <<<"$2"
}

# --- user -------------------------------------------------------------------------
check 'uid and gid' eval 'o=$(self ".process.user = {uid: 5, gid: 6}") && has "$o" "uid 5 5" && has "$o" "gid 6 6"'
check 'no supplementary groups unless asked' eval 'o=$(setpriv --groups 27,44 true; self) && grep -qx groups <<<"$o"'
mk "$(args hp self)"
check 'those of the caller are dropped' eval 'o=$(setpriv --groups 27,44 timeout 60 "$SKERRY" --root "$ROOT" run c1) && grep -qx groups <<<"$o"'
check 'additionalGids' eval 'has "$(self ".process.user = {uid: 5, gid: 6, additionalGids: [7, 8, 4294967294]}")" "groups 7 8 4294967294"'
check 'uid 4294967294' eval 'has "$(self ".process.user = {uid: 4294967294, gid: 4294967294}")" "uid 4294967294 4294967294"'
for v in 4294967295 4294967296 -1 18446744073709551616 1.5 '"root"' null; do
	mk "$(args hp self)"
	sed -i "s/\"uid\": 0/\"uid\": $v/" config.json
	[ "$v" = null ] || except 'crun runc' 'some pass' check "uid $v is refused" fails R run c1
done
RD c1
check 'umask 0022 by default' eval 'has "$(self)" "umask 0022"'
check 'umask' eval 'has "$(self ".process.user.umask = 63")" "umask 0077"'
check 'umask 0' eval 'has "$(self ".process.user.umask = 0")" "umask 0000"'
mk "$(args sh -c 'echo $HOME') | .process.user.uid = 1000"
check 'HOME of the user' prints /home/user R run c1
mk "$(args sh -c 'echo $HOME') | .process.env += [\"HOME=/mine\"]"
check 'HOME of the configuration wins' prints /mine R run c1
mk "$(args sh -c 'echo $HOME') | .process.user.uid = 4242"
check 'HOME of an unknown user is /' prints / R run c1
mk "$(args hp env)"
rm rootfs/etc/passwd
check 'no passwd at all' shows PATH= R run c1

# --- capabilities --------------------------------------------------------------------
caps() {
	mk "$(args cat /proc/self/status) | .process.capabilities = $1 | ${2:-.}"
	R run c1 | sed -n 's/^Cap\(...\):\t/\1=/p' | sort | tr '\n' ' '
}
zero=0000000000000000
c1='["CAP_KILL"]'            # bit 5
check 'no capabilities at all' is "Amb=$zero Bnd=$zero Eff=$zero Inh=$zero Prm=$zero " "$(caps '{}')"
check 'bounding only' is "Amb=$zero Bnd=0000000000000020 Eff=$zero Inh=$zero Prm=$zero " "$(caps "{bounding: $c1}" '.process.user.uid = 1000')"
check 'all five sets' is "Amb=0000000000000020 Bnd=0000000000000020 Eff=0000000000000020 Inh=0000000000000020 Prm=0000000000000020 " \
	"$(caps "{bounding: $c1, permitted: $c1, effective: $c1, inheritable: $c1, ambient: $c1}" '.process.user.uid = 1000')"
check 'ambient survives exec for a user' is "Amb=0000000000000020 Bnd=0000000000000020 Eff=0000000000000020 Inh=0000000000000020 Prm=0000000000000020 " \
	"$(caps "{bounding: $c1, permitted: $c1, effective: [], inheritable: $c1, ambient: $c1}" '.process.user.uid = 1000')"
mk "$(args grep CapAmb /proc/self/status) | .process.capabilities = {bounding: $c1, permitted: $c1, effective: $c1, ambient: $c1}"
check 'ambient without inheritable, as the default of crun has it: not given, no error' shows $zero R run c1
check 'permitted without ambient does not survive exec for a user' is "Amb=$zero Bnd=0000000000000020 Eff=$zero Inh=$zero Prm=$zero " \
	"$(caps "{bounding: $c1, permitted: $c1, effective: $c1}" '.process.user.uid = 1000')"
check 'inheritable only when asked' is "Amb=$zero Bnd=0000000000000420 Eff=0000000000000420 Inh=0000000000000400 Prm=0000000000000420 " \
	"$(caps '{bounding: ["CAP_KILL", "CAP_NET_BIND_SERVICE"], permitted: ["CAP_KILL", "CAP_NET_BIND_SERVICE"], effective: ["CAP_KILL", "CAP_NET_BIND_SERVICE"], inheritable: ["CAP_NET_BIND_SERVICE"]}')"
names=(CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
	NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT
	SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
	WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE)
mine=$(sed -n 's/^CapBnd:\t//p' /proc/self/status)
every=$(for i in "${!names[@]}"; do
	[ $((0x$mine >> i & 1)) = 0 ] || echo "CAP_${names[i]}"
done | jq -Rcn '[inputs]')
check 'every capability that we have' is "Amb=$zero Bnd=$mine Eff=$mine Inh=$zero Prm=$mine " \
	"$(caps "{bounding: $every, permitted: $every, effective: $every}")"
mk "$(args true) | .process.capabilities.bounding += [\"CAP_NO_SUCH\"]"
except 'crun runc' 'silent or other words' check 'an unknown capability is named in a warning, no error' shows \
	'ignoring unknown or unavailable capabilities: "CAP_NO_SUCH"' R run c1
if [ "$KIND" = skerry ] && command -v capsh >/dev/null; then
	mk "$(args true) | .process.capabilities.bounding += [\"CAP_SYSLOG\"]"
	check 'a capability that the runtime does not have is named in a warning, no error' shows \
		'capabilities: CAP_SYSLOG' capsh --drop=cap_syslog -- -c "timeout 60 '$SKERRY' --root '$ROOT' run c1"
fi
check 'securebits and keepcaps are off' eval 'o=$(self) && has "$o" "securebits 0" && has "$o" "keepcaps 0"'
if command -v setcap >/dev/null; then
	mk "$(args /capped/grep CapPrm /proc/self/status) | .process.user.uid = 1000 | .process.capabilities = {bounding: [\"CAP_KILL\"]}"
	mkdir rootfs/capped && cp "$(command -v busybox)" rootfs/capped/grep
	if setcap cap_kill+ep rootfs/capped/grep 2>/dev/null; then
		conf '.process.noNewPrivileges = true'
		check 'file capabilities give nothing with no_new_privs' prints "CapPrm:	$zero" R run c1
		conf '.process.noNewPrivileges = false'
		check 'file capabilities give what the bounding set allows without' prints 'CapPrm:	0000000000000020' R run c1
	else
		skip 'file capabilities' 'this file system has no room for them'
	fi
else
	skip 'file capabilities' 'setcap is not installed'
fi

# --- limits ---------------------------------------------------------------------------
limit() {
	mk "$(args hp rlimit "$1") | .process.rlimits = [{type: \"$2\", soft: $3, hard: $4}]"
	R run c1
}
for row in '0 RLIMIT_CPU' '1 RLIMIT_FSIZE' '2 RLIMIT_DATA' '3 RLIMIT_STACK' '4 RLIMIT_CORE' '6 RLIMIT_NPROC' '7 RLIMIT_NOFILE' \
	'10 RLIMIT_LOCKS' '11 RLIMIT_SIGPENDING' '12 RLIMIT_MSGQUEUE' '13 RLIMIT_NICE' '14 RLIMIT_RTPRIO' '15 RLIMIT_RTTIME'; do
	n=${row% *}
	soft=12
	hard=15
	case $row in
	*DATA | *STACK | *FSIZE | *MSGQUEUE | *SIGPENDING | *NPROC)
		soft=4096
		hard=4097
		[[ $row = *DATA || $row = *STACK || $row = *FSIZE ]] && soft=8388608 hard=8388608
		;;
	*NICE | *RTPRIO) soft=0 hard=0 ;;
	*CPU | *RTTIME) soft=1000 hard=2000 ;;
	*NOFILE) soft=64 hard=65 ;;
	esac
	check "${row#* }" prints "$soft $hard" limit "$n" "${row#* }" $soft $hard
done
# jq would round this number
mk "$(args hp rlimit 0) | .process.rlimits = [{type: \"RLIMIT_CPU\", soft: 4242, hard: 4242}]"
sed -i 's/: 4242/: 18446744073709551615/' config.json
check 'a limit of 18446744073709551615 is infinity' prints 'infinity infinity' R run c1
mk "$(args true) | .process.rlimits = [{type: \"RLIMIT_CORE\", soft: 1, hard: 1}, {type: \"RLIMIT_CORE\", soft: 0, hard: 0}]"
except crun 'takes it' check 'a limit twice is refused' fails R run c1
mk "$(args true) | .process.rlimits = [{type: \"RLIMIT_NOSUCH\", soft: 1, hard: 1}]"
check 'an unknown limit is refused and named' refuses RLIMIT_NOSUCH R run c1
mk "$(args true) | .process.rlimits = [{type: \"RLIMIT_CORE\", soft: 5, hard: 1}]"
check 'a soft limit over the hard one is refused' fails R run c1

# --- no_new_privs, oom, dumpable ----------------------------------------------------------
check 'noNewPrivileges true' eval 'has "$(self ".process.noNewPrivileges = true")" "nnp 1"'
check 'noNewPrivileges false' eval 'has "$(self ".process.noNewPrivileges = false")" "nnp 0"'
mk "$(args cat /proc/self/oom_score_adj) | .process.oomScoreAdj = 500"
check 'oomScoreAdj' prints 500 R run c1
mk "$(args cat /proc/self/oom_score_adj) | del(.process.oomScoreAdj)"
check 'no oomScoreAdj leaves it alone' prints "$(cat /proc/self/oom_score_adj)" R run c1
for v in 1001 -1001; do
	mk "$(args true) | .process.oomScoreAdj = $v"
	check "oomScoreAdj $v is refused" fails R run c1
done
mk "$(args hp signals)"
check 'no signal is blocked or ignored' prints '' R run c1
check 'not even when the caller ignores some' prints '' env --ignore-signal=HUP,INT,QUIT,PIPE timeout 60 "$SKERRY" --root "$ROOT" run c1

# --- scheduler and the like ----------------------------------------------------------------
check 'scheduler SCHED_BATCH with nice' eval 'o=$(self ".process.scheduler = {policy: \"SCHED_BATCH\", nice: 5}") && has "$o" "policy 3" && has "$o" "nice 5"'
check 'scheduler SCHED_IDLE' eval 'has "$(self ".process.scheduler = {policy: \"SCHED_IDLE\"}")" "policy 5"'
check 'scheduler SCHED_OTHER with nice 10' eval 'has "$(self ".process.scheduler = {policy: \"SCHED_OTHER\", nice: 10}")" "nice 10"'
check 'scheduler SCHED_FIFO with a priority' eval 'o=$(self ".process.scheduler = {policy: \"SCHED_FIFO\", priority: 7} | .process.capabilities[] += [\"CAP_SYS_NICE\"]" 2>&1); has "$o" "priority 7" || has "$o" "ermitted"'
check 'scheduler flag SCHED_FLAG_RESET_ON_FORK' eval 'has "$(self ".process.scheduler = {policy: \"SCHED_BATCH\", flags: [\"SCHED_FLAG_RESET_ON_FORK\"]}")" "schedflags 1"'
mk "$(args true) | .process.scheduler = {policy: \"SCHED_NOSUCH\"}"
check 'an unknown policy is refused' fails R run c1
mk "$(args true) | .process.scheduler = {policy: \"SCHED_BATCH\", flags: [\"SCHED_FLAG_NOSUCH\"]}"
check 'an unknown scheduler flag is refused' fails R run c1
for pair in 'IOPRIO_CLASS_BE 4 16388' 'IOPRIO_CLASS_IDLE 0 24576' 'IOPRIO_CLASS_BE 7 16391'; do
	read -r class prio want <<<"$pair"
	check "ioPriority $class $prio" eval "has \"\$(self '.process.ioPriority = {class: \"$class\", priority: $prio}')\" 'ioprio $want'"
done
mk "$(args true) | .process.ioPriority = {class: \"IOPRIO_CLASS_NOSUCH\", priority: 1}"
check 'an unknown I/O class is refused' fails R run c1
mk "$(args true) | .process.ioPriority = {class: \"IOPRIO_CLASS_BE\", priority: 9}"
except 'crun runc' 'take it' check 'an I/O priority over 7 is refused' fails R run c1
check 'personality LINUX32' eval 'has "$(self ".linux.personality = {domain: \"LINUX32\"}")" "personality 0x8"'
check 'personality LINUX' eval 'has "$(self ".linux.personality = {domain: \"LINUX\"}")" "personality 0"'
mk "$(args true) | .linux.personality = {domain: \"MINIX\"}"
check 'an unknown personality is refused' fails R run c1
mk "$(args hp affinity) | .process.execCPUAffinity = {initial: \"0\", final: \"0\"}"
check 'execCPUAffinity is for exec only' eval 'isnt "0 " "$(R run c1)" || [ "$(nproc)" = 1 ]'
if [ "$KIND" = skerry ]; then
	mk "$(args hp mempolicy) | .linux.memoryPolicy = {mode: \"MPOL_BIND\", nodes: \"0\"}"
	check 'memoryPolicy MPOL_BIND' prints 'mode 2 nodes 1' R run c1
	mk "$(args hp mempolicy) | .linux.memoryPolicy = {mode: \"MPOL_PREFERRED\", nodes: \"0\"}"
	check 'memoryPolicy MPOL_PREFERRED' prints 'mode 1 nodes 1' R run c1
	mk "$(args hp mempolicy) | .linux.memoryPolicy = {mode: \"MPOL_DEFAULT\"}"
	check 'memoryPolicy MPOL_DEFAULT' prints 'mode 0 nodes 0' R run c1
	mk "$(args true) | .linux.memoryPolicy = {mode: \"MPOL_NOSUCH\"}"
	check 'an unknown memory policy is refused' fails R run c1
fi

# --- folder, words, environment ----------------------------------------------------------------
mk "$(args pwd) | .process.cwd = \"/etc\""
check 'cwd' prints /etc R run c1
mk "$(args pwd) | .process.cwd = \"/made/for/me\""
check 'a missing cwd is made' prints /made/for/me R run c1
mk "$(args pwd) | .process.cwd = \"/etc/passwd\""
check 'a cwd that is a file is refused' fails R run c1
mk "$(args true) | .process.cwd = \"relative\""
except crun 'takes it' check 'a relative cwd is refused' fails R run c1
mk "$(args true) | .process.cwd = \"\""
except crun 'takes it' check 'an empty cwd is refused' fails R run c1
mk "$(args true) | del(.process.cwd)"
except crun 'takes it' check 'a missing cwd is refused' fails R run c1
mk "$(args pwd) | .process.cwd = \"/closed\" | .process.user = {uid: 1000, gid: 1000}"
mkdir -m 700 rootfs/closed && chown 1000:1000 rootfs/closed
check 'a cwd only the user may enter' prints /closed R run c1
mk "$(args true) | .process.args = []"
check 'no arguments are refused' fails R run c1
mk "$(args true) | del(.process.args)"
check 'missing arguments are refused' fails R run c1
mk "$(args true) | .process.args = [\"\"]"
check 'an empty program name is refused' fails R run c1
mk "$(args printf '%s|' 'a b' '' '*' $'x\ny')"
check 'words stay as they are' prints $'a b||*|x\ny|' R run c1
mk "$(args hp env) | .process.env = [\"A=1\", \"B=2\", \"A=3\", \"HOME=/\", \"PATH=/bin\"]"
check 'a repeated variable: the last wins, once' eval 'o=$(R run c1) && is "A=3" "$(grep ^A= <<<"$o")"'
mk "$(args true) | .process.env += [\"NOEQUALS\"]"
except 'crun runc' 'passes it on' check 'a variable without = is refused' fails R run c1
mk "$(args true) | .process.env += [\"=x\"]"
except 'crun runc' 'passes it on' check 'a variable without a name is refused' fails R run c1
mk "$(args hp env)"
check 'nothing of the environment of the runtime' eval 'o=$(SECRET=leak R run c1) && lacks "$o" leak'
mk "$(args prog) | .process.env = [\"PATH=/first:/second\"]"
mkdir rootfs/first rootfs/second
printf '#!/bin/sh\necho second\n' >rootfs/second/prog && chmod 755 rootfs/second/prog
check 'the program is looked for in the PATH of the container' prints second R run c1
printf '#!/bin/sh\necho first\n' >rootfs/first/prog
check 'what is not executable is passed over' prints second R run c1
mk "$(args ./prog) | .process.cwd = \"/dir\""
mkdir rootfs/dir && printf '#!/bin/sh\necho here\n' >rootfs/dir/prog && chmod 755 rootfs/dir/prog
check 'a relative program is relative to cwd' prints here R run c1
mk "$(args /bin/script)"
printf '#!/no/interpreter\n' >rootfs/bin/script && chmod 755 rootfs/bin/script
check 'a missing interpreter: no such file or directory' refuses 'o such file' R run c1
mk "$(args /bin/script)"
printf 'nothing executable' >rootfs/bin/script && chmod 755 rootfs/bin/script
check 'a file of no known format is refused' fails R run c1
mk "$(args sh -c 'echo $#' x $(seq 2000))"
check 'two thousand arguments' prints 2000 R run c1
clean_or_fail
done_testing
