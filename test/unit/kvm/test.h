/* SPDX-License-Identifier: Apache-2.0 */
/* What every cmocka program here includes, in the order that cmocka wants. */
#ifndef TEST_KVM_H
#define TEST_KVM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
