#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions that ask others (others.c, examples/functions/fetch.c), whose others are here: in a network namespace, over a
tap. As guests, or as processes of the host. 77: no rights.

usage: others.py guest UKVMM DIRECTORY-OF-IMAGES
       others.py process DIRECTORY-OF-PROGRAMS
"""

import http.client
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib

HOST, PORT, US, LIMIT = "10.9.0.2", 8080, "10.9.0.1", 100
NOBODY, TIMEOUT, REFUSED, RESET, PROTO, TOO_LONG, INVALID, NO_WAY, DOWN = 2, 110, 111, 104, 71, 90, 22, 113, 100
done, failed = 0, False
BODY = bytes(i * 7 % 251 for i in range(100003)) * 60


def equal(got, wanted, name):
	global done, failed
	done += 1
	good = got == wanted
	failed |= not good
	print(f"{'ok' if good else 'not ok'} {done} - {name}", flush=True)
	if not good:
		print(f"# got {str(got)[:300]!r}, wanted {str(wanted)[:300]!r}", flush=True)


def skip(why):
	print(f"1..0 # SKIP {why}")
	sys.exit(77)


def run(*words):
	subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Function:
	"""It answers when the constructor returns."""

	def __init__(self, name, *words):
		subprocess.run(["ip", "link", "del", "tap0"], stderr=subprocess.DEVNULL, check=False)
		words = [f"ip={HOST}/24,{US}", f"dns={US}", *words]
		if sys.argv[1] == "guest":
			self.tap()
			command = [sys.argv[2], "run", "--timeout", "500s", "--mem", "64M", "--net", "tap=tap0", "--cmdline",
				" ".join(words), f"{sys.argv[3]}/{name}.elf"]
			self.process = subprocess.Popen(command)
		else:
			self.process = subprocess.Popen([f"{sys.argv[2]}/rt-{name.removeprefix('fn-')}", "tap0", *words],
				stdout=subprocess.PIPE)
			self.process.stdout.readline()
			self.tap("mtu", "1500")
		for _ in range(1000):
			try:
				self.ask("/waiting")
				return
			except OSError:
				if self.process.poll() is not None:
					break
		raise RuntimeError(f"{name} does not answer")

	@staticmethod
	def tap(*more):
		if not more:
			run("ip", "tuntap", "add", "tap0", "mode", "tap")
		run("ip", "addr", "replace", f"{US}/24", "dev", "tap0")
		run("ip", "link", "set", "tap0", *more, "up")

	def ask(self, path, body=None):
		c = http.client.HTTPConnection(HOST, PORT, timeout=LIMIT)
		c.request("POST" if body else "GET", path, body)
		answer = c.getresponse()
		self.status = answer.status
		got = answer.read()
		c.close()
		return got if body else got.decode()

	def __enter__(self):
		return self

	def __exit__(self, kind, *_):
		if not kind:
			equal(self.process.poll(), None, "... and it lives")
		self.process.kill()
		self.process.wait()


class Other:
	"""Listens; each connection is a thread that calls serve(socket)."""

	def __init__(self, serve):
		self.serve = serve
		self.socket = socket.create_server((US, 0), backlog=512)
		self.port = self.socket.getsockname()[1]
		self.url = f"http://{US}:{self.port}/"
		self.where = f"{US}/{self.port}"
		threading.Thread(target=self.accept, daemon=True).start()

	def accept(self):
		while True:
			c, _ = self.socket.accept()
			c.settimeout(LIMIT)
			threading.Thread(target=self.one, args=[c], daemon=True).start()

	def one(self, c):
		with c:
			try:
				self.serve(c)
			except OSError:
				pass  # the function has left


def head_of(c):
	got = b""
	while b"\r\n\r\n" not in got:
		more = c.recv(65536)
		if not more:
			break
		got += more
	return got


def says(*parts, stay=False):
	"""One that reads a request's head and sends these, each by itself; stay: until the other end leaves."""

	def serve(c):
		c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		head_of(c)
		for part in parts:
			c.sendall(part)
		if stay:
			while c.recv(65536):
				pass
	return Other(serve)


