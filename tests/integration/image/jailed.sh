#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# jailed.sh - who reads the bytes of strangers: a process without privileges, network or file
# system, whatever the command.  What a call of other kind does to it is in
# tests/unit/image/jail_test.c.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"
needs 'no strace here (tests/setup installs it)' command -v strace

# EROFS is not mounted from files of a tmpfs
mkdir "$T/disk" && truncate -s 300M "$T/img" && mkfs.ext4 -q -E lazy_itable_init=1 "$T/img" 2>/dev/null &&
	mount -o loop "$T/img" "$T/disk"
STORE=$T/disk/store
layout_make && registry_start || { echo 'Bail out! no image, no registry'; exit 1; }
skopeo copy -q --dest-tls-verify=false "oci:$LAYOUT:bb" "docker://$REG/bb:1"
skopeo copy -q "oci:$LAYOUT:bb" "docker-archive:$T/docker.tar:bb:1"
gzip -k "$T/docker.tar"
mkdir "$T/context" && tar -C "$T/image-rootfs" -czf "$T/context/a.tar.gz" .
printf 'FROM scratch\nADD a.tar.gz /a/\n' >"$T/context/Dockerfile"
echo jail >"$T/file" && tar -C "$T" -cf "$T/file.tar" file

# traced COMMAND...: strace's lines of skerry-image COMMAND, in $T/trace.PID each process's
traced() {
	rm -f "$T"/trace.*
	strace -ff -qq -s 64 -o "$T/trace" "$IMAGE" "$@" >"$T/traced.out" 2>&1 </dev/null
}
inmates() { # traces of those that were locked in
	grep -l '^seccomp(SECCOMP_SET_MODE_FILTER.* = 0$' "$T"/trace.*
}
did() { # did TRACE: the calls that it made from then on
	sed '1,/^seccomp(/d; s/(.*//' "$1" | LC_ALL=C sort -u
}
before() { # before TRACE PATTERN: what it did before
	sed '/^seccomp(/q' "$1" | grep -q "$2"
}
locked_in() { # locked_in NUMBER COMMAND...: so many inmates, each as it must be
	local number=$1 pid
	shift
	traced "$@" || { cat "$T/traced.out"; return 1; }
	is "$number" "$(inmates | wc -l)" || return
	for pid in $(inmates); do
		before "$pid" '^unshare(CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWNET) *= 0' &&
			before "$pid" 'prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) *= 0' &&
			before "$pid" '^capset(.*permitted=\(0\|1<<CAP_CHOWN[^}]*CAP_SYS_ADMIN[^}]*\), .* = 0' || { echo "$pid is not locked in"; return 1; }
		did "$pid" | grep -E '^(socket|connect|execve|clone|mount|open_tree|setns|ptrace)$' && return 1
	done
	return 0
}
# nobody else reads a layer: what the main process is given goes on to the inmate
for form in erofs directory; do
	export SKERRY_LAYERS=$form SKERRY_STORE=$STORE-$form
	if [ $form = erofs ] && ! grep -qw erofs /proc/filesystems; then
		skip "$form: layers that are files" 'this kernel has no EROFS'
		continue
	fi
	check "$form: pull: one for each layer" locked_in 2 pull -q "$REG/bb:1"
	check "$form: import" locked_in 1 import "$T/file.tar" file
	check "$form: build ADD" locked_in 2 build -q -t added "$T/context"
	I prune -a >/dev/null
	check "$form: load: one for the archive, one for each layer" locked_in 3 load -q -i "$T/docker.tar"
	I rmi -a >/dev/null
	check "$form: load of what is compressed" locked_in 3 load -q -i "$T/docker.tar.gz"
	check "$form: the image is there" prints hello R run --image bb:1 r1
	[ $form = erofs ] && check "$form: opens nothing" eval 'for pid in $(inmates); do did "$pid"; done | grep -E "^(open|mkdir|link|symlink|unlink|rename|chown)" && exit 1; true'
	[ $form = directory ] && check "$form: the layer's folder is its root" eval 'before "$(inmates | tail -n 1)" "chroot(\".\") *= 0"'
	I prune -a >/dev/null
done
registry_stop
umount "$T/disk"
clean_or_fail
done_testing
