#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The same images under QEMU's microvm with KVM: by PVH, without a device tree, with the newer and the older interface
# of virtio-mmio, and with cards and disks that offer next to nothing. 77: no QEMU, no /dev/kvm, no network namespaces,
# or the functions are not built.
. "$(dirname "$0")/lib.sh"
need_kvm
skip()
{
	echo "1..0 # SKIP $*"
	exit 77
}
if [ -z "${UKVMM_INSIDE:-}" ]; then
	[ -x "$GUESTS/noop.elf" ] || skip "no functions: scripts/fetch-lwip"
	command -v qemu-system-x86_64 >/dev/null || skip "no QEMU"
	command -v curl >/dev/null || skip "no curl"
	[ -c /dev/net/tun ] && unshare -Urn true 2>/dev/null || skip "no network namespaces"
	UKVMM_INSIDE=1 exec unshare -Urn "$0" "$@"
fi
readonly address=10.9.0.2 url=http://10.9.0.2:8080 mac=52:54:00:12:34:56
work=$dir vm=
readonly modern="-global virtio-mmio.force-legacy=false"
# acpi=off: only then QEMU tells its devices by virtio_mmio.device= words. The host's KVM may refuse to set
# IA32_ARCH_CAPABILITIES.
qemu()
{
	exec timeout 200 qemu-system-x86_64 -M microvm,acpi=off -accel kvm -cpu host,-arch-capabilities -m 192 -nodefaults \
		-no-user-config -display none -no-reboot -device isa-debug-exit,iobase=0x501,iosize=4 \
		-serial "file:$work/serial" "$@" >"$work/qemu" 2>&1
}
stop()
{
	[ -z "$vm" ] || { kill "$vm"; wait "$vm"; vm=; } 2>/dev/null
}
trap 'stop; rm -rf "$dir"' EXIT
# guest IMAGE CARD [QEMU'S WORDS]: until it answers, or QEMU ends, which has a time; a connect that nobody heard is not worth
# waiting for long.
guest()
{
	stop
	qemu -kernel "$GUESTS/$1.elf" -append "ip=$address/24" \
		-netdev tap,id=n,ifname=tap0,script=no,downscript=no -device "virtio-net-device,netdev=n,$2" "${@:3}" &
	vm=$!
	local wait=0.1
	while kill -0 "$vm" 2>/dev/null; do
		for _ in 1 2 3 4 5 6 7 8; do
			curl -s --connect-timeout $wait --max-time 100 -o "$work/body" "$url/" && return 0
		done
		wait=1
	done
	sed 's/^/# /' "$work/serial" "$work/qemu"
	return 1
}
# Megabytes there and back, in what frames the card allows.
echoes()
{
	curl -sS --max-time 100 -o "$work/got" --data-binary @"$work/sent" "$url/" && cmp -s "$work/sent" "$work/got"
}
# selftest WORDS [QEMU'S WORDS]: its status, of which isa-debug-exit makes twice and one.
selftest()
{
	(qemu -kernel "$GUESTS/rt-selftest.elf" -append "$1" "${@:2}")
	echo $(($? / 2))
}

ip tuntap add tap0 mode tap vnet_hdr
ip addr add 10.9.0.1/24 dev tap0
ip link set tap0 up
ip neigh replace $address lladdr $mac dev tap0 nud permanent
head -c 3000000 /dev/urandom >"$work/sent"

guest noop "mac=$mac" $modern
result $? "noop answers"
guest noop "mac=$mac"
result $? "noop answers by the older interface"
guest echo "mac=$mac" $modern && echoes
result $? "echo: 3 MB"
bare=mac=$mac,mrg_rxbuf=off,event_idx=off,indirect_desc=off,csum=off,guest_csum=off,ctrl_vq=off,status=off
guest echo "$bare" $modern && echoes
result $? "echo: 3 MB without features"
guest echo "$bare" && echoes
result $? "echo: 3 MB without features, by the older interface"
guest echo "mac=$mac,host_mtu=9000,mrg_rxbuf=off" $modern && echoes
result $? "echo: 3 MB, buffers of an MTU of 9000"
stop

python3 -c 'import struct, sys
for i in range(1 << 19):
    sys.stdout.buffer.write(struct.pack("<Q", i * 0x9e3779b97f4a7c15 & 0xffffffffffffffff))' >"$work/disk"
disk="-drive id=d,if=none,format=raw,readonly=on,file=$work/disk -device virtio-blk-device,drive=d"
for interface in "$modern" ""; do
	[ "$(selftest mode=disk $disk -device virtio-rng-device $interface)" = 0 ]
	result $? "disk and random device ${interface:-by the older interface}"
	[ "$(selftest console=hvc0 -device virtio-serial-device -chardev "file,id=c,path=$work/hvc" \
		-device virtconsole,chardev=c $interface)" = 0 ] && grep -q '^OK' "$work/hvc"
	result $? "the log on a virtio console ${interface:-by the older interface}"
done
[ "$(selftest mode=disk $disk,event_idx=off,indirect_desc=off,queue-size=4 $modern)" = 0 ]
result $? "a disk with a queue of four"
[ "$(selftest mode=null)" = $((254 & 127)) ] && grep -q '^fault: NULL pointer' "$work/serial"
result $? "a fault ends it with a line"

done_testing
