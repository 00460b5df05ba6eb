#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# seccomp.sh - linux.seccomp: actions, errno, argument operators, foreign system
# call tables, flags, the notification socket, unknown names, the cache.
. "$(dirname "$0")/lib.sh"

arch=$(uname -m)
needs 'the checks of other system call tables know x86-64 only' [ "$arch" = x86_64 ]

# numbers of x86-64
getppid=110
getuid=102
personality=135
unknown=999

S() {
	echo ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", architectures: [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"], syscalls: [$1]} | ${2:-.}"
}
call() {
	mk "$(args hp call "${@:2}") | $1"
	R run c1
}
rule() {
	echo "{names: [\"$1\"], action: \"$2\" ${3:+, $3}}"
}

# --- actions ---------------------------------------------------------------------
check 'ALLOW' prints ok call "$(S "$(rule getppid SCMP_ACT_ALLOW)")" $getppid
check 'ERRNO is EPERM by default' prints EPERM call "$(S "$(rule getppid SCMP_ACT_ERRNO)")" $getppid
check 'ERRNO with errnoRet' prints EBUSY call "$(S "$(rule getppid SCMP_ACT_ERRNO 'errnoRet: 16')")" $getppid
check 'errnoRet 0 means success' prints ok call "$(S "$(rule getppid SCMP_ACT_ERRNO 'errnoRet: 0')")" $getppid
check 'LOG lets it through' prints ok call "$(S "$(rule getppid SCMP_ACT_LOG)")" $getppid
check 'TRACE without a tracer: ENOSYS' prints ENOSYS call "$(S "$(rule getppid SCMP_ACT_TRACE)")" $getppid
for action in SCMP_ACT_KILL SCMP_ACT_KILL_THREAD SCMP_ACT_KILL_PROCESS; do
	check "$action: killed by SIGSYS" status 159 call "$(S "$(rule getppid $action)")" $getppid
done
check 'TRAP: SIGSYS' status 159 call "$(S "$(rule getppid SCMP_ACT_TRAP)")" $getppid
check 'no other call is touched' prints ok call "$(S "$(rule getppid SCMP_ACT_ERRNO)")" $getuid
check 'several names in one rule' eval 'a=$(call "$(S "{names: [\"getppid\", \"getuid\"], action: \"SCMP_ACT_ERRNO\"}")" $getuid); is EPERM "$a"'

