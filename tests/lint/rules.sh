#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The rules of docs/architecture.md that a machine can check.
set -eu
status=0

# Who may include whom.  A line is "folder: folders it may include"; a folder
# may always include itself.  Every project include is written from the root.
layers='
base:
runtime/spec:        base
cgroups:             base runtime/spec
cni:                 base
image:               base runtime/spec
image/cli:           base image runtime/spec runtime/cli runtime/include
runtime/isolate:     base runtime/spec
runtime/container:   base runtime/spec runtime/isolate cgroups runtime/include
runtime/include:
runtime/cli:         base runtime/include
runtime/shim:        base runtime/include runtime/spec
runtime/migrate:     base runtime/include runtime/cli
runtime/archive:     base image
cni/plugins:         base cni
cni/net:             base cni cni/plugins runtime/cli
'
grep -r --include='*.[ch]' '^# *include "' base runtime cgroups cni image |
	awk -F'[:"]' -v layers="$layers" '
function layer(path, part) {
	split(path, part, "/")
	if (part[1] == "runtime" || path ~ "^(cni/(plugins|net)|image/cli)/")
		return part[1] "/" part[2]
	return part[1]
}
BEGIN {
	for (n = split(layers, line, "\n"); n > 0; n--) {
		split(line[n], part, ":")
		may[part[1]] = part[2] " "
	}
}
{
	# $1 is the including file, $3 the included header
	from = layer($1)
	to = layer($3)
	if (from != to && index(may[from], " " to " ") == 0) {
		print $1 ": " from " may not include " to " (" $3 ")"
		bad = 1
	}
}
END { exit bad }' || status=1

# only PATTERN FILE...: nothing but FILE... may match PATTERN (comments may).
only() {
	pattern=$1
	shift
	for f in $(grep -rnE --include='*.[ch]' "$pattern" base runtime cgroups cni image |
		grep -vE '^[^:]*:[0-9]*:[[:space:]]*/?\*' | cut -d: -f1 | sort -u); do
		case " $* " in
		*" $f "*) ;;
		*)
			echo "$f: only $* may use $pattern"
			status=1
			;;
		esac
	done
}
only '<yajl/' base/json.c
only '<curl/' image/http.c
only '<openssl/(ssl|err|x509v3)\.h>' runtime/migrate/tls.c
only '<seccomp\.h>' runtime/isolate/filter.c runtime/isolate/filter_key.c
only '<systemd/' cgroups/systemd/main.c
only '<libmnl/' cni/nft.c cni/nft_socket.c cni/nft_table.c cni/conntrack.c cni/static/mnl.c
only '<libnftnl/' cni/nft.c cni/nft_socket.c cni/nft_table.c cni/nft_encode.c
only '<netlink/' cni/rtnl.c
only '\b(v?fork|clone3?|posix_spawnp?)\([^0-9]' base/proc.c runtime/container/spawn.c \
	runtime/shim/worker.c image/jail.c image/rootless.c runtime/migrate/child.c runtime/migrate/lazy_guard.c runtime/migrate/lazy_keeper.c \
	runtime/migrate/listen.c
only '\bexit\([^0-9]' base/static/start.c runtime/cli/main.c runtime/shim/main.c cgroups/systemd/main.c

# never WHAT PATTERN: no source may match PATTERN.
never() {
	if grep -rnE --include='*.[ch]' "$2" base runtime cgroups cni image tests/unit tests/fuzz \
		tests/bench; then
		echo "^ $1"
		status=1
	fi
}
never 'comments are /* */ only' '^[^"]*//( |$)'
never 'two system calls do, in runtime/isolate/caps.c' '<sys/capability\.h>'
never 'finish it or leave it out' '\b(TODO|FIXME|XXX)\b'
never 'no kill() with a pid that may be -1: proc_kill()' '[^_a-z]kill\(-'

# Every source says under which terms it is given, what it is called and what it is for.
nameless=$(find base runtime cgroups cni image tests/unit tests/fuzz tests/bench -name '*.[ch]' |
	while read -r f; do
		awk -v name="${f##*/}" '
			NR == 1 && $0 != "/* SPDX-License-Identifier: Apache-2.0 */" { bad = 1 }
			NR == 2 && index($0, "/* " name " - ") != 1 { bad = 1 }
			NR == 2 { exit }
			END { exit bad || NR < 2 }' "$f" || echo "$f"
	done)
[ -z "$nameless" ] || {
	echo "$nameless"
	echo '^ begins with the SPDX line, then "/* NAME.c - what it is for"'
	status=1
}
exit $status
