#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# malicious.sh - layers that want out, up or too much: a clear error, nothing outside, nothing lost.
. "$(dirname "$0")/../lib.sh"
. "$HERE/image/trees.sh"

# layer NAME PYTHON: a tar made entry by entry, as nobody's tar would
layer() {
	python3 - "$D/$1.tar" <<-PYTHON
		import sys, tarfile, io
		t = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
		def d(path, mode=0o755, **k): add(path, tarfile.DIRTYPE, mode, **k)
		def f(path, text="", mode=0o644, **k): add(path, tarfile.REGTYPE, mode, text, **k)
		def l(path, to): add(path, tarfile.LNKTYPE, 0o644, linkname=to)
		def s(path, to): add(path, tarfile.SYMTYPE, 0o777, linkname=to)
		def c(path, major, minor): add(path, tarfile.CHRTYPE, 0o666, devmajor=major, devminor=minor)
		def add(path, type, mode, text="", linkname="", uid=0, pax={}, devmajor=0, devminor=0):
		    e = tarfile.TarInfo(path)
		    e.type, e.mode, e.size, e.linkname, e.uid = type, mode, len(text), linkname, uid
		    e.devmajor, e.devminor, e.mtime, e.pax_headers = devmajor, devminor, 1000000000, pax
		    t.addfile(e, io.BytesIO(text.encode()))
		$2
		t.close()
	PYTHON
}

# what must stay as it is: a file beside the store, one in it, one far away
echo mine >"$D/outside"
mkdir -p "$T/far" && echo mine >"$T/far/file"
stays() {
	is mine "$(cat "$D/outside")" && is mine "$(cat "$T/far/file")" &&
		is file "$(ls -A "$T/far")" && [ ! -e "$D/evil" ] && [ ! -e /evil ]
}
clean() {
	is '' "$(find "$D/$FORM"/{tmp,leases,trash} -mindepth 1)"
}

# refused PART DESCRIPTION PYTHON
refused() {
	local FORM
	layer bad "$3"
	for FORM in $FORMS; do
		check "$FORM: $2: refused" refuses "$1" S import "$D/bad.tar"
		check "$FORM: $2: nothing outside" stays
		check "$FORM: $2: nothing left" clean
	done
}
# harmless DESCRIPTION PYTHON PATH...: taken, and these are all its files
harmless() {
	local FORM low what=$1
	layer bad "$2"
	shift 2
	for FORM in $FORMS; do
		low=$(Q import "$D/bad.tar") || low=none
		mkdir -p "$T/m"
		check "$FORM: $what: taken" S layers "$T/m" "$low"
		check "$FORM: $what: the files are in the layer" is "$(printf '%s\n' "$@" | LC_ALL=C sort)" \
			"$(cd "$T/m" && find . ! -type d -printf '%P\n' | LC_ALL=C sort)"
		umount "$T/m"
		check "$FORM: $what: nothing outside" stays
	done
}

refused 'leads out' 'a path with ..' 'f("../../../evil", "x")'
refused 'leads out' '.. in the middle' 'd("a"); f("a/../../evil", "x")'
refused 'leads out' 'a hard link to ..' 'l("a", "../outside")'
refused 'not in its layer' 'a hard link to an absolute path' 'l("a", "'"$D"'/outside")'
refused 'not in its layer' 'a hard link through a symbolic link' 's("a", "'"$T"'/far"); l("b", "a/file")'
refused 'hides files' 'the device that is a whiteout' 'c("x", 0, 0)'
refused 'no whiteout' 'a whiteout without a name' 'f("a/.wh.")'
refused 'no whiteout' 'a whiteout of ..' 'f("a/.wh...")'
refused 'directory' 'a hard link to a directory' 'd("a"); l("b", "a")'
refused 'no directory' 'a root that is a file' 's(".", "x")'
refused 'too long' 'a component of 300 letters' 'f("x" * 300)'
refused 'too long' 'a path of 5000 letters' 'f("x/" * 2500)'
refused 'xattrs' 'xattrs of a megabyte' \
	'f("x", pax={"SCHILY.xattr.user.%d" % i: "v" * 50000 for i in range(20)})'

