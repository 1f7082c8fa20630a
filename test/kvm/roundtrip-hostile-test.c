/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States that were tampered with, cut off, or are of another kind of VM: refused with an error that names the section or
 * the ioctl, or harmless. Whatever a guest then does it does to itself: it runs, stops when told, and can be destroyed.
 */
#include "roundtrip.h"

#include <stdlib.h>
#include <string.h>

#define SPLIT UKVMM_X86_IRQCHIP_SPLIT
#define FULL UKVMM_X86_IRQCHIP_FULL
/* Samples never end: of so many rounds (2 ms each and more) it is taken after a few, however late this process is. */
#define COUNTER "rounds=2000 work=200000"

enum { NAME_BYTES = 32, HEADER_BYTES = NAME_BYTES + 8, SAMPLES = 12, SAMPLES_FULL = 2 /* closing such a VM takes 20 ms */, RUN_NS = 500000, SECTIONS_MAX = 64 };

static uint64_t seed = 0x243f6a8885a308d3;

static const struct trip_kind kinds[] = {
	{ .name = "split", .image = "counter.elf", .cmdline = COUNTER, .vcpus = 1, .irqchip = SPLIT },
	{ .name = "full, 2 vCPUs", .image = "counter.elf", .cmdline = COUNTER, .vcpus = 2, .irqchip = FULL },
};

struct section {
	size_t at, end; /* of its header, past its bytes */
	char name[NAME_BYTES + 1];
};

struct sample {
	struct traveller t; /* a paused guest in the middle of its work */
	struct ukvmm_state s;
	struct section section[SECTIONS_MAX];
	uint32_t sections;
};

static void find_sections(struct sample *p)
{
	size_t at = 0;

	while (at < p->s.len) {
		struct section *x = &p->section[p->sections++];
		uint32_t len;

		assert_true(p->sections < SECTIONS_MAX && p->s.len - at >= HEADER_BYTES);
		memcpy(x->name, p->s.buf + at, NAME_BYTES);
		memcpy(&len, p->s.buf + at + NAME_BYTES + 4, sizeof len);
		x->at = at;
		at += HEADER_BYTES + len;
		x->end = at;
	}
	assert_int_equal(at, p->s.len);
}

static void sample_take(struct sample *p, struct fixture *f, const struct trip_kind *kind)
{
	memset(p, 0, sizeof *p);
	traveller_init(&p->t, f, kind);
	p->t.vm = traveller_fresh(&p->t);
	assert_int_equal(ukvmm_vm_resume(p->t.vm), 0);
	traveller_drive(&p->t);
	while (!strstr(p->t.output, "round 2"))
		assert_false(traveller_serve(&p->t, ukvmm_now() + 1000000));
	assert_true(traveller_pause(&p->t));
	save_state(p->t.vm, &p->s);
	find_sections(p);
}

static void sample_drop(struct sample *p)
{
	state_fini(&p->s);
	traveller_fini(&p->t);
}

/* Lets it do what it does for a moment, then ends it. */
static void run_and_stop(struct fixture *f, struct ukvmm_vm *vm, uint32_t vcpus)
{
	const struct ukvmm_limits l = { .size = sizeof l, .slice_ns = RUN_NS };

	assert_int_equal(ukvmm_vm_resume(vm), 0);
	for (uint32_t i = 0; i < vcpus; i++) {
		struct ukvmm_stop stop = { .size = sizeof stop };

		ukvmm_vcpu_run(vcpu_of(vm, i), &l, &stop, NULL); /* any end will do, an error too */
	}
	drain_events(f, 0);
	assert_int_equal(ukvmm_vm_stop(vm), 0);
	for (uint32_t i = 0; i < vcpus; i++) {
		struct ukvmm_stop stop = { .size = sizeof stop };
		int rc = ukvmm_vcpu_run(vcpu_of(vm, i), &l, &stop, NULL);

		assert_true(rc == -EBADFD || (!rc && stop.reason == UKVMM_STOP_STOPPED));
	}
}

static bool is_clear(const struct ukvmm_err *err, const char *section)
{
	return strstr(err->text, section) || !strncmp(err->call, "KVM_", 4) || strstr(err->text, "MSR") ||
	       strstr(err->text, "saved");
}

/* Loads a tampered state into a fresh VM; returns the error. `section`: what was tampered with. */
static int try_load(struct sample *p, const uint8_t *state, size_t len, const char *section)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_vm *vm = traveller_fresh(&p->t);
	struct ukvmm_state s;
	int rc;

	copy_ram(vm, p->t.vm);
	state_load_init(&s, state, len);
	rc = vm_walk(vm, &s, &err);
	if (rc) {
		assert_true(rc < 0 && err.code == rc && err.object[0]);
		if (!is_clear(&err, section))
			fail_msg("unclear, in section %s: %s(%s): %s", section, err.call, err.object, err.text);
	} else {
		run_and_stop(p->t.f, vm, p->t.kind->vcpus);
	}
	assert_int_equal(ukvmm_vm_destroy(vm), 0);
	ukvmm_host_work(p->t.f->host, 1);
	return rc;
}

