#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs into a prefix of its own, moves that, and looks at what is there.
# usage: installed.sh BUILD-DIR PREFIX LIBDIR VERSION HEADER...
set -eu
build=$1 prefix=$2 lib=$3 version=$4
shift 4

rm -rf "$prefix" "$prefix.moved"
cmake --install "$build" --prefix "$prefix.moved" >/dev/null
mv "$prefix.moved" "$prefix"

bad=0
expect() {
	[ -e "$prefix/$1" ] || { echo "$prefix/$1: not installed"; bad=1; }
}
for name in libukvmm.a libukvmm.so "libukvmm.so.$version" pkgconfig/ukvmm.pc cmake/ukvmm/ukvmm-config.cmake; do
	expect "$lib/$name"
done
for header in "$@"; do
	expect "include/ukvmm/$header"
done
if [ -e "$prefix/$lib/ukvmm" ]; then # the runtime of functions, where it was built
	for name in libukvmm_fn.a image.ld include/ukvmm_fn.h include/math.h; do
		expect "$lib/ukvmm/$name"
	done
	expect "$lib/cmake/ukvmm/ukvmm-functions.cmake"
fi
for name in bin/ukvmm bin/ukvmm-faas libexec/ukvmm/ukvmm-worker libexec/ukvmm/ukvmm-faas-uplink \
	lib/systemd/system/ukvmm-faas.service lib/systemd/system/ukvmm-faas.socket lib/systemd/system/ukvmm-faas-uplink.service \
	share/ukvmm-faas/ukvmm-faas.conf share/ukvmm-faas/uplink.conf share/man/man1/ukvmm.1 share/man/man1/ukvmm-faas.1; do
	expect "$name"
done
# the program of workers is found wherever the tree is; where to listen is looked at behind that
said=$("$prefix/bin/ukvmm-faas" serve --state "$prefix/state" --listen nowhere 2>&1) && { echo "it listens nowhere"; bad=1; }
case $said in
*ukvmm-worker*) echo "$said"; bad=1 ;;
esac
rm -rf "$prefix/state"
expect share/man/man7/ukvmm.7
expect share/man/man3/ukvmm_vm_run.3

# the linker finds the library by its SONAME at run time, so that name must be there too
soname=$(objdump -p "$prefix/$lib/libukvmm.so" | awk '$1 == "SONAME" { print $2 }')
case $soname in
libukvmm.so.[0-9]*) expect "$lib/$soname" ;;
*) echo "$lib/libukvmm.so: SONAME is \"$soname\""; bad=1 ;;
esac
if grep -rlF -e "$build" -e "$prefix" "$prefix/include" "$prefix/$lib/pkgconfig" "$prefix/$lib/cmake"; then
	echo "these files name the machine that they were built on"
	bad=1
fi
[ "$bad" = 0 ] && echo "ok: installed in $prefix"
exit "$bad"
