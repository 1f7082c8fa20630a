# SPDX-License-Identifier: Apache-2.0
"""The storm's clients: HTTP by hand on sockets of asyncio's, in pieces and with pauses that chance chooses, so that they can
leave anywhere. Sending and receiving fail apart: an answer is read to its end although the body is not wanted any more."""

import asyncio
import re
import socket
import struct
import time

LEFT, CUT = "left", "cut"  # in place of a status: the client went; the connection ended before the answer did


class Ended(Exception):
	"""The server has closed the connection."""


class Result:
	def __init__(self, status, headers=None, body=b"", note=""):
		self.status, self.headers, self.body, self.note = status, headers or {}, body, note
		self.begun = self.ended = 0.0

	def __repr__(self):
		return f"{self.status} {len(self.body)} bytes {bytes(self.body[:80])!r} {self.note}"


class Leaves(Exception):
	"""The client's turn to go."""


class Connection:
	def __init__(self, port, chance):
		self.port, self.chance, self.have, self.usable = port, chance, b"", True
		self.partial = False  # a part of a request was sent

	async def open(self):
		self.loop = asyncio.get_running_loop()
		self.socket = socket.socket()
		self.socket.setblocking(False)
		if self.chance.random() < 0.2:  # back-pressure begins early
			self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		await self.loop.sock_connect(self.socket, ("127.0.0.1", self.port))

	def close(self, how="close"):
		self.usable = False
		# the server finds a connection's end behind the part of a request's first line by its timeouts only
		if (how == "reset" or self.partial) and self.socket.fileno() >= 0:
			self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		self.socket.close()

	async def send(self, data):
		try:
			await self.loop.sock_sendall(self.socket, data)
		except OSError as e:
			raise Ended(str(e)) from e

	async def more(self, most=65536):
		try:
			got = await self.loop.sock_recv(self.socket, most)
		except OSError as e:
			raise Ended(str(e)) from e
		if not got:
			raise Ended("end")
		self.have += got

	async def until(self, end):
		while end not in self.have:
			await self.more()
		got, self.have = self.have.split(end, 1)
		return got

	async def head(self):
		"""Of an answer: (status, headers). What is before it (100) is left out."""
		while True:
			lines = (await self.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
			status = re.match(r"HTTP/1\.[01] (\d\d\d)", lines[0])
			if not status:
				raise Ended(f"no HTTP: {lines[0][:200]!r}")
			if status.group(1) != "100":
				return int(status.group(1)), {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}

	async def exactly(self, n, to, at):
		while n > 0:
			if not self.have:
				await at(len(to))
				await self.more(self.chance.choice((1000, 65536, 1 << 20)))
			piece, self.have = self.have[:n], self.have[n:]
			to += piece
			n -= len(piece)

	async def body(self, headers, to, at):
		"""at: called with how much there is, before each wait."""
		if headers.get("transfer-encoding") == "chunked":
			while True:
				size = int((await self.until(b"\r\n")).split(b";")[0], 16)
				await self.exactly(size, to, at)
				if size == 0:
					await self.until(b"\r\n")
					return
				await self.until(b"\r\n")
		elif "content-length" in headers:
			await self.exactly(int(headers["content-length"]), to, at)
		else:
			try:
				while True:
					to += self.have
					self.have = b""
					await self.more()
			except Ended:
				self.usable = False


async def send_request(c, plan):
	"""All of it, or up to where the client leaves."""
	sent = 0
	for piece in plan.pieces():
		if plan.leaves == "sending" and sent + len(piece) > plan.leaves_at:
			await c.send(piece[:max(plan.leaves_at - sent, 0)])
			raise Leaves
		await c.send(piece)
		sent += len(piece)
		if plan.pause:
			await asyncio.sleep(c.chance.random() * plan.pause)
	if plan.leaves == "waiting":
		await asyncio.sleep(c.chance.random() * 0.05)
		raise Leaves


async def receive(c, plan, result):
	async def at(have):
		if plan.leaves == "reading" and have >= plan.leaves_at:
			raise Leaves
		if plan.slow:
			await asyncio.sleep(c.chance.random() * plan.slow)

	result.status, result.headers = await c.head()
	if plan.method != "HEAD" and result.status not in (204, 304):
		result.body = bytearray()
		await c.body(result.headers, result.body, at)
	if result.headers.get("connection") == "close":
		c.usable = False


async def leave(c, plan):
	if plan.how != "half" or plan.in_first_line():
		c.close("reset" if plan.in_first_line() else plan.how)
		return
	try:
		c.socket.shutdown(socket.SHUT_WR)
		while True:
			c.have = b""
			await c.more()
	except (Ended, OSError):
		c.close()


async def stop(task):
	task.cancel()
	try:
		await task
	except (asyncio.CancelledError, Ended, Leaves):
		pass


async def finish_sending(c, sender):
	"""Behind an answer: a body that nobody reads any more ends the connection, or is sent to its end."""
	if not c.usable:
		c.partial = not sender.done()
		await stop(sender)
		return
	try:
		await sender
	except Ended:
		c.usable = False


async def both(c, plan, sender, receiver):
	await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_EXCEPTION if plan.leaves else asyncio.FIRST_COMPLETED)
	if sender.done() and isinstance(sender.exception(), Leaves):
		raise Leaves
	await receiver
	await finish_sending(c, sender)


async def exchange(c, plan, sent=False):
	"""One request and its answer. sent: by somebody else (pipelined)."""
	result = Result(CUT)
	result.begun = time.monotonic()
	receiver = asyncio.ensure_future(receive(c, plan, result))
	sender = None if sent else asyncio.ensure_future(send_request(c, plan))
	try:
		await (receiver if sent else both(c, plan, sender, receiver))
	except Leaves:
		result.status = LEFT
		await stop(receiver)
		await leave(c, plan)
	except Ended as e:
		result.note = f"{e} after {result.status}"
		result.status, c.usable = CUT, False
	finally:
		for task in (sender, receiver):
			if task:
				await stop(task)
		result.ended = time.monotonic()
	return result