# --- the default action ------------------------------------------------------------
default_errno() {
	mk "$(args hp call "$1") | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(rule personality SCMP_ACT_ERRNO)]} | ${2:-.}"
	R run c1
}
check 'a default of ALLOW' prints ok default_errno $getppid
# a profile as engines write them: everything that a static program needs, no more
allow='["read","write","open","openat","openat2","close","stat","fstat","lstat","newfstatat","statx","poll","lseek","mmap","mprotect","munmap","brk","rt_sigaction","rt_sigprocmask","rt_sigreturn","ioctl","pread64","writev","access","faccessat","faccessat2","pipe","pipe2","dup","dup2","dup3","getpid","clone","clone3","fork","vfork","execve","execveat","exit","exit_group","wait4","uname","fcntl","getcwd","chdir","fchdir","readlink","readlinkat","getuid","getgid","setuid","setgid","geteuid","getegid","setresuid","setresgid","setgroups","getgroups","getresuid","getresgid","capget","capset","prctl","arch_prctl","set_tid_address","set_robust_list","rseq","prlimit64","getrandom","close_range","futex","gettid","sched_getaffinity","getdents64","sendmsg","recvmsg","sendto","recvfrom","socket","connect","getsockopt","setsockopt","shutdown","umask","fstatfs","statfs","seccomp","tgkill","sigaltstack","sched_yield","nanosleep","clock_nanosleep","clock_gettime","getppid","ppoll","pidfd_open","setsid","kill","rt_sigpending","rt_sigtimedwait","signalfd4","eventfd2","epoll_create1","epoll_ctl","epoll_pwait","epoll_wait","keyctl","mount","umount2","fchown","fchownat","fchmod","fchmodat","setrlimit","getrlimit","unlink","unlinkat"]'
engine() {
	echo ".linux.seccomp = {defaultAction: \"SCMP_ACT_ERRNO\" ${1:-}, architectures: [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"], syscalls: [{names: $allow, action: \"SCMP_ACT_ALLOW\"}]} | ${2:-.}"
}
check 'a default of ERRNO with an allow list' prints EPERM call "$(engine)" $personality 0xffffffff
check 'defaultErrnoRet' prints EBUSY call "$(engine ', defaultErrnoRet: 16')" $personality 0xffffffff
check 'what is on the list works' prints ok call "$(engine)" $getppid
except runc 'needs more calls between filter and exec' check 'without no_new_privs as well' prints EPERM call "$(engine '' '.process.noNewPrivileges = false')" $personality 0xffffffff
check 'a call newer than the profile knows: ENOSYS, not EPERM' prints ENOSYS call "$(engine)" $unknown
check 'an unknown name in the profile is passed over' prints ok call "$(S "$(rule no_such_call SCMP_ACT_ERRNO)")" $getppid
mk "$(args true) | $(S "$(rule no_such_call SCMP_ACT_ERRNO)" '.annotations["run.oci.seccomp_fail_unknown_syscall"] = "1"')"
except 'runc' 'no such annotation' check 'run.oci.seccomp_fail_unknown_syscall refuses it' fails R run c1

# --- arguments -----------------------------------------------------------------------
# getppid takes no arguments, so the kernel ignores what we pass
arg() {
	call "$(S "{names: [\"getppid\"], action: \"SCMP_ACT_ERRNO\", args: [{index: $1, value: $2, op: \"$3\" ${4:+, valueTwo: $4}}]}")" $getppid "${@:5}"
}
while read -r op value two given want; do
	[ "$two" = - ] && two=
	check "args: $given $op $value $two: $want" prints "$want" arg 0 "$value" "$op" "$two" "$given"
done <<'END'
SCMP_CMP_EQ 5 - 5 EPERM
SCMP_CMP_EQ 5 - 6 ok
SCMP_CMP_EQ 0 - 0 EPERM
SCMP_CMP_EQ 4294967296 - 4294967296 EPERM
SCMP_CMP_EQ 4294967296 - 0 ok
SCMP_CMP_EQ 4294967295 - 4294967295 EPERM
SCMP_CMP_NE 5 - 5 ok
SCMP_CMP_NE 5 - 6 EPERM
SCMP_CMP_NE 5 - 4294967301 EPERM
SCMP_CMP_LT 5 - 4 EPERM
SCMP_CMP_LT 5 - 5 ok
SCMP_CMP_LT 4294967296 - 4294967295 EPERM
SCMP_CMP_LE 5 - 5 EPERM
SCMP_CMP_LE 5 - 6 ok
SCMP_CMP_GE 5 - 5 EPERM
SCMP_CMP_GE 5 - 4 ok
SCMP_CMP_GE 5 - 4294967296 EPERM
SCMP_CMP_GT 5 - 6 EPERM
SCMP_CMP_GT 5 - 5 ok
SCMP_CMP_GT 4294967296 - 4294967297 EPERM
SCMP_CMP_MASKED_EQ 240 16 31 EPERM
SCMP_CMP_MASKED_EQ 240 16 47 ok
SCMP_CMP_MASKED_EQ 240 0 15 EPERM
END
for index in 0 1 2 3 4 5; do
	words=(0 0 0 0 0 0)
	words[index]=77
	check "args: index $index" prints EPERM arg $index 77 SCMP_CMP_EQ '' "${words[@]}"
	check "args: index $index, another value" prints ok arg $index 78 SCMP_CMP_EQ '' "${words[@]}"
done
both() {
	call "$(S '{names: ["getppid"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 1, op: "SCMP_CMP_EQ"}, {index: 1, value: 2, op: "SCMP_CMP_EQ"}]}')" $getppid "$@"
}
check 'CVE-2017-18367 arguments of different indexes are and-ed: both' prints EPERM both 1 2
check 'CVE-2017-18367 arguments of different indexes are and-ed: first only' prints ok both 1 3
check 'CVE-2017-18367 arguments of different indexes are and-ed: second only' prints ok both 3 2
either() {
	call "$(S '{names: ["getppid"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 1, op: "SCMP_CMP_EQ"}]}, {names: ["getppid"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 2, op: "SCMP_CMP_EQ"}]}')" $getppid "$@"
}
check 'two rules are or-ed' eval 'is EPERM "$(either 1)" && is EPERM "$(either 2)" && is ok "$(either 3)"'
for bad in '{index: 6, value: 1, op: "SCMP_CMP_EQ"}' '{index: 0, value: 1, op: "SCMP_CMP_NO"}' '{index: -1, value: 1, op: "SCMP_CMP_EQ"}'; do
	mk "$(args true) | $(S "{names: [\"getppid\"], action: \"SCMP_ACT_ERRNO\", args: [$bad]}")"
	check "the argument $bad is refused" fails R run c1
done

# --- foreign tables -------------------------------------------------------------------
mk "$(args hp abi) | $(S '{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}')"
R run c1 >"$T/abi" 2>&1
check 'a denied call is denied by its own number' has "$(<"$T/abi")" 'native EPERM'
check 'its sibling as well when listed' has "$(<"$T/abi")" 'mkdirat EPERM'
check 'not by way of x32' test ! -d rootfs/tmp/x32
check 'not by way of i386' test ! -d rootfs/tmp/i386
mk "$(args hp abi) | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"mkdir\", \"mkdirat\"], action: \"SCMP_ACT_ERRNO\"}]}"
R run c1 >"$T/abi" 2>&1
check 'without architectures in the profile neither: x32' test ! -d rootfs/tmp/x32
check 'without architectures in the profile neither: i386' test ! -d rootfs/tmp/i386

# --- refusals ----------------------------------------------------------------------------
refused() {
	mk "$(args true) | .linux.seccomp = $2"
	check "$1 is refused" fails R run c1
}
refused 'an unknown action' '{defaultAction: "SCMP_ACT_NOSUCH"}'
refused 'an unknown architecture' '{defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_NOSUCH"]}'
refused 'an unknown flag' '{defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_NOSUCH"], syscalls: [{names: ["getppid"], action: "SCMP_ACT_ERRNO"}]}'
refused 'NOTIFY without a listener' '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["getppid"], action: "SCMP_ACT_NOTIFY"}]}'
refused 'NOTIFY as default action without a listener' '{defaultAction: "SCMP_ACT_NOTIFY"}'
mk "$(args true) | .linux.seccomp = {}"
except crun 'takes it' check 'an empty profile is refused (defaultAction is required)' fails R run c1
for flag in SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_TSYNC SECCOMP_FILTER_FLAG_SPEC_ALLOW; do
	check "$flag is taken" prints EPERM call "$(S "$(rule getppid SCMP_ACT_ERRNO)" ".linux.seccomp.flags = [\"$flag\"]")" $getppid
done

# --- it is on ------------------------------------------------------------------------------
mk "$(args sleep 1000) | $(S "$(rule getppid SCMP_ACT_ERRNO)")"
up c1
check 'Seccomp: 2 for init' grep -Eq '^Seccomp:[[:space:]]2' "/proc/$(pid_of c1)/status"
check 'one filter' grep -Eq '^Seccomp_filters:[[:space:]]1$' "/proc/$(pid_of c1)/status"
check 'exec has it too' prints EPERM R exec c1 hp call $getppid
check 'exec: one filter' shows 1 R exec c1 grep Seccomp_filters /proc/self/status
jq -n '{cwd: "/", args: ["hp", "call", "110"], env: ["PATH=/bin"], user: {uid: 1000, gid: 1000}, noNewPrivileges: false}' >"$T/p.json"
check 'exec --process has it too' prints EPERM R exec --process "$T/p.json" c1
RD c1
mk "$(args sleep 1000)"
up c1
check 'without a profile there is no filter' grep -Eq '^Seccomp:[[:space:]]0' "/proc/$(pid_of c1)/status"
RD c1

# --- the cache: profiles that differ only in details must not share a filter --------------------
for errno in 1 16 38 1; do
	case $errno in 1) want=EPERM ;; 16) want=EBUSY ;; 38) want=ENOSYS ;; esac
	check "cache: errnoRet $errno after another" prints $want call "$(S "$(rule getppid SCMP_ACT_ERRNO "errnoRet: $errno")")" $getppid
