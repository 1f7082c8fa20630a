# SPDX-License-Identifier: Apache-2.0
"""Which request gets which instance, and when there is none. Requests wait at gates, not for times."""

import os
import select
import signal
import time

from faas import Background, Gate, Server, equal, finish, ok, read_all


def slots(s):
	gate = Gate(s, "slots")
	s.deploy("one", max_instances=1)
	a, at = gate.hold(s, "one")
	b = Background(s.get, f"/function/one/gate{gate.path}")
	while s.describe("one")["ukvmm"]["queued"] != 1:
		pass
	equal((s.describe("one")["replicas"], s.describe("one")["ukvmm"]["inflight"]), (1, 1), "one instance, one slot")
	at.open()
	equal(a.get().status, 200, "the first is answered")
	gate.arrival().open()
	equal(b.get().text, a.get().text, "then the one that waited, by the same instance")

	s.deploy("two", concurrency=2, max_instances=1)
	held = [gate.hold(s, "two") for _ in range(2)]
	equal(s.describe("two")["ukvmm"]["inflight"], 2, "two slots of one instance")
	equal(len(release(held)), 1, "which answers both")

	s.deploy("many")
	held = [gate.hold(s, "many") for _ in range(3)]
	equal(s.describe("many")["availableReplicas"], 3, "as many instances as requests")
	equal(len(release(held)), 3, "each by its own")
	equal(len({s.get("/function/many/").text for _ in range(5)}), 1, "one after the other by one")

	s.deploy("balanced", concurrency=4, min_warm=2)
	while s.describe("balanced")["availableReplicas"] != 2:
		pass
	held = [gate.hold(s, "balanced") for _ in range(4)]
	equal(sorted(i["inflight"] for i in s.instances() if i["function"] == "balanced"), [2, 2],
		"the least loaded takes the next")
	release(held)


def at_once(s, request, n):
	"""All are there before the server, which is stopped meanwhile, sees the first: their statuses."""
	s.process.send_signal(signal.SIGSTOP)
	clients = [s.connect() for _ in range(n)]
	for c in clients:
		c.sendall(request)
	s.process.send_signal(signal.SIGCONT)
	answers = [read_all(c).split(b" ")[1] for c in clients]
	for c in clients:
		c.close()
	return answers


def release(held):
	"""What was answered, without doubles."""
	for _, at in held:
		at.open()
	return {request.get().text for request, _ in held}


def single_use(s):
	s.deploy("once", single_use="true", idle_timeout="1h")
	equal(len({s.get("/function/once/").text for _ in range(5)}), 5, "single-use: a fresh instance each")
	together = [Background(s.get, "/function/once/") for _ in range(20)]
	equal(len({r.get().text for r in together}), 20, "also for twenty at once")
	while s.describe("once")["replicas"] > 0:
		pass
	ok(True, "none of them stays")


