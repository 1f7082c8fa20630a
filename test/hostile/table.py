#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every case that doc/security.md names exists in the program that it names, and every case here is named there."""
import pathlib
import re
import sys

here = pathlib.Path(__file__).parent
root = here.parent.parent
text = (root / "doc/security.md").read_text()
section = text[text.index("## Attacks"):text.index("## For embedders")]
wrong = []

cases = {}
for source in here.glob("*-test.c"):
    program = "hostile-" + source.name.removesuffix("-test.c")
    cases[program] = set(re.findall(r"^\t\t(?:ROW|cmocka_unit_test)\((\w+)\),$", source.read_text(), re.M))

named = {program: set() for program in cases}
for line in section.splitlines():
    program = None
    for word in re.findall(r"`([^`]+)`", line) if line.startswith("|") else []:
        if word.startswith("hostile-"):
            program = word.removesuffix("-*")
            if program not in cases:
                wrong.append(f"no program {word}")
        elif program in cases and re.fullmatch(r"[a-z_0-9]+_[a-z_0-9]+", word):
            named[program].add(word)
            if word not in cases[program]:
                wrong.append(f"{program} has no case {word}")
wrong += [f"{p}: {c} is not in doc/security.md" for p in cases for c in sorted(cases[p] - named[p])]
print("\n".join(wrong) if wrong else f"{sum(map(len, named.values()))} cases")
sys.exit(bool(wrong))
