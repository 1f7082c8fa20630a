#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# doc/functions.md names what there is of C, and the function in it compiles. Usage: doc.sh DOC NAMES STAGE CC OUT
set -euo pipefail
doc=$1 names=$2 stage=$3 cc=$4 bad=0
words=$(sed -n '/^## What is there of C/,/^## What it promises/p' "$doc" | tr -c 'a-zA-Z0-9_' '\n' | sort -u)
has() { grep -qx -- "$1" <<<"$words"; }
while read -r name; do
	[[ $name == __* ]] || has "$name" || { [[ $name == *f ]] && has "${name%f}"; } || { echo "not in $doc: $name"; bad=1; }
done <"$names"
while read -r call; do
	grep -qw "$call" "$doc" || { echo "not in $doc: $call"; bad=1; }
done < <(grep -oE '\bfn_[a-z_]+\(' "$stage/include/ukvmm_fn.h" | tr -d '(' | sort -u)
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$doc" >"$5.c"
grep -q handle "$5.c"
"$cc" -O2 -Wall -Wextra -Werror -ffreestanding -nostdinc -isystem "$stage/include" -isystem "$("$cc" -print-file-name=include)" \
	-c -o "$5.o" "$5.c"
exit $bad
