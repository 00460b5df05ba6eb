#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# headers.sh COMPILER HEADER...: each header compiles alone, without the
# headers that banned.h gives to the sources, and twice; skerry.h as C++ too.
set -u
compiler=$1
shift
status=0
for header; do
	# shellcheck disable=SC2086 # the compiler comes with its flags
	printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
		$compiler -Werror -fsyntax-only -x c - || {
		echo "$header: does not compile alone"
		status=1
	}
done
if command -v g++ >/dev/null; then
	echo '#include "runtime/include/skerry/skerry.h"' | g++ -I. -Wall -Wextra -Werror -fsyntax-only -x c++ - || {
		echo "skerry.h: is no C++"
		status=1
	}
fi
# And what banned.h forbids does not compile, what it allows does.
banned() { # CALL
	printf 'int f(char *, const char *);\nint f(char *a, const char *b)\n{\n\treturn !%s;\n}\n' "$1" |
		gcc -include base/banned.h -I. -D_GNU_SOURCE -fsyntax-only -x c - 2>/dev/null
}
banned 'strcmp(a, b)' || {
	echo "banned.h: does not compile"
	status=1
}
for call in 'strcpy(a, b)' 'strcat(a, b)' 'sprintf(a, b)' 'strtok(a, b)' 'atoi(b)' 'system(b)' \
	'popen(b, b)' 'tmpnam(a)' 'mktemp(a)' 'alloca(9)'; do
	if banned "$call"; then
		echo "banned.h: $call compiles"
		status=1
	fi
done
exit $status
