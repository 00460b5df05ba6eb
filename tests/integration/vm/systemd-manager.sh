#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# systemd-manager.sh - groups that systemd makes: names, properties, limits that survive it, removal.
#
# cgroupsPath "slice:prefix:name"; annotations org.systemd.property.*; systemd.scope(5),
# systemd.resource-control(5).
# shellcheck disable=SC2016,SC2119,SC2317
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/integration/vm/guest.sh
. "$(dirname "$0")/guest.sh"

failed_units() {
	systemctl list-units --failed --plain --no-legend
}
failed=$(failed_units) # the guest's own

S() {
	timeout -k 5 60 "$SKERRY" --root "$ROOT" --systemd-cgroup "$@"
}

# sleeper PATH [FILTER]: a bundle whose container sleeps, with this cgroupsPath
sleeper() {
	mk '.process.args = ["sleep", "1000"] | .linux.cgroupsPath = "'"$1"'" | '"${2:-.}"
}

property() { # UNIT NAME
	systemctl show -P "$2" "$1"
}

unit_of() { # ID
	basename "$(group "$1")"
}

inactive() { # UNIT
	case $(systemctl show -P ActiveState "$1") in
	inactive) ;;
	*)
		systemctl status --no-pager "$1"
		return 1
		;;
	esac
}

sleeper "test.slice:pre:one"
check "run -d" S run -d c1
check "the scope is prefix-name" is pre-one.scope "$(unit_of c1)"
check "in its slice" is /sys/fs/cgroup/test.slice/pre-one.scope "$(group c1)"
check "it is active" prints active property pre-one.scope ActiveState
check "it is transient" prints yes property pre-one.scope Transient
check "it is delegated" prints yes property pre-one.scope Delegate
check "the container is in it" shows "$(pid_of c1)" eval 'find /sys/fs/cgroup/test.slice/pre-one.scope -name cgroup.procs -exec cat {} +'
check "and nothing else" is "$(pid_of c1)" "$(find /sys/fs/cgroup/test.slice/pre-one.scope -name cgroup.procs -exec cat {} +)"
check "no default dependencies" prints no property pre-one.scope DefaultDependencies
check "exec joins it" shows pre-one.scope S exec c1 sh -c 'cat /proc/self/cgroup; cat /proc/1/cgroup; echo pre-one.scope'
check "exec's process is below it" eval 'S exec -d --pid-file "$T/e.pid" c1 sleep 1001 && shows pre-one.scope cat "/proc/$(<"$T/e.pid")/cgroup"'
check "pause" S pause c1
check "frozen" file_has "$(cgroup_of "$(pid_of c1)")/cgroup.events" "frozen 1"
check "resume" S resume c1
check "daemon-reload changes nothing" eval 'systemctl daemon-reload && is_status running c1'
check "kill and delete" eval 'S kill c1 KILL && eventually is_status stopped c1 && S delete c1'
check "the unit is gone" within 60 inactive pre-one.scope
check "the group is gone" eventually eval '[ ! -d /sys/fs/cgroup/test.slice/pre-one.scope ]'
check "no failed unit" prints "$failed" failed_units

check "the same name again" eval 'S run -d c1 && S delete -f c1'
check "three times at once" eval 'for i in 1 2 3; do mk ".process.args = [\"true\"] | .linux.cgroupsPath = \"test.slice:par:$i\"" "$T/p$i"; done
	for i in 1 2 3; do S run -b "$T/p$i" p$i & done; wait; ! S list -q | grep p'

sleeper "test-deep-er.slice:pre:two"
check "a nested slice" eval 'S run -d c2 && is /sys/fs/cgroup/test.slice/test-deep.slice/test-deep-er.slice/pre-two.scope "$(group c2)"'
check "goes" S delete -f c2
sleeper ":pre:three"
except crun "it gives systemd the empty name" check "without slice" eval 'S run -d c3 && is /sys/fs/cgroup/system.slice/pre-three.scope "$(group c3)"'
except crun "as above" check "goes too" S delete -f c3
sleeper x 'del(.linux.cgroupsPath)'
check "without a path" eval 'S run -d c4 && shows "/sys/fs/cgroup/system.slice/'"$KIND"'-c4.scope" group c4'
check "and that" S delete -f c4
sleeper "solo"
case $KIND in
runc) check "a path that is not of three parts is refused" fails S run -d c5 ;;
*) check "a path without colons is the unit's name" eval 'S run -d c5 && is solo.scope "$(unit_of c5)"' ;;
esac
S delete -f c5 >/dev/null 2>&1

