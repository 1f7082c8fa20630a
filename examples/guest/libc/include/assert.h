/* SPDX-License-Identifier: Apache-2.0 */
/* What is not so ends the guest with a panic that names it. */
#undef assert
#ifdef NDEBUG
#define assert(what) ((void)0)
#else
#define assert(what) ((what) ? (void)0 : __assert_fail(#what, __FILE__, __LINE__, __func__))
#endif
#ifndef RT_ASSERT_H
#define RT_ASSERT_H
#define static_assert _Static_assert
_Noreturn void __assert_fail(const char *what, const char *file, int line, const char *function);
#endif
