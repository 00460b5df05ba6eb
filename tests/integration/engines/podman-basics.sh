# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# podman-basics.sh - what podman must do with the runtime under test, for root and for a user alike.
#
# To be sourced; defines P, podman as $PODMAN_USER, and basics.
# The programs in single quotes are for the shell of a container.
# shellcheck disable=SC2016

# podman trusts names, not paths, with JSON errors and with containers without a cgroup.
mkdir -p /etc/containers
cat >/etc/containers/containers.conf <<CONF
[containers]
netns = "none"
log_driver = "k8s-file"
[engine]
runtime = "tested"
events_logger = "file"
runtime_supports_json = ["tested"]
runtime_supports_nocgroup = ["tested"]
runtime_supports_nocgroups = ["tested"]
[engine.runtimes]
tested = ["$SKERRY"]
CONF
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json

PODMAN_USER=root
P() {
	if [ $PODMAN_USER = root ]; then
		timeout -k 5 120 podman "$@"
	else
		as $PODMAN_USER timeout -k 5 120 podman "$@"
	fi
}

state() {
	P inspect --format '{{.State.Status}}' "$1"
}

is_state() {
	is "$1" "$(state "$2")"
}

gone() {
	! P container exists "$1"
}

tar -C "$T/rootfs" -cf "$T/image.tar" .

