# SPDX-License-Identifier: Apache-2.0
# Sourced by the suites inside the rig: TAP with one line a test; what a test printed comes before
# it, indented. And what suites with the stock kernel share.
tap_n=0
tap_failed=0

# What has taken longer hangs, on a busy machine, too: its QEMU may have a tenth of a CPU. scripts/rig waits for a line a
# little longer.
readonly hung_s=1100

# What every stock kernel is told. nohz=off: a tick that always comes wakes it 4 ms after an interrupt that the rig's
# CPU let in between STI and HLT (scripts/rig).
readonly linux_words="console=ttyS0 quiet mitigations=off panic=-1 reboot=k nohz=off"

# tap STATUS NAME: 0 passed, 77 skipped, else failed.
tap()
{
	tap_n=$((tap_n + 1))
	case $1 in
	0) echo "ok $tap_n - $2" ;;
	77) echo "ok $tap_n - $2 # SKIP" ;;
	*)
		echo "not ok $tap_n - $2 (status $1)"
		dmesg 2>/dev/null | sed -n 's/.*\(TSC unstable.*\|backwards TSC.*\)/    # \1/p'
		tap_failed=$((tap_failed + 1))
		;;
	esac
}

# Nothing tested is a failure: a suite that finds no programs must not pass.
tap_end()
{
	echo "1..$tap_n"
	echo "# $((tap_n - tap_failed)) of $tap_n passed"
	[ $tap_n -gt 0 ] && [ $tap_failed = 0 ]
}

# chosen NAME [WORDS]: is NAME to be run? Yes without words, or where it holds one of them (with _
# for a blank).
chosen()
{
	local name word
	name=$(echo "$1" | tr ' ' _)
	shift
	[ $# -gt 0 ] || return 0
	for word in "$@"; do
		case $name in
		*"$word"*) return 0 ;;
		esac
	done
	return 1
}
