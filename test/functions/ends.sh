#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a function ends with, and what is said then. Usage: ends.sh UKVMM IMAGE
set -u
[ -r /dev/kvm ] && [ -w /dev/kvm ] || { echo "SKIPPED: no usable /dev/kvm"; exit 77; }
bad=0
ends() # WORDS STATUS TEXT
{
	local out status
	out=$("$1" run --timeout 100s --mem 32M --cmdline "$3" "$2" 2>&1)
	status=$?
	if [ "$status" = "$4" ] && [[ $out == *"$5"* ]]; then
		echo "ok - $3"
	else
		echo "not ok - $3: status $status, wanted $4 and \"$5\": $out"
		bad=1
	fi
}
ends "$@" what=exit 42 "exit, and words stay: (null)"
ends "$@" 'what=exit other="two words"' 42 "exit, and words stay: two words"
ends "$@" what=abort 253 "panic: abort"
ends "$@" what=assert 253 "ends.c:"
ends "$@" what=assert 253 "fn_setup: not so: nine == 8"
ends "$@" what=overrun 253 "the heap was overwritten"
ends "$@" what=twice 253 "free of what malloc did not give"
ends "$@" what=use_up 0 ""
ends "$@" what=setup 3 "setup failed"
ends "$@" what=none 1 "no network card"
exit $bad
