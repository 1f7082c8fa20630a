# SPDX-License-Identifier: Apache-2.0
"""The public functions are the same set everywhere: declared in the headers, listed in lib/libukvmm.map,
exported by libukvmm.so, defined by the archive that is installed, and described by a page of man3.

usage: exports.py INCLUDE-DIR/ukvmm lib/libukvmm.map libukvmm.so libukvmm.a MAN-DIR
"""

import re
import subprocess
import sys
from pathlib import Path

import report
import contract


def nm(*args):
	return subprocess.run(["nm", *args], check=True, capture_output=True, text=True).stdout.splitlines()


def in_map(path):
	return {
		m.group(1): n
		for n, line in enumerate(report.lines_of(path), 1)
		if (m := re.match(r"\s*(\w+);$", line))
	}


def in_shared(path):
	"""Exported name -> its version node; the node's own symbol is left out."""
	out = {}
	for line in nm("-D", "--defined-only", path):
		_, kind, name = line.split()
		if kind != "A":
			out[name.split("@")[0]] = name.partition("@")[2].lstrip("@")
	return out


def in_archive(path):
	lines = [line.split() for line in nm("-g", "--defined-only", path)]
	# a sanitizer's own indicator symbols are not ours to hide
	return {w[2] for w in lines if len(w) == 3 and not w[2].startswith("__")}


def compare(declared, other, where, missing_line=1):
	problems = [
		f"{f.file}:{f.line}: {name} is declared but not in {where}"
		for name, f in declared.items()
		if name not in other
	]
	for name in other:
		if name not in declared:
			line = other[name] if isinstance(other, dict) and isinstance(other[name], int) else missing_line
			problems.append(f"{where}:{line}: {name} is not declared in a public header")
	return problems


def main():
	include, map_path, shared, archive, man = sys.argv[1:]
	declared = {f.name: f for f in contract.functions(contract.read_headers(include))}
	exported = in_shared(shared)
	pages = {p.stem for p in Path(man, "man3").glob("*.3")}
	problems = compare(declared, in_map(map_path), map_path)
	problems += compare(declared, exported, shared)
	problems += compare(declared, in_archive(archive), archive)
	problems += compare(declared, pages, f"{man}/man3")
	problems += [f"{shared}:1: {name} has no version" for name, node in exported.items() if not node]
	report.finish(problems, len(declared), "public functions")


main()
