#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The guest is told what frames its tap takes, where these are not Ethernet's.
. "$(dirname "$0")/lib.sh"
need_kvm
if [ -z "${TAP_TEST_INSIDE:-}" ]; then
	if ! unshare -n sh -c 'ip tuntap add tap9 mode tap && ls /sys/class/net' >/dev/null 2>&1; then
		echo "1..0 # SKIP no network namespace or no tap can be made"
		exit 77
	fi
	exec env TAP_TEST_INSIDE=1 unshare -n -m sh -c 'mount -t sysfs sys /sys && exec "$0"' "$0"
fi

truncate -s 64K "$dir/disk"
told() { # NAME STATUS NET
	run run --timeout 100s --disk "$dir/disk,name=storage" --net "$3,name=service" "$GUESTS/hvt-io.elf" -- mtu=9000
	is "$1" "$status" "$2"
}
ip tuntap add tap9 mode tap
ip link set tap9 mtu 9000
told 'the MTU of its tap' 90 tap=tap9
told 'another one, if the user says so' 1 tap=tap9,mtu=1400
told 'that of the user' 90 none,mtu=9000
told 'nothing but Ethernet where there is no tap' 1 none
ip link set tap9 mtu 1500
told "nothing but Ethernet's of another tap" 1 tap=tap9
done_testing
