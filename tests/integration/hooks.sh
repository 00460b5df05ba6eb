#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# hooks.sh - the six hooks: order, namespaces, state on standard input,
# environment, working directory, time-out, failures.
. "$(dirname "$0")/lib.sh"

# A hook script of the host; inside the container its own shell runs the same lines.
cat >"$T/hook" <<'END'
#!/bin/sh
# hook NAME OUT: append what this hook sees
{
	echo "name $1"
	printf 'state '
	cat
	echo
	echo "cwd $(pwd)"
	echo "uts $(readlink /proc/self/ns/uts)"
	echo "mnt $(readlink /proc/self/ns/mnt)"
	echo "env $(env | sort | tr '\n' ' ')"
	echo "argv0 $0"
} >>"$2"
END
chmod 755 "$T/hook"
LOG=$T/hooks.log

hook() {
	jq -cn --arg n "$1" --arg p "$T/hook" --arg l "$LOG" '{($n): [{path: $p, args: ["hook", $n, $l], env: ["PATH=/usr/bin:/bin", "H=" + $n]}]}'
}
all() {
	local n filter=.
	for n in prestart createRuntime createContainer poststart poststop; do
		filter+=" | .hooks += $(hook $n)"
	done
	echo "$filter | .hooks.startContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"{ echo name startContainer; printf 'state '; cat; echo; echo cwd \$(pwd); echo mnt \$(readlink /proc/self/ns/mnt); } >/tmp/start.log\"]}]"
}
field() {
	awk -v n="$1" -v f="$2" '$1 == "name" { on = $2 == n } on && $1 == f { sub("^" f " ", ""); print }' "$LOG"
}
names() {
	sed -n 's/^name //p' "$LOG" | xargs
}

mk "$(args sleep 1000) | $(all) | .annotations = {\"x/y\": \"z\"}"
check 'create' eval 'R create c1 </dev/null >"$T/o" 2>&1 || { cat "$T/o"; false; }'
check 'create runs prestart, createRuntime, createContainer in this order' is 'prestart createRuntime createContainer' "$(names)"
check 'startContainer has not run' test ! -e rootfs/tmp/start.log
pid=$(pid_of c1)
cuts=$(readlink "/proc/$pid/ns/uts")
cmnt=$(readlink "/proc/$pid/ns/mnt")
check 'start' R start c1
check 'start runs startContainer' eventually test -s rootfs/tmp/start.log
check 'and then poststart' is 'prestart createRuntime createContainer poststart' "$(names)"
for n in prestart createRuntime createContainer poststart; do
	field $n state >"$T/seen"
	check "$n: the state is one line of JSON" jq -e . "$T/seen"
	check "$n: id, bundle, ociVersion" jq -e --arg b "$B" '.id == "c1" and .bundle == $b and (.ociVersion | test("^1"))' "$T/seen"
	check "$n: annotations, slash not escaped" eval 'jq -e ".annotations[\"x/y\"] == \"z\"" "$T/seen" && grep -q x/y "$T/seen"'
	check "$n: its own environment only" eval "o=\$(field $n env); has \"\$o\" H=$n && lacks \"\$o\" SECRET && lacks \"\$o\" TERM=xterm"
done
check 'prestart, createRuntime: pid of the runtime namespace' eval '[ "$(field createRuntime state | jq .pid)" = "$pid" ]'
check 'createRuntime: status creating or created' eval 'field createRuntime state | jq -e ".status | IN(\"creating\", \"created\")"'
check 'poststart: status running' eval 'field poststart state | jq -e ".status == \"running\""'
check 'prestart and createRuntime run in the namespaces of the runtime' eval 'is "$(readlink /proc/self/ns/mnt)" "$(field createRuntime mnt)" && is "$(readlink /proc/self/ns/uts)" "$(field prestart uts)"'
check 'createContainer runs in the mount namespace of the container' is "$cmnt" "$(field createContainer mnt)"
check 'createContainer runs in the other namespaces as well' is "$cuts" "$(field createContainer uts)"
check 'poststart runs in the namespaces of the runtime' is "$(readlink /proc/self/ns/mnt)" "$(field poststart mnt)"
check 'startContainer runs in the container' eval 'has "$(cat rootfs/tmp/start.log)" "mnt $cmnt"'
check 'startContainer: its state' eval 'sed -n "s/^state //p" rootfs/tmp/start.log | jq -e ".id == \"c1\""'
check 'the working directory is the bundle' eval 'is "$B" "$(field createRuntime cwd)" && is "$B" "$(field poststart cwd)"'
R kill c1 KILL
eventually is_status stopped c1
check 'poststop has not run while the container is only stopped' lacks "$(names)" poststop
check 'delete' R delete c1
check 'poststop runs at delete' is 'prestart createRuntime createContainer poststart poststop' "$(names)"
check 'poststop: status stopped' eval 'field poststop state | jq -e ".status == \"stopped\" and .id == \"c1\""'
rm -f "$LOG"
mk "$(args true) | $(all)"
check 'run runs all six' eval 'SECRET=leak R run c1 </dev/null && is "prestart createRuntime createContainer poststart poststop" "$(names)"'
check 'the environment of the runtime reaches no hook' eval '! grep -q leak "$LOG"'
rm -f "$LOG"

