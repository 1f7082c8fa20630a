# SPDX-License-Identifier: Apache-2.0
"""What public headers may hold, so that any language can bind them and old programs keep working.

usage: rules.py INCLUDE-DIR/ukvmm LISTED-HEADER...
"""

import re
import sys
from pathlib import Path

import report
import contract

FORBIDDEN = {
	r"\binline\b": "inline function",
	r"\b(bool|_Bool|true|false)\b": "bool",
	r"\benum\b": "enum",
	r"\bunion\b": "union",
	r"\btypedef\b": "typedef",
	r"\.\.\.": "variable arguments",
	r"\b\w+\s*:\s*\d+\s*[;,]": "bit-field",
	r"\bva_list\b": "va_list",
	r"\[\s*\]": "flexible array",
	r"__attribute__|__builtin|_Static_assert": "compiler extension",
	r"\bextern\s+(?!\"C\")": "extern object",
}
INCLUDES = re.compile(r'#\s*include\s+(<std(int|def)\.h>|"\w+\.h")')
# Structures that do not start with their size, and why.
UNSIZED = {
	"ukvmm_event": "an array of them is filled in; the spare fields are inside",
	"ukvmm_x86_regs": "ukvmm_debug_regs takes the size as an argument",
}
FIELD_TYPE = re.compile(r"^(const )?(u?int(8|16|32|64)_t|char|struct \w+ \*|char \*|(void|int) \()")


def check_text(path):
	text = contract.strip_comments(path.read_text())
	problems = []
	if "SPDX-License-Identifier: Apache-2.0" not in report.lines_of(path)[0]:
		problems.append(f"{path}:1: no SPDX line")
	for n, line in enumerate(text.split("\n"), 1):
		for pattern, name in FORBIDDEN.items():
			if re.search(pattern, line):
				problems.append(f"{path}:{n}: {name}: {line.strip()}")
		if re.match(r"\s*#\s*include", line) and not INCLUDES.match(line.strip()):
			problems.append(f"{path}:{n}: includes more than stdint.h, stddef.h and its siblings")
	return problems


def check_struct(path, item):
	problems = []
	if item.fields()[0] != "size" and item.name not in UNSIZED:
		problems.append(f"{path}:{item.line}: struct {item.name} does not start with its size")
	body = contract.strip_comments(item.text)
	offset = body.index("{") + 1
	for m in re.finditer(r"([^;{}]+);", body[offset : body.rindex("}")]):
		start = offset + m.start(1) + len(m.group(1)) - len(m.group(1).lstrip())
		if not FIELD_TYPE.match(re.sub(r"\s+", " ", m.group(1).strip())):
			line = item.line + body.count("\n", 0, start)
			problems.append(f"{path}:{line}: field without a fixed size: {m.group(1).strip()}")
	return problems


def check_items(path, header):
	problems = []
	for item in header.items:
		if not item.name.startswith(("ukvmm_", "UKVMM_")):
			problems.append(f"{path}:{item.line}: {item.name} is outside of our name space")
		if item.kind == "function" and not item.doc:
			problems.append(f"{path}:{item.line}: {item.name} has no contract comment")
		if item.kind == "struct":
			problems += check_struct(path, item)
	return problems


def main():
	folder, listed = Path(sys.argv[1]), set(sys.argv[2:])
	paths = sorted(folder.glob("*.h"))
	problems = []
	for path in paths:
		if path.name not in listed:
			problems.append(f"{path}:1: not in UKVMM_HEADERS, so it is not installed")
		problems += check_text(path)
		try:
			problems += check_items(path, contract.Reader(path).read())
		except contract.HeaderError as e:
			problems.append(str(e))
	report.finish(problems, len(paths), "public headers")


main()
