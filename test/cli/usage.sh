#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is typed wrongly is refused with status 125 and a message that names it. None of this needs KVM.
. "$(dirname "$0")/lib.sh"

run --version
like '--version' "$out" '^ukvmm [0-9]+\.[0-9]+\.[0-9]+$'
is '--version: status' "$status" 0
run --help
like '--help names the commands' "$out" 'ukvmm run .*ukvmm inspect .*ukvmm doctor '
is '--help: status' "$status" 0
for command in run inspect doctor; do
	for help in --help -h; do
		run $command $help
		like "$command $help" "$out" "^usage: ukvmm $command "
		is "$command $help: status" "$status" 0
	done
done
run run --help
for option in mem cpus initrd cmdline boot irqchip hugepages disk net rng console vsock kicks decompress hvt-exec-data kvm-fd \
	cpu-quota memory-overhead io-max no-sandbox sandbox-trace timeout timeline; do
	like "run --help has --$option" "$out" "--$option"
done
[ -c /dev/full ] && "$UKVMM" --help >/dev/full 2>"$dir/err"
is 'help that cannot be written: status' "$?" 125
is 'help that cannot be written' "$(<"$dir/err")" 'ukvmm: write(stdout): No space left on device'

run
is 'no command: status' "$status" 125
like 'no command: usage' "$err" '^usage: ukvmm run '
run frobnicate
ends 'an unknown command' 125 'ukvmm: ukvmm\(frobnicate\): no such command.*'

refused() { # OBJECT-REGEX ARG...
	local object=$1
	shift
	run run "$@"
	ends "run $*" 125 "ukvmm: run\\($object\\): .+"
}
for size in '' x -1 1X 1.5G ' 1M' 1M. 0 99999999999999999999 18446744073709551615K 16777216T 0x10; do
	refused --mem --mem "$size" image
done
for cpus in '' 0 x 1025 -1 1.0; do
	refused --cpus --cpus "$cpus" image
done
for time in '' x -1 1y 1.s 1.1234567891s .5s 1e3 99999999999999999999 20000000000s 300000000000d; do
	refused --timeout --timeout "$time" image
done
refused --boot --boot bios image
like 'what there is to choose from is told' "$err" ': auto, linux, pvh, multiboot$'
refused --irqchip --irqchip SPLIT image
refused --hugepages --hugepages yes image
refused --kvm-fd --kvm-fd x image
refused --kvm-fd --kvm-fd -- 2147483648 image
refused --timeline --timeline=xml image
refused --mem image --mem
refused --frobnicate --frobnicate image
refused --hugepages --hug=yes image
refused -x image -x
refused '--decompress=1' --decompress=1 image
for limits in '' x bps bps= bps=0 bps=-1 wbps=1 iops=1/s bps=1M:2M bps=1M,bps=2M iops=x riops=1,,wiops=1 'rbps=1 M'; do
	refused --io-max --io-max "$limits" --disk "$dir/none" "$GUEST"
done
refused IMAGE
refused IMAGE --mem 64M
refused two one two

run inspect
ends 'inspect without an image' 125 'ukvmm: inspect\(IMAGE\): .*'
run inspect a b
ends 'inspect of two' 125 'ukvmm: inspect\(IMAGE\): .*'
run inspect --frobnicate a
ends 'inspect with an unknown option' 125 'ukvmm: inspect\(--frobnicate\): .*'
run doctor now
ends 'doctor with a word' 125 'ukvmm: doctor\(now\): .*'

run run "$dir/none.elf"
ends 'an image that is not there' 127 "ukvmm: open\\($dir/none.elf\\): No such file or directory"
run run /dev/null/none.elf
ends 'an image below a file' 127 'ukvmm: open\(/dev/null/none.elf\): Not a directory'
run inspect "$dir/none.elf"
ends 'inspect of an image that is not there' 127 "ukvmm: open\\($dir/none.elf\\): No such file or directory"
ln -s loop "$dir/loop"
run run "$dir/loop"
ends 'an image that cannot be opened' 126 "ukvmm: open\\($dir/loop\\): Too many levels of symbolic links"
run run --initrd "$dir/none" "$GUEST"
ends 'an initrd that is not there' 125 "ukvmm: open\\($dir/none\\): No such file or directory"

done_testing
