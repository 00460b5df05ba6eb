#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# sweep.sh - what is left when a command dies, or one of its system calls fails,
# at each point of its life.
#
# tools/nth.c counts the system calls of the command's whole process tree; at
# the N-th it kills the process or the tree, or lets the call fail.  Verdicts:
#   V1 it ends within ten seconds
#   V2 no process of it crashes
#   V3 after a failed call the command either worked or undid all, without help
#      (when the failed call is a removal itself, with the help of V4)
#   V4 after a kill `delete --force` succeeds and nothing is left, and the same
#      id can be used again
#   V5 a command that says it worked did all it was asked for: capabilities,
#      masks, read-only paths, limits, groups, filter and names are compared with
#      those of an undisturbed container
#
# SWEEP_ACTIONS  killtree, kill, and errno numbers (default: killtree kill 12 1)
# SWEEP_COMMANDS (default: create start run exec kill delete update)
# SWEEP_STEP     every how many calls; the default takes SWEEP_POINTS (10) points
#                of each pair of command and action, 1 takes all
. "$(dirname "$0")/lib.sh"

ACTIONS=${SWEEP_ACTIONS:-killtree kill 12 1}
COMMANDS=${SWEEP_COMMANDS:-create start run exec kill delete update}
POINTS=${SWEEP_POINTS:-10}
NTH=$TOOLS/nth

# The program tells what it got, then stays.
mk "$(args /bin/sh /probe) | .process.user = {uid: 0, gid: 0, additionalGids: [7]} | .hostname = \"sweep\" |
	.process.rlimits = [{type: \"RLIMIT_CORE\", soft: 5, hard: 6}] | .linux.namespaces += [{type: \"network\"}] |
	.linux.sysctl = {\"net.ipv4.ip_default_ttl\": \"77\"} | .process.oomScoreAdj = 300 |
	.linux.maskedPaths += [\"/m\", \"/md\"] | .linux.readonlyPaths += [\"/ro\"] |
	.mounts += [{destination: \"/mnt\", type: \"tmpfs\", source: \"t\", options: [\"ro\", \"nosuid\"]}] |
	.linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"personality\"], action: \"SCMP_ACT_ERRNO\"}]}"
mkdir rootfs/md rootfs/ro && echo secret >rootfs/m && echo secret >rootfs/md/f
cat >rootfs/probe <<'END'
{
	grep -E 'Cap|NoNewPrivs|Seccomp:|Groups|Umask' /proc/self/status
	cat /m; ls -A /md; touch /ro/x; touch /mnt/x; hostname; hp rlimit 4; hp call 135 0xffffffff
	cat /proc/sys/net/ipv4/ip_default_ttl /proc/self/oom_score_adj; pwd; env | sort
	echo x >/proc/sys/kernel/hostname; ls /dev; readlink /proc/self/fd/0
	# a node may be bound instead of made, a path be read-only and more
	cut -d' ' -f5,6 /proc/self/mountinfo | grep -v '^/dev/[a-z]* rw' | sed '/^\/proc\//s/nosuid,nodev,noexec,//' | sort
} >/tmp/probe.new 2>&1
mv /tmp/probe.new /tmp/probe
exec sleep 1000
END
RUNB=$T/runb
mk "$(args true)" "$RUNB"
LIVE=$T/b
cd "$LIVE" || exit 1

shopt -s nullglob globstar
# inventory without starting programs, for speed
state_of() {
	local f stat pid comm mounts groups=(/sys/fs/cgroup/*/**/) roots=("$ROOT"/*)
	mapfile -t mounts </proc/self/mountinfo
	printf '%s\n' "mounts ${#mounts[@]}" "${groups[@]}" "${roots[@]}"
	for f in /proc/[0-9]*/stat; do
		read -r stat <"$f" || continue
		pid=${stat%% *}
		comm=${stat#*\(}
		comm=${comm%\)*}
		stat=${stat##*\) }
		[ "${stat%% *}" = Z ] || [ "$pid" = $$ ] && continue
		[ "/proc/$pid/ns/mnt" -ef /proc/self/ns/mnt ] && [[ $comm = sweep.sh || $comm = bash ]] && continue
		echo "process $comm"
	done 2>/dev/null
}
# same TEXT: the state becomes TEXT within two seconds
same() {
	local i
	for ((i = 0; i < 40; i++)); do
		state_of >"$T/now"
		[ "$(<"$T/now")" = "$1" ] && return
		sleep 0.05
	done
	return 1
}

# For each command: what has to be there before, and the words.
bring_to() {
	case $1 in
	nothing) ;;
	created) R create c1 </dev/null >/dev/null 2>&1 ;;
	running)
		rm -f rootfs/tmp/probe
		R create c1 </dev/null >/dev/null 2>&1 && R start c1 && eventually test -e rootfs/tmp/probe
		;;
	stopped) R create c1 </dev/null >/dev/null 2>&1 && R kill c1 KILL && eventually is_status stopped c1 ;;
	esac
}
needs_state() {
	case $1 in
	create | run) echo nothing ;;
	start) echo created ;;
	delete) echo stopped ;;
	*) echo running ;;
	esac
}
words() {
	case $1 in
	create) echo create c1 ;;
	run) echo run -b "$RUNB" c1 ;;
	start | delete) echo "$1" c1 ;;
	exec) echo exec c1 true ;;
	kill) echo kill c1 KILL ;;
	update) echo update -r "$T/update.json" c1 ;;
	esac
}
echo '{"devices": [{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]}' >"$T/update.json"

