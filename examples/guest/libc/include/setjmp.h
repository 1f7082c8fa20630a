/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_SETJMP_H
#define RT_SETJMP_H
typedef struct {
	unsigned long kept[26]; /* as musl has it on x86_64 */
} jmp_buf[1];
int setjmp(jmp_buf at) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf at, int value);
#endif
