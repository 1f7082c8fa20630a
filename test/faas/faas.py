# SPDX-License-Identifier: Apache-2.0
"""What the tests of ukvmm-faas share: a server with its state in a folder of its own, clients, and TAP.

The environment names what is tested: FAAS_SERVER (the program), FAAS_FUNCTION (function.c; not needed for microVMs).
Whatever is waited for is an event, and has a bound (LIMIT seconds). So that a machine that is busy with something else
changes nothing, what the server itself waits for has a bound that is no shorter, where a test does not say another.
"""

import base64
import ctypes
import http.client
import json
import os
import queue
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

LIMIT = 100
SYS_PIDFD_GETFD, TCP_CLOSE, TCP_CLOSE_WAIT = 438, 7, 8
done = 0
failed = False
# some tests have more connections than a shell lets them have
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def ok(condition, name, note=""):
	global done, failed
	done += 1
	print(f"{'ok' if condition else 'not ok'} {done} - {name}", flush=True)
	if not condition:
		failed = True
		print(f"# {note}", flush=True)


def equal(got, wanted, name):
	ok(got == wanted, name, f"got {got!r}, wanted {wanted!r}")


def finish():
	print(f"1..{done}")
	sys.exit(1 if failed else 0)


class Answer:
	def __init__(self, status, headers, body):
		self.status, self.headers, self.body = status, headers, body

	@property
	def text(self):
		return self.body.decode(errors="replace")

	def json(self):
		return json.loads(self.body)

	def __repr__(self):
		return f"{self.status} {self.body[:200]!r}"


class Server:
	"""`ukvmm-faas serve`, ready when the constructor returns; its lines on stderr are read by a thread."""

	def __init__(self, *options, state=None, program=None, password=None, env=None, inherit=()):
		self.state = state or tempfile.mkdtemp(prefix="faas-test-")
		self.own = state is None
		self.lines = queue.Queue()
		self.seen = []
		self.password = password
		self.program = program or os.environ["FAAS_SERVER"]
		args = [self.program, "serve", "--state", os.path.join(self.state, "store"), "--drain-timeout", "5m"]
		for option, value in (("--listen", "127.0.0.1:0"), ("--metrics", "127.0.0.1:0"), ("--callback", "127.0.0.1:0"),
				("--header-timeout", "5m"), ("--idle-timeout", "5m"), ("--network", "auto" if program else "shared")):
			if option not in options:
				args += [option, value]
		if password:
			path = os.path.join(self.state, "password")
			with open(path, "w") as f:
				f.write(password + "\n")
			args += ["--password-file", path]
		self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		path = os.path.join(self.state, "notify")
		if os.path.exists(path):
			os.unlink(path)
		self.notify.bind(path)
		self.notify.settimeout(LIMIT)
		# what was freed counts as memory otherwise, in a build with sanitizers
		asan = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
		environment = dict(os.environ, NOTIFY_SOCKET=path, ASAN_OPTIONS=asan, **(env or {}))
		self.process = subprocess.Popen(args + list(options), stderr=subprocess.PIPE, env=environment, text=True,
			errors="replace", pass_fds=inherit)
		threading.Thread(target=self._read, daemon=True).start()
		try:
			# what has a colon is an error, but for JSON and a function that cannot be had back
			line = self.line(r"serving at port (\d+), metrics at port (\d+)|^(?!.* is not served: )[^{:]*:.*")
			if not line.group(1):
				raise RuntimeError(line.group(0))
		except BaseException:  # it would outlive its test otherwise
			self.process.kill()
			self.process.wait()
			raise
		self.port, self.metrics_port = int(line.group(1)), int(line.group(2))
		assert self.notify.recv(100) == b"READY=1"

	def _read(self):
		for line in self.process.stderr:
			self.lines.put(line.rstrip("\n"))
		self.lines.put(None)

	def line(self, pattern):
		"""The next line of the log that has this."""
		while True:
			line = self.lines.get(timeout=LIMIT)
			if line is None:
				raise RuntimeError(f"the server ended before {pattern}: {self.seen[-5:]}")
			self.seen.append(line)
			found = re.search(pattern, line)
			if found:
				return found

	def connect(self):
		return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT)

	def ask(self, method, path, body=None, headers=None, connection=None):
		c = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
		headers = dict(headers or {})
		if self.password and path.startswith("/system"):
			headers["Authorization"] = "Basic " + base64.b64encode(f"admin:{self.password}".encode()).decode()
		if isinstance(body, (dict, list)):
			body = json.dumps(body)
		c.request(method, path, body, headers)
		r = c.getresponse()
		answer = Answer(r.status, r.headers, r.read())
		if not connection:
			c.close()
		return answer

	def get(self, path, **headers):
		return self.ask("GET", path, None, headers)

	def raw(self, data, shut=False):
		"""Sends bytes, returns all that comes back until the server closes."""
		with self.connect() as s:
			try:
				s.sendall(data)
				if shut:
					s.shutdown(socket.SHUT_WR)
			except OSError:
				pass  # it was closed on us: what it said first is what counts
			return read_all(s)

	def image(self, name, words=""):
		return self.ask("POST", "/system/images/" + name, f"test {words}\n".encode())

	def deploy(self, name, image="plain", method="POST", env=None, labels=None, secrets=None, **settings):
		settings = {"start_timeout": "5m", "queue_timeout": "5m", "timeout": "5m", **settings}
		annotations = {"ukvmm." + k.replace("_", "-"): str(v) for k, v in settings.items()}
		return self.ask(method, "/system/functions", {"service": name, "image": image, "annotations": annotations,
			"envVars": env or {}, "labels": labels or {}, "secrets": secrets or []})

	def describe(self, name):
		return self.get("/system/function/" + name).json()

	def metrics(self):
		c = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=LIMIT)
		c.request("GET", "/metrics")
		text = c.getresponse().read().decode()
		c.close()
		return {k: float(v) for k, v in re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.M)}

	def instances(self):
		return self.get("/system/instances").json()

	def balance(self):
		"""Requests by how they ended: accepted less the others, the one that is under way not counted."""
		m = self.metrics()
		n = {e: m[f'ukvmm_requests_total{{end="{e}"}}'] for e in ("accepted", "answered", "refused", "aborted")}
		return n["accepted"] - n["answered"] - n["refused"] - n["aborted"] - m["http_requests_in_flight"]

	def left_behind(self, server, fd):
		"""Is this a connection whose other end has closed or reset it? The latter are in no table of connections."""
		copy = ctypes.CDLL(None).syscall(SYS_PIDFD_GETFD, server, int(fd), 0)
		if copy < 0:
			return False
		try:
			with socket.socket(fileno=copy) as s:
				return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in (TCP_CLOSE, TCP_CLOSE_WAIT)
		except OSError:
			return False  # no TCP

	def fds(self):
		"""Without connections whose other end is gone: libcurl closes those it keeps when it looks at them next."""
		folder = f"/proc/{self.process.pid}/fd"
		server = os.pidfd_open(self.process.pid)
		count = 0
		for fd in os.listdir(folder):
			try:
				is_socket = os.readlink(os.path.join(folder, fd)).startswith("socket:")
				count += not (is_socket and self.left_behind(server, fd))
			except (FileNotFoundError, ProcessLookupError):
				pass  # closed since it was listed
		os.close(server)
		return count

	def unread(self, connection):
		"""Bytes that a client has sent and the server has not read."""
		ends = {f":{self.port:04X}", f":{connection.getsockname()[1]:04X}"}
		with open(f"/proc/{self.process.pid}/net/tcp") as f:
			for _, local, remote, _, queues, *_ in (line.split() for line in list(f)[1:]):
				if {local[8:], remote[8:]} == ends and local[8:] == f":{self.port:04X}":
					return int(queues.split(":")[1], 16)
		return 0

	def children(self):
		found = []
		for task in os.listdir(f"/proc/{self.process.pid}/task"):
			with open(f"/proc/{self.process.pid}/task/{task}/children") as f:
				found += f.read().split()
		return [int(p) for p in found]

	def command(self, *args, stdin=None):
		"""The program as a client: (status, stdout, stderr)."""
		env = dict(os.environ, UKVMM_FAAS_SERVER=f"http://127.0.0.1:{self.port}")
		p = subprocess.run([self.program, *args], env=env, input=stdin, capture_output=True, text=True, timeout=LIMIT)
		return p.returncode, p.stdout, p.stderr

	def stop(self, how=signal.SIGTERM):
		if self.process.poll() is None:
			self.process.send_signal(how)
		try:
			return self.process.wait(LIMIT)
		except subprocess.TimeoutExpired:
			self.process.kill()
			raise

	def __enter__(self):
		return self

	def __exit__(self, *_):
		if self.process.poll() is None:
			self.process.kill()
			self.process.wait()
		self.notify.close()
		if self.own:
			shutil.rmtree(self.state, ignore_errors=True)


