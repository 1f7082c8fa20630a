# SPDX-License-Identifier: Apache-2.0
"""What somebody may have put into the state folder while the server was not there: it is not followed, not written, not
waited for, and told of. And names that would lead out of it."""

import os
import shutil
import stat
import subprocess
import tempfile

from faas import Server, equal, finish, ok
from urllib.parse import quote

FOREIGN = b"somebody else's\n"


def plants(path, outside):
	"""Kinds of things in the place of `path`, one after the other; what was there is back at the end."""
	kept = path + ".kept"
	os.rename(path, kept)
	folder = stat.S_ISDIR(os.stat(kept).st_mode)

	def link():
		os.symlink(outside + ("-folder" if folder else ""), path)

	def dangling():
		os.symlink(outside + "-none", path)

	def hard():
		os.link(outside, path)

	def device():
		os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero

	def in_the_way():
		os.mkdir(path)

	makers = {"a link": link, "a link to nothing": dangling, "a fifo": lambda: os.mkfifo(path)}
	if not folder:
		makers.update({"a second name": hard, "a folder": in_the_way})
		if os.geteuid() == 0:
			makers["a device"] = device
	for name, make in makers.items():
		try:
			make()
		except PermissionError:
			continue  # where devices cannot be made
		yield name
		os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
	os.rename(kept, path)


def prepare(state):
	"""A store with a function in it, and something outside."""
	outside = os.path.join(state, "outside")
	with open(outside, "wb") as f:
		f.write(FOREIGN)
	os.mkdir(outside + "-folder")
	with Server(state=state) as s:
		s.image("plain")
		equal(s.deploy("f").status, 202, "a function")
		equal(s.get("/function/f/").status, 200, "it serves")
		hash = s.get("/system/images").json()[0]["hash"]
		equal(s.stop(), 0, "it ends")
	return outside, hash


def untouched(outside):
	with open(outside, "rb") as f:
		same = f.read() == FOREIGN
	return same and not os.path.lexists(outside + "-none") and not os.listdir(outside + "-folder")


def refuses(state, name):
	"""The server does not start, and says because of what."""
	args = [os.environ["FAAS_SERVER"], "serve", "--state", os.path.join(state, "store"), "--network", "shared"]
	for option in ("--listen", "--metrics", "--callback"):
		args += [option, "127.0.0.1:0"]
	try:
		got = subprocess.run(args, capture_output=True, text=True, timeout=60)
	except subprocess.TimeoutExpired:
		return "it waits"
	return None if got.returncode not in (0, -11) and name in got.stderr else f"{got.returncode} {got.stderr}"


def the_store(state, outside):
	for name in ("lock", "images", "faas.db"):
		for kind in plants(os.path.join(state, "store", name), outside):
			said = refuses(state, name)
			ok(said is None, f"{name} that is {kind}: it does not start, and says so", said)
			ok(untouched(outside), f"{name} that is {kind}: nothing is written behind it")


def an_image(state, outside, hash):
	for kind in plants(os.path.join(state, "store", "images", hash), outside):
		with Server(state=state) as s:
			got = s.get("/function/f/")
			ok(got.status >= 400, f"an image that is {kind}: there is no function of it", f"{got}")
			s.image("other", "version=other")
			equal(s.deploy("g", image="other").status, 202, f"an image that is {kind}: others are made")
			equal(s.get("/function/g/").status, 200, f"an image that is {kind}: and serve")
			s.ask("DELETE", "/system/functions", {"functionName": "g"})
			equal(s.stop(), 0, f"an image that is {kind}: it ends")
		ok(untouched(outside), f"an image that is {kind}: nothing is written behind it")
	with Server(state=state) as s:
		equal(s.get("/function/f/").status, 200, "it is back with its image")


def uploads(state, outside):
	"""What looks like an upload that was not ended is taken away, not followed."""
	path = os.path.join(state, "store", "images", ".new-abcdef")
	os.symlink(outside, path)
	with Server(state=state) as s:
		ok(not os.path.lexists(path), "a link in the place of an upload goes")
		equal(s.get("/function/f/").status, 200, "and nothing else")
	ok(untouched(outside), "nothing is written behind it")


def names(state, outside):
	def listed():  # but what SQLite has while it is open
		return sorted(n for n in os.listdir(store) if not n.startswith("faas.db-")), sorted(os.listdir(state))

	store = os.path.join(state, "store")
	before = listed()
	bad = ["..", ".", "../outside", "a/b", "/etc/passwd", "x" * 65, "a\nb", "a\tb", "\x1b[2J", "a b", ".hidden", "-x", "%s%n", "\u00fc"]
	with Server(state=state) as s:
		for name in bad:
			got = s.ask("POST", "/system/images/" + quote(name, safe=""), b"test\n")
			ok(400 <= got.status < 500, f"image {name!r} is refused", f"{got}")
			got = s.ask("POST", "/system/functions", {"service": name, "image": "plain"})
			equal(got.status, 400, f"function {name!r} is refused")
			got = s.ask("POST", "/system/secrets", {"name": name, "value": "v"})
			equal(got.status, 400, f"secret {name!r} is refused")
			ok(s.get("/function/" + quote(name, safe="") + "/").status in (400, 404), f"function {name!r} is not there")
		equal([f["name"] for f in s.get("/system/functions").json()], ["f"], "none of them is there")
		equal(s.stop(), 0, "it ends")
	equal(listed(), before, "there is no file more")
	ok(untouched(outside), "nor outside")


def main():
	state = tempfile.mkdtemp(prefix="faas-test-")
	try:
		outside, hash = prepare(state)
		the_store(state, outside)
		an_image(state, outside, hash)
		uploads(state, outside)
		names(state, outside)
	finally:
		shutil.rmtree(state, ignore_errors=True)
	finish()


main()
