/* SPDX-License-Identifier: Apache-2.0 */
#include "roundtrip.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t roundtrip_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void check(int rc, const struct ukvmm_err *err)
{
	if (rc)
		fail_msg("%s(%s): %s (%d)", err->call, err->object, err->text, rc);
}

static struct ukvmm_image *open_image(struct fixture *f, const char *name)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_image *image;
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/%s", GUESTS_DIR, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("no %s", path);
	check(ukvmm_image_open(f->host, fd, -1, NULL, &image, &err), &err);
	close(fd);
	return image;
}

void traveller_init(struct traveller *t, struct fixture *f, const struct trip_kind *kind)
{
	*t = (struct traveller){ .f = f, .kind = kind, .image = open_image(f, kind->image) };
	trip_ground_init(&t->ground, f->host, kind->device);
}

void traveller_fini(struct traveller *t)
{
	assert_int_equal(ukvmm_vm_destroy(t->vm), 0);
	trip_ground_fini(&t->ground);
	ukvmm_image_unref(t->image);
	ukvmm_host_work(t->f->host, 1); /* closes what waits */
}

static struct ukvmm_vm *sealed(struct traveller *t)
{
	const struct trip_kind *k = t->kind;
	struct ukvmm_x86_config x86 = { .size = sizeof x86, .irqchip = k->irqchip };
	struct ukvmm_vm_config c = { .size = sizeof c, .flags = k->flags, .vcpus = k->vcpus, .x86 = &x86,
		.memory = k->memory ? k->memory : 16 << 20 };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_vm *vm;

	check(ukvmm_vm_new(t->f->poller, k->name, t->image, &c, &vm, &err), &err);
	check(ukvmm_vm_set_cmdline(vm, k->cmdline, &err), &err);
	check(trip_ground_add(&t->ground, vm, &err), &err);
	check(ukvmm_vm_seal(vm, &err), &err);
	return vm;
}

struct ukvmm_vm *traveller_fresh(struct traveller *t)
{
	struct ukvmm_vm *vm = sealed(t);

	assert_int_equal(ukvmm_vm_pause(vm), 0);
	wait_event(t->f, UKVMM_EV_PAUSED);
	return vm;
}

static void *drive(void *arg)
{
	const struct ukvmm_limits limits = { .size = sizeof limits, .slice_ns = 20000000 };
	struct driver *d = arg;

	for (;;) {
		d->stop = (struct ukvmm_stop){ .size = sizeof d->stop };
		d->rc = ukvmm_vcpu_run(d->vcpu, &limits, &d->stop, &d->err);
		if (d->rc)
			return NULL;
		if (d->stop.reason == UKVMM_STOP_SLICE)
			continue;
		if (d->stop.reason != UKVMM_STOP_IDLE && d->stop.reason != UKVMM_STOP_PAUSED)
			return NULL;
		sem_wait(&d->runnable); /* of a paused one, too: another vCPU may end the VM meanwhile */
		if (atomic_load(&d->leave))
			return NULL;
	}
}

void traveller_drive(struct traveller *t)
{
	for (uint32_t i = 0; i < t->kind->vcpus; i++) {
		struct driver *d = &t->driver[i];

		*d = (struct driver){ .vcpu = vcpu_of(t->vm, i), .err = { .size = sizeof d->err } };
		sem_init(&d->runnable, 0, 0);
		assert_int_equal(pthread_create(&d->thread, NULL, drive, d), 0);
	}
	t->driven = true;
}

/* All vCPUs are out: paused, parked or for good. */
static void join(struct traveller *t)
{
	for (uint32_t i = 0; t->driven && i < t->kind->vcpus; i++) {
		struct driver *d = &t->driver[i];

		atomic_store(&d->leave, true);
		sem_post(&d->runnable);
		pthread_join(d->thread, NULL);
		sem_destroy(&d->runnable);
		check(d->rc, &d->err);
		if (d->stop.reason == UKVMM_STOP_POWEROFF || d->stop.reason == UKVMM_STOP_RESET)
			t->stop = d->stop;
	}
	t->driven = false;
}

static void type(struct traveller *t)
{
	char line[ROUNDTRIP_INPUT];
	uint32_t n = t->kind->input;

	if (t->typed || !n || !strstr(t->output, "ready\n"))
		return;
	for (uint32_t i = 0; i + 1 < n; i++)
		line[i] = (char)('a' + i % 26);
	line[n - 1] = '\n';
	assert_int_equal(ukvmm_vm_console_write(t->vm, 0, line, n), n);
	t->typed = true;
}

