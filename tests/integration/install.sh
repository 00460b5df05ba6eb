#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# install.sh - make install, uninstall and deb; the example of libskerry(3) against what was installed
. "$(dirname "$0")/lib.sh"

needs "$KIND is not installed from here" test "$KIND" = skerry
dest=$T/dest
prefix=$dest/usr/local

# What the build has made is taken as it is (-o all): other flags would build it again.
from_make() {
	timeout 250 make -s -C "$TOP" BUILD="$BUILD" -o all "$@"
}

check 'install' from_make DESTDIR="$dest" install
for file in bin/skerry lib/libskerry.a lib/libskerry.so.0 lib/pkgconfig/skerry.pc include/skerry/skerry.h \
	libexec/skerry/skerry-systemd share/man/man1/skerry.1 share/man/man3/libskerry.3 \
	share/bash-completion/completions/skerry share/doc/skerry/config.json.example; do
	check "it has $file" test -s "$prefix/$file"
done
check 'nothing is outside the prefix' is "$prefix" "$(find "$dest" -mindepth 1 \( -type f -o -type l \) | grep -v "^$prefix/" || echo "$prefix")"
check 'what was installed runs' eval 'has "$("$prefix/bin/skerry" --version)" "skerry version 0."'
without_page() {
	local command
	for command in $("$prefix/bin/skerry" --help | awk '/^COMMANDS:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'); do
		compgen -G "$prefix/share/man/man[18]/skerry-$command.[18]" >/dev/null || echo "$command"
	done
}
check 'a page for every command' is '' "$(without_page)"

# --- the example of the library ---------------------------------------------------------
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest
awk '/^\.Sh EXAMPLES/ { on = 1 } on && /^\.Ed/ { exit } code { gsub(/\\e/, "\\"); print } on && /^\.Bd/ { code = 1 }' \
	"$prefix/share/man/man3/libskerry.3" >"$T/example.c"
check 'libskerry(3) has an example' grep -q 'int main' "$T/example.c"
# shellcheck disable=SC2046 # words
check 'it is built against the installed copy' gcc -Wall -Wextra -Werror -o "$T/example" "$T/example.c" \
	$(pkg-config --cflags --libs skerry)
check 'the version of skerry.pc is that of the program' is \
	"$("$SKERRY" --version | awk 'NR == 1 { print $3 }')" "$(pkg-config --modversion skerry)"
check 'the shared library shows only its calls' eval \
	'! nm -D --defined-only "$prefix/lib/libskerry.so.0" | grep -v " A \| skerry_"'
mount -t tmpfs tmpfs /run # the state goes to the default folder
mk "$(args sh -c 'echo from the container; exit 7')"
export LD_LIBRARY_PATH=$prefix/lib
capture timeout 60 "$T/example"
check 'it ends as the container did' is 7 $?
check 'and the program ran' is 'from the container' "$captured"
mk "$(args /no/such)"
check 'its errors are those of the library' refuses '/no/such' timeout 60 "$T/example"
unset LD_LIBRARY_PATH
umount /run

# --- and away again ------------------------------------------------------------------------
check 'uninstall' from_make DESTDIR="$dest" uninstall
check 'nothing is left' is '' "$(find "$dest" -type f -o -type l)"

# --- the package -------------------------------------------------------------------------------
if command -v dpkg-deb >/dev/null; then
	check 'make deb' timeout 550 make -s -j2 -C "$TOP" BUILD="$BUILD" deb
	deb=$(ls "$BUILD"/skerry_*.deb)
	check 'the package has the program' eval 'dpkg-deb -c "$deb" | grep -q " ./usr/bin/skerry$"'
	check 'all in it belongs to root, nothing is setuid or writable by others' is '' \
		"$(dpkg-deb -c "$deb" | grep -v '^[-dl][-rwx]* root/root\|^l' || :)$(dpkg-deb -c "$deb" | grep '^[-d].......w')"
	check 'its version is that of the program' is "$("$SKERRY" --version | awk 'NR == 1 { print $3 }')" \
		"$(dpkg-deb -f "$deb" Version)"
	check 'it depends on what it is linked with' has "$(dpkg-deb -f "$deb" Depends)" libseccomp2
	mkdir -p "$T/root/var/lib/dpkg/info" "$T/root/var/lib/dpkg/updates"
	: >"$T/root/var/lib/dpkg/status"
	check 'dpkg installs it' dpkg --root="$T/root" --force-depends --force-not-root -i "$deb"
	check 'the program of the package runs' eval 'has "$("$T/root/usr/bin/skerry" --version)" "skerry version 0."'
	check 'the program looks for its helpers in /usr' grep -q /usr/libexec/skerry "$T/root/usr/bin/skerry"
	check 'dpkg removes it' dpkg --root="$T/root" --force-not-root -P skerry
	check 'and nothing is left of it' is '' "$(find "$T/root" -path "$T/root/var" -prune -o -type f -print -o -type l -print)"
else
	skip 'the package' 'no dpkg-deb here'
fi
clean_or_fail
done_testing