# disturbed N ACTION COMMAND: run it under nth; sets hit, call, code
disturbed() {
	# shellcheck disable=SC2046
	NTH_OUT=$T/nth timeout -s KILL 10 "$NTH" "$1" "$2" -- "$SKERRY" --root "$ROOT" $(words "$3") \
		</dev/null >"$T/said" 2>&1
	if [ $? = 137 ]; then
		hit=1 call=-1 code=hang
		return
	fi
	read -r result <"$T/nth"
	call=${result#syscall=} && call=${call%% *}
	hit=${result#*hit=} && hit=${hit%% *}
	total=${result#*total=} && total=${total%% *}
	code=${result##*status=}
}
scrub() {
	R delete --force c1 >/dev/null 2>&1
	same "$base" && return
	for f in /proc/[0-9]*/stat; do
		read -r stat <"$f" || continue
		[ "${stat%% *}" = $$ ] || [ "/proc/${stat%% *}/ns/mnt" -ef /proc/self/ns/mnt ] || safe_kill KILL "${stat%% *}"
	done 2>/dev/null
	find /sys/fs/cgroup -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null
	rm -rf "${ROOT:?}"/c1
	while grep -q " $T/b\| $RUNB" /proc/self/mountinfo; do
		umount -l "$(awk -v t="$T/" 'index($5, t) == 1 { p = $5 } END { print p }' /proc/self/mountinfo)" || break
	done
	same "$base"
}

# what an undisturbed container sees
base=$(state_of)
bring_to running || {
	echo 'Bail out! the container of the sweep does not start'
	exit 1
}
cp rootfs/tmp/probe "$T/probe.good"
running=$(state_of)
RD c1
same "$base"
bring_to created
created=$(state_of)
RD c1
same "$base"

# one_point N ACTION COMMAND: adds to the counts, prints what is wrong
one_point() {
	local n=$1 action=$2 command=$3 before wrong='' what
	what=$(needs_state "$command")
	bring_to "$what" || {
		echo "# $command $action $n: the state \"$what\" cannot be reached"
		unclean=$((unclean + 1))
		scrub
		return
	}
	case $what in
	nothing) before=$base ;;
	created) before=$created ;;
	running) before=$running ;;
	stopped) before= ;;
	esac
	rm -f rootfs/tmp/probe
	disturbed "$n" "$action" "$command"
	points=$((points + 1))
	case $code in
	hang)
		hangs=$((hangs + 1))
		wrong='hangs'
		;;
	139 | 134 | 132 | 135 | 136)
		[ "$action" = kill ] || [ "$action" = killtree ] || [ "$command" = run ] && [ "$code" = 134 ] || {
			crashes=$((crashes + 1))
			wrong="status $code"
		}
		;;
	esac
	if [ "$action" != kill ] && [ "$action" != killtree ] && [ "$code" != hang ]; then
		case $command/$code in
		create/0 | start/0)
			[ "$command" = start ] || R start c1 >/dev/null 2>&1
			if eventually test -e rootfs/tmp/probe; then
				diff "$T/probe.good" rootfs/tmp/probe >"$T/diff" || {
					weak=$((weak + 1))
					wrong+=" weaker: $(grep '^[<>]' "$T/diff" | head -n 2 | tr '\n' ' ')"
				}
			elif [ "$command" = create ] && ! is_status stopped c1 >/dev/null; then
				# that the init died afterwards, and is said to have, is no lie
				weak=$((weak + 1))
				wrong+=' created but does not start'
			fi
			;;
		create/* | run/* | exec/* | update/*)
			# rmdir, unlink, unlinkat: the undoing itself was hit
			[[ $call = 84 || $call = 87 || $call = 263 ]] || same "$before" || {
				unclean=$((unclean + 1))
				wrong+=" left without help: $(diff <(echo "$before") "$T/now" | grep '^[<>]' | head -n 3 | tr '\n' ' ')"
			}
			;;
		esac
	fi
	if ! R delete --force c1 >"$T/deleted" 2>&1; then
		unclean=$((unclean + 1))
		wrong+=" delete --force fails: $(head -c 200 "$T/deleted")"
	fi
	same "$base" || {
		unclean=$((unclean + 1))
		wrong+=" left after delete --force: $(diff <(echo "$base") "$T/now" | grep '^[<>]' | head -n 3 | tr '\n' ' ')"
		scrub
	}
	[ -z "$wrong" ] || echo "# $command $action at $n (system call $call), status $code: $wrong; said: $(head -c 160 "$T/said" | tr '\n' ' ')"
}

declare -A all_points all_bad
for command in $COMMANDS; do
	bring_to "$(needs_state "$command")"
	disturbed 0 count "$command"
	calls=$total
	RD c1
	same "$base" || scrub
	step=${SWEEP_STEP:-$(((calls + POINTS - 1) / POINTS))}
	for action in $ACTIONS; do
		points=0 hangs=0 crashes=0 unclean=0 weak=0
		: >"$T/report"
		# each action looks at other points
		for ((n = 1 + (${#action} * 7 + ${#command}) % step; n <= calls; n += step)); do
			one_point $n "$action" "$command" >>"$T/report"
		done
		cat "$T/report"
		all_points[$action]=$((${all_points[$action]:-0} + points))
		all_bad[$action]=$((${all_bad[$action]:-0} + hangs + crashes + unclean + weak))
		summary="$points of $calls points: $hangs hang, $crashes crash, $unclean not clean, $weak weaker"
		check "$command, $action" eval "echo '$summary'; [ $((hangs + crashes + unclean + weak)) = 0 ] && [ $points -gt 0 ]"
		echo "# $command $action: $summary"
	done
done
for action in $ACTIONS; do
	echo "# sum of $action: ${all_points[$action]} points, ${all_bad[$action]} bad"
done
cd / || exit 1
clean_or_fail
done_testing
