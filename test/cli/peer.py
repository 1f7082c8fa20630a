# SPDX-License-Identifier: Apache-2.0
"""Runs ukvmm with a card of each kind that leads to a socket, and is what is at the other end: the peer of the io
guest (test/guests/guest/io_proto.h), which echoes frames. Prints TAP.

usage: peer.py UKVMM IO-GUEST
"""

import os
import socket
import struct
import subprocess
import sys
import tempfile

HELLO, READY, ECHO, ECHOED = 1, 2, 3, 4
FRAMES = 20
failed = 0
tests = 0


def result(good, name, told=""):
	global failed, tests
	tests += 1
	print(f"{'ok' if good else 'not ok'} {tests} - {name}")
	if not good:
		failed = 1
		print("\n".join("# " + line for line in told.splitlines()))


def answer(frame):
	"""The answer to one frame of the guest's, and whether it was an echo."""
	dst, src, kind, op = frame[:6], frame[6:12], frame[12:14], struct.unpack_from("<H", frame, 14)[0]
	if kind != b"\x88\xb5" or op not in (HELLO, ECHO):
		return None, False
	return src + dst + kind + struct.pack("<H", READY if op == HELLO else ECHOED) + frame[16:], op == ECHO


def exactly(sock, n):
	data = b""
	while len(data) < n:
		more = sock.recv(n - len(data))
		if not more:
			return None
		data += more
	return data


def stream_frames(sock):
	while (head := exactly(sock, 4)) is not None:
		frame = exactly(sock, struct.unpack(">I", head)[0])
		if frame is None:
			return
		yield frame


def packet_frames(sock):
	while frame := sock.recv(70000):
		yield frame


def serve(sock, stream):
	"""Until the guest's end: how many frames were echoed, and from which addresses."""
	echoed, sources = 0, set()
	try:
		for frame in stream_frames(sock) if stream else packet_frames(sock):
			sources.add(frame[6:12].hex(":"))
			reply, echo = answer(frame)
			if reply:
				sock.sendall((struct.pack(">I", len(reply)) if stream else b"") + reply)
			echoed += echo
	except (ConnectionResetError, BrokenPipeError):
		pass  # the guest has ended
	return echoed, sources


def run(net, fds=()):
	return subprocess.Popen(
		[sys.argv[1], "run", "--timeout", "100s", "--net", net + ",mac=02:00:00:00:00:55", "--cmdline",
			f"mode=net-echo n={FRAMES}", sys.argv[2]],
		stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=fds, text=True)


def check(name, process, sock, stream):
	echoed, sources = serve(sock, stream)
	out, _ = process.communicate()
	told = f"status {process.returncode}, {echoed} echoed, from {sources}\n{out}"
	result(process.returncode == 0 and "result " in out, f"{name}: the guest has its echoes", told)
	result(echoed >= FRAMES, f"{name}: they passed by us", told)
	result(sources == {"02:00:00:00:00:55"}, f"{name}: the card has the address that was asked for", told)


def unix():
	with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
		path = folder + "/socket"
		listener.bind(path)
		listener.listen()
		process = run("unix=" + path)
		listener.settimeout(100)
		sock, _ = listener.accept()
		with sock:
			check("unix=", process, sock, True)


def pair():
	ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	with ours:
		process = run(f"socket={theirs.fileno()}", [theirs.fileno()])
		theirs.close()
		check("socket=", process, ours, False)


if not os.access("/dev/kvm", os.R_OK | os.W_OK):
	print("1..0 # SKIP /dev/kvm cannot be opened")
	sys.exit(77)
unix()
pair()
print(f"1..{tests}")
sys.exit(failed)
