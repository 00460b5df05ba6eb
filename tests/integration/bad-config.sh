#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# bad-config.sh - a corpus of broken config.json: each is refused with one clear
# message that names the file and the place, quickly, in little memory, and
# nothing is left behind.
. "$(dirname "$0")/lib.sh"

strict=check
[ "$KIND" = skerry ] || strict="except $KIND takes-or-words-it-otherwise check"

# refused_with PART: create fails by itself within 5 s, in one line, and says PART
refused_with() {
	local status
	TMO=30 capture R create bad </dev/null
	status=$?
	R delete --force bad >/dev/null 2>&1
	if ! failed $status; then
		said $status 'expected a failure naming' "$1"
		return 1
	fi
	[ -e "$ROOT/bad" ] && echo 'a state folder is left' && return 1
	[[ $captured_err == *"$1"* ]] || {
		said $status 'expected part' "$1"
		return 1
	}
	[ "$KIND" != skerry ] || [[ $captured_err =~ ^((config|other)\.json:|read ..*config\.json) ]] || {
		said $status 'expected first' 'the name of the file'
		return 1
	}
	is '' "$captured" && is 1 "$(wc -l <<<"$captured_err")"
}

# text NAME TEXT [PART]: TEXT as the whole config.json
text() {
	mk .
	printf %s "$2" >config.json
	$strict "$1" refused_with "${3:-config}"
}

# change NAME FILTER PART: the default configuration with one change; skerry gives the place as a
# JSON pointer that holds PART
change() {
	mk "$2"
	$strict "$1" refused_with "$3"
	[ "$KIND" != skerry ] || check "$1: the place" matches "$captured_err" '^config\.json: (/[A-Za-z0-9._~-]*)+: '
}

# --- not JSON ----------------------------------------------------------------------
text 'empty' ''
text 'white space' $' \n\t '
text 'one brace' '{'
text 'a bracket' '['
text 'a number' '5'
text 'a string' '"x"'
text 'null' 'null'
text 'an array' '[]'
text 'an empty object' '{}'
text 'words' 'not json at all'
text 'single quotes' "{'ociVersion': '1.0.0'}"
text 'a comma too many' '{"ociVersion": "1.0.0",}'
text 'a comment' '{/* x */"ociVersion": "1.0.0"}'
text 'an open string' '{"ociVersion": "1.0.0'
text 'a bad escape' '{"ociVersion": "\q"}'
text 'a half surrogate' '{"ociVersion": "\ud800"}'
text 'a control character in a string' $'{"ociVersion": "1.0\x01"}'
text 'trailing data' '{} {}'
text 'a byte order mark and nothing' $'\xef\xbb\xbf'
mk .
printf '{"ociVersion": "\xff\xfe"}' >config.json
$strict 'invalid UTF-8' refused_with config.json
for bytes in '\xc0\x80' '\xed\xa0\x80' '\xf4\x90\x80\x80' '\xe2\x82' '\x80'; do
	mk .
	sed -i "s/\"hostname\": \"[a-z]*\"/\"hostname\": \"x$bytes\"/" config.json
	$strict "invalid UTF-8 in a value: $bytes" refused_with config.json
	mk .
	sed -i "s/\"hostname\"/\"host$bytes\"/" config.json
	$strict "invalid UTF-8 in a key: $bytes" refused_with config.json
done
mk .
cp config.json whole.json
size=$(stat -c %s whole.json)
good=0
for i in $(seq 1 97 $((size - 2))); do
	head -c "$i" whole.json >config.json
	if refused_with '' >/dev/null 2>&1; then good=$((good + 1)); else echo "# cut at $i"; fi
