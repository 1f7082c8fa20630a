#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A function's first packets, with us as all that it sees of a network. Packets of connections that an instance before it
had come in between the handshake: the answers to both leave, and the handshake's is not lost to the other's.
Usage: handshake.py UKVMM IMAGE"""
import os
import socket
import struct
import subprocess
import sys

GUEST_MAC, OUR_MAC = bytes.fromhex("020009000002"), bytes.fromhex("020009000001")
GUEST, US, PORT = bytes([10, 9, 0, 2]), bytes([10, 9, 0, 1]), 8080
FIN, SYN, RST, ACK = 1, 2, 4, 16
IP, ARP = 0x0800, 0x0806
PATIENCE_S = 60
bad = 0


def check(condition, name, note=""):
	global bad
	bad += not condition
	print(("ok" if condition else "not ok") + f" - {name}" + ("" if condition else f": {note}"), flush=True)


def checksum(b):
	n = sum(struct.unpack(f">{len(b + b'0') // 2}H", b + b"\0" * (len(b) % 2)))
	while n >> 16:
		n = (n & 0xffff) + (n >> 16)
	return ~n & 0xffff


def tcp(port, flags, seq, ack):
	"""A frame to the guest."""
	head = struct.pack(">HHIIBBHHH", port, PORT, seq, ack, 5 << 4, flags, 65535, 0, 0)
	sum_ = checksum(US + GUEST + struct.pack(">HH", 6, len(head)) + head)
	head = head[:16] + struct.pack(">H", sum_) + head[18:]
	ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(head), 1, 0, 64, 6, 0) + US + GUEST
	ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
	return GUEST_MAC + OUR_MAC + struct.pack(">H", IP) + ip + head


def arp_reply():
	return GUEST_MAC + OUR_MAC + struct.pack(">HHHBBH", ARP, 1, IP, 6, 4, 2) + OUR_MAC + US + GUEST_MAC + GUEST


class Guest:
	def __init__(self, ukvmm, image, words):
		self.wire, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		self.wire.settimeout(PATIENCE_S)
		self.process = subprocess.Popen([ukvmm, "run", "--timeout", f"{PATIENCE_S}s", "--mem", "32M", "--net",
			f"socket={theirs.fileno()},mac=02:00:09:00:00:02", "--cmdline", "ip=10.9.0.2/24,10.9.0.1 " + words, image],
			pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL)
		theirs.close()

	def end(self):
		self.process.kill()
		self.process.wait()
		self.wire.close()

	def send(self, *frames):
		for f in frames:
			self.wire.send(f)

	def next(self):
		"""("arp", who is asked for) or ("tcp", to which port, flags)."""
		while True:
			f = self.wire.recv(65536)
			if not f:
				raise EOFError("the guest ended")
			kind, = struct.unpack_from(">H", f, 12)
			if kind == ARP:
				return "arp", f[38:42]
			if kind == IP and f[23] == 6:
				at = 14 + (f[14] & 15) * 4
				return "tcp", struct.unpack_from(">H", f, at + 2)[0], f[at + 13]

	def until(self, wanted):
		"""What came before it; a packet that is sent again, after a second or three, counts as one that was not."""
		seen = []
		while True:
			got = self.next()
			if got == wanted:
				return seen
			seen.append(got)


def begins(guest):
	"""It has its address; it listens before it looks at a frame."""
	guest.until(("arp", GUEST))


def late_answers(ukvmm, image):
	guest = Guest(ukvmm, image, "")
	begins(guest)
	old = [tcp(1000 + i, FIN | ACK, 7, 7) for i in range(8)]
	guest.send(tcp(2000, SYN, 5, 0), *old)
	guest.until(("arp", US))
	# all of these are with it before it hears where to send its answers: what it has sent until 3000's is from before
	guest.send(tcp(3000, FIN | ACK, 7, 7), arp_reply())
	seen = guest.until(("tcp", 3000, RST | ACK))
	check(("tcp", 2000, SYN | ACK) in seen, "a handshake is answered, whatever else was waiting", str(seen))
	check(sum(s[:1] == ("tcp",) and s[2] == RST | ACK for s in seen) == len(old), "and so is the rest", str(seen))
	guest.end()


def known_gateway(ukvmm, image):
	guest = Guest(ukvmm, image, "gateway-mac=02:00:09:00:00:01")
	begins(guest)
	guest.send(tcp(2000, SYN, 5, 0))
	seen = guest.until(("tcp", 2000, SYN | ACK))
	check(("arp", US) not in seen, "a gateway whose address was said is not asked for it", str(seen))
	guest.end()
	for wrong in ("02:00:09:00:00", "02:00:09:00:00:01:02", "02-00-09-00-00-01", "02:00:09:00:00:0g", ""):
		guest = Guest(ukvmm, image, "gateway-mac=" + wrong)
		begins(guest)
		guest.send(tcp(2000, SYN, 5, 0))
		guest.until(("arp", US))
		guest.send(arp_reply())
		guest.until(("tcp", 2000, SYN | ACK))
		check(True, f"\"{wrong}\" is none: it is asked")
		guest.end()


if not os.access("/dev/kvm", os.R_OK | os.W_OK):
	print("SKIPPED: no usable /dev/kvm")
	sys.exit(77)
late_answers(*sys.argv[1:])
known_gateway(*sys.argv[1:])
sys.exit(bad > 0)
