#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# lifecycle.sh - create, start, state, kill, delete, list: the states of a
# container, what each command answers in each of them, and its exact words.
. "$(dirname "$0")/lib.sh"

# --- created -------------------------------------------------------------------
mk "$(args sh -c 'echo hello; sleep 1000') | .annotations = {\"a.b\": \"c/d\"}"
check 'create succeeds and prints nothing' prints '' R create --pid-file "$T/pid" c1
check 'a created container is "created"' is_status created c1
check 'pid file holds digits only, no newline' matches "$(od -An -c "$T/pid" | tr -d ' \n')" '^[0-9]+$'
check 'pid file agrees with state' is "$(<"$T/pid")" "$(pid_of c1)"
check 'no temporary file is left beside the pid file' is pid "$(cd "$T" && ls -d .pid* pid* 2>/dev/null)"
check 'the container waits' test -d "/proc/$(pid_of c1)"
R state c1 >"$T/state.json" 2>"$T/state.err"
check 'state prints nothing on standard error' test ! -s "$T/state.err"
check 'state: ociVersion' jq -e '.ociVersion | test("^1\\.[0-9]+\\.[0-9]+")' "$T/state.json"
check 'state: id' jq -e '.id == "c1"' "$T/state.json"
check 'state: bundle is absolute' jq -e --arg b "$B" '.bundle == $b' "$T/state.json"
check 'state: rootfs is absolute' jq -e --arg b "$B/rootfs" '.rootfs == $b' "$T/state.json"
check 'state: created is RFC 3339 UTC' jq -e \
	'.created | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?Z$")' "$T/state.json"
check 'state: annotations' jq -e '.annotations["a.b"] == "c/d"' "$T/state.json"
check 'state: a slash is not escaped' grep -q 'c/d' "$T/state.json"
except crun 'its key order differs' check 'state: keys in the order of runc' is \
	'ociVersion id pid status bundle rootfs created annotations' \
	"$(jq -r 'keys_unsorted - ["owner"] | join(" ")' "$T/state.json")"
check 'one folder below --root for the container' test -d "$ROOT/c1"

check 'create refuses an id in use' refuses 'already exists' R create c1
except crun 'other words' check 'create of a used id: the words of runc' \
	refuses 'container with given ID already exists' R create c1
check 'run refuses an id in use' refuses 'already exists' R run c1
check 'the refused create touched nothing' is_status created c1
check 'exec into a created container works' prints hi R exec c1 echo hi

# --- running -------------------------------------------------------------------
check 'start' R start c1
check 'a started container is "running"' eventually is_status running c1
check 'start twice is refused' fails R start c1
except crun 'other words' check 'start twice: exact words' \
	refuses 'cannot start an already running container' R start c1
check 'delete of a running container is refused' refuses 'not stopped' R delete c1
except crun 'other words' check 'delete of a running container: the words of runc' \
	refuses 'cannot delete container c1 that is not stopped: running' R delete c1
check 'the refused delete touched nothing' is_status running c1

# --- stopped -------------------------------------------------------------------
check 'kill KILL' R kill c1 KILL
check 'a killed container is "stopped"' eventually is_status stopped c1
check 'state of a stopped container has pid 0' is 0 "$(pid_of c1)"
check 'start of a stopped container is refused' fails R start c1
check 'kill of a stopped container: container not running' refuses 'container not running' R kill c1 KILL
except runc 'since 1.1 --all of a stopped container is an error' \
	check 'kill --all of a stopped container succeeds' R kill --all c1 KILL
check 'exec in a stopped container is refused' fails R exec c1 true
except crun 'other words' check 'exec in a stopped container: exact words' \
	refuses 'cannot exec in a stopped container' R exec c1 true
check 'pause of a stopped container is refused' fails R pause c1
check 'update of a stopped container is refused' fails R update --pids-limit 10 c1
check 'delete' prints '' R delete c1
check 'a deleted container is gone' gone c1

