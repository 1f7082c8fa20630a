/* SPDX-License-Identifier: Apache-2.0 */
/* Allocations and system calls outside of KVM that fail in turn, by the linker's --wrap: see CMakeLists.txt. */
#ifndef TEST_FAULTS_H
#define TEST_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* The n-th call from now, counted while on, fails. 0: none. */
void faults_arm(uint32_t n);
void faults_on(bool on);
const char *faults_failed(void); /* the name of what failed; NULL: nothing yet */
int faults_errno(void);		 /* and with which errno */

#endif
