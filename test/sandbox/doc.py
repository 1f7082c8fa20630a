# SPDX-License-Identifier: Apache-2.0
"""The tables of system calls in doc/security.md are what the rooms' calls.c say.

usage: doc.py [--write] PROGRAM doc/security.md		(PROGRAM: build/dev/test/sandbox-doc)
"""

import subprocess
import sys
from pathlib import Path

BEGIN, END = "<!-- system calls: made by sandbox-doc -->\n", "<!-- end of system calls -->\n"


def main():
	args = [a for a in sys.argv[1:] if a != "--write"]
	if len(args) != 2:
		sys.exit(__doc__)
	tables = subprocess.run([args[0]], check=True, capture_output=True, text=True).stdout
	path = Path(args[1])
	head, begin, rest = path.read_text().partition(BEGIN)
	_, end, tail = rest.partition(END)
	if not begin or not end:
		sys.exit(f"{path}: no place for the tables: {BEGIN.strip()} ... {END.strip()}")
	wanted = head + begin + tables + end + tail
	if "--write" in sys.argv:
		path.write_text(wanted)
	elif wanted != path.read_text():
		sys.exit(f"{path}: the tables are not what the rooms' calls.c say: run doc.py --write")
	print(f"ok: {tables.count(chr(10))} lines")


main()