# --- unknown -------------------------------------------------------------------
for command in 'state none' 'start none' 'kill none KILL' 'delete none' 'exec none true' 'pause none' \
	'resume none' 'ps none' 'update --pids-limit 5 none'; do
	# shellcheck disable=SC2086
	except crun 'other words' check "$command: container does not exist" refuses 'does not exist' R $command
done
check 'delete --force of an unknown id succeeds' prints '' R delete --force none
mkdir "$ROOT/half"
except 'crun runc' 'leaves the folder' check 'delete --force removes a left-over folder' \
	eval 'R delete --force half && [ ! -e "$ROOT/half" ]'
rm -rf "$ROOT/half"

# --- delete --------------------------------------------------------------------
mk "$(args sleep 1000)"
R create c2 >/dev/null 2>&1 </dev/null
pid=$(pid_of c2)
check 'delete of a created container kills and deletes it' R delete c2
check 'its process is gone' test ! -d "/proc/$pid"
up c3
pid=$(pid_of c3)
check 'delete --force of a running container' prints '' R delete --force c3
check 'its process is gone when delete returns' eventually test ! -d "/proc/$pid"
up c3
R pause c3 && check 'delete --force of a paused container' prints '' R delete -f c3
mk "$(args true)"
up c4
check 'a container whose program ended is "stopped"' eventually is_status stopped c4
check 'delete of a container that ended' R delete c4
mk "$(args sh -c 'sleep 1000 & sleep 1000') | .linux.namespaces |= map(select(.type != \"pid\"))"
up c5
pid=$(pid_of c5)
eventually eval '[ "$(R ps -f json c5 | jq length)" = 2 ]'
safe_kill KILL "$pid"
eventually is_status stopped c5
check 'delete --force with a shared pid namespace kills what init left' eval \
	'R delete -f c5; eventually eval "! pgrep -x sleep"'

# --- ids -----------------------------------------------------------------------
mk "$(args true)"
for id in a A.b_c+d-e 0 x-; do
	check "id \"$id\" is accepted" status 0 R run "$id"
done
for id in '' . .. a/b ../c 'a b' 'a:b' $'a\nb' 'a%s' 'á' 'a*'; do
	check "id $(printf %q "$id") is refused by create" fails R create "$id"
done
long=$(printf 'x%.0s' $(seq 1100))
check 'an id of 1100 characters is refused' fails R create "$long"

# --- what create leaves when it fails ---------------------------------------------
mk "$(args /no/such/program)"
check 'create fails when the program is missing' refuses 'no such file or directory' R create bad
check 'a failed create leaves no state' gone bad
mk "$(args nosuchprogram)"
check 'program not in PATH: exact words' refuses 'executable file not found in $PATH' R create bad
mk "$(args /etc/passwd)"
check 'program not executable: permission denied' refuses 'ermission denied' R create bad
mk "$(args /etc)"
except runc 'says permission denied' check 'program is a directory' fails R create bad
except 'crun runc' 'other words' check 'program is a directory: exact words' refuses 'is a directory' R create bad
mk '.root.path = "missing"'
check 'create fails when the root is missing' fails R create bad
rm -rf "$T/empty" && mkdir "$T/empty"
check 'create fails without config.json and names it' refuses config.json R create -b "$T/empty" bad
check 'create fails with a bundle that is not there' refuses "$T/none" R create -b "$T/none" bad
mk "$(args true)"
check 'create takes --bundle=DIR' R create --bundle="$B" b1
check 'create takes -b DIR' eval '(cd / && R create -b "$B" b2)'
except crun 'no single-dash long options' check 'create takes -bundle DIR' R create -bundle "$B" b3
except crun 'no single-dash long options' check 'create takes -bundle=DIR' R create -bundle="$B" b4
RD b1 b2 b3 b4
except runc 'no --config' check 'run --config FILE' eval 'mv config.json other.json; R run --config other.json b5; s=$?; mv other.json config.json; [ $s = 0 ]'
check 'create without an id is refused' fails R create
check 'create with two ids is refused' fails R create one two
check 'an unknown option is refused' fails R create --no-such-option one
except 'crun runc' 'other words or status' check 'an unknown command ends with status 3' status 3 R nosuchcommand
check 'a missing value: flag needs an argument' fails R create --bundle
except crun 'other words' check 'a missing value: exact words' \
	refuses 'flag needs an argument' R create --bundle

