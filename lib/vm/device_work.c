/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a device's callbacks are called. Whoever calls holds the device's turn: the poller's thread, or a vCPU's for a
 * kick of a device that is served inline.
 */
#include "vm.h"

#include "export.h"

enum { QUEUE_BUDGET = 64, TELL_RESET = 1, TELL_DRIVER_OK = 2, TELL_WOKEN = 4, TELL_TIMER = 8 };

/* From the transport, on a vCPU's thread or the poller's, with the transport's lock held. */
static void host_interrupt(void *ctx)
{
	struct ukvmm_device *d = ctx;

	vm_gsi_pulse(d->vm, d->gsi);
}

/* Everybody who can bring this about looks at `kicked` afterwards: no thread is woken that is not needed. */
static void host_kick(void *ctx, uint32_t q)
{
	struct ukvmm_device *d = ctx;

	atomic_fetch_or(&d->kicked, 1u << q);
}

static void host_driver_ok(void *ctx, uint64_t features)
{
	struct ukvmm_device *d = ctx;

	atomic_store(&d->features, features);
	atomic_fetch_or(&d->tell, TELL_DRIVER_OK);
	poller_work(d->vm->poller, d->vm);
}

static void host_reset(void *ctx)
{
	struct ukvmm_device *d = ctx;

	/* a DRIVER_OK that was not told yet is over */
	atomic_fetch_and(&d->tell, ~(unsigned)TELL_DRIVER_OK);
	atomic_fetch_or(&d->tell, TELL_RESET);
	atomic_store(&d->kicked, 0);
	poller_work(d->vm->poller, d->vm);
}

static void host_broken(void *ctx, const char *reason)
{
	struct ukvmm_device *d = ctx;

	(void)reason; /* counted in the transport */
	poller_post(d->vm->poller, d->vm, UKVMM_EV_DEVICE_BROKEN, d->index);
}

const struct virtio_host device_host = {
	.interrupt = host_interrupt,
	.kick = host_kick,
	.driver_ok = host_driver_ok,
	.reset = host_reset,
	.broken = host_broken,
};

static bool pausing(const struct ukvmm_device *d)
{
	return atomic_load(&d->vm->ctl) & CTL_PAUSE;
}

/* Has it said so in this pause? */
static bool is_quiet(const struct ukvmm_device *d)
{
	return d->quiesced == atomic_load(&d->vm->pauses) && atomic_load(&d->quiet);
}

/* A reset that is told may set free what waited for it, a DRIVER_OK or another reset: until nothing is left. A
 * guest that resets without end gets its turns like everybody, and so does a device that wakes itself: that is told
 * once a turn. Timers wait while pausing, so that nothing new begins; what has completed is told until the device is
 * quiet: then nothing of it is under way, and it must not begin anything while others are waited for. */
static void tell(struct ukvmm_device *d)
{
	enum { TURNS = 3 };
	unsigned later = !pausing(d) ? 0 : is_quiet(d) ? TELL_TIMER | TELL_WOKEN : TELL_TIMER;

	for (int i = 0; i < TURNS; i++) {
		unsigned what = atomic_fetch_and(&d->tell, later) & ~later;

		if (!what)
			return;
		if (what & TELL_RESET) {
			if (d->ops.reset)
				d->ops.reset(d->ctx);
			virtio_dev_reset_done(d->virtio);
		}
		if (what & TELL_DRIVER_OK && d->ops.driver_ok)
			d->ops.driver_ok(d->ctx, atomic_load(&d->features));
		if (what & TELL_WOKEN && d->ops.woken)
			d->ops.woken(d->ctx);
		if (what & TELL_TIMER && d->ops.timer)
			d->ops.timer(d->ctx);
		later |= TELL_WOKEN | TELL_TIMER;
	}
	poller_work(d->vm->poller, d->vm);
}

/*
 * A driver that gives one small chain a kick waits for its answer; one that gives many, or bulk data, goes on meanwhile
 * if the device is served elsewhere: then the vCPU is free, and while the poller's thread is at it the ring asks for no
 * further kicks.
 */
static void batch_count(struct ukvmm_device *d, uint32_t q, uint64_t chains, uint64_t bytes)
{
	enum { MANY = 8 * 8, BULK = 4096 /* bytes that weigh as much as a chain */, MOST = 64 };
	uint64_t weight = chains > bytes / BULK ? chains : bytes / BULK;
	uint32_t batch = d->batch[q] - d->batch[q] / 8 + (uint32_t)(weight < MOST ? weight : MOST);

	d->batch[q] = batch;
	if (batch >= MANY)
		atomic_fetch_or(&d->batched, 1u << q);
	else
		atomic_fetch_and(&d->batched, ~(1u << q));
}

