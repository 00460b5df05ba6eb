#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# exec.sh - exec: every flag, exit codes, environment, user, capabilities,
# process files, descriptors, cgroups, paused and shared containers.
. "$(dirname "$0")/lib.sh"

caps_of() {
	R exec "$@" c1 cat /proc/self/status | sed -n 's/^Cap\(...\):\t/\1 /p' | sort | tr '\n' ' '
}

mk "$(args sleep 1000) | .process.env += [\"A=config\"] | .process.user.umask = 23 | .process.cwd = \"/tmp\""
up c1

# --- exit codes ----------------------------------------------------------------
for n in 0 1 42 255; do
	check "the status of the command: $n" status $n R exec c1 sh -c "exit $n"
done
check 'a command killed by a signal: 128+n' status 137 R exec c1 sh -c 'kill -9 $$'
check 'a missing command fails' fails R exec c1 /no/such
except 'crun runc' 'other numbers' check 'a missing command: 127' status 127 R exec c1 /no/such
except 'crun runc' 'other numbers' check 'a command that cannot be executed: 126' status 126 R exec c1 /etc/passwd
except 'crun runc' 'other numbers' check 'another failure: 255' status 255 R exec --cwd /etc/passwd c1 true
check 'a missing command: text' refuses 'o such file or directory' R exec c1 /no/such
check 'not in PATH: text' refuses 'executable file not found in $PATH' R exec c1 nosuchprogram
check 'not executable: text' refuses 'ermission denied' R exec c1 /etc/passwd
check 'exec without a command is refused' fails R exec c1
check 'exec without anything is refused' fails R exec

# --- stdio ---------------------------------------------------------------------
check 'standard output' prints hi R exec c1 echo hi
check 'standard error stays apart' eval '[ "$(R exec c1 sh -c "echo e >&2" 2>&1 >/dev/null)" = e ]'
check 'standard input' eval '[ "$(echo in | R exec c1 cat)" = in ]'
check 'a megabyte goes through' eval '[ "$(head -c 1000000 /dev/zero | R exec c1 cat | wc -c)" = 1000000 ]'
check 'options after the command belong to the command' prints '-t --cwd' R exec c1 echo -t --cwd
check '-- ends the options' prints -n R exec -- c1 printf %s -n

# --- cwd, env --------------------------------------------------------------------
check 'cwd is that of the configuration' prints /tmp R exec c1 pwd
check '--cwd' prints /etc R exec --cwd /etc c1 pwd
check '--cwd=' prints /etc R exec --cwd=/etc c1 pwd
check '--cwd that is missing' eval 'R exec --cwd /none c1 pwd || :; R exec c1 ls / >/dev/null'
check 'environment of the configuration' shows A=config R exec c1 hp env
check '--env adds' shows B=b R exec --env B=b c1 hp env
check '-e adds, several' eval 'o=$(R exec -e B=1 -e C=2 c1 hp env) && has "$o" B=1 && has "$o" C=2'
check '--env replaces, last wins' eval 'o=$(R exec -e A=1 -e A=2 c1 hp env) && is A=2 "$(grep ^A= <<<"$o")"'
check 'an environment value may hold = and spaces' shows 'X=a=b c' R exec -e 'X=a=b c' c1 hp env
check 'an empty value' eval 'R exec -e E= c1 hp env | grep -qx E='
except 'crun runc' 'passes it on' check 'an --env without = is refused' fails R exec -e NOEQUALS c1 true
check 'HOME is that of the user' shows HOME=/root R exec c1 hp env
check 'HOME of another user' shows HOME=/home/user R exec -u 1000 c1 hp env
check 'the runtime environment is not passed on' eval 'o=$(SECRET=leak R exec c1 hp env) && lacks "$o" leak'

# --- user ------------------------------------------------------------------------
check '--user UID' eval 'o=$(R exec --user 1000 c1 hp self) && has "$o" "uid 1000 1000" && has "$o" "gid 0 0"'
check '-u UID:GID' eval 'o=$(R exec -u 1000:1001 c1 hp self) && has "$o" "uid 1000 1000" && has "$o" "gid 1001 1001"'
check 'umask is that of the configuration' shows 'umask 0027' R exec c1 hp self
check 'no supplementary groups' eval 'o=$(R exec -u 1000:1000 c1 hp self) && grep -qx groups <<<"$o"'
except crun 'no --additional-gids' check '--additional-gids' shows 'groups 7 8' R exec --additional-gids 7 --additional-gids 8 c1 hp self
except crun 'no --additional-gids' check '-g' shows 'groups 9' R exec -g 9 c1 hp self
for user in -1 1:-1 4294967295 4294967296 1a 0x0 '' 'x' 99999999999999999999; do
	except 'crun runc' 'takes some of them' check "--user \"$user\" is refused" fails R exec --user "$user" c1 true
done

# --- privileges --------------------------------------------------------------------
check 'no_new_privs is that of the configuration' shows 'nnp 1' R exec c1 hp self
check 'capabilities are those of the configuration' is \
	"$(R exec c1 grep CapBnd /proc/self/status)" "$(R exec c1 grep CapBnd /proc/1/status)"
