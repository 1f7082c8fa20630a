#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A signal ends the guest and gives 128 + its number, in every state.
. "$(dirname "$0")/lib.sh"
need_kvm

for signal in HUP INT QUIT TERM USR1; do
	for word in spin sleep; do
		start $word
		kill -$signal "$pid"
		finish
		ends "SIG$signal while the guest would $word" $((128 + $(kill -l $signal)))
	done
done

# Of pending signals the lowest number is delivered first: HUP (1) and INT (2) had their chance before TERM (15)
wrap='env --default-signal --ignore-signal=HUP,INT' start spin
kill -HUP "$pid"
kill -INT "$pid"
kill -TERM "$pid"
finish
ends 'signals that were ignored at the start stay ignored (nohup)' 143

# 128,000 bytes do not fit into the pipe, and nobody reads
start 'flood 2000'
kill -TERM "$pid"
finish
ends 'SIGTERM while stdout is full' 143

start 'flood 2000'
kill -STOP "$pid"
kill -CONT "$pid"
cat <&8 >"$dir/rest"
finish
ends 'stopped and continued' 0
is 'stopped and continued: output is whole' "$(wc -l <"$dir/rest")" 1999

done_testing
