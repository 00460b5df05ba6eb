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
exit $status