done
$strict "the default configuration cut at every 97th byte" is "$(seq 1 97 $((size - 2)) | wc -l)" $good
mk .
head -c 200000 /dev/zero | tr '\0' '[' >config.json
$strict 'nesting of 200000' refused_with config.json
(printf '{"ociVersion":"1.0.2","x":'; head -c 100000 /dev/zero | tr '\0' '['; head -c 100000 /dev/zero | tr '\0' ']'; printf '}') >config.json
$strict 'nesting of 100000 that is closed' refused_with config.json
head -c 1000 /dev/urandom >config.json
$strict 'random bytes' refused_with config.json
rm config.json && mkdir config.json
$strict 'a folder' refused_with config.json
rmdir config.json && mkfifo config.json
$strict 'a fifo' refused_with config.json
rm config.json && ln -s config.json config.json
$strict 'a link to itself' refused_with config.json
rm config.json && ln -s /dev/zero config.json
$strict '/dev/zero' refused_with config.json
rm config.json
head -c 100000000 /dev/zero | tr '\0' ' ' >config.json
$strict 'a hundred megabytes of spaces' refused_with config.json
rm -f config.json

# --- wrong types: each names its place -------------------------------------------------
change 'ociVersion: missing' 'del(.ociVersion)' ociVersion
change 'ociVersion: number' '.ociVersion = 1' ociVersion
change 'ociVersion: 2.0.0' '.ociVersion = "2.0.0"' ociVersion
change 'ociVersion: nonsense' '.ociVersion = "one"' ociVersion
change 'ociVersion: empty' '.ociVersion = ""' ociVersion
change 'process: string' '.process = "sh"' process
change 'process: array' '.process = []' process
change 'process.args: string' '.process.args = "sh"' args
change 'process.args: numbers' '.process.args = [1]' args
change 'process.args: null in it' '.process.args = [null]' args
change 'process.env: object' '.process.env = {A: "b"}' env
change 'process.env: number in it' '.process.env += [5]' env
change 'process.cwd: number' '.process.cwd = 5' cwd
change 'process.cwd: relative' '.process.cwd = "a/b"' cwd
change 'process.terminal: string' '.process.terminal = "yes"' terminal
change 'process.user: string' '.process.user = "root"' user
change 'process.user.uid: string' '.process.user.uid = "0"' uid
change 'process.user.uid: negative' '.process.user.uid = -1' uid
change 'process.user.uid: fraction' '.process.user.uid = 1.5' uid
change 'process.user.additionalGids: negative' '.process.user.additionalGids = [-1]' additionalGids
change 'process.capabilities: array' '.process.capabilities = ["CAP_KILL"]' capabilities
change 'process.capabilities.bounding: string' '.process.capabilities.bounding = "CAP_KILL"' bounding
change 'process.rlimits: object' '.process.rlimits = {}' rlimits
change 'process.rlimits: unknown' '.process.rlimits = [{type: "X", soft: 1, hard: 1}]' rlimits
change 'process.rlimits: hard missing' '.process.rlimits = [{type: "RLIMIT_CORE", soft: 1}]' hard
change 'process.rlimits: negative' '.process.rlimits = [{type: "RLIMIT_CORE", soft: -1, hard: 1}]' rlimits
change 'process.oomScoreAdj: string' '.process.oomScoreAdj = "5"' oomScoreAdj
change 'process.noNewPrivileges: number' '.process.noNewPrivileges = 1' noNewPrivileges
change 'root: missing' 'del(.root)' root
change 'root: string' '.root = "rootfs"' root
change 'root.path: missing' 'del(.root.path)' path
change 'root.path: empty' '.root.path = ""' path
change 'root.path: not there' '.root.path = "nothere"' nothere
change 'root.path: a file' '.root.path = "config.json"' root
change 'root.readonly: string' '.root.readonly = "no"' readonly
change 'hostname: number' '.hostname = 5' hostname
change 'hostname: 65 characters' ".hostname = \"$(printf 'h%.0s' $(seq 65))\"" hostname
change 'mounts: object' '.mounts = {}' mounts
change 'mounts: string in it' '.mounts += ["x"]' mounts
change 'mounts: no destination' '.mounts += [{type: "tmpfs"}]' destination
change 'mounts: options string' '.mounts += [{destination: "/x", type: "tmpfs", options: "ro"}]' options
change 'mounts: number as option' '.mounts += [{destination: "/x", type: "tmpfs", options: [5]}]' options
change 'hooks: array' '.hooks = []' hooks
change 'hooks: no path' '.hooks.prestart = [{args: ["x"]}]' path
change 'hooks: time-out string' '.hooks.prestart = [{path: "/bin/true", timeout: "1"}]' timeout
change 'annotations: array' '.annotations = []' annotations
change 'annotations: number' '.annotations = {a: 5}' annotations
change 'linux: string' '.linux = "x"' linux
change 'linux.namespaces: strings' '.linux.namespaces = ["pid"]' namespaces
change 'linux.namespaces: unknown' '.linux.namespaces += [{type: "nosuch"}]' nosuch
change 'linux.namespaces: no type' '.linux.namespaces += [{path: "/x"}]' type
change 'linux.uidMappings: negative' '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: -1, hostID: 0, size: 1}]' containerID
change 'linux.uidMappings: too large' '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 4294967296, hostID: 0, size: 1}]' containerID
change 'linux.devices: no path' '.linux.devices = [{type: "c", major: 1, minor: 3}]' path
change 'linux.devices: bad type' '.linux.devices = [{path: "/dev/x", type: "z"}]' type
change 'linux.devices: fraction' '.linux.devices = [{path: "/dev/x", type: "c", major: 1.5, minor: 3}]' major
change 'linux.resources: array' '.linux.resources = []' resources
change 'linux.resources.pids.limit: string' '.linux.resources.pids.limit = "5"' limit
change 'linux.resources.memory.limit: fraction' '.linux.resources.memory.limit = 1.5' limit
change 'linux.resources.cpu.shares: negative' '.linux.resources.cpu.shares = -5' shares
change 'linux.resources.devices: bad access' '.linux.resources.devices = [{allow: true, access: "q"}]' access
change 'linux.cgroupsPath: number' '.linux.cgroupsPath = 5' cgroupsPath
change 'linux.sysctl: array' '.linux.sysctl = []' sysctl
change 'linux.sysctl: number' '.linux.sysctl = {"net.x": 5}' sysctl
change 'linux.maskedPaths: string' '.linux.maskedPaths = "/x"' maskedPaths
change 'linux.readonlyPaths: number' '.linux.readonlyPaths = [5]' readonlyPaths
change 'linux.rootfsPropagation: number' '.linux.rootfsPropagation = 5' rootfsPropagation
change 'linux.rootfsPropagation: unknown' '.linux.rootfsPropagation = "x"' rootfsPropagation
change 'linux.seccomp: array' '.linux.seccomp = []' seccomp
change 'linux.seccomp: unknown action' '.linux.seccomp = {defaultAction: "X"}' defaultAction
change 'linux.seccomp: names string' '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: "x", action: "SCMP_ACT_ERRNO"}]}' names
change 'linux.personality: unknown' '.linux.personality = {domain: "X"}' personality
change 'linux.timeOffsets: string' '.linux.timeOffsets = {boottime: {secs: "1"}}' secs
change 'linux.intelRdt: array' '.linux.intelRdt = []' intelRdt

