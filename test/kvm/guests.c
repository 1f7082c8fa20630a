/* SPDX-License-Identifier: Apache-2.0 */
#include "guests.h"

#define DOORBELL "0xd0080000"
#define EXIT(status) "mov edx, 0x501; mov al, " status "; out dx, al; "

TINY_CODE(exit42, EXIT("42"));
TINY_CODE(spin, "1: jmp 1b");
TINY_CODE(dead, "cli; hlt");
TINY_CODE(halt, "1: sti; hlt; jmp 1b");
TINY_CODE(hello, "lea rsi, [rip + 2f]; mov edx, 0x3f8; mov ecx, 6; 1: lodsb; out dx, al; loop 1b; " EXIT("0")
		 "2: .ascii \"hello\\n\"");
TINY_CODE(chatty, "mov edx, 0x3f8; mov al, 'x'; 1: out dx, al; jmp 1b");
TINY_CODE(bell, "mov ebx, " DOORBELL "; xor eax, eax; 1: inc eax; mov [rbx], eax; jmp 1b");
TINY_CODE(bells, "mov ebx, " DOORBELL "; xor eax, eax; 1: inc eax; mov [rbx], eax; cmp eax, 100; jne 1b; " EXIT("0"));
TINY_CODE(trap, "mov edx, 0x9900; in al, dx; inc al; out dx, al; mov ah, al; " EXIT("ah"));
TINY_CODE(strings, "lea rsi, [rip + 2f]; mov edx, 0x9900; mov ecx, 3; rep outsb; " EXIT("3") "2: .ascii \"abc\"");

#define IDLE "cli; mov ecx, " DOORBELL "; mov dword ptr [rcx + 4], 0; sti; hlt; "

TINY_CODE(idle, INTERRUPTS
	/* IOAPIC pin 5: vector 0x40, edge, to LAPIC 0 */
	"mov ecx, 0xfec00000; mov dword ptr [rcx], 0x1b; mov dword ptr [rcx + 16], 0; "
	"mov dword ptr [rcx], 0x1a; mov dword ptr [rcx + 16], 0x40; "
	"xor ebp, ebp; mov ecx, " DOORBELL "; mov [rcx], ebp; 1: " IDLE "jmp 1b; "
	"9: inc ebp; push rcx; mov ecx, " DOORBELL "; mov [rcx], ebp; pop rcx; mov dword ptr [rbx + 0xb0], 0; iretq");

TINY_CODE(timer, INTERRUPTS
	/* divide by 1, one-shot, vector 0x40; KVM's LAPIC bus runs at 1 GHz */
	"mov dword ptr [rbx + 0x3e0], 11; mov dword ptr [rbx + 0x320], 0x40; mov dword ptr [rbx + 0x380], 300000000; "
	"1: " IDLE "jmp 1b; 9: " EXIT("9"));

#define GUEST(name) const struct tiny_code *const guest_##name = &tiny_code_##name
GUEST(exit42);
GUEST(spin);
GUEST(dead);
GUEST(halt);
GUEST(hello);
GUEST(chatty);
GUEST(bell);
GUEST(bells);
GUEST(trap);
GUEST(strings);
GUEST(idle);
GUEST(timer);
