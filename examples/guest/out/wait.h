/* SPDX-License-Identifier: Apache-2.0 */
/* How a call of a function's waits for what lwIP tells later. */
#ifndef OUT_WAIT_H
#define OUT_WAIT_H

#include <stdbool.h>
#include <stdint.h>

struct task;

/* The task that runs; NULL: nobody may wait here, as it is not handle() that runs. */
struct task *task_now(void);
/* Others go on until task_wake(task_now()), which may be called for more than one reason. False: it is `until`. */
bool task_wait(uint64_t until);
/* NULL, and one that does not wait: nothing. */
void task_wake(struct task *task);
/* What is asked of names goes on, also what nobody waits for any more: when this is to be called again. */
uint64_t lookup_turn(void);
/* When a call ends whose function said `until`. */
uint64_t task_until(uint64_t until);

#endif
