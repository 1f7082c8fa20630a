# SPDX-License-Identifier: Apache-2.0
"""HTTP: what passes through unchanged, what is taken away, what is refused, what is streamed."""

import http.client
import os
import re
import socket

from faas import Background, Gate, Server, equal, finish, ok, read_all, read_until

MIB = 1 << 20
MANY = 1100


def begin(server, method, path, headers=""):
	s = server.connect()
	s.sendall(f"{method} {path} HTTP/1.1\r\nHost: h\r\n{headers}\r\n".encode())
	return s


def memory(server):
	with open(f"/proc/{server.process.pid}/status") as f:
		return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024


def passing(s):
	equal(s.get("/healthz").body, b"OK", "healthz")
	for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
		got = s.ask(method, "/function/f/head/a%2Fb/../c?x=1&y=%20", b"" if method in ("POST", "PUT") else None)
		equal(got.text.split("\r\n")[0], f"{method} /head/a%2Fb/../c?x=1&y=%20 HTTP/1.1", f"{method}: the target as it came")
	got = s.ask("HEAD", "/function/f/")
	equal((got.status, got.body), (200, b""), "HEAD has no body")
	equal(s.get("/function/f").status, 200, "without a path")
	equal(s.get("/function/f.openfaas-fn/").status, 200, "with a namespace")
	for status in (200, 201, 204, 301, 304, 400, 404, 418, 500, 503):
		equal(s.get(f"/function/f/status/{status}").status, status, f"status {status} passes")
	equal(s.get("/function/nothing/").status, 404, "an unknown function")
	equal(s.get("/function/nothing/").headers["X-OpenFaaS-Internal"], "proxy", "is the platform's own answer")
	equal(s.get("/function/f/status/404").headers["X-OpenFaaS-Internal"], None, "the function's own is not")
	equal(s.get("/invoke/f/head").text.split("\r\n")[0], "GET /head HTTP/1.1", "the study's route")
	equal(s.ask("POST", "/invoke/f/head", b"").status, 405, "is for GET")
	equal(s.ask("POST", "/async-function/f", b"").status, 501, "no asynchronous calls")


def headers(s):
	head = s.ask("GET", "/function/f/head", None, {"Connection": "close, X-Mine", "X-Mine": "1", "TE": "trailers",
		"Keep-Alive": "5", "Proxy-Authorization": "x", "Upgrade": "h2c", "X-Other": "2", "X-Empty": "",
		"X-Forwarded-For": "10.0.0.1", "X-Call-Id": "my-id"}).text.lower()
	for gone in ("x-mine", "te:", "keep-alive", "proxy-authorization", "upgrade", "connection"):
		ok(f"\n{gone}" not in head, f"{gone} does not pass", head)
	for there in ("x-other: 2", "x-empty:", "x-forwarded-for: 10.0.0.1, 127.0.0.1", "x-call-id: my-id", "x-start-time: ",
			"x-forwarded-host: 127.0.0.1", "x-forwarded-proto: http"):
		ok(f"\n{there}" in head, f"{there} does", head)
	got = s.get("/function/f/hop", **{"X-Call-Id": "my-id"})
	equal([got.headers[h] for h in ("X-Mine", "Keep-Alive", "Proxy-Authenticate")], [None] * 3, "answers lose theirs")
	equal((got.headers["X-Stays"], got.headers.get_all("Set-Cookie")), ("yes", ["a=1", "b=2"]), "and keep the others")
	equal(got.headers.get_all("X-Call-Id"), ["my-id"], "the call's id comes back")
	ok(float(got.headers["X-Duration-Seconds"]) > 0 and int(got.headers["X-Start-Time"]) > 10**18, "times")
	a, b = s.get("/function/f/").headers["X-Call-Id"], s.get("/function/f/", **{"X-Call-Id": "bad id\""}).headers["X-Call-Id"]
	ok(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", a) and len(b) == 36 and a != b,
		"an id is made where there is none, or none that fits", f"{a} {b}")


