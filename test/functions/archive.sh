#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libukvmm_fn.a calls no operating system, wants nothing but what a function and the linker script give, and shows no
# names but those that it says. A function that asks nobody is linked with nothing of
# what that takes. Usage: archive.sh ARCHIVE EXPORTED IMAGE ASKING-IMAGE
set -euo pipefail
! objdump -d "$1" | grep -Ew 'syscall|sysenter' || { echo "FAIL: a system call"; exit 1; }
objdump -d "$1" | grep -w iretq >/dev/null || { echo "FAIL: that was not the runtime"; exit 1; }
lacks=$(nm -u "$1" | awk 'NF == 2 { print $2 }' | grep -vxE 'handle|fn_setup|image_end|stack_top|dense_from|tasks_at|_GLOBAL_OFFSET_TABLE_' || true)
[ -z "$lacks" ] || { echo "FAIL: undefined: $lacks"; exit 1; }
shown=$(nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort)
[ "$shown" = "$(grep . "$2" | sort -u)" ] || { diff <(echo "$shown") <(grep . "$2" | sort -u); echo "FAIL: names"; exit 1; }
asks='rt_switch|rt_stack|task_wait|peer_take|dns_gethostbyname|fn_call|http_parse_answer|tcp_connect'
! nm "$3" | grep -wE "$asks" || { echo "FAIL: $3 has what it does not use"; exit 1; }
[ "$(nm "$4" | grep -cwE "$asks")" = 8 ] || { echo "FAIL: these were not the names"; exit 1; }
echo "ok: $(echo "$shown" | wc -l) names"
