/* SPDX-License-Identifier: Apache-2.0 */
/* What embedders do with a running guest: type, ring, answer trapped accesses, pause. */
#include <stdio.h>
#include <string.h>

#include "harness.h"

/* ---- serial input ---- */

static void type(struct drive *d, size_t len)
{
	char line[4096];

	for (size_t i = 0; i + 1 < len; i++)
		line[i] = (char)('a' + i % 26);
	line[len - 1] = '\n';
	/* All of it fits: the buffer is 4 KiB and empty. */
	if (ukvmm_vm_console_write(d->vm, 0, line, len) == (int64_t)len)
		d->step = len;
}

static void echo_output(struct drive *d)
{
	if (!d->step && strstr(d->output, "ready\n"))
		type(d, 27);
}

static void echo_long_output(struct drive *d)
{
	if (!d->step && strstr(d->output, "ready\n"))
		type(d, 3000);
}

static const char *echo_judge(struct drive *d)
{
	return d->step ? NULL : "the input did not fit, or the guest never was ready";
}

const struct script script_echo = {.output = echo_output, .judge = echo_judge};
const struct script script_echo_long = {.output = echo_long_output, .judge = echo_judge};

/* ---- doorbell: the guest says how many interrupts it has had; that is answered by one more ----
 */

enum { DOORBELL_INTERRUPTS = 20 };

static int doorbell_prepare(struct drive *d)
{
	return ukvmm_vm_irq(d->vm, "line", &d->irq, &d->err);
}

static void doorbell_notify(struct drive *d, uint64_t value)
{
	if (value == d->step)
		d->step++;
	d->notified++;
	if (d->irq && value < DOORBELL_INTERRUPTS)
		ukvmm_irq_pulse(d->irq);
}

static const char *doorbell_judge(struct drive *d)
{
	if (d->notified != DOORBELL_INTERRUPTS + 1 || d->step != d->notified)
		return "not each notification came once and in order";
	if (!(d->c->vm_flags & UKVMM_VM_PARK_IDLE) && d->idles)
		return "the vCPU came back IDLE though nobody asked for that";
	return NULL;
}

/* Each interrupt comes when the vCPU is parked: then it parks exactly once for each. */
static void park_idle(struct drive *d)
{
	ukvmm_irq_pulse(d->irq);
}

static void park_notify(struct drive *d, uint64_t value)
{
	if (value == d->step)
		d->step++;
	d->notified++;
}

static const char *park_judge(struct drive *d)
{
	return d->idles == DOORBELL_INTERRUPTS ? doorbell_judge(d)
					       : "the vCPU did not come back IDLE once a wait";
}

const struct script script_park = {
	.prepare = doorbell_prepare, .notify = park_notify, .idle = park_idle, .judge = park_judge};
const struct script script_doorbell = {
	.prepare = doorbell_prepare, .notify = doorbell_notify, .judge = doorbell_judge};

/* Nobody holds the guest back here, so a slow listener may lose its newest messages: what comes is
 * in order. */
static void ticks_notify(struct drive *d, uint64_t value)
{
	if (d->notified++ && value <= d->step)
		d->disorder = true;
	d->step = value;
}

static const char *ticks_judge(struct drive *d)
{
	return d->notified && !d->disorder ? NULL : "no notification came, or not in order";
}

const struct script script_ticks = {.notify = ticks_notify, .judge = ticks_judge};

/* The runtime of functions: it says once that it is ready; it parks when it idles. */
static const char *ready_judge(struct drive *d)
{
	return d->notified == 1 && d->step == 1 ? NULL : "it did not say once, and by 1, that it is ready";
}

static const char *park_waits_judge(struct drive *d)
{
	/* on a busy host a timer may be due before the guest has come to idle */
	return d->idles >= 1 && d->idles <= 3 ? NULL : "the vCPU did not come back IDLE once a wait";
}

const struct script script_ready = {.notify = ticks_notify, .judge = ready_judge};
const struct script script_park_waits = {.notify = ticks_notify, .judge = park_waits_judge};

/* ---- trapped ranges ---- */

#define TRAP_PORT 0x9000u
#define TRAP_MMIO 0xe1000000ull

static int trap_prepare(struct drive *d)
{
	int rc = ukvmm_vm_trap(d->vm, TRAP_PORT, 4, UKVMM_SPACE_X86_PORT, &d->err);

	return rc ? rc : ukvmm_vm_trap(d->vm, TRAP_MMIO, 4096, UKVMM_SPACE_MEMORY, &d->err);
}

static uint64_t trap_answer(struct drive *d, const struct ukvmm_stop *stop)
{
	(void)d;
	/* More bits than the access is wide: only those asked for may arrive. */
	return 0xfedcba9876543210 +
	       (stop->space == UKVMM_SPACE_MEMORY ? stop->addr - TRAP_MMIO : 0);
}

static const char *trap_judge(struct drive *d)
{
	static const uint64_t want[14][3] = {
		{TRAP_PORT, 1, ~0ull},
		{TRAP_PORT, 2, ~0ull},
		{TRAP_PORT, 4, ~0ull},
		{TRAP_MMIO, 1, ~0ull},
		{TRAP_MMIO + 2, 2, ~0ull},
		{TRAP_MMIO + 4, 4, ~0ull},
		{TRAP_MMIO + 8, 8, ~0ull},
		{TRAP_PORT, 1, 0x11},
		{TRAP_PORT, 2, 0x2222},
		{TRAP_PORT, 4, 0x33333333},
		{TRAP_MMIO, 1, 0x44},
		{TRAP_MMIO + 2, 2, 0x5555},
		{TRAP_MMIO + 4, 4, 0x66666666},
		{TRAP_MMIO + 8, 8, 0x7777777788888888},
	};

	if (d->traps != 14)
		return "not each access trapped once";
	return memcmp(d->trapped, want, sizeof want)
		       ? "an access trapped with another address, width or value"
		       : NULL;
}

const struct script script_trap = {
	.prepare = trap_prepare, .trap = trap_answer, .judge = trap_judge};
const struct script script_trap_only = {.prepare = trap_prepare};

/* ---- stopped from outside ---- */

static void stop_output(struct drive *d)
{
	if (strstr(d->output, "idle\n"))
		ukvmm_vm_stop(d->vm);
}

const struct script script_stop = {.output = stop_output};

/* ---- pauses at each line of output, and after three slices: the guest may be at its end when the first line is seen ----
 */

static void pause_output(struct drive *d)
{
	if (strstr(d->output, "OK\n"))
		return;
	if (!d->pausing && !ukvmm_vm_pause(d->vm))
		d->pausing = true;
}

static void pause_slice(struct drive *d)
{
	ukvmm_vm_pause(d->vm);
}

static void pause_paused(struct drive *d)
{
	d->pauses++;
	d->pausing = false;
	ukvmm_vm_resume(d->vm);
}

static const char *pause_judge(struct drive *d)
{
	return d->pauses >= 3 ? NULL : "paused fewer than three times";
}

const struct script script_pause = {
	.output = pause_output, .slice = pause_slice, .paused = pause_paused, .judge = pause_judge};
