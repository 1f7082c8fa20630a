/* SPDX-License-Identifier: Apache-2.0 */
/* The state walks on the fake: round trip, every call failing, and state that a hostile file could hold. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "machine.h"

static struct machine a, b;

static int open_with(enum kvm_chip chip, uint32_t vcpus)
{
	if (machine_open(&a) || machine_open(&b))
		return -1;
	return machine_make(&a, chip, vcpus) || machine_make(&b, chip, vcpus) ? -1 : 0;
}

static int setup(void **state)
{
	(void)state;
	return open_with(KVM_CHIP_SPLIT, 2);
}

static int setup_full(void **state)
{
	(void)state;
	return open_with(KVM_CHIP_FULL, 1);
}

static int teardown(void **state)
{
	(void)state;
	machine_drop(&a);
	machine_drop(&b);
	machine_close(&a);
	machine_close(&b);
	return 0;
}

static int walk(struct machine *m, struct ukvmm_state *s)
{
	int rc = 0;

	for (uint32_t i = 0; i < m->vcpus && !rc; i++)
		rc = kvm_vcpu_walk(&m->vcpu[i], s, &m->err);
	return rc ? rc : kvm_vm_walk(&m->vm, s, &m->err);
}

static int load(struct machine *m, const void *buf, size_t len)
{
	struct ukvmm_state s;
	int rc;

	state_load_init(&s, buf, len);
	rc = walk(m, &s);
	if (!rc && s.pos != len)
		rc = -EINVAL;
	state_fini(&s);
	return rc;
}

/* Values that are all different and not zero. */
static void fill(struct fake_vcpu *v)
{
	v->regs.rip = 0x1234;
	v->regs.rflags = 0x202;
	v->sregs.cr3 = 0x9000;
	v->sregs.cr8 = 5;
	v->mp_state.mp_state = v->index ? KVM_MP_STATE_INIT_RECEIVED : KVM_MP_STATE_HALTED;
	v->xcrs.nr_xcrs = 1;
	v->xcrs.xcrs[0].value = 7;
	v->debugregs.db[2] = 0x5555;
	v->events.nmi.masked = 1;
	v->lapic.regs[0x80] = 0x20;
	v->xsave.region[6] = 0x1f80;
	v->xsave.region[1023] = 0xabcd;
	for (uint32_t i = 0; i < v->msrs; i++)
		v->msr[i].data = 0x1000 + i;
}

static void check_same(struct fake_vcpu *x, struct fake_vcpu *y)
{
	assert_memory_equal(&x->regs, &y->regs, sizeof x->regs);
	assert_memory_equal(&x->sregs, &y->sregs, sizeof x->sregs);
	assert_int_equal(x->mp_state.mp_state, y->mp_state.mp_state);
	assert_memory_equal(&x->xcrs, &y->xcrs, sizeof x->xcrs);
	assert_memory_equal(&x->debugregs, &y->debugregs, sizeof x->debugregs);
	assert_memory_equal(&x->events, &y->events, sizeof x->events);
	assert_memory_equal(&x->lapic, &y->lapic, sizeof x->lapic);
	assert_memory_equal(&x->xsave, &y->xsave, sizeof x->xsave);
	for (uint32_t i = 0; i < x->msrs; i++)
		assert_int_equal(x->msr[i].data, y->msr[i].data);
}

static void save_filled(struct ukvmm_state *s)
{
	for (uint32_t i = 0; i < a.vcpus; i++)
		fill(machine_vcpu(&a, i));
	fake_vm(&a.fake, a.vm.fd)->clock = 987654321;
	state_save_init(s);
	assert_int_equal(walk(&a, s), 0);
}

static void round_trip(void **state)
{
	struct ukvmm_state s;

	(void)state;
	save_filled(&s);
	assert_int_equal(load(&b, s.buf, s.len), 0);
	for (uint32_t i = 0; i < 2; i++)
		check_same(machine_vcpu(&a, i), machine_vcpu(&b, i));
	assert_int_equal(fake_vm(&b.fake, b.vm.fd)->clock, 987654321);
	assert_true(b.vcpu[1].waiting);
	assert_false(b.vcpu[0].waiting);
	assert_false(kvm_vcpu_interrupts_off(&b.vcpu[0])); /* IF was set */
	assert_int_equal(b.vcpu[0].run->cr8, 5);
	state_fini(&s);
}

