#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# unpack.sh - layers become trees: every kind of entry, whiteouts in any order, both forms.
. "$(dirname "$0")/../lib.sh"
. "$HERE/image/trees.sh"
needs 'getfattr is not installed' command -v getfattr

# --- one layer with everything, against what GNU tar unpacks -----------------------

src=$D/src
mkdir -p "$src"/{a/b,c,empty,sticky} && cd "$src" || exit 1
echo hello >a/b/f
ln a/b/f c/hard
ln -s ../a c/sym
ln -s /nowhere/"$(printf 'x%.0s' $(seq 180))" long-link
mkfifo fifo
mknod dev c 1 3
mknod blk b 7 3
truncate -s 3M hole
printf x | dd of=hole bs=1 seek=1M conv=notrunc status=none
truncate -s 5000 only-hole
: >nothing
head -c 100000 /dev/urandom >large
setfattr -n user.foo -v bar a/b/f
setfattr -n user.long -v "$(printf 'v%.0s' $(seq 900))" nothing
chown 1234:55 a/b/f c
chown -h 12345678:2345678 c/sym
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 large
chmod 4755 a/b/f
chmod 1777 sticky
chmod 0000 nothing
touch -d '1960-02-03 04:05:06.789' a/b
touch -h -d @2000000000.123456789 c/sym
n=$(printf 'n%.0s' $(seq 200))
mkdir -p "deep/$n/$n" && echo deep >"deep/$n/$n/$n"
for i in $(seq 300); do echo "$i" >"c/file-$i"; done
cd "$T" || exit 1

for format in pax gnu; do
	more=()
	[ $format = pax ] && more=(--xattrs "--xattrs-include=*")
	tar --format=$format "${more[@]}" -S -cf "$D/l.tar" -C "$src" .
	rm -rf "$D/reference" && mkdir "$D/reference"
	tar "${more[@]}" -xpf "$D/l.tar" -C "$D/reference"
	[ $format = gnu ] || check 'GNU tar brings back the source (the test itself)' same "$src" "$D/reference"
	gzip -c "$D/l.tar" >"$D/l.gz"
	zstd -qc "$D/l.tar" >"$D/l.zst"
	# two members, the cut in the middle of a header; estargz and pgzip make such
	{ head -c 1000 "$D/l.tar" | gzip -c; tail -c +1001 "$D/l.tar" | gzip -c; } >"$D/l.two.gz"
	want=sha256:$(sha256sum <"$D/l.tar" | cut -d' ' -f1)
	mkdir -p "$T/m"
	for FORM in $FORMS; do
		for file in l.gz l.zst l.two.gz l.tar; do
			rm -rf "${D:?}/$FORM"
			check "$format, $FORM: $file has the tar's digest" prints "$want" Q import "$D/$file"
		done
		check "$format, $FORM: it mounts" S layers "$T/m" "$want"
		check "$format, $FORM: the tree is what tar unpacks" same "$D/reference" "$T/m"
		umount "$T/m"
		S get "$want" >"$T/out.tar"
		check "$format, $FORM: the tar comes out again, byte for byte" cmp "$T/out.tar" "$D/l.tar"
		check "$format, $FORM: pipes as well" eval "S get $want | cmp - '$D/l.tar'"
		check "$format, $FORM: fsck finds nothing" shows 'problems 0' S fsck
		check "$format, $FORM: size" prints "$(stat -c %s "$D/l.tar")" S size "$want"
	done
done

# --- whiteouts, in any order ------------------------------------------------------

# layer NAME PYTHON: a tar made entry by entry
layer() {
	python3 - "$D/$1.tar" <<-PYTHON
		import sys, tarfile, io
		t = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
		def d(path, mode=0o755, **k): add(path, tarfile.DIRTYPE, mode, **k)
		def f(path, text="", mode=0o644, **k): add(path, tarfile.REGTYPE, mode, text, **k)
		def l(path, to): add(path, tarfile.LNKTYPE, 0o644, linkname=to)
		def s(path, to): add(path, tarfile.SYMTYPE, 0o777, linkname=to)
		def add(path, type, mode, text="", linkname="", uid=0, pax={}, devmajor=0, devminor=0):
		    e = tarfile.TarInfo(path)
		    e.type, e.mode, e.size, e.linkname, e.uid = type, mode, len(text), linkname, uid
		    e.devmajor, e.devminor, e.mtime, e.pax_headers = devmajor, devminor, 1000000000, pax
		    t.addfile(e, io.BytesIO(text.encode()))
		$2
		t.close()
	PYTHON
}
base='d("a"); d("a/sub"); f("a/sub/old", "old"); f("a/one", "1"); f("a/two", "2"); d("gone"); f("gone/x"); d("op"); f("op/low", "low"); d("kept", 0o700, uid=7); f("kept/low", "low")'
layer base "$base"
# tree DIFF PATH...: the tree of base and one more layer holds exactly these files
tree() {
	local name=$1 FORM
	layer upper "$2"
	shift 2
	for FORM in $FORMS; do
		local low up
		low=$(Q import "$D/base.tar") || continue
		up=$(Q import "$D/upper.tar")
		S layers "$T/m" "$low" "$up"
		check "$FORM: $name" is "$(printf '%s\n' "$@" | LC_ALL=C sort)" \
			"$(cd "$T/m" && find . -type f -printf '%P\n' | LC_ALL=C sort)"
		umount "$T/m"
	done
}
tree 'a whiteout removes a file and a directory' 'f("a/.wh.one"); f(".wh.gone")' \
	a/sub/old a/two op/low kept/low
