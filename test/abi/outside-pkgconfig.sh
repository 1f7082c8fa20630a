#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the embedding examples by pkg-config, against the installed library: shared, and wholly static where
# STATIC is "yes". usage: outside-pkgconfig.sh SOURCE-DIR PREFIX LIBDIR OUT VERSION CC CFLAGS STATIC
set -eu
source=$1 prefix=$2 lib=$3 out=$4 version=$5 cc=$6 cflags=$7 static=$8

export PKG_CONFIG_PATH="$prefix/$lib/pkgconfig"
got=$(pkg-config --modversion ukvmm)
[ "$got" = "$version" ] || { echo "ukvmm.pc: version $got, not $version"; exit 1; }
for kind in shared $static; do
	[ "$kind" = yes ] && kind=static
	[ "$kind" = no ] && continue
	dir=$out/$kind
	rm -rf "$dir"
	mkdir -p "$dir"
	link=
	[ "$kind" = static ] && link=-static
	for program in run-one scheduler-500 own-device drop-privileges; do
		# shellcheck disable=SC2046,SC2086 # lists of words
		"$cc" -std=gnu11 $cflags -Wall -Wextra -Werror $(pkg-config --cflags ukvmm) $link -o "$dir/$program" \
			"$source/examples/embed/$program.c" "$source/examples/embed/cost.c" \
			-Wl,-rpath,"$prefix/$lib" $(pkg-config ${link:+-}$link --libs ukvmm) -pthread
	done
	if [ "$kind" = static ] && readelf -d "$dir/run-one" | grep NEEDED; then
		echo "$dir/run-one: not static"
		exit 1
	fi
done
echo "ok: built in $out"