static void order_of_sets(void **state)
{
	struct ukvmm_state s;
	const struct fake_kvm *f = &b.fake;

	(void)state;
	save_filled(&s);
	b.fake.requests = 0;
	assert_int_equal(load(&b, s.buf, s.len), 0);
	assert_true(fake_first(f, KVM_SET_SREGS) < fake_first(f, KVM_SET_LAPIC));
	assert_true(fake_first(f, KVM_SET_XCRS) < fake_first(f, KVM_SET_XSAVE));
	assert_true(fake_first(f, KVM_SET_LAPIC) < fake_first(f, KVM_SET_MSRS));
	assert_true(fake_first(f, KVM_SET_MSRS) < fake_first(f, KVM_SET_VCPU_EVENTS));
	assert_true(fake_first(f, KVM_SET_REGS) < fake_first(f, KVM_SET_VCPU_EVENTS));
	state_fini(&s);
	a.fake.requests = 0;
	save_filled(&s);
	assert_true(fake_first(&a.fake, KVM_GET_MP_STATE) < fake_first(&a.fake, KVM_GET_REGS));
	state_fini(&s);
}

static void full_chips(void **state)
{
	struct fake_vm *va = fake_vm(&a.fake, a.vm.fd), *vb = fake_vm(&b.fake, b.vm.fd);
	struct ukvmm_state s;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		memset(va->chip[i].chip.dummy, (int)(0x11 * (i + 1)), sizeof va->chip[i].chip.dummy);
	va->pit_state.channels[1].count = 77;
	save_filled(&s);
	assert_int_equal(load(&b, s.buf, s.len), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_memory_equal(va->chip[i].chip.dummy, vb->chip[i].chip.dummy, 512);
	assert_int_equal(vb->pit_state.channels[1].count, 77);
	state_fini(&s);
}

static void fails_at(struct machine *m, int rc)
{
	/* the only calls that may fail without harm: there are none in a save or load without refusals */
	assert_int_equal(rc, -EREMOTEIO);
	assert_int_equal(m->err.code, -EREMOTEIO);
	assert_string_equal(m->err.call, m->fake.failed_call);
}

static void every_call_may_fail(void **state)
{
	struct ukvmm_state s, again;
	uint32_t n;

	(void)state;
	save_filled(&s);
	a.fake.fail_errno = b.fake.fail_errno = EREMOTEIO;
	for (n = 1;; n++) {
		a.fake.fail_at = n;
		a.fake.failed_call = NULL;
		state_save_init(&again);
		int rc = walk(&a, &again);

		if (!a.fake.failed_call)
			break;
		fails_at(&a, rc);
		assert_int_equal(again.error, -EREMOTEIO);
		state_fini(&again);
	}
	assert_true(n > 10);
	assert_int_equal(again.len, s.len);
	assert_memory_equal(again.buf, s.buf, s.len);
	state_fini(&again);
	for (n = 1;; n++) {
		b.fake.fail_at = n;
		b.fake.failed_call = NULL;
		int rc = load(&b, s.buf, s.len);

		if (!b.fake.failed_call)
			break;
		fails_at(&b, rc);
	}
	assert_true(n > 10);
	state_fini(&s);
}

static void truncated_anywhere(void **state)
{
	struct ukvmm_state s;

	(void)state;
	save_filled(&s);
	for (size_t len = 0; len < s.len; len += len < 4096 ? 1 : 97) {
		/* a copy of exactly that size, so that a read past the end is seen */
		uint8_t *part = test_malloc(len + 1);

		memcpy(part, s.buf, len);
		assert_true(load(&b, part, len) < 0);
		test_free(part);
	}
	state_fini(&s);
}

static uint8_t *find(struct ukvmm_state *s, const char *section)
{
	for (size_t i = 0; i + 40 < s->len; i++)
		if (!strcmp((char *)s->buf + i, section))
			return s->buf + i;
	return NULL;
}

enum { VERSION = 32, DATA = 40 }; /* in a section */

static void wrong_version_or_name(void **state)
{
	static const char *const sections[] = { "kvm.vcpu", "kvm.mp_state", "kvm.regs", "kvm.sregs", "kvm.xcrs",
		"kvm.xsave", "kvm.debugregs", "kvm.lapic", "kvm.msrs", "kvm.events", "kvm.clock" };
	struct ukvmm_state s;

	(void)state;
	save_filled(&s);
	for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
		uint8_t *p = find(&s, sections[i]);

		assert_non_null(p);
		p[VERSION] = 2;
		assert_int_equal(load(&b, s.buf, s.len), -ENOTSUP);
		assert_non_null(strstr(b.err.text, sections[i]));
		p[VERSION] = 1;
		p[0] ^= 1;
		assert_int_equal(load(&b, s.buf, s.len), -EINVAL);
		p[0] ^= 1;
	}
	assert_int_equal(load(&b, s.buf, s.len), 0);
	state_fini(&s);
}