static uint32_t flip_section(struct sample *p, uint8_t *copy, const struct section *x, uint32_t samples)
{
	size_t body = x->end - x->at - HEADER_BYTES;
	uint32_t refused = 0;

	/* the header: no bit of it may be another */
	for (size_t at = x->at; at < x->at + HEADER_BYTES; at += 1 + roundtrip_random(&seed) % (96 / samples)) {
		copy[at] ^= (uint8_t)(1 + roundtrip_random(&seed) % 255);
		assert_true(try_load(p, copy, p->s.len, x->name) < 0);
		copy[at] = p->s.buf[at];
	}
	for (uint32_t i = 0; body && i < samples; i++) {
		size_t at = x->at + HEADER_BYTES + roundtrip_random(&seed) % body;

		copy[at] ^= (uint8_t)(1 + roundtrip_random(&seed) % 255);
		refused += try_load(p, copy, p->s.len, x->name) < 0;
		copy[at] = p->s.buf[at];
	}
	return refused;
}

static void any_byte_may_be_another(void **state)
{
	print_message("seed %llx\n", (unsigned long long)seed);
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		uint32_t refused = 0, samples = kinds[k].irqchip == FULL ? SAMPLES_FULL : SAMPLES;
		struct sample p;
		uint8_t *copy;

		sample_take(&p, *state, &kinds[k]);
		copy = malloc(p.s.len);
		memcpy(copy, p.s.buf, p.s.len);
		for (uint32_t i = 0; i < p.sections; i++)
			refused += flip_section(&p, copy, &p.section[i], samples);
		print_message("%s: %u sections, %u of %u flips in their bodies refused\n", kinds[k].name, p.sections,
			refused, p.sections * samples);
		/* and untouched it loads: the refusals were for the flips */
		assert_int_equal(try_load(&p, copy, p.s.len, ""), 0);
		free(copy);
		sample_drop(&p);
	}
}

static void a_section_of_noise(void **state)
{
	struct sample p;
	uint8_t *copy;

	sample_take(&p, *state, &kinds[0]);
	copy = malloc(p.s.len);
	for (uint32_t i = 0; i < p.sections; i++) {
		memcpy(copy, p.s.buf, p.s.len);
		for (size_t at = p.section[i].at + HEADER_BYTES; at < p.section[i].end; at++)
			copy[at] = (uint8_t)roundtrip_random(&seed);
		try_load(&p, copy, p.s.len, p.section[i].name);
		memset(copy + p.section[i].at + HEADER_BYTES, 0xff, p.section[i].end - p.section[i].at - HEADER_BYTES);
		try_load(&p, copy, p.s.len, p.section[i].name);
		memset(copy + p.section[i].at + HEADER_BYTES, 0, p.section[i].end - p.section[i].at - HEADER_BYTES);
		try_load(&p, copy, p.s.len, p.section[i].name);
	}
	free(copy);
	sample_drop(&p);
}

/* In a block of its own, so that a read past the end is seen. */
static void cut(struct sample *p, size_t len, const char *section)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, p->s.buf, len);
	if (try_load(p, copy, len, section) >= 0)
		fail_msg("loaded although cut off in section %s", section);
	free(copy);
}

static void cut_off_anywhere(void **state)
{
	struct sample p;

	sample_take(&p, *state, &kinds[1]);
	for (uint32_t i = 0; i < p.sections; i++) {
		const struct section *x = &p.section[i];

		cut(&p, x->at, x->name);
		cut(&p, x->at + 1, x->name);
		cut(&p, x->at + HEADER_BYTES - 1, x->name);
		cut(&p, x->end - 1, x->name);
		cut(&p, x->at + roundtrip_random(&seed) % (x->end - x->at), x->name);
	}
	sample_drop(&p);
}

/* Refused before anything has changed: the VM that was to take it still runs its own guest to the end. */
static void of_another_kind(void **state)
{
	static const struct trip_kind others[] = {
		{ .name = "more memory", .image = "counter.elf", .cmdline = "rounds=2", .vcpus = 1, .irqchip = SPLIT,
			.memory = 32 << 20 },
		{ .name = "more vCPUs", .image = "counter.elf", .cmdline = "rounds=2", .vcpus = 2, .irqchip = SPLIT },
		{ .name = "another chip", .image = "counter.elf", .cmdline = "rounds=2", .vcpus = 1, .irqchip = FULL },
	};
	struct sample p;

	sample_take(&p, *state, &kinds[0]);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		struct ukvmm_err err = { .size = sizeof err };
		struct traveller t;

		traveller_init(&t, *state, &others[i]);
		t.vm = traveller_fresh(&t);
		assert_int_equal(load_state(t.vm, p.s.buf, p.s.len, &err), -EINVAL);
		assert_string_equal(err.call, "load");
		assert_string_equal(err.object, others[i].name);
		assert_non_null(strstr(err.text, "machine"));
		assert_int_equal(ukvmm_vm_resume(t.vm), 0);
		traveller_drive(&t);
		traveller_finish(&t);
		assert_non_null(strstr(t.output, "round 2"));
		assert_non_null(strstr(t.output, "OK\n"));
		traveller_fini(&t);
	}
	sample_drop(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fixture_test(of_another_kind),
		fixture_test(cut_off_anywhere),
		fixture_test(a_section_of_noise),
		fixture_test(any_byte_may_be_another),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 16) | 1;
	return FIXTURE_RUN(tests);
}
