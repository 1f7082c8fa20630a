/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ring 3 has done in ring 0, because a device's register costs less there: an exit is 5 us instead of 15. But on the
 * hosts where that is so each instruction of ring 0 takes a microsecond, too, whatever it does. So these are few, values
 * come in registers, and what can be is a constant. They are entered with interrupts off, by stubs.S,
 * and end by IRETQ; who calls them are the functions below, which are ring 3's.
 */
	.section .ring0.text, "ax"
	.globl ring0_end, rt_ring0_insn
	.set VERSION, 0x04
	.set FEATURES, 0x10
	.set FEATURES_SEL, 0x14
	.set DRIVER_FEATURES, 0x20
	.set DRIVER_FEATURES_SEL, 0x24
	.set QUEUE_SEL, 0x30
	.set QUEUE_NUM_MAX, 0x34
	.set QUEUE_NUM, 0x38
	.set QUEUE_READY, 0x44
	.set QUEUE_NOTIFY, 0x50
	.set STATUS, 0x70
	.set QUEUE_DESC, 0x80
	.set QUEUE_DRIVER, 0x90
	.set QUEUE_DEVICE, 0xa0
	.set CONFIG, 0x100

/* RDI: device. Reset, acknowledged, driver; EAX: version, ECX: the lower features. */
ring0_offer:
	movl VERSION(%rdi), %eax
	movl $0, STATUS(%rdi)
	movl $1, STATUS(%rdi)
	movl $3, STATUS(%rdi)
	movl $0, FEATURES_SEL(%rdi)
	movl FEATURES(%rdi), %ecx
	iretq

/* R8: device, ESI: features beside VERSION_1, ECX: queues, R9D: words of configuration. To RDI: status, size of each queue,
 * configuration. */
ring0_agree:
	movl $0, DRIVER_FEATURES_SEL(%r8)
	movl %esi, DRIVER_FEATURES(%r8)
	movl $1, DRIVER_FEATURES_SEL(%r8)
	movl $1, DRIVER_FEATURES(%r8)
	movl $11, STATUS(%r8)
	movl STATUS(%r8), %eax
	stosl
1:	decl %ecx
	js 2f
	movl %ecx, QUEUE_SEL(%r8)
	movl QUEUE_NUM_MAX(%r8), %eax
	stosl
	jmp 1b
2:	leaq CONFIG(%r8), %rsi
	movl %r9d, %ecx
	rep movsl
	iretq

/* RDI: device; R8, R9D, R10D: where an IOAPIC is and what is selected and written there; ECX: queues, which go from RSI
 * on, the last one first. The upper halves of addresses are 0, which they are after a reset. R11: the routine goes on
 * there. */
ring0_start:
	decl %ecx
	js 2f
	movl %ecx, QUEUE_SEL(%rdi)
	lodsl
	movl %eax, QUEUE_NUM(%rdi)
	lodsl
	movl %eax, QUEUE_DESC(%rdi)
	lodsl
	movl %eax, QUEUE_DRIVER(%rdi)
	lodsl
	movl %eax, QUEUE_DEVICE(%rdi)
	movl $1, QUEUE_READY(%rdi)
	jmp ring0_start
2:	movl %r9d, (%r8)
	movl %r10d, 0x10(%r8)
	movl $15, STATUS(%rdi)
	jmp *%r11
ring0_kick_first:
	movl $0, QUEUE_NOTIFY(%rdi)
ring0_return:
	iretq

/* Writes ESI to RDI; EAX to the local APIC's timer; then idles, unless rt_irqs is not R8 any more. Interrupts are off from
 * there to HLT: no wake-up is lost. R9: the doorbell, or 0. */
ring0_kick_timer_idle:
	movl %esi, (%rdi)
ring0_timer_idle:
	movabsl %eax, 0xfee00380
ring0_idle:
	cmpq %r8, rt_irqs
	jne ring0_return
	testq %r9, %r9
	jz 1f
	movl $0, (%r9)		/* the host may park us here */
1:	sti
	hlt			/* our interrupts return to ring 3 from here */
	cli
	iretq
ring0_kick_idle:
	movl %esi, (%rdi)
	jmp ring0_idle

/* ECX: an MSR, EAX: its lower half */
ring0_wrmsr:
	xorl %edx, %edx
	wrmsr
	iretq

/* EAX: leaf */
ring0_cpuid:
	cpuid
	iretq

/* An exception without a handler: the host resets or ends us. */
ring0_end:
	lidt no_idt
	ud2
	.balign 8
no_idt:	.fill 10, 1, 0

/* ---- the functions of ring 3, by the C calling convention ---- */
	.text
	.macro ring0 routine
	movl $\routine, %edx
	call rt_ring0
	.endm

	/* what ring 0 knows a call by */
rt_ring0:
rt_ring0_insn:
	hlt
	ret

	/* void (uint64_t base, uint32_t out[2]) */
	.globl rt_ring0_offer
rt_ring0_offer:
	ring0 ring0_offer
	movl %eax, (%rsi)
	movl %ecx, 4(%rsi)
	ret

	/* void (uint32_t *out, uint32_t features, uint64_t base, uint32_t queues, uint32_t config_words) */
	.globl rt_ring0_agree
rt_ring0_agree:
	movl %r8d, %r9d
	movq %rdx, %r8
	ring0 ring0_agree
	ret

	/* void (uint64_t base, const struct rt_ring0_queue *, uint32_t kick, uint32_t n, uint64_t ioapic, uint32_t select,
	 * uint32_t value) */
	.globl rt_ring0_start
rt_ring0_start:
	movl 8(%rsp), %r10d
	movl $ring0_return, %r11d
	movl $ring0_kick_first, %eax
	testl %edx, %edx
	cmovnz %rax, %r11
	ring0 ring0_start
	ret

	/* void (uint64_t seen, uint64_t door): idles */
	.globl rt_ring0_idle
rt_ring0_idle:
	movq %rdi, %r8
	movq %rsi, %r9
	ring0 ring0_idle
	ret

	/* void (uint64_t seen, uint64_t door, uint32_t unused, uint32_t timer) */
	.globl rt_ring0_timer_idle
rt_ring0_timer_idle:
	movq %rdi, %r8
	movq %rsi, %r9
	movl %ecx, %eax
	ring0 ring0_timer_idle
	ret

	/* void (uint64_t at, uint32_t value, uint32_t unused, uint32_t timer, uint64_t seen, uint64_t door) */
	.globl rt_ring0_kick_timer_idle
rt_ring0_kick_timer_idle:
	movl %ecx, %eax
	ring0 ring0_kick_timer_idle
	ret

	/* void (uint64_t at, uint32_t value, uint32_t unused[2], uint64_t seen, uint64_t door) */
	.globl rt_ring0_kick_idle
rt_ring0_kick_idle:
	ring0 ring0_kick_idle
	ret

	/* void (uint32_t msr, uint32_t value) */
	.globl rt_wrmsr
rt_wrmsr:
	movl %edi, %ecx
	movl %esi, %eax
	ring0 ring0_wrmsr
	ret

	/* uint32_t (uint32_t leaf): EBX */
	.globl rt_cpuid_ebx
rt_cpuid_ebx:
	pushq %rbx
	movl %edi, %eax
	ring0 ring0_cpuid
	movl %ebx, %eax
	popq %rbx
	ret

	.globl rt_triple_fault
rt_triple_fault:
	ring0 ring0_end
	.section .note.GNU-stack, "", @progbits
