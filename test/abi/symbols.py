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


def check_references(obj, source):
	wrong = {name: what for what, names in FORBIDDEN.items() for name in names.split()}
	problems = []
	for line in tool("nm", "--undefined-only", obj):
		name = plain(line.split()[-1])
		if name in wrong and source not in ALLOWED.get(name, {}):
			problems.append(f"{source}:{find(source, name)}: {name} {wrong[name]}")
	return problems


def find(source, name):
	return report.line_with(source, name) if Path(source).exists() else 1


def check_writable(obj, source):
	problems = []
	for line in tool("objdump", "-t", obj):
		m = re.match(r"[0-9a-f]+ .{7} (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", line)
		if m and WRITABLE.match(m.group(1)) and not m.group(3).startswith(".") and int(m.group(2), 16):
			name = re.sub(r"\.\d+$", "", m.group(3))
			problems.append(f"{source}:{find(source, name)}: {name} is a writable global ({m.group(1)})")
	for line in tool("objdump", "-h", obj):
		words = line.split()
		if len(words) < 3 or not words[0].isdigit():
			continue
		if CONSTRUCTOR.match(words[1]):
			problems.append(f"{source}:1: runs code when it is loaded ({words[1]})")
		if WRITABLE.match(words[1]) and int(words[2], 16) and not problems:
			problems.append(f"{source}:1: {words[1]} has {int(words[2], 16)} writable bytes")
	return problems


def defined(objects):
	out = {}
	for obj in objects:
		for line in tool("nm", "-g", "--defined-only", obj):
			out[line.split()[-1]] = obj
	return out


def check_program(obj, build, internal):
	source = source_of(obj, build)
	used = {line.split()[-1].split("@")[0] for line in tool("nm", "--undefined-only", obj)}
	return [
		f"{source}:{find(source, name)}: {name} is the library's own, not public"
		for name in sorted(used & internal)
	]


def main():
	build, map_path, objects = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3:]
	problems = []
	for obj in objects:
		source = source_of(obj, build)
		problems += check_references(obj, source) + check_writable(obj, source)
	public = set(re.findall(r"^\s*(\w+);$", Path(map_path).read_text(), re.M))
	internal = set(defined(objects)) - public
	programs = sorted(p for d in ("vmm", "examples") for p in (build / d).rglob("*.c.o"))
	for obj in programs:
		problems += check_program(obj, build, internal)
	report.finish(problems, len(objects), f"library objects, {len(programs)} of programs")


main()