harmless 'an absolute path' 'f("'"$D"'/evil", "x"); f("/evil", "x")' "${D#/}/evil" evil
harmless 'a file through a symbolic link out' \
	's("a", "'"$T"'/far"); f("a/file", "evil"); f("a/new", "evil")' a/file a/new
harmless 'a symbolic link and then a file of its name' 's("a", "'"$D"'/outside"); f("a", "evil")' a
harmless 'a directory over a symbolic link' 's("a", "'"$T"'/far"); d("a", 0o777); f("a/x")' a/x
harmless 'a hard link to a symbolic link' 's("a", "'"$D"'/outside"); l("b", "a"); f("b", "evil")' a b
harmless 'links in a circle' 's("a", "b"); s("b", "a"); f("a/x")' a/x b
harmless 'marks that are overlay'"'"'s own' \
	'd("a", pax={"SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.trusted.overlay.redirect": "/etc"}); f("a/x", pax={"SCHILY.xattr.user.overlay.metacopy": ""})' a/x
layer bad 'd("a", pax={"SCHILY.xattr.trusted.overlay.redirect": "/etc"})'
for FORM in $FORMS; do
	low=$(Q import "$D/bad.tar")
	where=$D/$FORM/layers/${low#*:}/tree
	[ "$FORM" = directory ] || continue
	check "$FORM: they are not taken over" is '' "$(getfattr -d -m - "$where/a" 2>/dev/null)"
done

# bombs: nothing of the size that they would have, in time
python3 - "$D/bomb.gz" <<'PYTHON'
import sys, zlib
c = zlib.compressobj(9, zlib.DEFLATED, 31)
head = bytearray(512)
head[0:1] = b"z"; head[100:107] = b"0000644"; head[108:115] = b"0000000"; head[116:123] = b"0000000"
head[124:136] = b"\x80" + b"\0" * 6 + (1 << 39).to_bytes(5, "big")
head[136:147] = b"00000000000"; head[156:157] = b"0"; head[257:265] = b"ustar\00000"
head[148:156] = b" " * 8; head[148:155] = b"%06o\0" % sum(head)
with open(sys.argv[1], "wb") as out:
    out.write(c.compress(bytes(head)))
    zeros = bytes(1 << 20)
    for i in range(512):
        out.write(c.compress(zeros))
    out.write(c.flush(zlib.Z_FULL_FLUSH))
PYTHON
for FORM in $FORMS; do
	check "$FORM: a limit holds against a bomb" refuses 'more than 100000000 bytes' \
		env MAX_SIZE=100000000 "$STORE_TOOL" "$D/$FORM" "$FORM" import "$D/bomb.gz"
	check "$FORM: nothing of it is left" clean
done
layer many 'for i in range(3000): f("d/" * 900 + str(i), "")'
for FORM in $FORMS; do
	check "$FORM: 3000 files 900 folders down" S import "$D/many.tar"
done

# damage
layer good 'd("a"); f("a/x", "hello" * 1000); f("b", "y" * 100000)'
gzip -c "$D/good.tar" >"$D/good.gz"
zstd -qc "$D/good.tar" >"$D/good.zst"
for FORM in $FORMS; do
	for kind in gz zst; do
		size=$(stat -c %s "$D/good.$kind")
		for cut in 1 3 $((size / 2)) $((size - 1)); do
			head -c "$cut" "$D/good.$kind" >"$D/cut"
			check "$FORM: $kind cut at $cut" fails S import "$D/cut"
		done
		cp "$D/good.$kind" "$D/flip"
		printf '\377' | dd of="$D/flip" bs=1 seek=$((size - 3)) conv=notrunc status=none
		check "$FORM: $kind with a byte changed" fails S import "$D/flip"
		{ cat "$D/good.$kind"; echo garbage; } >"$D/more"
		check "$FORM: $kind with garbage behind it" fails S import "$D/more"
	done
	check "$FORM: another diffID than announced" refuses 'instead of' S import "$D/good.gz" \
		"sha256:$(printf '0%.0s' $(seq 64))"
	check "$FORM: nothing left" clean
	check "$FORM: and the layer itself is as good as ever" S import "$D/good.gz"
done
done_testing
