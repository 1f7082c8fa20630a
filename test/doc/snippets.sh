#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the pages show is what happens: programs in them compile and run as printed there, against the installed library.
# Usage: snippets.sh PAGE SOURCE PREFIX OUT GUESTS CC; PAGE: embedding, running, first-function
set -euo pipefail
page=$1 source=$2 prefix=$3 out=$4 guests=$5 cc=$6
doc=$source/doc/$page.md
rm -rf "$out"
mkdir -p "$out"
cd "$out"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig" CC=$cc
for lib in "$prefix"/lib*/pkgconfig "$prefix"/lib/*/pkgconfig; do
	[ ! -d "$lib" ] || PKG_CONFIG_PATH=$lib
done
lib=${PKG_CONFIG_PATH%/pkgconfig}

# block LANGUAGE FILE [PAGE]: the first block of that language
block() {
	local doc=${3:-$doc}
	awk -v head="\`\`\`$1" '!done && $0 == head { inside = 1; next } inside && /^```$/ { done = 1; inside = 0 } inside' \
		"$doc" >"$2"
	[ -s "$2" ] || { echo "$doc: no block of $1"; exit 1; }
}

# shown COMMAND-BEGINNING: the line of a block that begins so
shown() {
	local line
	line=$(awk -v want="$1" 'index($0, want) == 1 { print; exit }' "$doc")
	[ "$line" ] || { echo "$doc: no line begins with $1" >&2; exit 1; }
	echo "${line%%  #*}"
}

need_kvm() {
	(: <>/dev/kvm) 2>/dev/null && return
	echo "SKIPPED: it can be built, but there is no usable /dev/kvm to run it"
	exit 77
}

ends() { # STATUS OUTPUT COMMAND...
	local want=$1 text=$2 got status=0
	shift 2
	got=$("$@" </dev/null) || status=$?
	[ "$status" = "$want" ] && [ "$got" = "$text" ] && return
	echo "$*: status $status, \"$got\"; wanted $want, \"$text\""
	exit 1
}

embedding() {
	block c run-one.c "$source/README.md"
	block cmake CMakeLists.txt
	eval "$(shown 'cc run-one.c' | sed "s|^cc |\$CC -Wall -Wextra -Werror -Wl,-rpath,$lib |")"
	cmake -B build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_RPATH="$lib" >cmake.log || { cat cmake.log; exit 1; }
	cmake --build build >build.log || { cat build.log; exit 1; }
	eval "$(shown 'cc -static' | sed 's|^cc |$CC |; s|-o run-one|-o static-one|')"
	need_kvm
	for program in ./run-one build/run-one ./static-one; do
		ends 0 'hello from a guest' "$program" "$guests/hello.elf"
	done
}

running() {
	block asm hello.S
	eval "$(shown 'cc -nostdlib' | sed 's|^cc |$CC |')"
	"$prefix/bin/ukvmm" inspect hello.elf
	need_kvm
	ends 7 'hello from my own kernel' "$prefix/bin/ukvmm" run hello.elf
}

first-function() {
	[ -e "$lib/ukvmm" ] || { echo "SKIPPED: the runtime of functions was not built"; exit 77; }
	block c greet.c
	block cmake CMakeLists.txt
	CMAKE_PREFIX_PATH=$prefix cmake -B build >cmake.log || { cat cmake.log; exit 1; }
	cmake --build build >build.log || { cat build.log; exit 1; }
	"$prefix/bin/ukvmm" inspect build/greet.elf
	need_kvm
	# it starts, looks for its network card, and has none here
	ends 1 'no network card, or ip=, netmask=, gateway= are no addresses' "$prefix/bin/ukvmm" run build/greet.elf
}

"$page"