static void of_another_vcpu(void **state)
{
	struct ukvmm_state s;

	(void)state;
	save_filled(&s);
	find(&s, "kvm.vcpu")[DATA] = 1;
	assert_int_equal(load(&b, s.buf, s.len), -EINVAL);
	find(&s, "kvm.vcpu")[DATA] = 0;
	find(&s, "kvm.vcpu")[DATA + 4] = KVM_CHIP_NONE;
	assert_int_equal(load(&b, s.buf, s.len), -EINVAL);
	find(&s, "kvm.vcpu")[DATA + 4] = KVM_CHIP_SPLIT;
	find(&s, "kvm.vcpu")[DATA + 8] = 3; /* no vector flag */
	assert_int_equal(load(&b, s.buf, s.len), -EINVAL);
	state_fini(&s);
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof v);
}

static void hostile_sizes(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 4095, 4097, 0x7fffffff, 0xffffffff };
	struct ukvmm_state s;

	(void)state;
	save_filled(&s);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		put32(find(&s, "kvm.xsave") + DATA, sizes[i]);
		assert_true(load(&b, s.buf, s.len) < 0);
	}
	put32(find(&s, "kvm.xsave") + DATA, 4096);
	put32(find(&s, "kvm.msrs") + DATA, 0xffffffff);
	assert_int_equal(load(&b, s.buf, s.len), -EINVAL);
	put32(find(&s, "kvm.msrs") + DATA, 1025);
	assert_int_equal(load(&b, s.buf, s.len), -EINVAL);
	put32(find(&s, "kvm.msrs") + DATA, 3); /* bytes left over */
	assert_int_equal(load(&b, s.buf, s.len), -EINVAL);
	state_fini(&s);
}

/* The state with `extra` more bytes in a section, its length right. To be freed. */
static uint8_t *stretched(struct ukvmm_state *s, const char *section, uint32_t extra)
{
	size_t at = (size_t)(find(s, section) - s->buf);
	uint8_t *big = test_calloc(1, s->len + extra);
	uint32_t length;

	memcpy(&length, s->buf + at + VERSION + 4, sizeof length);
	memcpy(big, s->buf, at + DATA + length);
	memcpy(big + at + DATA + length + extra, s->buf + at + DATA + length, s->len - at - DATA - length);
	put32(big + at + VERSION + 4, length + extra);
	return big;
}

/* Sections that hold what they claim, but more than there is room for here. */
static void too_much_in_a_whole_section(void **state)
{
	struct ukvmm_state s;
	uint8_t *big, *at;
	uint32_t n;

	(void)state;
	save_filled(&s);
	big = stretched(&s, "kvm.xsave", 4096);
	at = big + (find(&s, "kvm.xsave") - s.buf);
	put32(at + DATA, 8192);
	assert_int_equal(load(&b, big, s.len + 4096), -ENOTSUP);
	assert_non_null(strstr(b.err.text, "8192"));
	test_free(big);
	memcpy(&n, find(&s, "kvm.msrs") + DATA, sizeof n);
	big = stretched(&s, "kvm.msrs", (1025 - n) * 16);
	at = big + (find(&s, "kvm.msrs") - s.buf);
	put32(at + DATA, 1025);
	assert_int_equal(load(&b, big, s.len + (1025 - n) * 16), -EINVAL);
	test_free(big);
	big = stretched(&s, "kvm.regs", 8);
	assert_int_equal(load(&b, big, s.len + 8), -EINVAL);
	test_free(big);
	state_fini(&s);
}

