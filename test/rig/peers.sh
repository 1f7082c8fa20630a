# SPDX-License-Identifier: Apache-2.0
# Sourced by suites inside the rig: virtual machines of Debian's stock kernel that are driven over
# their serial line (test/rig/peer-init). A machine is a letter, a or b.
#
#   vm_start VM NAME=VALUE...   vmm=ukvmm|qemu disk=FILE net=SPEC; status 0 once it is "guest ready"
#   ask VM COMMAND              runs it in the guest; its output is $reply, its exit status the status
#   tell VM COMMAND             the same, without waiting
#   await VM TEXT               reads the console until a line begins with TEXT
#   vm_end VM                   power-off; the VMM's exit status
#   vm_kill VM                  SIGKILL to the VMM

# Longest silence of a guest in seconds, for a rig that gets hardly any CPU: all of a fio job's time is one.
readonly silence_s=$((hung_s - 20))
guest_mem=384
export PATH=/bin:/usr/bin
trap '' PIPE # what is said to a machine that is gone is a failed test, not the end of the suite

# What a suite is told: vmm=ukvmm|qemu, mib=N (how much is written or carried), trace (all that is said
# to a guest and by it); other words choose tests.
options()
{
	local word
	default_vmm=ukvmm mib=64 words= trace=
	for word in "$@"; do
		case $word in
		vmm=*) default_vmm=${word#*=} ;;
		mib=*) mib=${word#*=} ;;
		trace) trace=1 ;;
		*) words="$words $word" ;;
		esac
	done
}

fd_in() { case $1 in a) echo 3 ;; b) echo 5 ;; esac; }
fd_out() { case $1 in a) echo 4 ;; b) echo 6 ;; esac; }

fault() { echo "    # $*"; faults=$((faults + 1)); }

# The words of vm_start as variables.
vm_words()
{
	local word
	vmm=$default_vmm disk= net=
	for word in "$@"; do
		case $word in
		vmm=*) vmm=${word#*=} ;;
		disk=*) disk=${word#*=} ;;
		net=*) net=${word#*=} ;;
		*) fault "vm_start does not know $word" ;;
		esac
	done
}

vm_exec_ukvmm()
{
	exec /rig/bin/ukvmm run --mem ${guest_mem}M --initrd /rig/peer-initrd --cmdline "$1" \
		${disk:+--disk "$disk"} ${net:+--net "$net"} /rig/linux-kernel
}

qemu_net()
{
	case $net in
	tap=*) echo "tap,id=n,ifname=${net#tap=},script=no,downscript=no" ;;
	unix=*) echo "stream,id=n,server=off,addr.type=unix,addr.path=${net#unix=}" ;;
	socket=*) echo "socket,id=n,fd=${net#socket=}" ;;
	esac
}

# The same devices on QEMU's smallest machine.
vm_exec_qemu()
{
	exec qemu-system-x86_64 -M microvm,accel=kvm -cpu host -m $guest_mem -nodefaults \
		-no-user-config -display none -no-reboot -serial stdio \
		-kernel /rig/linux-kernel -initrd /rig/peer-initrd -append "$1" \
		${disk:+-drive "id=d,if=none,format=raw,file=$disk" -device virtio-blk-device,drive=d} \
		${net:+-netdev "$(qemu_net)"} \
		${net:+-device virtio-net-device,netdev=n}
}

vm_start()
{
	local vm=$1 in out cmdline="$linux_words"
	shift
	vm_words "$@"
	[ -n "$disk" ] || cmdline="$cmdline rig.disk=none"
	in=$(fd_in "$vm") out=$(fd_out "$vm")
	rm -f "$vm.in" "$vm.out" "$vm.log"
	mkfifo "$vm.in" "$vm.out"
	(
		trap - EXIT PIPE
		exec <"$vm.in" >"$vm.out" 2>"$vm.err"
		"vm_exec_$vmm" "$cmdline"
	) &
	eval "vm_pid_$vm=$!"
	eval "exec $in>$vm.in $out<$vm.out"
	await "$vm" "guest ready"
}

vm_pid() { eval "echo \$vm_pid_$1"; }

# What the threads of a silent VMM and of its children do: CPU time used in two looks, and where in the kernel they are.
vm_threads()
{
	local vmm process task look
	vmm=$(vm_pid "$1")
	for look in 1 2; do
		for process in "$vmm" $(cat /proc/"$vmm"/task/*/children); do
			for task in /proc/"$process"/task/*; do
				echo "    thread: $(awk '{ print $2, $3, "utime", $14, "stime", $15 }' "$task/stat")" \
					"$(sed -n 's/^\[<0>\] //p' "$task/stack" | head -n 4 | tr '\n' ' ')"
			done
		done
		usleep 500000
	done
}

await()
{
	local vm=$1 line
	reply=
	while IFS= read -r -t $silence_s line <&"$(fd_out "$vm")"; do
		echo "$line" >>"$vm.log"
		[ -z "$trace" ] || echo "    $vm: $line"
		case $line in
		"$2"*) last=$line; return 0 ;;
		"guest broken"*) break ;;
		esac
		reply="$reply${reply:+
}$line"
	done
	fault "machine $vm is silent; waited for '$2'"
	vm_threads "$vm"
	tail -n 20 "$vm.log" | sed 's/^/    log: /'
	sed 's/^/    err: /' "$vm.err"
	# out of step from here on: what is asked next must not wait as long again
	kill -KILL "$(vm_pid "$vm")" 2>/dev/null
	last=
	return 1
}

tell()
{
	[ -z "$trace" ] || echo "    $1> $2"
	echo "$2" >&"$(fd_in "$1")"
}

ask()
{
	tell "$1" "$2"
	await "$1" "guest done " && return "${last#guest done }"
}

# ask, which must succeed.
must()
{
	ask "$1" "$2" && return 0
	fault "in the guest: $2: status ${last#guest done }"
	echo "$reply" | tail -n 20 | sed 's/^/    out: /'
	return 1
}

vm_close()
{
	wait "$(vm_pid "$1")" 2>/dev/null
	status=$?
	eval "exec $(fd_in "$1")>&- $(fd_out "$1")<&-"
	return $status
}

vm_end()
{
	tell "$1" "sync; mount -o remount,ro /; poweroff -f"
	while IFS= read -r -t $silence_s line <&"$(fd_out "$1")"; do
		echo "$line" >>"$1.log"
	done
	vm_close "$1" && return 0
	fault "the VMM of $1 ended with status $status"
	sed 's/^/    err: /' "$1.err"
	return 1
}

vm_kill()
{
	kill -KILL "$(vm_pid "$1")"
	vm_close "$1"
	[ $status = 137 ]
}

# run_test NAME FUNCTION: a TAP line of it, if $words choose it.
run_test()
{
	local start
	chosen "$1" $words || return 0
	start=$(date +%s)
	faults=0
	"$2"
	echo "    # $(($(date +%s) - start)) s"
	tap $faults "$1"
}