# --- numbers jq would not write as they are -------------------------------------------------
for n in 9223372036854775808 99999999999999999999999 1e400 -9223372036854775809 1e5 0x10 01 +1 NaN -0.5; do
	mk .
	sed -i "s/\"uid\": 0/\"uid\": $n/" config.json
	$strict "uid $n" refused_with config.json
done

for pair in '.linux.resources.memory.limit /linux/resources/memory/limit' '.process.rlimits[0].soft /process/rlimits/0/soft' \
	'.process.user.additionalGids[0] /process/user/additionalGids/0' '.linux.devices[0].major /linux/devices/0/major' \
	'.process.oomScoreAdj /process/oomScoreAdj' '.hooks.prestart[0].timeout /hooks/prestart/0/timeout' \
	'.linux.timeOffsets.boottime.nanosecs /linux/timeOffsets/boottime/nanosecs' '.process.consoleSize.height /process/consoleSize/height'; do
	for n in 99999999999999999999999999 1e400 -99999999999999999999999999; do
		mk ".process.rlimits = [{type: \"RLIMIT_CORE\", soft: 0, hard: 0}] | .linux.devices = [{path: \"/dev/x\", type: \"c\", major: 1, minor: 3}] |
			.hooks.prestart = [{path: \"/bin/true\"}] | .linux.timeOffsets.boottime.secs = 1 | .process.consoleSize = {width: 1, height: 1} |
			${pair% *} = 424242"
		sed -i "s/424242/$n/" config.json
		$strict "${pair#* } $n" refused_with "${pair#* }"
	done
done

# --- strings ------------------------------------------------------------------------------
change 'a NUL in an argument' '.process.args = ["a\u0000b"]' args
change 'a NUL in the environment' '.process.env += ["A=\u0000"]' env
change 'a NUL in a mount destination' '.mounts += [{destination: "/a\u0000b", type: "tmpfs"}]' destination
change 'a NUL in root.path' '.root.path = "rootfs\u0000x"' path
change 'a path of 5000 characters' ".mounts += [{destination: \"/$(printf 'x%.0s' $(seq 5000))\", type: \"tmpfs\"}]" xxxxx
change 'hostname with a newline' '.hostname = "a\nb"' hostname
for p in relative ../x /x/../../y '' "/$(printf 'x/%.0s' $(seq 3000))" "$(printf '/x\\u0001y')"; do
	mk ".linux.maskedPaths += [\"$p\"] | .linux.readonlyPaths += [\"$p\"]"
	check "an absurd masked path (${p:0:20}) makes no crash and nothing outside" eval 'TMO=30 R create bad </dev/null >"$T/o" 2>&1; s=$?; RD bad; [ $s -lt 124 ] && [ ! -e "$T/y" ]'
done
change 'a device path that is relative' '.linux.devices = [{path: "x", type: "c", major: 1, minor: 3}]' /linux/devices/0/path
change 'a hook path of 5000 characters' ".hooks.prestart = [{path: \"/$(printf 'x%.0s' $(seq 5000))\"}]" /hooks/prestart
change 'a namespace path that is a folder' '.linux.namespaces |= map(if .type == "uts" then .path = "/" else . end)' /linux/namespaces
change 'a namespace path of 5000 characters' ".linux.namespaces |= map(if .type == \"uts\" then .path = \"/$(printf 'x%.0s' $(seq 5000))\" else . end)" /linux/namespaces
change 'a working folder of 5000 characters' ".process.cwd = \"/$(printf 'x%.0s' $(seq 5000))\"" /process/cwd
change 'an absolute path in cgroupsPath with ..' '.linux.cgroupsPath = "/../../x"' cgroupsPath

# --- duplicates of what is read; what nobody reads may repeat ---------------------------------------
mk .
sed -i 's/"hostname"/"hostname": "first",\n\t"hostname"/' config.json
conf_ok() {
	TMO=30 R run bad >"$T/o" 2>&1 </dev/null
	[ $? -lt 128 ]
}
check 'a repeated key does not crash' conf_ok
$strict 'a repeated key is refused at its place' refused_with /hostname
mk .
sed -i 's/"cwd"/"cwd": "\/", "cwd"/' config.json
$strict 'a repeated key of an object is refused at its place' refused_with /process/cwd
mk "$(args true) | .annotations = {first: \"x\"}"
sed -i 's/"first": "x"/"first": "x", "first": "y"/' config.json
check 'a repeated annotation: done or refused, no crash' conf_ok

# --- large but legal ------------------------------------------------------------------------------
mk "$(args true) | .process.env += [range(0; 5000) | \"V\\(.)=x\"]"
check 'five thousand variables' R run big
mk "$(args true) | .annotations = ([range(0; 5000) | {key: \"k\\(.)\", value: \"v\"}] | from_entries)"
check 'five thousand annotations' R run big
mk "$(args true) | .unknown = {deep: [range(0; 1000) | {x: .}]} | .process.alsoUnknown = 5 | .linux.newer = [[1]]"
check 'unknown keys are passed over' R run big
mk "$(args true) | .process.args += [\"$(head -c 100000 /dev/zero | tr '\0' x)\"]"
check 'an argument of 100 kB' R run big
jq -c . config.json >c && mv c config.json
check 'on one line' R run big
mk "[range(0; 20000)] as \$n | .linux.maskedPaths = [\$n[] | \"/x\\(.)\"] | $(args true)"
check 'twenty thousand masked paths: done or refused within 20 s, no crash' eval 'R run big >/dev/null 2>&1; s=$?; [ $s != 124 ] && [ $s -lt 128 ]'
RD big bad
clean_or_fail
done_testing
