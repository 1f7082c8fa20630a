# SPDX-License-Identifier: Apache-2.0
"""Two things at once, in the order in which they went wrong: what the storm (storm.test.py) or a reader found, one by one."""

import os
import re
import signal
import socket

from faas import Background, Gate, Server, equal, finish, ok, read_all


def journal(s):
	return os.path.join(s.state, "journal")


def asked(s, id):
	"""How many instances' reads of this request there were."""
	with open(journal(s)) as f:
		return sum(line.split()[0] == id for line in f)


def not_twice(s):
	"""An instance closes a connection that was used before, without an answer: it may have done what it was asked for."""
	s.deploy("once", max_instances=1)
	for id, body in (("empty", b""), ("with-body", b"x" * 100)):
		s.get("/function/once/")
		equal(s.ask("POST", f"/function/once/play/{id}/close", body).status, 502, f"POST, {id}: 502")
		equal(asked(s, id), 1, "it is not sent once more")
	s.get("/function/once/")
	equal(s.get("/function/once/play/get/close").status, 502, "GET: 502")
	ok(asked(s, "get") <= 2, "which may be repeated")


def served_during_a_deploy(s, gate):
	"""A request comes while the first instance of a new revision starts, and there is none of the old one."""
	s.deploy("old", idle_timeout="20ms")
	while s.describe("old")["replicas"]:
		pass
	deployed = Background(s.deploy, "old", image="slow", method="PUT")
	at = gate.arrival()
	equal(s.get("/function/old/").status, 200, "the old revision serves until the new one is ready")
	at.open()
	equal(deployed.get().status, 202, "which it is then")


def scaled_during_a_deploy(s, gate):
	s.deploy("scaled")
	deployed = Background(s.deploy, "scaled", image="slow", method="PUT")
	at = gate.arrival()
	equal(s.ask("POST", "/system/scale-function/scaled", {"replicas": 0}).status, 202, "scaled to 0 during a deploy")
	at.open()
	equal(deployed.get().status, 202, "which is not ended by that")
	s.ask("DELETE", "/system/functions", {"functionName": "scaled"})


def answers_before_it_reads(s):
	"""The answer is complete, and the instance takes no more of the request; it waits, or closes."""
	s.deploy("early", timeout="5m")
	for status in (200, 413):
		for then in ("stall", "close"):
			got = s.ask("POST", f"/function/early/play/early/now:{status},{then}", b"x" * (8 << 20))
			equal((got.status, got.text), (status, str(status)), f"an answer of {status}, then it does {then}")


def others_of_a_deaf_one(s):
	"""An instance that takes no more connections still answers what it has."""
	gate = Gate(s, "deaf")
	s.deploy("deaf", concurrency=4, max_instances=1)
	request, at = gate.hold(s, "deaf")
	s.get("/function/deaf/deaf")
	(first,) = [i["name"] for i in s.instances() if i["function"] == "deaf"]
	next_one = Background(s.get, "/function/deaf/")
	while s.describe("deaf")["ukvmm"]["queued"] != 1:
		pass
	at.open()
	equal(request.get().status, 200, "the request that it has")
	equal(next_one.get().status, 200, "and the next one, by another")
	ok(first not in [i["name"] for i in s.instances() if i["state"] != "ending"], "it is not used again")


def admitted_once(s):
	"""A request that finds its instance deaf asks for another one: a rate does not count it twice."""
	s.deploy("rated", rate=1, max_instances=1)
	while s.get("/function/rated/deaf").status == 429:
		pass
	while s.get("/function/rated/?after").status == 429:
		pass
	s.get("/function/nobody/mark")
	s.line("/function/nobody/mark")
	refused = [line for line in s.seen if re.search(r'/function/rated/\?after" 429 .* rated-\w+$', line)]
	equal(refused, [], "none that had an instance was refused for the rate")


def heads(s):
	"""HEAD, where the length is not known: nothing is behind the head."""
	s.deploy("head")
	got = s.raw(b"HEAD /function/head/play/head/chunks:1000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	head, behind = got.split(b"\r\n\r\n", 1)
	ok(head.startswith(b"HTTP/1.1 200 ") and b"Content-Length" not in head and behind == b"", "an answer to HEAD has no body", got)
	got = s.raw(b"HEAD /function/head/play/head/big:1000 HTTP/1.1\r\nHost: h\r\n\r\n" * 2 +
		b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	equal((got.count(b"HTTP/1.1 200 OK"), got.count(b"Content-Length: 1000")), (3, 2), "one of known length keeps the connection")


def leaves_at_once(s):
	"""A request, or a part of its head, and the connection's end right behind it: the server finds both at once."""
	for sent in (b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: h\r\n"):
		s.process.send_signal(signal.SIGSTOP)
		with s.connect() as c:
			c.sendall(sent)
			c.shutdown(socket.SHUT_WR)
			s.process.send_signal(signal.SIGCONT)
			got = read_all(c)
			ok(got == b"" or got.endswith(b"OK"), f"a client that leaves behind {len(sent)} bytes is let go", got)
	while s.metrics()["ukvmm_connections"] > 1:
		pass
	ok(True, "no connection stays behind")


def many_that_do_not_fit(s):
	"""Requests whose headers no instance is given wait in a queue, and all get a slot at once."""
	gate = Gate(s, "many")
	s.deploy("many", max_instances=1)
	request, at = gate.hold(s, "many")
	head = b"GET /function/many/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + b"".join(b"a%d: b\r\n" % i for i in range(140))
	waiting = [Background(s.raw, head + b"\r\n") for _ in range(200)]
	while s.describe("many")["ukvmm"]["queued"] != len(waiting):
		pass
	at.open()
	equal(request.get().status, 200, "the one before them")
	equal({w.get()[:12] for w in waiting}, {b"HTTP/1.1 431"}, "each is told so")
	equal(s.get("/function/many/").status, 200, "and the next is served")


def room():
	"""Memory for one instance: whoever waits gets it as soon as the other function's is idle."""
	with Server("--memory", "70M") as s:
		gate = Gate(s, "room")
		s.image("plain")
		for name in ("a", "b"):
			s.deploy(name, memory="64M")
		request, at = gate.hold(s, "a")
		waiting = Background(s.get, "/function/b/")
		while s.describe("b")["ukvmm"]["queued"] != 1:
			pass
		at.open()
		equal(request.get().status, 200, "an instance becomes idle")
		equal(waiting.get().status, 200, "and makes room for another function's")


def main():
	with Server() as s:
		gate = Gate(s, "start")
		s.image("plain", f"journal={journal(s)}")
		s.image("slow", f"start={gate.path}")
		s.get("/healthz")
		not_twice(s)
		served_during_a_deploy(s, gate)
		scaled_during_a_deploy(s, gate)
		answers_before_it_reads(s)
		others_of_a_deaf_one(s)
		admitted_once(s)
		heads(s)
		leaves_at_once(s)
		many_that_do_not_fit(s)
		equal(s.balance(), 0, "requests balance")
		equal(s.stop(signal.SIGTERM), 0, "it ends")
	room()
	finish()


main()
