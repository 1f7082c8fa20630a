#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every way a guest can end has its exit status, and a note where the status alone would puzzle.
. "$(dirname "$0")/lib.sh"
need_kvm

vm="ukvmm: ukvmm_vcpu_run\\($(basename "$GUEST")\\)"
for n in 0 1 7 124 125 255; do
	order "exit $n"
	ends "a guest's own status $n" "$n"
done
order 'say hello'
ends 'power-off' 0
is 'power-off: output' "$out" hello
order 'fail 3 sorry'
ends 'status with output' 3
is 'status with output: output' "$out" sorry
order reset
ends 'reset' 0
order triple
ends 'triple fault' 0 "$vm: .*triple fault"
order halt
ends 'hlt with interrupts off' 1 "$vm: .*halted.*"
order panic
ends 'panic' 1 "$vm: .*panicked"
order halt --cpus 2
ends 'hlt with interrupts off, the other vCPU never started' 1 "$vm: .*halted.*"
order 'exit 5' --irqchip full --cpus 2
ends 'two vCPUs, full irqchip' 5

run doctor --json
order refused
if [ "$("$UKVMM" doctor --json | "$JSON" kvm_vendor)" = kvm_pvm ]; then
	ends 'an instruction that this KVM refuses' 125 'ukvmm: KVM_RUN\(.*\): .+'
else
	ends 'an instruction that only an emulator refuses' 0
fi

refused() { # NAME STATUS OBJECT ARG...
	local name=$1 wanted=$2 object=$3
	shift 3
	run run "$@"
	ends "$name" "$wanted" "ukvmm: [A-Za-z_]+\\($object\\): .+"
}
: >"$dir/empty"
echo 'no kernel' >"$dir/text"
head -c 100 "$GUEST" >"$dir/cut"
head -c 4200 "$GUEST" >"$dir/half"
mkfifo "$dir/fifo"
refused 'an empty image' 126 "$dir/empty" "$dir/empty"
refused 'a text' 126 "$dir/text" "$dir/text"
refused 'an image cut in its header' 126 "$dir/cut" "$dir/cut"
refused 'an image cut in a segment' 126 "$dir/half" "$dir/half"
refused 'a directory' 126 "$dir" "$dir"
refused 'a fifo' 126 "$dir/fifo" "$dir/fifo"
refused 'an empty initrd' 125 "$dir/empty" --initrd "$dir/empty" "$GUEST"
refused 'a directory as initrd' 125 "$dir" --initrd "$dir" "$GUEST"
refused 'memory that is no whole page' 125 .+ --mem 5000 "$GUEST"
refused 'memory too small for the guest' 125 .+ --mem 512K "$GUEST"
refused 'more memory than there can be' 125 .+ --mem 4096T "$GUEST"
refused 'more vCPUs than a VM may have' 125 .+ --cpus 1024 "$GUEST"
refused 'a command line too long for Linux' 125 .+ --cmdline "$(printf '%070000d' 1)" "$GUEST"

if unshare -m true 2>"$dir/err"; then
	unshare -m sh -c "mount --bind /dev/null /dev/kvm && exec \"$UKVMM\" run \"$GUEST\"" >"$dir/out" 2>"$dir/err"
	status=$? err=$(<"$dir/err")
	ends 'a /dev/kvm that is something else' 125 'ukvmm: KVM_GET_API_VERSION\(.*\): .+'
fi

done_testing
