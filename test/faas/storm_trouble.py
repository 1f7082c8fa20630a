# SPDX-License-Identifier: Apache-2.0
"""What happens to the server and its instances while requests are under way: kills, stops, deploys, removals, scales."""

import asyncio
import functools
import os
import signal
import time


class Function:
	def __init__(self, name, may=(), **settings):
		self.name, self.may, self.settings = name, set(may), settings


class Trouble:
	def __init__(self, server, world, functions, chance, say):
		self.s, self.world, self.functions, self.chance, self.say = server, world, functions, chance, say
		self.wrong = []

	async def call(self, f, *args, **kwargs):
		return await asyncio.get_running_loop().run_in_executor(None, functools.partial(f, *args, **kwargs))

	async def pause(self, most):
		await asyncio.sleep(self.chance.random() * most)

	def expect(self, what, got, statuses):
		self.say(f"{what}: {got.status}")
		if got.status not in statuses:
			self.wrong.append(f"{what}: {got}")

	async def some_instance(self):
		"""(its name, a descriptor of its process), or None."""
		children = await self.call(self.s.children)
		for pid in self.chance.sample(children, len(children)):
			try:
				fd = os.pidfd_open(pid)
				with open(f"/proc/{pid}/cmdline", "rb") as f:
					words = f.read().decode().split("\0")
			except (ProcessLookupError, FileNotFoundError):
				continue
			name = [w[5:] for w in words if w.startswith("name=")]
			if name and pid in self.s.children():  # it is still the one
				return name[0], fd
			os.close(fd)
		return None

	def signal(self, fd, signal_number):
		try:
			signal.pidfd_send_signal(fd, signal_number)
		except ProcessLookupError:
			pass

	async def kill(self):
		found = await self.some_instance()
		if not found:
			return
		self.say(f"kill {found[0]}")
		self.world.victims.add(found[0])
		self.signal(found[1], self.chance.choice((signal.SIGKILL, signal.SIGTERM)))
		os.close(found[1])

	async def stop_instance(self):
		found = await self.some_instance()
		if not found:
			return
		self.say(f"stop {found[0]} for a while")
		self.signal(found[1], signal.SIGSTOP)
		await self.pause(0.05)
		self.signal(found[1], signal.SIGCONT)
		os.close(found[1])

	async def stop_server(self):
		"""What comes meanwhile it finds all at once."""
		self.say("stop the server for a while")
		self.s.process.send_signal(signal.SIGSTOP)
		try:
			await self.pause(0.02)
			for _ in range(self.chance.randint(0, 2)):
				await self.kill()
			await self.pause(0.02)
		finally:
			self.s.process.send_signal(signal.SIGCONT)

	async def end(self):
		found = await self.some_instance()
		if not found:
			return
		self.world.victims.add(found[0])
		os.close(found[1])
		self.expect(f"end {found[0]}", await self.call(self.s.ask, "DELETE", f"/system/instances/{found[0]}"), {202, 404})

	async def scale(self, f):
		n = self.chance.randint(0, f.settings.get("max_instances", 3))
		got = await self.call(self.s.ask, "POST", f"/system/scale-function/{f.name}", {"serviceName": f.name, "replicas": n})
		self.expect(f"scale {f.name} to {n}", got, {202})

	async def deploy(self, f, method="PUT"):
		before = set(self.world.victims)
		got = await self.call(self.s.deploy, f.name, image=self.chance.choice(("plain", "slow")), method=method, **f.settings)
		# it has failed for what was done to its first instance
		hurt = got.status == 422 and any(v.startswith(f.name + "-") for v in self.world.victims - before)
		self.expect(f"deploy {f.name}", got, {202, 422} if hurt else {202})
		return got.status == 202

	async def rollback(self, f):
		before = set(self.world.victims)
		got = await self.call(self.s.ask, "POST", f"/system/rollback/{f.name}")
		hurt = got.status == 422 and any(v.startswith(f.name + "-") for v in self.world.victims - before)
		self.expect(f"roll {f.name} back", got, {202, 404, 422} if hurt else {202, 404})

	async def remove(self, f):
		gone = [time.monotonic(), float("inf")]
		self.world.absent.setdefault(f.name, []).append(gone)
		self.expect(f"remove {f.name}", await self.call(self.s.ask, "DELETE", "/system/functions", {"functionName": f.name}), {202})
		await self.pause(0.05)
		while not await self.deploy(f, "POST"):
			if self.wrong:
				return
		gone[1] = time.monotonic()

	async def faults(self, until):
		while not until():
			await self.pause(0.1)
			await self.chance.choices((self.kill, self.stop_instance, self.stop_server, self.end), (4, 4, 3, 1))[0]()

	async def operations(self, until):
		"""One after the other, each to its end."""
		while not until():
			await self.pause(0.2)
			act = self.chance.choices((self.scale, self.deploy, self.rollback, self.remove), (4, 3, 2, 1))[0]
			await act(self.chance.choice(self.functions))
