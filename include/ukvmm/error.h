/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a failed call tells. The caller owns the structure; it holds no pointers, so it may be kept,
 * copied and passed between threads and processes.
 */
#ifndef UKVMM_ERROR_H
#define UKVMM_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * size    sizeof(struct ukvmm_err), set by the caller; a smaller size receives only what fits, 0
 *         receives nothing.
 * code    the negative errno that the call also returned.
 * call    the system call, ioctl or library step that failed: "KVM_CREATE_VM", "pread".
 * object  what it failed on: a VM's name, a file, "vm0/vcpu1".
 * text    one line in plain words, with the cure where there is one.
 * Strings are always NUL-terminated. Untouched by calls that succeed.
 */
struct ukvmm_err {
	uint32_t size;
	int32_t code;
	char call[32];
	char object[64];
	char text[152];
};

#ifdef __cplusplus
}
#endif
#endif
