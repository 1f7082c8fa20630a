#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program in README.md is what it says it is: it compiles as printed there against the installed library and
# runs a guest. usage: readme.sh README PREFIX LIBDIR OUT CC CFLAGS GUEST OUTPUT
set -eu
readme=$1 prefix=$2 lib=$3 out=$4 cc=$5 cflags=$6 guest=$7 text=$8

mkdir -p "$out"
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$readme" >"$out/readme.c"
[ -s "$out/readme.c" ] || { echo "$readme:1: no C program in it"; exit 1; }
export PKG_CONFIG_PATH="$prefix/$lib/pkgconfig"
# shellcheck disable=SC2046,SC2086 # lists of words
"$cc" $cflags -Wall -Wextra -Werror -o "$out/readme" "$out/readme.c" $(pkg-config --cflags --libs ukvmm) \
	-Wl,-rpath,"$prefix/$lib"

if [ ! -c /dev/kvm ] || ! (exec 3<>/dev/kvm) 2>/dev/null; then
	echo "SKIPPED: it compiles, but there is no usable /dev/kvm to run it"
	exit 77
fi
got=$("$out/readme" "$guest")
echo "$got"
[ "$got" = "$text" ] || { echo "output is not: $text"; exit 1; }
