# SPDX-License-Identifier: Apache-2.0
"""Instances and clients that do what they should not: whose fault it is, and that nothing is lost or left behind.

Other faults are tried elsewhere: an instance that is never ready, races for the last slot, one that hangs (dispatch); what
is no HTTP request, slow clients, bodies that are longer than memory (http); a full disk, 5,000 connections, bursts beyond the
pool (limits); no tap, no broker (vm); server and broker killed under load (crash); the clock (clock); all at once (mixed).
"""

import os
import re
import select
import signal
import socket
import struct

from faas import Background, Gate, Server, equal, finish, ok, read_all, read_until


def instances_of(s, function):
	return [i for i in s.instances() if i["function"] == function]


def answers(s):
	# of one that dies the end of its connection is heard, or its own
	for path, texts in (("die", ("ended", "broke off")), ("close", ("broke off",)), ("garbage", ("not answer with HTTP",)),
			("endless", ("not answer with HTTP",)), ("die-in-body", ())):
		if not texts:
			try:
				got = s.get("/function/f/" + path)
				ok(got.status == 502, f"{path}: 502, or an answer that is cut", str(got))
			except Exception as e:
				ok("IncompleteRead" in type(e).__name__, f"{path}: 502, or an answer that is cut", repr(e))
			continue
		got = s.get("/function/f/" + path)
		ok(got.status == 502 and any(text in got.text for text in texts) and got.headers["X-OpenFaaS-Internal"] == "proxy",
			f"{path}: 502", str(got))
		ok("last words" not in got.text, "its last words are not the client's")
	while instances_of(s, "f"): # the next requests are not to meet one that dies
		for i in instances_of(s, "f"):
			s.ask("POST", "/system/scale-function/f", {"replicas": 0})
	while s.instances():  # each is gone, and that was said
		pass
	s.get("/function/nothing/mark")
	s.line("/function/nothing/mark")
	ends = [line for line in s.seen if re.search(r"instance f-\w+ of f: (died|stopped)", line)]
	# of those that died none was taken for one that was stopped, whoever was heard first
	equal(sorted("last words" in line for line in ends if ": died" in line), [False, True], "the two that died did, one with its words")
	got = s.ask("POST", "/function/f/early", b"x" * 1000000)
	equal((got.status, got.text), (413, "too much for me\n"), "an answer before the body was read")
	equal(s.get("/function/f/").status, 200, "the next request is served")


def killed(s):
	"""An instance dies while it waits, and while it works."""
	s.get("/function/f/")
	gate = Gate(s, "killed")
	pid = int(s.get("/function/f/?which").text.split()[1])
	name = s.line(r'GET /function/f/\?which" 200 .* (f-\w+)$').group(1)
	os.kill(pid, signal.SIGKILL)
	s.line(f"{name} of f: died")
	ok(int(s.get("/function/f/").text.split()[1]) != pid, "an idle one is replaced")
	request, _ = gate.hold(s, "f")
	for child in s.children():
		os.kill(child, signal.SIGKILL)
	equal(request.get().status, 502, "one that worked: 502")
	equal(s.get("/function/f/").status, 200, "and the next is served")


def killed_before_ready(s):
	"""An instance ends while it starts: the request that it was started for is told so, the next one starts another."""
	gate = Gate(s, "before-ready")
	s.image("slow", f"start={gate.path}")
	first = Background(s.deploy, "slow", image="slow", max_instances="1")
	gate.arrival().open()
	first.get()
	s.ask("POST", "/system/scale-function/slow", {"replicas": 0})
	while s.describe("slow")["replicas"]:
		pass
	request = Background(s.get, "/function/slow/")
	at = gate.arrival() # kept: it would end by itself with its connection
	os.kill(at.pid(), signal.SIGKILL)
	got = request.get()
	ok(got.status == 502 and "before it was ready" in got.text, "one that is killed before it is ready: 502", str(got))
	request = Background(s.get, "/function/slow/")
	gate.arrival().open()
	equal(request.get().status, 200, "the next is served by another")
	s.ask("DELETE", "/system/functions", {"functionName": "slow"})


