# SPDX-License-Identifier: Apache-2.0
# Sourced by suites inside the rig that need a network: a namespace of the suite's own, servers and
# clients in it. Behind peers.sh.

readonly www=/www

# Runs the suite again in a network namespace, with a root directory that is not the kernel's first
# one: from that there is no way out, and passt makes its own. Fds 8 and 9 are a socket pair.
net_enter()
{
	local type
	[ -z "$RIG_NET" ] || return 0
	mkdir -p /other
	case $default_vmm in
	qemu) type=stream ;;
	*) type=seqpacket ;;
	esac
	RIG_NET=1 exec /rig/bin/rig-pair $type unshare -n -m sh -c '
		mount --bind / /other
		for dir in dev proc sys; do
			mount -o rbind /$dir /other/$dir
		done
		cd /other
		mount --move . /
		exec chroot . sh -c "cd /tmp && exec sh /rig/suite \"\$@\"" suite "$@"' net "$@"
}

# A file of $mib MiB for httpd, on any side: text, for busybox's wget posts no zero bytes.
readonly make_file="dd if=/dev/urandom bs=64k count=\$((mib * 12)) 2>/dev/null | base64 -w 0 >/tmp/file"

# The file that is carried, and the HTTP and iperf3 servers of this side.
net_serve()
{
	eval "$make_file"
	sum=$(md5sum </tmp/file)
	ip link set lo up
	httpd -p 8000 -h $www
	iperf3 -s -D >/dev/null
	echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range
}

tap_up()
{
	tunctl -t tap0 >/dev/null
	ip addr add 10.1.0.1/24 dev tap0
	ip link set tap0 up
}

tap_down() { tunctl -d tap0 >/dev/null; }

# Static address of a guest.
guest_address()
{
	must "$1" "ip addr add $2/24 dev eth0 && ip link set eth0 up"
}

no_loss()
{
	must "$1" "ping -A -q -c $3 $2" || return
	case $reply in
	*" 0% packet loss"*) echo "    # ping: ${reply##*round-trip }" ;;
	*) fault "ping lost packets: $reply" ;;
	esac
}

same_sum() { [ "$reply" = "$sum" ] || fault "$1: sum '$reply', not '$sum'"; }

# http VM HOST: the file down, and up again.
http()
{
	must "$1" "wget -q -O /tmp/down http://$2:8000/file" || return
	must "$1" "md5sum </tmp/down" && same_sum download
	must "$1" "wget -q -O - --post-file /tmp/down http://$2:8000/cgi-bin/sum" && same_sum upload
	must "$1" "rm /tmp/down"
}

# iperf VM HOST: both ways; the receiver's count must be all of it.
iperf()
{
	local way
	for way in "" -R; do
		must "$1" "iperf3 -c $2 -n ${mib}M -f m $way" || continue
		case $reply in
		*receiver*) echo "    # iperf3 $way:" "$(echo "$reply" | awk '/receiver/ { print $7, $8 }')" ;;
		*) fault "iperf3 $way without a receiver's report: $reply" ;;
		esac
	done
}
