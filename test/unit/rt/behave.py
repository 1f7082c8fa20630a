# SPDX-License-Identifier: Apache-2.0
"""The function runtime's HTTP server against clients that are slow, greedy, broken or in a hurry, as a process on a tap
of a network namespace. Prints TAP; 77: no rights.

usage: behave.py DIRECTORY-OF-PROGRAMS
"""

import contextlib
import fcntl
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import termios
import time

HOST, PORT, SECONDS = "10.9.0.2", 8080, 100
failed = tests = 0


def result(good, name, told=""):
	global failed, tests
	tests += 1
	print(f"{'ok' if good else 'not ok'} {tests} - {name}")
	if not good:
		failed = 1
		print(f"# {told!r}")


def run(*words):
	subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Server:
	"""A function as a process; the words are those of its command line."""

	def __init__(self, name, *words):
		self.process = subprocess.Popen([f"{sys.argv[1]}/rt-{name}", "tap0", f"ip={HOST}/24", *words],
			stdout=subprocess.PIPE)
		self.process.stdout.readline()
		run("ip", "link", "set", "tap0", "mtu", "1500", "up")
		run("ip", "addr", "replace", "10.9.0.1/24", "dev", "tap0")

	def __enter__(self):
		return self

	def __exit__(self, *_):
		result(self.process.poll() is None, "... and the server lives")
		self.process.kill()
		self.process.wait()


class Client:
	def __init__(self, rcvbuf=0, port=0):
		self.socket = socket.socket()
		self.socket.settimeout(SECONDS)
		self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		if rcvbuf:
			self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
		self.socket.bind(("10.9.0.1", port))
		self.socket.connect((HOST, PORT))
		self.got = b""

	def __enter__(self):
		return self

	def __exit__(self, *_):
		self.socket.close()

	def send(self, text):
		self.socket.sendall(text if isinstance(text, bytes) else text.encode())
		return self

	def more(self):
		part = self.socket.recv(1 << 20)
		self.got += part
		return part

	def head(self):
		while b"\r\n\r\n" not in self.got and self.more():
			pass
		head, _, self.got = self.got.partition(b"\r\n\r\n")
		return head.decode()

	def answer(self, body=True):
		"""Status and body of the next response; 0 at the end of the connection."""
		head = self.head()
		if not head:
			return 0, b""
		status = int(head.split()[1])
		length = re.search(r"(?i)content-length: (\d+)", head) if body else None
		length = int(length[1]) if length else 0
		while len(self.got) < length and self.more():
			pass
		body, self.got = self.got[:length], self.got[length:]
		return status, body

	def ends(self):
		"""The server closes; what it sent before."""
		try:
			while self.more():
				pass
		except ConnectionResetError:
			self.got += b" RESET"
		return self.got


def request(body="", method="POST", headers=""):
	return f"{method} / HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"


