#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every option of `ukvmm run` does what it says.
. "$(dirname "$0")/lib.sh"
need_kvm

order memory
is 'memory is 128 MiB by default' "$out" 128
order memory --mem 64M
is '--mem with a unit' "$out" 64
order memory --mem 33554432
is '--mem in bytes' "$out" 32

order 'exit 9' --cpus 2
ends '--cpus 2' 9
order 'exit 9' --cpus 1
ends '--cpus 1' 9

printf 'a small initrd' >"$dir/initrd"
order initrd --initrd "$dir/initrd"
is '--initrd reaches the guest' "$out" 'a small initrd'

order 'cmdline a=1  b="2 3"'
is '--cmdline reaches the guest as it is' "$out" 'a=1  b="2 3"'
run run --cmdline 'cmdline a=1' "$GUEST" -- x 'y z' '' q\"q
is 'words after -- follow the command line, quoted where they must be' "$out" 'a=1 -- x "y z" "" q"q'
cat "$GUEST" - <<<'OSv v0.57.0' >"$dir/osv.elf"
run run --cmdline 'cmdline a=1' "$dir/osv.elf" -- /app x 'y z'
is 'to OSv they go without the --' "$out" 'a=1 /app x "y z"'
run run "$GUEST" -- exit 3
ends 'words after -- alone' 3
run run "$GUEST" -- 'a "b"'
ends 'a word that no quoting can carry' 125 'ukvmm: run\(a "b"\): blanks and a double quote .*'
run run -- "$GUEST" exit 4
ends 'the image after --' 4

for boot in auto linux; do
	order 'exit 5' --boot $boot
	ends "--boot $boot" 5
done
run run --boot pvh "$GUESTS/hello.elf"
ends '--boot pvh' 0
is '--boot pvh: output' "$out" 'hello from a guest'
for boot in pvh multiboot; do
	order 'exit 5' --boot $boot
	ends "--boot $boot, which the image does not have" 126 "ukvmm: [a-z_]+\\($GUEST\\): .*"
done
for chip in auto split full none; do
	order 'exit 5' --irqchip $chip
	ends "--irqchip $chip" 5
done
order halt --irqchip none
ends 'hlt without an interrupt chip' 1 'ukvmm: .*halted.*'
for mode in auto on off; do
	order 'exit 5' --hugepages $mode
	ends "--hugepages $mode" 5
done
for packer in lz4 xz; do
	run run --decompress "$GUESTS/bzimage-$packer.img"
	ends "--decompress, $packer" 0
	is "--decompress, $packer: the payload runs" "$out" 'hello from a guest'
	run run "$GUESTS/bzimage-$packer.img"
	[ "$out" != 'hello from a guest' ]
	result $? "without --decompress the bzImage's own code runs, $packer"
done
order 'exit 5' --decompress
ends '--decompress of what is not compressed' 5

exec 9<>/dev/kvm
order 'exit 6' --kvm-fd 9
ends '--kvm-fd' 6
exec 9<>/dev/null
order 'exit 6' --kvm-fd 9
ends '--kvm-fd that is no KVM' 125 'ukvmm: KVM_GET_API_VERSION\(.*\): .*'
exec 9<&-
order 'exit 6' --kvm-fd 9
ends '--kvm-fd that is not open' 125 'ukvmm: run\(--kvm-fd\): file descriptor 9 is not open'

# Has the last run, with --timeline=json, said its first word in the first half of its life? Then it has said all
# by its end.
said() {
	local first
	first=$("$JSON" first_output_us <"$dir/err") && [ "$first" != null ] &&
		[ $((2 * first)) -lt "$("$JSON" exit_us <"$dir/err")" ]
}
for word in spin sleep; do
	order $word --timeout 0.3s
	ends "--timeout ends a guest that would $word" 124
	# a busy machine needs longer to start it
	for time in 0.3s 1s 3s 10s 30s 100s; do
		order $word --timeout $time --timeline=json
		said && break
	done
	is "--timeout: what a guest that would $word has said is not lost" "$out" ready
done
order 'exit 4' --timeout 0
ends '--timeout 0 is none' 4
order 'exit 4' --timeout 30000d
ends '--timeout of 80 years' 4

order 'exit 8' --mem 64M --cpus 1
ends 'options before the image' 8
run run "$GUEST" --cmdline 'exit 8' --mem 64M
ends 'options after the image' 8
run run --mem=64M --cmdline='exit 8' "$GUEST"
ends 'options with =' 8

order 'say x' --timeline
is '--timeline names its moments' "$(sed 's/  *[0-9]* us$//' "$dir/err" | tr '\n' ,)" \
	'create,load,first entry,first output,exit,'
order 'exit 3' --timeline
like '--timeline shows what did not happen' "$err" 'first output +-'
is '--timeline keeps the status' "$status" 3
order 'say x' --timeline=json
moments=''
for key in create_us load_us first_entry_us first_output_us exit_us; do
	moments="$moments $("$JSON" $key <"$dir/err")"
done
like '--timeline=json has five numbers' "$moments" '^( [0-9]+){5}$'
is '--timeline=json: time goes forward' "$moments" " $(tr ' ' '\n' <<<"${moments# }" | sort -n | tr '\n' ' ' | sed 's/ $//')"
order 'exit 3' --timeline=json
is '--timeline=json: null for what did not happen' "$("$JSON" first_output_us <"$dir/err")" null

done_testing
