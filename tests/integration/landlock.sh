#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# landlock.sh - the annotation org.skerry.landlock: rules that hold for the
# program and its children, also without any privilege to set them up.
. "$(dirname "$0")/lib.sh"

[ "$KIND" = skerry ] || needs "$KIND has no landlock" false
needs 'this kernel has no landlock' eval '[ -d /sys/kernel/security/landlock ] || grep -q landlock /sys/kernel/security/lsm 2>/dev/null || "$TOOLS/hp" call 444 0 0 1 | grep -q ok'

# landlock RULES PROGRAM...: RULES is the JSON text of the annotation
landlock() {
	local rules=$1
	shift
	mk "$(args "$@") | .annotations[\"org.skerry.landlock\"] = $(jq -cn --arg r "$rules" '$r')"
	mkdir -p rootfs/data rootfs/secret && echo open >rootfs/data/f && echo closed >rootfs/secret/f
	R run c1
}
ro='{"exec": ["/"]}'
check 'an empty annotation is refused' eval 'fails landlock "" true'
check 'an annotation that is not JSON is refused and named' eval 'refuses org.skerry.landlock landlock "{" true'
check 'an unknown key is refused' eval 'fails landlock "{\"nosuch\": [\"/\"]}" true'
check 'a relative path is refused' eval 'fails landlock "{\"exec\": [\"bin\"]}" true'
check 'a port over 65535 is refused' eval 'fails landlock "{\"tcp_bind\": [65536]}" true'
check 'an unknown scope is refused' eval 'fails landlock "{\"scope\": [\"nosuch\"]}" true'
check 'reading is allowed by a rule' prints open landlock "$ro" cat /data/f
check 'writing is not' fails landlock "$ro" sh -c 'echo x >/data/f'
check 'the file is as it was' grep -qx open "$B/rootfs/data/f"
check 'making files is not' fails landlock "$ro" touch /data/new
one='{"exec": ["/bin"], "rw": ["/data"]}'
check 'a folder with a rule can be read' prints open landlock "$one" cat /data/f
check 'and written with "rw"' prints new landlock "$one" sh -c 'echo new >/data/f; cat /data/f'
check 'a folder without one cannot be read' fails landlock "$one" cat /secret/f
check 'children are held too' fails landlock "$one" sh -c 'sh -c "cat /secret/f"'
check '"ro" does not let programs run' fails landlock '{"ro": ["/"], "exec": ["/bin/sh"]}' /bin/sh -c '/bin/hp self'
check 'without tcp_bind a port can be bound' shows up landlock "$one" sh -c '(timeout 1 busybox nc -l -p 7777 -s 127.0.0.1; true); echo up'
check 'tcp_connect of no port refuses all' shows denied landlock '{"exec": ["/"], "tcp_connect": []}' sh -c 'busybox nc 127.0.0.1 7778 </dev/null 2>&1 | grep -qi "permission denied" && echo denied'
mk "$(args sleep 1000) | .annotations[\"org.skerry.landlock\"] = $(jq -cn --arg r "$one" '$r')"
mkdir -p rootfs/secret rootfs/data && echo closed >rootfs/secret/f
if up c1; then
	check 'exec is held too' fails R exec c1 cat /secret/f
else
	not_ok 'a container with rules starts'
fi
RD c1
check 'a missing path is refused and named' refuses /nosuch landlock '{"exec": ["/"], "ro": ["/nosuch"]}' true
check 'with best_effort it is left out' prints open landlock '{"exec": ["/"], "ro": ["/nosuch"], "best_effort": true}' cat /data/f
check 'features names the annotation' eval '"$SKERRY" features | jq -e ".annotations | keys | map(test(\"landlock\")) | any"'
clean_or_fail
done_testing