done
check 'cache: another value of an argument' eval 'is EPERM "$(arg 0 1 SCMP_CMP_EQ "" 1)" && is ok "$(arg 0 2 SCMP_CMP_EQ "" 1)" && is EPERM "$(arg 0 1 SCMP_CMP_EQ "" 1)"'
check 'cache: names joined differently' eval 'is ok "$(call "$(S "{names: [\"getp\", \"pid\"], action: \"SCMP_ACT_ERRNO\"}")" $getppid)"; is EPERM "$(call "$(S "$(rule getppid SCMP_ACT_ERRNO)")" $getppid)"'
check 'cache: another default errno' eval 'is EPERM "$(call "$(engine ", defaultErrnoRet: 1")" $personality)" && is EBUSY "$(call "$(engine ", defaultErrnoRet: 16")" $personality)"'
cached=$(find "$ROOT" -path '*cache*' -type f 2>/dev/null | head -n 20)
if [ -n "$cached" ]; then
	check 'cache: files are for root only' eval '[ -z "$(find $cached -perm /077)" ]'
	# shellcheck disable=SC2086
	for f in $cached; do
		head -c "$(stat -c %s "$f")" /dev/zero >"$f"
	done
	check 'cache: damaged files do not switch the filter off' eval 'o=$(call "$(S "$(rule getppid SCMP_ACT_ERRNO)")" $getppid 2>&1); isnt ok "$o"'
	find "$ROOT" -path '*cache*' -type f -delete
	check 'cache: and are made anew' prints EPERM call "$(S "$(rule getppid SCMP_ACT_ERRNO)")" $getppid