static void serve_queues(struct ukvmm_device *d, unsigned kicked)
{
	for (uint32_t q = 0; kicked >> q; q++) {
		struct ukvmm_queue *queue = virtio_dev_queue(d->virtio, q);
		uint64_t chains = virtio_queue_popped(queue), bytes = virtio_queue_popped_bytes(queue);

		if (!(kicked >> q & 1))
			continue;
		d->ops.queue_ready(d->ctx, q, QUEUE_BUDGET);
		chains = virtio_queue_popped(queue) - chains;
		batch_count(d, q, chains, virtio_queue_popped_bytes(queue) - bytes);
		/* it stopped because of us: another turn, after the others */
		if (chains >= QUEUE_BUDGET)
			host_kick(d, q);
	}
}

/* Turn held: what happened may have kicked queues (a push that made room, a reset that was done). */
static void turn_end(struct ukvmm_device *d)
{
	pthread_mutex_unlock(&d->turn);
	if (atomic_load(&d->kicked) && !pausing(d))
		poller_work(d->vm->poller, d->vm);
}

/* Kicks wait for the resume while pausing, and for a held device everything does. */
static void device_work(struct ukvmm_device *d)
{
	unsigned kicked;

	if (atomic_load(&d->kick_wanted))
		device_kick_register(d);
	if (!atomic_load(&d->kicked) && !atomic_load(&d->tell))
		return;
	pthread_mutex_lock(&d->turn);
	if (!atomic_load(&d->held)) {
		/* before what is told: a queue must not be served ahead of the DRIVER_OK that made it live */
		kicked = pausing(d) ? 0 : atomic_exchange(&d->kicked, 0);
		tell(d);
		serve_queues(d, kicked);
	}
	turn_end(d);
}

void devices_work(struct ukvmm_vm *vm)
{
	for (uint32_t i = 0; i < vm->devices; i++)
		device_work(vm->device[i]);
}

void device_written(struct ukvmm_device *d)
{
	unsigned kicked = atomic_load(&d->kicked);

	if (!kicked)
		return;
	device_kick_counted(d);
	if (!device_inline(d) || kicked & atomic_load(&d->batched) || pausing(d) || pthread_mutex_trylock(&d->turn)) {
		poller_work(d->vm->poller, d->vm);
		return;
	}
	/* what is to be told comes first, and is the poller's: it is awake for that already */
	if (!atomic_load(&d->tell) && !atomic_load(&d->held))
		serve_queues(d, atomic_exchange(&d->kicked, 0));
	turn_end(d);
}

void device_fd_ready(const struct watch *w, uint32_t index, uint32_t events)
{
	struct ukvmm_device *d = w->device;

	pthread_mutex_lock(&d->turn);
	/* the watch may have gone, or the VM been paused, since the poller looked */
	if (!atomic_load(&d->held) && poller_watched(d->vm->poller, w, index) && !device_kick_event(d, w->fd))
		d->ops.fd_ready(d->ctx, w->tag, events);
	turn_end(d);
}

void device_timer_fire(struct timer *timer)
{
	struct ukvmm_device *d = (void *)((char *)timer - offsetof(struct ukvmm_device, timer));

	atomic_fetch_or(&d->tell, TELL_TIMER);
	device_work(d);
}

UKVMM_API void ukvmm_device_wake(struct ukvmm_device *dev)
{
	atomic_fetch_or(&dev->tell, TELL_WOKEN);
	poller_work(dev->vm->poller, dev->vm);
}

UKVMM_API void ukvmm_device_timer(struct ukvmm_device *dev, uint64_t at)
{
	atomic_fetch_and(&dev->tell, ~(unsigned)TELL_TIMER);
	poller_arm(dev->vm->poller, &dev->timer, at);
}

static void quiesce(struct ukvmm_device *d, uint32_t pause)
{
	pthread_mutex_lock(&d->turn);
	tell(d); /* the vCPUs are out: nothing new comes, and what is told is nobody's to save */
	if (d->quiesced != pause) {
		d->quiesced = pause;
		atomic_store(&d->quiet, false);
		if (!d->ops.quiesce || d->ops.quiesce(d->ctx) == 1)
			atomic_store(&d->quiet, true);
	}
	pthread_mutex_unlock(&d->turn);
}

bool devices_quiesce(struct ukvmm_vm *vm, uint32_t pause)
{
	bool all = true;

	for (uint32_t i = 0; i < vm->devices; i++) {
		quiesce(vm->device[i], pause);
		all = all && atomic_load(&vm->device[i]->quiet);
	}
	return all;
}

void devices_hold(struct ukvmm_vm *vm)
{
	for (uint32_t i = 0; i < vm->devices; i++) {
		atomic_store(&vm->device[i]->held, true);
		poller_watch_hold(vm->poller, vm->device[i], true);
	}
}

void devices_release(struct ukvmm_vm *vm)
{
	for (uint32_t i = 0; i < vm->devices; i++) {
		struct ukvmm_device *d = vm->device[i];

		if (atomic_exchange(&d->held, false))
			poller_watch_hold(vm->poller, d, false);
	}
}

UKVMM_API void ukvmm_device_quiet(struct ukvmm_device *dev)
{
	atomic_store(&dev->quiet, true);
	poller_work(dev->vm->poller, dev->vm);
}
