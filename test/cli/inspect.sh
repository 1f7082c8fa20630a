#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `ukvmm inspect` says what an image is, or why not. None of this needs KVM.
. "$(dirname "$0")/lib.sh"

run inspect "$GUEST"
ends 'an ELF64' 0
like 'its format' "$out" $'\nformat +ELF64\n'
like 'its protocol' "$out" $'\nstarts by +Linux 64-bit protocol, entry 0x10[0-9a-f]+\n'
like 'its notes' "$out" 'PVH no, multiboot header no'
like 'its code segment' "$out" ' 0x10[0-9a-f]+ +0x[0-9a-f]+  r-x'

run inspect --json "$GUEST"
ends 'JSON' 0
json() { "$JSON" "$1" <"$dir/out"; }
is 'JSON: format' "$(json format)" ELF64
is 'JSON: protocol' "$(json protocol)" linux
is 'JSON: pvh' "$(json pvh)" false
like 'JSON: entry' "$(json entry)" '^10[0-9]{5}$'
is 'JSON: low' "$(json low)" 1048576
is 'JSON: image' "$(json image)" "$GUEST"
like 'JSON: segments' "$(json segments.0.address)" '^[0-9]+$'
is 'JSON: as many segments as the ELF file loads' "$(grep -c '"offset"' "$dir/out")" \
	"$(readelf -lW "$GUEST" | grep -c '^  LOAD')"

echo 'no kernel' >"$dir/text"
head -c 4200 "$GUEST" >"$dir/half"
for image in text half; do
	run inspect "$dir/$image"
	ends "$image" 126 "ukvmm: [a-z_]+\\($dir/$image\\): .+"
	is "$image: nothing on stdout" "$out" ''
done
run inspect --boot pvh "$GUEST"
ends 'a protocol that it does not have' 126 "ukvmm: [a-z_]+\\($GUEST\\): .+"
run inspect "$dir"
ends 'a directory' 126 "ukvmm: [a-z_]+\\($dir\\): .+"

if unshare -m true 2>"$dir/err"; then
	unshare -m sh -c "mount -t tmpfs none /dev && exec \"$UKVMM\" inspect \"$GUEST\"" >"$dir/out" 2>"$dir/err"
	is 'without a /dev/kvm' $? 0
fi

done_testing
