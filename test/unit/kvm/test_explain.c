/* SPDX-License-Identifier: Apache-2.0 */
/* What a run that KVM gave up on says. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "kvm_x86.h"
#include "machine.h"

static struct machine m;
static bool broken;

static int setup(void **state)
{
	(void)state;
	if (machine_open(&m) || machine_make(&m, KVM_CHIP_SPLIT, 1))
		return -1;
	m.host.vendor = KVM_VENDOR_PVM;
	broken = true;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_drop(&m);
	machine_close(&m);
	return 0;
}

static void says(int rc, const char *words)
{
	assert_int_equal(kvm_vcpu_explain(&m.vcpu[0], &broken, &m.err), rc);
	assert_int_equal(m.err.code, rc);
	assert_string_equal(m.err.object, "vm0/vcpu0");
	if (!strstr(m.err.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, m.err.text);
	assert_true(strlen(m.err.text) < sizeof m.err.text - 1); /* not cut off */
}

static void refused(uint64_t rip, uint8_t cpl)
{
	struct fake_vcpu *v = machine_vcpu(&m, 0);

	v->regs.rip = rip;
	v->sregs.ss.dpl = cpl;
	v->sregs.efer = 0x500;
	m.vcpu[0].run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	memset(&m.vcpu[0].run->emulation_failure, 0, sizeof m.vcpu[0].run->emulation_failure);
	m.vcpu[0].run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
}

static void tell_bytes(const void *bytes, uint8_t n)
{
	struct kvm_run *run = m.vcpu[0].run;

	run->emulation_failure.ndata = 3;
	run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run->emulation_failure.insn_size = n;
	memcpy(run->emulation_failure.insn_bytes, bytes, n < 15 ? n : 15);
}

static void bytes_as_kvm_tells_them(void **state)
{
	(void)state;
	refused(0x100000, 0);
	tell_bytes("\xf3\x0f\xb8\xc3\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90", 15);
	says(-EOPNOTSUPP, "kvm_pvm's emulator refuses popcnt (f3 0f b8 c3 90 90 90 90) at 0x100000, ring 0; a "
			  "kvm_intel or kvm_amd host runs it");
	assert_false(broken);
	assert_string_equal(m.err.call, "KVM_RUN");
	/* a hostile or confused length stays inside */
	tell_bytes("\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc", 255);
	says(-EOPNOTSUPP, "refuses int3 (cc cc");
}

static void bytes_read_from_memory(void **state)
{
	(void)state;
	refused(0xffffffff80000ffe, 0);
	m.fake.translate_to = 0x80001000; /* … to 0x1ffe */
	assert_int_equal(mem_write(&m.mem, 0x1ffe, "\x0f\x01\xca\x90", 4), 0);
	says(-EOPNOTSUPP, "refuses clac (0f 01 ca 90 00 00 00 00) at 0xffffffff80000ffe");
}

static void bytes_up_to_the_end_of_memory(void **state)
{
	(void)state;
	refused(MACHINE_RAM - 1, 0);
	assert_int_equal(mem_write(&m.mem, MACHINE_RAM - 1, "\xcc", 1), 0);
	says(-EOPNOTSUPP, "refuses int3 (cc) at 0xfffff");
}

static void unreadable_bytes(void **state)
{
	(void)state;
	refused(0xffffffffffffffff, 0);
	m.fake.translate_to = ~0ull;
	says(-EOPNOTSUPP, "refuses an instruction (unreadable) at 0xffffffffffffffff");
	/* RAM that is still a bare reservation is not touched */
	m.mem.backed = false;
	refused(0x1000, 0);
	m.fake.translate_to = 0;
	says(-EOPNOTSUPP, "unreadable");
}

static void other_vendors_emulate_only_device_memory(void **state)
{
	(void)state;
	m.host.vendor = KVM_VENDOR_AMD;
	refused(0x100000, 3);
	tell_bytes("\x0f\xae\x20", 3);
	says(-EOPNOTSUPP, "kvm_amd's emulator refuses xsave (0f ae 20) at 0x100000, ring 3; it touches or lies in "
			  "device memory");
}

static void other_internal_errors(void **state)
{
	(void)state;
	refused(0x2000, 0);
	for (uint32_t sub = 2; sub < 7; sub++) {
		m.vcpu[0].run->internal.suberror = sub;
		m.vcpu[0].run->internal.ndata = 1;
		m.vcpu[0].run->internal.data[0] = 0x80000b0e;
		says(-EIO, "data 0x80000b0e) at 0x2000, ring 0");
	}
}

static void entry_failures_and_unknown_exits(void **state)
{
	(void)state;
	refused(0x2000, 0);
	m.vcpu[0].run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	m.vcpu[0].run->fail_entry.hardware_entry_failure_reason = 0x80000021;
	says(-EIO, "reason 0x80000021) at 0x2000");
	m.vcpu[0].run->exit_reason = 4242;
	says(-EIO, "reason 4242 at 0x2000");
}

static void shutdown_at(uint64_t rip, uint8_t cpl, uint64_t lstar)
{
	refused(rip, cpl);
	machine_vcpu(&m, 0)->sregs.efer = 0x501;
	machine_vcpu(&m, 0)->regs.rcx = 0x401002;
	*fake_msr(machine_vcpu(&m, 0), 0xc0000082) = lstar;
	m.vcpu[0].run->exit_reason = KVM_EXIT_SHUTDOWN;
}

static void broken_syscall(void **state)
{
	(void)state;
	shutdown_at(0xffffffff81000003, 3, 0xffffffff81000000);
	says(-EOPNOTSUPP, "kvm_pvm cannot take SYSCALL (0f 05 at 0x401000) from ring 3 to ring 0: no user space; a "
			  "kvm_intel or kvm_amd host runs it");
	assert_true(broken);
}

