#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the guest's C library prints is what the host's does. Usage: libc-text.sh UKVMM IMAGE HOST-PROGRAM
set -eu
[ -r /dev/kvm ] && [ -w /dev/kvm ] || { echo "SKIPPED: no usable /dev/kvm"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$3" >"$out/host"
"$1" run --timeout 100s --mem 64M "$2" >"$out/guest"
tail -n 1 "$out/host" | grep -qx OK || { echo "the host's output is not complete"; exit 1; }
diff "$out/host" "$out/guest" | head -n 40
cmp "$out/host" "$out/guest"