static void take_output(struct traveller *t)
{
	uint64_t lost = 0;
	int64_t n;

	do {
		n = ukvmm_vm_console_read(t->vm, 0, t->output + t->used, sizeof t->output - 1 - t->used, &lost);
		assert_true(n >= 0 && !lost);
		t->used += (size_t)n;
	} while (n && t->used < sizeof t->output - 1);
	t->output[t->used] = 0;
	type(t);
}

static void take_event(struct traveller *t, const struct ukvmm_event *ev)
{
	if (ev->vm != t->vm)
		return; /* one of a VM that was left: cannot be, they are dropped with it */
	switch (ev->type) {
	case UKVMM_EV_CONSOLE:
		take_output(t);
		break;
	case UKVMM_EV_RUNNABLE:
		if (t->driven)
			sem_post(&t->driver[ev->value].runnable);
		break;
	case UKVMM_EV_PAUSED:
		t->paused = true;
		break;
	case UKVMM_EV_STOPPED:
		t->ended = true;
		break;
	}
}

/* One round; waits until `until` for something to do, at most 20 s. */
static void serve_once(struct traveller *t, uint64_t until)
{
	struct pollfd p = { .fd = ukvmm_poller_fd(t->f->poller), .events = POLLIN };
	uint64_t now = ukvmm_now(), left = until > now ? until - now : 0;
	struct timespec wait = { .tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000) };
	struct ukvmm_event ev[8];
	int n;

	ppoll(&p, 1, &wait, NULL);
	n = ukvmm_poller_run(t->f->poller, ev, 8, 0);
	assert_true(n >= 0);
	for (int i = 0; i < n; i++)
		take_event(t, &ev[i]);
}

bool traveller_serve(struct traveller *t, uint64_t until)
{
	while (!t->ended && ukvmm_now() < until)
		serve_once(t, until);
	return t->ended;
}

static uint64_t far(void)
{
	return ukvmm_now() + 120000000000;
}

static void not_paused(const struct traveller *t)
{
	const struct ukvmm_vm *vm = t->vm;

	for (uint32_t i = 0; i < vm->vcpus; i++)
		print_message("vCPU %u: inside %d, done %d, park %d, access open %d, exits %llu\n", i,
			vm->vcpu[i].inside, vm->vcpu[i].done, vm->vcpu[i].park, vm->vcpu[i].access.open,
			vm->vcpu[i].exits);
	fail_msg("%s does not pause: state %u, inside %u, ctl %u, quiesce_asked %d", vm->name, vm->state, vm->inside,
		vm->ctl, vm->quiesce_asked);
}

bool traveller_pause(struct traveller *t)
{
	uint64_t until = far();

	t->paused = false;
	if (ukvmm_vm_pause(t->vm)) /* it is ending */
		return false;
	while (!t->paused && !t->ended && ukvmm_now() < until)
		serve_once(t, until);
	if (!t->paused && !t->ended)
		not_paused(t);
	if (t->ended)
		return false;
	join(t);
	take_output(t); /* which stays with the VM that it came out of */
	return true;
}

void save_state(struct ukvmm_vm *vm, struct ukvmm_state *s)
{
	struct ukvmm_err err = { .size = sizeof err };

	state_save_init(s);
	check(vm_walk(vm, s, &err), &err);
}

int load_state(struct ukvmm_vm *vm, const void *state, size_t len, struct ukvmm_err *err)
{
	struct ukvmm_state s;
	int rc;

	state_load_init(&s, state, len);
	rc = vm_walk(vm, &s, err);
	if (!rc)
		assert_int_equal(s.pos, len);
	return rc;
}

void copy_ram(struct ukvmm_vm *to, const struct ukvmm_vm *from)
{
	assert_int_equal(to->ram.len, from->ram.len);
	for (size_t at = 0; at < to->ram.len; at += MEM_PAGE)
		if (memcmp(to->ram.base + at, from->ram.base + at, MEM_PAGE))
			memcpy(to->ram.base + at, from->ram.base + at, MEM_PAGE);
}

bool traveller_hop(struct traveller *t)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_state s;
	struct ukvmm_vm *to;

	if (!traveller_pause(t))
		return false;
	save_state(t->vm, &s);
	to = traveller_fresh(t);
	copy_ram(to, t->vm);
	assert_int_equal(ukvmm_vm_destroy(t->vm), 0);
	check(load_state(to, s.buf, s.len, &err), &err);
	state_fini(&s);
	t->vm = to;
	assert_int_equal(ukvmm_vm_resume(to), 0);
	traveller_drive(t);
	return true;
}

void traveller_finish(struct traveller *t)
{
	if (!traveller_serve(t, far()))
		fail_msg("%s did not end within 120 s; it said:\n%s", t->kind->name, t->output);
	join(t);
	take_output(t);
}
