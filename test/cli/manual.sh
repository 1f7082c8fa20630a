#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ukvmm(1) and --help tell of the same options and exit statuses. Usage: manual.sh PAGE-SOURCE
page=$1
. "$(dirname "$0")/lib.sh"

for command in run inspect doctor; do
	run $command --help
	for option in $(grep -oE -- '--[a-z][a-z-]+' <<<"$out" | sort -u); do
		is "ukvmm(1) has $option of $command" "$(grep -cE -- "\\*$option\\*" "$page" | sed 's/^[1-9].*/some/')" some
	done
done
run run --help
for option in $(grep -oE '^\*--[a-z-]+\*' "$page" | tr -d '*' | sort -u); do
	like "run --help has $option of ukvmm(1)" "$out" " +$option"
done
for n in 0 1 124 125 126 127 130; do
	is "ukvmm(1) has status $n" "$(grep -cE "^\\*$n\\*\$" "$page")" 1
done

done_testing
