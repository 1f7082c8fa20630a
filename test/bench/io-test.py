#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The I/O benchmarks run, and print what they promise; their figures are nobody's concern here. Every run in them
checks what it moves. Usage: io-test.py QUEUE IO-VS-QEMU"""
import json
import os
import shutil
import subprocess
import sys

count = failed = 0


def ok(what, good):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {what}", flush=True)


def run(*words):
    p = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ok(f"{os.path.basename(words[0])} {' '.join(words[1:])}: status 0 {p.stderr.strip()}", p.returncode == 0)
    return json.loads(p.stdout) if p.returncode == 0 else {}


def series(o, name, unit):
    s = o.get(name, {})
    good = s.get("unit") == unit and s.get("n") == 1 and s.get("p50", 0) > 0
    ok(f"{name} has one sample of {unit}", good)


def positive(o, name):
    ok(f"{name} is a positive number", o.get(name, 0) > 0)


def queue(program):
    o = run(program, "--json", "--runs", "1")
    for name in ("ring0", "inline", "poller", "eventfd", "rng", "blk", "net_echo", "blk_sealed", "blk_strict",
                 "net_echo_sealed", "net_echo_strict"):
        series(o, f"{name}_p50_us", "us")
        series(o, f"{name}_p99_us", "us")
    for name in ("net_tx", "net_rx"):
        series(o, f"{name}_per_s", "1/s")
        for what in ("kicks", "exits"):
            positive(o, f"{name}_{what}_per_packet")
    positive(o, "inline_exits_per_trip")


def io(program):
    o = run(program, "--json", "--runs", "1", "rng_round_trip", "read_qd32", "packet_echo", "stream_tx_bytes")
    for who in ("ukvmm", "qemu"):
        series(o, f"rng_round_trip_{who}", "us")
        series(o, f"packet_echo_{who}", "us")
        series(o, f"stream_tx_bytes_{who}", "MB/s")
        positive(o, f"rng_round_trip_kicks_each_{who}")
    for who in ("ukvmm", "ukvmm_uring", "qemu", "qemu_uring", "qemu_iothread"):
        series(o, f"read_qd32_{who}", "1/s")
    positive(o, "ratio_read_qd32")
    ok("scenes that were not asked for are left out", "ratio_tap_echo" not in o)
    ok("the host is named", o.get("host", {}).get("kernel") == os.uname().release)


if not os.access("/dev/kvm", os.R_OK | os.W_OK):
    print("1..0 # SKIP no usable /dev/kvm")
    sys.exit(77)
queue(sys.argv[1])
if shutil.which("qemu-system-x86_64"):
    io(sys.argv[2])
else:
    print("# QEMU is not installed: io-vs-qemu is left out")
print(f"1..{count}")
sys.exit(failed > 0)
