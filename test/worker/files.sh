#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Files that were planted for us: what is no image is refused at once, and no name does harm.
. "$(dirname "$0")/../cli/lib.sh"
need_kvm

refused() { # NAME STATUS FILE ARG...
	local name=$1 wanted=$2 file=$3
	shift 3
	run run --timeout 100s "$@"
	ends "$name" "$wanted" "ukvmm: [A-Za-z_]+\\($file\\): .+"
}

mkfifo "$dir/fifo"
ln -s fifo "$dir/to-fifo"
ln -s /dev/zero "$dir/to-zero"
ln -s /dev/full "$dir/to-full"
ln -s "$dir" "$dir/to-folder"
ln -s nowhere "$dir/to-nowhere"
: >"$dir/secret"
chmod 0 "$dir/secret"
for planted in fifo to-fifo to-zero to-full to-folder; do
	refused "an image that is a $planted" 126 "$dir/$planted" "$dir/$planted"
	refused "an initrd that is a $planted" 125 "$dir/$planted" --initrd "$dir/$planted" "$GUEST"
	refused "a disk that is a $planted" 125 "$dir/$planted" --disk "$dir/$planted" "$GUEST"
done
refused 'an image that leads nowhere' 127 "$dir/to-nowhere" "$dir/to-nowhere"
if [ "$(id -u)" = 0 ] && [ -e /dev/kmsg ]; then
	mknod "$dir/node" c 1 5
	refused 'an image that is a device node' 126 "$dir/node" "$dir/node"
	refused 'a disk that is a device node' 125 "$dir/node" --disk "$dir/node" "$GUEST"
fi

# a link to an image is an image, soft or hard: who may name it may read it
ln -s "$GUEST" "$dir/soft"
cp "$GUEST" "$dir/image"
ln "$dir/image" "$dir/hard"
for link in soft hard; do
	run run --cmdline 'exit 6' "$dir/$link"
	ends "an image by a $link link" 6
done
# it is read once, before the guest runs
cp "$GUEST" "$dir/gone"
mkfifo "$dir/out-fifo"
"$UKVMM" run --timeout 100s --cmdline sleep "$dir/gone" </dev/null >"$dir/out-fifo" 2>"$dir/err" &
pid=$!
exec 8<"$dir/out-fifo"
read -r first <&8
: >"$dir/gone"
kill -TERM $pid
finish
ends 'an image that is cut while it runs' 143

# names: in messages they are one line, without control characters, and they are cut, not refused
long=$(printf 'x%.0s' {1..65})
for name in "$long" ... ..x 'a b' $'new\nline' $'esc\033[2Jape' $'tab\tbell\007' '%s%n%n' '--mem' $'\377\376'; do
	cp "$GUEST" "$dir/$name"
	run run --cmdline 'exit 4' "$dir/$name"
	ends "an image named $(printf %q "$name")" 4
	(cd "$dir" && "$UKVMM" run --cmdline halt -- "$name" </dev/null >out 2>err)
	status=$?
	is "it halts, named $(printf %q "$name")" $status 1
	is 'and that is told in one line' "$(wc -l <"$dir/err")" 1
	LC_ALL=C grep -q '[[:cntrl:]]' "$dir/err"
	is 'without control characters' $? 1
	rm -f "$dir/$name"
done
mkdir -p "$dir/a/b/../c"
cp "$GUEST" "$dir/a/c/guest"
run run --cmdline 'exit 4' "$dir/a/b/../c//guest"
ends 'an image in a folder with dots' 4

# more texts than a message holds
run run --cmdline "$(printf '%0100000d' 1)" "$GUEST"
ends 'a command line longer than any' 125 'ukvmm: run\(--cmdline\): .+'
run run "$GUEST" -- "$(printf '%0100000d' 1)"
ends 'words longer than any' 125 'ukvmm: run\(--cmdline\): .+'
done_testing