static void plain_triple_faults(void **state)
{
	(void)state;
	shutdown_at(0xffffffff81000000, 0, 0xffffffff81000000); /* in ring 0: it did arrive */
	says(-EIO, "triple fault at 0xffffffff81000000, ring 0");
	assert_false(broken);
	shutdown_at(0x401000, 3, 0xffffffff81000000); /* elsewhere */
	says(-EIO, "triple fault at 0x401000, ring 3");
	assert_false(broken);
	shutdown_at(0xffffffff81000100, 3, 0xffffffff81000000); /* well behind the entry */
	says(-EIO, "triple fault");
	assert_false(broken);
	shutdown_at(0, 3, 0); /* no LSTAR */
	says(-EIO, "triple fault");
	shutdown_at(0xffffffff81000000, 3, 0xffffffff81000000);
	machine_vcpu(&m, 0)->sregs.efer = 0x500; /* no SCE */
	says(-EIO, "triple fault");
	shutdown_at(0xffffffff81000000, 3, 0xffffffff81000000);
	m.host.vendor = KVM_VENDOR_INTEL;
	says(-EIO, "triple fault");
	m.host.vendor = KVM_VENDOR_PVM;
	m.fake.refuse_msr_get = 0xc0000082;
	says(-EIO, "triple fault");
	assert_false(broken);
}

static void registers_may_be_unreadable(void **state)
{
	(void)state;
	refused(0x1000, 0);
	m.fake.fail_at = 1;
	m.fake.fail_errno = EIO;
	assert_int_equal(kvm_vcpu_explain(&m.vcpu[0], &broken, &m.err), -EIO);
	assert_string_equal(m.err.call, "KVM_GET_REGS");
	assert_false(broken);
}

static void instruction_families(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *name;
	} cases[] = {
		{ "\xcc", 1, "int3" },
		{ "\xcd\x80", 2, "int" },
		{ "\x0f\x05", 2, "syscall" },
		{ "\x0f\x0b", 2, "ud2" },
		{ "\x0f\x01\xca", 3, "clac" },
		{ "\x0f\x01\xcb", 3, "stac" },
		{ "\x0f\x01\xc1", 3, "vmcall" },
		{ "\x0f\x01\xd9", 3, "vmmcall" },
		{ "\x0f\x01\xd0", 3, "xgetbv" },
		{ "\x0f\x01\xd1", 3, "xsetbv" },
		{ "\x0f\x01\x10", 3, "an instruction" },
		{ "\xf3\x0f\xb8\xc0", 4, "popcnt" },
		{ "\xf3\x48\x0f\xb8\xc0", 5, "popcnt" },
		{ "\xf3\x0f\xbc\xc0", 4, "tzcnt" },
		{ "\xf3\x0f\xbd\xc0", 4, "lzcnt" },
		{ "\x0f\xbd\xc0", 3, "an instruction" },
		{ "\xf0\x48\x0f\xc7\x0f", 5, "lock cmpxchg16b" },
		{ "\x65\x48\x0f\xc7\x0e", 5, "cmpxchg16b" },
		{ "\xf0\x0f\xc7\x0f", 4, "cmpxchg8b" },
		{ "\x0f\xc7\xf0", 3, "rdrand" },
		{ "\x0f\xc7\xf8", 3, "rdseed" },
		{ "\x48\x0f\xc7\x27", 4, "xsavec" },
		{ "\x0f\xae\x27", 3, "xsave" },
		{ "\x48\x0f\xae\x2f", 4, "xrstor" },
		{ "\x0f\xae\x37", 3, "xsaveopt" },
		{ "\x0f\xae\x17", 3, "ldmxcsr" },
		{ "\x0f\xae\xf0", 3, "mfence" },
		{ "\x0f\xae\xe0", 3, "an instruction" },
		{ "\x66\x0f\x6f\x07", 4, "an SSE instruction" },
		{ "\x66\x0f\x38\x00\xc1", 5, "an SSE instruction" },
		{ "\x66\x0f\x3a\x0f\xc1\x08", 6, "an SSE instruction" },
		{ "\x0f\x38\xf0\x07", 4, "movbe or crc32" },
		{ "\xc5\xf8\x77", 3, "an AVX instruction" },
		{ "\x62\xf1\x7c\x48", 4, "an AVX instruction" },
		{ "\xd9\xeb", 2, "an x87 instruction" },
		{ "\x0f\x01", 2, "an instruction" },
		{ "\x0f\xae", 2, "an instruction" },
		{ "\x0f", 1, "an instruction" },
		{ "\x0f\x38", 2, "an instruction" },
		{ "", 0, "an instruction" },
		{ "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66", 15, "an instruction" },
		{ "\xf3\xf2\x67\x26\x2e\x36\x3e\x64\x65\x48\x0f\xb8", 12, "popcnt" },
		{ "\x90", 1, "an instruction" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(x86_insn_name((const uint8_t *)cases[i].bytes, cases[i].len, true),
			cases[i].name);
	/* 32-bit code: LDS, and 40-4f are INC and DEC */
	assert_string_equal(x86_insn_name((const uint8_t *)"\xc5\xf8", 2, false), "an instruction");
	assert_string_equal(x86_insn_name((const uint8_t *)"\x48\xcc", 2, false), "an instruction");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_as_kvm_tells_them),
		TEST(bytes_read_from_memory),
		TEST(bytes_up_to_the_end_of_memory),
		TEST(unreadable_bytes),
		TEST(other_vendors_emulate_only_device_memory),
		TEST(other_internal_errors),
		TEST(entry_failures_and_unknown_exits),
		TEST(broken_syscall),
		TEST(plain_triple_faults),
		TEST(registers_may_be_unreadable),
		TEST(instruction_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