/* Records of the MSR section: index, verdict, value. */
static uint8_t *msr_record(struct ukvmm_state *s, uint32_t index)
{
	uint8_t *p = find(s, "kvm.msrs") + DATA;
	uint32_t n, i;

	memcpy(&n, p, sizeof n);
	p += 4;
	for (; n; n--, p += 16) {
		memcpy(&i, p, sizeof i);
		if (i == index)
			return p;
	}
	return NULL;
}

static void tsc_first_and_its_deadline_last(void **state)
{
	struct ukvmm_state s;
	uint32_t n;

	(void)state;
	save_filled(&s);
	memcpy(&n, find(&s, "kvm.msrs") + DATA, sizeof n);
	assert_ptr_equal(msr_record(&s, 0x10), find(&s, "kvm.msrs") + DATA + 4);
	assert_ptr_equal(msr_record(&s, 0x6e0), find(&s, "kvm.msrs") + DATA + 4 + 16 * (n - 1));
	state_fini(&s);
}

static void msrs_that_cannot_be_read_are_left_out(void **state)
{
	struct ukvmm_state s;
	uint32_t verdict;

	(void)state;
	a.fake.refuse_msr_get = 0x4b564d06;
	save_filled(&s);
	memcpy(&verdict, msr_record(&s, 0x4b564d06) + 4, sizeof verdict);
	assert_int_equal(verdict, 0);
	*fake_msr(machine_vcpu(&b, 0), 0x4b564d06) = 4711;
	assert_int_equal(load(&b, s.buf, s.len), 0);
	assert_int_equal(*fake_msr(machine_vcpu(&b, 0), 0x4b564d06), 4711);
	assert_int_equal(*fake_msr(machine_vcpu(&b, 0), 0x277), *fake_msr(machine_vcpu(&a, 0), 0x277));
	state_fini(&s);
}

static void msrs_that_cannot_be_set(void **state)
{
	struct ukvmm_state s;
	uint64_t zero = 0;

	(void)state;
	save_filled(&s);
	b.fake.refuse_msr_set = 0x277;
	assert_int_equal(load(&b, s.buf, s.len), -ENOTSUP);
	assert_non_null(strstr(b.err.text, "0x277"));
	assert_string_equal(b.err.call, "KVM_SET_MSRS");
	/* there already, on both */
	for (uint32_t i = 0; i < 2; i++)
		*fake_msr(machine_vcpu(&b, i), 0x277) = *fake_msr(machine_vcpu(&a, i), 0x277);
	assert_int_equal(load(&b, s.buf, s.len), 0);
	/* the ones after it are not forgotten */
	assert_int_equal(*fake_msr(machine_vcpu(&b, 0), 0x6e0), *fake_msr(machine_vcpu(&a, 0), 0x6e0));
	state_fini(&s);
	*fake_msr(machine_vcpu(&b, 0), 0x277) = 1;
	for (uint32_t i = 0; i < 2; i++)
		*fake_msr(machine_vcpu(&a, i), 0x277) = zero;
	state_save_init(&s);
	assert_int_equal(walk(&a, &s), 0);
	assert_int_equal(load(&b, s.buf, s.len), 0);
	state_fini(&s);
}

