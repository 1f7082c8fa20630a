#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each public header compiles alone, and twice in a row, as strict C99 and as C++17, with no padding in any
# structure. usage: compile.sh INCLUDE-DIR CC CXX
set -u
include=$1 cc=$2 cxx=$3
warnings="-pedantic -Wall -Wextra -Wpadded -Werror -I$include -fsyntax-only"
checked=0 bad=0

for path in "$include"/ukvmm/*.h; do
	header=ukvmm/${path##*/}
	text="#include <$header>
#include <$header>"
	# shellcheck disable=SC2086 # a list of words
	echo "$text" | "$cc" -x c -std=c99 $warnings - || { echo "$header: not C99"; bad=1; }
	# shellcheck disable=SC2086
	echo "$text" | "$cxx" -x c++ -std=c++17 $warnings - || { echo "$header: not C++17"; bad=1; }
	checked=$((checked + 1))
done
[ -f "$path" ] || { echo "$include: no headers"; exit 1; }
[ "$bad" = 0 ] && echo "ok: $checked headers"
exit "$bad"