def chunked(body, size):
	out = b""
	for at in range(0, len(body), size):
		part = body[at:at + size]
		out += b"%x;x=y\r\n" % len(part) + part + b"\r\n"
	return out + b"0\r\nTrailer: t\r\n\r\n"


def told(body, status=200, word=""):
	return f"{status} {len(body)} {zlib.adler32(body)} {word}"


def answers(f):
	"""What is an answer, in all its forms."""
	ok = b"HTTP/1.1 200 OK\r\n"
	small = BODY[:1000]
	for name, server, wanted in (
		("a length", says(ok + b"X-Word: w\r\nContent-Length: 1000\r\n\r\n" + small, stay=True), told(small, 200, "w")),
		("up to the end", says(ok + b"\r\n" + small), told(small)),
		("in chunks", says(ok + b"Transfer-Encoding: chunked\r\n\r\n", chunked(small, 7), stay=True), told(small)),
		("HTTP/1.0", says(b"HTTP/1.0 404 Not Found\r\n\r\n" + small), told(small, 404)),
		("no reason", says(b"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n", stay=True), told(b"", 201)),
		("a 100 and a 103 before it", says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n" + ok
			+ b"Content-Length: 3\r\n\r\nabc", stay=True), told(b"abc")),
		("204 has no body", says(b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", stay=True), told(b"", 204)),
		("byte by byte", says(*(bytes([b]) for b in ok + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"abcdefgh", 3)),
			stay=True), told(b"abcdefgh")),
		("6 MB", says(ok + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY, stay=True), told(BODY)),
		("6 MB in chunks", says(ok + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(BODY, 70000), stay=True), told(BODY)),
		("6 MB up to the end", says(ok + b"\r\n" + BODY), told(BODY)),
	):
		equal(f.ask(f"/get?0,{server.url}x?y"), wanted, f"an answer: {name}")


