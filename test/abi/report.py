# SPDX-License-Identifier: Apache-2.0
"""How every check here ends: one line per problem, "file:line: what", and a status."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "doc"))  # contract.py


def finish(problems, checked, what):
	"""Checking nothing is a failure too: a moved folder must not make a check pass."""
	if checked == 0:
		problems = problems + [f"no {what} found to check"]
	for p in problems:
		print(p)
	if problems:
		sys.exit(f"{len(problems)} problem(s)")
	print(f"ok: {checked} {what}")


def lines_of(path):
	return Path(path).read_text().split("\n")


def line_with(path, word):
	"""The number of the first line that has the word, 1 if none does."""
	for n, line in enumerate(lines_of(path), 1):
		if word in line:
			return n
	return 1