def connections(s):
	c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=100)
	pids = set()
	for _ in range(3):
		pids.add(s.ask("GET", "/function/f/", connection=c).text)
	port = c.sock.getsockname()[1]
	s.ask("POST", "/function/nothing/", b"some body", connection=c)
	ok(s.ask("GET", "/function/f/", connection=c).status == 200 and c.sock.getsockname()[1] == port,
		"a connection is kept, also after an error with a body")
	c.close()
	equal(len(pids), 1, "by one instance")
	got = s.raw(b"GET /function/f/ HTTP/1.1\r\nHost: h\r\n\r\n" * 2 + b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	equal(got.count(b"HTTP/1.1 200 OK"), 3, "pipelined requests are answered in order")
	got = s.raw(b"GET /function/f/ HTTP/1.0\r\n\r\n")
	ok(got.startswith(b"HTTP/1.") and b" 200 " in got[:20], "HTTP/1.0", got)
	with begin(s, "POST", "/function/f/count", "Content-Length: 5\r\nExpect: 100-continue\r\n") as c:
		ok(read_until(c, b"\r\n\r\n").startswith(b"HTTP/1.1 100"), "100 Continue")
		c.sendall(b"12345")
		ok(b"HTTP/1.1 200" in read_until(c, b"5\n"), "then the answer")
	with begin(s, "POST", "/function/nothing/", "Content-Length: 5\r\nExpect: 100-continue\r\n") as c:
		ok(read_all(c).startswith(b"HTTP/1.1 404"), "an error comes in place of it")


def refusals(s):
	post = "POST /function/f/count HTTP/1.1\r\nHost: h\r\n"
	for name, text in (
			("both lengths", post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
			("two lengths", post + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"),
			("two other lengths", post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"),
			("a list of lengths", post + "Content-Length: 4, 4\r\n\r\nabcd"),
			("a signed length", post + "Content-Length: +4\r\n\r\nabcd"),
			("a negative length", post + "Content-Length: -1\r\n\r\n"),
			("another encoding", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
			("an unknown encoding", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
			("two encodings", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
			("an encoding of HTTP/1.0", "POST /function/f/count HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
			("a folded header", post + "X-A: b\r\n c\r\nContent-Length: 4\r\n\r\nabcd"),
			("a folded length", post + "Content-Length:\r\n 4\r\n\r\nabcd"),
			("a name in two lines", post + "Content-Leng: 4\r\n th: 1\r\n\r\nabcd"),
			("a blank before the colon", post + "Content-Length : 4\r\n\r\nabcd"),
			("a control character", post + "X-A: b\x01c\r\nContent-Length: 4\r\n\r\nabcd"),
			("a return in a header", post + "X-A: b\rX-B: c\r\nContent-Length: 4\r\n\r\nabcd"),
			("no host", "GET /function/f/ HTTP/1.1\r\n\r\n"),
			("two hosts", "GET /function/f/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
			("an absolute target", "GET http://other/function/f/ HTTP/1.1\r\nHost: h\r\n\r\n"),
			("no path", "GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
			("a chunk that is none", post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n")):
		got = s.raw(text.encode("latin-1"), shut=True)
		ok(got[:12] in (b"HTTP/1.1 400", b"HTTP/1.0 400") and b" 200 " not in got, f"{name}: 400", got[:300])
	got = s.raw(b"GET /function/f/ HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n", shut=True)
	ok(got.startswith(b"HTTP/1.1 417"), "another Expect", got[:100])
	got = s.raw(b"GET /function/f/ HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * MIB + b"\r\n\r\n", shut=True)
	ok(got.startswith(b"HTTP/1.1 431") or got == b"", "a header of 1 MiB", got[:100])
	got = s.raw(b"GET /function/f/" + b"x" * MIB + b" HTTP/1.1\r\nHost: h\r\n\r\n", shut=True)
	ok(got.startswith(b"HTTP/1.1 414") or got == b"", "a target of 1 MiB", got[:100])
	equal(s.get("/function/f/").status, 200, "after all of them it serves")


def bodies(s):
	small = os.urandom(MIB)
	equal(s.ask("POST", "/function/f/count", small).text, f"{MIB}\n", "a body with its length")
	pieces = (small[i:i + 10000] for i in range(0, MIB, 10000))
	equal(s.ask("POST", "/function/f/count", pieces).text, f"{MIB}\n", "a body in chunks")
	got = s.ask("POST", "/function/f/echo", small[:50000])
	ok(got.body == small[:50000] and got.headers["X-Echo"] == "yes", "an answer in chunks")
	before = memory(s)
	with begin(s, "POST", "/function/f/count", f"Content-Length: {300 * MIB}\r\n") as c:
		for _ in range(300):
			c.sendall(small)
		ok(f"{300 * MIB}\n".encode() in read_until(c, f"{300 * MIB}\n".encode()), "300 MiB up")
	equal(len(s.get(f"/function/f/big/{100 * MIB}").body), 100 * MIB, "100 MiB down")
	ok(memory(s) - before < 16 * MIB, "were never whole in memory", f"{before} {memory(s)}")


def slow_reader(s):
	"""Nobody reads: what is under way is bounded by buffers; the instance waits."""
	with socket.socket() as c:
		c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		c.settimeout(100)
		c.connect(("127.0.0.1", s.port))
		before = memory(s)
		c.sendall(f"GET /function/slow/big/{200 * MIB} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
		c.recv(1000)
		equal(s.get("/function/f/").status, 200, "a client that does not read keeps nobody else")
		ok(memory(s) - before < 8 * MIB, "and no memory", f"{before} {memory(s)}")
	s.line(r'request .*GET /function/slow/big.* cut')
	ok(True, "its end ends the request")


def limits(s):
	s.deploy("small", body_max="1000")
	equal(s.ask("POST", "/function/small/count", b"x" * 1000).text, "1000\n", "a body that fits")
	equal(s.ask("POST", "/function/small/count", b"x" * 1001).status, 413, "one that does not, by its length")
	equal(s.ask("POST", "/function/small/count", iter([b"x" * 600] * 2)).status, 413,
		"and in chunks")


def conversation(s):
	"""An echo of more than fits between: neither of both sides can go on, and that is said; nobody else is to blame."""
	s.deploy("talk", timeout="4s", max_instances="1")
	pid = s.get("/function/talk/").text
	body = os.urandom(64 * MIB) # more than sockets ever hold
	with begin(s, "POST", "/function/talk/echo", f"Content-Length: {len(body)}\r\nConnection: close\r\n") as c:
		sending = Background(c.sendall, body)
		got = read_all(c)
		ok(got.startswith(b"HTTP/1.1 504") and b"begins once the request is whole" in got and
			b"X-OpenFaaS-Internal: proxy" in got, "an echo of 64 MiB: 504, and why", got[:500])
		sending.join(60)
	s.line("of talk: late: the function answers while")
	ok(True, "the log says it, too")
	equal(s.get("/function/talk/").text, pid, "its instance serves on")
	with begin(s, "POST", "/function/talk/count", "Content-Length: 10\r\nConnection: close\r\n") as c:
		c.sendall(b"12345")
		s.line("of talk: late: the request's body")
		equal(read_all(c), b"", "a body that does not come is not waited for")
	with socket.socket() as c:
		c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		c.settimeout(60)
		c.connect(("127.0.0.1", s.port))
		c.sendall(f"GET /function/talk/big/{50 * MIB} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
		s.line("of talk: late: the client did not take")
		ok(len(read_all(c)) < 50 * MIB, "an answer that is not taken is cut")
	equal(s.get("/function/talk/").text, pid, "by the same instance, all the time")


def late_heads():
	with Server("--header-timeout", "200ms") as s:
		equal(s.raw(b""), b"", "no request is not waited for")
		equal(s.raw(b"GET /heal"), b"", "nor half a request line")
		equal(b"200" in s.raw(b"GET /healthz HTTP/1.1\r\nHost: h\r\n"), False, "nor headers that do not end")
	with Server("--idle-timeout", "200ms") as s:
		got = s.raw(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
		ok(got.endswith(b"OK"), "a connection without another request is closed", got)
	with Server("--header-timeout", "2s", "--idle-timeout", "2s") as s:
		s.image("plain")
		s.deploy("f", timeout="1h")
		with begin(s, "POST", "/function/f/count", "Content-Length: 10\r\n") as c:
			c.sendall(b"12345")
			equal(read_all(c), b"", "nor a body")
		with begin(s, "POST", "/system/functions", "Content-Length: 10\r\n") as c:
			c.sendall(b"12345")
			equal(read_all(c), b"", "of /system neither")
		with socket.socket() as c:
			c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
			c.settimeout(60)
			c.connect(("127.0.0.1", s.port))
			c.sendall(f"GET /function/f/big/{50 * MIB} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
			s.line("GET /function/f/big.* cut ")
			ok(len(read_all(c)) < 50 * MIB, "a client that takes nothing of its answer is cut")
		gate = Gate(s, "long")
		request, at = gate.hold(s, "f")
		with begin(s, "POST", "/function/f/count", "Content-Length: 10\r\n") as c: # its end comes behind the timeout
			c.sendall(b"12345")
			read_all(c)
		at.open()
		equal(request.get().status, 200, "one that waits for its answer is not")
		equal(s.balance(), 0, "accepted = answered + refused + aborted")


def many(s):
	"""More requests of one instance than idle connections are kept: that is no reason to close those in use."""
	s.deploy("many", concurrency=MANY + 10, max_instances=1)
	gate = Gate(s, "many")
	clients = [s.connect() for _ in range(MANY)]
	for c in clients:
		c.sendall(f"GET /function/many/gate{gate.path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
	held = [gate.arrival() for _ in clients]
	threads = {s.get("/function/many/thread").text for _ in range(10)}
	ok(len(threads) < 5, f"beside {MANY} requests a connection is used again", str(threads))
	for h in held:
		h.open()
	equal({read_all(c)[:12] for c in clients}, {b"HTTP/1.1 200"}, "which are answered")
	for c in clients:
		c.close()


def main():
	with Server() as s:
		equal(s.image("plain").status, 201, "an image")
		equal(s.deploy("f").status, 202, "a function")
		s.deploy("slow")
		passing(s)
		headers(s)
		connections(s)
		refusals(s)
		bodies(s)
		slow_reader(s)
		conversation(s)
		limits(s)
		many(s)
		equal(s.balance(), 0, "accepted = answered + refused + aborted")
		equal(s.stop(), 0, "it ends")
	late_heads()
	finish()


main()