check '--cap adds to effective, permitted, bounding' eval \
	'o=$(caps_of --cap CAP_SYS_TIME); has "$o" "Bnd 0000000002000000" || has "$o" "Bnd 0000000022000420" || has "$o" "Bnd 00000000220004"'
check '-c CAP_SYS_TIME shows in the effective set' eval \
	'e=$(R exec -c CAP_SYS_TIME c1 grep CapEff /proc/self/status); [ $((0x${e##*	} >> 25 & 1)) = 1 ]'
check '--cap leaves the inheritable set empty' eval 'has "$(caps_of --cap CAP_SYS_TIME)" "Inh 0000000000000000"'
except 'crun runc' 'warn or ignore' check '--cap of an unknown name is refused' refuses CAP_NO_SUCH R exec --cap CAP_NO_SUCH c1 true
check '--no-new-privs' shows 'nnp 1' R exec --no-new-privs c1 hp self
mk "$(args sleep 1000) | .process.noNewPrivileges = false" "$T/b2"
up c2
check 'without no_new_privs in the configuration it is off' shows 'nnp 0' R exec c2 hp self
check '--no-new-privs turns it on' shows 'nnp 1' R exec --no-new-privs c2 hp self
RD c2
cd "$T/b" && B=$T/b

# --- process file --------------------------------------------------------------------
jq -n '{cwd: "/etc", args: ["sh", "-c", "pwd; id -u; echo $P"], env: ["PATH=/bin", "P=file"],
	user: {uid: 1000, gid: 1000, additionalGids: [5, 6]}, terminal: false}' >"$T/process.json"
check '--process FILE' prints $'/etc\n1000\nfile' R exec --process "$T/process.json" c1
check '-p FILE' shows file R exec -p "$T/process.json" c1
jq '.args = ["hp", "self"]' "$T/process.json" >"$T/process2.json"
check '--process: groups' shows 'groups 5 6' R exec --process "$T/process2.json" c1
jq '.args = ["hp", "rlimit", "7"] | .rlimits = [{type: "RLIMIT_NOFILE", soft: 77, hard: 88}]' \
	"$T/process.json" >"$T/process2.json"
check '--process: rlimits' prints '77 88' R exec --process "$T/process2.json" c1
jq '.args = ["hp", "self"] | .noNewPrivileges = true | .user.umask = 63' "$T/process.json" >"$T/process2.json"
check '--process: no_new_privs and umask' eval 'o=$(R exec --process "$T/process2.json" c1) && has "$o" "nnp 1" && has "$o" "umask 0077"'
jq '.args = ["hp", "self"] | .scheduler = {policy: "SCHED_BATCH", nice: 5}' "$T/process.json" >"$T/process2.json"
except 'crun runc' 'older than the field' check '--process: scheduler' eval \
	'o=$(R exec --process "$T/process2.json" c1) && has "$o" "policy 3" && has "$o" "nice 5"'
echo '{"args": ["true"' >"$T/process2.json"
check 'a broken process file is refused and named' refuses process2.json R exec --process "$T/process2.json" c1
check 'a missing process file is refused' fails R exec --process "$T/none.json" c1
echo '{"cwd": "/", "args": []}' >"$T/process2.json"
check 'a process file without arguments is refused' fails R exec --process "$T/process2.json" c1

# --- detach ------------------------------------------------------------------------
check 'exec --detach --pid-file' R exec --detach --pid-file "$T/pid" c1 sleep 555
check 'the process runs in the container' eventually eval 'R exec c1 ps | grep -q "sleep 555"'
check 'its pid file holds digits only' matches "$(od -An -c "$T/pid" | tr -d ' \n')" '^[0-9]+$'
check 'the pid is that of the process' eval 'grep -q 555 "/proc/$(cat "$T/pid")/cmdline"'
safe_kill KILL "$(<"$T/pid")"
check 'exec -d of a missing command fails' fails R exec -d c1 /no/such
rm -f "$T/pid"
R exec -d --pid-file "$T/pid" c1 /no/such >/dev/null 2>&1
check 'and writes no pid file' test ! -e "$T/pid"

# --- tty -----------------------------------------------------------------------------
tty_run() {
	script -qec "timeout 60 $SKERRY --root $ROOT $*" /dev/null </dev/null | tr -d '\r'
}
check 'exec -t gives a terminal' eval 'o=$(tty_run exec -t c1 hp tty); has "$o" "tty /dev/pts/" && has "$o" "controlling yes" && has "$o" "leader yes"'
check 'exec without -t gives none' eval 'o=$(R exec c1 hp tty </dev/null); has "$o" "tty none" && has "$o" "controlling no"'
check 'exec -t gives the status' status 33 script -qec "$SKERRY --root $ROOT exec -t c1 sh -c 'exit 33'" /dev/null
check '--tty=false gives none' eval 'o=$(tty_run exec --tty=false c1 hp tty); has "$o" "controlling no"'
check '--tty --detach without a console socket is refused' fails R exec --tty --detach c1 true

