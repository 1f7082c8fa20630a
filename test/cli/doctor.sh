#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `ukvmm doctor` tells the truth about this host, and about one that was made worse.
. "$(dirname "$0")/lib.sh"

run doctor --json
json() { "$JSON" "$1" <"$dir/out"; }
like 'JSON: can_run' "$(json can_run)" '^(true|false)$'
is 'the status says whether VMs can run' "$status" "$([ "$(json can_run)" = true ] && echo 0 || echo 1)"
vendor=none
for module in kvm_intel kvm_amd kvm_pvm; do
	[ -d /sys/module/$module ] && [ -w /dev/kvm ] && vendor=$module
done
is 'JSON: kvm_vendor' "$(json kvm_vendor)" $vendor
is 'JSON: kernel' "$(json kernel)" "$(uname -r)"
for ((i = 0; i < 20; i++)); do
	state=$(json findings.$i.state) || break
	like "finding $(json findings.$i.name) has a state" "$state" '^(ok|note|warn|fail)$'
	like "finding $(json findings.$i.name) has a text" "$(json findings.$i.text)" '[a-z]'
	[ "$state" = ok ] || like "finding $(json findings.$i.name) has a cure" "$(json findings.$i.cure)" '[a-z]'
done
result "$([ $i -gt 3 ] && echo 0 || echo 1)" 'there are findings'
like 'JSON: guests' "$(json guests.0.verdict)" '^(yes|slow|no|not yet)$'
run doctor
like 'the verdict in words' "$out" 'VMs (can|cannot) run here\.$'
like 'the table of guests' "$out" "Guests on this host \\($vendor\\):"

need_kvm
is 'a VM could be run' "$status" 0
like 'the trial is named' "$out" $'\nok +trial '

(ulimit -Sn 40 && exec "$UKVMM" doctor --json) >"$dir/out"
finding() { # NAME FIELD
	local i
	for ((i = 0; i < 20; i++)); do
		[ "$(json findings.$i.name)" = "$1" ] && json "findings.$i.$2" && return
	done
}
is 'few open files: a warning' "$(finding nofile state)" warn
is 'few open files: the cure' "$(finding nofile cure)" "ulimit -n $(ulimit -Hn)"

UKVMM=$(realpath "$UKVMM")
mkdir "$dir/empty" "$dir/bin"
PATH=$dir/empty "$UKVMM" doctor --json >"$dir/out"
is 'no passt: a note' "$(finding passt state)" note
is 'no passt: the cure' "$(finding passt cure | cut -d , -f 1)" 'apt install passt'
printf '#!/bin/sh\n' >"$dir/bin/passt"
chmod +x "$dir/bin/passt"
PATH=$dir/empty:$dir/bin "$UKVMM" doctor --json >"$dir/out"
like 'a passt is found' "$(finding passt text)" '^passt is installed'
if unshare -n true 2>"$dir/err"; then
	unshare -n env PATH="$dir/bin" "$UKVMM" doctor --json >"$dir/out"
	is 'no default route: a note' "$(finding passt state)" note
fi

if unshare -m true 2>"$dir/err"; then
	unshare -m sh -c "mount --bind /dev/null /dev/kvm && exec \"$UKVMM\" doctor --json" >"$dir/out" 2>"$dir/err"
	is 'a /dev/kvm that is none: status' $? 1
	is 'a /dev/kvm that is none: can_run' "$(json can_run)" false
	is 'a /dev/kvm that is none: the finding' "$(finding capabilities state)" fail
	unshare -m sh -c "mount -t tmpfs none /dev && exec \"$UKVMM\" doctor --json" >"$dir/out" 2>"$dir/err"
	is 'no /dev/kvm: status' $? 1
	is 'no /dev/kvm: the finding' "$(finding dev_kvm state)" fail
	like 'no /dev/kvm: the cure' "$(finding dev_kvm cure)" 'modprobe|virtualization'
fi
if setpriv --reuid 65534 --clear-groups true 2>"$dir/err" && ! setpriv --reuid 65534 --clear-groups test -w /dev/kvm; then
	setpriv --reuid 65534 --clear-groups "$UKVMM" doctor --json >"$dir/out" 2>"$dir/err"
	is 'no permission: status' $? 1
	like 'no permission: the cure' "$(finding dev_kvm cure)" 'kvm'
fi

done_testing