sleeper "test.slice:pre:props" '.annotations = {"org.systemd.property.TimeoutStopUSec": "uint64 5000000",
	"org.systemd.property.CollectMode": "'"'inactive-or-failed'"'", "org.systemd.property.MemoryHigh": "uint64 50331648",
	"org.systemd.property.Description": "'"'the words'"'"}'
check "properties by annotation" S run -d c6
check "a time" prints 5s property pre-props.scope TimeoutStopUSec
check "a string" prints inactive-or-failed property pre-props.scope CollectMode
check "a number" holds /sys/fs/cgroup/test.slice/pre-props.scope/memory.high 50331648
except crun "it has its own" check "the description" prints "the words" property pre-props.scope Description
check "it goes" S delete -f c6
sleeper "test.slice:pre:bad" '.annotations = {"org.systemd.property.NoSuchThing": "uint64 1"}'
check "an unknown property is refused" fails S run -d c7
check "and leaves nothing" eval 'S delete -f c7; inactive pre-bad.scope && [ ! -d /sys/fs/cgroup/test.slice/pre-bad.scope ]'

sleeper "test.slice:pre:limits" '.linux.resources = {memory: {limit: 67108864, reservation: 33554432}, cpu: {quota: 50000, period: 100000, shares: 512, cpus: "0"}, pids: {limit: 77}}'
old="the older version limits a group below the scope and does not tell systemd"
check "limits" S run -d c8
except crun "$old" check "systemd knows of memory" prints 67108864 property pre-limits.scope MemoryMax
except crun "$old" check "of its low mark" prints 33554432 property pre-limits.scope MemoryLow
except crun "$old" check "of the quota" prints 500ms property pre-limits.scope CPUQuotaPerSecUSec
check "of the weight" prints "$(weight 512)" property pre-limits.scope CPUWeight
except crun "$old" check "of processors" prints 0 property pre-limits.scope AllowedCPUs
except crun "$old" check "of tasks" prints 77 property pre-limits.scope TasksMax
check "update" S update --memory 100663296 --pids-limit 88 c8
except crun "$old" check "systemd knows of the update" prints "100663296 88" eval 'echo $(property pre-limits.scope MemoryMax; property pre-limits.scope TasksMax)'
except crun "$old" check "limits survive a reload" eval 'systemctl daemon-reload && holds /sys/fs/cgroup/test.slice/pre-limits.scope/memory.max 100663296 && holds /sys/fs/cgroup/test.slice/pre-limits.scope/cpu.max "50000 100000"'
check "that goes" S delete -f c8

sleeper "test.slice:pre:dev" '.linux.devices = [{path: "/dev/disk", type: "b", major: 254, minor: 0, fileMode: 384}]
	| .linux.resources.devices = [{allow: false, access: "rwm"}]'
check "a container that may not use the disk" S run -d c9
check "it may not" fails S exec c9 head -c 1 /dev/disk
check "but may use /dev/null" S exec c9 sh -c 'echo x >/dev/null'
check "nor after a reload" eval 'systemctl daemon-reload && fails S exec c9 head -c 1 /dev/disk'
check "nor after systemd starts again" eval 'systemctl daemon-reexec && fails S exec c9 head -c 1 /dev/disk'
check "nor after a property is set" eval 'systemctl set-property --runtime pre-dev.scope TasksMax=44 && fails S exec c9 head -c 1 /dev/disk'
check "and it goes" S delete -f c9

sleeper "test.slice:pre:stop" '.annotations = {"org.systemd.property.TimeoutStopUSec": "uint64 1000000"}'
check "a scope that systemd stops" eval 'S run -d c10 && systemctl stop pre-stop.scope && eventually is_status stopped c10'
check "can be deleted" S delete c10
[ "$KIND" = skerry ] || systemctl reset-failed pre-stop.scope 2>/dev/null
mk '.process.args = ["sh", "-c", "exit 3"] | .linux.cgroupsPath = "test.slice:pre:end"'
check "run passes on the status" status 3 S run c11
check "the scope of one that ended is gone" within 60 inactive pre-end.scope
mk '.process.args = ["nosuchprogram"] | .linux.cgroupsPath = "test.slice:pre:fail"'
check "a program that is missing" fails S run c12
check "leaves no scope" within 60 inactive pre-fail.scope
mk '.process.args = ["true"] | .linux.cgroupsPath = "test.slice:pre:hook" | .hooks.createRuntime = [{path: "/bin/false"}]'
check "a hook that fails" fails S run c13
check "leaves no scope either" within 60 inactive pre-hook.scope
check "no unit is left" eventually prints "" eval 'systemctl list-units --all --plain --no-legend "pre-*"'
check "none has failed" prints "$failed" failed_units
check "no container is left" prints "" S list -q
systemctl stop test.slice
done_testing