# --- namespaces, masks -------------------------------------------------------------------
for ns in ipc mnt net pid uts cgroup; do
	check "exec joins the $ns namespace" is "$(readlink "/proc/$(pid_of c1)/ns/$ns")" \
		"$(R exec c1 readlink /proc/self/ns/$ns)"
done
check 'exec sees the same mounts' is "$(R exec c1 cat /proc/1/mountinfo)" "$(R exec c1 cat /proc/self/mountinfo)"
check 'exec holds only its three descriptors' eval 'is 3 "$(R exec c1 hp fds </dev/null | wc -l)"'
exec 8</ 9</etc
check 'descriptors of the caller are not passed on' eval 'is 3 "$(R exec c1 hp fds </dev/null | wc -l)"'
check '--preserve-fds passes exactly as many' eval \
	'o=$(R exec --preserve-fds 2 c1 hp fds 3</dev/null 4</dev/null 5</dev/null </dev/null) && is "0 1 2 3 4" "$(echo "$o" | cut -d" " -f1 | tr "\n" " " | sed "s/ $//")"'
exec 8<&- 9<&-

# --- cgroup -------------------------------------------------------------------------------
check 'exec joins the cgroup of the container' is "$(R exec c1 cat /proc/1/cgroup)" "$(R exec c1 cat /proc/self/cgroup)"
group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(pid_of c1)/cgroup")
if [ -w "$group" ] && mkdir "$group/sub" 2>/dev/null; then
	check '--cgroup joins a sub-cgroup' eval 'R exec -d --pid-file "$T/pid" --cgroup sub c1 sleep 444; has "$(cat "/proc/$(cat "$T/pid")/cgroup")" /sub'
	safe_kill KILL "$(<"$T/pid")"
	check '--cgroup of a missing sub-cgroup is refused' fails R exec --cgroup none c1 true
	check '--cgroup with .. is refused' fails R exec --cgroup ../.. c1 true
	eventually rmdir "$group/sub"
else
	skip '--cgroup joins a sub-cgroup' 'the cgroup of the container cannot be written here'
fi

# --- states ------------------------------------------------------------------------------
R pause c1
check 'exec in a paused container is refused' fails R exec c1 true
except crun 'other words' check 'exec in a paused container: exact words' \
	refuses 'cannot exec in a paused container (use --ignore-paused to override)' R exec c1 true
if [ "$KIND" != crun ]; then
	R exec --ignore-paused --detach c1 touch /tmp/after >/dev/null 2>&1 &
	job=$!
	sleep 0.3
	R resume c1
	wait $job
	check '--ignore-paused runs once the container goes on' eventually test -e "$B/rootfs/tmp/after"
else
	R resume c1
fi
check 'labels are refused where there is no such module' eval \
	'[ -d /sys/kernel/security/apparmor ] || fails R exec --apparmor none c1 true'

# --- execCPUAffinity ------------------------------------------------------------------------
jq '.args = ["hp", "affinity"] | .execCPUAffinity = {initial: "0", final: "0"}' "$T/process.json" >"$T/process2.json"
except 'crun runc' 'older than the field' check 'execCPUAffinity' prints '0 ' R exec --process "$T/process2.json" c1

# --- many -----------------------------------------------------------------------------------
for i in $(seq 8); do
	R exec c1 sh -c "exit $i" </dev/null >/dev/null 2>&1 &
	pids[i]=$!
done
good=0
for i in $(seq 8); do
	wait "${pids[i]}"
	[ $? = "$i" ] && good=$((good + 1))
done
check 'eight at once all give their status' is 8 $good
R exec c1 sleep 1000 </dev/null >"$T/out" 2>&1 &
job=$!
eventually eval 'R exec c1 ps | grep -q "sleep 1000"'
sleep 0.2
R kill c1 KILL
wait $job
check 'exec ends with 137 when the container is killed' is 137 $?
check 'exec in a stopped container is refused' eval 'eventually is_status stopped c1; fails R exec c1 true'
RD c1

# --- user namespace, program replaced --------------------------------------------------------
mk "$(args sleep 1000) | .linux.namespaces += [{\"type\": \"user\"}, {\"type\": \"network\"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
	.linux.gidMappings = .linux.uidMappings"
chown -R 100000:100000 "$B/rootfs/tmp" && chmod 755 "$B" "$B/rootfs"
if up c1; then
	check 'exec into a user namespace is root inside' shows 'uid 0 0' R exec c1 hp self
	check 'exec into a user namespace as a user' shows 'uid 1000 1000' R exec -u 1000 c1 hp self
	check 'exec joins the user namespace' is "$(readlink "/proc/$(pid_of c1)/ns/user")" \
		"$(R exec c1 readlink /proc/self/ns/user)"
else
	not_ok 'a container with a user namespace starts'
fi
RD c1
clean_or_fail
done_testing
