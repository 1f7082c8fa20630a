# SPDX-License-Identifier: Apache-2.0
"""The storm's model: what a request may end with, by what it asks for and by what was done to it meanwhile."""

import re
import zlib

from storm_client import CUT, LEFT

KIB, MIB = 1 << 10, 1 << 20
PATTERN = bytes(range(251)) * 16711  # as function_play.c makes it, a little more than 4 MiB
LINE = re.compile(r'^request \S+ "(\S+) /function/[^/]+/play/([^/]+)/\S*" (\d+)( cut)? \S+ \d+ \d+ (\S+) (\S+)$')
EVENT = re.compile(r"^instance (\S+) of (\S+): (\w+)")


class Plan:
	"""A request, and how its client behaves. steps: function_play.c's. wanted: (status, body), or what it fails with."""

	def __init__(self, chance, id, function):
		self.id, self.function, self.method, self.steps = id, function, "GET", "sum"
		self.body, self.chunked, self.expects = b"", False, False
		self.pause = chance.choice((0, 0, 0, 0.002, 0.02))
		self.slow = chance.choice((0, 0, 0, 0, 0.002, 0.02))
		self.piece = chance.choice((1, 100, 1000, 16 * KIB, 64 * KIB, MIB))
		self.chance, self.leaves, self.leaves_at, self.how = chance, None, 0, None
		self.wanted, self.fails = None, set()
		self.harms = False  # the instance that gets it is a victim of it

	def head(self):
		target = f"/function/{self.function}/play/{self.id}/{self.steps}"
		lines = [f"{self.method} {target} HTTP/1.1", "Host: h", f"X-Call-Id: {self.id}"]
		if self.chunked:
			lines.append("Transfer-Encoding: chunked")
		elif self.body or self.method in ("POST", "PUT"):
			lines.append(f"Content-Length: {len(self.body)}")
		if self.expects:
			lines.append("Expect: 100-continue")
		return ("\r\n".join(lines) + "\r\n\r\n").encode()

	def in_first_line(self):
		return self.leaves == "sending" and self.leaves_at < self.head().index(b"\r\n") + 2

	def pieces(self):
		"""Its bytes as they are sent; with small pieces, the longer the body the larger they are."""
		size = max(self.piece, len(self.body) // 200)
		data = self.head()
		if self.piece < 16 * KIB:
			while data:
				n = self.chance.randint(1, max(self.piece, 20))
				yield data[:n]
				data = data[n:]
		for at in range(0, len(self.body), size):
			piece = self.body[at:at + size]
			data += b"%x\r\n%s\r\n" % (len(piece), piece) if self.chunked else piece
			if self.chance.random() < 0.8:
				yield data
				data = b""
		yield data + (b"0\r\n\r\n" if self.chunked else b"")

	def __repr__(self):
		how = f", leaves {self.leaves} at {self.leaves_at} ({self.how})" if self.leaves else ""
		return f"{self.id}: {self.method} {self.function} {self.steps} body {len(self.body)}{' chunked' if self.chunked else ''}" \
			f"{' expects' if self.expects else ''} pieces {self.piece} pause {self.pause} slow {self.slow}{how}"


def size_of(chance):
	return chance.choice((0, 1, chance.randint(2, 1000), chance.randint(1000, 64 * KIB), 64 * KIB, chance.randint(64 * KIB, 400 * KIB),
		chance.randint(400 * KIB, 4 * MIB)))


def with_body(p, chance):
	p.method = chance.choice(("POST", "PUT"))
	p.body = chance.randbytes(size_of(chance))
	p.chunked = chance.random() < 0.4
	p.expects = chance.random() < 0.1


def plan_sum(p, chance):
	with_body(p, chance)
	p.wanted = 200, b"%d %d" % (len(p.body), zlib.adler32(p.body))


def plan_mirror(p, chance):
	with_body(p, chance)
	p.steps = chance.choice(("mirror", "pieces"))
	p.wanted = 200, p.body


def plan_big(p, chance):
	n = size_of(chance)
	p.steps = f"{chance.choice(('big', 'chunks'))}:{n}"
	p.method = chance.choice(("GET", "GET", "HEAD"))
	# each block of it begins anew
	p.wanted = 200, b"" if p.method == "HEAD" else (PATTERN[:251 * 256] * (n // (251 * 256) + 1))[:n]


def plan_now(p, chance):
	"""An answer before the body: the instance reads on, or not any more."""
	with_body(p, chance)
	status = chance.choice((200, 201, 404, 413, 503))
	p.steps = f"now:{status},{chance.choice(('stall', 'read:1000000000'))}"
	p.wanted = status, b"%d" % status


def plan_fault(p, chance):
	p.method = chance.choice(("GET", "POST"))
	p.steps = chance.choice(("close", "garbage", "half:10,close", "half:300000,close", "die", "half:10,die", "read:10,die", "deaf"))
	if p.method == "POST" and "half" not in p.steps:
		p.body = chance.randbytes(chance.choice((0, 100, 100000)))
	p.harms = p.steps.endswith(("die", "deaf"))
	p.fails = {502, CUT} if "half" in p.steps else {502}
	if p.steps == "deaf":
		p.wanted, p.fails = (200, b""), {502}


def leaves(p, chance):
	p.leaves = chance.choice(("sending", "waiting", "reading"))
	p.how = chance.choice(("reset", "close", "half"))
	most = len(p.head()) + len(p.body) if p.leaves == "sending" else len(p.wanted[1]) if p.wanted else 0
	p.leaves_at = chance.randint(0, most)


def make(chance, id, function, faults):
	p = Plan(chance, id, function)
	kind = chance.choices((plan_sum, plan_mirror, plan_big, plan_now, plan_fault), (8, 5, 6, 2, 1 if faults else 0))[0]
	kind(p, chance)
	if chance.random() < 0.15:
		leaves(p, chance)
	return p


class World:
	"""What has happened, by what was done and by the server's log."""

	def __init__(self):
		self.victims = set()	 # instances that were killed, ended or harmed
		self.absent = {}	 # function: [[from, to]] when it was not there
		self.over = {}		 # id: (status, cut, instance) of the log
		self.twice = []		 # ids that were told as over once more
		self.died, self.ready = {}, set()  # instance: function
		self.served = {}	 # id: instances that have read its head

	def line(self, line):
		found = LINE.match(line)
		if found:
			id = found.group(2)
			self.twice += [id] if id in self.over else []
			self.over[id] = int(found.group(3)), bool(found.group(4)), found.group(6)
		found = EVENT.match(line)
		if found and found.group(3) == "ready":
			self.ready.add(found.group(1))
		if found and found.group(3) in ("died", "stopped"):
			self.died[found.group(1)] = found.group(2)

	def was_absent(self, function, begun, ended):
		return any(a <= ended and begun <= b for a, b in self.absent.get(function, ()))

	def harmed(self, plan):
		"""Has an instance that had it, or that was started for it, come to harm?"""
		on = set(self.served.get(plan.id, ())) | {self.over.get(plan.id, (0, 0, ""))[2]}
		return bool(on & self.victims)

	def unready_victim(self, function):
		return any(f == function and i in self.victims and i not in self.ready for i, f in self.died.items())


def as_wanted(plan, result):
	return plan.wanted and result.status == plan.wanted[0] and (plan.method == "HEAD" or bytes(result.body) == plan.wanted[1])


def explained(plan, result, world, function):
	"""None, or why it should not have ended so."""
	text = bytes(result.body)
	if result.status == LEFT or as_wanted(plan, result):
		return None
	if result.status in plan.fails:
		return None
	ours = result.headers.get("x-openfaas-internal") == "proxy"
	if result.status == CUT and world.harmed(plan):
		return None
	if ours and result.status == 502:
		if b"before it was ready" in text or (plan.method == "HEAD" and not world.harmed(plan)):
			return None if world.unready_victim(plan.function) else "no instance was killed before it was ready"
		return None if world.harmed(plan) else "nothing happened to its instance"
	if ours and result.status == 404:
		return None if world.was_absent(plan.function, result.begun, result.ended) else "the function was there"
	if ours and result.status in function.may:
		return None
	return "this is no answer of the function's"


def judge(plan, result, world, function):
	why = explained(plan, result, world, function)
	if why:
		return why
	served, over = world.served.get(plan.id, []), world.over.get(plan.id)
	if result.status == LEFT:
		return None
	if not over:
		return "the log does not have it"
	if result.status != CUT and over[0] != result.status:
		return f"the log has it as {over}"
	# what an instance may have read is not asked again, but for a connection that is closed where its request may be repeated
	if len(served) > (2 if plan.method in ("GET", "HEAD", "PUT") and len(set(served)) < 2 else 1):
		return f"it was given to instances {served}"
	if as_wanted(plan, result) and not served:
		return "no instance had it"
	return None
