# SPDX-License-Identifier: Apache-2.0
"""Writes a C program that prints size, alignment and field offsets of every public structure, and the value
of every public constant.

usage: layout.py INCLUDE-DIR/ukvmm OUTPUT.c
"""

import sys
from pathlib import Path

import report  # noqa: F401 (finds contract.py)
import contract


def struct_lines(item):
	yield f'\tprintf("struct {item.name} size %zu align %zu\\n", sizeof(struct {item.name}),'
	yield f"\t\t_Alignof(struct {item.name}));"
	for f in item.fields():
		yield f'\tprintf("\\t%s %zu %zu\\n", "{f}", offsetof(struct {item.name}, {f}),'
		yield f"\t\tsizeof(((struct {item.name} *)0)->{f}));"


def program(headers):
	out = ["/* Made by test/abi/layout.py */", "#include <stddef.h>", "#include <stdio.h>", ""]
	out += [f"#include <ukvmm/{h.name}>" for h in headers]
	out += ["", "int main(void)", "{"]
	for h in headers:
		for item in h.items:
			if item.kind == "struct":
				out += struct_lines(item)
			if item.kind == "macro":
				out.append(f'\tprintf("{item.name} %#llx\\n", (unsigned long long)({item.name}));')
	return "\n".join(out + ["\treturn 0;", "}", ""])


def main():
	if len(sys.argv) != 3:
		sys.exit(__doc__)
	Path(sys.argv[2]).write_text(program(contract.read_headers(sys.argv[1])))


main()
