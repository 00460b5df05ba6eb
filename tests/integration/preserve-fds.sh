#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# preserve-fds.sh - --preserve-fds and socket activation: which descriptors
# reach the program, and that no other does.
. "$(dirname "$0")/lib.sh"

echo content >"$T/file"
fds_of() {
	cut -d' ' -f1 <<<"$1" | xargs
}
mk "$(args hp fds)"
check 'none by default' eval 'o=$(R run c1 </dev/null 3<"$T/file" 4<"$T/file" 9</etc) && is "0 1 2" "$(fds_of "$o")"'
check '--preserve-fds 1' eval 'o=$(R run --preserve-fds 1 c1 </dev/null 3<"$T/file" 4<"$T/file") && is "0 1 2 3" "$(fds_of "$o")"'
check '--preserve-fds=3' eval 'o=$(R run --preserve-fds=3 c1 </dev/null 3<"$T/file" 4<"$T/file" 5<"$T/file" 6<"$T/file") && is "0 1 2 3 4 5" "$(fds_of "$o")"'
mk "$(args sh -c 'cat <&3')"
check 'they can be read' eval 'is content "$(R run --preserve-fds 1 c1 </dev/null 3<"$T/file")"'
mk "$(args sh -c 'cat <&12')"
check 'ten of them' eval 'is content "$(R run --preserve-fds 10 c1 </dev/null 3<"$T/file" 4<"$T/file" 5<"$T/file" 6<"$T/file" 7<"$T/file" 8<"$T/file" 9<"$T/file" 10<"$T/file" 11<"$T/file" 12<"$T/file")"'
mk "$(args true)"
except crun 'passes over it' check 'a gap in the range is refused' eval 'fails R run --preserve-fds 2 c1 </dev/null 3<"$T/file" 4<&-'
for n in -1 x 1.5 99999999999; do
	check "--preserve-fds $n is refused" fails R run --preserve-fds $n c1
done
mk "$(args hp fds)"
check 'create and start pass them too' eval 'R create --preserve-fds 1 c1 </dev/null 3<"$T/file" >"$T/o" 2>&1 && R start c1 && eventually is_status stopped c1 && is "0 1 2 3" "$(fds_of "$(cat "$T/o")")"'
RD c1

# activated COUNT COMMAND...: with LISTEN_FDS set as systemd does
activated() {
	LISTEN_FDS=$1 bash -c 'export LISTEN_PID=$$; exec "$@"' - "${@:2}"
}
mk "$(args hp fds)"
check 'LISTEN_FDS passes the sockets' eval 'o=$(activated 2 "$SKERRY" --root "$ROOT" run c1 </dev/null 3<"$T/file" 4<"$T/file" 5<"$T/file") && is "0 1 2 3 4" "$(fds_of "$o")"'
except crun 'does not add them' check 'LISTEN_FDS and preserve-fds add up' eval 'o=$(activated 1 "$SKERRY" --root "$ROOT" run --preserve-fds 1 c1 </dev/null 3<"$T/file" 4<"$T/file" 5<"$T/file") && is "0 1 2 3 4" "$(fds_of "$o")"'
mk "$(args hp env)"
except crun 'leaves LISTEN_FDS to the engine' check 'LISTEN_FDS and LISTEN_PID are set inside' eval 'o=$(activated 2 "$SKERRY" --root "$ROOT" run c1 </dev/null 3<"$T/file" 4<"$T/file") && has "$o" LISTEN_FDS=2 && has "$o" LISTEN_PID=1'
check 'without activation they are not' eval 'o=$(R run c1) && lacks "$o" LISTEN_'
except 'crun runc' 'drop it' check 'LISTEN_FDNAMES is passed on' eval 'o=$(LISTEN_FDNAMES=a:b activated 2 "$SKERRY" --root "$ROOT" run c1 </dev/null 3<"$T/file" 4<"$T/file") && has "$o" LISTEN_FDNAMES=a:b'
mk "$(args hp fds)"
except crun 'does not look' check 'LISTEN_PID of another process: nothing is passed' eval 'o=$(LISTEN_FDS=1 LISTEN_PID=1 R run c1 </dev/null 3<"$T/file") && is "0 1 2" "$(fds_of "$o")"'

# --- what init holds between create and start (R1.d of the security classes) ---------------------
mk "$(args sleep 1000)"
R create c1 </dev/null >/dev/null 2>&1 9</etc
ls -l "/proc/$(pid_of c1)/fd" >"$T/fds"
except crun 'keeps the state folder open' check 'a waiting init holds no path of the host' eval '! awk "{ print \$NF }" "$T/fds" | grep "^/" | grep -v "^/dev/null\$\|exec.fifo\$\|answer.fifo\$\|^/memfd:\|^/\$\|^/proc\$"'
RD c1
clean_or_fail
done_testing
