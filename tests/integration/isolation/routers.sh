#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# routers.sh - docs/tutorials/virtual-routers.md, line by line: its blocks of commands are run as they are.
#
# "hostb" of the tutorial is a network namespace with files of its own, and ssh a stand-in that leads there.
# shellcheck source=tests/integration/cni/lib.sh
. "$(dirname "$0")/../cni/lib.sh"
needs 'no bird here (tests/setup installs it)' command -v bird
needs 'no ping here (tests/setup installs it)' command -v ping

TUTORIAL=$TOP/docs/tutorials/virtual-routers.md
mkdir -p "$T/lab" "$T/bin" "$T/blocks"
# its helpers are where it says it is, not where PATH says
printf '#!/bin/sh\nexec %s "$@"\n' "$SKERRY" >"$T/bin/skerry"
chmod +x "$T/bin/skerry"
export PATH=$T/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd "$T/lab" || exit 1
groups=$(find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d | sort)

# the two machines, on a cable
netns hostb
ip link add up0 type veth peer name up0 netns hostb
ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up
ip -n hostb addr add 192.0.2.2/24 dev up0 && ip -n hostb link set up0 up
nsenter --net=/run/netns/hostb unshare -m bash -c 'for d in /run /etc/cni /var/lib; do mount -t tmpfs tmpfs $d; done; : >"$0"; exec sleep 600' \
	"$T/hostb.ready" </dev/null >/dev/null 2>&1 &
HOSTB=$!
mkdir -p "$T/hostb"
cat >"$T/bin/ssh" <<-END
	#!/bin/sh
	shift
	exec nsenter -t $HOSTB -m -n sh -c "cd $T/hostb && \$*"
END
chmod +x "$T/bin/ssh"
eventually test -e "$T/hostb.ready"

# blocks: each ```sh block of the tutorial into a file, "NUMBER.NEED", that begins with its line number; the need
# is that of the section (<!-- needs: WORD -->), or "nothing"
awk -v dir="$T/blocks" '
	/^##/ { need = "nothing" }
	/^<!-- needs: / { need = $3 }
	/^```sh$/ { open = 1; name = sprintf("%s/%02d.%s", dir, ++n, need ? need : "nothing"); print "# line " NR >name; next }
	/^```$/ { open = 0 }
	open { print >name }' "$TUTORIAL"
check 'the tutorial has commands' test "$(find "$T/blocks" -type f | wc -l)" -ge 6

# lacking NEED: why a section can't run here; nothing when it can
lacking() {
	case $1 in
	limits)
		grep -qw memory /sys/fs/cgroup/cgroup.controllers && grep -qw cpu /sys/fs/cgroup/cgroup.controllers ||
			echo 'no memory and cpu controllers of cgroup v2 on this host'
		;;
	criu)
		criu check >/dev/null 2>&1 || echo 'criu does not work with this kernel'
		;;
	esac
}
for block in "$T"/blocks/*; do
	why=$(lacking "${block##*.}")
	read -r _ _ line <"$block"
	title="line $line: $(sed -n '2s/^\(.\{60\}\).*/\1.../; 2p' "$block")"
	if [ -n "$why" ]; then
		skip "$title" "$why"
	elif [ "$TAP_BAD" -gt 0 ]; then
		not_ok "$title (not tried after a failure)"
	else
		check "$title" timeout 150 bash -ec "$(cat "$block")"
	fi
done

if [ "$TAP_BAD" -gt 0 ]; then # the tutorial's own end was not reached
	for c in r1 r2 r3 h1 h3 b1 b2; do
		skerry delete --force $c
		ssh hostb skerry delete --force $c
	done >/dev/null 2>&1 </dev/null
fi
check 'no group of a container is left' is "$groups" "$(find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d | sort)"
safe_kill KILL $HOSTB
wait $HOSTB 2>/dev/null
ip link del up0
netns_gone hostb
net_end
done_testing
