#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds test/abi/outside by find_package against the installed library, then runs what needs no KVM.
# usage: outside-cmake.sh SOURCE-DIR PREFIX OUT CC CXX FLAGS
set -eu
source=$1 prefix=$2 out=$3 cc=$4 cxx=$5 flags=$6

rm -rf "$out"
cmake -S "$source/test/abi/outside" -B "$out" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
	-DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_C_FLAGS="$flags -Wall -Wextra -Werror" \
	-DCMAKE_CXX_FLAGS="$flags -Wall -Wextra -Werror" >/dev/null
cmake --build "$out"
"$out/from-cplusplus"
"$out/same-names"
ldd "$out/embed/run-one" | grep -qF "$prefix/" || { echo "run-one: not linked with the installed library"; exit 1; }
echo "ok: built in $out"
