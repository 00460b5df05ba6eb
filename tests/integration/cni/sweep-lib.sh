# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# sweep-lib.sh - a command that is killed, or whose calls fail, at each of its system calls
#
# NTH N ACTION -- COMMAND... (tools/nth) disturbs COMMAND at its N-th call and writes what happened to NTH_OUT.
NTH=$TOOLS/nth
export NTH_OUT=$T/nth.out
ALL_CALLS=1000000 # more than any command makes

counted() { # how many calls the last command made
	sed 's/.*total=\([0-9]*\).*/\1/' "$NTH_OUT"
}
# calls COMMAND...: how many it makes
calls() {
	"$NTH" $ALL_CALLS count -- "$@" >/dev/null 2>&1
	counted
}
# step_of TOTAL POINTS: every how many calls, so that there are so many points
step_of() {
	local step=$((($1 + $2 - 1) / $2))
	[ "$step" -ge 1 ] || step=1
	echo $step
}
# sweep_by STEP NAME TOTAL EACH: "EACH N" at every STEP-th call; what the first failure says is shown
sweep_by() {
	local step=$1 name=$2 total=$3 each=$4 n bad=0
	for ((n = 1; n <= total; n += step)); do
		"$each" "$n" >"$T/why.new" 2>&1 && continue
		bad=$((bad + 1))
		[ $bad -gt 1 ] || { echo "at call $n: $(cat "$NTH_OUT")" && cat "$T/why.new"; } >"$T/why"
	done
	check "$name (every ${step}. of $total calls)" eval \
		'[ '"$total"' -gt 20 ] && [ '$bad' = 0 ] || { echo '$bad' times; cat "$T/why"; false; }'
}
