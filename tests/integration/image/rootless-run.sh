#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# rootless-run.sh - an ordinary user's containers from the user's own store.
#
# In the virtual machine the user is one with a service manager; here it is
# nobody, with subordinate ids for the time of the test.
. "$(dirname "$0")/../lib.sh"

IMAGE=$BUILD/skerry-image
needs "no $IMAGE" test -x "$IMAGE"
needs 'newuidmap is not installed' test -x /usr/bin/newuidmap

chmod 711 "$T"
# on a disk: the upper layers of a user want a file system with user.* attributes
U=$T/user
if [ "$SKERRY_LANE" = vm ]; then
	# shellcheck source=tests/integration/vm/guest.sh
	. "$HERE/vm/guest.sh"
	WHO=user
	U=/home/user/skerry-test
	as_user() { as user "$@"; }
else
	WHO=nobody
	for kind in subuid subgid; do
		echo 'nobody:300000:65536' >"$T/$kind"
		mount --bind "$T/$kind" /etc/$kind
	done
	as_user() {
		(cd "$U" && exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
			env -u SKERRY_LANE HOME="$U" XDG_RUNTIME_DIR="$U/run" "$@")
	}
fi
base=$(sed -n "s/^$WHO:\([0-9]*\):.*/\1/p" /etc/subuid)
truncate -s 300M "$T/disk.img" && mkfs.ext4 -q -E lazy_itable_init=1 "$T/disk.img" 2>/dev/null && mkdir -p "$U" &&
	mount -o loop "$T/disk.img" "$U"
mkdir -p "$U/run" "$U/store" "$U/bin" "$U/libexec" && chown -R "$WHO:" "$U"
cp "$SKERRY" "$IMAGE" "$U/bin/" && chmod 755 "$U" "$U/bin" "$U/bin/"*
U_() { # skerry as the user
	as_user timeout -k 5 "${TMO:-90}" "$U/bin/skerry" --root "$U/run/state" "$@"
}
I_() {
	as_user timeout -k 5 "${TMO:-90}" "$U/bin/skerry-image" --store "$U/store" "$@"
}
run() { # run [OPTION...] COMMAND: a shell command in a container
	local command=${*: -1}
	U_ run --store "$U/store" --image i "${@:1:$#-1}" r1 sh -c "$command"
}
nothing_left() {
	[ -z "$(ls "$U/store/containers")" ] && [ -z "$(ls -A "$U/run/state/.images" 2>/dev/null)" ] &&
		! grep -q "$U/store" /proc/*/mountinfo
}

# --- an image with owners, a setuid program, a user of its own ------------------------------------
C=$T/context
mkdir -p "$C/root" && cp -a "$T/rootfs/." "$C/root/"
printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >"$C/root/etc/passwd"
mkdir -p "$C/root/home/app" && echo mine >"$C/root/home/app/file"
chown -R 1000:1000 "$C/root/home/app"
cp "$C/root/bin/hp" "$C/root/bin/suid" && chmod 4755 "$C/root/bin/suid"
tar -C "$C/root" -cf "$U/root.tar" . && chmod 644 "$U/root.tar"
check 'a user imports an image' I_ import "$U/root.tar" i
check 'its files belong to subordinate ids' is "$((base + 999))" \
	"$(stat -c %u "$U/store/layers/"*/tree/home/app/file)"

# --- run ------------------------------------------------------------------------------------------
check 'run --image as a user' prints hello run 'echo hello'
check 'root inside' prints 0 run 'id -u'
check 'who is the user outside' eval 'run -d "exec sleep 100" && is "$(id -u $WHO)" "$(stat -c %u /proc/$(U_ state r1 | jq .pid))"'
check 'exec, from outside' prints mine U_ exec r1 cat /home/app/file
check 'list' shows r1 U_ list
check 'kill' U_ kill r1 KILL
check 'stopped' eventually eval '[ "$(U_ state r1 | jq -r .status)" = stopped ]'
check 'delete' U_ delete r1
check 'and nothing is left' eventually nothing_left
check 'files of others' prints '1000 1000' run 'stat -c "%u %g" /home/app/file'
check 'which root can change' run 'chown 5:6 /home/app/file && rm /home/app/file'
check 'another user' prints 1000 run -u app 'busybox id -u'
check 'who gets no more by it' fails run -u app 'echo x >/etc/passwd'
check 'setuid programs work' shows 'uid 1000 0' run -u app 'suid self'
check 'what was changed is gone with the container' prints mine run 'cat /home/app/file'
check 'the exit status' status 7 run 'exit 7'
check 'a volume of the user' eval 'mkdir "$U/v" && echo host >"$U/v/f" && chown -R $WHO: "$U/v" && prints host run -v "$U/v:/v" "cat /v/f"'
check 'a named volume' eval 'run -v vol:/data "echo kept >/data/f" && prints kept run -v vol:/data "cat /data/f"'
check '--read-only' fails run --read-only 'touch /x'
check 'nothing of the host can be written' fails run 'echo 1 >/proc/sys/kernel/ctrl-alt-del'
check 'privileges end at the namespace' fails run --privileged 'mount -o remount,rw /proc/sys && echo 1 >/proc/sys/kernel/ctrl-alt-del'
check 'two at once' eval 'U_ run -d --store "$U/store" --image i r2 sleep 100 && prints hello run "echo hello" && U_ delete --force r2'
check 'create, then start' eval 'U_ create --store "$U/store" --image i r3 sleep 100 </dev/null >/dev/null && U_ start r3 && prints mine U_ exec r3 cat /home/app/file && U_ delete --force r3'
check 'logs' eval 'U_ run -d --store "$U/store" --image i r4 sh -c "echo out; sleep 100" && eventually eval "U_ logs r4 | grep -q out" && U_ delete --force r4'
check 'commit' eval 'U_ create --store "$U/store" --image i r5 -- sh -c "echo new >/new; sleep 100" </dev/null >/dev/null && U_ start r5 && eventually U_ exec r5 test -e /new && I_ commit r5 second && U_ delete --force r5'
check 'has what was added' prints new U_ run --store "$U/store" --image second r6 cat /new
check 'a program that is not there' status 127 U_ run --store "$U/store" --image i r1 /nosuch
check 'nothing is left' eventually nothing_left
if [ "$SKERRY_LANE" != vm ]; then
	umount /etc/subuid /etc/subgid
fi
umount "$U"
clean_or_fail
done_testing