# The same for root and for a user: $1 says which.
basics() {
	check "$1: import an image" P import "$T/image.tar" localhost/bb

	check "$1: run prints" prints hello P run --rm localhost/bb echo hello
	check "$1: run by the path of the runtime" prints hello P --runtime "$SKERRY" run --rm localhost/bb echo hello
	check "$1: status 0" status 0 P run --rm localhost/bb true
	check "$1: status 7" status 7 P run --rm localhost/bb sh -c 'exit 7'
	check "$1: 125 for an error of podman's" status 125 P run --rm --no-such-option localhost/bb true
	check "$1: 126 for what cannot be executed" status 126 P run --rm localhost/bb /etc/passwd
	check "$1: 126 for a directory" status 126 P run --rm localhost/bb /etc
	check "$1: 127 for a missing program" status 127 P run --rm localhost/bb /no/such/program
	check "$1: 127 for one missing in PATH" status 127 P run --rm localhost/bb nosuchprogram
	check "$1: the message names the program" refuses nosuchprogram P run --rm localhost/bb nosuchprogram
	check "$1: 126 or 127 for a missing directory" status_in "126 127" P run --rm -w /etc/passwd localhost/bb true
	check "$1: nothing is left of failed runs" prints "" P ps -aq

	check "$1: standard input" prints abc eval 'echo abc | P run -i --rm localhost/bb cat'
	check "$1: output and errors apart" prints out eval 'P run --rm localhost/bb sh -c "echo out; echo err >&2" 2>/dev/null'
	check "$1: environment, folder, host name" prints "v /tmp h" \
		P run --rm -e K=v -w /tmp --hostname h localhost/bb sh -c 'echo $K $(pwd) $(hostname)'
	check "$1: user" prints "1000:1000" P run --rm -u 1000:1000 localhost/bb sh -c 'echo $(id -u):$(id -g)'
	check "$1: read-only" fails P run --rm --read-only localhost/bb touch /x
	check "$1: tmpfs" prints tmpfs P run --rm --tmpfs /t localhost/bb stat -f -c %T /t
	mkdir -p "$T/vol"
	echo data >"$T/vol/f"
	check "$1: volume" prints data P run --rm -v "$T/vol:/v:ro" localhost/bb cat /v/f
	check "$1: a read-only volume refuses writes" fails P run --rm -v "$T/vol:/v:ro" localhost/bb touch /v/g
	check "$1: no capability" prints 0000000000000000 \
		P run --rm --cap-drop all localhost/bb awk '/CapEff/ { print $2 }' /proc/self/status
	check "$1: seccomp is on" prints 2 P run --rm localhost/bb awk '/^Seccomp:/ { print $2 }' /proc/self/status
	check "$1: no new privileges" prints 1 P run --rm --security-opt no-new-privileges localhost/bb \
		awk '/^NoNewPrivs:/ { print $2 }' /proc/self/status
	check "$1: unmasked" prints 0 P run --rm --security-opt seccomp=unconfined localhost/bb \
		awk '/^Seccomp:/ { print $2 }' /proc/self/status
	check "$1: ulimit" prints 99 P run --rm --ulimit nofile=99:99 localhost/bb sh -c 'ulimit -n'
	check "$1: sysctl" prints 4096 P run --rm --sysctl kernel.msgmax=4096 localhost/bb cat /proc/sys/kernel/msgmax
	check "$1: shared memory's size" prints 16384 P run --rm --shm-size 16m localhost/bb \
		sh -c 'df -k /dev/shm | awk "NR == 2 { print \$2 }"'
	check "$1: the host's namespaces" prints "$(readlink /proc/self/ns/uts)" \
		P run --rm --uts host localhost/bb readlink /proc/self/ns/uts
	check "$1: the host's pid namespace" isnt 1 "$(P run --rm --pid host localhost/bb sh -c 'echo $$')"
	check "$1: a terminal" shows /dev/pts/0 P run --rm -t localhost/bb tty
	check "$1: the terminal's status" status 9 P run --rm -t localhost/bb sh -c 'exit 9'

	check "$1: limits are set" shows "67108864 50 50000 100000" P run --rm --memory 64m --pids-limit 50 --cpus 0.5 \
		localhost/bb sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max pids.max cpu.max)'
	check "$1: more limits are set" shows "33554432 134217728 0 0" \
		P run --rm --memory 64m --memory-swap 192m --memory-reservation 32m --cpuset-cpus 0 --cpuset-mems 0 \
		localhost/bb sh -c 'cd /sys/fs/cgroup && echo $(cat memory.low memory.swap.max cpuset.cpus cpuset.mems)'
	check "$1: shares become a weight" shows "$(weight 512)" P run --rm --cpu-shares 512 localhost/bb cat /sys/fs/cgroup/cpu.weight
	check "$1: out of memory is a kill" status 137 P run --rm --memory 16m --memory-swap 16m localhost/bb \
		sh -c 'x=a; while :; do x=$x$x; done'

	check "$1: run -d" P run -d --name c1 localhost/bb sh -c 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
	check "$1: running" is_state running c1
	check "$1: ps" prints c1 P ps --format '{{.Names}}'
	check "$1: logs" within 10 shows ready P logs c1
	check "$1: exec" prints in P exec c1 echo in
	check "$1: exec's status" status 5 P exec c1 sh -c 'exit 5'
	check "$1: exec of a missing program" status 127 P exec c1 nosuchprogram
	check "$1: exec of what cannot be executed" status 126 P exec c1 /etc/passwd
	check "$1: exec with input" prints abc eval 'echo abc | P exec -i c1 cat'
	check "$1: exec with a terminal" shows /dev/pts/ P exec -t c1 tty
	check "$1: exec as a user elsewhere" prints "1000 /tmp v" P exec -u 1000 -w /tmp -e K=v c1 sh -c 'echo $(id -u) $(pwd) $K'
	check "$1: exec -d" P exec -d c1 sh -c 'echo d >/tmp/d'
	check "$1: exec -d ran" within 10 P exec c1 test -s /tmp/d
	check "$1: top" shows sleep P top c1
	check "$1: top with ps's options" shows sh P top c1 pid comm
	check "$1: stats" shows c1 P stats --no-stream --format '{{.Name}} {{.PIDs}}' c1
	check "$1: update" P update --memory 96m --cpus 0.25 --cpuset-cpus 0 c1
	check "$1: the update is in force" shows "100663296 25000 100000 0" \
		P exec c1 sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max cpu.max cpuset.cpus)'
	check "$1: pause" P pause c1
	check "$1: paused" is_state paused c1
	check "$1: exec in a paused container fails" fails P exec c1 true
	check "$1: unpause" P unpause c1
	check "$1: running again" is_state running c1
	check "$1: cp into it" P cp "$T/vol/f" c1:/tmp/f
	check "$1: and it is there" prints data P exec c1 cat /tmp/f
	check "$1: stop" P stop -t 10 c1
	check "$1: the program handled it" shows got P logs c1
	check "$1: and gave its status" prints 3 P inspect --format '{{.State.ExitCode}}' c1
	check "$1: start again" P start c1
	check "$1: it runs" is_state running c1
	check "$1: kill" P kill -s KILL c1
	check "$1: wait gives the status" prints 137 P wait c1
	check "$1: rm" P rm c1
	check "$1: it is gone" gone c1

	check "$1: stop kills what ignores it" P run -d --name c2 localhost/bb sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	check "$1: after its time" P stop -t 1 c2
	check "$1: the status says so" prints 137 P inspect --format '{{.State.ExitCode}}' c2
	check "$1: rm -f of a running one" eval 'P run -d --name c3 localhost/bb sleep 1000 && P rm -f -t 0 c2 c3'
	check "$1: create, start -a" eval 'P create --name c4 localhost/bb echo attached && prints attached P start -a c4'
	check "$1: removal" P rm c4
	check "$1: health check" eval 'P run -d --name h1 --health-cmd "test -e /tmp/well" --health-interval disable localhost/bb sleep 1000'
	check "$1: unhealthy" status 1 P healthcheck run h1
	check "$1: healthy" eval 'P exec h1 touch /tmp/well && P healthcheck run h1'
	check "$1: inspect names the runtime" prints tested P inspect --format '{{.OCIRuntime}}' h1
	check "$1: kill by number" eval 'P kill -s 9 h1 && P wait h1 && P rm h1'
	check "$1: restart on failure" eval 'P run --name r1 --restart on-failure:2 localhost/bb sh -c "exit 4"; P wait r1; prints 2 P inspect --format "{{.RestartCount}}" r1'
	check "$1: nothing but that is left" eval 'P rm -f r1 && prints "" P ps -aq'

	check "$1: no cgroup of its own" prints hi P run --rm --cgroups disabled localhost/bb echo hi
	check "$1: the host's view of cgroups" shows libpod P run --rm --cgroupns host localhost/bb cat /proc/self/cgroup
}
