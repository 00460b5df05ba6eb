#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# rootless.sh - an ordinary user's store, and what the process that parses can do.
. "$(dirname "$0")/../lib.sh"
. "$HERE/image/trees.sh"

# --- the process that parses ----------------------------------------------------------

status_line() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
child=
for FORM in $FORMS; do
	rm -f "$T/fifo" && mkfifo "$T/fifo"
	"$STORE_TOOL" "$D/$FORM" $FORM import - <"$T/fifo" >/dev/null 2>&1 &
	job=$!
	exec 9>"$T/fifo"
	eventually eval 'child=$(pgrep -P $job) && [ "$(status_line $child Seccomp)" = 2 ]'
	check "$FORM: it runs behind a filter" is 2 "$(status_line "$child" Seccomp)"
	check "$FORM: can't get new privileges" is 1 "$(status_line "$child" NoNewPrivs)"
	if [ $FORM = erofs ]; then
		check "$FORM: has no capabilities" is 0000000000000000 "$(status_line "$child" CapPrm)"
	else
		# CHOWN DAC_OVERRIDE FOWNER FSETID SYS_ADMIN MKNOD SETFCAP
		check "$FORM: has those that making files takes" is 000000008820001b "$(status_line "$child" CapPrm)"
		check "$FORM: sees nothing but its tree" has "$(readlink "/proc/$child/root")" "$D/$FORM/tmp/"
	fi
	for ns in net mnt ipc uts; do
		check "$FORM: has its own $ns namespace" isnt "$(readlink /proc/self/ns/$ns)" "$(readlink "/proc/$child/ns/$ns")"
	done
	check "$FORM: holds the stream and the layer, nothing else" is '' \
		"$(ls -l "/proc/$child/fd" | sed -n 's/.* -> //p' | grep -vE "^(/dev/null|pipe:|socket:|$T/fifo|$D/$FORM/tmp/)")"
	safe_kill KILL "$job"
	wait "$job" 2>/dev/null
	exec 9>&-
	check "$FORM: and goes with its parent" eventually eval '! [ -e /proc/$child ]'
done

# --- an ordinary user -------------------------------------------------------------------

[ -x /usr/bin/newuidmap ] || {
	skip "an ordinary user's store" 'newuidmap is not installed'
	done_testing
}
for kind in subuid subgid; do
	echo 'nobody:300000:65536' >"$T/$kind"
	mount --bind "$T/$kind" /etc/$kind
done
U=$D/user
mkdir -p "$U" && chown 65534:65534 "$U"
chmod 711 "$T"
cp "$STORE_TOOL" "$T/image-store" && chmod 755 "$T/image-store"
as_user() {
	(cd "$U" && HOME=$U setpriv --reuid 65534 --regid 65534 --clear-groups "$@")
}
N() {
	as_user timeout 60 "$T/image-store" "$U/store" auto "$@"
}
mkdir -p "$D/src/d" && cd "$D/src" || exit 1
echo hello >d/f && chown 33:44 d/f && chmod 4755 d/f
echo suid >d/own && chmod 6755 d/own
mknod null c 1 3
setfattr -n user.a -v b d/f
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 d/f
cd "$T" || exit 1
tar --xattrs '--xattrs-include=*' --format=pax -cf "$D/u.tar" -C "$D/src" .
layer=$(N import "$D/u.tar" 2>"$T/err") || diag <"$T/err"
check 'a layer is unpacked with mapped ids' is '300032 300043 4755' \
	"$(stat -c '%u %g %a' "$U/store/layers/${layer#*:}/tree/d/f")"
check 'a file of root keeps its set-user-id bit' is '6755' "$(stat -c %a "$U/store/layers/${layer#*:}/tree/d/own")"
check 'its tar comes out again, byte for byte' eval 'N get "$layer" | cmp - "$D/u.tar"'
check 'nothing of it is the real root'"'"'s' is '' "$(find "$U/store" -uid 0)"
check 'a root file system is made' N create c1 "$layer"
check 'it can be put together and read' has "$(N export c1 | tar --numeric-owner -tvf - 2>&1)" '-rwsr-xr-x 33/44'
# the mount is there for who runs inside only
check 'a container changes it' N with c1 sh -c \
	'rm "$MERGED/d/f" && echo new >"$MERGED/new" && chown 5:6 "$MERGED/new"'
check 'nobody else sees the mount' is '' "$(ls -A "$U/store/containers/c1/merged")"
check 'diff says what' is 'C /d
D /d/f
A /new' "$(N diff c1)"
second=$(N commit c1 2>/dev/null)
check 'commit makes a layer of it' isnt '' "$second"
check 'in which the file is whited out' has "$(N get "$second" | tar -tf -)" 'd/.wh.f'
check 'fsck is content' prints 'problems 0' N fsck
check 'it goes' N remove c1
check 'all goes' has "$(N gc unused)" 'layers 2'
umount /etc/subuid /etc/subgid
done_testing