static void msrs_that_this_host_does_not_list(void **state)
{
	struct ukvmm_state s;
	uint64_t zero = 0;

	(void)state;
	save_filled(&s);
	put32(msr_record(&s, 0x277), 0xc0010117);
	assert_int_equal(load(&b, s.buf, s.len), -ENOTSUP);
	assert_non_null(strstr(b.err.text, "0xc0010117"));
	memcpy(msr_record(&s, 0xc0010117) + 8, &zero, sizeof zero);
	assert_int_equal(load(&b, s.buf, s.len), 0);
	put32(msr_record(&s, 0x10) + 4, 2); /* no such verdict */
	assert_int_equal(load(&b, s.buf, s.len), -EINVAL);
	state_fini(&s);
}

static void injected_extint_travels(void **state)
{
	struct ukvmm_state s;

	(void)state;
	assert_int_equal(kvm_vcpu_inject(&a.vcpu[0], 0x28), 0);
	save_filled(&s);
	assert_int_equal(load(&b, s.buf, s.len), 0);
	assert_int_equal(machine_vcpu(&b, 0)->pending_extint, 0x28);
	assert_int_equal(b.vcpu[0].extint, 0x128);
	state_fini(&s);
}

static void unfinished_io_is_not_saved(void **state)
{
	struct ukvmm_state s;

	(void)state;
	a.vcpu[0].io_pending = true;
	state_save_init(&s);
	assert_int_equal(walk(&a, &s), -EBUSY);
	assert_int_equal(s.error, -EBUSY);
	state_fini(&s);
}

static void old_kernels_have_no_xsave2(void **state)
{
	struct ukvmm_state s;

	(void)state;
	fake_set_cap(&a.fake, KVM_CAP_XSAVE2, 0);
	fake_set_cap(&b.fake, KVM_CAP_XSAVE2, 0);
	a.fake.requests = 0;
	save_filled(&s);
	assert_int_equal(fake_count(&a.fake, KVM_GET_XSAVE), 2);
	assert_int_equal(fake_count(&a.fake, KVM_GET_XSAVE2), 0);
	assert_int_equal(load(&b, s.buf, s.len), 0);
	check_same(machine_vcpu(&a, 0), machine_vcpu(&b, 0));
	state_fini(&s);
	fake_set_cap(&a.fake, KVM_CAP_XSAVE2, 1 << 20);
	state_save_init(&s);
	assert_int_equal(walk(&a, &s), -EOVERFLOW);
	state_fini(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A CPU without XSAVE: KVM has no XCRs there and refuses to be asked. */
static void without_xcrs(void **state)
{
	struct ukvmm_state s;

	(void)state;
	save_filled(&s);
	b.host.has_xcrs = false;
	assert_int_equal(load(&b, s.buf, s.len), -ENOTSUP); /* AVX was on */
	assert_non_null(strstr(b.err.text, "XSAVE"));
	state_fini(&s);
	for (uint32_t i = 0; i < a.vcpus; i++)
		machine_vcpu(&a, i)->xcrs.xcrs[0].value = 1;
	state_save_init(&s);
	assert_int_equal(walk(&a, &s), 0);
	assert_int_equal(load(&b, s.buf, s.len), 0);
	state_fini(&s);
	state_save_init(&s);
	assert_int_equal(walk(&b, &s), 0);
	assert_int_equal(fake_count(&b.fake, KVM_GET_XCRS) + fake_count(&b.fake, KVM_SET_XCRS), 0);
	assert_int_equal(load(&a, s.buf, s.len), 0);
	state_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(round_trip),
		TEST(order_of_sets),
		cmocka_unit_test_setup_teardown(full_chips, setup_full, teardown),
		TEST(every_call_may_fail),
		cmocka_unit_test_setup_teardown(every_call_may_fail, setup_full, teardown),
		TEST(truncated_anywhere),
		TEST(wrong_version_or_name),
		TEST(of_another_vcpu),
		TEST(hostile_sizes),
		TEST(too_much_in_a_whole_section),
		TEST(tsc_first_and_its_deadline_last),
		TEST(msrs_that_cannot_be_read_are_left_out),
		TEST(msrs_that_cannot_be_set),
		TEST(msrs_that_this_host_does_not_list),
		TEST(injected_extint_travels),
		TEST(unfinished_io_is_not_saved),
		TEST(old_kernels_have_no_xsave2),
		TEST(without_xcrs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
