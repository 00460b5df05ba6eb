#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# store.sh - the store: what is kept, what goes, kill and full disk at any moment.
. "$(dirname "$0")/../lib.sh"
. "$HERE/image/trees.sh"

# tarball NAME KILOBYTES: a layer with files of random bytes
tarball() {
	rm -rf "$D/t" && mkdir -p "$D/t/$1"
	for i in 1 2 3; do head -c "$(($2 * 341))" /dev/urandom >"$D/t/$1/$i"; done
	tar -cf "$D/$1.tar" -C "$D/t" . && gzip -kf "$D/$1.tar"
}
for name in one two three; do tarball $name 300; done
layers() { (cd "$D/$FORM/layers" && printf '%s\n' * | sed 's/\.erofs$//' | LC_ALL=C sort | tr '\n' ' '); }
clean() { is '' "$(find "$D/$FORM"/{tmp,leases,trash} -mindepth 1)"; }

for FORM in $FORMS; do
	one=$(Q import "$D/one.tar.gz") two=$(Q import "$D/two.tar.gz") three=$(Q import "$D/three.tar.gz")
	check "$FORM: a layer is stored once" shows existed S import "$D/one.tar"
	S image docker.io/library/a:1 "$one" "$two" >"$T/a"
	S image host:5000/b@x:1 "$one" "$three" >"$T/b"
	check "$FORM: both are listed" is "$(cat "$T/a") docker.io/library/a:1