# --- several, arguments ---------------------------------------------------------------------
sh_hook() {
	jq -cn --arg c "$1" '[{path: "/bin/sh", args: ["sh", "-c", $c]}]'
}
mk "$(args true) | .hooks.createRuntime = $(sh_hook "echo 1 >>$T/order") + $(sh_hook "echo 2 >>$T/order") + $(sh_hook "echo 3 >>$T/order")"
check 'hooks of one kind run in the order of the list' eval 'R run c1 && is "1 2 3" "$(xargs <"$T/order")"'
mk "$(args true) | .hooks.createRuntime = [{path: \"/bin/sh\", args: [\"myname\", \"-c\", \"echo \$0 >$T/arg0\", \"zero\"]}]"
check 'arguments are given as they are' eval 'R run c1 && is zero "$(cat "$T/arg0")"'
mk "$(args true) | .hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"tr '\\\\0' '\\\\n' </proc/self/environ >$T/env\"]}]"
check 'without env the environment is empty' eval 'SECRET=1 R run c1 && ! grep -q "SECRET\|TERM" "$T/env"'
mk "$(args true) | .hooks.createRuntime = [{path: \"$T/hook-only-path\"}]"
printf '#!/bin/sh\necho "$#" >%s/count\n' "$T" >"$T/hook-only-path" && chmod 755 "$T/hook-only-path"
check 'a hook without args' eval 'R run c1 && is 0 "$(cat "$T/count")"'
mk "$(args true) | .hooks = {}"
check 'empty hooks' R run c1
mk "$(args true) | .process.env += [\"LD_PRELOAD=/evil.so\", \"EVIL=1\"] | .hooks.createContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"env >$T/env\"]}]"
check 'createContainer never gets the environment of the container' eval 'R run c1 && ! grep -q EVIL "$T/env"'

# --- failures ---------------------------------------------------------------------------------
for n in prestart createRuntime createContainer; do
	mk "$(args sh -c 'touch /ran') | .hooks.$n = $(sh_hook 'echo why >&2; exit 3')"
	check "$n that fails: create fails" fails R create c1
	check "$n that fails: nothing is left" gone c1
	check "$n that fails: run fails and the program never ran" eval 'fails R run c1 && [ ! -e "$B/rootfs/ran" ]'
done
mk "$(args sh -c 'touch /ran') | .hooks.startContainer = [{path: \"/bin/false\"}]"
except 'crun runc' 'start succeeds' check 'startContainer that fails: run fails, the program never ran' eval 'fails R run c1; [ ! -e "$B/rootfs/ran" ]'
RD c1
mk "$(args touch /ran) | .hooks.startContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo why >&2; exit 3\"]}]"
R create c1 >"$T/created.out" 2>&1 </dev/null
except 'crun runc' 'start succeeds' check 'startContainer that fails: start fails and says why' refuses why R --log "$T/start.log" start c1
except 'crun runc' 'nothing is logged' check 'startContainer that fails: the log of start has it' grep -q 'startContainer hook.*exit status 3: why' "$T/start.log"
check 'startContainer that fails: standard error of the container has it' eventually grep -q why "$T/created.out"
check 'startContainer that fails: the program never ran' eval '[ ! -e "$B/rootfs/ran" ] && eventually is_status stopped c1'
check 'startContainer that fails: delete' R delete c1
mk "$(args true) | .hooks.poststop = $(sh_hook 'exit 3')"
check 'poststop that fails is only a warning' R run c1
mk "$(args sleep 1000) | .hooks.poststop = $(sh_hook "echo ran >$T/poststop2")"
up c1
check 'delete --force runs poststop' eval 'R delete --force c1 && is ran "$(cat "$T/poststop2")"'
mk "$(args true) | .hooks.createRuntime = [{path: \"/no/such/hook\"}]"
check 'a missing hook: create fails and names it' refuses /no/such/hook R create c1
mk "$(args true) | .hooks.createRuntime = [{path: \"relative\"}]"
except 'crun runc' 'try it' check 'a relative hook path is refused' fails R create c1
RD c1
mk "$(args true) | .hooks.createRuntime = [{path: \"/bin/sleep\", args: [\"sleep\", \"100\"], timeout: 1}]"
began=$SECONDS
check 'a hook over its time-out: create fails' fails R create c1
check 'after about that time' eval "[ $((SECONDS - began)) -le 50 ]"
check 'and nothing is left (time-out)' gone c1
check 'the hook is dead' eventually eval '! pgrep -f "^sleep 100$"'
mk "$(args true) | .hooks.createRuntime = [{path: \"/bin/true\", timeout: 0}]"
except 'crun runc' 'take it' check 'a time-out of 0 is refused (greater than zero)' fails R create c1
RD c1
mk "$(args true) | .hooks.createRuntime = [{path: \"/bin/true\", timeout: -1}]"
except 'crun runc' 'take it' check 'a negative time-out is refused' fails R create c1
RD c1
mk "$(args true) | .hooks.createRuntime = $(sh_hook 'head -c 10000000 /dev/zero >&2; exec <&-')"
check 'a hook that writes 10 MB and closes its input does not hang' eval 'TMO=30 R run c1 >/dev/null 2>&1'
mk "$(args true) | .hooks.createRuntime = $(sh_hook 'sleep 333 & exit 0') | .annotations = {big: \"$(head -c 60000 /dev/zero | tr '\0' x)\"}"
check 'a hook that ignores a long state and leaves a child does not hang' eval 'TMO=30 R run c1 >/dev/null 2>&1'
except 'runc' 'waits for its output' check 'and the runtime does not wait for that child' pgrep -f '^sleep 333$'
[ -z "$(pgrep -f '^sleep 333$')" ] || safe_kill KILL "$(pgrep -f '^sleep 333$')"
exec 9</etc
mk "$(args true) | .hooks.createRuntime = $(sh_hook "ls -l /proc/self/fd >$T/fds")"
R run c1
check 'a hook gets no descriptors but its three' eval '! grep -q "/etc$\|cgroup\|state" "$T/fds"'
exec 9<&-
clean_or_fail
done_testing