def ten_gib(s):
	"""More than anybody has memory for: refused by its length, and passed on in pieces for as long as it is taken."""
	with s.connect() as c:
		c.sendall(b"POST /function/f/count HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (10 << 30))
		ok(b" 413 " in read_until(c, b"\r\n"), "a request of 10 GiB: 413, before any of it is read")
	with s.connect() as c:
		c.sendall(b"GET /function/f/big/%d HTTP/1.1\r\nHost: h\r\n\r\n" % (10 << 30))
		for _ in range(1000):
			c.recv(65536)
		with open(f"/proc/{s.process.pid}/status") as f:
			rss = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
		ok(rss < 256 << 10, "an answer of 10 GiB is not in memory", f"{rss} KiB")
	s.line(r"GET /function/f/big/10737418240.* cut ")
	ok(True, "an answer of 10 GiB ends with its client")


def killed_unheard(s):
	"""Instances die idle, and requests come before the server has heard of it: it is stopped meanwhile."""
	gate = Gate(s, "unheard")
	s.deploy("idle", max_instances=6)
	for round in range(3):
		held = [gate.hold(s, "idle") for _ in range(6)]
		for _, at in held:
			at.open()
		# idle in the first round; in the others some still answer
		equal({r.get().status for r, _ in held}, {200}, "six instances") if round == 0 else None
		ok(len(instances_of(s, "idle")) == 6, "all six idle") if round == 0 else None
		s.process.send_signal(signal.SIGSTOP)
		victims = [os.pidfd_open(child) for child in s.children()]
		for victim in victims:
			signal.pidfd_send_signal(victim, signal.SIGKILL)
			select.select([victim], [], [], 100) # its sockets are closed by then
			os.close(victim)
		requests = [Background(s.get, "/function/idle/") for _ in range(6)]
		requests += [Background(s.ask, "POST", "/function/idle/count", b"x" * 100) for _ in range(2)]
		s.process.send_signal(signal.SIGCONT)
		got = [r.get() for r in requests]
		equal([str(g) for g in got if g.status != 200], [], "no request has met a dead instance")
	s.ask("DELETE", "/system/functions", {"functionName": "idle"})


def refused_before_the_body(s):
	"""An instance takes no connection, and the request's body begins while another one starts: that one gets all of it."""
	gate = Gate(s, "before-the-body")
	s.image("slow", f"start={gate.path}")
	deployed = Background(s.deploy, "slow", image="slow", max_instances=1)
	gate.arrival().open()
	deployed.get()
	for size in (100, 1 << 20):
		s.get("/function/slow/deaf")
		with s.connect() as c:
			c.sendall(b"POST /function/slow/count HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
			another = gate.arrival()
			c.sendall(b"x" * 100)
			while s.unread(c):
				pass
			rest = Background(c.sendall, b"x" * (size - 100))
			another.open()
			answer = read_until(c, b"%d\n" % size)
			ok(b" 200 OK" in answer, f"all of a body of {size} bytes", answer)
			rest.get()
	s.ask("DELETE", "/system/functions", {"functionName": "slow"})


def reset(c):
	c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	c.close()


def clients(s):
	"""A client that leaves: in its head, in its body, while it waits for an instance, for the answer, in the answer."""
	gate = Gate(s, "clients")
	s.image("late", f"start={gate.path}")
	first = Background(s.deploy, "late", image="late", max_instances="1")
	gate.arrival().open()
	first.get()
	s.ask("POST", "/system/scale-function/late", {"replicas": 0})
	while s.describe("late")["replicas"]:
		pass
	phases = {
		"in its head": b"GET /function/f/ HTTP/1.1\r\nHost: h\r\n",
		"in its body": b"POST /function/f/count HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc",
		"waiting for an instance": b"GET /function/late/ HTTP/1.1\r\nHost: h\r\n\r\n",
		"waiting for the answer": b"GET /function/f/stall HTTP/1.1\r\nHost: h\r\n\r\n",
		"in the answer": b"GET /function/f/big/100000000 HTTP/1.1\r\nHost: h\r\n\r\n",
	}
	for name, sent in phases.items():
		c = s.connect()
		c.sendall(sent)
		while s.metrics()["http_requests_in_flight"] < 1:
			pass
		if name == "in the answer":
			read_until(c, b"\r\n\r\n")
		elif name == "waiting for an instance":
			while s.describe("late")["ukvmm"]["queued"] != 1:
				pass
		elif name != "in its head":
			while not any(i["state"] == "busy" for i in instances_of(s, "f")):
				pass
		reset(c)
		s.line(r'" \d+ cut ')
		ok(True, f"a client that leaves {name} is noticed")
	gate.arrival().open()
	while s.describe("f")["ukvmm"]["inflight"] or s.describe("late")["ukvmm"]["queued"]:
		pass
	equal(s.balance(), 0, "and counted")


def leaves_with_its_last_bytes(s):
	"""A part of a body, and the connection's end right behind it: the server finds both at once."""
	for framing in ("Content-Length: 100000", "Transfer-Encoding: chunked"):
		c = s.connect()
		c.sendall(f"POST /function/f/count HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n".encode())
		while not any(i["state"] == "busy" for i in instances_of(s, "f")):
			pass
		s.process.send_signal(signal.SIGSTOP)
		c.sendall(b"1000\r\nabc")
		c.close()
		s.process.send_signal(signal.SIGCONT)
		s.line(r'POST /function/f/count" \d+ cut ')
		ok(True, f"a client that leaves with its last bytes is noticed ({framing})")
		s.process.send_signal(signal.SIGSTOP)
		c = s.connect()
		c.sendall(f"POST /function/f/count HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n".encode())
		c.close()
		s.process.send_signal(signal.SIGCONT)
		s.line(r'POST /function/f/count" \d+ cut ')
		ok(True, "and one that leaves with its head")
	for first, last in ((b"", b"PU"), (b"PUT /function/f/ HTTP/1.1\r\n", b"Host: h\r\nX-Mo")):
		with s.connect() as c:
			c.sendall(first)
			while s.unread(c):
				pass
			s.process.send_signal(signal.SIGSTOP)
			c.sendall(last)
			c.shutdown(socket.SHUT_WR)
			s.process.send_signal(signal.SIGCONT)
			equal(read_all(c), b"", f"and one that sends no more behind {last}")
	while s.describe("f")["ukvmm"]["inflight"]:
		pass
	equal(s.balance(), 0, "and counted")


def many(s):
	"""Connections that do nothing keep nobody else."""
	idle = [s.connect() for _ in range(2000)]
	equal(s.get("/function/f/").status, 200, "2000 idle connections")
	for c in idle:
		c.close()
	while s.metrics()["ukvmm_connections"] > 1:
		pass
	ok(True, "are gone when they are")


def changes_under_load(s):
	s.deploy("load", concurrency=4, env={"V": "1"})
	stop, statuses = [], []

	def hammer():
		while not stop:
			statuses.append(s.get("/function/load/").status)

	threads = [Background(hammer) for _ in range(4)]
	n = 0
	while n < 5 or len(statuses) <= 20:
		n += 1
		got = s.deploy("load", method="PUT", concurrency=4, env={"V": str(n)})
		if got.status != 202:
			ok(False, "redeploy", str(got))
	s.image("dies", "start=die")
	equal(s.deploy("load", image="dies", method="PUT").status, 422, "a revision that does not run")
	equal(s.describe("load")["image"], "plain", "changes nothing")
	stop.append(1)
	for t in threads:
		t.get()
	equal(set(statuses), {200}, f"no request failed")
	stop, after = [], []

	def until_gone():
		while 404 not in after:
			after.append(s.get("/function/load/").status)

	threads = [Background(until_gone) for _ in range(4)]
	while not after:
		pass
	s.ask("DELETE", "/system/functions", {"functionName": "load"})
	for t in threads:
		t.get()
	equal(set(after), {200, 404}, "removed under load: 200, then 404")


def nothing_left(s, before):
	for f in s.get("/system/functions").json():
		s.ask("DELETE", "/system/functions", {"functionName": f["name"]})
	while s.instances() or s.metrics()["ukvmm_connections"] > 1:
		pass
	equal(s.children(), [], "no process is left")
	ok(s.fds() <= before, "no descriptor", f"{before} {s.fds()}")
	equal(s.balance(), 0, "requests balance")


def kill_all(s, function):
	s.ask("POST", f"/system/scale-function/{function}", {"serviceName": function, "replicas": 0})
	while s.describe(function)["replicas"] > 0:
		pass


def drain():
	with Server() as s:
		gate, start = Gate(s, "drain"), Gate(s, "start")
		s.image("plain")
		s.image("late", f"start={start.path}")
		s.deploy("f", max_instances=1, queue_timeout="5m")
		deployed = Background(s.deploy, "late", image="late", start_timeout="5m", queue_timeout="5m")
		start.arrival().open()
		equal(deployed.get().status, 202, "a function that takes its time")
		kill_all(s, "late")
		busy, at = gate.hold(s, "f")
		queued = Background(s.get, "/function/f/")
		while s.describe("f")["ukvmm"]["queued"] != 1:
			pass
		starting = Background(s.get, "/function/late/")
		starter = start.arrival()
		idle = s.connect()
		s.process.send_signal(signal.SIGTERM)
		s.line("ending once")
		equal(s.notify.recv(100), b"STOPPING=1", "systemd is told")
		equal(read_all(idle), b"", "SIGTERM closes idle connections")
		refused = False
		try:
			with s.connect() as c: # who connects from the same port by chance meets himself
				refused = c.getsockname() == c.getpeername()
		except ConnectionRefusedError:
			refused = True
		ok(refused, "takes no new ones")
		ok(s.process.poll() is None, "waits for what is under way")
		at.open()
		got = busy.get()
		equal((got.status, got.headers["Connection"]), (200, "close"), "which is answered")
		equal(queued.get().status, 200, "so is what waited for an instance")
		starter.open()
		equal(starting.get().status, 200, "and what waited for one that started")
		equal(s.process.wait(100), 0, "and ends")


def nothing_to_do():
	"""Nobody was ever there: the end is not a matter of timeouts."""
	with Server("--drain-timeout", "1h") as s:
		equal(s.stop(), 0, "a server without instances ends")


def activation():
	"""A socket that was there before the server: who connects meanwhile is served."""
	listener = socket.create_server(("127.0.0.1", 0))
	port = listener.getsockname()[1]
	early = socket.create_connection(("127.0.0.1", port), timeout=100)
	early.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	os.dup2(listener.fileno(), 3, inheritable=True) if listener.fileno() != 3 else os.set_inheritable(3, True)
	script = '#!/bin/sh\nLISTEN_PID=$$ LISTEN_FDS=1 exec "$REAL" "$@"\n'
	path = f"/tmp/faas-activate-{os.getpid()}"
	with open(path, "w") as f:
		f.write(script)
	os.chmod(path, 0o700)
	try:
		with Server(program=path, env={"REAL": os.environ["FAAS_SERVER"]}, inherit=(3,)) as s:
			equal(s.port, port, "socket activation")
			ok(read_all(early).endswith(b"OK"), "who came before is served")
			equal(s.stop(), 0, "it ends")
	finally:
		os.unlink(path)


def main():
	with Server() as s:
		s.image("plain")
		s.get("/healthz")
		before = s.fds()
		s.deploy("f")
		answers(s)
		killed(s)
		killed_before_ready(s)
		ten_gib(s)
		killed_unheard(s)
		refused_before_the_body(s)
		clients(s)
		leaves_with_its_last_bytes(s)
		many(s)
		changes_under_load(s)
		nothing_left(s, before)
		equal(s.stop(), 0, "it ends")
	drain()
	nothing_to_do()
	activation()
	finish()


main()
