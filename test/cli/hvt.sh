#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Solo5 hvt guests: how they end, what of them cannot be executed, and what an image without its devices is told.
. "$(dirname "$0")/lib.sh"
need_kvm

guest=$GUESTS/hvt.elf
hvt() { # WORDS [ARG...]: words of the guest's own, after "--"
	local words=$1
	shift
	run run --timeout 100s "$@" "$guest" -- $words
}

vcpu='ukvmm: ukvmm_vcpu_run\(hvt.elf/vcpu0\)'
hvt '--ipv4=10.0.0.2/24 x'
ends 'halt' 0
is 'halt: output' "$out" 'hello from hvt [--ipv4=10.0.0.2/24 x]'
hvt 'halt 41'
ends 'its own status' 41
hvt write-text
ends 'a write to code' 1 'ukvmm: .*host/guest translation fault: .*read-only: code or constants'
hvt no-call
ends 'no such hypercall' 1 "$vcpu: .*hypercall.*"

for what in data constant heap stack; do
	hvt "run-$what"
	ends "$what cannot be executed" 1 'ukvmm: .*triple fault.*'
	is "$what cannot be executed: output" "$out" falling
	hvt "run-$what" --hvt-exec-data
	ends "$what can, with --hvt-exec-data" 0
	like "$what can: output" "$out" 'it was executed'
done
hvt write-text --hvt-exec-data
ends 'a write to code, with --hvt-exec-data' 1 'ukvmm: .*host/guest translation fault: .*'
run run --hvt-exec-data "$GUEST"
ends '--hvt-exec-data for another guest' 125 'ukvmm: ukvmm_vm_new\(.*\): .*Solo5 hvt guests only.*'

run run "$GUESTS/hvt-io.elf"
ends 'without its devices' 125 'ukvmm: ukvmm_vm_seal\(hvt-io.elf\): .*disk named storage.*'
truncate -s 64K "$dir/disk"
run run --disk "$dir/disk" "$GUESTS/hvt-io.elf"
ends 'a device that it has no name for' 125 'ukvmm: .*a disk storage, a network card service.*'

LC_ALL=C sed 's/MFT1Solo5/MFT0Solo5/' "$guest" >"$dir/no-manifest"
run run "$dir/no-manifest"
ends 'without a manifest' 126 "ukvmm: boot_parse\\($dir/no-manifest\\): .*without a manifest"
# the size of its note, which is before the type
LC_ALL=C sed 's/\(.\)\x00\x00\x00MFT1Solo5/\xf0\xff\xff\x7fMFT1Solo5/' "$guest" >"$dir/bad-note"
run run "$dir/bad-note"
ends 'a manifest of no valid size' 126 "ukvmm: boot_parse\\($dir/bad-note\\): .*no valid size.*"
done_testing
