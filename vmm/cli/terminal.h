/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal on stdin: raw while the guest runs, as it was at every end, our own crash included.
 * There is one terminal per process, so its saved state is the one global of this program. All
 * calls but the crash handlers come from one thread at a time.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raw mode, if stdin is a terminal and we are its foreground job. Returns whether it is raw now.
 * Output processing stays on: unikernels print bare newlines. Repeatable: on SIGCONT, say. */
bool terminal_enter(void);

/* As it was before the first terminal_enter. Repeatable. */
void terminal_leave(void);

/* What the terminal on stdin shows; left alone where there is none. */
void terminal_size(uint32_t *cols, uint32_t *rows);

/* Ctrl-a, as QEMU has it: Ctrl-a x quits, Ctrl-a Ctrl-a is one Ctrl-a; any other key after it: both
 * are the guest's. */
struct terminal_escape {
	bool pending;
};

/* Decodes len typed bytes into `out` (room for len + 1) and returns how many are the guest's. Sets
 * *quit on Ctrl-a x and ignores what follows. */
size_t terminal_decode(struct terminal_escape *e, const uint8_t *in, size_t len, uint8_t *out,
	bool *quit);

#endif