tree 'a name that is also whited out stays, whiteout first' \
	'f("a/.wh.sub"); d("a/sub"); f("a/sub/new")' a/one a/sub/new a/two gone/x op/low kept/low
tree 'or last: and what was below does not come back' \
	'd("a/sub"); f("a/sub/new"); f("a/.wh.sub")' a/one a/sub/new a/two gone/x op/low kept/low
tree 'a file whited out and brought stays' 'f("a/one", "new"); f("a/.wh.one")' \
	a/one a/sub/old a/two gone/x op/low kept/low
tree 'an opaque directory, the mark last' 'd("op"); f("op/new"); f("op/.wh..wh..opq")' \
	a/one a/sub/old a/two gone/x op/new kept/low
tree 'the mark first, and without an entry for the directory' 'f("op/.wh..wh..opq"); f("op/new")' \
	a/one a/sub/old a/two gone/x op/new kept/low
tree 'a whiteout that is a hard link' 'f("kept/z"); l("a/.wh.one", "kept/z")' \
	a/sub/old a/two gone/x op/low kept/low kept/z
tree 'what aufs kept for itself is nobody'"'"'s file' 'd(".wh..wh.plnk"); f(".wh..wh.plnk/1.2"); f(".wh..wh.aufs")' \
	a/one a/sub/old a/two gone/x op/low kept/low
tree 'a directory where a file was, a file where a directory was' \
	'd("a/one"); f("a/one/in"); f("gone", "now a file")' a/one/in a/sub/old a/two gone op/low kept/low
tree 'the last of two entries wins' 'f("a/one", "x"); d("a/one"); f("a/one/y"); d("z"); f("z/1"); f("z", "file")' \
	a/one/y a/sub/old a/two gone/x op/low kept/low z
tree 'a whiteout of nothing is nothing' 'f(".wh.never"); f("never-dir/.wh.x")' \
	a/one a/sub/old a/two gone/x op/low kept/low

layer upper 'f("kept/new", "new"); f("fresh/dir/file")'
for FORM in $FORMS; do
	low=$(Q import "$D/base.tar")
	up=$(Q import "$D/upper.tar")
	S create c1 "$low" "$up" && path=$(S mount c1)
	check "$FORM: a directory without an entry keeps the layer below's owner and mode" \
		is 'd 700 7 1000000000' "$(stat -c '%F %a %u %Y' "$path/kept" | sed 's/^directory/d/')"
	check "$FORM: and one that is nowhere is root's and 755" is '755 0' "$(stat -c '%a %u' "$path/fresh/dir")"
	S remove c1
done

# --- against umoci ------------------------------------------------------------------

if command -v umoci >/dev/null; then
	cd "$D" || exit 1
	umoci init --layout oci && umoci new --image oci:t && umoci unpack --image oci:t bundle >/dev/null 2>&1
	tar -C / -cf - usr/share/perl5 usr/share/doc/bash etc/alternatives 2>/dev/null | tar -C bundle/rootfs -xpf -
	cp -a "$src/." bundle/rootfs/
	umoci repack --refresh-bundle --image oci:t bundle >/dev/null 2>&1
	r=bundle/rootfs
	rm -rf $r/usr/share/perl5/[A-M]* $r/c/file-1* $r/fifo && mkdir -p $r/usr/share/perl5/Again &&
		echo new >$r/usr/share/perl5/Again/x && mv $r/deep $r/moved && chmod 711 $r/a && ln $r/large $r/large-2
	umoci repack --refresh-bundle --image oci:t bundle >/dev/null 2>&1
	rm -rf $r/c && ln -s a $r/c && rm -rf $r/sticky && mkdir -m 700 $r/sticky && echo s >$r/sticky/s
	umoci repack --image oci:t bundle >/dev/null 2>&1
	umoci unpack --image oci:t reference-bundle >/dev/null 2>&1
	manifest=oci/blobs/sha256/$(jq -r '.manifests[0].digest' oci/index.json | cut -d: -f2)
	blobs=$(jq -r '.layers[].digest' "$manifest" | cut -d: -f2)
	for FORM in $FORMS; do
		layers=()
		for blob in $blobs; do
			layers+=("$(Q import "oci/blobs/sha256/$blob")")
		done
		S create umoci "${layers[@]}" && path=$(S mount umoci)
		check "$FORM: three layers of umoci's give the tree that umoci unpacks" same reference-bundle/rootfs "$path"
		S remove umoci
	done
	cd "$T" || exit 1
else
	skip "umoci's tree" 'umoci is not installed'
fi
done_testing
