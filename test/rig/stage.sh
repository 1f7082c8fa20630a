# SPDX-License-Identifier: Apache-2.0
# Sourced by scripts/rig: fetches the kernel and puts a suite's initramfs together.

# Downloads the package that linux-image-cloud-amd64 depends on and unpacks it under build/rig,
# once. Sets `kernel` and `modules`. The system's package state stays as it is.
fetch_kernel()
{
	local cache=$root/build/rig/kernel
	exec 9>"$root/build/rig/lock"
	flock 9
	if [ ! -e "$cache/complete" ]; then
		rm -rf "$cache"
		mkdir -p "$cache"
		unpack_kernel "$cache" || { rm -rf "$cache"; return 1; }
		touch "$cache/complete"
	fi
	exec 9>&-
	kernel=$(echo "$cache"/boot/vmlinuz-*)
	modules=$(echo "$cache"/lib/modules/*/kernel)
}

unpack_kernel()
{
	local package
	package=$(kernel_package)
	if [ -z "$package" ]; then
		as_root apt-get -q update >/dev/null
		package=$(kernel_package)
	fi
	[ -n "$package" ] || { say "apt knows no linux-image-cloud-amd64"; return 1; }
	say "fetching $package"
	if ! (cd "$1" && apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package") \
		>"$1/download.log" 2>&1; then
		cat "$1/download.log" >&2
		return 1
	fi
	dpkg-deb -x "$1"/linux-image-*.deb "$1" && rm "$1"/linux-image-*.deb
}

kernel_package()
{
	apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p'
}

# stage_module NAME [TREE]: into the initramfs, after those it depends on; their order goes into
# lib/modules/order.
stage_module()
{
	local file depends name tree=${2:-$tree}
	file=$(find "$modules" -name "${1//_/-}.ko" -o -name "${1//-/_}.ko" | head -n 1)
	[ -n "$file" ] || { say "the kernel package holds no module $1"; return 1; }
	[ ! -e "$tree/lib/modules/$1.ko" ] || return 0
	depends=$(tr '\0' '\n' <"$file" | sed -n 's/^depends=//p')
	for name in ${depends//,/ }; do
		stage_module "$name" "$tree"
	done
	mkdir -p "$tree/lib/modules"
	cp "$file" "$tree/lib/modules/$1.ko"
	echo "$1" >>"$tree/lib/modules/order"
}

# stage_program FILE DIR [TREE]: a copy without debug information, and every shared library it names
# at its own place.
stage_program()
{
	local lib tree=${3:-$tree}
	mkdir -p "$tree/$2"
	[ -x "$1" ] || { say "$1 is not built"; return 1; }
	if ! strip --strip-debug -o "$tree/$2/${1##*/}" "$1" 2>/dev/null; then
		cp "$1" "$tree/$2/"	# a script
		return 0
	fi
	for lib in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
		mkdir -p "$tree/${lib%/*}"
		[ -e "$tree/$lib" ] || cp -L "$lib" "$tree/$lib"
	done
}

# What every suite has: busybox, kvm-amd, the init, and the build directory's own path for programs
# that have it compiled in.
stage_base()
{
	tree=$work/tree
	mkdir -p "$tree"/{bin,etc,proc,sys,dev,tmp,lib/modules,"${build%/*}"}
	mkdir -p "$tree"/rig/{bin,test,guests}
	chmod 1777 "$tree/tmp"
	ln -s /rig "$tree/$build"
	cp "$(command -v busybox)" "$tree/bin/busybox"
	cp "$root/test/rig/init" "$tree/init"
	stage_module kvm-amd
}

