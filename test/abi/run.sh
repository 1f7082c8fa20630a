#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a program and wants its status and a piece of its output, and the line of costs. 77 where there is no
# /dev/kvm to be had. usage: run.sh [--root] STATUS OUTPUT PROGRAM ARGS...
set -u
if [ "$1" = --root ]; then
	shift
	[ "$(id -u)" = 0 ] || { echo "SKIPPED: only root has privileges to drop"; exit 77; }
fi
want=$1 text=$2
shift 2

if [ ! -c /dev/kvm ] || ! (exec 3<>/dev/kvm) 2>/dev/null; then
	echo "SKIPPED: no usable /dev/kvm"
	exit 77
fi
out=$("$@" 2>&1)
status=$?
echo "$out"
[ "$status" = "$want" ] || { echo "status $status, not $want"; exit 1; }
case $out in
*"$text"*) ;;
*) echo "output lacks: $text"; exit 1 ;;
esac
case $out in
*"per VM:"*) ;;
*) echo "output lacks the costs"; exit 1 ;;
esac
