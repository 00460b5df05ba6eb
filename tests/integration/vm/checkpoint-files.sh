#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: vm
# checkpoint-files.sh - what was there at the checkpoint and is another at the restore: output, input, mounts; and runc
#
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/integration/vm/checkpoint-lib.sh
. "$(dirname "$0")/checkpoint-lib.sh"

# into FILE WORD...: skerry, with what is written appended to FILE
into() {
	local file=$1
	shift
	R "$@" </dev/null >>"$file" 2>&1 && return
	grep -hn Error "$I"/*.log 2>/dev/null | tail -n 15
	return 1
}
writes_on() {
	local before
	before=$(wc -l <"$1")
	eventually eval '[ "$(wc -l <"'"$1"'")" -gt '"$before"' ]'
}
# Only whole numbers, each greater by one, but for lines of others.
is_whole() {
	grep -v other "$1" | awk 'NR > 1 && $1 != last + 1 { print NR ": " $1 " behind " last; bad = 1 } { last = $1 } END { exit bad || !NR }'
}

# --- output into a file of the host -------------------------------------------------------
COUNT='n=0; while :; do n=$((n + 1)); echo $n; echo $n >/tmp/count; sleep 0.05; done'
mk "$(args sh -c "$COUNT")"
check 'a container that writes into a file' into "$T/log" run -d c1
check 'writes' writes_on "$T/log"
check 'goes into images' detached checkpoint --image-path "$I" c1
sum=$(md5sum <"$I/files.img")
# shellcheck disable=SC2034
last=$(tail -n 1 "$T/log")
cp "$T/log" "$T/short"
check 'back into that file, as it was' into "$T/log" restore -d --image-path "$I" c1
check 'it goes on' writes_on "$T/log"
RD c1
check 'where it was' is_whole "$T/log"
cp "$T/short" "$T/log"
echo other >>"$T/log"
check 'into the file, which has grown' into "$T/log" restore -d --image-path "$I" c1
check 'it goes on' writes_on "$T/log"
RD c1
check 'behind that' eval 'is_whole "$T/log" && [ "$(grep -c other "$T/log")" = 1 ]'
check 'into a new file' into "$T/new" restore -d --image-path "$I" c1
check 'it goes on' writes_on "$T/new"
RD c1
check 'at the beginning of it' eval 'is_whole "$T/new" && [ "$(head -n 1 "$T/new")" -gt "$last" ]'
check 'into a pipe' eval 'R restore -d --image-path "$I" c1 </dev/null > >(exec cat >"$T/piped") 2>&1'
check 'it goes on' writes_on "$T/piped"
RD c1
: >"$B/rootfs/tmp/count"
check 'into /dev/null' into /dev/null restore -d --image-path "$I" c1
check 'it goes on' eventually test -s "$B/rootfs/tmp/count"
check 'into another one of these' eval 'rm -rf "$I/2"; detached checkpoint --image-path "$I/2" c1 && into "$T/late" restore -d --image-path "$I/2" c1'
check 'what was /dev/null is a file' writes_on "$T/late"
RD c1
check 'the images are as they were' is "$sum" "$(md5sum <"$I/files.img")"

# --- input from a file ------------------------------------------------------------------------
rm -rf "$I"
seq 1000000 >"$T/input"
mk "$(args sh -c 'while read -r x; do echo "$x" >>/tmp/all; sleep 0.05; done')"
all=$B/rootfs/tmp/all
check 'a container that reads a file' eval 'R run -d c1 <"$T/input" >/dev/null 2>&1 && eventually test -s "$all"'
check 'goes into images' detached checkpoint --image-path "$I" c1
echo more >>"$T/input"
check 'and back, with more to read' eval 'R restore -d --image-path "$I" c1 <"$T/input" >/dev/null 2>&1'
check 'it goes on' writes_on "$all"
RD c1
check 'where it was' is_whole "$all"

# --- a mount whose source is a link ---------------------------------------------------------------
rm -rf "$I"
mkdir -p "$T/real/below"
echo here >"$T/real/below/file"
ln -s real "$T/link"
ln -s below/file "$T/real/second"
mk "$(args sh -c 'n=0; while :; do n=$((n + 1)); echo $n >/tmp/count; sleep 0.05; done') | .mounts += [
	{\"destination\": \"/tmp/dir\", \"type\": \"bind\", \"source\": \"$T/link\", \"options\": [\"bind\"]},
	{\"destination\": \"/tmp/file\", \"type\": \"bind\", \"source\": \"$T/link/second\", \"options\": [\"bind\", \"ro\"]}]"
check 'a container with mounts by links' eval 'detached run -d c2 && eventually test -s "$B/rootfs/tmp/count"'
check 'goes into images' detached checkpoint --image-path "$I" c2
rm -f "$B/rootfs/tmp/count"
check 'and back' detached restore -d --image-path "$I" c2
check 'it goes on' eventually test -s "$B/rootfs/tmp/count"
check 'with what the links lead to' prints here R exec c2 cat /tmp/dir/below/file
check 'a file too' prints here R exec c2 cat /tmp/file
RD c2

# --- to runc: pipes are of both, files of outside ours alone -----------------------------------------------
# (out of runc's images: checkpoint-more.sh)
rm -rf "$I"
mk "$(args sh -c 'n=0; while :; do n=$((n + 1)); echo $n; echo $n >>/tmp/all; sleep 0.05; done')"
all=$B/rootfs/tmp/all
check 'a container of ours' eval 'R run -d c3 < <(exec sleep 300) > >(exec cat >"$T/ours") 2>&1 && eventually test -s "$all"'
check 'in images' detached checkpoint --image-path "$I" c3
runc_restores() {
	runc --root "$T/runc" restore -d --image-path "$I" --work-path "$T/work" c3 </dev/null >"$T/runc.out" 2>"$T/runc.err" && return
	cat "$T/runc.err"
	grep -hn Error "$T"/work/*.log
	return 1
}
check 'is restored by runc' runc_restores
check 'and goes on there' writes_on "$all"
check 'also to write' writes_on "$T/runc.out"
runc --root "$T/runc" delete -f c3 >/dev/null 2>&1
done_testing