# --- what only start can find --------------------------------------------------------
mk "$(args /bin/there)"
cp rootfs/bin/busybox rootfs/bin/there
R create late >"$T/late.out" 2>&1 </dev/null
rm rootfs/bin/there
except 'crun runc' 'start succeeds' check 'a program that went away after create: start fails and names it' refuses '/bin/there' R start late
check 'a program that went away: standard error of the container says so' eventually grep -q /bin/there "$T/late.out"
check 'a program that went away: the container is stopped' eventually is_status stopped late
RD late
mk "$(args /bin/there) | .hooks.startContainer = [{path: \"/bin/sleep\", args: [\"sleep\", \"1000\"]}]"
cp rootfs/bin/busybox rootfs/bin/there
R create late >/dev/null 2>&1 </dev/null
R start late >/dev/null 2>&1 &
job=$!
eventually is_status running late
check 'a start that waits for its hook is in nobody'"'"'s way' eval 'TMO=30 R delete --force late && gone late'
wait $job

# --- root ------------------------------------------------------------------------
mk "$(args sleep 1000)"
other=$T/other/deep/root
check '--root is made when missing' timeout 60 "$SKERRY" --root "$other" run -d r1
check 'the other root does not see it' fails R state r1
check 'its own root does' timeout 60 "$SKERRY" --root="$other" state r1
timeout 60 "$SKERRY" --root "$other" delete -f r1
except crun 'no refusal' check '--root / is refused' fails timeout 60 "$SKERRY" --root / list
for flags in '--debug' '--log /dev/null' '--log=/dev/null --log-format=json' '--log-format text' \
	'--systemd-cgroup=false' '--rootless=auto'; do
	case $KIND/$flags in crun/--systemd-cgroup=false) continue ;; esac
	# shellcheck disable=SC2086
	check "global option $flags is accepted" timeout 60 "$SKERRY" $flags --root "$ROOT" list
done
for word in '--help' 'help' 'create --help' 'exec --help' '--version' '-v'; do
	case $KIND/$word in crun/help | crun/-v) continue ;; esac
	# shellcheck disable=SC2086
	check "\"$word\" ends with 0 and prints something" eval "timeout 60 \"\$SKERRY\" $word | grep -q ."
done
check '--version: the first line has the word version' matches "$("$SKERRY" --version | head -n 1)" \
	'^[a-z]+ version [0-9]+\.[0-9]+'
check '--version has commit and spec lines' eval '"$SKERRY" --version | grep -q "^commit: " && "$SKERRY" --version | grep -q "^spec: "'
except 'crun runc' 'it is its own name' check '--version started as "runc" says runc' eval \
	'ln -s "$SKERRY" "$T/runc"; "$T/runc" --version | grep -q "^runc version "'

# --- the caller ------------------------------------------------------------------
mk "$(args sleep 1000)"
R create orphan >/dev/null 2>&1 </dev/null
pid=$(pid_of orphan)
check 'a created container is re-parented, no helper stays between' eval \
	'[ "$(awk "/^PPid/ { print \$2 }" "/proc/$pid/status")" = 1 ] || [ "$SKERRY_LANE" != native ]'
RD orphan
# of_own FD: it is open on a mount of the container's
of_own() {
	local at=/proc/$pid
	grep -q "^$(sed -n 's/^mnt_id:[[:space:]]*//p' "$at/fdinfo/$1") " "$at/mountinfo"
}
R create own </dev/null >/dev/null 2>"$T/own.err"
pid=$(pid_of own)
except crun 'it keeps what it got' check 'where it gets /dev/null, it is its own' eval 'of_own 0 && of_own 1'
check 'and what it gets else is that' is "$T/own.err" "$(readlink "/proc/$pid/fd/2")"
RD own
check 'the runtime needs no HOME and no PATH' eval \
	'env -i "$SKERRY" --root "$ROOT" create bare </dev/null && env -i "$SKERRY" --root "$ROOT" delete -f bare'
clean_or_fail
done_testing
