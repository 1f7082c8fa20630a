#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# stdin reaches the guest, its output reaches stdout, whole, whatever they are.
. "$(dirname "$0")/lib.sh"
need_kvm

line=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+
lines() { for ((i = 0; i < $1; i++)); do echo $line; done; }
lines 400 >"$dir/wanted"

order 'flood 400'
is 'output to a file is whole' "$(cmp "$dir/out" "$dir/wanted" && echo same)" same
"$UKVMM" run --cmdline 'flood 400' "$GUEST" </dev/null | cat >"$dir/out"
is 'output to a pipe is whole' "$(cmp "$dir/out" "$dir/wanted" && echo same)" same
echo before >"$dir/out"
"$UKVMM" run --cmdline 'say after' "$GUEST" </dev/null >>"$dir/out"
is 'output is appended where the shell says so' "$(<"$dir/out")" $'before\nafter'

"$UKVMM" run --timeout 100s --cmdline 'flood 100000000' "$GUEST" </dev/null 2>"$dir/err" | head -n 1 >"$dir/out"
status=${PIPESTATUS[0]} err=$(<"$dir/err")
ends 'a reader that leaves ends the guest' 141
is 'a reader that leaves got what it wanted' "$(<"$dir/out")" $line
if [ -c /dev/full ]; then
	"$UKVMM" run --cmdline 'say x' "$GUEST" </dev/null >/dev/full 2>"$dir/err"
	status=$? err=$(<"$dir/err")
	ends 'output that cannot be written' 125 'ukvmm: write\(stdout\): No space left on device'
	"$UKVMM" run --cmdline 'exit 3' "$GUEST" </dev/null >/dev/full 2>"$dir/err"
	status=$? err=$(<"$dir/err")
	ends 'no output, none lost' 3
fi
"$UKVMM" run --cmdline 'exit 3' "$GUEST" <&- >&- 2>"$dir/err"
status=$? err=$(<"$dir/err")
ends 'stdin and stdout closed, neither used' 3
"$UKVMM" run --cmdline 'say x' "$GUEST" <&- >&- 2>"$dir/err"
status=$? err=$(<"$dir/err")
ends 'output to a closed stdout' 125 'ukvmm: write\(stdout\): Bad file descriptor'
"$UKVMM" run --cmdline 'exit 3' "$GUEST" <&- >&- 2>&-
is 'everything closed' $? 3

# 20,000 bytes are five times what the guest's serial line holds: ukvmm has to wait for it
bytes=20000
lines 400 | head -c $bytes >"$dir/in"
sum=$(od -An -v -tu1 -w1 "$dir/in" | awk '{ sum = (sum * 31 + $1) % 1000000007 } END { print sum }')
input=$dir/in order "take $bytes"
is 'a file on stdin' "$out" $'ready\n'"$bytes $sum"
cat "$dir/in" | "$UKVMM" run --cmdline "take $bytes" "$GUEST" >"$dir/out"
is 'a pipe on stdin' "$(<"$dir/out")" $'ready\n'"$bytes $sum"
{ head -c 10 "$dir/in"; tail -c +11 "$dir/in"; } | "$UKVMM" run --cpus 2 --cmdline "take $bytes" "$GUEST" >"$dir/out"
is 'a pipe on stdin, two vCPUs' "$(<"$dir/out")" $'ready\n'"$bytes $sum"
printf 'a\001\003\200q' >"$dir/in"
input=$dir/in order echo
is 'bytes on stdin that is no terminal are not touched' "$out" $'ready\n61\n01\n03\n80\n71'
input=/dev/null order spin --timeout 0.5s
ends 'the end of stdin does not end the guest' 124

done_testing
