/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends of the serial line and of the virtio console for the embedder. */
#include "vm.h"

#include <errno.h>

#include "console_port.h"
#include "export.h"

UKVMM_API int64_t ukvmm_vm_console_read(struct ukvmm_vm *vm, uint32_t port, void *buf, size_t len,
	uint64_t *lost)
{
	if (port > (vm->port1 ? 1 : 0))
		return -ERANGE;
	return (int64_t)console_take(port ? &vm->port1->out : &vm->console, buf, len, lost);
}

UKVMM_API int64_t ukvmm_vm_console_write(struct ukvmm_vm *vm, uint32_t port, const void *buf, size_t len)
{
	size_t n;

	if (port > (vm->port1 ? 1 : 0))
		return -ERANGE;
	if (!vm->shell)
		return -EBADFD;
	if (port)
		return (int64_t)console_port_write(vm->port1, buf, len);
	pthread_mutex_lock(&vm->board_lock);
	n = legacy_input(&vm->board, buf, len);
	pthread_mutex_unlock(&vm->board_lock);
	return (int64_t)n;
}
