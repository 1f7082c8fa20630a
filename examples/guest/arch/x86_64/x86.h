/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of arch/x86_64. Operations beside RT_WRITE and RT_READ, as stubs.S knows them. */
#ifndef RT_X86_H
#define RT_X86_H

#include "../arch.h"

enum { RT_WRMSR = RT_ARCH, RT_TRIPLE_FAULT };
enum { RT_SLOTS = 7, APIC_TIMER = 0xfee00380, STATUS_PANIC = 253, STATUS_FAULT = 254 };

void rt_boot_read(bool pvh, const uint8_t *info);
extern uint32_t rt_apic_version; /* all ones: there is no local APIC */
void rt_clock_init(bool kvm);

#endif
