/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How notifications arrive. An exit costs the guest the way to user space; an eventfd less, but the device another
 * thread. So they begin as exits, and a device that is kicked often gets its eventfd, if it is not one that answers
 * within the exit. The eventfd is made at seal and registered later, once: registering and unregistering stalls
 * changes of the memory slots.
 */
#include "vm.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "err.h"
#include "fd.h"
#include "virtio_reg.h"

enum { BUSY_KICKS = 256, BUSY_NS = 50000000 /* that many within this: 5,000 a second */ };

bool device_inline(const struct ukvmm_device *d)
{
	return d->ops.flags & UKVMM_DEVICE_INLINE && !atomic_load(&d->vm->host->poller_serves);
}

int devices_kick_fds(struct ukvmm_vm *vm, struct ukvmm_err *err)
{
	for (uint32_t i = 0; vm->config.kicks != UKVMM_KICKS_EXIT && i < vm->devices; i++) {
		struct ukvmm_device *d = vm->device[i];

		if (d->kick_fd >= 0 || (vm->config.kicks == UKVMM_KICKS_AUTO && device_inline(d)))
			continue;
		d->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (d->kick_fd < 0)
			return err_set(err, -errno, "eventfd", d->name, "%s", strerror(errno));
	}
	return 0;
}

void device_kick_counted(struct ukvmm_device *d)
{
	uint64_t now;

	if (d->kick_fd < 0 || atomic_fetch_add_explicit(&d->kick_exits, 1, memory_order_relaxed) % BUSY_KICKS)
		return;
	now = ukvmm_now();
	if (now - atomic_exchange(&d->kick_since, now) < BUSY_NS)
		atomic_store(&d->kick_wanted, true);
}

void device_kick_register(struct ukvmm_device *d)
{
	uint64_t gpa = X86_VIRTIO_BASE + d->index * X86_VIRTIO_STRIDE + REG_QUEUE_NOTIFY;

	atomic_store(&d->kick_wanted, false);
	if (d->kick_registered || d->kick_fd < 0)
		return;
	/* Watched first: what KVM then signals is seen. Where it fails, kicks go on as exits. */
	d->kick_registered = true;
	if (poller_watch(d->vm->poller, d, d->kick_fd, EPOLLIN, 0) ||
		kvm_vm_ioeventfd(&d->vm->shell->kvm, gpa, d->kick_fd)) {
		poller_watch(d->vm->poller, d, d->kick_fd, 0, 0);
		fd_close(d->kick_fd);
		d->kick_fd = -1;
	}
}

bool device_kick_event(struct ukvmm_device *d, int fd)
{
	if (d->kick_fd < 0 || fd != d->kick_fd)
		return false;
	fd_event_clear(fd);
	virtio_dev_kick_all(d->virtio); /* turn_end sees to what that kicked */
	return true;
}
