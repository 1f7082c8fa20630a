# SPDX-License-Identifier: Apache-2.0
"""A storm: many clients with requests of all kinds, instances that come to harm, operators that change everything, all by
chance. A model (storm_model.py) says what each request may end with; afterwards nothing is left. In rounds:

	UKVMM_STORM_SEED    of the first round; the next one's is one more. Each is printed. Else 1, or any where so many
	UKVMM_STORM_ROUNDS  rounds are wanted; 0: without end
	UKVMM_STORM_CLIENTS at the same time
	UKVMM_STORM_EVENTS  a file for what happened in a round that went wrong
"""

import asyncio
import os
import random
import socket
import time

from faas import LIMIT, Server, equal, finish, ok
from storm_client import Connection, exchange, finish_sending, send_request
from storm_model import World, judge, make
from storm_trouble import Function, Trouble

ROUNDS = int(os.environ.get("UKVMM_STORM_ROUNDS", "4"))
SEED = int(os.environ.get("UKVMM_STORM_SEED") or
	(random.SystemRandom().randrange(1 << 31) if "UKVMM_STORM_ROUNDS" in os.environ else 1))
CLIENTS = int(os.environ.get("UKVMM_STORM_CLIENTS", "24"))
FUNCTIONS = (
	Function("one", max_instances=2),
	Function("wide", max_instances=2, concurrency=3),
	Function("once", max_instances=3, single_use="true"),
	Function("tight", may={503}, max_instances=1, queue=3),
	Function("brief", max_instances=3, idle_timeout="20ms", ready="callback", cmdline="ready=callback"),
	Function("warm", max_instances=3, min_warm=1, concurrency=2, ready="tcp"),
)
ROOM = "520M"  # for eight instances


class Doorman:
	"""Lets instances of the image "slow" start, each after a while."""

	def __init__(self, path):
		self.socket = socket.socket(socket.AF_UNIX)
		self.socket.bind(path)
		self.socket.listen(256)

	async def open(self, chance):
		async def come(_, writer):
			try:
				await asyncio.sleep(chance.random() * 0.1)
				writer.write(b"1")
				await writer.drain()
			except (OSError, asyncio.CancelledError):
				pass  # it was killed meanwhile, or the round is over: it ends
			finally:
				writer.close()

		return await asyncio.start_unix_server(come, sock=self.socket.dup())


class Round:
	def __init__(self, server, seed):
		self.s, self.seed, self.chance, self.world = server, seed, random.Random(seed), World()
		self.results, self.events, self.clients = [], [], 0
		self.since = time.monotonic()
		self.trouble = Trouble(server, self.world, FUNCTIONS, random.Random(seed + (1 << 32)), self.say)

	def say(self, what):
		self.events.append(f"{time.monotonic() - self.since:.3f} {what}")

	def plan(self, chance, client, n):
		function = chance.choice(FUNCTIONS)
		p = make(chance, f"{self.seed}-{client}-{n}", function.name, True)
		if p.harms and p.leaves:
			p.leaves = None
		return p

	async def one(self, connection, plan, sent=False):
		self.say(f"begin {plan}")
		result = await exchange(connection, plan, sent)
		self.say(f"end {plan.id}: {result}")
		self.results.append((plan, result))
		return result

	async def pipelined(self, connection, plans):
		"""All of them sent at once, answered one after the other."""
		async def all_of_them():
			for p in plans:
				await send_request(connection, p)

		sender = asyncio.ensure_future(all_of_them())
		for p in plans:
			if connection.usable:
				await self.one(connection, p, True)
		await finish_sending(connection, sender)
		# those behind one that was cut have no answer: nobody has promised them one

	async def client(self, number):
		chance = random.Random(self.seed * 1000 + number)
		await asyncio.sleep(chance.random() * 0.2)
		connection, n = Connection(self.s.port, chance), chance.randint(1, 6)
		await connection.open()
		while n > 0:
			if not connection.usable:
				connection.close()
				connection = Connection(self.s.port, chance)
				await connection.open()
			plans = [self.plan(chance, number, n - i) for i in range(min(n, chance.choice((1, 1, 1, 1, 2, 3))))]
			n -= len(plans)
			if len(plans) > 1 and not any(p.leaves or p.expects or p.fails or "now" in p.steps for p in plans):
				await self.pipelined(connection, plans)
				continue
			for p in plans:
				if connection.usable:
					await self.one(connection, p)
		connection.close(chance.choice(("close", "reset")))

	async def play(self, doorman):
		doors = await doorman.open(random.Random(self.seed))
		trouble = [asyncio.ensure_future(act(lambda: clients.done())) for act in (self.trouble.faults, self.trouble.operations)]
		clients = asyncio.gather(*[self.client(i) for i in range(CLIENTS)])
		try:
			await asyncio.wait_for(clients, LIMIT)
			await asyncio.wait_for(asyncio.gather(*trouble), LIMIT)
		finally:
			doors.close()

	def read_log(self):
		"""Up to now: a request that nobody answers is its end."""
		mark = f"mark-{self.seed}-{time.monotonic_ns()}"
		self.s.get(f"/function/nobody/{mark}")
		before = len(self.s.seen)
		self.s.line(mark)
		for line in self.s.seen[before:]:
			self.world.line(line)
		del self.s.seen[:]

	def read_journal(self, path):
		for line in open(path) if os.path.exists(path) else ():
			id, name, _ = line.split()
			self.world.served.setdefault(id, []).append(name)

	def harms(self):
		"""Who got a request that harms is a victim, from its first moment."""
		for plan, _ in self.results:
			if plan.harms:
				self.world.victims.update(self.world.served.get(plan.id, ()))

	def judge(self):
		may = {f.name: f for f in FUNCTIONS}
		wrong = list(self.trouble.wrong)
		for plan, result in self.results:
			why = judge(plan, result, self.world, may[plan.function])
			if why:
				log, given = self.world.over.get(plan.id), self.world.served.get(plan.id)
				wrong.append(f"{plan}\n#   ended with {result}: {why}; log {log}, given to {given}")
		return wrong + [f"{id} was told as over more than once" for id in self.world.twice]


