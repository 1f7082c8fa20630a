/* SPDX-License-Identifier: Apache-2.0 */
#include "birth_clone.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "walls.h"

enum { STACK = 64 << 10 };

/* The child must not return from where it was made: what is there of the stack is ours. */
#if defined(__x86_64__)
static long clone_and_call(struct clone_args *args, void (*run)(void *arg), void *arg)
{
	long rc = SYS_clone3;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %[arg], %%rdi\n\t"
			 "call *%[run]\n\t"
			 "hlt\n"
			 "1:"
			 : "+a"(rc)
			 : "D"(args), "S"(sizeof *args), [run] "b"(run), [arg] "d"(arg)
			 : "rcx", "r11", "cc", "memory");
	return rc;
}
#elif defined(__aarch64__)
static long clone_and_call(struct clone_args *args, void (*run)(void *arg), void *arg)
{
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = (long)sizeof *args;
	register long x8 __asm__("x8") = SYS_clone3;
	register void *x2 __asm__("x2") = arg;
	register void (*x3)(void *) __asm__("x3") = run;

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, #0\n\t"
			 "mov x30, #0\n\t"
			 "mov x0, x2\n\t"
			 "blr x3\n\t"
			 "brk #0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x1), "r"(x8), "r"(x2), "r"(x3)
			 : "x30", "cc", "memory");
	return x0;
}
#else
static long clone_and_call(struct clone_args *args, void (*run)(void *arg), void *arg)
{
	(void)args;
	(void)run;
	(void)arg;
	return -ENOSYS;
}
#endif

pid_t birth_clone(struct clone_args *args, void (*run)(void *arg), void *arg)
{
	_Alignas(16) char stack[STACK]; /* it is there until we go on, and then it is not needed any more */

	if (walls_are_soft())
		return -ENOSYS;
	args->flags |= CLONE_VM | CLONE_VFORK;
	args->stack = (uint64_t)(uintptr_t)stack;
	args->stack_size = sizeof stack;
	return (pid_t)clone_and_call(args, run, arg);
}