def nonsense(f):
	ok = b"HTTP/1.1 200 OK\r\n"
	for name, server in (
		("garbage", says(bytes(range(256)) * 300)),
		("nothing", says()),
		("a head without an end", says(ok + b"A: b\r\n" * 5000)),
		("too many headers", says(ok + b"A: b\r\n" * 65 + b"\r\n")),
		("half a head", says(ok + b"A: b")),
		("another protocol", says(b"ICY 200 OK\r\n\r\n")),
		("a status that is none", says(b"HTTP/1.1 999 Many\r\n\r\n")),
		("a switch of protocols", says(b"HTTP/1.1 101 Now\r\n\r\n")),
		("100 for ever", says(b"HTTP/1.1 100 Wait\r\n\r\n" * 1000)),
		("two lengths", says(ok + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc")),
		("a length and chunks", says(ok + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")),
		("a coding that we did not ask for", says(ok + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
		("a negative length", says(ok + b"Content-Length: -3\r\n\r\nabc")),
		("less than its length", says(ok + b"Content-Length: 4\r\n\r\nabc")),
		("chunks without an end", says(ok + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")),
		("a chunk longer than it says", says(ok + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n")),
		("a chunk's size that is none", says(ok + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n")),
	):
		equal(f.ask(f"/get?0,{server.url}"), f"error {PROTO}", f"no answer: {name}")


def breaks(c):
	head_of(c)
	c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def ends(f):
	"""Who does not answer."""
	nobody = socket.create_server((US, 0))
	port = nobody.getsockname()[1]
	nobody.close()
	silent = says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", stay=True)
	equal(f.ask(f"/connect/{US}/{port}"), f"error {REFUSED}", "refused")
	equal(f.ask("/connect/10.9.0.77/80?300"), f"error {TIMEOUT}", "nobody there: in time")
	equal(f.ask(f"/get?0,{Other(breaks).url}"), f"error {RESET}", "reset")
	equal(f.ask(f"/get?300,{silent.url}"), f"error {TIMEOUT}", "a body that stops: in time")
	equal(f.ask(f"/get?300,{says(b'HTTP/1.1 2', stay=True).url}"), f"error {TIMEOUT}", "a head that stops: in time")
	equal(f.ask("/setup"), f"error {DOWN}", "before there is a network")
	for url in (f"https://{US}/", f"http://{US}:0/", f"http://{US}:65536/", "http:///", f"http://{US}:80x/", f"http://a@{US}/",
			f"http://{US}/#", "http://a..b/", "http://a%/", f"{US}/"):
		equal(f.ask("/get?0," + url), f"error {INVALID}", f"no URL: {url}")
	large = says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100000)
	equal(len(f.ask("/body?0,100000," + large.url)), 100000, "a body as long as it may be")
	equal(f.ask("/body?0,99999," + large.url), f"error {TOO_LONG}", "a longer one")
	longer = says(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", stay=True)
	equal(f.ask("/body?0,99999," + longer.url), f"error {TOO_LONG}", "one that says so")


def transfers(f):
	def echo(c):
		got = b""
		while more := c.recv(1 << 20):
			got += more
		c.sendall(got[::-1])

	def parrot(c):
		while more := c.recv(1 << 20):
			c.sendall(more)

	equal(f.ask(f"/talk/{Other(echo).where}?0", BODY).decode(), f"{len(BODY)} {zlib.adler32(BODY[::-1])}",
		"6 MB there, an end, and 6 MB back")
	held = Other(parrot)
	equal(f.ask(f"/hold/{held.where}"), "done", "a connection is kept")
	for n in (1, 5000, 100000):
		equal(f.ask("/echo", BODY[:n]), BODY[:n], f"and used by another request: {n} bytes")
	equal(f.ask("/drop"), "done", "and closed")


def pressure(f):
	"""What is not received stays with who sends it."""
	there, sent = threading.Event(), []

	def push(c):
		c.settimeout(2)
		n = 0
		try:
			while n < len(BODY):
				n += c.send(BODY[n:n + 65536])
		except TimeoutError:
			pass
		sent.append(n)
		there.set()
		c.settimeout(LIMIT)
		c.sendall(BODY[n:])

	other = Other(push)
	f.ask(f"/hold/{other.where}")
	there.wait(LIMIT)
	equal(sent and sent[0] < len(BODY), True, "one who is not read has to wait")
	equal(f.ask("/held"), f"{len(BODY)} {zlib.adler32(BODY)}", "then all of it comes")
	f.ask("/drop")
	# more than all of them may keep together
	many_of = says(b"HTTP/1.1 200 OK\r\n\r\n" + BODY[:1000000])
	equal(f.ask(f"/gather?0,60,{many_of.url}"), f"{60 * 1000000} {zlib.adler32(BODY[:1000000] * 60)}",
		"60 answers of 1 MB that are read one after the other")
	equal(f.ask(f"/get?0,{many_of.url}"), told(BODY[:1000000]), "and another one")


def gathers(n):
	"""One that answers when n requests are there."""
	barrier = threading.Barrier(n)

	def serve(c):
		head_of(c)
		barrier.wait(LIMIT)
		c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	return Other(serve)


def at_once(f, paths):
	got = [None] * len(paths)

	def one(i):
		got[i] = f.ask(paths[i])

	threads = [threading.Thread(target=one, args=[i], daemon=True) for i in range(len(paths))]
	for t in threads:
		t.start()
	for t in threads:
		t.join(LIMIT)
	return got


def many(f):
	other = gathers(64)
	equal(at_once(f, [f"/get?0,{other.url}"] * 64), [told(b"ok")] * 64, "64 requests wait for others at once")
	quick = says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	equal(at_once(f, [f"/get?0,{quick.url}"] * 300), [told(b"ok")] * 300, "300 at once")
	equal(f.ask("/waiting"), "0", "none is left")


def clients(f):
	"""What the clients of those that wait do meanwhile."""
	come, go = threading.Semaphore(0), threading.Semaphore(0)

	def serve(c):
		head_of(c)
		come.release()
		go.acquire(timeout=LIMIT)
		c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

	other = Other(serve)
	request = f"GET /get?0,{other.url} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
	with socket.create_connection((HOST, PORT), timeout=LIMIT) as c:
		c.sendall(request + b"GET /waiting HTTP/1.1\r\nHost: h\r\n\r\n" + request)
		come.acquire(timeout=LIMIT)
		equal(f.ask("/waiting"), "1", "others are answered meanwhile")
		c.sendall(b"GET /waiting HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		go.release(2)
		got = b""
		while more := c.recv(65536):
			got += more
		bodies = [part.split(b"\r\n\r\n")[1] for part in got.split(b"HTTP/1.1 ")[1:]]
		equal(bodies, [told(b"ok").encode(), b"0", told(b"ok").encode(), b"0"], "pipelined: in order")
	come.acquire(timeout=LIMIT)
	with socket.create_connection((HOST, PORT), timeout=LIMIT) as c:
		c.sendall(request)
		c.shutdown(socket.SHUT_WR)
		come.acquire(timeout=LIMIT)
		go.release()
		got = b""
		while more := c.recv(65536):
			got += more
		equal(got.split(b"\r\n\r\n")[-1].decode(), told(b"ok"), "a client that sends no more is answered")
	with socket.create_connection((HOST, PORT), timeout=LIMIT) as c:
		c.sendall(request)
		come.acquire(timeout=LIMIT)
		c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	equal(f.ask("/waiting"), "1", "one that breaks off leaves its handle() alone")
	go.release()
	end = time.monotonic() + LIMIT
	while f.ask("/waiting") != "0" and time.monotonic() < end:
		pass
	equal(f.ask("/body?0,100," + says(b"HTTP/1.1 200 OK\r\n\r\nx").url), "x", "which ends")
	seen = []

	def reads(c):
		got = head_of(c)
		head, _, body = got.partition(b"\r\n\r\n")
		length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
		while len(body) < length:
			body += c.recv(65536)
		seen.append(zlib.adler32(body))
		c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + body)

	for n in (10, 3000, 500000, 5000000):
		equal(f.ask(f"/body?0,8000000,{Other(reads).url}", BODY[:n]), BODY[:n], f"a body of {n} bytes passes both ways")
	equal(seen, [zlib.adler32(BODY[:n]) for n in (10, 3000, 500000, 5000000)], "and is whole there")


class Names:
	"""A DNS server; answer(name, number of the query) gives packets, as functions of the query."""

	def __init__(self, answer):
		self.answer = answer
		self.asked = []
		self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.socket.bind((US, 53))
		threading.Thread(target=self.serve, daemon=True).start()

	def serve(self):
		while True:
			query, where = self.socket.recvfrom(2048)
			at, labels = 12, []
			while query[at]:
				labels.append(query[at + 1:at + 1 + query[at]].decode())
				at += 1 + query[at]
			name = ".".join(labels)
			self.asked.append(name)
			for packet in self.answer(name, query):
				self.socket.sendto(packet, where)


def address(query, ip, ttl=60, flags=b"\x81\x80", extra=b""):
	record = struct.pack(">HHHIH", 0xc00c, 1, 1, ttl, 4) + socket.inet_aton(ip)
	return query[:2] + flags + b"\0\1" + struct.pack(">H", 1 + bool(extra)) + b"\0\0\0\0" + query[12:] + extra + record


def names(f):
	alias = struct.pack(">HHHIH", 0xc00c, 5, 1, 60, 2) + b"\xc0\x0c"

	def answer(name, query):
		wrong = bytes([query[0] ^ 1]) + query[1:]
		return {"good.test": [address(query, US)], "brief.test": [address(query, US, 0)],
			"alias.test": [address(query, US, 60, b"\x81\x80", alias)],
			"none.test": [query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + query[12:]],
			"empty.test": [query[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + query[12:]],
			"forged.test": [address(wrong, "1.2.3.4"), b"", b"x", query[:2] + b"\x81\x80" + b"\xff" * 60,
				query[:2] + b"\x81\x80\0\1\0\xff\0\0\0\0" + query[12:] + b"\xc0\x0c", address(query, US)],
		}.get(name, [address(query, US)] if name.startswith("many") else [])

	server = Names(answer)
	ok = says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	equal(f.ask("/lookup/good.test"), US, "a name")
	equal(f.ask(f"/get?0,http://good.test:{ok.port}/"), told(b"ok"), "a URL with a name in it")
	equal(f.ask("/lookup/GOOD.test"), US, "in capitals")
	equal(server.asked.count("good.test"), 1, "what is known is not asked for again")
	equal([f.ask("/lookup/brief.test"), f.ask("/lookup/brief.test"), server.asked.count("brief.test")], [US, US, 2],
		"but what may not be kept")
	equal(f.ask("/lookup/alias.test"), US, "an alias before it")
	equal(f.ask("/lookup/none.test"), f"error {NOBODY}", "no such name")
	equal(f.ask("/lookup/empty.test"), f"error {NOBODY}", "a name without an address")
	equal(f.ask("/lookup/forged.test"), US, "what does not belong to the question is passed over")
	equal(f.ask("/lookup/silent.test?300"), f"error {TIMEOUT}", "nobody knows: in time")
	equal(f.ask("/lookup/192.0.2.7"), "192.0.2.7", "an address is one")
	for name in ("a..b", ".a", "a" * 64, "a." * 120 + "b" * 20, "a%"):
		equal(f.ask(f"/lookup/{name}"), f"error {INVALID}", f"no name: {name[:10]}")
	equal(at_once(f, [f"/lookup/many{i}.test" for i in range(50)]), [US] * 50, "50 names at once")


def others():
	with Function("fn-others") as f:
		for part in (answers, nonsense, ends, transfers, pressure, many, clients, names):
			print(f"# {part.__name__}", flush=True)
			part(f)
	with Function("fn-others", "http.handles=2") as f:
		most, now, lock = [0], [0], threading.Lock()

		def serve(c):
			with lock:
				now[0] += 1
				most[0] = max(most[0], now[0])
			head_of(c)
			with lock:
				now[0] -= 1
			c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

		equal(at_once(f, [f"/get?0,{Other(serve).url}"] * 40), [told(b"ok")] * 40, "40 at once where 2 may wait")
		equal(most[0] <= 2, True, "two at a time")


def deep():
	"""A guest's end; a process would have to be told apart from one that its sanitizer ends."""
	f = Function("fn-others")
	with socket.create_connection((HOST, PORT), timeout=LIMIT) as c:
		c.sendall(b"GET /deep HTTP/1.1\r\nHost: h\r\n\r\n")
	equal(f.process.wait(LIMIT), 253, "a handle() that uses more than its stack ends the guest")


def fetch():
	def serve(c):
		got = head_of(c)
		line = got.split(b"\r\n")[0]
		c.sendall(b"HTTP/1.1 418 Teapot\r\nContent-Type: text/x\r\nContent-Length: %d\r\n\r\n" % len(line) + line)

	other = Other(serve)
	with Function("fetch", f"from=http://{US}:{other.port}/at") as f:
		equal(f.ask("/a/b?c=d"), "GET /at/a/b?c=d HTTP/1.1", "fetch: path and query")
		equal(f.status, 418, "fetch: the status is the other's")
		equal(f.ask("/p", b"body"), b"POST /at/p HTTP/1.1", "fetch: method")
		other.socket.close()


def main():
	if "OTHERS_INSIDE" not in os.environ:
		if subprocess.run(["unshare", "-Urn", "true"], stderr=subprocess.DEVNULL, check=False).returncode or \
				not os.path.exists("/dev/net/tun"):
			skip("no network namespaces, or no /dev/net/tun")
		if sys.argv[1] == "guest" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
			skip("no usable /dev/kvm")
		os.environ["OTHERS_INSIDE"] = "1"
		os.execvp("unshare", ["unshare", "-Urn", sys.executable, "-B", *sys.argv])
	run("ip", "link", "set", "lo", "up")
	run("ip", "addr", "add", US, "dev", "lo")  # the others are there before and after a tap
	others()
	if sys.argv[1] == "guest":
		deep()
	fetch()
	print(f"1..{done}")
	sys.exit(failed)


main()
