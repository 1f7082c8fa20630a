#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of functions runs, and prints what it promises; its figures are nobody's concern here.
Usage: bench.py RUNTIME"""
import json
import os
import subprocess
import sys

p = subprocess.run([sys.argv[1], "--json", "--runs", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
if p.returncode == 77:
    print(p.stdout)
    sys.exit(77)
assert p.returncode == 0, f"status {p.returncode}: {p.stderr}"
o = json.loads(p.stdout)
series = {f"{start}_to_{to}_us": 1 for start in ("create", "prepared") for to in ("sealed", "entry", "ready", "response")}
series |= {"ukvmm_run_to_response_us": 1, "warm_request_us": 100, "body_50_mib_mib_per_s": 1}
for f in ("fib", "matmul", "bubble", "alloc", "readfile"):
    series |= {f"{f}_guest_ms": 1, f"{f}_host_ms": 1, f"{f}_guest_cpu_ms": 1, f"{f}_host_cpu_ms": 1}
    assert o[f"ratio_{f}_guest_to_host"] > 0
if "qemu_to_response_us" in o:
    series["qemu_to_response_us"] = 1
    assert o["ratio_qemu_to_ukvmm_run"] > 0
for name, n in series.items():
    assert o[name]["n"] == n and o[name]["p50"] > 0, f"{name}: {o[name]}"
    assert o[name]["unit"] == ("MiB/s" if name.endswith("per_s") else name[-2:]), f"{name}: {o[name]}"
for start in ("create", "prepared"):
    at = [o[f"{start}_to_{to}_us"]["p50"] for to in ("sealed", "entry", "ready", "response")]
    assert at == sorted(at), f"{start}: {at}"
assert o["image_bytes"] < 1 << 20 and o["touched_kib"] > 0 and o["exits_to_response"] > 0
assert o["host"]["kernel"] == os.uname().release
print("ok")