def read_all(s):
	got = b""
	try:
		while True:
			more = s.recv(65536)
			if not more:
				return got
			got += more
	except ConnectionResetError:
		return got


def read_until(s, end):
	got = b""
	while end not in got:
		more = s.recv(65536)
		if not more:
			break
		got += more
	return got


class Background(threading.Thread):
	"""A request that is waited for later."""

	def __init__(self, call, *args, **kwargs):
		super().__init__(daemon=True)
		self.call, self.args, self.kwargs, self.result = call, args, kwargs, None
		self.start()

	def run(self):
		try:
			self.result = self.call(*self.args, **self.kwargs)
		except Exception as e:  # it is the result
			self.result = e

	def get(self):
		self.join(LIMIT)
		if self.is_alive():
			raise RuntimeError("the request did not end")
		return self.result


class Gate:
	"""Where instances come by and wait until they are let through."""

	def __init__(self, server, name):
		self.path = os.path.join(server.state, name)
		self.socket = socket.socket(socket.AF_UNIX)
		self.socket.bind(self.path)
		self.socket.listen(256)
		self.socket.settimeout(LIMIT)

	def arrival(self):
		"""The next one that is there; .open() lets it through."""
		return Waiting(self.socket.accept()[0])

	def hold(self, server, function):
		"""A request that has reached an instance and waits here: (request, waiting)."""
		request = Background(server.get, f"/function/{function}/gate{self.path}")
		return request, self.arrival()


class Waiting:
	def __init__(self, connection):
		self.connection = connection

	def pid(self):
		return struct.unpack("3i", self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

	def open(self):
		with self.connection:
			try:
				self.connection.sendall(b"1")
			except BrokenPipeError:
				pass  # it was killed meanwhile
