#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# examples/function-project, built against the installed package alone, boots and answers.
# Usage: outside.sh UKVMM SOURCE PREFIX BUILD CC
. "$(dirname "$0")/lib.sh"
source=$2 prefix=$3 build=$4 cc=$5

rm -rf "$build"
# from a copy: nothing of the tree is near it
cp -r "$source" "$work/project"
cmake -S "$work/project" -B "$build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
	-DCMAKE_C_FLAGS="-Wall -Wextra -Werror" >"$work/out" || fail "configuring"
cmake --build "$build" >"$work/out" || fail "building"

start "$build/greet.elf" 'who="the whole world" greeting=Hi'
want "the command line's words" "$(ask $url/)" "Hi, the whole world!"
want "a path" "$(ask $url/you)" "Hi, you!"
want "a body" "$(ask -d '1.25 -3 1e2' $url/)" "98.25"
stop

# what the runtime does not have is a plain error of the linker, or of the compiler
printf '#include <stdio.h>\n#include <ukvmm_fn.h>\nFILE *fopen(const char *, const char *);\n' >"$work/project/greet.c"
! cmake --build "$build" >"$work/out" 2>&1 || fail "FILE was known"
grep -q "unknown type name .FILE" "$work/out" || fail "not for want of FILE"
echo "ok - no headers of the host"