def messages():
	with Client() as c:
		result(c.send(request("one")).answer() == (200, b"one"), "a request")
		c.send("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
		head = c.head()
		result("Content-Length: 3" in head, "HEAD tells the length", head)
		result(c.send(request("two")).answer() == (200, b"two"), "... and nothing else comes", c.got)
		c.send(request(headers="Expect: 100-continue\r\n").replace("Length: 0", "Length: 5"))
		result(c.answer() == (100, b""), "a client that waits for it is told to go on")
		result(c.send("three").answer() == (200, b"three"), "... and does")
	with Client() as c:
		c.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 0\r\n\r\n")
		result(c.answer()[0] == 417, "another expectation is refused")
	with Client() as c:
		c.send("POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx")
		result(c.answer() == (200, b"x") and c.ends() == b"", "HTTP/1.0: one request, then the end")
	with Client() as c:
		c.send("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
		result(c.answer()[0] == 400, "HTTP/1.0 has no chunks")
	with Client() as c:
		text = request("split")
		for at in range(len(text)):
			c.send(text[at])
		result(c.answer() == (200, b"split"), "a request that comes byte by byte")
		c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		for part in ("3;x=y\r\nab", "c\r\n", "0", "a\r\n0123456789\r", "\n0\r\nTrailer: t\r\n", "\r\n"):
			c.send(part)
		result(c.answer() == (200, b"abc0123456789"), "chunks that come in pieces, with a trailer", c.got)


def pipelining():
	with Client() as c:
		bodies = [str(i) for i in range(5000)]
		c.send("".join(request(b) for b in bodies))
		got = [c.answer()[1].decode() for _ in bodies]
		result(got == bodies, "5000 requests at once are answered in order")
		big = "x" * 3000000
		c.send(request(big) + request("after"))
		result(c.answer()[1] == big.encode() and c.answer() == (200, b"after"), "one behind a large body")
	with Client() as c:
		c.send(request("last", headers="Connection: close\r\n") + request("too many") * 1000)
		result(c.answer() == (200, b"last") and c.ends() == b"", "what follows a close is heard out", c.got)
	with Client() as c:
		c.send(request("half"))
		c.socket.shutdown(socket.SHUT_WR)
		result(c.answer() == (200, b"half") and c.ends() == b"", "a client that closes its half gets its answer")


def refusals():
	def refused(status, text, name):
		with Client() as c:
			try:
				c.send(text)
			except ConnectionError: # a reset, or a broken pipe if the answer's end came before it
				pass
			got = c.answer()
			result(got[0] == status and c.ends() == b"", name, (got, c.got))

	refused(431, "GET / HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 70, "70 headers")
	refused(431, "GET / HTTP/1.1\r\nHost: a\r\nX: " + "y" * 20000 + "\r\n\r\n", "a head of 20 KB")
	refused(413, request("z" * (9 << 20)), "a body of 9 MiB, and it is read while it is still being sent")
	refused(413, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
		("100000\r\n" + "c" * (1 << 20) + "\r\n") * 9, "9 MiB in chunks")
	refused(400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", "TLS")
	refused(400, request("x").replace("Length: 1", "Length: +1"), "a signed length")
	with Client() as c:
		c.send("\r\n" * 100000 + request("q"))
		result(c.answer() == (200, b"q"), "empty lines before a request")


def patience():
	# none of these times passes between a connection and what is sent by it at once
	with Server("echo", "http.head=1500", "http.idle=3000", "http.stall=1500"):
		with contextlib.ExitStack() as all:
			slow, idle, body, drip = (all.enter_context(Client()).send(text) for text in ("GET / HT", request("a"),
				request("b" * 9000)[:100], request("c" * 100000)[:200]))
			silent = all.enter_context(Client())
			result(idle.answer() == (200, b"a"), "a request among slow ones")
			result(slow.answer()[0] == 408 and slow.ends() == b"", "a head that does not end: 408")
			result(body.answer()[0] == 408 and body.ends() == b"", "a body that does not come: 408")
			result(idle.ends() == b"" and silent.ends() == b"", "idle connections are closed")
			drip.socket.settimeout(0.01)
			end, got = time.monotonic() + SECONDS, b""
			while not got and time.monotonic() < end:
				try:
					drip.send("c")
					got = drip.more()
				except TimeoutError:
					pass
				except ConnectionError:
					break
			result(got.startswith(b"HTTP/1.1 408"), "a body that drips: 408", got)
	with Server("serve", "http.stall=300"):
		with Client(rcvbuf=4096) as c:
			c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			events = select.poll()
			events.register(c.socket, 0) # errors and hang-ups
			got = events.poll(SECONDS * 1000)
			result(got, "a client that does not read is left", got)


def crowds():
	with Server("echo", "http.connections=100"):
		clients = [Client() for _ in range(150)]
		result(all(c.send(request("me")).answer() == (200, b"me") for c in clients[50:]),
			"100 of 150 are served: those that waited longest gave way")
		result(all(c.ends() == b"" for c in clients[:50]), "... and were told so")
		for c in clients:
			c.socket.close()
		with Client() as c:
			result(c.send(request("new")).answer() == (200, b"new"), "the next one is served")
	with Server("echo", "http.connections=10", "http.yield=1000000"):
		clients = [Client() for _ in range(10)]
		late = socket.socket()
		late.setblocking(False)
		late.connect_ex((HOST, PORT))
		# it asks again after a second, when the others have waited for as long
		result(not select.select([], [late], [], 2.5)[1], "where nobody gives way a new one waits")
		result(all(c.send(request("me")).answer() == (200, b"me") for c in clients), "... and the others are served")
		clients.pop().socket.close()
		result(select.select([], [late], [], SECONDS)[1] and not late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
			"... until one leaves")
		for c in clients:
			c.socket.close()
		late.close()
	with Server("echo"):
		port = 0
		for _ in range(50):
			with again(port) as c:
				port = c.socket.getsockname()[1]
				answer = c.send(request("p", headers="Connection: close\r\n")).answer()
				done = c.ends()
			if answer != (200, b"p") or done:
				break
		result(answer == (200, b"p") and not done, "50 connections from one port", (answer, done))


def heard(clients):
	"""Until the server has taken all that was sent, and has said what there is to say of it."""
	end = time.monotonic() + SECONDS
	for c in clients:
		while time.monotonic() < end:
			unacknowledged = struct.unpack("i", fcntl.ioctl(c.socket, termios.TIOCOUTQ, bytes(4)))[0]
			if not unacknowledged or select.select([c.socket], [], [], 0)[0]:
				break
	with Client() as c: # one turn more: the tap keeps the order
		c.send(request("", "GET")).answer()


def memory():
	"""More than the server keeps of all clients together: a quarter of 128 MiB, here."""
	size = 8 << 20
	clients = [Client() for _ in range(6)]
	kept, refused = [], 0
	for c in clients:
		try:
			c.send(request("m" * size)[:-1])
			kept.append(c)
		except ConnectionError:
			refused += 1
	heard(kept)
	for c in kept[:]:
		if select.select([c.socket], [], [], 0)[0]:
			refused += c.answer()[0] == 503
			kept.remove(c)
	result(refused and kept, "bodies of 48 MiB at once: some are refused", (refused, len(kept)))
	result(all(c.send("m").answer() == (200, b"m" * size) for c in kept), "... and the others are answered")
	for c in clients:
		c.socket.close()
	with Client() as c:
		result(c.send(request("m" * size)).answer() == (200, b"m" * size), "... and what they had is free again")


def again(port):
	"""A client on a port whose last connection may be about to end."""
	end = time.monotonic() + SECONDS
	while True:
		try:
			return Client(port=port)
		except OSError:
			if time.monotonic() > end:
				raise


def checksum(data):
	total = sum(struct.unpack(f">{len(data) // 2}H", data))
	total = (total & 0xffff) + (total >> 16)
	return ~(total + (total >> 16)) & 0xffff


def flood():
	"""SYNs of clients that are not there; more than may be half open."""
	with Server("echo", "http.connections=200"):
		with Client() as c:
			c.send(request("before")).answer()
			raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
			for i in range(20000):
				source, target = socket.inet_aton(f"10.9.0.{3 + i % 200}"), socket.inet_aton(HOST)
				tcp = struct.pack(">HHIIBBHHH", 1024 + i, PORT, i, 0, 0x50, 2, 8192, 0, 0)
				total = checksum(source + target + struct.pack(">HH", 6, len(tcp)) + tcp)
				tcp = tcp[:16] + struct.pack(">H", total) + tcp[18:]
				ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, 6, 0, source, target)
				raw.sendto(ip + tcp, (HOST, 0))
			raw.close()
			result(c.send(request("after")).answer() == (200, b"after"), "20000 SYNs: a connection goes on")
		with Client() as c:
			result(c.send(request("new")).answer() == (200, b"new"), "... and a new one is served")


def windows():
	with Server("serve"):
		for rcvbuf in (2048, 20000, 60000):
			with Client(rcvbuf=rcvbuf) as c:
				start = time.monotonic()
				c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
				head, size = c.head(), len(c.got)
				want = (8 << 20) if rcvbuf > 2048 else 1 << 18
				while size < want and (part := c.socket.recv(1 << 16)):
					size += len(part)
				result(size >= want, f"a window of {rcvbuf} bytes: {size / (time.monotonic() - start) / 1e6:.1f} MB/s",
					(head, size))


def main():
	if "UKVMM_INSIDE" not in os.environ:
		if not shutil.which("unshare") or not os.path.exists("/dev/net/tun") or \
			subprocess.run(["unshare", "-Urn", "true"], stderr=subprocess.DEVNULL).returncode:
			print("1..0 # SKIP no network namespaces")
			sys.exit(77)
		os.environ["UKVMM_INSIDE"] = "1"
		os.execvp("unshare", ["unshare", "-Urn", sys.executable, *sys.argv])
	with Server("echo"):
		messages()
		pipelining()
		refusals()
		memory()
	patience()
	crowds()
	flood()
	windows()
	print(f"1..{tests}")
	sys.exit(failed)


main()
