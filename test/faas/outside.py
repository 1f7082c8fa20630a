# SPDX-License-Identifier: Apache-2.0
"""A world for functions to connect to, in a network namespace of its own. Run as a program it is that world: it takes
connections, answers GET requests with who was asked, datagrams and DNS queries, and tells who came. Standard input: "serve", then "seen" or its end."""

import ctypes
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import time

from faas import LIMIT, equal

HERE, NEAR, FAR, ELSEWHERE, METADATA = "203.0.113.1", "203.0.113.7", "203.0.113.9", "192.0.2.99", "169.254.169.254"
TCP, UDP = (53, 80, 81, 8000, 8010, 8011), (9, 10, 53)
IP_PKTINFO = 8


class World:
	"""Behind interface `near` of the caller's namespace, which has HERE; its default route goes there."""

	def __init__(self):
		self.process = subprocess.Popen([sys.executable, "-B", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
			text=True)
		self.line()
		for command in (f"link add near type veth peer name far netns {self.process.pid}", f"addr add {HERE}/24 dev near",
				"link set near up"):
			subprocess.run(["ip", *command.split()], check=True)
		self.ask("serve")
		subprocess.run(["ip", "route", "add", "default", "via", NEAR], check=True)

	def line(self):
		line = self.process.stdout.readline()
		assert line, "the world has ended"
		return line

	def ask(self, what):
		self.process.stdin.write(what + "\n")
		self.process.stdin.flush()
		return self.line()

	def seen(self):
		"""Who came since the last time: sorted (protocol, where, port, from)."""
		return sorted(tuple(x) for x in json.loads(self.ask("seen")))

	def has_seen(self, wanted, what):
		"""These came since the last time, and no others. A guest is answered a moment before it is seen here."""
		end = time.monotonic() + LIMIT
		seen = self.seen()
		while not set(wanted) <= set(seen) and time.monotonic() < end:
			seen = sorted(seen + self.seen())
		equal(seen, sorted(wanted), what)

	def end(self):
		self.process.stdin.close()
		self.process.wait()


def reach(s, name, wanted, what):
	"""How each of them stands once all are answered that should be, which are sent last."""
	for path in wanted:
		status = s.get(f"/function/{name}{path}").status
		if status != 202:
			equal(status, 202, f"{name} tries {path}")
	end = time.monotonic() + LIMIT
	seen = {}
	while time.monotonic() < end and any(seen.get(path, "waiting") == "waiting" for path in wanted if wanted[path] != "waiting"):
		seen = dict(zip(wanted, s.get(f"/function/{name}/seen").text.split()))
	equal(seen, wanted, what)


def run(*command):
	subprocess.run(["ip", *command], check=True)


def set_up():
	run("link", "set", "lo", "up")
	for address in (NEAR + "/24", FAR + "/24", ELSEWHERE + "/32", METADATA + "/32"):
		run("addr", "add", address, "dev", "far")
	run("link", "set", "far", "up")


def listen(kind, port):
	s = socket.socket(socket.AF_INET, kind)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	s.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
	s.bind(("0.0.0.0", port))
	if kind == socket.SOCK_STREAM:
		s.listen(64)
	return s


def answer(query, address):
	"""Any name has the address of who was asked."""
	return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address


def on_datagram(s, seen):
	data, extra, _, source = s.recvmsg(2048, 256)
	address = next(d[8:12] for level, kind, d in extra if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO))
	port = s.getsockname()[1]
	seen.append(("udp", socket.inet_ntoa(address), port, source[0]))
	control = [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("i4s4s", 0, address, b"\0" * 4))]
	s.sendmsg([answer(data, address) if port == 53 else data], control, 0, source)


def on_bytes(s, loop):
	try:
		more = s.recv(65536)
	except OSError:  # its guest was killed
		more = b""
	if more.startswith(b"GET "):
		text = "%s:%d\n" % s.getsockname()
		s.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
	if not more:
		loop.unregister(s)
		s.close()


def on_connection(s, seen, loop):
	connection, source = s.accept()
	loop.register(connection, selectors.EVENT_READ, lambda c: on_bytes(c, loop))
	seen.append(("tcp", *connection.getsockname(), source[0]))


def on_ping(s, seen):
	packet, source = s.recvfrom(2048)
	if packet[20] == 8:
		seen.append(("icmp", socket.inet_ntoa(packet[16:20]), 0, source[0]))


def world():
	assert ctypes.CDLL(None).unshare(0x40000000) == 0  # CLONE_NEWNET
	print("there", flush=True)
	sys.stdin.readline()
	set_up()
	seen = []
	loop = selectors.DefaultSelector()
	for port in TCP:
		loop.register(listen(socket.SOCK_STREAM, port), selectors.EVENT_READ, lambda s: on_connection(s, seen, loop))
	for port in UDP:
		loop.register(listen(socket.SOCK_DGRAM, port), selectors.EVENT_READ, lambda s: on_datagram(s, seen))
	raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
	loop.register(raw, selectors.EVENT_READ, lambda s: on_ping(s, seen))
	loop.register(0, selectors.EVENT_READ, None)
	print("serving", flush=True)
	while True:
		asked = False
		for key, _ in loop.select():
			if key.data:
				key.data(key.fileobj)
			else:
				asked = True
		if not asked:
			continue
		if not os.read(0, 100):
			return
		print(json.dumps(seen), flush=True)
		seen.clear()


if __name__ == "__main__":
	world()
