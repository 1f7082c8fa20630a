# SPDX-License-Identifier: Apache-2.0
"""What the library's object files may refer to and hold. A library that lives in someone else's process ends
nothing, prints nothing, starts no thread, installs no handler and keeps no state outside of its objects.

Programs of ours that link the static archive may use its public functions only.

usage: symbols.py BUILD-DIR libukvmm.map OBJECT...
"""

import re
import subprocess
import sys
from pathlib import Path

import report

FORBIDDEN = {
	"ends the process": "exit _exit _Exit quick_exit abort err errx verr verrx atexit on_exit __cxa_atexit raise kill",
	"prints": "printf fprintf vprintf vfprintf dprintf vdprintf puts fputs putchar putc fputc fwrite perror warn"
	" warnx psignal syslog vsyslog openlog stdout stderr stdin",
	"starts a thread or process": "pthread_create fork vfork clone posix_spawn posix_spawnp system popen execve"
	" execvp daemon thrd_create pthread_atfork",
	"changes signal handling": "signal sigaction bsd_signal sigset siginterrupt sigaltstack",
	"changes the whole process": "setenv putenv unsetenv clearenv chdir fchdir umask setlocale uselocale setrlimit"
	" srand srandom setuid setgid setresuid setresgid prctl",
	"has state that threads share": "strtok localtime gmtime asctime ctime rand random getenv readdir",
}
# The only exceptions: symbol -> file -> why.
ALLOWED = {
	"pthread_create": {"lib/vm/run.c": "ukvmm/run.h says that it starts threads"},
	"prctl": {f"lib/sandbox/{f}.c": "each call of ukvmm/sandbox.h says what it changes" for f in
		("capabilities", "filter", "landlock", "steps")},
	"setrlimit": {"lib/sandbox/steps.c": "ukvmm_sandbox_limit"},
}
WRITABLE = re.compile(r"^\.(data|bss|tdata|tbss)(?!\.rel\.ro)|^COMMON$")
CONSTRUCTOR = re.compile(r"^\.(init_array|fini_array|preinit_array|ctors|dtors)")


def tool(*args):
	return subprocess.run(args, check=True, capture_output=True, text=True).stdout.splitlines()


def source_of(obj, build):
	"""build/dev/lib/kvm/CMakeFiles/room_kvm.dir/x86_64/regs.c.o -> lib/kvm/x86_64/regs.c"""
	rel = Path(obj).resolve().relative_to(build).as_posix()
	return re.sub(r"CMakeFiles/[^/]+\.dir/", "", rel)[: -len(".o")]


def plain(symbol):
	"""The function that was written: fprintf for __fprintf_chk, printf for printf@GLIBC_2.2.5."""
	return re.sub(r"^__(\w+)_chk$", r"\1", symbol.split("@")[0])


def per_object(lines, header):
	"""Output of one tool for many objects, cut into object -> lines by the line that names each."""
	out, current = {}, None
	for line in lines:
		m = re.match(header, line)
		if m:
			current = out.setdefault(m.group(1), [])
		elif current is not None and line.strip():
			current.append(line)
	return out


def nm(objects, *options):
	"""object -> names; nm leaves out the heading when there is only one object."""
	if not objects:
		return {}
	lines = tool("nm", *options, *objects)
	found = per_object(lines, r"(\S+\.o):$") if len(objects) > 1 else {str(objects[0]): lines}
	return {o: {line.split()[-1].split("@")[0] for line in ls} for o, ls in found.items()}


def objdump(objects, option):
	return per_object(tool("objdump", option, *objects), r"(\S+\.o):\s+file format")


def check_references(source, names):
	wrong = {name: what for what, words in FORBIDDEN.items() for name in words.split()}
	problems = []
	for name in sorted(plain(n) for n in names):
		if name in wrong and source not in ALLOWED.get(name, {}):
			problems.append(f"{source}:{find(source, name)}: {name} {wrong[name]}")
	return problems


def find(source, name):
	return report.line_with(source, name) if Path(source).exists() else 1


def check_writable(source, symbols, sections):
	problems = []
	for line in symbols:
		m = re.match(r"[0-9a-f]+ .{7} (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", line)
		if m and WRITABLE.match(m.group(1)) and not m.group(3).startswith(".") and int(m.group(2), 16):
			name = re.sub(r"\.\d+$", "", m.group(3))
			problems.append(f"{source}:{find(source, name)}: {name} is a writable global ({m.group(1)})")
	for words in (line.split() for line in sections):
		if len(words) < 3 or not words[0].isdigit():
			continue
		if CONSTRUCTOR.match(words[1]):
			problems.append(f"{source}:1: runs code when it is loaded ({words[1]})")
		if WRITABLE.match(words[1]) and int(words[2], 16) and not problems:
			problems.append(f"{source}:1: {words[1]} has {int(words[2], 16)} writable bytes")
	return problems


def check_objects(objects, build):
	used, symbols, sections = nm(objects, "--undefined-only"), objdump(objects, "-t"), objdump(objects, "-h")
	problems = []
	for obj in objects:
		source = source_of(obj, build)
		problems += check_references(source, used.get(obj, ()))
		problems += check_writable(source, symbols[obj], sections[obj])
	return problems


def check_programs(programs, build, internal):
	problems = []
	for obj, names in nm(programs, "--undefined-only").items():
		source = source_of(obj, build)
		for name in sorted(names & internal):
			problems.append(f"{source}:{find(source, name)}: {name} is the library's own, not public")
	return problems


def main():
	build, map_path, objects = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3:]
	problems = check_objects(objects, build) if objects else []
	public = set(re.findall(r"^\s*(\w+);$", Path(map_path).read_text(), re.M))
	internal = set().union(*nm(objects, "-g", "--defined-only").values()) - public
	programs = sorted(p for d in ("vmm", "examples") for p in (build / d).rglob("*.c.o"))
	problems += check_programs(programs, build, internal)
	report.finish(problems, len(objects), f"library objects, {len(programs)} of programs")


main()
