/* SPDX-License-Identifier: Apache-2.0 */
	.text
	.code64
	.globl syscall_entry
syscall_entry:
	swapgs			/* privileged, and the first thing Linux does here too */
	leaq stack_top(%rip), %rsp
	movq %cs, %rdi
	movq %rax, %rsi
	call on_syscall
	ud2
	.section .note.GNU-stack, "", @progbits
