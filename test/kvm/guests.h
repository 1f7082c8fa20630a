/* SPDX-License-Identifier: Apache-2.0 */
/* The guests that the API tests run. */
#ifndef GUESTS_H
#define GUESTS_H

#include "tiny.h"

/*
 * Assembly for TINY_CODE. Has interrupts with vector 0x40 come to the handler at label 9 (by the IDT, at 2 MiB), and enables
 * the LAPIC. Before the handler (label 8): an interrupt that comes between STI and HLT all the same, as on an emulated CPU
 * that forgets STI's shadow (scripts/rig), returns behind that HLT, which would wait for what has been.
 */
#define INTERRUPTS                                                                          \
	"jmp 7f; 8: push rax; mov rax, [rsp + 8]; cmp byte ptr [rax], 0xf4; jne 6f; "       \
	"inc qword ptr [rsp + 8]; 6: pop rax; jmp 9f; 7: "                                  \
	"lea rax, [rip + 8b]; mov edi, 0x200400; mov [rdi], ax; mov word ptr [rdi + 2], 8; " \
	"mov word ptr [rdi + 4], 0x8e00; shr rax, 16; mov [rdi + 6], ax; shr rax, 16; "     \
	"mov [rdi + 8], eax; push 0; push 0; mov word ptr [rsp], 0xfff; "                     \
	"mov dword ptr [rsp + 2], 0x200000; lidt [rsp]; "                                     \
	"mov ebx, 0xfee00000; mov dword ptr [rbx + 0xf0], 0x1ff; "

enum { GUEST_PORT = 0x9900, GUEST_GSI = 5 };

extern const struct tiny_code *const guest_exit42;  /* status 42 */
extern const struct tiny_code *const guest_spin;    /* for ever, in ring 0 */
extern const struct tiny_code *const guest_dead;    /* cli; hlt */
extern const struct tiny_code *const guest_halt;    /* sti; hlt, for ever, nothing to wake it */
extern const struct tiny_code *const guest_hello;   /* "hello\n" on the serial line, then status 0 */
extern const struct tiny_code *const guest_chatty;  /* serial output without end */
extern const struct tiny_code *const guest_bell;    /* NOTIFY 1, then 2, ... */
extern const struct tiny_code *const guest_bells;   /* NOTIFY 1 to 100, then status 0 */
extern const struct tiny_code *const guest_trap;    /* in al, GUEST_PORT; out GUEST_PORT, al + 1; exits with al */
extern const struct tiny_code *const guest_strings; /* rep outsb of "abc" to GUEST_PORT, then status 3 */
/* Idles by the doorbell; each interrupt on GUEST_GSI is a NOTIFY with the count of them. NOTIFY 0 when ready. */
extern const struct tiny_code *const guest_idle;
/* Arms the LAPIC timer once (about 300 ms: it idles before, on a busy host, too), idles by the doorbell, then exits with status 9. */
extern const struct tiny_code *const guest_timer;

#endif