def queue_limits(s):
	gate = Gate(s, "queue")
	s.deploy("full", max_instances=1, queue=1)
	a, at = gate.hold(s, "full")
	b = Background(s.get, "/function/full/")
	while s.describe("full")["ukvmm"]["queued"] != 1:
		pass
	c = s.get("/function/full/")
	equal((c.status, c.headers["Retry-After"]), (503, "1"), "a full queue: 503")
	at.open()
	equal((a.get().status, b.get().status), (200, 200), "who has an instance or a place keeps it")
	s.deploy("short", max_instances=1, queue_timeout="300ms")
	a, at = gate.hold(s, "short")
	b = s.get("/function/short/")
	equal((b.status, b.headers["Retry-After"]), (503, "1"), "a place in the queue ends with its deadline")
	at.open()
	equal(a.get().status, 200, "an instance does not")
	s.deploy("bounded", max_inflight=1)
	a, at = gate.hold(s, "bounded")
	b = s.get("/function/bounded/")
	equal((b.status, b.headers["Retry-After"]), (429, "1"), "max-inflight: 429")
	at.open()
	a.get()
	s.deploy("rated", rate=1)
	answers = at_once(s, b"GET /function/rated/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 20)
	ok(set(answers) == {b"200", b"429"}, "rate: 429", str(answers))
	s.deploy("slow", timeout="200ms")
	(name,) = [i["name"] for i in s.instances() if i["function"] == "slow"]
	equal(s.get("/function/slow/stall").status, 504, "timeout: 504")
	s.line(f"{name} of slow: stopped")
	ok(True, "an instance that hangs is not used again")


def starts(s):
	s.image("dies", "start=die")
	s.image("never", "start=never")
	gate = Gate(s, "start")
	s.image("gated", f"start={gate.path}")
	got = s.deploy("dies", image="dies")
	ok(got.status == 422 and "I cannot start" in got.text, "a deploy whose instance dies says its last words", str(got))
	equal(s.get("/function/dies/").status, 404, "and is not there")
	got = s.deploy("never", image="never", start_timeout="200ms")
	ok(got.status == 422 and "in time" in got.text, "one that is never ready", str(got))
	deploy = Background(s.deploy, "gated", image="gated")
	gate.arrival().open()
	equal(deploy.get().status, 202, "one that is ready late")
	kill_all(s, "gated")
	waiting = Background(s.get, "/function/gated/")
	gate.arrival().open()
	equal(waiting.get().status, 200, "a request waits for it")
	equal(s.deploy("called", image="callback", ready="callback").status, 202, "ready by the callback")
	equal(s.get("/function/called/").status, 200, "serves")
	equal(s.get("/ready/0123456789abcdef0123456789abcdef").status, 404, "a token of nobody")
	equal(s.deploy("probed", ready="tcp").status, 202, "ready by a connect")
	equal(s.get("/function/probed/").status, 200, "serves, too")
	late = Background(s.deploy, "late", image="gated", ready="tcp")
	at = gate.arrival()
	equal([i["state"] for i in s.instances() if i["function"] == "late"], ["starting"], "one that refuses connects is not ready")
	at.open()
	equal(late.get().status, 202, "until it takes them")
	equal(s.get("/function/late/").status, 200, "and serves")


def kill_all(s, function):
	s.ask("POST", f"/system/scale-function/{function}", {"serviceName": function, "replicas": 0})
	while s.describe(function)["replicas"] > 0:
		pass


def scaling(s):
	s.deploy("idle", idle_timeout="100ms")
	s.get("/function/idle/")
	s.line("of idle: idle")
	while s.describe("idle")["replicas"] > 0:
		pass
	ok(s.get("/function/idle/").status == 200, "idle instances go, and come back")
	s.deploy("warm", min_warm=2, idle_timeout="50ms")
	while s.describe("warm")["availableReplicas"] != 2:
		pass
	s.get("/function/warm/")
	equal(s.describe("warm")["replicas"], 2, "min-warm")
	equal(s.ask("POST", "/system/scale-function/warm", {"serviceName": "warm", "replicas": 4}).status, 202, "scale up")
	while s.describe("warm")["availableReplicas"] != 4:
		pass
	s.ask("POST", "/system/scale-function/warm", {"serviceName": "warm", "replicas": 2})
	while s.describe("warm")["replicas"] != 2:
		pass
	ok(True, "and down")
	equal(s.ask("POST", "/system/scale-function/warm", {"replicas": 101}).status, 400, "not beyond max-instances")


def of(s, function, state=None):
	return [i for i in s.instances() if i["function"] == function and state in (None, i["state"])]


def stands(pid):
	"""Soon: a signal is on its way first."""
	end = time.monotonic() + 100
	while time.monotonic() < end:
		with open(f"/proc/{pid}/stat") as f:
			if f.read().rsplit(")", 1)[1].split()[0] == "T":
				return True
	return False


def hang(s, function):
	"""An instance that runs into a request's timeout: (its process, its name as the one that is kept)."""
	pid = int(s.get(f"/function/{function}/").text.split()[1])
	equal(s.get(f"/function/{function}/stall").status, 504, "a request runs into its timeout")
	return pid, s.line(rf"instance (\S+) of {function}: kept").group(1)


def wait_end(s, name):
	while name in [i["name"] for i in s.instances()]:
		pass


def kept(s):
	"""on-timeout=keep: the last one that hung stands still until somebody ends it."""
	equal(s.deploy("bad", on_timeout="never").status, 400, "on-timeout: end or keep")
	s.deploy("hung", on_timeout="keep", timeout="3s", max_instances="1")
	first, name = hang(s, "hung")
	equal([i["name"] for i in of(s, "hung", "kept")], [name], "ps has it as kept")
	ok(stands(first), "it stands still")
	d = s.describe("hung")
	equal((d["replicas"], d["ukvmm"]["kept"]), (0, 1), "it is no replica any more")
	ok(s.metrics()["ukvmm_memory_committed_bytes"] >= 128 << 20, "but its memory counts")
	second, name2 = hang(s, "hung")
	ok(second != first, "others serve, also at max-instances")
	while len(of(s, "hung")) > 1:
		pass
	equal([i["name"] for i in of(s, "hung")], [name2], "the next one is kept in its place")
	s.deploy("hung", method="PUT", on_timeout="keep", timeout="3s", env={"V": "2"})
	equal(len(of(s, "hung", "kept")), 1, "it outlives a deploy")
	equal(s.ask("DELETE", "/system/instances/nobody").status, 404, "end: an instance that is not there")
	if "end" in s.command("--help")[1]:
		equal(s.command("end", name2)[0], 0, "end: the command")
		wait_end(s, name2)
		ok(not os.path.exists(f"/proc/{second}"), "ends it")
	for how, call in (("scale", lambda: s.ask("POST", "/system/scale-function/hung", {"replicas": 1})),
			("remove", lambda: s.ask("DELETE", "/system/functions", {"functionName": "hung"}))):
		pid, name = hang(s, "hung")
		call()
		wait_end(s, name)
		ok(not os.path.exists(f"/proc/{pid}"), f"{how} ends it, too")


def kept_with_others(s):
	"""Two requests at once, both late: the second one ends with its own 504, and only then the instance stands still."""
	s.deploy("several", on_timeout="keep", timeout="3s", concurrency=2)
	pid = int(s.get("/function/several/").text.split()[1])
	late = [Background(s.get, "/function/several/stall") for _ in range(2)]
	equal({r.get().status for r in late}, {504}, "each request has its own timeout")
	s.line("of several: kept")
	ok(stands(pid) and not of(s, "several", "busy"), "it is kept once it has none any more")
	equal(s.get("/function/several/").status, 200, "another one serves")


def hung_with_others(s):
	"""With concurrency: one that answers nobody is replaced; one that answers others is not."""
	s.deploy("wide", timeout="3s", concurrency=4, max_instances=1) # in which one more is answered, on a busy machine, too
	pid = s.get("/function/wide/").text
	late = Background(s.get, "/function/wide/stall")
	while not [i for i in of(s, "wide") if i["inflight"] == 1]:
		pass
	equal(s.get("/function/wide/").text, pid, "an instance answers one request")
	equal(late.get().status, 504, "while another one of it hangs")
	equal(s.get("/function/wide/").text, pid, "it serves on")
	equal(s.get("/function/wide/stall").status, 504, "if it answers nobody for so long")
	ok(s.get("/function/wide/").text != pid, "it is replaced")


def impatient(s):
	"""Nobody waits for a request's timeout: an instance that hangs is found all the same."""
	s.deploy("impatient", timeout="1s", max_instances=1)
	first = names = [i["name"] for i in of(s, "impatient")]
	left = 0
	while names in ([], first):
		with s.connect() as c:
			c.sendall(b"GET /function/impatient/stall HTTP/1.1\r\nHost: h\r\n\r\n")
			# or until its answer: on a busy machine we may be as late as its timeout
			while s.describe("impatient")["ukvmm"]["inflight"] + s.describe("impatient")["ukvmm"]["queued"] == 0 and not select.select(
					[c], [], [], 0)[0]:
				pass
		names = [i["name"] for i in of(s, "impatient")]
		left += 1
		s.line('GET /function/impatient/stall" ')
	ok(left > 0, f"it is replaced after {left} clients have left")
	equal(s.get("/function/impatient/").status, 200, "by one that serves")


def end_busy(s):
	gate = Gate(s, "busy")
	s.deploy("busy", max_instances=1)
	request, at = gate.hold(s, "busy")
	equal(s.ask("DELETE", "/system/instances/" + of(s, "busy")[0]["name"]).status, 202, "one that works is ended")
	equal(request.get().status, 502, "its request is told so")
	at.open()
	equal(s.get("/function/busy/").status, 200, "the next has another one")


def memory():
	"""Room for two instances (64 MiB, and 1 MiB beside it)."""
	with Server("--memory", "135M", "--starting", "1") as s:
		s.image("plain")
		gate = Gate(s, "memory")
		for name in ("a", "b"):
			equal(s.deploy(name, memory="64M").status, 202, f"function {name}")
		equal(s.deploy("big", memory="1G").status, 400, "one that can never fit")
		equal(s.deploy("hasty", memory="64M", queue_timeout="300ms").status, 202, "one that does not wait for long")
		ok(any(" 135 MiB for instances" in line for line in s.seen), "the limit is said", str(s.seen))
		a = [gate.hold(s, "a") for _ in range(2)]
		equal([i["function"] for i in s.instances()], ["a", "a"], "an idle instance made room")
		got = s.get("/function/hasty/")
		equal((got.status, got.headers["Retry-After"]), (503, "1"), "no memory in time: 503")
		b = Background(s.get, "/function/b/")
		while s.describe("b")["ukvmm"]["queued"] != 1:
			pass
		more = [Background(s.get, f"/function/a/gate{gate.path}") for _ in range(10)]
		while s.describe("a")["ukvmm"]["queued"] != 10:
			pass
		a[0][1].open()
		equal(b.get().status, 200, "an instance that gets free goes to the function that has none, not to the flood")
		a[1][1].open()
		for _ in range(10):
			gate.arrival().open()
		equal({r.get().status for r in more} | {r.get().status for r, _ in a}, {200}, "which is served, too")
		m = s.metrics()
		ok(m["ukvmm_memory_committed_bytes"] <= m["ukvmm_memory_limit_bytes"], "the limit is one")
		s.deploy("looked", memory="64M", on_timeout="keep", timeout="3s")
		hang(s, "looked")
		a = [gate.hold(s, "a") for _ in range(2)]
		ok(not of(s, "looked"), "one that is kept makes room, too")
		for _, at in a:
			at.open()
		equal({r.get().status for r, _ in a}, {200}, "for those that serve")
		equal(s.balance(), 0, "requests balance")


def weights():
	"""Room for four instances. Two floods share them by weight, whoever had them first."""
	with Server("--memory", "260M", "--starting", "1") as s:
		s.image("plain")
		gates = {name: Gate(s, name) for name in ("heavy", "light")}
		for name, weight in (("heavy", 300), ("light", 100)):
			equal(s.deploy(name, memory="64M", weight=weight, idle_timeout="1h", queue_timeout="5m").status, 202, f"function {name}")
		flood = lambda name, n: [Background(s.get, f"/function/{name}/gate{gates[name].path}") for _ in range(n)]
		requests, held = flood("light", 4), {"heavy": [], "light": []}
		for _ in range(4):
			held["light"].append(gates["light"].arrival())
		for name in ("heavy", "light"):
			requests += flood(name, 6)
			while s.describe(name)["ukvmm"]["queued"] != 6:
				pass

		def turn(name, follower):
			"""One of name's requests ends, and then one of follower's has an instance."""
			held[name].pop(0).open()
			held[follower].append(gates[follower].arrival())
			return {f: len(h) for f, h in held.items()}

		equal([turn("light", "heavy") for _ in range(3)][-1], {"heavy": 3, "light": 1},
			"instances go to the function with three times the weight until it has three")
		equal([turn(name, name) for name in ("light", "heavy", "heavy", "heavy")][-1], {"heavy": 3, "light": 1},
			"from then on each keeps its own")
		equal(sorted(i["function"] for i in s.instances() if i["state"] == "busy"), ["heavy"] * 3 + ["light"], "as ps says")
		for name, left in (("heavy", 0), ("light", 5)):
			for at in held[name]:
				at.open()
		for _ in range(5):
			gates["light"].arrival().open()
		equal({r.get().status for r in requests}, {200}, "all are served")
		equal(s.balance(), 0, "requests balance")


def race(s):
	"""Two at once for the last slot, again and again: one is served, the other waits or is told so; nobody is lost."""
	s.deploy("race", max_instances=1, queue=1)
	statuses = []
	for _ in range(50):
		pair = [Background(s.get, "/function/race/") for _ in range(3)]
		statuses += [p.get().status for p in pair]
	ok(set(statuses) <= {200, 503} and statuses.count(200) >= 50, "races for the last slot", str(statuses))


def main():
	with Server() as s:
		s.image("plain")
		s.image("callback", "ready=callback")
		slots(s)
		single_use(s)
		queue_limits(s)
		starts(s)
		scaling(s)
		race(s)
		kept(s)
		kept_with_others(s)
		hung_with_others(s)
		impatient(s)
		end_busy(s)
		m = s.metrics()
		ok(m['ukvmm_cold_start_seconds_count{function_name="once",phase="all"}'] >= 20, "the timeline of cold starts")
		equal(m['gateway_function_invocation_total{function_name="once",code="200"}'], 25, "invocations are counted")
		equal(s.balance(), 0, "requests balance")
		equal(s.stop(), 0, "it ends")
	memory()
	weights()
	finish()


main()
