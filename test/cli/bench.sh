#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The start-up benchmark runs and prints what it promises; its figures are nobody's concern here. Usage:
# bench.sh PROGRAM
program=$1
. "$(dirname "$0")/lib.sh"
need_kvm
command -v qemu-system-x86_64 >/dev/null || { echo '1..0 # SKIP QEMU is not installed'; exit 77; }

"$program" --json --runs 2 >"$dir/out" 2>"$dir/err"
status=$? err=$(<"$dir/err")
ends 'start-vs-qemu --json' 0
for series in ukvmm_ms qemu_ms; do
	for field in p50 p95 p99; do
		like "$series.$field is a number" "$("$JSON" $series.$field <"$dir/out")" '^[0-9.]+$'
	done
	is "$series.n" "$("$JSON" $series.n <"$dir/out")" 2
	is "$series.unit" "$("$JSON" $series.unit <"$dir/out")" ms
done
like 'the ratio' "$("$JSON" ratio_qemu_to_ukvmm <"$dir/out")" '^[0-9.]+$'
is 'the host' "$("$JSON" host.kernel <"$dir/out")" "$(uname -r)"
"$program" --runs 2 "$GUEST" >"$dir/out" 2>"$dir/err"
is 'another image, which does not print the line, is an error' $? 2

done_testing
