# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# trees.sh - what the tests of the image store alone start with, after lib.sh.
#
# $D       a disk of its own (ext4 with a journal on a loop device, so that EROFS can
#          be mounted from files on it), or just a folder where there are none
# S ...    the store's calls (tools/image-store.c) on $D/$FORM in the form $FORM
# $FORMS   the forms this host can use
# facts D  everything about a tree, comparable

STORE_TOOL=$BUILD/tests/image-store
flock "$TOOLS" make -s -C "$TOP" BUILD="$BUILD" "$STORE_TOOL" >"$T/make.out" 2>&1 || {
	cat "$T/make.out"
	echo 'Bail out! image-store does not build'
	exit 1
}

# disk NAME MEGABYTES: a file system of its own at $T/NAME
disk() {
	truncate -s "$2M" "$T/$1.img" && mkfs.ext4 -q -E lazy_itable_init=1 "$T/$1.img" 2>/dev/null &&
		mkdir -p "$T/$1" && mount -o loop "$T/$1.img" "$T/$1"
}

D=$T/disk
disk disk 600 || mkdir -p "$D"
FORM=directory
S() {
	timeout "${TMO:-60}" "$STORE_TOOL" "$D/$FORM" "$FORM" "$@"
}
# quiet COMMAND...: without what import says beside the diffID
Q() {
	S "$@" 2>"$T/quiet.err" || { cat "$T/quiet.err" >&2; return 1; }
}

FORMS='directory'
mkdir -p "$T/empty" "$T/probe"
tar -cf "$T/empty.tar" -C "$T/empty" .
mkdir -p "$D/probe"
if "$STORE_TOOL" "$D/probe/s" erofs layers "$T/probe" \
	"$("$STORE_TOOL" "$D/probe/s" erofs import "$T/empty.tar" 2>/dev/null)" 2>/dev/null; then
	umount "$T/probe"
	# shellcheck disable=SC2034 # the tests' loops
	FORMS='erofs directory'
else
	echo '# EROFS from files: not on this host; directory layers only'
fi

facts() {
	(
		cd "$1" || exit 1
		# directories' link counts differ in an overlay
		find . -mindepth 1 -printf '%P\t%y\t%m\t%U:%G\t%l\t%T@\t' \
			\( -type d -printf '\n' -o \( -type c -o -type b \) -exec stat -c '%t,%T' {} \; \
			-o -printf '%s %n\n' \) | LC_ALL=C sort
		find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
		getfattr -h -R -d -m '^(user|security)\.' . 2>/dev/null | LC_ALL=C sort
	)
}

# same DIR DIR: the trees are the same
same() {
	diff <(facts "$1") <(facts "$2")
}
