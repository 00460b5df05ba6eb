#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# sweep.sh - what is left of the store when a command about images dies, or one of its
# system calls fails, at each point of its life.
#
# tools/nth.c counts the system calls of the command and of the processes it
# starts; at the N-th it kills them all, or lets the call fail as on a full disk.
# Verdicts:
#   V1 it ends within ten seconds, and not by a signal of its own
#   V2 the store opens, and fsck finds nothing wrong: whatever has a name is whole
#   V3 the image that was there before is there, with its layers
#   V4 a command that says it worked did: its image is there (or is gone)
#   V5 the same command works when it is tried again
#   V6 once all names are gone prune leaves no layer, blob, lease or file of any kind
#
# SWEEP_ACTIONS  killtree, kill, and errno numbers (default: killtree 28)
# SWEEP_COMMANDS (default: pull load commit rmi prune)
# Layers are stored in both forms in turn.
#
# SWEEP_STEP     every how many calls; the default takes SWEEP_POINTS (6) points
#                of each pair of command and action, 1 takes all
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

ACTIONS=${SWEEP_ACTIONS:-killtree 28}
COMMANDS=${SWEEP_COMMANDS:-pull load commit rmi prune}
POINTS=${SWEEP_POINTS:-6}
NTH=$TOOLS/nth

layout_make && registry_start || { echo 'Bail out! no image, no registry'; exit 1; }
skopeo copy -q --dest-tls-verify=false "oci:$LAYOUT:bb" "docker://$REG/bb:1"
# what is there before: an image with a layer of its own, and a container that changed something
mkdir -p "$T/c" && echo kept >"$T/c/kept"
export SKERRY_LAYERS=directory
printf 'FROM scratch\nCOPY kept /kept\nCMD ["/kept"]\n' >"$T/Dockerfile"
I build -q -f "$T/Dockerfile" -t kept "$T/c" >/dev/null
I bundle --image kept c1 /kept >/dev/null && echo changed >"$STORE/containers/c1/merged/changed" &&
	umount "$STORE/containers/c1/merged"
cp -a "$STORE" "$T/base"
I load -q -i "$LAYOUT"
cp -a "$STORE" "$T/loaded"
I untag bb
cp -a "$STORE" "$T/untagged"

words() { # of each command
	case $1 in
	pull) echo pull -q "$REG/bb:1" ;;
	load) echo load -q -i "$LAYOUT" ;;
	commit) echo commit c1 made ;;
	rmi) echo rmi bb ;;
	prune) echo prune ;;
	esac
}
before() { # the store it finds
	rm -rf --one-file-system "$STORE"
	case $1 in
	rmi) cp -a "$T/loaded" "$STORE" ;;
	prune) cp -a "$T/untagged" "$STORE" ;;
	*) cp -a "$T/base" "$STORE" ;;
	esac
}
worked() { # did it what it says?
	case $1 in
	pull) I inspect "$REG/bb:1" ;;
	load) I inspect bb ;;
	commit) I inspect made ;;
	rmi) ! I inspect bb ;;
	prune) [ "$(find "$STORE/layers" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ] ;;
	esac >/dev/null 2>&1
}

# disturbed N ACTION COMMAND: under nth; sets hit, call, code, total
disturbed() {
	local result
	# shellcheck disable=SC2046
	NTH_OUT=$T/nth timeout -s KILL 60 "$NTH" "$1" "$2" -- "$IMAGE" $(words "$3") </dev/null >"$T/said" 2>&1
	if [ $? = 137 ]; then
		hit=1 code=hang call=-1
		return
	fi
	read -r result <"$T/nth"
	hit=${result#*hit=} && hit=${hit%% *}
	call=${result#syscall=} && call=${call%% *}
	total=${result#*total=} && total=${total%% *}
	code=${result##*status=}
}

# verdicts ACTION COMMAND: prints those that fail
verdicts() {
	local action=$1 command=$2
	# the C library gives up by itself where memory or futexes fail, and so do we without random
	# numbers
	case $action,$code,$call in
	*,hang,*) echo V1 ;;
	kill*) ;;
	*,134,9 | *,134,1[0-4] | *,134,202 | *,134,318 | *,139,9 | *,139,1[0-4]) ;;
	*) failed "$code" || [ "$code" = 0 ] || echo V1 ;;
	esac
	I fsck >"$T/fsck" 2>&1 || echo V2
	I inspect kept >/dev/null 2>&1 && [ -n "$(ls "$STORE/containers/c1/record" 2>&1)" ] || echo V3
	[ "$code" != 0 ] || worked "$command" || echo V4
	if ! worked "$command"; then
		# shellcheck disable=SC2046
		I $(words "$command") >"$T/again" 2>&1 && worked "$command" || echo V5
	fi
	for name in bb "$REG/bb:1" made kept; do I rmi "$name" >/dev/null 2>&1; done
	I unbundle c1
	# what was killed may still be on its way out, its lease locked
	eventually eval 'I prune -a && [ -z "$(find "$STORE"/{layers,blobs/*,images,refs,containers,leases,tmp,trash} -mindepth 1)" ]' || {
		echo V6
		find "$STORE"/{layers,blobs/*,images,refs,containers,leases,tmp,trash} -mindepth 1 -maxdepth 1 >>"$T/left"
	}
}

before rmi
check 'fsck has nothing to say of a store that is well' I fsck
rm "$STORE/layers/$(ls "$STORE/layers" | head -n 1)" -r
check 'and has of one that is not' fails I fsck
for command in $COMMANDS; do
	before "$command"
	disturbed 0 count "$command"
	check "$command: undisturbed" eval "[ $code = 0 ] && worked $command"
	calls=$total
	for action in $ACTIONS; do
		step=${SWEEP_STEP:-$(((calls + POINTS - 1) / POINTS))}
		points=0 bad=
		# not always the same calls, and always those of the end
		for ((n = 1 + RANDOM % step; n <= calls; n += step)); do
			before "$command"
			# the one that writes layers as files, and the one that makes trees
			SKERRY_LAYERS=directory
			case $command$((points % 2)) in pull1 | load1) SKERRY_LAYERS=erofs ;; esac
			disturbed "$n" "$action" "$command"
			SKERRY_LAYERS=directory
			[ "$hit" = 1 ] || continue
			points=$((points + 1))
			wrong=$(verdicts "$action" "$command" | tr '\n' ' ')
			[ -z "$wrong" ] && continue
			bad="$bad$n:$wrong"
			echo "# $command, $action at call $n of $calls: $wrong(system call $call, status $code: $(head -c 200 "$T/said"))"
		done
		check "$command, $action at $points of $calls calls" is '' "$bad"
	done
done
[ ! -s "$T/left" ] || sort "$T/left" | uniq -c | diag
registry_stop
rm -rf --one-file-system "$STORE"
clean_or_fail
done_testing
