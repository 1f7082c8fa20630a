#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest that looks for its devices on a PCI bus is told of at its end; others are not.
. "$(dirname "$0")/lib.sh"
need_kvm

note='ukvmm: ukvmm_vcpu_run\(.+\): the guest looked for devices on a PCI bus, .+ 2 of its virtio-mmio devices'
run run --net none --rng "$GUESTS/solo5-virtio.elf"
ends 'a guest that looks on PCI' 0 "$note"
run run "$GUESTS/solo5-virtio.elf"
ends 'a guest that looks on PCI and was given nothing' 0
run run --net none "$GUESTS/unikraft-net.elf"
ends 'a guest that uses its card' 0
run run --net none "$GUESTS/hello.elf"
ends 'a guest that looks for nothing' 0
done_testing