def quiet(s):
	"""Nothing is under way. True, or what is left."""
	end = time.monotonic() + LIMIT
	while True:
		functions = s.get("/system/functions").json()
		left = [(f["name"], u["inflight"], u["queued"]) for f in functions for u in (f["ukvmm"],) if u["inflight"] or u["queued"]]
		m = s.metrics()
		if not left and m["http_requests_in_flight"] == 0 and m["ukvmm_connections"] <= 1 and s.balance() == 0:
			return True
		if time.monotonic() > end:
			return f"{left} {m['http_requests_in_flight']} in flight, {m['ukvmm_connections']} connections, balance {s.balance()}"


def run_round(s, doorman, seed):
	r = Round(s, seed)
	journal = os.path.join(s.state, "journal")
	if os.path.exists(journal):
		os.unlink(journal)
	try:
		asyncio.run(r.play(doorman))
		late = None
	except ConnectionRefusedError as e:
		raise RuntimeError(f"seed {seed}: the server has ended: {s.process.wait(LIMIT)}") from e
	except asyncio.TimeoutError:
		ended = {p.id for p, _ in r.results}
		late = [e for e in r.events if " begin " in e and e.split()[2].rstrip(":") not in ended]
	r.read_log()
	r.read_journal(journal)
	r.harms()
	left = True if late else quiet(s)
	wrong = r.judge()
	if late:
		wrong.append(f"requests that hang: {late}\n#   {s.instances()}\n#   {s.get('/system/functions').text}")
	if left is not True:
		wrong.append(f"left: {left}")
	kinds = {}
	for _, result in r.results:
		kinds[result.status] = kinds.get(result.status, 0) + 1
	ok(not wrong, f"seed {seed}: {len(r.results)} requests", "\n# ".join(wrong))
	print(f"# {time.monotonic() - r.since:.1f} s, ended with {kinds}", flush=True)
	if wrong and os.environ.get("UKVMM_STORM_EVENTS"):
		with open(os.environ["UKVMM_STORM_EVENTS"], "w") as f:
			f.write("\n".join(r.events + ["LOG"] + s.seen))
	return not wrong


def nothing_left(s, before):
	for f in FUNCTIONS:
		s.ask("DELETE", "/system/functions", {"functionName": f.name})
	end = time.monotonic() + LIMIT
	while (s.instances() or s.metrics()["ukvmm_connections"] > 1) and time.monotonic() < end:
		pass
	equal(s.instances(), [], "no instance is left")
	equal(s.children(), [], "no process")
	ok(s.fds() <= before, "no descriptor", f"{before} {s.fds()}")
	equal(s.balance(), 0, "requests balance")


def main():
	with Server("--memory", ROOM) as s:
		doorman = Doorman(os.path.join(s.state, "doorman"))
		journal = f"journal={os.path.join(s.state, 'journal')}"
		s.image("plain", journal)
		s.image("slow", f"{journal} start={os.path.join(s.state, 'doorman')}")
		s.get("/healthz")
		before = s.fds()
		for f in FUNCTIONS:
			equal(s.deploy(f.name, image="plain", memory="64M", **f.settings).status, 202, f"function {f.name}")
			f.settings["memory"] = "64M"
		seed, well = SEED, True
		while well and (ROUNDS == 0 or seed < SEED + ROUNDS):
			well = run_round(s, doorman, seed)
			seed += 1
		if well:
			nothing_left(s, before)
			equal(s.stop(), 0, "it ends")
	finish()


main()