fi

# --- notification ------------------------------------------------------------------------------
cat >"$T/agent.py" <<'END'
# agent.py SOCKET OUT MODE: take notifications, answer (answer), end at once (die) or never answer (hang)
import array, ctypes, fcntl, json, os, socket, struct, sys
path, out, mode = sys.argv[1:4]
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind(path)
s.listen(5)
s.settimeout(120)
count = int(sys.argv[4]) if len(sys.argv) > 4 else 1
for _ in range(count):
    c, _ = s.accept()
    data, anc, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(64))
    fds = array.array('i')
    for _, _, value in anc:
        fds.frombytes(value)
    with open(out, 'a') as f:
        f.write(json.dumps({'fds': len(fds), 'message': json.loads(data)}) + '\n')
    if mode == 'die':
        sys.exit(0)
    if mode == 'hang':
        import time
        time.sleep(30)
    c.close()
    if count > 1:
        import threading
    def serve(fd):
        while True:
            buf = bytearray(80)
            try:
                fcntl.ioctl(fd, 0xc0502100, buf)
                ident = struct.unpack_from('Q', buf)[0]
                fcntl.ioctl(fd, 0xc0182101, bytearray(struct.pack('QqiI', ident, 0, -95, 0)))
            except OSError:
                return
    if count > 1:
        threading.Thread(target=serve, args=(fds[0],), daemon=True).start()
    else:
        serve(fds[0])
if count > 1:
    threading.Event().wait(20)
END
agent() {
	rm -f "$T/sock" "$T/agent.out"
	python3 "$T/agent.py" "$T/sock" "$T/agent.out" "$@" >"$T/agent.log" 2>&1 &
	agent=$!
	eventually test -S "$T/sock"
}
agent_end() {
	kill "$agent" 2>/dev/null
	wait "$agent" 2>/dev/null
}
notify="$(S "$(rule getppid SCMP_ACT_NOTIFY)" ".linux.seccomp.listenerPath = \"$T/sock\" | .linux.seccomp.listenerMetadata = \"meta data\"")"
mk "$(args true) | $notify"
if R run c1 2>&1 </dev/null | grep -qi 'not supported\|unknown'; then
	skip 'notifications' "this $KIND was built without them"
else
	check 'a listener that is not there is an error' fails R run c1
	RD c1
	agent answer
	check 'NOTIFY: the agent answers' prints EOPNOTSUPP call "$notify" $getppid
	check 'the message: one descriptor' eval 'jq -e ".fds == 1" "$T/agent.out"'
	check 'the message: fds, pid, metadata, ociVersion' eval 'jq -e ".message | .fds == [\"seccompFd\"] and (.pid > 0) and .metadata == \"meta data\" and (.ociVersion | test(\"^[01]\"))" "$T/agent.out"'
	check 'the message: the state of the container' eval 'jq -e ".message.state | .id == \"c1\" and (.pid | type == \"number\") and (.bundle | type == \"string\")" "$T/agent.out"'
	agent_end
	agent answer 2
	mk "$(args sleep 1000) | $notify"
	up c1
	check 'NOTIFY: exec gets a listener of its own' prints EOPNOTSUPP R exec c1 hp call $getppid
	check 'two messages' eval 'is 2 "$(wc -l <"$T/agent.out")"'
	check 'the message of exec: its own pid beside that of the container' eval \
		'tail -n 1 "$T/agent.out" | jq -e --argjson p "$(pid_of c1)" ".message | .pid != \$p and .state.pid == \$p and .state.status == \"running\""'
	RD c1
	agent_end
	agent die
	check 'an agent that dies: the call fails, nothing hangs' prints ENOSYS call "$notify" $getppid
	agent_end
	agent hang
	mk "$(args hp call $getppid) | $notify"
	up c1
	sleep 0.3
	check 'an agent that never answers: the container can be killed' eval 'R kill c1 KILL && eventually is_status stopped c1 && R delete c1'
	agent_end
	RD c1
	for name in write sendmsg; do
		agent answer
		mk "$(args true) | $(S "$(rule $name SCMP_ACT_NOTIFY)" ".linux.seccomp.listenerPath = \"$T/sock\"")"
		check "NOTIFY of $name is refused or does not hang" eval 'TMO=30 R run c1 >/dev/null 2>&1; [ $? != 124 ]'
		agent_end
		RD c1
	done
fi
clean_or_fail
done_testing
