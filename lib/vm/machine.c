/* SPDX-License-Identifier: Apache-2.0 */
/* What the legacy board's pins are connected to. Called with board_lock held. */
#include "vm.h"

#include <stddef.h>

/* While the guest runs there is nobody to tell; a load tells the first of these. */
static void board_check(struct ukvmm_vm *vm, int rc, const char *call)
{
	if (rc >= 0 || vm->board_error)
		return;
	vm->board_error = rc;
	vm->board_call = call;
}

/* 24 pins, each may be level-triggered. */
static void board_routes(void *ctx)
{
	struct ukvmm_vm *vm = ctx;
	struct kvm_route route[X86_IOAPIC_PINS];
	uint32_t n = 0;

	for (uint32_t pin = 0; pin < X86_IOAPIC_PINS; pin++) {
		bool level;

		if (legacy_route(&vm->board, pin, &route[n].addr, &route[n].data, &level) && level)
			route[n++].gsi = pin;
	}
	/* Fails only for lack of memory; then level lines are not acknowledged, which a guest survives. */
	board_check(vm, kvm_vm_routes(&vm->shell->kvm, route, n), "KVM_SET_GSI_ROUTING");
}

static void board_msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct ukvmm_vm *vm = ctx;

	board_check(vm, kvm_vm_msi(&vm->shell->kvm, addr, data), "KVM_SIGNAL_MSI");
	vm_wake(vm, 0);
}

static void board_intr(void *ctx, bool asserted)
{
	struct ukvmm_vm *vm = ctx;

	atomic_store(&vm->extint, asserted);
	if (!asserted)
		return;
	kicker_poke(vm->vcpu[0].kicker);
	vm_wake(vm, 0);
}

static void board_line(void *ctx, uint32_t gsi, bool level)
{
	struct ukvmm_vm *vm = ctx;

	board_check(vm, kvm_vm_line(&vm->shell->kvm, gsi, level), "KVM_IRQ_LINE");
	vm_wake(vm, 0);
}

void vm_output(void *ctx, const void *bytes, size_t len)
{
	struct ukvmm_vm *vm = ctx;

	if (!atomic_load_explicit(&vm->first_output_at, memory_order_relaxed))
		atomic_store(&vm->first_output_at, ukvmm_now());
	console_put(&vm->console, bytes, len);
	poller_post(vm->poller, vm, UKVMM_EV_CONSOLE, 0);
}

static void board_output(void *ctx, const uint8_t *bytes, size_t len)
{
	vm_output(ctx, bytes, len);
}

uint64_t vm_clock(const struct ukvmm_vm *vm)
{
	return ukvmm_now() + (uint64_t)vm->clock_offset;
}

static void board_arm(void *ctx, uint64_t deadline)
{
	struct ukvmm_vm *vm = ctx;

	vm->board_deadline = deadline;
	if (!vm->frozen)
		poller_arm(vm->poller, &vm->board_timer, deadline ? deadline - (uint64_t)vm->clock_offset : 0);
}

static uint64_t board_now(void *ctx)
{
	return vm_clock(ctx);
}

static int64_t board_realtime(void *ctx)
{
	(void)ctx;
	return time(NULL);
}

static void board_timer_fire(struct timer *timer)
{
	struct ukvmm_vm *vm = timer->owner;

	pthread_mutex_lock(&vm->board_lock);
	if (!vm->frozen)
		legacy_timer(&vm->board);
	pthread_mutex_unlock(&vm->board_lock);
}

static const struct legacy_ops board_ops = {
	.msi = board_msi,
	.intr = board_intr,
	.routes = board_routes,
	.line = board_line,
	.output = board_output,
	.arm = board_arm,
	.now = board_now,
	.realtime = board_realtime,
};

void machine_init(struct ukvmm_vm *vm)
{
	static const enum legacy_irqchip kinds[] = { [KVM_CHIP_SPLIT] = LEGACY_IRQCHIP_OWN,
		[KVM_CHIP_FULL] = LEGACY_IRQCHIP_LINES, [KVM_CHIP_NONE] = LEGACY_IRQCHIP_NONE };

	vm->board_timer.fire = board_timer_fire;
	vm->board_timer.owner = vm;
	legacy_init(&vm->board, kinds[vm->kind.irqchip], &board_ops, vm);
}

void machine_freeze(struct ukvmm_vm *vm)
{
	pthread_mutex_lock(&vm->board_lock);
	vm->frozen = true;
	poller_arm(vm->poller, &vm->board_timer, 0);
	pthread_mutex_unlock(&vm->board_lock);
}

void machine_thaw(struct ukvmm_vm *vm)
{
	pthread_mutex_lock(&vm->board_lock);
	vm->frozen = false;
	if (vm->board_deadline)
		poller_arm(vm->poller, &vm->board_timer, vm->board_deadline - (uint64_t)vm->clock_offset);
	pthread_mutex_unlock(&vm->board_lock);
}
