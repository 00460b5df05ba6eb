#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# update.sh - update: what it takes, what it refuses, and that a limit whose
# controller is missing is an error and not forgotten.  The limits themselves
# are checked in the virtual machine, which has the controllers.
. "$(dirname "$0")/lib.sh"

mk "$(args sleep 1000)"
up c1
group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(pid_of c1)/cgroup")
has_controller() {
	grep -qw "$1" "$group/cgroup.controllers"
}

# takes_or_names CONTROLLER FILE VALUE FLAGS...: set where the controller is, else a clear error.
takes_or_names() {
	local controller=$1 file=$2 want=$3
	shift 3
	if has_controller "$controller"; then
		R update "$@" c1 && is "$want" "$(<"$group/$file")"
	else
		refuses "$controller" R update "$@" c1
	fi
}

check '--pids-limit' takes_or_names pids pids.max 77 --pids-limit 77
check '--memory in bytes' takes_or_names memory memory.max 67108864 --memory 67108864
check '--memory with a suffix' takes_or_names memory memory.max 134217728 --memory 128m
check '--memory-reservation' takes_or_names memory memory.low 16777216 --memory-reservation 16m
check '--cpu-quota' takes_or_names cpu cpu.max '50000 100000' --cpu-quota 50000 --cpu-period 100000
check '--cpu-share' takes_or_names cpu cpu.weight 100 --cpu-share 1024
check '--cpu-idle' takes_or_names cpu cpu.idle 1 --cpu-idle 1
check '--cpuset-cpus' takes_or_names cpuset cpuset.cpus 0 --cpuset-cpus 0
check '--cpuset-mems' takes_or_names cpuset cpuset.mems 0 --cpuset-mems 0
check '--blkio-weight is known' eval 'R update --blkio-weight 100 c1 >"$T/o" 2>&1; s=$?; [ $s = 0 ] || grep -Eqw "io|blkio|bfq" "$T/o"'
for flag in --memory-swap --cpu-rt-period --cpu-rt-runtime --cpu-burst --l3-cache-schema --mem-bw-schema --kernel-memory; do
	check "$flag is a known option" eval "R update $flag 1 c1 >\"\$T/o\" 2>&1; ! grep -Eqi 'flag provided|unrecognized|unknown (option|flag)|not defined' \"\$T/o\""
done
check 'no option at all changes nothing' R update c1
check '--resources FILE, empty object' eval 'echo "{}" >"$T/r.json"; R update --resources "$T/r.json" c1'
check '--resources - reads standard input' eval 'echo "{}" | R update --resources - c1'
check '--resources=- reads standard input' eval 'echo "{}" | R update --resources=- c1'
check '-r FILE' R update -r "$T/r.json" c1
check 'a missing file is refused and named' refuses none.json R update -r "$T/none.json" c1
for text in '' '{' '[]' '1' '{"memory": 5}' '{"memory": {"limit": "x"}}' '{"pids": {"limit": 1.5}}' \
	'{"cpu": {"shares": -1}}' '{"cpu": {"shares": 99999999999999999999}}'; do
	printf %s "$text" >"$T/r.json"
	check "resources \"$text\" are refused" fails R update -r "$T/r.json" c1
done
for value in x 1x 99999999999999999999 1.5 ''; do
	check "--pids-limit \"$value\" is refused" fails R update --pids-limit "$value" c1
	check "--memory \"$value\" is refused" fails R update --memory "$value" c1
done
check '--cpuset-cpus nonsense is refused' fails R update --cpuset-cpus 'a-b' c1
check 'unified: a path is refused' eval \
	'echo "{\"unified\": {\"../cgroup.procs\": \"1\"}}" >"$T/r.json"; fails R update -r "$T/r.json" c1'
check 'unified: a missing file is refused' eval \
	'echo "{\"unified\": {\"nosuch.max\": \"1\"}}" >"$T/r.json"; fails R update -r "$T/r.json" c1'
check 'the container still runs' is_status running c1
check 'update without an id is refused' fails R update --pids-limit 5

# --- device rules, live ------------------------------------------------------------
mk "$(args sh -c 'while :; do sleep 0.1; done') | .process.capabilities[] += [\"CAP_MKNOD\"]" "$T/b2"
RD c1
if up c1; then
	except 'crun runc' 'no device rules here' check 'a device is refused by default' shows 'open EPERM' R exec c1 hp dev c 10 229
	echo '{"devices": [{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]}' >"$T/r.json"
	except 'crun runc' 'ignores device rules' check 'update of device rules lets it through' eval \
		'R update -r "$T/r.json" c1 && shows "open ok" R exec c1 hp dev c 10 229'
	echo '{"devices": [{"allow": false, "access": "rwm"}]}' >"$T/r.json"
	except 'crun runc' 'ignores device rules' check 'and back' eval \
		'R update -r "$T/r.json" c1 && shows "open EPERM" R exec c1 hp dev c 10 229'
	except 'crun runc' 'ignores device rules' check 'the default devices stay' shows ok R exec c1 hp open /dev/null rw
fi
if [ "$KIND" = skerry ]; then
	echo '{"path": "/dev/live", "type": "c", "major": 10, "minor": 253, "access": "rwm"}' >"$T/d.json"
	RD c1
	up c1
	echo '{"devices": [{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]}' >"$T/r.json"
	check 'a device that nobody has is refused by the filter first' shows 'open EPERM' R exec c1 hp dev c 10 253
	check 'update, then device add' eval 'R update -r "$T/r.json" c1 && R device add c1 "$T/d.json"'
	check 'device add leaves the rules of update' shows 'open ok' R exec c1 hp dev c 10 229
	check 'update leaves the devices that were added' eval 'R update -r "$T/r.json" c1 && hides "open EPERM" R exec c1 hp dev c 10 253'
	check 'two updates are merged' eval 'R update --unified cgroup.max.depth=5 c1 && R update --unified cgroup.max.descendants=6 c1 &&
		jq -e ".unified == {\"cgroup.max.depth\": \"5\", \"cgroup.max.descendants\": \"6\"} and .devices[0].major == 10" "$ROOT/c1/resources.json"'
	check 'an update that fails is not remembered' eval 'fails R update --unified cgroup.max.depth=nonsense c1 &&
		jq -e ".unified[\"cgroup.max.depth\"] == \"5\"" "$ROOT/c1/resources.json"'
fi
R kill c1 KILL
eventually is_status stopped c1
check 'update of a stopped container is refused' fails R update --pids-limit 5 c1
RD c1

# --- limits in config.json -------------------------------------------------------------
mk "$(args true) | .linux.resources.pids.limit = 50"
if grep -qw pids /sys/fs/cgroup/cgroup.controllers; then
	check 'a limit in config.json is set' R run c1
else
	except 'crun runc' 'forget it' check 'a limit whose controller is missing is an error that names it' \
		refuses pids R run c1
fi
mk "$(args true) | .linux.resources.unified = {\"../x\": \"1\"}"
check 'unified with a path in config.json is refused' fails R run c1
mk "$(args true) | .linux.resources.unified = {\"cgroup.max.depth\": \"7\"}"
check 'unified sets a file that is there' R run c1
RD c1
clean_or_fail
done_testing
