# SPDX-License-Identifier: Apache-2.0
"""Who may see what: every #include of the library, the programs and the examples against the table of
doc/architecture.md, which is written down here once. Also: what CMake lets a room see is what the table says,
and every source file is built.

usage: rooms.py SOURCE-DIR
"""

import re
import sys
from pathlib import Path

import report

# room: the other rooms whose headers it may include. Everyone sees the public headers and libc.
ROOMS = {
	"base": "",
	"mem": "base",
	"kvm": "base mem",
	"boot": "base mem",
	"legacy": "base mem",
	"virtio": "base mem net block",
	"hvt": "base mem net block",
	"net": "base",
	"block": "base",
	"snapshot": "base mem",
	"sandbox": "base",
	"vm": "base mem kvm boot legacy virtio hvt net block snapshot sandbox",
}
# headers from outside that belong to one room
OWNED = {
	r"(linux|asm)/kvm.*\.h": "kvm",
	r"libfdt.*\.h": "boot",
	r"lz4.*\.h": "boot",
	r"lzma.*\.h": "boot",
	r"seccomp\.h": "tools",
	r"linux/(seccomp|landlock)\.h": "sandbox",
	r"ukvmm/run\.h": "vm",
}
# programs that the build runs, each on the data of these rooms
TOOLS = {"sandbox-gen.c": "sandbox base"}
# folders that see the public headers and their own files only
PROGRAMS = ("vmm", "examples")
# what runs inside of a VM: nothing of ours but its own headers
GUESTS = ("examples/guest", "examples/functions", "examples/function-project")
INCLUDE = re.compile(r'\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')


def includes(path):
	for n, line in enumerate(report.lines_of(path), 1):
		m = INCLUDE.match(line)
		if m:
			yield n, m.group(1), m.group(2)


def sources(folder):
	return sorted(p for ext in ("*.c", "*.h", "*.S") for p in folder.rglob(ext))


def owner_problem(room, header):
	for pattern, owner in OWNED.items():
		if re.fullmatch(pattern, header) and room != owner:
			return f"<{header}> belongs to {'tools' if owner == 'tools' else 'lib/' + owner}"
	return None


def rooms_with(lib, path, name):
	"""The rooms that a quoted include can mean: next to the file, else relative to any room's folder."""
	near = (path.parent / name).resolve()
	places = [near] if near.exists() else [(lib / r / name).resolve() for r in ROOMS]
	return {p.relative_to(lib).parts[0] for p in places if p.exists() and p.is_relative_to(lib)}


def check_room_file(lib, room, path):
	problems = []
	for n, system, own in includes(path):
		if system:
			wrong = owner_problem(room, system)
		else:
			found = rooms_with(lib, path, own)
			unseen = set() if room in found else found - set(ROOMS[room].split())
			wrong = f'"{own}" is in lib/{min(unseen)}' if unseen else None if found else f'"{own}" is in no room'
		if wrong:
			problems.append(f"{path.relative_to(lib.parent)}:{n}: {wrong}; lib/{room} may see: {ROOMS[room] or '-'}")
	return problems


def check_program_file(root, top, path):
	problems = []
	for n, system, own in includes(path):
		where = f"{path.relative_to(root)}:{n}"
		if system and (wrong := owner_problem("programs", system)) and not system.startswith("ukvmm/"):
			problems.append(f"{where}: {wrong}")
		if own and not any(
			(d / own).exists() and (d / own).resolve().is_relative_to(root / top)
			for d in (path.parent, *(root / top).glob("*"))
		):
			problems.append(f'{where}: "{own}" is not in {top}/: programs see <ukvmm/...> only')
	return problems


def check_tool_file(lib, path):
	if path.name not in TOOLS:
		return [f"tools/{path.name}:1: not a tool of the table in test/abi/rooms.py"]
	problems = []
	for n, system, own in includes(path):
		wrong = owner_problem("tools", system) if system else None
		if own and not rooms_with(lib, path, own) & set(TOOLS[path.name].split()):
			wrong = f'"{own}" is in no room that it may see: {TOOLS[path.name]}'
		if wrong:
			problems.append(f"tools/{path.name}:{n}: {wrong}")
	return problems


def check_guest_file(root, path):
	places = {f.name for top in GUESTS for f in (root / top).rglob("*.h")}
	return [
		f"{path.relative_to(root)}:{n}: guests see their own headers and lwIP's, not {system or own}"
		for n, system, own in includes(path)
		if (system and system.startswith("ukvmm/")) or (own and not own.startswith("lwip/") and Path(own).name not in places)
	]


def check_cmake(lib, room):
	"""The SEES and SOURCES of ukvmm_room() in the room's CMakeLists.txt."""
	path = lib / room / "CMakeLists.txt"
	text = re.sub(r"#.*", "", path.read_text())
	where = f"lib/{room}/CMakeLists.txt:{report.line_with(path, 'ukvmm_room')}"
	problems = [
		f"{where}: SEES {seen}, which lib/{room} may not see"
		for m in re.finditer(r"\bSEES\b((?:\s+[a-z0-9_]+)+)", text)
		for seen in m.group(1).split()
		if seen not in ROOMS[room].split()
	]
	built = set(re.findall(r"[\w/.-]+\.[cS]\b", text))
	for p in sources(lib / room):
		if p.suffix != ".h" and p.relative_to(lib / room).as_posix() not in built:
			problems.append(f"{where}: {p.name} is not built")
	return problems


def main():
	root = Path(sys.argv[1]).resolve()
	lib, problems, checked = root / "lib", [], 0
	for folder in sorted(p for p in lib.iterdir() if p.is_dir()):
		room = folder.name
		if room not in ROOMS:
			problems.append(f"lib/{room}:1: not a room of the table in test/abi/rooms.py")
			continue
		problems += check_cmake(lib, room)
		for path in sources(folder):
			problems += check_room_file(lib, room, path)
			checked += 1
	for path in sources(root / "tools"):
		problems += check_tool_file(lib, path)
		checked += 1
	for top in PROGRAMS:
		for path in sources(root / top):
			guest = any(path.is_relative_to(root / g) for g in GUESTS)
			problems += check_guest_file(root, path) if guest else check_program_file(root, top, path)
			checked += 1
	report.finish(problems, checked, "files")


main()