$(cat "$T/b") host:5000/b@x:1" "$(S images | LC_ALL=C sort -k2)"
	check "$FORM: fsck is content" prints 'problems 0' S fsck
	check "$FORM: gc takes nothing that is named" has "$(S gc)" 'layers 0 blobs 0'
	S create c1 "$two" && S mount c1 >/dev/null
	check "$FORM: an image goes" S rmi docker.io/library/a:1
	check "$FORM: gc keeps the layer that a container has" has "$(S gc)" 'layers 0 blobs 2'
	S remove c1
	check "$FORM: and takes it then" has "$(S gc)" 'layers 1 blobs 0'
	check "$FORM: the other image's layers are there" is "$(printf '%s\n' "${one#*:}" "${three#*:}" | LC_ALL=C sort | tr '\n' ' ')" "$(layers)"
	S untag host:5000/b@x:1
	check "$FORM: without a name an image stays" has "$(S gc)" 'images 0 layers 0'
	check "$FORM: unless asked" has "$(S gc untagged)" 'images 1 layers 2 blobs 2'
	check "$FORM: the store is empty" is '* ' "$(layers)"
	check "$FORM: nothing left anywhere" clean

	# damage is found, and what is damaged is not taken for being there
	one=$(Q import "$D/one.tar.gz")
	S image x:1 "$one" >/dev/null
	if [ $FORM = erofs ]; then victim=$D/erofs/layers/${one#*:}.erofs; else victim=$(find "$D/directory/layers" -name 2); fi
	printf X | dd of="$victim" bs=1 seek=50000 conv=notrunc status=none
	check "$FORM: fsck finds a changed byte" has "$(S fsck)" "problems 1"
	check "$FORM: repair takes the layer out" has "$(S fsck repair)" "layer ${one#*:}"
	check "$FORM: fsck says what the image lacks" has "$(S fsck)" "layer \"$one\" is missing"
	check "$FORM: it can be brought again" prints "$one" Q import "$D/one.tar.gz"
	check "$FORM: and all is well" prints 'problems 0' S fsck
	if [ $FORM = erofs ]; then
		printf X | dd of="$victim" bs=1 seek=$(($(stat -c %s "$D/one.tar") + 4096 + 40)) conv=notrunc status=none
		check "$FORM: a changed byte of the index is found as well" has "$(S fsck repair)" 'index is damaged'
		Q import "$D/one.tar.gz" >/dev/null
	fi

	# two at once
	for i in 1 2 3; do Q import "$D/two.tar.gz" >"$T/par.$i" & done
	wait
	check "$FORM: three at once give one layer" is "$(cat "$T/par.1")$(cat "$T/par.1")$(cat "$T/par.1")" "$(cat "$T"/par.? | tr -d '\n')"
	check "$FORM: and leave nothing" clean

	# killed while it reads
	rm -f "$T/fifo" && mkfifo "$T/fifo"
	"$STORE_TOOL" "$D/$FORM" $FORM import - <"$T/fifo" >/dev/null 2>&1 &
	job=$!
	exec 9>"$T/fifo"
	head -c 100000 "$D/three.tar.gz" >&9
	eventually eval '[ -n "$(ls "$D/$FORM/leases")" ] && [ -n "$(ls "$D/$FORM/tmp")" ]'
	check "$FORM: gc leaves a living import alone" eval 'S gc >/dev/null; [ -n "$(ls "$D/$FORM/tmp")" ]'
	safe_kill KILL $job
	wait $job 2>/dev/null
	exec 9>&-
	check "$FORM: the process for the layer goes with it" eventually eval '! pgrep -f "$STORE_TOOL" >/dev/null'
	check "$FORM: what a killed import left goes with gc" eval 'S gc >/dev/null && clean'
	check "$FORM: nothing of it is visible" prints 'problems 0' S fsck
	S gc unused >/dev/null
done

# --- broken off by force, taken up ---------------------------------------------------------

if [[ $FORMS = *erofs* ]]; then
	FORM=erofs
	BLOB=sha256:$(sha256sum <"$D/three.tar.gz" | cut -d' ' -f1) BLOB_SIZE=$(stat -c %s "$D/three.tar.gz")
	export BLOB BLOB_SIZE
	rm -f "$T/fifo" && mkfifo "$T/fifo"
	"$STORE_TOOL" "$D/$FORM" $FORM import - <"$T/fifo" >/dev/null 2>&1 &
	job=$!
	exec 9>"$T/fifo"
	head -c 200000 "$D/three.tar.gz" >&9
	eventually eval '[ "$(stat -c %s "$D/$FORM"/tmp/partial-*)" -gt 100000 ]'
	safe_kill KILL $job
	wait $job 2>/dev/null
	exec 9>&-
	eventually eval '! pgrep -f "$STORE_TOOL" >/dev/null'
	check 'a pull killed by force leaves what it has' eval '[ "$(head -c 8 "$D/$FORM"/tmp/partial-*)" = SKERRYP1 ]'
	check 'gc keeps it for another attempt' eval 'S gc >/dev/null; ls "$D/$FORM"/tmp/partial-* >/dev/null'
	# the beginning isn't there any more: only who goes on from the middle can succeed
	{ head -c 190000 /dev/zero; tail -c +190001 "$D/three.tar.gz"; } >"$T/rest"
	check 'which goes on where it was' prints \
		"sha256:$(sha256sum <"$D/three.tar" | cut -d' ' -f1)" Q import "$T/rest"
	check 'and leaves nothing' clean
	unset BLOB BLOB_SIZE
	S gc unused >/dev/null
fi

# --- at any system call ------------------------------------------------------------------
# A small image, imported and committed; killed at every tenth call, or one call fails.

cat >"$T/work" <<'WORK'
#!/bin/sh
# work TOOL STORE FORM TAR
d=$("$1" "$2" "$3" import "$4" 2>/dev/null) || exit 1
exec "$1" "$2" "$3" image n:1 "$d" >/dev/null
WORK
chmod +x "$T/work"
mkdir -p "$D/s" && echo small >"$D/s/f" && mkdir "$D/s/d" && ln -s f "$D/s/l" && tar -cf "$D/small.tar" -C "$D/s" .
for FORM in $FORMS; do
	rm -rf "${D:?}/$FORM"
	S images >/dev/null
	total=$(NTH_OUT=$T/nth.out timeout 60 "$TOOLS/nth" 0 count -- "$T/work" "$STORE_TOOL" "$D/$FORM" $FORM "$D/small.tar" >/dev/null 2>&1; sed -n 's/.*total=\([0-9]*\).*/\1/p' "$T/nth.out")
	check "$FORM: the work is done (the test itself)" eval '[ "${total:-0}" -gt 100 ] && S images | grep -q n:1'
	for action in killtree 28; do
		bad=0 tried=0
		for n in $(seq 1 $((total / ${STEPS:-40} + 1)) "${total:-0}"); do
			rm -rf "${D:?}/$FORM"
			S images >/dev/null
			NTH_OUT=$T/nth.out timeout 60 "$TOOLS/nth" "$n" $action -- "$T/work" "$STORE_TOOL" "$D/$FORM" $FORM "$D/small.tar" >/dev/null 2>&1
			tried=$((tried + 1))
			# opens, has no half of anything, cleans up, can do the work again
			{ S fsck && eventually eval "S gc && clean" && [ "$(S fsck | tail -n 1)" = 'problems 0' ] &&
				"$T/work" "$STORE_TOOL" "$D/$FORM" $FORM "$D/small.tar" && S images | grep -q n:1; } >"$T/nth.log" 2>&1 || {
				bad=$((bad + 1))
				echo "# $action at call $n: $(tail -n 3 "$T/nth.log" | tr '\n' ' ')"
			}
		done
		check "$FORM: $action at $tried of $total system calls: always whole" is 0 $bad
	done
done

# --- a full disk --------------------------------------------------------------------------

if disk small 12; then
	tarball large 20000
	for FORM in $FORMS; do
		[ -d "$T/small/lost+found" ] || continue
		check "$FORM: a full disk is an error that says so" refuses 'No space left' \
			"$STORE_TOOL" "$T/small/$FORM" $FORM import "$D/large.tar.gz"
		one=$("$STORE_TOOL" "$T/small/$FORM" $FORM import "$D/one.tar.gz" 2>/dev/null)
		check "$FORM: what fits is stored after it" "$STORE_TOOL" "$T/small/$FORM" $FORM verify "$one"
		check "$FORM: and nothing of the other" is '' "$(find "$T/small/$FORM"/{tmp,leases,trash} -mindepth 1)"
		rm -rf "$T/small/${FORM:?}"
	done
else
	skip 'a full disk' 'no loop devices here'
fi
done_testing