stage_guests()
{
	if [ -z "$(ls "$build"/guests/*.elf 2>/dev/null)" ]; then
		say "$build/guests holds no guests"
		return 1
	fi
	cp "$build"/guests/* "$tree/rig/guests/"
}

# The initrd of the stock kernel as a guest: busybox and the checks, nothing else.
stage_linux()
{
	local inner=$work/inner
	mkdir -p "$inner"/{bin,proc,sys,dev}
	cp "$(command -v busybox)" "$inner/bin/busybox"
	cp "$root/test/rig/linux-init" "$inner/init"
	(cd "$inner" && find . | cpio --quiet -o -H newc -R 0:0) >"$tree/rig/linux-initrd"
	cp "$kernel" "$tree/rig/linux-kernel"
	stage_program "$build/bin/ukvmm" rig/bin || return 1
}

# The stock kernel with drivers for vsock, rng and console, and a program that talks to the host.
stage_vsock()
{
	local inner=$work/inner name
	mkdir -p "$inner"/{bin,proc,sys,dev}
	cp "$(command -v busybox)" "$inner/bin/busybox"
	cp "$root/test/rig/vsock-init" "$inner/init"
	for name in virtio_mmio virtio_rng virtio_console vmw_vsock_virtio_transport; do
		stage_module "$name" "$inner"
	done
	stage_program "$build/test/rig-vsock" bin "$inner" || return 1
	(cd "$inner" && find . | cpio --quiet -o -H newc -R 0:0) >"$tree/rig/linux-initrd"
	cp "$kernel" "$tree/rig/linux-kernel"
	stage_program "$build/test/rig-vsock" rig/bin && stage_program "$build/bin/ukvmm" rig/bin
}

# What httpd serves on either side.
stage_www()
{
	mkdir -p "$1/www/cgi-bin"
	cp "$root/test/rig/peer-sum" "$1/www/cgi-bin/sum"
	ln -s /tmp/file "$1/www/file"
}

# A tree for a guest that is driven over its serial line; $1.
stage_peer()
{
	mkdir -p "$1"/{bin,sbin,usr/bin,proc,sys,dev,tmp,root,etc/udhcpc}
	cp "$(command -v busybox)" "$1/bin/busybox"
	cp "$root/test/rig/peer-init" "$1/sbin/init"
	cp "$root/test/rig/peer-dhcp" "$1/etc/udhcpc/default.script"
	stage_www "$1"
}

# The scripts of test/worker that want a file system of their own, and what they call.
stage_cgroups()
{
	local name
	for name in worker-cgroup worker-pattern cli-json cli-guest.elf; do
		stage_program "$build/test/$name" rig/test || return 1
	done
	for name in bash find xargs head stat truncate mount umount losetup addpart delpart unshare mkfs.ext4; do
		stage_program "$(PATH=$PATH:/sbin:/usr/sbin command -v $name)" usr/bin || return 1
	done
	mkdir -p "$tree/rig/worker" "$tree/rig/cli"
	cp "$root"/test/worker/{cgroups,limits,io-max}.sh "$tree/rig/worker/"
	cp "$root/test/cli/lib.sh" "$tree/rig/cli/"
	for name in loop overlay; do
		stage_module "$name" || return 1
	done
	stage_program "$build/bin/ukvmm" rig/bin
}

# What suites with devices have: the stock kernel, an initrd with its drivers, QEMU as the other VMM.
stage_peers()
{
	local inner=$work/inner name
	stage_peer "$inner"
	cp "$root/test/rig/peer-initrd" "$inner/init"
	for name in virtio_mmio virtio_blk virtio_net virtio_rng; do
		stage_module "$name" "$inner"
	done
	stage_program "$(command -v iperf3)" usr/bin "$inner"
	(cd "$inner" && find . | cpio --quiet -o -H newc -R 0:0) >"$tree/rig/peer-initrd"
	cp "$kernel" "$tree/rig/linux-kernel"
	cp "$root/test/rig/peers.sh" "$tree/rig/"
	stage_program "$build/bin/ukvmm" rig/bin || return 1
	stage_qemu
}

stage_qemu()
{
	local name
	stage_program "$(command -v qemu-system-x86_64)" usr/bin
	for name in bios-microvm.bin qboot.rom linuxboot_dma.bin pvh.bin; do
		mkdir -p "$tree/usr/share/qemu"
		cp -L "/usr/share/qemu/$name" "$tree/usr/share/qemu/"
	done
}

# Functions, whose images are only there if their network stack was fetched.
stage_functions()
{
	[ -e "$build/guests/noop.elf" ] || { say "no functions: scripts/fetch-lwip"; return 1; }
	stage_guests && stage_qemu && stage_module tun && stage_program "$build/bin/ukvmm" rig/bin
}

# The root file system of a guest with a disk, as ext4 made from a directory: the rig's own disk.
stage_disk()
{
	local inner=$work/root name
	stage_peer "$inner"
	stage_program "$(command -v fio)" usr/bin "$inner"
	for name in $("$inner/bin/busybox" --list); do
		[ "$name" = busybox ] || ln -s busybox "$inner/bin/$name"
	done
	truncate -s 256M "$work/disk"
	PATH=$PATH:/sbin mke2fs -q -t ext4 -E root_owner=0:0,lazy_itable_init=0 -d "$inner" "$work/disk" ||
		return 1
	stage_module virtio_pci
	stage_module virtio_blk
	for name in e2fsck debugfs; do
		stage_program "$(PATH=$PATH:/sbin command -v $name)" usr/bin
	done
}

stage_net()
{
	local name
	stage_www "$tree"
	cp "$root/test/rig/net.sh" "$tree/rig/"
	for name in tun dummy; do
		stage_module $name
	done
	stage_program "$(command -v passt)" usr/bin
	stage_program "$(command -v iperf3)" usr/bin
	stage_program "$build/test/rig-pair" rig/bin
	printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$tree/etc/passwd"
}

stage_tests()
{
	local program
	for program in "$build"/test/$1; do
		stage_program "$program" rig/test
	done
}

# Files and folders named by --add, as they are; a program brings its libraries.
stage_added()
{
	local path lib
	mkdir -p "$tree/rig/files"
	for path in "${added[@]}"; do
		cp -r "$path" "$tree/rig/files/"
		[ -f "$path" ] && [ -x "$path" ] || continue
		for lib in $(ldd "$path" 2>/dev/null | grep -o '/[^ ]*'); do
			mkdir -p "$tree/${lib%/*}"
			[ -e "$tree/$lib" ] || [ ! -e "$lib" ] || cp -L "$lib" "$tree/$lib"
		done
	done
}

# stage_suite SUITE [ARGS]: makes $work/initramfs. The suite's own script is test/rig/suite-SUITE,
# run inside.
stage_suite()
{
	local suite=$1 program
	stage_base
	[ -e "$root/test/rig/suite-$suite" ] || { say "no suite $suite"; return 1; }
	cp "$root/test/rig/suite-$suite" "$tree/rig/suite"
	cp "$root/test/rig/tap.sh" "$tree/rig/"
	case $suite in
	selftest) stage_program "$build/test/rig-selftest" rig/bin ;;
	kvm) stage_guests && stage_tests 'unit-kvm-*' && stage_tests 'kvm-*' ;;
	guests) stage_guests && stage_tests guests-run ;;
	sandbox) stage_guests && stage_tests guests-run && stage_tests 'sandbox-*' && stage_module tun ;;
	cgroups) stage_guests && stage_cgroups ;;
	linux) stage_linux ;;
	vsock) stage_vsock ;;
	disk) stage_peers && stage_disk ;;
	net) stage_peers && stage_net ;;
	counts) stage_peers && stage_disk && stage_net ;;
	functions) stage_functions ;;
	demo) stage_guests && stage_linux &&
		cp "$root/scripts/demo-steps" "$root/test/rig/suite-linux" "$tree/rig/" ;;
	run) cp "$build"/guests/* "$tree/rig/guests/" 2>/dev/null || true
		[ ! -x "$build/bin/ukvmm" ] || stage_program "$build/bin/ukvmm" rig/bin
		stage_module tun && stage_program "$2" rig/bin && stage_added ;;
	esac || return 1
	shift
	printf '%s\n' "$@" >"$tree/rig/args"
	(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initramfs"
}
