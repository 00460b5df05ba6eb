#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# kill.sh - kill: names and numbers of signals, real-time ones, --all, --regex.
. "$(dirname "$0")/lib.sh"

got_signal() {
	eventually grep -qx "signal $1" "$T/c1.out"
}

mk "$(args hp serve)"
up c1
eventually grep -q ready "$T/c1.out"
for form in USR1:10 SIGUSR1:10 usr1:10 sigusr1:10 10:10 HUP:1 USR2:12 SIGWINCH:28 CONT:18 PWR:30 STKFLT:16 17:; do
	word=${form%:*}
	n=${form#*:}
	: >"$T/c1.out"
	check "kill c1 $word is accepted" prints '' R kill c1 "$word"
	[ -z "$n" ] || check "kill c1 $word sends $n" got_signal "$n"
done
for form in RTMIN:34 RTMIN+3:37 SIGRTMIN+5:39 RTMAX:64 RTMAX-2:62; do
	: >"$T/c1.out"
	except runc 'no real-time names' check "kill c1 ${form%:*} sends ${form#*:}" eval "R kill c1 ${form%:*} && got_signal ${form#*:}"
done
: >"$T/c1.out"
check 'kill c1 40 sends a real-time signal by number' eval 'R kill c1 40 && got_signal 40'
for word in NOSUCH SIGNOSUCH 65 999 -1 1x RTMIN+99 RTMAX-99 4294967305; do
	check "kill c1 \"$word\" is refused" fails R kill c1 "$word"
done
except 'crun' 'other words' check 'an unknown signal: exact words' refuses 'unknown signal' R kill c1 NOSUCH
check 'signal 0 only asks' eval 'R kill c1 0 && is_status running c1'
check 'the container still runs' is_status running c1
check 'the default is SIGTERM' eval 'R kill c1 && eventually is_status stopped c1'
check 'signal 0 of a stopped container: container not running' refuses 'container not running' R kill c1 0
check 'kill of a stopped container: container not running' refuses 'container not running' R kill c1
check 'kill without an id is refused' fails R kill
check 'kill with three words is refused' fails R kill c1 TERM more
RD c1

mk "$(args sleep 1000)"
R create c1 </dev/null >/dev/null 2>&1
check 'kill works on a created container' R kill c1 KILL
check 'which is then stopped' eventually is_status stopped c1
RD c1
up c1
R pause c1
check 'SIGKILL works on a paused container' R kill c1 KILL
check 'which is then stopped (paused)' eventually is_status stopped c1
RD c1

# --- a shared pid namespace --------------------------------------------------------------
shared='.linux.namespaces |= map(select(.type != "pid"))'
mk "$(args sh -c 'sleep 777 & sleep 777 & sleep 777') | $shared"
up c1
eventually eval '[ "$(R ps -f json c1 | jq length)" = 3 ]'
except crun 'only with --all' check 'SIGKILL without a private pid namespace ends all' eval \
	'R kill c1 KILL; eventually eval "! pgrep -f \"^sleep 777\""'
check 'kill --all KILL ends all' eval 'R kill --all c1 KILL; eventually eval "! pgrep -f \"^sleep 777\""'
RD c1
mk "$(args sh -c 'sleep 778 & sleep 778') | $shared"
up c1
check 'kill -a' eval 'R kill -a c1 9; eventually eval "! pgrep -f \"^sleep 778\""'
except runc 'an error since 1.1' check 'kill --all on a stopped container succeeds' eval 'eventually is_status stopped c1; R kill --all c1 KILL'
RD c1

# --- regex ---------------------------------------------------------------------------------
mk "$(args sleep 1000)"
for id in web-1 web-2 db-1; do
	R run -d $id </dev/null >/dev/null 2>&1
done
except runc 'no --regex' check 'kill --regex signals those that match' R kill --regex '^web-' KILL
except runc 'no --regex' check 'and they stop' eval 'eventually is_status stopped web-1 && eventually is_status stopped web-2'
check 'and no other' is_status running db-1
except runc 'no --regex' check 'kill -r with a bad expression is refused' fails R kill -r '[' KILL
except runc 'no --regex' check 'delete --regex removes those that match' eval 'R delete --force --regex "^web-" && gone web-1 && gone web-2'
check 'and keeps the other' is_status running db-1
RD web-1 web-2 db-1
clean_or_fail
done_testing
